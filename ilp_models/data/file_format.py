"""How a text file is written: encoding, separator and header, found safely or refused with a reason."""

import codecs
import csv
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import IO, Final, cast

from ilp_models.data.files import SourceFile
from ilp_models.data.schema import closest
from ilp_models.domain.errors import InputError

AUTO: Final = "auto"

_SEPARATORS: Final = (",", ";", "\t", "|")
_CHUNK: Final = 1 << 22
_HEAD: Final = 1 << 16
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_PACKED: Final = b"PK\x03\x04"


@dataclass(frozen=True)
class FileFormat:
    """How one text file is written.

    Parameters
    ----------
    encoding : str
        A codec of Python.
    separator : str
        One character.
    header : tuple of str
        Column names without surrounding blanks, in order.
    skip : int
        Lines up to and with the header; 0 if nothing follows it.
    """

    encoding: str
    separator: str
    header: tuple[str, ...]
    skip: int


def detect_format(file: SourceFile, encoding: str, separator: str, wanted: tuple[str, ...]) -> FileFormat:
    """Return how a text file is written."""
    try:
        with open_bytes(file.path) as stream:
            head = stream.read(_HEAD)
        _refuse_what_is_no_text(file, head)
        codec = _encoding_of(file, head) if encoding == AUTO else encoding
        text = codecs.getincrementaldecoder(codec)().decode(head)
    except UnicodeError as error:
        raise InputError(not_in_encoding(file, encoding, error)) from error
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(unreadable(file, error)) from error
    if "\x00" in text:
        msg = f"{file.name}: binary, or UTF-16 text; set data.encoding=utf-16 or export the records as CSV."
        raise InputError(msg)
    lines = text.lstrip("\ufeff").splitlines()
    blank = sum(1 for _ in takewhile(lambda line: not line.strip(), lines))
    if blank == len(lines):
        msg = f"{file.name}: the file is empty; export the records again with their header line."
        raise InputError(msg)
    split_at, header = _header(file, separator, lines[blank], wanted)
    if len(lines) == blank + 1:
        return FileFormat(codec, split_at, header, 0)
    return FileFormat(codec, split_at, header, blank + 1)


def open_bytes(path: Path) -> IO[bytes]:
    """Return the bytes of a file as a stream, unzipped where its name ends in ``.gz``."""
    return cast("IO[bytes]", gzip.open(path, "rb")) if path.name.lower().endswith(".gz") else path.open("rb")


def unreadable(file: SourceFile, error: Exception) -> str:
    """Return the message for a file that breaks off or cannot be opened."""
    reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
    if file.path.name.lower().endswith(".gz"):
        return f"{file.name}: the gzip file is damaged or cut off ({reason}); copy or download it again."
    return f"{file.name}: the file cannot be read ({reason}); check its rights and the disk."


def not_in_encoding(file: SourceFile, encoding: str, error: Exception) -> str:
    """Return the message for a file that is not written in the declared encoding."""
    where = f" at byte {error.start}" if isinstance(error, UnicodeDecodeError) else ""
    return f"{file.name}: not text in the encoding {encoding}{where}; set data.encoding=auto, or cp1252, utf-16 ..."


def missing_columns(file: SourceFile, wanted: tuple[str, ...], found: tuple[str, ...]) -> str | None:
    """Return the message for declared columns that a file lacks or repeats."""
    for column in wanted:
        if found.count(column) > 1:
            return f"{file.name}: the column {column!r} occurs {found.count(column)} times; rename one of them."
    lacking = [column for column in wanted if column not in found]
    if not lacking:
        return None
    hints = ", ".join(f"{column!r}{closest(column, found)}" for column in lacking)
    return f"{file.name}: no column {hints}; the file has {', '.join(found)}. Mend data.columns."


def _refuse_what_is_no_text(file: SourceFile, head: bytes) -> None:
    if head.startswith(_PACKED):
        msg = f"{file.name}: a zip archive or a spreadsheet; unpack it, or save the records as CSV."
        raise InputError(msg)
    if head.startswith(b"PAR1"):
        msg = f"{file.name}: a Parquet file under another name; rename it to end in .parquet."
        raise InputError(msg)


def _encoding_of(file: SourceFile, head: bytes) -> str:
    """Return the encoding by its mark, else UTF-8 or Windows-1252, whichever can read the whole file."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if _can_read(file.path, "utf-8"):
        return "utf-8"
    if _can_read(file.path, "cp1252"):
        return "cp1252"
    msg = f"{file.name}: neither UTF-8 nor Windows-1252 text; set data.encoding to the one it was written in."
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


def _chunks(path: Path) -> Iterator[bytes]:
    with open_bytes(path) as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _header(file: SourceFile, separator: str, line: str, wanted: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return the separator and the header; of several separators the one that yields every wanted column is right."""
    headers = {one: _split(line, one) for one in _SEPARATORS}
    whole = [one for one in _SEPARATORS if missing_columns(file, wanted, headers[one]) is None]
    widest = max(_SEPARATORS, key=lambda one: len(headers[one]))
    chosen = separator if separator != AUTO else (whole[0] if whole else widest)
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
