"""What the configuration files say about themselves in their comments."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SETTING = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z_][\w.]*):(?P<rest>.*)$")
_TRAILING = re.compile(r"(?:^|\s)#\s*(?P<comment>.+)$")
_PACKAGE = re.compile(r"^#\s*@package\s+(?P<package>\S+)\s*$", re.MULTILINE)
_EXAMPLES = "Examples:"


@dataclass(frozen=True)
class HelpText:
    """The comment at the head of a configuration file.

    Parameters
    ----------
    summary : str
        Its first line, without the final stop.
    text : str
        The lines after it.
    examples : tuple of str
        The lines under ``# Examples:``.
    """

    summary: str
    text: str
    examples: tuple[str, ...]


def read_help(path: Path) -> HelpText:
    """Return the comment at the head of a configuration file."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        if not _PACKAGE.match(line):
            lines.append(line.removeprefix("#").removeprefix(" "))
    said = "\n".join(lines).strip()
    said, _, shown = said.partition(_EXAMPLES)
    summary, _, text = said.partition("\n")
    examples = tuple(line.strip() for line in shown.splitlines() if line.strip())
    return HelpText(summary=summary.strip().removesuffix("."), text=text.strip(), examples=examples)


def find_tasks(configs: Path) -> dict[str, str]:
    """Return every task with its summary, in alphabetical order."""
    files = sorted(path for path in configs.glob("*.yaml") if not path.name.startswith("_"))
    return {path.stem: read_help(path).summary for path in files}


def find_options(folders: list[Path]) -> dict[str, dict[str, Path]]:
    """Return the options of every config group."""
    groups: dict[str, dict[str, Path]] = {}
    for folder in folders:
        for path in sorted(folder.glob("*/**/*.yaml")):
            group = path.parent.relative_to(folder).as_posix()
            groups.setdefault(group, {}).setdefault(path.stem, path)
    return groups


def find_package(path: Path, group: str) -> str:
    """Return the place of a file's settings in the whole configuration."""
    found = _PACKAGE.search(path.read_text(encoding="utf-8"))
    if found is None:
        return group.replace("/", ".")
    package = found["package"].replace("_group_", group.replace("/", ".")).replace("_name_", path.stem)
    return package.removeprefix("_global_").strip(".")


def read_meanings(path: Path) -> dict[str, str]:
    """Return what the comments say of each setting: behind it, or on the lines right above it."""
    return dict(_walk(path.read_text(encoding="utf-8").splitlines()))


def _walk(lines: list[str]) -> Iterator[tuple[str, str]]:
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
        meaning = trailing["comment"] if trailing else " ".join(above)
        above = []
        yield ".".join(key for _, key in parents), meaning.strip()
