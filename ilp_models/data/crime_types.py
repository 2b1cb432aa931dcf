"""Map publishers' offence labels to crime types, clean labels and filter rows by value."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.data.masking import mask_value
from ilp_models.data.personal_data import is_personal_value
from ilp_models.domain.errors import InputError

UNMAPPED: Final = ("refuse", "set_aside", "keep")

Mask = npt.NDArray[np.bool_]

_WHOLE_NUMBER: Final = re.compile(r"(-?\d+)\.0")
_MAX_TYPES: Final = 200
_EXAMPLES: Final = 5
_SHARED_BY: Final = 5  # records whose label may be shown


def clean_labels(values: pd.Series) -> pd.Series:
    """Return labels as stripped text; whole numbers lose a trailing ``.0``, empty text is missing."""
    codes, distinct = pd.factorize(values.astype("str"))
    clean = [
        _WHOLE_NUMBER.sub(r"\1", text) if _WHOLE_NUMBER.fullmatch(text) else text
        for text in (str(v).strip() for v in distinct)
    ]
    table = pd.Series([*(text or None for text in clean), None], dtype="str")
    return pd.Series(table.to_numpy()[codes], index=values.index, dtype="str")


@dataclass(frozen=True, eq=False)
class CrimeTypeLabels:
    """The crime type of each record, and masks of records without one."""

    names: pd.Series  # crime types; missing where missing, excluded or unmapped labels have none
    missing: Mask  # the publisher gave no label
    excluded: Mask  # the settings map the label to null
    unmapped: Mask  # the settings do not name the label
    respelled: Mask  # the label differs from its crime type only in case or blanks
    declared: tuple[str, ...]  # crime types that the settings name, in their order, with or without records
    notes: tuple[str, ...] = ()  # which scheme they follow and what cannot be compared

    def categories(self, remaining: Mask) -> list[str]:
        """Return the crime types of the remaining rows: declared ones in their order, then others alphabetically."""
        found = set(self.names[remaining].dropna().unique())
        return [*self.declared, *sorted(found.difference(self.declared), key=str.casefold)]


def map_crime_types(values: pd.Series, mapping: Mapping[str, str | None], unmapped: str) -> CrimeTypeLabels:
    """Return the crime type of each label; ``unmapped`` is refuse, set_aside or keep."""
    text = clean_labels(values)
    codes, distinct = pd.factorize(text)
    known = {label_key(label): target for label, target in mapping.items()}
    declared = tuple(dict.fromkeys(target for target in mapping.values() if target is not None))
    keys = [label_key(label) for label in distinct]
    spellings = _spellings(declared, text) if unmapped == "keep" or not known else {}
    targets = [known.get(key, spellings.get(key)) for key in keys]
    unknown = np.array([bool(known) and key not in known for key in keys] + [False])[codes]
    excluded = np.array([key in known and known[key] is None for key in keys] + [False])
    pairs = zip(keys, distinct, strict=True)
    respelled = np.array([key not in known and spellings.get(key, label) != label for key, label in pairs] + [False])
    if unknown.any() and unmapped == "refuse":
        raise InputError(_unknown_labels(text[unknown]))
    _refuse_too_many({target for target in targets if target is not None})
    names = pd.Series(np.array([*targets, None], dtype=object)[codes], index=values.index, dtype="str")
    return CrimeTypeLabels(names, codes < 0, excluded[codes], unknown, respelled[codes], declared)


def label_key(label: str) -> str:
    """Return the label without differences in case and blanks."""
    return " ".join(label.split()).casefold()


def describe_labels(labels: pd.Series, limit: int = _EXAMPLES) -> str:
    """Return the most frequent labels with their counts; rare and private ones are masked."""
    counts = labels.value_counts()
    shown = ", ".join(f"{_shown(str(label), count)} ({count:,})" for label, count in counts.head(limit).items())
    return f"{shown} and {len(counts) - limit} more" if len(counts) > limit else shown


def matching_rows(table: pd.DataFrame, filters: Mapping[str, Sequence[object]]) -> Mask:
    """Return which rows have one of the wanted values in every filtered column; case is ignored."""
    wanted = np.ones(len(table), dtype=bool)
    for column, values in filters.items():
        allowed = {str(value).strip().casefold() for value in values}
        wanted &= clean_labels(table[column]).str.casefold().isin(allowed).to_numpy(dtype=bool)
    return wanted


def _spellings(declared: Sequence[str], text: pd.Series) -> dict[str, str]:
    """Return the spelling of each label by key: the declared one, else the most frequent, else the first by name."""
    ranked = text.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    return {label_key(label): label for label in reversed([*declared, *ranked.index])}


def _unknown_labels(unknown: pd.Series) -> str:
    return (
        f"data.crime_types does not map the labels {describe_labels(unknown)}; add them (null excludes a label), "
        "or set data.unmapped=set_aside or keep."
    )


def _shown(label: str, count: int) -> str:
    """Return a label that several records share; rare labels and those that may name a person are masked."""
    private = count < _SHARED_BY or is_personal_value(label)
    return f"{mask_value(label)} (masked)" if private else repr(label)


def _refuse_too_many(types: set[str]) -> None:
    if len(types) > _MAX_TYPES:
        msg = (
            f"The column data.columns.crime_type has {len(types):,} different labels; the limit is {_MAX_TYPES}. "
            "Set data.columns.crime_type to another column, or map its labels in data.crime_types."
        )
        raise InputError(msg)
