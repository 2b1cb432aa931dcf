"""Run a task for a region, from Python or from the command line, and write the files of the region."""

import difflib
import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ilp_models.cli.app import find_configs, point_latest, unfinished
from ilp_models.cli.environment import CONFIG_DIR
from ilp_models.cli.errors import UsageError, error_message
from ilp_models.cli.help import find_options, find_tasks
from ilp_models.cli.hydra_settings import restored_hydra
from ilp_models.cli.instantiate import build_parts, resolve
from ilp_models.cli.jurisdiction import JURISDICTION
from ilp_models.cli.region import RegionRun
from ilp_models.cli.region_hint import region_hint
from ilp_models.cli.settings import Settings, quote_sentences
from ilp_models.cli.status import finished, record_failure, running
from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.compute import Compute
from ilp_models.domain.errors import InputError
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.region import REGION, Region
from ilp_models.domain.region_plan import RegionPlan, key_of

_POOL: Final = "pool"  # the task whose result is trained on all jurisdictions together
_COMPUTE: Final = "compute"
_READER: Final = "ilp_models.pipeline.region"  # loaded by its name, as all of the pipeline
_PLAN: Final = f"{RegionPlan.__module__}.{RegionPlan.__name__}"
# settings of a command that a region cannot have, and what to do
_REFUSED: Final = {
    JURISDICTION: "The file of the region names the jurisdictions",
    "register": "Each jurisdiction has its own register in its folder below output",
    "last": "Each jurisdiction has its own register in its folder below output",
    "kit": "Each jurisdiction needs a kit of its own: run the command with jurisdiction=NAME instead of region",
    "exit_code": "Each jurisdiction has its own decision; its status.json in OUTPUT/JURISDICTION/TASK says which",
}
_ARGUMENTS: Final = {REGION: "plan", "output": "output", _COMPUTE: _COMPUTE}  # of run_region, by setting


@dataclass(frozen=True)
class _RegionTask:
    """A task of a region that is ready to run."""

    run: RegionRun
    name: str  # of the region
    compute: Compute
    model: Mapping[str, Forecaster] | None  # of a pooled model
    reader: str = _READER

    def results(self) -> tuple[Region, str]:
        """Run the jurisdictions, write the files of the region, and return it with the text for the terminal."""
        results = self.run.run(self.compute)
        pipeline, run = importlib.import_module(self.reader), self.run
        found: tuple[Region, str] = pipeline.finish_region(
            self.name, run.settings.task, run.plan, results, run.folder, self.compute, self.model
        )
        run.state_failures(one.result for one in found[0].jurisdictions)  # also of one that cannot be read
        return found

    def results_in_new_folder(self, *, stated: bool) -> Region:
        """Do so in a new folder, as the command does: with its mark, the link `latest`, and the status if stated."""
        folder, home = self.run.folder, self.run.output / self.run.settings.task
        folder.mkdir(parents=True)
        try:
            if stated:
                running(folder).write(home)
            with unfinished(folder):
                region, _ = self.results()
            point_latest(folder, home / "latest")
            if stated:
                finished(folder, "run", 1 if region.missing else 0).write(home)
        except BaseException as error:
            if stated:
                record_failure(home, folder, *error_message(error))
            raise
        return region


