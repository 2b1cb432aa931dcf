"""Publishers' labels of offences and areas as the package's crime types and areas."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.errors import InputError

UNMAPPED: Final = ("refuse", "set_aside", "keep")

Mask = npt.NDArray[np.bool_]

_WHOLE: Final = re.compile(r"(-?\d+)\.0")
_MOST_TYPES: Final = 200
_EXAMPLES: Final = 5


def clean_labels(values: pd.Series) -> pd.Series:
    """Return labels as clean text."""
    codes, distinct = pd.factorize(values.astype("str"))
    clean = [_WHOLE.sub(r"\1", text) if _WHOLE.fullmatch(text) else text for text in (str(v).strip() for v in distinct)]
    table = pd.Series([*(text or None for text in clean), None], dtype="str")
    return pd.Series(table.to_numpy()[codes], index=values.index, dtype="str")


@dataclass(frozen=True, eq=False)
class CrimeTypeLabels:
    """The crime type of each record.

    Parameters
    ----------
    names : Series of str
        Crime types; missing where a mask below is set.
    missing : ndarray of bool
        The publisher gave no label.
    unwanted : ndarray of bool
        The label is mapped to nothing on purpose.
    unmapped : ndarray of bool
        The map does not know the label.
    respelt : ndarray of bool
        The label is kept under another spelling of itself: case and blanks tell no crime types apart.
    declared : tuple of str
        Crime types of the map in its order, with or without records.
    """

    names: pd.Series
    missing: Mask
    unwanted: Mask
    unmapped: Mask
    respelt: Mask
    declared: tuple[str, ...]

    def categories(self, kept: Mask) -> list[str]:
        """Return the crime types of the events: those of the map in its order, then others by the alphabet."""
        found = set(self.names[kept].dropna().unique())
        return [*self.declared, *sorted(found.difference(self.declared), key=str.casefold)]


def crime_types_of(values: pd.Series, mapping: Mapping[str, str | None], unmapped: str) -> CrimeTypeLabels:
    """Return the crime types of publishers' labels."""
    text = clean_labels(values)
    codes, distinct = pd.factorize(text)
    known = {_key(label): target for label, target in mapping.items()}
    declared = tuple(dict.fromkeys(target for target in mapping.values() if target is not None))
    keys = [_key(label) for label in distinct]
    own = _spellings(declared, text) if unmapped == "keep" or not known else {}
    targets = [known.get(key, own.get(key)) for key in keys]
    strange = np.array([bool(known) and key not in known for key in keys] + [False])[codes]
    unwanted = np.array([key in known and known[key] is None for key in keys] + [False])
    pairs = zip(keys, distinct, strict=True)
    respelt = np.array([key not in known and own.get(key, label) != label for key, label in pairs] + [False])
    if strange.any() and unmapped == "refuse":
        raise InputError(_unknown_labels(text[strange]))
    _refuse_too_many({target for target in targets if target is not None})
    names = pd.Series(np.array([*targets, None], dtype=object)[codes], index=values.index, dtype="str")
    return CrimeTypeLabels(names, codes < 0, unwanted[codes], strange, respelt[codes], declared)


def rows_selected(table: pd.DataFrame, where: Mapping[str, Sequence[object]]) -> Mask:
    """Return which rows have one of the wanted values in every filtered column."""
    wanted = np.ones(len(table), dtype=bool)
    for column, values in where.items():
        allowed = {str(value).strip().casefold() for value in values}
        wanted &= clean_labels(table[column]).str.casefold().isin(allowed).to_numpy(dtype=bool)
    return wanted


def _key(label: str) -> str:
    """Return what labels have in common that differ in case or blanks only."""
    return " ".join(label.split()).casefold()


def _spellings(declared: Sequence[str], text: pd.Series) -> dict[str, str]:
    """Return the spelling of each label by its key: the declared one, else the most frequent, else by the alphabet."""
    ranked = text.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    return {_key(label): label for label in reversed([*declared, *ranked.index])}


def _unknown_labels(strange: pd.Series) -> str:
    counts = strange.value_counts()
    shown = ", ".join(f"{label!r} ({count:,})" for label, count in counts.head(_EXAMPLES).items())
    more = f" and {len(counts) - _EXAMPLES} more" if len(counts) > _EXAMPLES else ""
    return (
        f"data.crime_types does not map the labels {shown}{more}; add them (null leaves them out), or set "
        "data.unmapped=set_aside or keep."
    )


def _refuse_too_many(types: set[str]) -> None:
    if len(types) > _MOST_TYPES:
        msg = (
            f"data.columns.crime_type holds {len(types):,} different labels; the limit is {_MOST_TYPES} crime types; "
            "is it the right column? Else map its labels in data.crime_types."
        )
        raise InputError(msg)
