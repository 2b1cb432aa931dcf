"""The command line: `ilp <task> [setting=value ...]`."""

import difflib
import importlib
import inspect
import logging
import os
import shlex
import sys
from collections.abc import Iterator
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
from ilp_models.cli.errors import UsageError, error_message
from ilp_models.cli.help import find_options, find_tasks
from ilp_models.cli.instantiate import build_parts, drop_unused, resolve
from ilp_models.cli.settings import Settings, as_typed, find_keys
from ilp_models.domain.errors import StorageError
from ilp_models.domain.not_run import DEBUG

# Set before any heavy import: nothing phones home, no thread spins while it waits, no figure needs a screen.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "OMP_WAIT_POLICY": "passive",
    "MPLBACKEND": "Agg",
}
_TRACE = logging.getLogger("ilp.trace")
_COMPLETION = ("-sc", "--shell-completion")


def main() -> int:
    """Return the exit code of the command line."""
    return App(find_configs()).open(sys.argv[1:])


def find_configs() -> Path:
    """Return the folder of configuration: beside the package in a checkout, inside it once installed."""
    package = Path(ilp_models.__file__).resolve().parent
    places = (package / "configs", package.parent / "configs")
    return next((place for place in places if place.is_dir()), places[0])


@dataclass(frozen=True)
class App:
    """From words in the terminal to a task.

    Parameters
    ----------
    configs : Path
        Folder of configuration; each ``<task>.yaml`` at its top is a task.
    pipelines : str
        Package with one module for each task, each with a function ``run``.
    """

    configs: Path
    pipelines: str = "ilp_models.pipeline"

    def open(self, words: list[str]) -> int:
        """Return the exit code of a command; what stops it is said in one line on stderr."""
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        debug = "--debug" in words or os.environ.get("HYDRA_FULL_ERROR") == "1"
        os.environ[DEBUG] = "1" if debug else ""
        try:
            return self._answer([word for word in words if word != "--debug"])
        except (Exception, KeyboardInterrupt) as error:
            if debug:
                raise
            line, code = error_message(error, getattr(error, "hint", ""))
            sys.stderr.write(f"ilp: {line}\n")
            return code
        finally:
            del os.environ[DEBUG]

    def _answer(self, words: list[str]) -> int:
        if "--version" in words:
            return _say(f"ilp {ilp_models.__version__}\n")
        if not words or words[0] in ("-h", "--help"):
            return _say(self._overview())
        if words[0] in _COMPLETION:
            return self._complete(words)
        self._check_task(words[0])
        return self._start(words[0], words[1:])

    def _overview(self) -> str:
        tasks = find_tasks(self.configs)
        width = max(map(len, tasks), default=0)
        lines = [f"  {name:<{width}}  {summary}" for name, summary in tasks.items()]
        return "\n".join(
            [
                "Forecast crime by place and type, never by person; compare, explain and audit the forecasts.",
                "",
                "Usage: ilp <task> [setting=value ...]",
                "",
                "Tasks",
                *lines,
                "",
                "`ilp <task> --help` explains a task. `ilp -sc install=bash` prints tab completion: eval its output.",
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
        """Complete the task itself, or hand the rest of the line to Hydra under that task."""
        tasks = list(find_tasks(self.configs))
        if not any(word.startswith("query=") for word in words):
            self._call_hydra(tasks[0], words, lambda _: None)
            return 0
        program, _, rest = os.environ.get("COMP_LINE", "").lstrip().partition(" ")
        task, typed, rest = rest.lstrip().partition(" ")
        if not typed:
            return _say(" ".join(name for name in tasks if name.startswith(task)) + "\n")
        if task in tasks:
            os.environ["COMP_LINE"] = f"{Path(program).name} {rest}"
            self._call_hydra(task, words, lambda _: None)
        return 0

    def _start(self, task: str, words: list[str]) -> int:
        parser = get_args_parser()
        parser.error = _refuse  # type: ignore[method-assign]
        asked = parser.parse_intermixed_args(words)
        flags = [word for word in words if word not in asked.overrides]
        extra = Path(asked.config_dir) if asked.config_dir else None
        overrides = tuple(asked.overrides) if asked.multirun else as_typed(asked.overrides)
        settings = Settings(self.configs, task, overrides, extra).opened()
        failures: list[Exception] = []

        def job(cfg: DictConfig) -> None:
            try:
                self._run(task, cfg, [f"--config-dir={asked.config_dir}"] if asked.config_dir else [])
            except Exception as error:
                # raised again below: Hydra would print it at length
                _TRACE.exception("The run stopped.")
                failures.append(error)
            finally:
                _close_log()

        try:
            settings.check_renamed()
            if asked.help:
                return _say(settings.explain())
            settings.check_kinds()
            # argparse wants the settings in one row, wherever the flags stood among them
            self._call_hydra(task, [*settings.overrides, *flags], job)
        except ValueError as error:
            raise UsageError(str(error)) from error
        except Exception as error:
            error.hint = _suggest(settings)  # type: ignore[attr-defined]
            raise
        if failures:
            raise failures[0]
        return 0

    def _call_hydra(self, task: str, words: list[str], job: Any) -> None:
        with _borrowed(words):
            hydra.main(version_base="1.3", config_path=str(self.configs), config_name=task)(job)()

    def _run(self, task: str, cfg: DictConfig, flags: list[str]) -> None:
        chosen = HydraConfig.get()
        folder = Path(chosen.runtime.output_dir)
        with unfinished(folder), _quiet_warnings():
            pipeline = importlib.import_module(f"{self.pipelines}.{task}")
            accepted = inspect.signature(pipeline.run).parameters
            methods = find_options([self.configs]).get("model", ())
            config = drop_unused(resolve(cfg), accepted, find_keys(self.configs), methods)
            command = shlex.join(["ilp", task, *chosen.overrides.task, *flags])
            parts = {"command": command} if "command" in accepted else {}
            summary = pipeline.run(**build_parts(config), **parts, folder=folder)
        if chosen.mode == RunMode.RUN:
            point_latest(folder, Path(chosen.runtime.cwd, config["output"], task, "latest"))
        _say(f"{summary}\n" if summary else "")


def _close_log() -> None:
    """Close the log file of the run, which Hydra opens for each job and leaves open."""
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, logging.FileHandler)]:
        root.removeHandler(handler)
        handler.close()


