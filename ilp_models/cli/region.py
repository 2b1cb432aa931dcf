"""Run the jurisdictions of a region: plan their commands, reuse finished runs, and run the others."""

import difflib
import glob
import json
import operator
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final

import pandas as pd
from hydra.errors import HydraException
from omegaconf import OmegaConf

from ilp_models.cli.errors import BROKEN, UsageError, error_message
from ilp_models.cli.help import find_keys, find_options
from ilp_models.cli.instantiate import resolve
from ilp_models.cli.jurisdiction import JURISDICTION
from ilp_models.cli.jurisdiction_run import JurisdictionRun, finished_run, run_jurisdiction
from ilp_models.cli.neighbours import DATA, setting_of, with_neighbours, words_by_name
from ilp_models.cli.settings import ONLY_OF, Settings
from ilp_models.cli.status import require_failure
from ilp_models.compute.reading import read_on_workers
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.compute import Compute
from ilp_models.domain.digest import digest_of, file_digest
from ilp_models.domain.errors import InputError, NotRunError, StorageError
from ilp_models.domain.governance import Governance
from ilp_models.domain.recipe import code_digest, decision_digest
from ilp_models.domain.region import JurisdictionResult, RunState
from ilp_models.domain.region_plan import OWN, RegionPlan, as_setting, key_of
from ilp_models.domain.timing import wall_clock

_COMPUTE: Final = "compute"
_STATED: Final = "exit_code"  # a setting of tasks that write a status
REGISTER_NAME: Final = "register.jsonl"  # by default, in the folder of a jurisdiction
# neither where results go nor what a run itself appends to
_NO_RESULT: Final = ("output", "name", "hydra", "compute", "tracking", "store", "trials", "register", "exit_code")
_FOLDERS: Final = ("path", "pool")  # settings that may name a folder, of which all files count


@dataclass(frozen=True)
class RegionRun:
    """The task of a region: which jurisdictions, with which settings, and where their results go."""

    settings: Settings  # the command for the region
    plan: RegionPlan
    readable: Callable[[JurisdictionResult], bool]  # whether the files of a finished run can be read
    output: Path
    folder: Path  # of the run of the region
    flags: tuple[str, ...] = ()

    def run(self, compute: Compute) -> list[JurisdictionResult]:
        """Return how the run of each jurisdiction ended, in the order of the region's file.

        A failure does not stop the others. If a worker was lost, what is missing is run again, once.
        """
        results: dict[str, JurisdictionResult] = {}
        jobs: list[JurisdictionRun] = []
        owners = {str((self.output / name / REGISTER_NAME).resolve()): name for name in self.plan.jurisdictions}
        for name in self.plan.jurisdictions:
            try:
                job = self._job(name)
                _check_register(job, owners)
            except BROKEN as error:
                results[name] = JurisdictionResult(name, RunState.FAILED, "", error_message(error)[0])
                continue
            jobs.append(job)
        reused = [run for run in (finished_run(job, RunState.REUSED) for job in jobs) if run is not None]
        readable = read_on_workers(compute, self.readable, reused, operator.not_)
        results |= {run.name: run for run, usable in zip(reused, readable, strict=True) if usable}
        jobs = [job for job in jobs if job.name not in results]
        self.output.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(prefix=".client-", dir=self.output) as mark:
            marked = [replace(job, mark=mark.name, home=str(Path.cwd())) for job in jobs]
            results |= {one.name: one for one in run_all(marked, compute)}
        self.state_failures(results.values())
        return [results[name] for name in self.plan.jurisdictions]

    def state_failures(self, results: Iterable[JurisdictionResult]) -> None:
        """Write the status of runs that failed where the task has one: a run may have been stopped, or not begun."""
        for one in results:
            if one.state is RunState.FAILED and _STATED in self.settings.compose(()):
                require_failure(self.output / one.name / str(self.settings.task), one.folder, one.error)

    def _words(self, name: str) -> tuple[str, ...]:
        """Return the settings of one jurisdiction: shared ones, its exceptions, then those of the command."""
        shared, own = self.plan.settings, self.plan.exceptions.get(name, ())
        typed = [word for word in self.settings.overrides if key_of(word) not in OWN]
        given = [word for word in (*shared, *own) if not {_group(word), key_of(word)} & self._others]
        one_process = ("compute=local", "compute.jobs=1") if _COMPUTE in self.settings.groups else ()
        return (f"{JURISDICTION}={name}", *given, *typed, *one_process)

    @cached_property
    def _others(self) -> set[str]:
        """The groups and settings that only other tasks have; they are not passed on. Unknown ones are, and fail."""
        own = {*self.settings.groups, *(str(key) for key in self.settings.compose(()))}
        return {*find_keys(self.settings.configs), *self.settings.known_groups} - own

    def _job(self, name: str) -> JurisdictionRun:
        _check_file(name, self.settings)
        words, task, output = self._words(name), self.settings.task, as_setting("output", str(self.output / name))
        one = replace(self.settings, overrides=words).with_additions()
        try:
            with one.fitted_to(name) as fitted:
                config = _resolved(fitted, (*one.overrides, output))
                beyond = self._neighbours(config)
                if beyond:
                    one = replace(one, overrides=(*one.overrides, beyond))
                    config = _resolved(replace(fitted, overrides=one.overrides), (*one.overrides, output))
                config = with_neighbours(config, one)
        except HydraException as error:
            with suppress(Exception):  # a failing hint must not hide the error
                error.add_note(self._moved(error, one.suggest()))
            raise
        folder = self.output / name / task / self.folder.name
        register = str(Path(config["register"]).resolve()) if config.get("register") else ""
        words = (task, *one.overrides, output, *self.flags)
        return JurisdictionRun(name, words, str(folder), fingerprint(config), register, self.plan.memory_mb)

    def _neighbours(self, config: Mapping[str, Any]) -> str:
        """Return a setting by which the run reads the records of neighbours as the region reads them; empty if none."""
        node = config.get("neighbours")
        words = words_by_name(node.get("jurisdictions") if isinstance(node, Mapping) else None)
        for name in set(words) & set(self.plan.jurisdictions):
            words[name] += tuple(word for word in self._words(name) if key_of(word) == DATA)
        return setting_of(words) if any(words.values()) else ""

    def _moved(self, error: Exception, hint: str) -> str:
        """Return a hint, with where a shared setting belongs that only the options of some jurisdictions have."""
        words = [word for word in self.plan.settings if _group(word) in str(error)]
        if not words or not hint.startswith(ONLY_OF):
            return hint
        return f"{hint} Or move {words[0]} from settings of the region to exceptions of jurisdictions that have it."


