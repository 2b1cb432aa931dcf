"""The command line: `ilp <task> [setting=value ...]`."""

import argparse
import difflib
import hashlib
import importlib
import inspect
import logging
import os
import shlex
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

import ilp_models
from ilp_models.cli.environment import CONFIG_DIR, DEFAULTS
from ilp_models.cli.errors import UsageError, error_message
from ilp_models.cli.figures import more_figure_formats
from ilp_models.cli.help import find_keys, find_options, find_tasks, module_name
from ilp_models.cli.hydra_settings import check_flags
from ilp_models.cli.instantiate import build_parts, drop_unused, resolve
from ilp_models.cli.neighbours import with_neighbours
from ilp_models.cli.region_hint import region_hint
from ilp_models.cli.run_settings import FROM_RUN, with_run_settings
from ilp_models.cli.settings import Settings, quote_sentences
from ilp_models.cli.status import check_exit_code, finished, record_failure, running
from ilp_models.cli.sweep import Sweep
from ilp_models.domain.errors import DEBUG, UNFINISHED, StorageError
from ilp_models.domain.printable import printable
from ilp_models.domain.region_plan import key_of

_TRACE = logging.getLogger("ilp.trace")
_FILE_ONLY = (_TRACE, logging.getLogger("py.warnings"))  # see hydra.job_logging.loggers of configs/_terminal.yaml
_COMPLETION = ("-sc", "--shell-completion")


def main() -> int:
    """Run the command line and return its exit code."""
    return App(find_configs()).run(sys.argv[1:])


def find_configs() -> Path:
    """Return the configuration folder: next to the package in a checkout, inside the installed package."""
    package = Path(ilp_models.__file__).resolve().parent
    places = (package / "configs", package.parent / "configs")
    return next((place for place in places if place.is_dir()), places[0])


