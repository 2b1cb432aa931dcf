"""Digests of content: one SHA-256 over parts that are encoded by kind and length."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np


def digest_of(*parts: Any) -> str:
    """Return a SHA-256 of texts, bytes, arrays, None and lists of these, as 64 hexadecimal digits.

    Kind and length stand before each part, so that ``["a|b", "c"]`` and ``["a", "b|c"]`` have different digests.
    """
    known = hashlib.sha256()
    _add(known, parts)
    return known.hexdigest()


def _add(known: "hashlib._Hash", part: Any) -> None:
    if part is None:
        known.update(b"n")
    elif isinstance(part, str):
        _add_bytes(known, b"s", part.encode("utf-8", "surrogatepass"))
    elif isinstance(part, bytes):
        _add_bytes(known, b"b", part)
    elif isinstance(part, np.ndarray):
        _add_bytes(known, b"a", f"{part.dtype.str}{part.shape}".encode())
        known.update(np.ascontiguousarray(part).tobytes())
    elif isinstance(part, Sequence):
        known.update(b"l%d:" % len(part))
        for one in part:
            _add(known, one)
    else:
        msg = f"A digest covers texts, bytes, arrays and lists, not {type(part).__name__}"
        raise TypeError(msg)


def _add_bytes(known: "hashlib._Hash", kind: bytes, content: bytes) -> None:
    known.update(b"%s%d:" % (kind, len(content)))
    known.update(content)
