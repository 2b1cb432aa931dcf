"""Make text safe for a terminal or a log."""

import unicodedata
from typing import Final

_HIDDEN: Final = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control, format (also bidirectional), surrogates, separators of lines
_JOINERS: Final = "\u200c\u200d"  # part of the spelling of Persian, Hindi and other languages


def printable(text: object, *, lines: bool = True) -> str:
    r"""Return text for a terminal or a log, with control and bidirectional characters as escapes such as ``\x1b``.

    Line feeds and tabs stay if ``lines`` is true.
    """
    shown = str(text)
    if shown.isprintable():  # nearly every text; it then has no character that `_visible` changes
        return shown
    return "".join(_visible(sign, lines=lines) for sign in shown)


def _visible(sign: str, *, lines: bool) -> str:
    if (lines and sign in "\n\t") or sign in _JOINERS or unicodedata.category(sign) not in _HIDDEN:
        return sign
    code = ord(sign)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
