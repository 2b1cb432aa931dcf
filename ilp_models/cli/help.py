"""Read the configuration files of tasks and options, and help texts from their comments."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

_SETTING = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z_][\w.]*):(?P<rest>.*)$")
_TRAILING = re.compile(r"(?:^|\s)#\s*(?P<comment>.+)$")
_PACKAGE = re.compile(r"^#\s*@package\s+(?P<package>\S+)\s*$", re.MULTILINE)
_EXAMPLES = "Examples:"


@dataclass(frozen=True)
class HelpText:
    """The comment at the top of a configuration file."""

    summary: str  # first line, without the full stop
    text: str  # lines after it
    examples: tuple[str, ...]  # lines after `# Examples:`


def read_help(path: Path) -> HelpText:
    """Return the comment at the top of a configuration file."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        if not _PACKAGE.match(line):
            lines.append(line.removeprefix("#").removeprefix(" "))
    text, _, example_lines = "\n".join(lines).strip().partition(_EXAMPLES)
    summary, _, text = text.partition("\n")
    examples = tuple(line.strip() for line in example_lines.splitlines() if line.strip())
    return HelpText(summary=summary.strip().removesuffix("."), text=text.strip(), examples=examples)


def find_tasks(configs: Path) -> dict[str, str]:
    """Return every task with its summary, in alphabetical order."""
    files = sorted(path for path in configs.glob("*.yaml") if not path.name.startswith("_"))
    return {path.stem: read_help(path).summary for path in files}


def module_name(task: str) -> str:
    """Return the module of a task: `design_trial` of `design-trial`."""
    return task.replace("-", "_")


def find_options(folders: list[Path]) -> dict[str, dict[str, Path]]:
    """Return the options of every config group."""
    groups: dict[str, dict[str, Path]] = {}
    for folder in folders:
        for path in sorted(folder.glob("*/**/*.yaml")):
            group = path.parent.relative_to(folder).as_posix()
            groups.setdefault(group, {}).setdefault(path.stem, path)
    return groups


def plain_settings(path: Path) -> Any:
    """Return the content of a file, not to be changed. It is read again only after a change of the file."""
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=1024)
def _read(path: Path, changed: int) -> Any:
    del changed
    return OmegaConf.to_container(OmegaConf.load(path))


def find_keys(configs: Path) -> set[str]:
    """Return the top-level keys of all tasks."""
    files = [configs / f"{task}.yaml" for task in find_tasks(configs)]
    return {str(key) for path in files for key in (*plain_settings(path), *find_groups(path))} - {"defaults"}


def find_groups(task: Path) -> list[str]:
    """Return the groups of a task in the order of its defaults, also those that take several options."""
    return [group for entry in plain_settings(task).get("defaults", []) if isinstance(entry, dict) for group in entry]


def find_package(path: Path, group: str) -> str:
    """Return the config key under which Hydra puts the settings of a file."""
    found = _PACKAGE.search(path.read_text(encoding="utf-8"))
    if found is None:
        return group.replace("/", ".")
    package = found["package"].replace("_group_", group.replace("/", ".")).replace("_name_", path.stem)
    return package.removeprefix("_global_").strip(".")


def read_comments(path: Path) -> dict[str, str]:
    """Return the comment of each setting: at the end of its line, or on the lines directly above it."""
    return dict(_comments(path.read_text(encoding="utf-8").splitlines()))


def _comments(lines: list[str]) -> Iterator[tuple[str, str]]:
    parents: list[tuple[int, str]] = []
    above: list[str] = []
    head = True
    for line in lines:
        found = _SETTING.match(line)
        if found is None:
            above = [] if head or not line.strip().startswith("#") else [*above, line.strip().lstrip("# ")]
            head = head and line.startswith("#")
            continue
        head = False
        depth = len(found["indent"])
        parents = [(indent, key) for indent, key in parents if indent < depth]
        parents.append((depth, found["key"]))
        trailing = _TRAILING.search(found["rest"])
        comment = trailing["comment"] if trailing else " ".join(above)
        above = []
        yield ".".join(key for _, key in parents), comment.strip()
