"""Find the files of a data set and detect the encoding, separator and header of text files."""

import codecs
import csv
import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import IO, Final, cast

from ilp_models.data.geographic_records import GEOGRAPHIC
from ilp_models.data.personal_data import is_personal_value
from ilp_models.data.schema import closest
from ilp_models.domain.errors import InputError
from ilp_models.domain.local_file import is_address, local_file
from ilp_models.domain.parquet_file import MAX_BYTES
from ilp_models.domain.spreadsheet import SPREADSHEETS, is_spreadsheet

AUTO: Final = "auto"
PARQUET: Final = (".parquet", ".pq")
TEXT: Final = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")

_BUNDLED: Final = "bundled:"
_BUNDLED_FOLDER: Final = Path(__file__).resolve().parent / "bundled"
_GLOB: Final = frozenset("*?[")
_SEPARATORS: Final = (",", ";", "\t", "|")
_CHUNK_BYTES: Final = 1 << 22
_HEAD_BYTES: Final = 1 << 16
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ZIP_MAGIC: Final = b"PK\x03\x04"


@dataclass(frozen=True)
class SourceFile:
    """One file to read."""

    path: Path
    name: str  # as the user gave it, for messages and reports

    @property
    def is_parquet(self) -> bool:
        """Whether the name ends as that of a Parquet file."""
        return self.path.name.lower().endswith(PARQUET)

    @property
    def is_spreadsheet(self) -> bool:
        """Whether the name ends as that of a spreadsheet."""
        return is_spreadsheet(self.path.name)

    @property
    def is_geographic(self) -> bool:
        """Whether the name ends as that of a file of points; all other files are delimited text."""
        return self.path.name.lower().endswith(GEOGRAPHIC)


def find_files(path: str | Sequence[str], pattern: str | None) -> tuple[SourceFile, ...]:
    """Return the files of a path setting (file, folder, glob, ``bundled:NAME`` or a list), in a stable order."""
    paths = [path] if isinstance(path, str) else list(path)
    found = {file.path.resolve(): file for one in paths for file in _files_of(one, pattern)}
    if not found:
        msg = "data.path is an empty list; set at least one file, folder or glob."
        raise InputError(msg)
    return tuple(found.values())


def _files_of(path: str, pattern: str | None) -> list[SourceFile]:
    if path.startswith(_BUNDLED):
        inside = _BUNDLED_FOLDER / path.removeprefix(_BUNDLED)
        if not inside.is_file():
            msg = (
                f"data.path={path} is not bundled with the package; set {_BUNDLED} and one of "
                f"{', '.join(p.name for p in _BUNDLED_FOLDER.glob('*.parquet'))}."
            )
            raise InputError(msg)
        return [SourceFile(inside, path)]
    try:
        location = Path(path).expanduser()
        is_folder, is_present = location.is_dir(), location.exists()
    except (OSError, RuntimeError):
        return [SourceFile(local_file(path, "data.path="), path)]  # refuses the path and says why
    if is_folder:
        return _files_in(location, pattern)
    if is_present or is_address(path):
        return [SourceFile(local_file(path, "data.path="), path)]
    if not _GLOB.intersection(path):
        msg = f"data.path={path}: there is no such file or folder in {Path.cwd()}; check the spelling."
        raise InputError(msg)
    matches = sorted(Path(location.anchor or ".").glob(str(location.relative_to(location.anchor))))
    files = [file for match in matches for file in _files_of(str(match), pattern)]
    if not files:
        msg = f"data.path={path}: no file matches this pattern; put it in quotes, so that the shell does not expand it."
        raise InputError(msg)
    return files


def _files_in(folder: Path, pattern: str | None) -> list[SourceFile]:
    inside = sorted(file for file in folder.rglob(pattern or "*") if file.is_file())
    if pattern is None:
        inside = [file for file in inside if _is_table(file)]
    if not inside:
        wanted = pattern or ", ".join(f"*{ending}" for ending in TEXT + PARQUET + SPREADSHEETS)
        msg = f"data.path={folder}: the folder and its sub-folders hold no file like {wanted}; set data.pattern."
        raise InputError(msg)
    return [SourceFile(local_file(file, "data.path="), str(file)) for file in inside]


def _is_table(file: Path) -> bool:
    """Return whether a file of a folder is read; ``~$`` marks the lock file of an open spreadsheet."""
    return file.name.lower().endswith(TEXT + PARQUET + SPREADSHEETS) and not file.name.startswith("~$")


@dataclass(frozen=True)
class FileFormat:
    """Encoding, separator and header of a text file."""

    encoding: str  # Python codec
    separator: str  # one character
    header: tuple[str, ...]  # column names without surrounding blanks, in order
    skip: int  # lines up to and including the header; 0 if no line follows it


