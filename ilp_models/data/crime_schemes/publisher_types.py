"""Map publishers' offence labels to a crime type scheme, by tables of the package or of the user."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import pandas as pd

from ilp_models.data.crime_schemes.scheme import FACTS, TABLES, CrimeTypeScheme, load_crime_scheme
from ilp_models.data.crime_types import label_key
from ilp_models.data.label_screening import personal_offences
from ilp_models.domain.errors import InputError
from ilp_models.domain.text_table import read_marked_table

PUBLISHERS: Final = tuple(FACTS["publishers"])

_SETTING: Final = "data.publisher_types="
_CROSSWALKS: Final = {(one["from"], one["to"]) for one in FACTS["crosswalks"]}
_LABEL, _FIRST, _SECOND, _CODE, _NOTE = "label", "label_1", "label_2", "code", "note"
_SHOWN: Final = 5  # labels of one doubt
_GENERAL: Final = (
    "Equal names of crime types do not make counts comparable: laws, counting rules and reporting differ between "
    "publishers. Compare changes before levels."
)

Pair = tuple[str, str]  # first and second label, without differences in case and blanks; the second can be empty


class LabelCategory(NamedTuple):
    """The category of one label of a publisher."""

    label: str  # as in the table
    code: str  # empty: the label holds several categories
    doubt: str = ""


@dataclass(frozen=True, eq=False)
class PublisherTypes:
    """The category of a scheme for each label, or pair of labels, of a publisher."""

    name: str  # of the publisher, or the path of the user's file
    scheme: CrimeTypeScheme
    rows: Mapping[Pair, LabelCategory]
    facts: Mapping[str, str] = field(default_factory=dict)  # what a table of the package says about itself

    @property
    def has_second(self) -> bool:
        """Whether the table distinguishes second labels, such as descriptions."""
        return any(second for _, second in self.rows)

    def code(self, first: str, second: str = "") -> str | None:
        """Return the code of a label or a pair of labels; empty for an ambiguous label, None for an unknown one."""
        row = self.rows.get((label_key(first), label_key(second)))
        return None if row is None else row.code

    def declared(self, labels: Collection[str], *, with_second: bool) -> tuple[str, ...]:
        """Return the crime types of some first labels, in the order of the scheme."""
        known = {label_key(label) for label in labels}
        codes = {
            row.code for (first, second), row in self.rows.items() if first in known and (with_second or not second)
        }
        return tuple(
            name for code, name in self.scheme.categories.items() if code in codes and self.scheme.counts(code)
        )

    def notes(self, used: Collection[Pair] | None = None) -> tuple[str, ...]:
        """Return what was followed and what is not comparable; the doubts are those of the pairs in use."""
        definition = self.facts.get("definition", "the user's own table")
        scheme = self.scheme
        found = [f"Crime types are those of {scheme.title}. Table of labels: {self.name}, {definition}."]
        if self.facts:
            found.append(f"Counting in {self.name}: {self.facts['counting']}. Not comparable: {self.facts['limits']}")
        doubts: dict[str, list[str]] = {}
        for pair, row in self.rows.items():
            if row.doubt and (not pair[1] if used is None else pair in used):
                doubts.setdefault(row.doubt, []).append(row.label)
        found += [f"{_shortened(labels)}: {doubt}" for doubt, labels in doubts.items()]
        return (*found, _GENERAL)


def load_publisher_types(name: str, scheme: str) -> PublisherTypes:
    """Return the table of a publisher, or of a file of the user, with the codes of a scheme.

    Raises
    ------
    InputError
        If there is no such table, it cannot be used for the scheme, or a row of the file is wrong.
    """
    if name in PUBLISHERS:
        return _load_shipped(name, scheme)
    if not Path(name).suffix:
        known = ", ".join(PUBLISHERS)
        msg = f"{_SETTING}{name} is not a table of the package. Choose one of {known}, or give the path of a CSV file."
        raise InputError(msg)
    where, target = f"{_SETTING}{name}", load_crime_scheme(scheme)
    table = _read(name)
    for number, code in enumerate(table[_CODE], 1):
        if code and code not in target.categories:
            padded = code.zfill(4)
            zero = f" A spreadsheet may have dropped the zero of {padded}: store codes as text."
            msg = (
                f"{where}, row {number}: code={code!r} is not in the scheme {scheme}."
                f"{zero if padded in target.categories else ''} See docs/crime_types.md for its codes."
            )
            raise InputError(msg)
    for column in (_FIRST, _SECOND):
        found = personal_offences(table[column][table[column] != ""])
        if found:
            msg = f"{where}: the column of labels looks like {found} and cannot be used. List offences only."
            raise InputError(msg)
    return PublisherTypes(name, target, _rows(where, table))


def comparability_notes(scheme: str, publishers: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return for each publisher, or file, what its counts in a scheme follow and what cannot be compared.

    Examples
    --------
    >>> notes = comparability_notes("iccs", ["toronto", "portland"])
    >>> notes["portland"][1].partition(".")[0]
    'Counting in portland: one record for each call for service, not for each recorded crime'
    """
    return {name: load_publisher_types(name, scheme).notes() for name in publishers}