def run_region(  # noqa: PLR0913 - what runs, with which settings, and where
    plan: RegionPlan | str,
    task: str = "weekly",
    *,
    settings: Sequence[str] = (),
    output: str | Path = "outputs",
    config_dir: str | Path | None = None,
    compute: Compute | None = None,
    name: str | None = None,
) -> Region:
    """Run a task for each jurisdiction of a region, and read the results together, as ``ilp weekly region=NAME`` does.

    Each jurisdiction runs in a process of its own and has its own register and decision. One that fails does not stop
    the others. Runs of the last 24 hours in the same period, also those of a command, are reused if settings, records
    and code are the same.

    Parameters
    ----------
    plan : RegionPlan or str
        The jurisdictions, or the name of the file of a region, such as ``demo``.
    task : str, default "weekly"
        A task that takes a region: ``weekly``, ``backtest``, ``compare``, ``audit``, ``forecast``, ``assess``,
        ``describe`` or ``pool``.
    settings : sequence of str, optional
        Settings of all jurisdictions, as typed in a command: ``["grid.size=500"]``. They win over those of the plan.
    output : str or Path, default "outputs"
        Folder of all results. The files of the region are in ``TASK/latest``, those of a jurisdiction in
        ``JURISDICTION/TASK/latest``.
    config_dir : str or Path, optional
        Folder with your files, such as ``jurisdiction/leeds.yaml``. By default the one that ``ILP_CONFIG_DIR`` names.
    compute : LocalProcesses or DaskCluster, optional
        Where the jurisdictions run. By default one process on each core of this machine.
    name : str, optional
        Name of the region. By default that of its file, or ``region``.

    Returns
    -------
    Region
        Totals, rates, and how each run ended. ``Region.missing`` names the jurisdictions that failed.

    Raises
    ------
    InputError
        If the task takes no region, if there is no such file, or if a setting is unknown or cannot be set for a region.
    StorageError
        If the scheduler of a cluster does not answer or has no worker, or if a worker has another version.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> plan = ilp.RegionPlan(["leeds", "york"], settings=["grid.size=500"])
    >>> region = ilp.run_region(plan, "describe", output=folder, name="north")
    >>> region, region.missing
    (<Region north: describe of 0 of 2 jurisdictions>, ('leeds', 'york'))
    >>> region.jurisdictions[0].result.error  # doctest: +ELLIPSIS
    'region.jurisdictions names leeds, and there is no jurisdiction/leeds.yaml. Write it in ...'
    """
    words = (settings,) if isinstance(settings, str) else tuple(settings)
    with restored_hydra():
        ready, decides = _prepared(plan, task, words, Path.cwd() / output, _options_folder(config_dir))
        ready = replace(ready, compute=compute or ready.compute, name=name or ready.name)
        return ready.results_in_new_folder(stated=decides)


def run_command(
    settings: Settings, config: Mapping[str, Any], flags: Sequence[str], folder: Path, reader: str
) -> tuple[str, int]:
    """Run the command of a region in the folder that Hydra made; return the summary, and 1 if a jurisdiction failed.

    ``reader`` is the module of the pipeline that reads the results.
    """
    chosen = HydraConfig.get()
    if chosen.mode != RunMode.RUN:
        msg = "A region cannot be run with -m. Run it once for each setting."
        raise UsageError(msg)
    _check_refused(settings.overrides)
    name = chosen.runtime.choices.get(REGION)
    if not isinstance(name, str):
        msg = "region takes the name of one file, such as region=demo. Run the command once for each region."
        raise UsageError(msg)
    _check_plan(config.get(REGION))
    parts = _build(config, settings.task, REGION, *([_COMPUTE] if _COMPUTE in config else []))
    readable = importlib.import_module(reader).is_readable
    output = Path(chosen.runtime.cwd, config["output"])
    run = RegionRun(settings, parts[REGION], readable, output, folder, tuple(flags))
    # a task without the setting compute needs one for its jurisdictions
    ready = _RegionTask(run, name, parts.get(_COMPUTE) or LocalProcesses(), parts.get("model"), reader)
    region, text = ready.results()
    return text, 1 if region.missing else 0


