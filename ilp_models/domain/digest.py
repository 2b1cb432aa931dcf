"""Digests of content: one SHA-256 over parts that are encoded by kind and length."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ilp_models.domain.local_file import file_in_folder


def digest_of(*parts: Any) -> str:
    """Return a SHA-256 of texts, bytes, arrays, None and lists of these, as 64 hexadecimal digits.

    Kind and length stand before each part, so that ``["a|b", "c"]`` and ``["a", "b|c"]`` have different digests.
    """
    known = hashlib.sha256()
    _add(known, parts)
    return known.hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file. It is read in blocks, because one file may hold the records of a nation."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def folder_digests(folder: Path, patterns: Sequence[str] = ("**/*",)) -> dict[str, str]:
    """Return the SHA-256 of the files of a folder by their names in it; StorageError for a link to another folder."""
    files = [file for pattern in patterns for file in sorted(folder.glob(pattern))]
    names = (file.relative_to(folder).as_posix() for file in files if file.is_file())
    return {name: file_digest(file_in_folder(folder, name)) for name in names}


def _add(known: "hashlib._Hash", part: Any) -> None:
    if part is None:
        known.update(b"n")
    elif isinstance(part, str):
        known.update(_framed(b"s", part.encode("utf-8", "surrogatepass")))
    elif isinstance(part, bytes):
        known.update(_framed(b"b", part))
    elif isinstance(part, np.ndarray):
        known.update(_framed(b"a", f"{part.dtype.str}{part.shape}".encode()))
        known.update(np.ascontiguousarray(part).tobytes())
    elif isinstance(part, Sequence):
        known.update(b"l%d:" % len(part))
        if all(isinstance(one, str) for one in part):  # thousands of names of cells, at once
            known.update(b"".join(_framed(b"s", one.encode("utf-8", "surrogatepass")) for one in part))
            return
        for one in part:
            _add(known, one)
    else:
        msg = f"A digest covers texts, bytes, arrays and lists, not {type(part).__name__}"
        raise TypeError(msg)


def _framed(kind: bytes, content: bytes) -> bytes:
    return b"%s%d:%s" % (kind, len(content), content)
