"""Give records the crime types of a scheme, and count labels without a category."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.data.crime_schemes.publisher_types import Pair, PublisherTypes
from ilp_models.data.crime_types import CrimeTypeLabels, clean_labels, describe_labels, label_key
from ilp_models.data.row_filter import Mask, RowFilter
from ilp_models.domain.errors import InputError
from ilp_models.domain.intake import UNCATEGORISED

_BETWEEN: Final = "\x1f"  # two labels, while they are one text
_SHOWN: Final = 20  # labels in the note of a finding


@dataclass(frozen=True, eq=False)
class _Distinct:
    """The different labels, or pairs of labels, of the records, and the position of the one that each record has."""

    pairs: tuple[Pair, ...]  # as published
    position: npt.NDArray[np.int64]  # -1 where the first label is missing

    def spread(self, values: Sequence[bool]) -> Mask:
        """Return for each record whether the value of its label is true."""
        return np.array([*values, False], dtype=bool)[self.position]


def select_scheme_types(
    rows: RowFilter,
    labels: pd.Series,
    details: pd.Series | None,
    types: PublisherTypes,
    crime_types: Mapping[str, str | None],
    unmapped: str,
) -> tuple[RowFilter, CrimeTypeLabels]:
    """Return the rows that count as crime in a scheme, and their crime types.

    Labels that ``crime_types`` maps to null are excluded; its other targets are not used. ``unmapped`` is refuse or
    set_aside.
    """
    found, scheme = _distinct(labels, details), types.scheme
    shown = [str(one.name) for one in (labels, details) if one is not None]
    null = {label_key(label) for label, target in crime_types.items() if target is None}
    dropped = [label_key(first) in null for first, _ in found.pairs]
    excluded, missing = found.spread(dropped), found.position < 0
    codes = [None if drop else types.code(*pair) for pair, drop in zip(found.pairs, dropped, strict=True)]
    uncounted = found.spread([bool(code) and not scheme.counts(str(code)) for code in codes])
    unknown = found.spread([not code for code in codes]) & ~excluded
    rows = rows.remove("crime type excluded by data.crime_types", "left out", excluded, shown)
    rows = rows.remove("crime type missing", "set aside", missing, shown)
    note = f"they have a code 99 of the scheme {scheme.name}."
    rows = rows.remove("not counted as crime by data.crime_scheme", "left out", uncounted, shown, note)
    if unknown.any():
        note = _unknown_labels(found, unknown, types, details)
        if unmapped == "refuse":
            msg = f"No category of data.crime_scheme={scheme.name} for the {note} Or set data.unmapped=set_aside."
            raise InputError(msg)
        rows = rows.remove(UNCATEGORISED, "set aside", unknown, shown, note)
    names = [scheme.categories[code] if code and scheme.counts(code) else None for code in codes]
    kept = [label for label, target in crime_types.items() if target is not None]
    return rows, CrimeTypeLabels(
        names=pd.Series(np.array([*names, None], dtype=object)[found.position], index=labels.index, dtype="str"),
        missing=missing,
        excluded=excluded,
        unmapped=unknown,
        respelled=np.zeros(len(labels), dtype=bool),
        declared=types.declared(kept, with_second=details is not None),
        notes=types.notes({_keys(pair) for pair, name in zip(found.pairs, names, strict=True) if name}),
    )


def _keys(pair: Pair) -> Pair:
    return label_key(pair[0]), label_key(pair[1])


def _distinct(labels: pd.Series, details: pd.Series | None) -> _Distinct:
    text = clean_labels(labels)
    if details is not None:
        text = text + _BETWEEN + clean_labels(details).fillna("")
    at, joined = pd.factorize(text)
    pairs = (one.partition(_BETWEEN) for one in joined)
    return _Distinct(tuple((first, second) for first, _, second in pairs), at.astype(np.int64))


def _unknown_labels(found: _Distinct, unknown: Mask, types: PublisherTypes, details: pd.Series | None) -> str:
    """Return the labels without a category with their counts, and what to do."""
    names = np.array([" / ".join(filter(None, pair)) for pair in found.pairs], dtype=object)
    text = describe_labels(pd.Series(names[found.position[unknown]]), _SHOWN)
    hint = "Set data.columns.crime_type_detail to the column of descriptions, which tells some labels apart. "
    detail = hint if types.has_second and details is None else ""
    return f"labels {text}. {detail}Add them to a table of your own, data.publisher_types=FILE.csv."
