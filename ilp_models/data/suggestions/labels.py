"""Suggest the columns of crime types, areas and record numbers, and which labels to forecast."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from ilp_models.data.crime_types import clean_labels
from ilp_models.data.label_structure import too_many_types
from ilp_models.data.personal_data import (
    is_personal_value,
    numbers_of_persons,
    personal_contents,
    personal_labels,
)
from ilp_models.data.suggestions.names import name_score
from ilp_models.domain.suggestion import Suggestion

_MAX_LABELS: Final = 200
_MAX_AREAS: Final = 5000
_SHOWN_FROM: Final = 10  # records of a label that is shown; rarer ones can be free text
_A_YEAR: Final = 52  # records of a crime type that a weekly forecast needs at least
_MOST_TYPES: Final = 8
_UNIQUE: Final = 0.5
_DAYS_A_YEAR: Final = 365.25


@dataclass(frozen=True, eq=False)
class LabelSuggestion:
    """The mapping of labels to crime types, and the records of each label that is shown."""

    suggestions: tuple[Suggestion, ...]
    counts: Mapping[str, int]


def suggest_crime_type(table: pd.DataFrame, others: Sequence[str]) -> Suggestion:
    """Return the column of offence labels; an open question if no column has such a name and such values."""
    scores = {name: name_score("crime_type", name) for name in table.columns if name not in others}
    fitting = [name for name in scores if scores[name] > 0 and _are_types(table[name])]
    ranked = sorted(fitting, key=lambda name: -scores[name])
    if not ranked:
        few = tuple(name for name in scores if _are_types(table[name]))
        reason = (
            "no column has the name of an offence and few labels; for a file of one offence leave the column out and "
            "give crime_type, such as data.crime_type=Burglary"
        )
        return Suggestion("columns.crime_type", None, "open", reason, few)
    best, *rest = ranked
    distinct = clean_labels(table[best]).nunique()
    reason = f"the name fits an offence best, and it has {distinct:,} different labels"
    sure = not rest or scores[best] - scores[rest[0]] >= 2
    return Suggestion("columns.crime_type", best, "likely" if sure else "check", reason, tuple(rest))


def suggest_areas(table: pd.DataFrame, others: Sequence[str]) -> list[Suggestion]:
    """Return the columns that may hold areas, the best first; intake tests which of them divide the map."""
    found = []
    for name in (one for one in table.columns if one not in others and name_score("area", one) > 0):
        distinct = clean_labels(table[name]).nunique()
        if 1 < distinct <= min(_MAX_AREAS, len(table) / 5):
            found.append((name_score("area", name), name, distinct))
    ranked = sorted(found, key=lambda one: (-one[0], one[1]))
    names = [name for _, name, _ in ranked]
    return [
        Suggestion(
            "columns.area",
            name,
            "likely" if len(ranked) == 1 else "check",
            f"the name fits an area, and it has {distinct:,} different labels",
            tuple(one for one in names if one != name),
        )
        for _, name, distinct in ranked
    ]


def suggest_record_columns(table: pd.DataFrame, others: Sequence[str]) -> list[Suggestion]:
    """Return the column of record numbers, which tells records of the same time and place apart; or none."""
    scores = {name: name_score("record", name) for name in table.columns if name not in others}
    for name in sorted(scores, key=lambda one: -scores[one]):
        if scores[name] >= 4 and table[name].nunique() > _UNIQUE * len(table):
            reason = "its values differ from record to record; they are compared to find duplicates, and dropped"
            return [Suggestion("record_columns", [name], "likely", reason)]
    return []


def suggest_types(
    labels: pd.Series, days: float, kind: Callable[[str], str], given: Mapping[str, str | None] | None = None
) -> LabelSuggestion:
    """Return which labels to forecast; ``kind`` names the police activity that a label depends on, or is empty."""
    counts = clean_labels(labels).value_counts()
    shown = {str(one): int(count) for one, count in counts.items() if count >= _SHOWN_FROM and _is_public(str(one))}
    if given is not None:
        made = Suggestion("crime_types", dict(given), "certain", "given in the command")
        return LabelSuggestion((made,), shown)
    police = [label for label in shown if kind(label)]
    years = max(days, 1) / _DAYS_A_YEAR
    usual = [label for label in shown if label not in police]
    frequent = [label for label in usual if shown[label] >= _A_YEAR * years][:_MOST_TYPES] or usual[:3]
    mapping = {label: label if label in frequent else None for label in shown}
    reason = f"the {len(frequent)} most frequent of {len(counts):,} labels; null leaves a label out, equal names merge"
    if police:
        reason += f"; {len(police)} that depend on police activity are left out, because forecasts repeat patrols"
    suggestions = [Suggestion("crime_types", mapping, "check", reason)]
    hidden = int(counts.sum() - sum(shown.values()))
    if hidden:
        share = hidden / int(counts.sum())
        reason = f"{len(counts) - len(shown):,} rare or private labels ({hidden:,} records) are not listed here"
        suggestions.append(Suggestion("unmapped", "set_aside", "check", reason))
        if share > 0.04:
            reason = f"{share:.1%} of the records have a label that is not listed"
            suggestions.append(Suggestion("max_rejected_share", round(min(share + 0.05, 1.0), 2), "check", reason))
    return LabelSuggestion(tuple(suggestions), shown)


def _is_public(label: str) -> bool:
    return not is_personal_value(label)


def _are_types(values: pd.Series) -> bool:
    """Return whether values can be offence labels: few, no dates, no numbers, and no personal data."""
    if pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_datetime64_any_dtype(values.dtype):
        return False
    text = clean_labels(values).dropna()
    distinct = text.drop_duplicates()
    if not 1 <= len(distinct) <= _MAX_LABELS or too_many_types(len(distinct), len(text)):
        return False
    if pd.to_numeric(distinct, errors="coerce").notna().mean() > 0.5:
        return False
    return not (personal_contents(text) or personal_labels(text) or numbers_of_persons(text))
