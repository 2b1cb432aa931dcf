"""Seals of forecast files show that a file existed before its cutoff: a manifest and a line of the register.

They have nothing to do with the seal of a decision, which is a checksum.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ilp_models.audit.register.register import Register, RegisterEntry
from ilp_models.domain.digest import file_digest
from ilp_models.domain.errors import InputError
from ilp_models.domain.local_file import local_file
from ilp_models.domain.printable import printable
from ilp_models.pipeline.atomic_files import write_all_or_none
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.outputs import write_json
from ilp_models.pipeline.registration import user

# From strongest to weakest.
SEALED: Final = "sealed"  # a register has the digest, since before the first cutoff of the file
STATED: Final = "stated"  # only the manifest says so
UNSEALED: Final = "unsealed"
STATES: Final = (SEALED, STATED, UNSEALED)

_ACT: Final = "declared"
_KEYS: Final = ("file", "sha256", "made_at")
_AUTHOR: Final = "author"
_LONGEST_AUTHOR: Final = 80
_MAX_BYTES: Final = 1 << 20


@dataclass(frozen=True)
class Seal:
    """What shows that a file of forecasts existed before its first cutoff."""

    state: str
    digest: str  # SHA-256 of the file
    author: str = ""  # as the manifest declares


def seal_forecasts(
    path: str | Path, *, register: Register | str | Path | None = None, author: str | None = None
) -> Path:
    """Write a manifest next to a file of forecasts, and a line to the register, before the first cutoff.

    `compare_forecasts` calls a file `sealed` if a register has its digest since before its first cutoff, and `stated`
    if only the manifest says when it was made. The owner of a register can rewrite it, so store the digest of its last
    line elsewhere.

    Parameters
    ----------
    path : str or Path
        The file of forecasts.
    register : Register, str or Path, optional
        The register that gets a line; by default none.
    author : str, optional
        Who made the forecasts, such as a team. It is who made the trial in the record of trials.

    Returns
    -------
    Path
        The manifest, ``<file>.manifest.json``: ``file``, ``sha256``, ``made_at`` and, if given, ``author``.

    Raises
    ------
    InputError
        If there is no such file, or the author is empty, longer than 80 letters or has control characters.

    Examples
    --------
    >>> import tempfile, ilp_models as ilp
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "rival.csv").write_text("cell,crime_type,period,expected")
    >>> ilp.seal_forecasts(folder / "rival.csv", register=folder / "register.jsonl").name
    'rival.csv.manifest.json'
    """
    found, moment = local_file(path, "The forecasts "), now()
    digest = file_digest(found)
    facts = {"file": found.name, "sha256": digest, "made_at": moment.isoformat()}
    if author is not None:
        facts[_AUTHOR] = _checked_author(author, "author")
    name = manifest_of(found).name
    write_all_or_none(found.parent, {name: lambda target: write_json(target, facts)}, "The manifest")
    if register is not None:
        content = {"forecast_file": found.name}
        Register.from_path(register).append(RegisterEntry(_ACT, user(), digest, moment, content))
    return manifest_of(found)


def read_seal(path: Path, begins: datetime, register: Register | None) -> Seal:
    """Return the seal of a file whose first cutoff is at a moment; a wrong digest is an error."""
    digest, manifest = file_digest(path), manifest_of(path)
    made, author = _stated(manifest, path.name, digest) if manifest.exists() else (None, "")
    lines = () if register is None else register.verify().entries_of(digest)
    if any(line.act == _ACT and line.moment < begins for line in lines):
        return Seal(SEALED, digest, author)
    return Seal(STATED if made is not None and made < begins else UNSEALED, digest, author)


def manifest_of(path: Path) -> Path:
    """Return the path of the manifest of a file."""
    return path.with_name(f"{path.name}.manifest.json")


def _stated(manifest: Path, name: str, digest: str) -> tuple[datetime, str]:
    """Return when and by whom a file was made, as its manifest states."""
    text = local_file(manifest, "The manifest ").read_bytes()[: _MAX_BYTES + 1]
    try:
        facts: Any = json.loads(text)
        given, stated, moment = (str(facts[key]) for key in _KEYS)
        made = datetime.fromisoformat(moment)
    except (RecursionError, KeyError, TypeError, ValueError) as error:
        msg = f"The manifest {manifest} cannot be read. It needs {', '.join(_KEYS)} as JSON; made_at has a time zone."
        raise InputError(msg) from error
    if given != name or not re.fullmatch("[0-9a-f]{64}", stated) or stated != digest:
        msg = (
            f"The manifest {manifest} is about {given!r} with the digest {stated[:64]}; the file {name} has {digest}. "
            "The file was changed after the manifest was made. Ask for the original file, or remove the manifest."
        )
        raise InputError(msg)
    if made.tzinfo is None or made.astimezone(UTC) > now():
        msg = f"The manifest {manifest} has made_at={moment!r}. Give a past time with its zone: 2026-01-05T08:00:00Z."
        raise InputError(msg)
    return made, _checked_author(facts[_AUTHOR], f"The manifest {manifest}: author") if _AUTHOR in facts else ""


def _checked_author(author: object, label: str) -> str:
    if not isinstance(author, str) or not author.strip() or len(author) > _LONGEST_AUTHOR or not author.isprintable():
        shown = printable(str(author)[:_LONGEST_AUTHOR], lines=False)
        msg = f"{label}={shown!r} cannot be used. Give a name of 1 to {_LONGEST_AUTHOR} letters."
        raise InputError(msg)
    return author.strip()
