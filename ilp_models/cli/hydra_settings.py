"""Compose settings, and refuse those of Hydra itself that build objects or call functions before a task begins."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override, ValueType
from hydra.core.utils import JobRuntime
from hydra.version import VersionBase
from omegaconf import DictConfig, OmegaConf

from ilp_models.cli.errors import NO_YAML, UsageError
from ilp_models.cli.help import find_options
from ilp_models.domain.region_plan import key_of

ALLOWED: Final = (
    "hydra.mode",
    "hydra.output_subdir",
    "hydra.run.dir",
    "hydra.sweep.dir",
    "hydra.sweep.subdir",
    "hydra.verbose",
)
_FLAGS: Final = {
    "config_path": "--config-path",
    "config_name": "--config-name",
    "experimental_rerun": "--experimental-rerun",
}
_HYDRA: Final = "hydra"


def compose_settings(configs: Path, task: str, overrides: list[str]) -> DictConfig:
    """Return the composed settings of a task, those of Hydra included; also while Hydra runs a task."""
    running = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(config_dir=str(configs), version_base="1.3"):
            return compose(config_name=task, overrides=overrides, return_hydra_config=True)
    finally:
        GlobalHydra.instance().hydra = running


@contextmanager
def restored_hydra() -> Iterator[None]:
    """Leave what Hydra holds for the whole process as it was: a notebook may use Hydra for its own settings."""
    job, version = JobRuntime.instance(), VersionBase.instance()
    running, name, base = GlobalHydra.instance().hydra, job.get("name"), version.version_base
    try:
        yield
    finally:
        GlobalHydra.instance().hydra = running
        job.set("name", name)
        version.version_base = base


def check_flags(arguments: argparse.Namespace) -> None:
    """Raise UsageError for flags that read settings from elsewhere, and for a setting that a sweep cannot have."""
    for name, flag in _FLAGS.items():
        if getattr(arguments, name, None) is not None:
            msg = f"{flag} is not available. Put your own options into a folder and name it with --config-dir."
            raise UsageError(msg)
    for word in arguments.overrides if arguments.multirun else ():
        if key_of(word) == "kit" and word != "kit=null":
            msg = f"{word} cannot be set together with -m: a kit needs a folder of its own. Write it with one run."
            raise UsageError(msg)


def check_single(word: Override, cfg: DictConfig) -> None:
    """Raise UsageError for several values in a command that runs once; the default tells how to write them."""
    name, _, values = str(word.input_line).partition("=")
    default = 1 if word.key_or_group in cfg.hydra.runtime.choices else OmegaConf.select(cfg, word.key_or_group)
    again = "add -m to run the task once for each value."
    if word.value_type != ValueType.SIMPLE_CHOICE_SWEEP or isinstance(default, int | float):
        advice = f"Choose one, or {again}"
    elif isinstance(default, str):
        advice = f"For a text, put quotes around it: \"{name}='{values}'\". Or choose one, or {again}"
    else:
        advice = f"Write a list in brackets and quotes: '{name}=[{values}]'. Or {again}"
    msg = f"{word.input_line} names several values. {advice}"
    raise UsageError(msg)


def check_words(words: Iterator[Override]) -> None:
    """Raise UsageError for an override below ``hydra`` that is not on the list of plain settings."""
    for word in words:
        places = (word.key_or_group, word.package or "")
        if any(_names_hydra(place) for place in places) and word.key_or_group not in ALLOWED:
            msg = f"{word.key_or_group} cannot be set. Of Hydra's own settings these can: {', '.join(ALLOWED)}."
            raise UsageError(msg)


def check_folder(folder: Path) -> None:
    """Raise UsageError if a folder of the user's options contains settings of Hydra itself."""
    for path in sorted(folder.rglob("*.y*ml")):
        place = path.relative_to(folder).with_suffix("")
        comments = [line for line in path.read_text(encoding="utf-8").splitlines() if "@package" in line]
        if _HYDRA in place.parts or any(map(_names_hydra, comments)):
            _refuse(path)
        try:
            plain = OmegaConf.to_container(OmegaConf.load(path))
        except NO_YAML:
            continue  # a command that chooses the file fails, and no other one
        if _holds_hydra(plain):
            _refuse(path)


def check_names(packaged: Path, folder: Path, words: Iterator[Override]) -> None:
    """Raise UsageError if a chosen option is packaged and also the user's: Hydra reads the packaged file."""
    ours, own = find_options([packaged]), find_options([folder])
    for word in words:
        group, name = word.key_or_group, str(word.value())
        if name in ours.get(group, {}) and name in own.get(group, {}):
            path = own[group][name]
            msg = f"{path} would not be read, because {group}={name} is a packaged option. Rename your file."
            raise UsageError(msg)


def _holds_hydra(plain: Any) -> bool:
    """Return whether a file has a key ``hydra`` at its top, or names it in its list of defaults."""
    if not isinstance(plain, dict):
        return False
    defaults = plain.get("defaults") or []
    entries = [str(part) for entry in defaults for part in (entry if isinstance(entry, dict) else [entry])]
    return any(_names_hydra(str(key)) for key in plain) or any(_names_hydra(entry) for entry in entries)


def _names_hydra(text: str) -> bool:
    """Return whether a key, group or package contains ``hydra`` as one of its parts."""
    for mark in "./@:":
        text = text.replace(mark, " ")
    return _HYDRA in text.split()


def _refuse(path: Path) -> None:
    msg = f"{path} contains settings of Hydra itself, which can run code. Remove them."
    raise UsageError(msg)