@cache
def _load_shipped(name: str, scheme: str) -> PublisherTypes:
    facts: Mapping[str, str] = FACTS["publishers"][name]
    target, own = load_crime_scheme(scheme), facts["scheme"]
    rows = _rows(name, _read(str(TABLES / f"{name}.csv")))
    if own == scheme:
        return PublisherTypes(name, target, rows, facts)
    if (own, scheme) not in _CROSSWALKS:
        msg = f"{_SETTING}{name} uses the scheme {own}, and no table leads to {scheme}. Set data.crime_scheme={own}."
        raise InputError(msg)
    steps = load_crosswalk(own, scheme) | {"": LabelCategory("", "")}
    chained = {
        pair: LabelCategory(row.label, steps[row.code].code, " ".join(filter(None, (row.doubt, steps[row.code].doubt))))
        for pair, row in rows.items()
    }
    return PublisherTypes(name, target, chained, facts)


def load_crosswalk(start: str, end: str) -> dict[str, LabelCategory]:
    """Return the category of one scheme for each code of another."""
    table = _read(str(TABLES / f"{start}_to_{end}.csv"))
    return {
        label: LabelCategory(label, code, doubt)
        for label, code, doubt in zip(table[_FIRST], table[_CODE], table[_NOTE], strict=True)
    }


def _read(path: str) -> pd.DataFrame:
    """Return the columns label_1, label_2, code and note of a table; those that may lack are empty."""
    table, _ = read_marked_table(path, _SETTING)
    table = table.rename(columns={_LABEL: _FIRST})
    lacking = [name for name in (_FIRST, _CODE) if name not in table]
    if lacking or table.empty:
        wrong = f"has no column {' or '.join(lacking)}" if lacking else "has no row below its header"
        msg = (
            f"{_SETTING}{path} {wrong}. It needs the columns label (or label_1 and label_2) and code; note is optional."
        )
        raise InputError(msg)
    return table.assign(**{name: "" for name in (_SECOND, _NOTE) if name not in table})


def _rows(where: str, table: pd.DataFrame) -> dict[Pair, LabelCategory]:
    """Return the rows by label; InputError for a row without one, or two rows that disagree."""
    rows: dict[Pair, LabelCategory] = {}
    columns = zip(table[_FIRST], table[_SECOND], table[_CODE], table[_NOTE], strict=True)
    for number, (first, second, code, note) in enumerate(columns, 1):
        pair, label = (label_key(first), label_key(second)), " / ".join(filter(None, (first, second)))
        if not first:
            msg = f"{where}, row {number} has no label. Fill it in, or remove the row."
            raise InputError(msg)
        if pair in rows and rows[pair].code != code:
            earlier = rows[pair].code
            msg = f"{where}, row {number}: {label!r} has code={code!r}, and an earlier row has {earlier!r}. Keep one."
            raise InputError(msg)
        rows.setdefault(pair, LabelCategory(label, code, note))
    return rows


def _shortened(labels: Sequence[str]) -> str:
    rest = len(labels) - _SHOWN
    return ", ".join(labels) if rest <= 0 else f"{', '.join(labels[:_SHOWN])} and {rest} more labels"
