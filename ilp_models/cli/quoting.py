"""Sentences on the command line: a reason may hold commas, equals signs and apostrophes like any other."""

from collections.abc import Sequence
from typing import Final

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep
from hydra.errors import HydraException

_MARKED: Final = ("'", '"', "[", "{", "$")  # whoever begins so speaks the grammar of settings


def as_typed(words: Sequence[str]) -> tuple[str, ...]:
    """Return settings with every sentence in quotes that would be read as a list of values, or not at all."""
    parser = OverridesParser.create()
    return tuple(_quoted(word) if _is_sentence(word, parser) else word for word in words)


def _is_sentence(word: str, parser: OverridesParser) -> bool:
    _, _, value = word.partition("=")
    if " " not in value.strip() or value.lstrip().startswith(_MARKED):
        return False
    try:
        read = parser.parse_override(word).value()
    except HydraException:
        return True
    return isinstance(read, ChoiceSweep) and read.simple_form


def _quoted(word: str) -> str:
    name, _, value = word.partition("=")
    escaped = value.rstrip("\\").replace("'", "\\'")  # a last backslash would escape the quote
    return f"{name}='{escaped}'"