@contextmanager
def _quiet_warnings() -> Iterator[None]:
    """Send the warnings of libraries to the log file of the run."""
    logging.captureWarnings(capture=True)
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)


@contextmanager
def _borrowed(words: list[str]) -> Iterator[None]:
    """Let Hydra read its arguments from where it looks for them, and raise its errors instead of printing them."""
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
        return settings.suggest()
    except Exception:
        # a hint must never hide the error it is for
        return ""


def _refuse(message: str) -> NoReturn:
    msg = f"{message[:1].upper()}{message[1:]}; `ilp <task> --help` lists the flags."
    raise UsageError(msg)


def _say(text: str) -> int:
    sys.stdout.write(text)
    return 0


UNFINISHED = "UNFINISHED"


@contextmanager
def unfinished(folder: Path) -> Iterator[None]:
    """Hold a run folder for one run, and mark it as unfinished until that run succeeds."""
    mark = folder / UNFINISHED
    try:
        with mark.open("x", encoding="utf-8") as file:
            file.write("This run has not finished: its files may be missing or cut short.\n")
    except FileExistsError as error:
        msg = f"{folder} belongs to a run that has not finished; choose another folder or delete this one."
        raise StorageError(msg) from error
    yield
    mark.unlink()


def point_latest(folder: Path, latest: Path) -> None:
    """Point the link to the latest finished run at a folder, in one step."""
    aim = os.path.relpath(folder, latest.parent)
    fresh = latest.with_name(f".{latest.name}-{os.getpid()}")
    fresh.unlink(missing_ok=True)
    try:
        fresh.symlink_to(aim, target_is_directory=True)
    except (OSError, NotImplementedError):
        fresh.write_text(f"{aim}\n", encoding="utf-8")
    fresh.replace(latest)