def _prepared(
    plan: RegionPlan | str, task: str, words: tuple[str, ...], output: Path, options: Path | None
) -> tuple[_RegionTask, bool]:
    """Return the task of a region with a new folder, and whether it makes decisions."""
    named = isinstance(plan, str)
    command = Settings(find_configs(), task, quote_sentences(((f"{REGION}={plan}",) if named else ()) + words), options)
    with _input_errors(command):
        _check_words(words)
        _check_task(command)
        if isinstance(plan, str):
            _check_option(plan, command)
        command = command.with_additions()
        command.check_command(multirun=False)
        command.check_kinds()
        composed = command.compose(command.overrides)
        config = resolve(OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"]))
        if named:
            _check_plan(config.get(REGION))
        parts = _build(config, task, *([REGION] if named else []))
    found = parts.get(REGION, plan)
    if not isinstance(found, RegionPlan):
        msg = f"plan={plan!r} must be an ilp.RegionPlan, or the name of the file of a region, such as 'demo'."
        raise InputError(msg)
    folder = output / task / f"{datetime.now().astimezone():%Y-%m-%dT%H-%M-%S.%f}-{config['name']}"
    flags = (f"--config-dir={options}",) if options else ()
    run = RegionRun(command, found, importlib.import_module(_READER).is_readable, output, folder, flags)
    name = plan if isinstance(plan, str) else REGION
    return _RegionTask(run, name, LocalProcesses(), parts.get("model")), "exit_code" in config


def _build(config: Mapping[str, Any], task: str, *keys: str) -> dict[str, Any]:
    """Return the objects of some settings; for a pooled model also its forecasters."""
    return build_parts({key: config[key] for key in (*keys, *(["model"] if task == _POOL else []))})


def _options_folder(given: str | Path | None) -> Path | None:
    """Return the folder of the user's options: the one that is given, else that of the environment."""
    named = given or os.environ.get(CONFIG_DIR)
    if named and not Path(named).is_dir():
        msg = f"config_dir={named} is not a folder. Name the folder that contains your jurisdiction/NAME.yaml."
        raise InputError(msg)
    return Path(named) if named else None


@contextmanager
def _input_errors(settings: Settings) -> Iterator[None]:
    """Raise InputError, with the message of the command line, for all that is wrong with settings."""
    try:
        yield
    except (UsageError, HydraException, OmegaConfBaseException) as error:
        with suppress(Exception):  # a failing hint must not hide the error
            error.add_note(region_hint(settings) or settings.suggest())
        raise InputError(error_message(error)[0]) from error


def _check_task(settings: Settings) -> None:
    """Raise UsageError for an unknown task, and for one that takes no region."""
    tasks = find_tasks(settings.configs)
    if settings.task not in tasks:
        near = difflib.get_close_matches(str(settings.task), tasks, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Tasks: {', '.join(tasks)}."
        msg = f"There is no task {settings.task}. {hint}"
        raise UsageError(msg)
    if REGION not in settings.groups:
        msg = f"The task {settings.task} takes no region. docs/regions.md lists the tasks that do."
        raise UsageError(msg)


def _check_option(name: str, settings: Settings) -> None:
    """Raise UsageError unless there is a file of the region."""
    known = find_options([settings.configs, *([settings.extra] if settings.extra else [])]).get(REGION, {})
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else "Write it in config_dir, or give an ilp.RegionPlan."
        msg = f"There is no file {REGION}/{name}.yaml. {hint}"
        raise UsageError(msg)


def _check_words(words: Sequence[str]) -> None:
    """Raise UsageError for a setting that is an argument of `run_region`, or that a region cannot have."""
    for word in words:
        argument = _ARGUMENTS.get(key_of(word))
        if argument or key_of(word) == "hydra":
            what = f"Give the argument {argument} of run_region" if argument else "It concerns the terminal"
            msg = f"{word} cannot be among the settings. {what}. Leave the setting out."
            raise UsageError(msg)
    _check_refused(words)


def _check_refused(words: Sequence[str]) -> None:
    """Raise UsageError for a setting that a region cannot have."""
    for word in words:
        why = _REFUSED.get(key_of(word))
        if why and word != "exit_code=run":
            msg = f"{word} cannot be set together with a region. {why}. Leave the setting out."
            raise UsageError(msg)


def _check_plan(region: Any) -> None:
    """Raise UsageError for a file that is no region."""
    if not isinstance(region, Mapping) or region.get("_target_") != _PLAN:
        msg = f"The file of the region has no line `_target_: {_PLAN}`. Add it; docs/regions.md shows a file."
        raise UsageError(msg)
    known = [one.name for one in fields(RegionPlan)]
    for key in region:
        if key not in ("_target_", *known):
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"It has {', '.join(known)}."
            msg = f"There is no setting {key} in the file of a region. {hint}"
            raise UsageError(msg)
