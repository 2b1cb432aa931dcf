"""Which files a path setting means: one file, a glob, a folder, a list of these, or the bundled set."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ilp_models.domain.errors import InputError

PARQUET: Final = (".parquet", ".pq")
TEXT: Final = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")

_BUNDLED: Final = "bundled:"
_BUNDLED_FOLDER: Final = Path(__file__).resolve().parent / "bundled"
_GLOB: Final = frozenset("*?[")


@dataclass(frozen=True)
class SourceFile:
    """One file to read.

    Parameters
    ----------
    path : Path
        Where it is.
    name : str
        How messages and reports call it: as the user gave it.
    """

    path: Path
    name: str

    @property
    def is_parquet(self) -> bool:
        """True for Parquet, False for delimited text; the ending of the name decides."""
        return self.path.name.lower().endswith(PARQUET)


def find_files(path: str | Sequence[str], pattern: str | None) -> tuple[SourceFile, ...]:
    """Return the files a setting means, in a stable order."""
    paths = [path] if isinstance(path, str) else list(path)
    found = {file.path.resolve(): file for one in paths for file in _files_of(one, pattern)}
    if not found:
        msg = "data.path is an empty list; name at least one file, folder or glob."
        raise InputError(msg)
    return tuple(found.values())


def _files_of(path: str, pattern: str | None) -> list[SourceFile]:
    if path.startswith(_BUNDLED):
        inside = _BUNDLED_FOLDER / path.removeprefix(_BUNDLED)
        if not inside.is_file():
            msg = (
                f"data.path={path}: the package bundles {', '.join(p.name for p in _BUNDLED_FOLDER.glob('*.parquet'))}."
            )
            raise InputError(msg)
        return [SourceFile(inside, path)]
    place = Path(path).expanduser()
    if place.is_dir():
        return _files_in(place, pattern)
    if place.is_file():
        return [SourceFile(place, path)]
    if not _GLOB.intersection(path):
        msg = f"data.path={path}: there is no such file or folder in {Path.cwd()}; check the spelling."
        raise InputError(msg)
    matches = sorted(Path(place.anchor or ".").glob(str(place.relative_to(place.anchor))))
    files = [file for match in matches for file in _files_of(str(match), pattern)]
    if not files:
        msg = f"data.path={path}: no file matches this glob; quote it, so that the shell leaves it alone."
        raise InputError(msg)
    return files


def _files_in(folder: Path, pattern: str | None) -> list[SourceFile]:
    inside = sorted(file for file in folder.rglob(pattern or "*") if file.is_file())
    if pattern is None:
        inside = [file for file in inside if file.name.lower().endswith(TEXT + PARQUET)]
    if not inside:
        wanted = pattern or ", ".join(f"*{ending}" for ending in TEXT + PARQUET)
        msg = f"data.path={folder}: the folder and its sub-folders hold no file like {wanted}; set data.pattern."
        raise InputError(msg)
    return [SourceFile(file, str(file)) for file in inside]
