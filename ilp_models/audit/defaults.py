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
    for name, default in defaults.items():
        value, full = settings[name], f"{prefix}.{name}"
        if isinstance(default, Mapping):
            yield from changed_settings(value, default, full)
        elif isinstance(default, Sequence) and not isinstance(default, str):
            yield from _changed_lists(value or (), default, full)
        elif value != default:
            yield f"{full}={_as_text(value)} (default {_as_text(default)})"


def _changed_lists(values: Sequence[str], defaults: Sequence[str], full: str) -> Iterator[str]:
    for word, ours, theirs in (("without", defaults, values), ("with", values, defaults)):
        differing = [one for one in ours if one not in theirs]
        if differing:
            yield f"{full} {word} {', '.join(differing)}"


def _as_text(value: object) -> str:
    return "null" if value is None else f"{value:g}" if isinstance(value, float) else str(value).lower()