@dataclass(frozen=True)
class App:
    """The command line: parse the arguments, compose the settings with Hydra and run the task."""

    configs: Path  # configuration folder; each <task>.yaml at its top is a task
    pipelines: str = "ilp_models.pipeline"  # package with one module for each task; each has a function `run`

    def run(self, words: list[str]) -> int:
        """Run a command and return its exit code; an error is one line on stderr."""
        for name, value in DEFAULTS.items():
            os.environ.setdefault(name, value)
        debug = "--debug" in words or os.environ.get("HYDRA_FULL_ERROR") == "1"
        os.environ[DEBUG] = "1" if debug else ""
        try:
            return self._dispatch([word for word in words if word != "--debug"])
        except (Exception, KeyboardInterrupt) as error:
            if debug:
                raise
            line, code = error_message(error)
            sys.stderr.write(printable(f"ilp: {line}\n"))
            return code
        finally:
            del os.environ[DEBUG]

    def _dispatch(self, words: list[str]) -> int:
        if "--version" in words:
            return _print(f"ilp {ilp_models.__version__}\n")
        if not words or words[0] in ("-h", "--help"):
            return _print(self._overview())
        if words[0] in _COMPLETION:
            return self._complete(words)
        self._check_task(words[0])
        return self._run_hydra(words[0], words[1:])

    def _overview(self) -> str:
        tasks = find_tasks(self.configs)
        width = max(map(len, tasks), default=0)
        lines = [f"  {name:<{width}}  {summary}" for name, summary in tasks.items()]
        return "\n".join(
            [
                "Forecast how many crimes will be recorded in each area. Backtest, explain and audit the forecasts.",
                "The models use places, times and crime types, and no personal data.",
                "",
                "Usage: ilp <task> [setting=value ...]",
                "",
                "Tasks",
                *lines,
                "",
                "First run:          ilp weekly experiment=simulated-city",
                "Help on a task:     ilp <task> --help",
                'Tab completion:     eval "$(ilp -sc install=bash)"',
                "",
                "Exit codes: 0 done, 1 failed, 2 wrong command or setting, 130 after Ctrl-C; with exit_code=decision",
                "(weekly, audit) 3 if the forecast is withheld.",
                "",
            ]
        )

    def _check_task(self, word: str) -> None:
        tasks = find_tasks(self.configs)
        if word.startswith("-") or "=" in word:
            msg = f"Name the task before {word}: ilp <task> [setting=value ...]."
            raise UsageError(msg)
        if word not in tasks:
            near = difflib.get_close_matches(word, tasks, n=1)
            hint = f"Did you mean {near[0]}?" if near else "`ilp --help` lists the tasks."
            msg = f"There is no task {word}. {hint}"
            raise UsageError(msg)

    def _complete(self, words: list[str]) -> int:
        """Complete the name of the task, or let Hydra complete the settings of the task."""
        tasks = list(find_tasks(self.configs))
        if not any(word.startswith("query=") for word in words):
            self._call_hydra(tasks[0], words, lambda _: None)
            return 0
        program, _, rest = os.environ.get("COMP_LINE", "").lstrip().partition(" ")
        task, typed, rest = rest.lstrip().partition(" ")
        if not typed:
            return _print(" ".join(name for name in tasks if name.startswith(task)) + "\n")
        if task in tasks:
            os.environ["COMP_LINE"] = f"{Path(program).name} {rest}"
            self._call_hydra(task, words, lambda _: None)
        return 0

    def _run_hydra(self, task: str, words: list[str]) -> int:
        parser = get_args_parser()
        parser.error = _usage_error  # type: ignore[method-assign]
        arguments = parser.parse_intermixed_args(words)
        check_flags(arguments)
        flags = [word for word in words if word not in arguments.overrides]
        extra = _own_options(arguments, flags)
        overrides = tuple(arguments.overrides) if arguments.multirun else quote_sentences(arguments.overrides)
        settings = Settings(self.configs, task, overrides, extra).with_additions()
        failures: list[Exception] = []
        codes, sweep = [0], Sweep()

        def job(cfg: DictConfig) -> None:
            flags = [f"--config-dir={arguments.config_dir}"] if arguments.config_dir else []
            try:
                codes.append(self._run_task(settings, cfg, flags))
                sweep.add(cfg)
            except Exception as error:
                # raised again below, because Hydra would print the whole trace
                _TRACE.exception("The run stopped.")
                failures.append(error)
                sweep.add(cfg, error_message(error)[0])
            finally:
                _close_log()

        try:
            settings.check_command(multirun=arguments.multirun)
            with settings.fitted_to(settings.jurisdiction) as settings:
                if arguments.help:
                    return _print(settings.explain())
                settings.check_kinds()
                fitted = [f"--config-dir={settings.extra}"] if settings.extra != extra else []
                words = [*flags, *fitted]  # the last --config-dir counts
                # argparse requires the settings in one sequence, without flags between them
                self._call_hydra(task, [*settings.overrides, *words], job)
        except ValueError as error:
            raise UsageError(str(error)) from error
        except Exception as error:
            error.add_note(_suggest(settings))
            raise
        _print(sweep.report())
        if failures:
            raise failures[0]
        return max(codes)

    def _call_hydra(self, task: str, words: list[str], job: Any) -> None:
        with _hydra_arguments(words):
            hydra.main(version_base="1.3", config_path=str(self.configs), config_name=task)(job)()

    def _run_task(self, settings: Settings, cfg: DictConfig, flags: list[str]) -> int:
        """Run a task and return its exit code; tasks that decide leave a status next to `latest`."""
        task, chosen, choice = settings.task, HydraConfig.get(), cfg.get("exit_code")
        folder, home = Path(chosen.runtime.output_dir), Path(chosen.runtime.cwd, str(cfg.output), task)
        if "exit_code" not in cfg:
            return self._do_task(settings, cfg, flags)
        check_exit_code(choice)
        single = chosen.mode == RunMode.RUN
        try:
            if single:
                home.mkdir(parents=True, exist_ok=True)
                running(folder).write(home)
            code = self._do_task(settings, cfg, flags)
            status = finished(folder, choice, code)
            if single:
                status.write(home)
        except BaseException as error:
            if single:
                record_failure(home, folder, *error_message(error))
            raise
        return max(status.exit_code or 0, code)

    def _do_task(self, settings: Settings, cfg: DictConfig, flags: list[str]) -> int:
        """Run a task and return 0, or 1 if the task of a region failed for a jurisdiction."""
        task, chosen, code = settings.task, HydraConfig.get(), 0
        folder = Path(chosen.runtime.output_dir)
        with unfinished(folder), _quiet_warnings(), more_figure_formats(cfg.get("figure_formats", "png")):
            pipeline = importlib.import_module(f"{self.pipelines}.{module_name(task)}")
            accepted = inspect.signature(pipeline.run).parameters
            options = find_options([self.configs])
            if FROM_RUN in cfg:
                files = (self._option_file(group, flags) for group in ("jurisdiction", "experiment"))
                cfg = with_run_settings(cfg, chosen.overrides.task, tuple(options), *files)
            plain = resolve(cfg)
            config = drop_unused(plain, accepted, find_keys(self.configs), options.get("model", ()))
            command = shlex.join(["ilp", task, *chosen.overrides.task, *flags])
            _check_required(config, accepted, task)
            # an empty file, or a list of regions, must not run the task without a region
            if chosen.runtime.choices.get("region") is not None or "region" in map(key_of, settings.overrides):
                region = importlib.import_module("ilp_models.cli.region_task")  # it loads pandas
                summary, code = region.run_command(settings, plain, flags, folder, f"{self.pipelines}.region")
            else:
                parts = {"command": command} if "command" in accepted else {}
                if "jurisdiction" in accepted:
                    parts["jurisdiction"] = self._jurisdiction(flags)
                if "jurisdiction_name" in accepted:
                    path = self._option_file("jurisdiction", flags)
                    parts["jurisdiction_name"] = "" if path is None else path.stem
                config = with_neighbours(config, settings)
                summary = pipeline.run(**build_parts(config, pipeline.run), **parts, folder=folder)
        if chosen.mode == RunMode.RUN and has_results(folder, task):
            point_latest(folder, Path(chosen.runtime.cwd, config["output"], task, "latest"))
        _print(f"{summary}\n" if summary else "")
        return code

    def _option_file(self, group: str, flags: list[str]) -> Path | None:
        """Return the file of the chosen option, None if none is chosen."""
        own = [Path(flag.partition("=")[2]) for flag in flags]
        name = str(HydraConfig.get().runtime.choices.get(group))
        return find_options([self.configs, *own]).get(group, {}).get(name)

    def _jurisdiction(self, flags: list[str]) -> str:
        """Return the name of the chosen jurisdiction and the digest of its file; empty if none is chosen."""
        path = self._option_file("jurisdiction", flags)
        return "" if path is None else f"{path.stem}, SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}"


