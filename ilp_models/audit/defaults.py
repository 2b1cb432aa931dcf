"""Defaults of the audit that are not limits, and the settings that differ from them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

BASELINE: Final = {"_target_": "ilp_models.model.means.moving_average.MovingAverage", "window": 52}
ALLOWED_FAMILIES: Final = (
    *("lags", "own_past", "surroundings", "all_types", "city_level"),
    *("calendar", "same_season", "same_weekday", "lead", "crime_type", "offset"),
)
FORBIDDEN_TERMS: Final = (
    *("race", "racial", "ethnic", "ethnicity", "minority", "indigenous", "religion", "religious", "nationality"),
    *("citizenship", "immigrant", "migrant", "income", "poverty", "deprivation", "gender", "sex", "age", "disability"),
    *("population share", "person", "name", "birth", "suspect", "offender", "arrest", "arrestee", "victim", "gang"),
)


def changed_settings(settings: Mapping[str, Any], defaults: Mapping[str, Any], prefix: str = "audit") -> Iterator[str]:
    """Yield each setting that differs from its default, such as ``audit.land_share=0.1 (default 0.05)``."""
    for name in dict.fromkeys((*defaults, *settings)):
        value, default, full = settings.get(name), defaults.get(name), f"{prefix}.{name}"
        if isinstance(default, Mapping) and isinstance(value, Mapping):
            yield from changed_settings(value, default, full)
        elif _is_words(default) and (value is None or _is_words(value)):
            yield from _changed_lists(value or (), default or (), full)
        elif _as_text(value) != _as_text(default):
            yield f"{full}={_as_text(value)} (default {_as_text(default)})"


def _is_words(value: object) -> bool:
    """Return whether a value is a list of words, whose order does not count."""
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(word, str) for word in value)


def _changed_lists(values: Sequence[str], defaults: Sequence[str], full: str) -> Iterator[str]:
    for word, ours, theirs in (("without", defaults, values), ("with", values, defaults)):
        differing = [one for one in ours if one not in theirs]
        if differing:
            yield f"{full} {word} {', '.join(differing)}"


def _as_text(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, int | float):
        return f"{value:.12g}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_as_text(one)}" for name, one in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(_as_text, value))}]"
    return str(value)