def _resolved(settings: Settings, words: Sequence[str]) -> dict[str, Any]:
    """Return the settings that some words compose, without those of Hydra."""
    composed = settings.compose(tuple(words))
    return resolve(OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"]))


def run_all(jobs: Sequence[JurisdictionRun], compute: Compute) -> list[JurisdictionResult]:
    """Return the results of all jobs; those that a lost worker left out are run again, once."""
    try:
        return compute.map(run_jurisdiction, jobs, "jurisdictions") if jobs else []
    except NotRunError as error:
        found, missing = _finished(jobs)
        try:
            return [*found, *compute.map(run_jurisdiction, missing, "jurisdictions, again")]
        except (NotRunError, StorageError):
            found, missing = _finished(jobs)
            return [*found, *(JurisdictionResult(job.name, RunState.FAILED, "", str(error)) for job in missing)]


def _finished(jobs: Sequence[JurisdictionRun]) -> tuple[list[JurisdictionResult], list[JurisdictionRun]]:
    """Return the results of the jobs that finished, and the other jobs."""
    runs = [(job, finished_run(job, RunState.DONE)) for job in jobs]
    return [run for _, run in runs if run is not None], [job for job, run in runs if run is None]


def fingerprint(config: Mapping[str, Any]) -> str:
    """Return the digest of everything that a run depends on: settings, files that they name, code and period."""
    plain = {key: value for key, value in config.items() if key not in _NO_RESULT}
    text, moment = json.dumps(plain, sort_keys=True, default=str), datetime.now(UTC)
    now = [_period_of(config, moment), *_open_questions(config, moment)]
    return digest_of(text, list(_inputs(plain)), code_digest(), decision_digest(), now)


def _period_of(config: Mapping[str, Any], moment: datetime) -> str:
    """Return the period of a moment where the records are from, after which the next forecast is another one.

    A task without periods has days.
    """
    known, data = _node(config, "calendar") or {"period_unit": "day"}, _node(config, "data")
    calendar = Calendar(**{name: known[name] for name in ("period_unit", "week_start") if name in known})
    try:
        local = wall_clock(moment, str(data.get("time_zone", "UTC")))
    except (LookupError, OSError, ValueError):  # no such zone: the run will say so
        local = wall_clock(moment, "UTC")
    return str(pd.Period(local, freq=calendar.freq))


def _open_questions(config: Mapping[str, Any], moment: datetime) -> Sequence[str]:
    """Return the open questions of governance, to which days that have passed are added."""
    fields = {name: value for name, value in _node(_node(config, "audit"), "governance").items() if name != "_target_"}
    try:
        return Governance.from_dict(fields).faults(moment)
    except InputError:  # the run will say so
        return ()


def _node(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a part of the settings, empty without one."""
    node = config.get(name)
    return node if isinstance(node, Mapping) else {}


def _inputs(node: Any, key: str = "") -> Iterator[list[str]]:
    """Yield each file that settings name, with the digest of its content; of a folder with records all files."""
    if isinstance(node, Mapping):
        for name, one in node.items():
            yield from _inputs(one, str(name))
    elif isinstance(node, list | tuple):
        for one in node:
            yield from _inputs(one, key)
    elif isinstance(node, str) and node and "\0" not in node:
        yield from ([str(path), file_digest(path)] for path in _files(node, key))


def _files(text: str, key: str) -> Iterator[Path]:
    """Yield the files that a setting names; of a folder with records or pooled models all files."""
    for path in sorted(glob.glob(text)) if glob.has_magic(text) else [text]:  # noqa: PTH207 - absolute ones as well
        if os.path.isfile(path):  # noqa: PTH113 - no error for a text that is no path
            yield Path(path)
        elif key in _FOLDERS and os.path.isdir(path):  # noqa: PTH112 - as above
            yield from (one for one in sorted(Path(path).rglob("*")) if one.is_file())


def _group(word: str) -> str:
    return word.partition("=")[0].lstrip("+~")


def _check_file(name: str, settings: Settings) -> None:
    """Raise UsageError unless a jurisdiction has a file."""
    folders = [settings.configs, *([settings.extra] if settings.extra else [])]
    known = find_options(folders).get(JURISDICTION, {})
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else "Write it in the folder of --config-dir."
        msg = f"region.jurisdictions names {name}, and there is no {JURISDICTION}/{name}.yaml. {hint}"
        raise UsageError(msg)


def _check_register(job: JurisdictionRun, owners: dict[str, str]) -> None:
    """Raise UsageError if the register of a run is that of another jurisdiction, which ``owners`` names."""
    other = owners.setdefault(job.register, job.name) if job.register else job.name
    if other != job.name:
        msg = (
            f"register={job.register} is the register of {other}. Each jurisdiction needs its own: remove register "
            f"from {JURISDICTION}/{job.name}.yaml, or name another file."
        )
        raise UsageError(msg)