def _own_options(arguments: argparse.Namespace, flags: list[str]) -> Path | None:
    """Return the folder of the user's options: of --config-dir, else of the environment, which becomes the flag."""
    if not arguments.config_dir and os.environ.get(CONFIG_DIR):
        arguments.config_dir = os.environ[CONFIG_DIR]
        flags.append(f"--config-dir={arguments.config_dir}")
    extra = Path(arguments.config_dir) if arguments.config_dir else None
    if extra is not None and not extra.is_dir():
        msg = f"--config-dir={extra} is not a folder. Name the folder that contains your <group>/<option>.yaml."
        raise UsageError(msg)
    return extra


def _check_required(config: Collection[str], accepted: Mapping[str, inspect.Parameter], task: str) -> None:
    """Raise UsageError for a group of options from which none was chosen, such as ``model=[]``."""
    for name, parameter in accepted.items():
        given = name in (*config, "command", "folder") or parameter.kind is parameter.VAR_KEYWORD
        if parameter.default is parameter.empty and not given:
            msg = f"The task {task} needs {name}. Choose an option with {name}=NAME; `ilp {task} --help` lists them."
            raise UsageError(msg)


def _close_log() -> None:
    """Close the log file of the run, and undo that traces and warnings go to it only; Hydra does neither."""
    for logger in (logging.getLogger(), *_FILE_ONLY):
        for handler in [one for one in logger.handlers if isinstance(one, logging.FileHandler)]:
            logger.removeHandler(handler)
            handler.close()
    for logger in _FILE_ONLY:
        logger.propagate = True


@contextmanager
def _quiet_warnings() -> Iterator[None]:
    """Write warnings of libraries to the log file of the run."""
    logging.captureWarnings(capture=True)
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)


@contextmanager
def _hydra_arguments(words: list[str]) -> Iterator[None]:
    """Give Hydra its arguments in sys.argv, and let it raise its errors instead of printing them."""
    argv, full = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv = [argv[0], *words]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        sys.argv = argv
        if full is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = full


def _suggest(settings: Settings) -> str:
    try:
        return region_hint(settings) or settings.suggest()
    except Exception:
        # a failing hint must not hide the error
        return ""


def _usage_error(message: str) -> NoReturn:
    msg = f"{message[:1].upper()}{message[1:]}; `ilp <task> --help` lists the flags."
    raise UsageError(msg)


def _print(text: str) -> int:
    sys.stdout.write(printable(text))
    return 0


@contextmanager
def unfinished(folder: Path) -> Iterator[None]:
    """Reserve a run folder, and mark it as unfinished until the run succeeds."""
    mark = folder / UNFINISHED
    try:
        with mark.open("x", encoding="utf-8") as file:
            file.write("This run has not finished. Files may be missing or incomplete.\n")
    except FileExistsError as error:
        msg = f"{folder} belongs to a run that has not finished. Choose another folder or delete this one."
        raise StorageError(msg) from error
    yield
    mark.unlink()


def has_results(folder: Path, task: str) -> bool:
    """Return whether a run wrote a file into its folder; some write elsewhere, such as an empty file to fill in."""
    return any(one.name not in (".hydra", f"{task}.log") for one in folder.iterdir())


def point_latest(folder: Path, latest: Path) -> None:
    """Replace the link to the latest run with results, in one atomic step."""
    latest.parent.mkdir(parents=True, exist_ok=True)  # absent where hydra.run.dir put the first run elsewhere
    target = os.path.relpath(folder, latest.parent)
    temporary = latest.with_name(f".{latest.name}-{os.getpid()}")
    temporary.unlink(missing_ok=True)
    try:
        temporary.symlink_to(target, target_is_directory=True)
    except (OSError, NotImplementedError):
        temporary.write_text(f"{target}\n", encoding="utf-8")
    temporary.replace(latest)
