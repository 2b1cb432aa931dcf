"""Read the files of tasks and options."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from ilp_models.cli.help import find_tasks


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
