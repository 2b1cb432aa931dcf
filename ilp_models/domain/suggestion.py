"""Suggested settings of a data source: each value with its confidence, its reason and the line of YAML to change."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.notebook_html import html_summary

CONFIDENCE: Final = ("certain", "likely", "check", "open")
_WIDTH: Final = 110
_REQUIRED: Final = "???"


@dataclass(frozen=True)
class Suggestion:
    """One suggested setting."""

    setting: str  # below data, such as columns.area
    value: Any  # None for an open question, and for a setting that is left out
    confidence: str  # certain: nothing else fits; likely; check: look at it; open: answer it
    reason: str
    alternatives: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an unknown confidence."""
        if self.confidence not in CONFIDENCE:
            msg = f"The confidence {self.confidence!r} is unknown. Use one of {', '.join(CONFIDENCE)}."
            raise InputError(msg)

    @property
    def explanation(self) -> str:
        """Reason and alternatives in one line."""
        others = f" Or: {'; '.join(self.alternatives)}." if self.alternatives else ""
        return f"{self.reason.rstrip('.')}.{others}"

    @property
    def note(self) -> str:
        """Confidence, reason and alternatives in one line."""
        return f"{'OPEN' if self.confidence == 'open' else self.confidence}: {self.explanation}"


@dataclass(frozen=True, repr=False)
class SuggestedSettings:
    """Suggested settings of the records of one path, and what is not read of them."""

    path: str
    rows: int
    suggestions: tuple[Suggestion, ...]  # in the order of the YAML file
    label_counts: Mapping[str, int] = field(default_factory=dict)  # records of each label that is shown
    person_columns: tuple[str, ...] = ()  # columns that look like personal data; their values were not looked at
    columns_left: tuple[str, ...] = ()  # other columns without a role
    notes: tuple[str, ...] = ()

    @property
    def questions(self) -> tuple[Suggestion, ...]:
        """The settings that only a person can decide."""
        return tuple(one for one in self.suggestions if one.confidence == "open")

    def settings(self) -> dict[str, Any]:
        """Return the settings without open ones, as `DelimitedFiles` takes them."""
        nested: dict[str, Any] = {}
        for one in self.suggestions:
            if one.value is not None:
                group, _, key = one.setting.rpartition(".")
                (nested.setdefault(group, {}) if group else nested)[key] = one.value
        return nested

    def line_of(self, setting: str) -> int:
        """Return the number of the line of the YAML file that holds a setting, from 1."""
        start = f"{setting.rpartition('.')[2]}:"
        return next(at for at, line in enumerate(self.to_yaml().splitlines(), 1) if line.lstrip().startswith(start))

    def to_yaml(self) -> str:
        """Return the file of an option of ``data``; an open setting has the value ``???`` and stops a run."""
        head = [
            f"# Records of {_one_line(self.path)}, as `ilp intake` suggests them. Change what is wrong.",
            "_target_: ilp_models.data.delimited.DelimitedFiles",
        ]
        return "\n".join([*head, *self._lines()]) + "\n"

    def _lines(self) -> Iterator[str]:
        group = ""
        for one in self.suggestions:
            head, _, key = one.setting.rpartition(".")
            if head and head != group:
                yield f"{head}:"
            group, indent = head, "  " if head else ""
            if one.setting == "crime_types":
                yield f"crime_types: # {one.note}"
                for label, target in (one.value or {}).items():
                    yield f"  {_yaml(label)}: {_yaml(target)} # {self.label_counts.get(label, 0):,} records"
                continue
            value = _REQUIRED if one.confidence == "open" else _yaml(one.value)
            yield f"{indent}{key}: {value} # {_one_line(one.note)}"
        for note in self.notes:
            yield f"# {_one_line(note)}"
        if self.person_columns:
            yield f"# Never read, personal data by name: {_one_line(', '.join(self.person_columns))}"

    def to_frame(self) -> pd.DataFrame:
        """Return one row per setting: setting, value, confidence, reason, alternatives, line."""
        rows = [
            (
                one.setting,
                _shown(one),
                one.confidence,
                one.reason,
                "; ".join(one.alternatives),
                self.line_of(one.setting),
            )
            for one in self.suggestions
        ]
        columns = ["setting", "value", "confidence", "reason", "alternatives", "line"]
        return pd.DataFrame(rows, columns=columns)

    def __repr__(self) -> str:
        """Return path and counts in one line."""
        return f"<SuggestedSettings: {self.path}, {len(self.suggestions)} settings, {len(self.questions)} open>"

    def _repr_html_(self) -> str:
        facts: dict[str, object] = {one.setting: f"{_shown(one)} ({one.note})" for one in self.suggestions}
        facts |= {"never read": ", ".join(self.person_columns) or "none"}
        return html_summary(f"Suggested settings of {self.path}", facts)


def _shown(one: Suggestion) -> str:
    if one.confidence == "open":
        return _REQUIRED
    if one.setting == "crime_types":
        kept = [target for target in one.value.values() if target is not None]
        return f"{len(kept)} of {len(one.value)} labels"
    return one.value if isinstance(one.value, str) else json.dumps(one.value, ensure_ascii=False)


def _yaml(value: Any) -> str:
    """Return a value as JSON, which is YAML; a reference to another setting in a text of the data has no effect."""
    text = json.dumps(value, ensure_ascii=False).replace("${", "\\\\${")
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def _one_line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
