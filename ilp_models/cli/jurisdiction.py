"""Fit the file of a jurisdiction to a task: it may choose options of groups that only other tasks have."""

import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

from omegaconf import OmegaConf

from ilp_models.cli.errors import UsageError
from ilp_models.cli.help import find_options

JURISDICTION: Final = "jurisdiction"
_OVERRIDE: Final = "override "


@contextmanager
def fitted_options(
    folder: Path | None, name: str, task: str, groups: Collection[str], known: Collection[str]
) -> Iterator[Path | None]:
    """Give the folder of the user's options, as a copy where the jurisdiction chooses groups that the task lacks.

    Hydra refuses such choices. In the copy those of other tasks (``known``) are left out, so that one file serves all
    tasks.
    """
    if JURISDICTION not in groups:
        msg = f"The task {task} takes no jurisdiction. Leave jurisdiction={name} out."
        raise UsageError(msg)
    path = find_options([folder]).get(JURISDICTION, {}).get(name) if folder is not None else None
    if folder is None or path is None:
        yield folder
        return
    content: Any = OmegaConf.to_container(OmegaConf.load(path))
    chosen = list(content.get("defaults") or []) if isinstance(content, dict) else []
    kept = [entry for entry in chosen if replaced_group(entry) not in set(known) - set(groups)]
    if len(kept) == len(chosen):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="ilp-options-") as temporary:
        copy = Path(shutil.copytree(folder, Path(temporary, "options")))
        head = takewhile(lambda line: line.startswith("#"), path.read_text(encoding="utf-8").splitlines(keepends=True))
        fitted = OmegaConf.to_yaml(OmegaConf.create({**content, "defaults": kept}))
        (copy / path.relative_to(folder)).write_text("".join(head) + fitted, encoding="utf-8")
        yield copy


def replaced_group(entry: Any) -> str | None:
    """Return the group whose option an entry of a defaults list replaces; None if it replaces none."""
    key = str(next(iter(entry), "")) if isinstance(entry, dict) else ""
    return key.removeprefix(_OVERRIDE).strip().lstrip("/") if key.startswith(_OVERRIDE) else None