def detect_format(
    file: SourceFile, encoding: str, separator: str, wanted: tuple[str, ...], *, in_blocks: bool = False
) -> FileFormat:
    """Return encoding, separator and header of a text file; ``auto`` detects them.

    A gzip file is unpacked once to measure it, unless it is read in blocks of which few rows are kept.
    """
    try:
        if is_packed(file) and not in_blocks:
            _check_unpacked(file)
        with open_bytes(file.path) as stream:
            head = stream.read(_HEAD_BYTES)
        _refuse_binary(file, head)
        codec = _encoding_of(file, head) if encoding == AUTO else encoding
        text = codecs.getincrementaldecoder(codec)().decode(head)
    except UnicodeError as error:
        raise InputError(not_in_encoding(file, encoding, error)) from error
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(unreadable(file, error)) from error
    if "\x00" in text:
        msg = f"{file.name} is binary, or UTF-16 text; set data.encoding=utf-16 or export the records as CSV."
        raise InputError(msg)
    lines = text.lstrip("\ufeff").splitlines()
    blank = sum(1 for _ in takewhile(lambda line: not line.strip(), lines))
    if blank == len(lines):
        msg = f"{file.name}: the file is empty; export the records again with a header line."
        raise InputError(msg)
    split_at, header = _header(file, separator, lines[blank], wanted)
    if len(lines) == blank + 1:
        return FileFormat(codec, split_at, header, 0)
    return FileFormat(codec, split_at, header, blank + 1)


def is_packed(file: SourceFile) -> bool:
    """Return whether a text file is larger when it is unpacked."""
    return file.path.name.lower().endswith(".gz")


def open_bytes(path: Path) -> IO[bytes]:
    """Return the bytes of a file as a stream, unzipped where its name ends in ``.gz``."""
    return cast("IO[bytes]", gzip.open(path, "rb")) if path.name.lower().endswith(".gz") else path.open("rb")


def unreadable(file: SourceFile, error: Exception) -> str:
    """Return the error message for a file that is truncated or cannot be opened."""
    reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
    if is_packed(file):
        return f"{file.name}: the gzip file is damaged or truncated ({reason}); copy or download it again."
    return f"{file.name}: the file cannot be read ({reason}); check its permissions and the disk."


def not_in_encoding(file: SourceFile, encoding: str, error: Exception) -> str:
    """Return the error message for a file in another encoding than declared."""
    where = f" at byte {error.start}" if isinstance(error, UnicodeDecodeError) else ""
    return f"{file.name}: not text in the encoding {encoding}{where}; set data.encoding=auto, or cp1252, utf-16 ..."


def missing_columns(file: SourceFile, wanted: tuple[str, ...], found: tuple[str, ...]) -> str | None:
    """Return the error message for declared columns that a file lacks or repeats, or None."""
    for column in wanted:
        if found.count(column) > 1:
            return f"{file.name}: the column {column!r} occurs {found.count(column)} times; rename one of them."
    lacking = [column for column in wanted if column not in found]
    if not lacking:
        return None
    if any(is_value(name) for name in found):
        return (
            f"{file.name}: no column {', '.join(map(repr, lacking))}; the first line looks like a record. Add a header "
            f"line with the names of its {len(found)} columns."
        )
    hints = ", ".join(f"{column!r}{closest(column, found)}" for column in lacking)
    return f"{file.name}: no column {hints}; the file has {', '.join(found)}. Correct data.columns."


def is_value(name: str) -> bool:
    """Return whether the name of a column is a number, or a value such as a date, an address or a name of a person."""
    return name.replace(".", "", 1).removeprefix("-").isdigit() or is_personal_value(name)


def _refuse_binary(file: SourceFile, head: bytes) -> None:
    if head.startswith(_ZIP_MAGIC):
        msg = f"{file.name}: a zip archive or a spreadsheet; unpack it, or rename it to end in .xlsx or .ods."
        raise InputError(msg)
    if head.startswith(b"PAR1"):
        msg = f"{file.name}: a Parquet file with another extension; rename it to end in .parquet."
        raise InputError(msg)


def _encoding_of(file: SourceFile, head: bytes) -> str:
    """Return the encoding: by byte order mark, else UTF-8 or Windows-1252 if it can decode the whole file."""
    for mark, name in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return name
    if _can_read(file.path, "utf-8"):
        return "utf-8"
    if _can_read(file.path, "cp1252"):
        return "cp1252"
    msg = f"{file.name}: neither UTF-8 nor Windows-1252 text; set data.encoding to the encoding of the file."
    raise InputError(msg)


def _can_read(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for chunk in _chunks(path):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _check_unpacked(file: SourceFile) -> None:
    """Refuse a gzip file that needs more memory than `MAX_BYTES` when it is unpacked."""
    size = 0
    for chunk in _chunks(file.path):
        size += len(chunk)
        if size > MAX_BYTES:
            msg = f"{file.name}: more than {MAX_BYTES / (1 << 30):g} GiB when it is unpacked; split the file."
            raise InputError(msg)


def _chunks(path: Path) -> Iterator[bytes]:
    with open_bytes(path) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk


def _header(file: SourceFile, separator: str, line: str, wanted: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return separator and header; ``auto`` takes the separator that yields every wanted column."""
    headers = {mark: _split(line, mark) for mark in _SEPARATORS}
    complete = [mark for mark in _SEPARATORS if missing_columns(file, wanted, headers[mark]) is None]
    widest = max(_SEPARATORS, key=lambda mark: len(headers[mark]))
    chosen = separator if separator != AUTO else (complete[0] if complete else widest)
    header = headers.get(chosen) or _split(line, chosen)
    problem = missing_columns(file, wanted, header)
    if problem and separator != AUTO and len(header) == 1 and len(headers[widest]) > 1:
        msg = (
            f"{file.name}: one column when split at {separator!r}, {len(headers[widest])} when split at {widest!r}; "
            "set data.separator=auto or to that character."
        )
        raise InputError(msg)
    if problem:
        raise InputError(problem)
    return chosen, header


def _split(line: str, separator: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in next(csv.reader([line], delimiter=separator)))
