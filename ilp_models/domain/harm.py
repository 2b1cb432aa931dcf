"""Harm sets: published or own weights of the harm of one crime, with origin, unit and the doubt of each mapping."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import numpy as np
import pandas as pd

from ilp_models.domain.digest import digest_of
from ilp_models.domain.enforcement_kinds import enforcement_kind
from ilp_models.domain.errors import InputError
from ilp_models.domain.harm_weights import HIGH, LOW, READINGS, WEIGHT, HarmWeights
from ilp_models.domain.local_file import local_file
from ilp_models.domain.text_table import read_marked_table

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_TEXTS: Final = ("title", "date", "unit", "source")
_TYPE: Final = "crime_type"
_DOUBT: Final = "doubt"
_CATEGORIES: Final = "categories"
OWN: Final = "own"


@dataclass(frozen=True)
class HarmSet:
    """Weights of the harm of one crime, and how crime types are mapped to them.

    A crime type can hold several categories of a set, such as common and aggravated assault. Its low and high reading
    are the lowest and the highest weight among them.

    Parameters
    ----------
    name : str
        Short name in settings and in names of scores: lower case letters, digits and underscores.
    title, date, unit, source : str
        What the set is, when it was made, what a weight counts, and where the numbers are from.
    weights : mapping of str to float or [float, float]
        Harm of one crime of each category of the set. A pair is a range, for categories whose labels are not known.
    mapping : mapping of str to mapping
        For each crime type: ``categories``, the names of its categories, and ``doubt``, what is uncertain about it.
    licence : str, default ""
        Terms under which the numbers may be used.

    Raises
    ------
    InputError
        If a weight is missing, negative or not finite, a range is reversed, or a mapping names an unknown category.

    Examples
    --------
    >>> about = {"title": "Days in prison", "date": "2020", "unit": "days", "source": "an example"}
    >>> mapping = {"Assault": {"categories": ["common", "grave"], "doubt": "The records do not tell them apart."}}
    >>> harm = HarmSet("days", **about, weights={"common": 10, "grave": 1000}, mapping=mapping)
    >>> found = harm.for_types(["Assault", "Drugs"])
    >>> found.low, found.high, found.weight, found.left_out
    (array([10.]), array([1000.]), array([100.]), {'Drugs': 'drug'})
    """

    name: str
    title: str
    date: str
    unit: str
    source: str
    weights: Mapping[str, float | Sequence[float]]
    mapping: Mapping[str, Mapping[str, Any]]
    licence: str = ""

    def __post_init__(self) -> None:
        """Check name, origin, weights and mapping."""
        check_name(self.name)
        _check_origin(self)
        where = f"harm.{self.name}"
        if not self.weights:
            msg = f"{where}.weights is empty. Give the harm of one crime of each category."
            raise InputError(msg)
        for category, given in self.weights.items():
            _ends(given, f"{where}.weights.{category}")
        for kind, entry in self.mapping.items():
            _check_entry(f"{where}.mapping.{kind}", entry, self.weights)
            self._reading(kind)

    @classmethod
    def from_csv(cls, path: str, **about: str) -> Self:
        """Return the harm set in a file of yours, one row for each crime type.

        Parameters
        ----------
        path : str
            CSV file, spreadsheet or Parquet file, as of :class:`HarmFile`.
        **about : str
            ``title``, ``unit``, ``source`` and ``date``; optionally ``name`` and ``licence``.

        Returns
        -------
        HarmSet
            With one category for each crime type.
        """
        return cls(**vars(HarmFile(path, **about).read()))

    def for_types(self, crime_types: Sequence[str]) -> HarmWeights:
        """Return the readings of some crime types, and which types are left out.

        Parameters
        ----------
        crime_types : sequence of str
            Crime types, in the order of the result.

        Returns
        -------
        HarmWeights
            Low, high and mean weight by type. Types whose records depend on police activity, such as drug offences,
            are left out and named.

        Raises
        ------
        InputError
            If the set maps a type to no category, or no type has any harm.
        """
        kinds = {kind: enforcement_kind(kind) for kind in crime_types}
        counted = tuple(kind for kind, enforcement in kinds.items() if not enforcement)
        unknown = [kind for kind in counted if kind not in self.mapping]
        if unknown:
            raise InputError(self._unmapped_text(unknown))
        ends = np.array([self._reading(kind) for kind in counted], dtype=float).reshape(-1, 2)
        if not ends.any():
            msg = f"The harm set {self.name} gives no harm to {', '.join(crime_types)}. Give a weight above 0 to one."
            raise InputError(msg)
        return HarmWeights(
            name=self.name,
            **{name: getattr(self, name) for name in _TEXTS},
            crime_types=counted,
            low=ends[:, 0],
            high=ends[:, 1],
            doubts=tuple(str(self.mapping[kind].get(_DOUBT) or "") for kind in counted),
            left_out={kind: enforcement for kind, enforcement in kinds.items() if enforcement},
        )

    def digest(self) -> str:
        """Return the SHA-256 of name, origin, weights and mapping."""
        return digest_of(json.dumps(asdict(self), sort_keys=True, default=list))

    def _unmapped_text(self, kinds: Sequence[str]) -> str:
        """Return which types have no weight, with the lines that map the first one in a file of settings."""
        start = f"The harm set {self.name} has no weight for {'; '.join(kinds)}."
        if self.weights.keys() == self.mapping.keys():  # a file with one row for each type
            return f"{start} Add a row for each to its file."
        entry = {_CATEGORIES: ["CATEGORY"], _DOUBT: "WHY"}
        line = json.dumps({"harm": {self.name: {"mapping": {kinds[0]: entry}}}}, ensure_ascii=False)
        return (
            f"{start} Map each to categories of the set ({', '.join(self.weights)}) in harm.{self.name}.mapping. "
            f"In the file of your jurisdiction or experiment, for example: {line}. Or leave this set out, or give your "
            "own with harm=[...,own]."
        )

    def _reading(self, kind: str) -> tuple[float, float]:
        """Return the lowest and the highest weight of a crime type."""
        where = f"harm.{self.name}.mapping.{kind}"
        ends = [_ends(self.weights[one], where) for one in self.mapping[kind][_CATEGORIES]]
        low, high = min(one[0] for one in ends), max(one[1] for one in ends)
        if low == 0 < high:
            msg = f"{where} reads from 0 to {high:g}, and such a range has no geometric mean. Set its low end above 0."
            raise InputError(msg)
        return low, high


@dataclass(frozen=True)
class HarmFile:
    """A harm set in a file of your own, with one row for each crime type.

    Parameters
    ----------
    path : str
        CSV file (commas or semicolons), spreadsheet or Parquet file with the columns ``crime_type`` and ``weight``, or
        ``crime_type``, ``low`` and ``high``; optionally ``doubt``.
    title, unit, source, date : str
        What the set is, what a weight counts, where the numbers are from, and when they were made.
    name : str, default "own"
        Short name in settings and in names of scores.
    licence : str, default ""
        Terms under which the numbers may be used.

    Raises
    ------
    InputError
        If there is no such file, or it is not said what the set is and where it comes from.

    Examples
    --------
    >>> about = {"title": "Days in prison", "unit": "days", "source": "an example", "date": "2020"}
    >>> HarmFile("weights.csv", **about)  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ilp_models.domain.errors.InputError: harm.own.path=weights.csv: there is no such file in ...
    """

    path: str
    title: str
    unit: str
    source: str
    date: str
    name: str = OWN
    licence: str = ""

    def __post_init__(self) -> None:
        """Check name, origin and path before a long computation starts."""
        check_name(self.name)
        _check_origin(self)
        local_file(self.path, self._setting)

    @property
    def _setting(self) -> str:
        return f"harm.{self.name}.path="

    def read(self) -> HarmSet:
        """Return the harm set.

        Raises
        ------
        InputError
            If a column is missing, a type occurs twice, or a weight is missing, negative or not a number.
        """
        where = f"{self._setting}{self.path}"
        table, mark = read_marked_table(self.path, self._setting)
        columns = [WEIGHT] if WEIGHT in table else [LOW, HIGH]
        lacking = [name for name in (_TYPE, *columns) if name not in table]
        if lacking or {WEIGHT, LOW} <= set(table) or {WEIGHT, HIGH} <= set(table):
            msg = (
                f"{where} has the columns {', '.join(table.columns)}. It needs {_TYPE} and either {WEIGHT}, or {LOW} "
                f"and {HIGH}; {_DOUBT} is optional."
            )
            raise InputError(msg)
        kinds = table[_TYPE]
        if kinds.duplicated().any() or (kinds == "").any():
            named = kinds[kinds.duplicated()].iloc[0] if kinds.duplicated().any() else ""
            wrong = f"lists the crime type {named!r} twice" if named else "has a row without a crime type"
            msg = f"{where} {wrong}. Keep one row for each crime type."
            raise InputError(msg)
        numbers = table[columns].apply(lambda one: pd.to_numeric(one.str.replace(mark, "."), errors="coerce"))
        values = numbers.to_numpy(dtype=float)
        valid = np.isfinite(values).all(axis=1) & (values >= 0).all(axis=1) & (values[:, 0] <= values[:, -1])
        if not valid.all():
            row = table[~valid].iloc[0]
            shown = ", ".join(f"{name}={row[name]!r}" for name in columns)
            msg = f"{where}: {row[_TYPE]!r} has {shown}. Give numbers >= 0, with {LOW} at most {HIGH}."
            raise InputError(msg)
        doubts = table[_DOUBT] if _DOUBT in table else [""] * len(table)
        return HarmSet(
            name=self.name,
            **{name: getattr(self, name) for name in (*_TEXTS, "licence")},
            weights={kind: (row[0], row[-1]) for kind, row in zip(kinds, values.tolist(), strict=True)},
            mapping={kind: {_CATEGORIES: [kind], _DOUBT: doubt} for kind, doubt in zip(kinds, doubts, strict=True)},
        )

    def digest(self) -> str:
        """Return the SHA-256 of the content of the set, as of :meth:`HarmSet.digest`."""
        return self.read().digest()

    def for_types(self, crime_types: Sequence[str]) -> HarmWeights:
        """Return the readings of some crime types, as of :meth:`HarmSet.for_types`."""
        return self.read().for_types(crime_types)


HarmSource = HarmSet | HarmFile
HarmSources = Mapping[str, HarmSource] | Sequence[HarmSource]


def sets_side_by_side(given: HarmSources | None) -> tuple[HarmSource, ...]:
    """Return harm sets as a tuple; InputError for a single one, for two of one name, and for anything else."""
    listed = [given] if isinstance(given, str) else given.values() if isinstance(given, Mapping) else given
    sets = tuple(listed or ())
    odd = [one for one in sets if not isinstance(one, HarmSource)]
    if odd:
        msg = f"{odd[0]!r} is not a harm set. Choose sets by name: 'harm=[csi_2009,ons_css]'; see docs/harm.md."
        raise InputError(msg)
    names = [one.name for one in sets]
    if len(set(names)) < len(names):
        msg = f"Two harm sets have the same name: {', '.join(names)}. Give each another name."
        raise InputError(msg)
    if len(sets) == 1:
        msg = (
            f"harm=[{names[0]}] is one harm set. The order of crime types depends on the set, so choose two or more: "
            "'harm=[csi_2009,ons_css]', or your own with harm=[...,own]."
        )
        raise InputError(msg)
    return sets


def set_of_name(sets: Sequence[HarmSource], name: str | None, setting: str) -> HarmSource | None:
    """Return the set of a name; None for no name; InputError if a setting names a set that is not chosen."""
    found = [one for one in sets if one.name == name]
    if name is None or found:
        return found[0] if found else None
    known = ", ".join(one.name for one in sets) or "none"
    shown = name if isinstance(name, str) else dict(name) if isinstance(name, Mapping) else name
    msg = (
        f"{setting}={shown} must be the name of one of the chosen harm sets ({known}). Choose sets with "
        f"'harm=[csi_2009,ons_css]', and one of them with {setting}=csi_2009; see docs/harm.md."
    )
    raise InputError(msg)


def check_name(name: str) -> None:
    """Raise InputError unless a name can be part of the name of a score."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name.rpartition("_")[2] in READINGS:
        msg = (
            f"harm: the name {name!r} of a harm set must be lower case letters, digits and underscores, and must not "
            f"end in {', '.join(READINGS)}. Rename it."
        )
        raise InputError(msg)


def _check_origin(given: "HarmSet | HarmFile") -> None:
    """Raise InputError where a set does not say what it is and where its numbers are from."""
    for name in _TEXTS:
        if not str(getattr(given, name) or "").strip():
            msg = f"harm.{given.name}.{name} is empty. Say what the set is: {', '.join(_TEXTS)}."
            raise InputError(msg)


def _check_entry(where: str, entry: Mapping[str, Any], weights: Mapping[str, Any]) -> None:
    """Raise InputError for a mapping of a crime type without categories, or to one that the set does not have."""
    named = entry.get(_CATEGORIES) if isinstance(entry, Mapping) else None
    if not named or isinstance(named, str) or set(entry) - {_CATEGORIES, _DOUBT}:
        msg = f"{where}={entry!r} must have {_CATEGORIES}, a list of names, and {_DOUBT}, a sentence."
        raise InputError(msg)
    unknown = [one for one in named if one not in weights]
    if unknown:
        msg = f"{where} names the category {unknown[0]!r}; the set has {', '.join(map(str, weights))}. Correct it."
        raise InputError(msg)


def _ends(given: Any, where: str) -> tuple[float, float]:
    """Return a weight, or a range of weights, as two ends; InputError for other values."""
    pair = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given, given]
    numbers = [one for one in pair if isinstance(one, int | float) and not isinstance(one, bool)]
    valid = len(numbers) == len(pair) == 2 and all(math.isfinite(one) and one >= 0 for one in numbers)
    if not valid or numbers[0] > numbers[1]:
        msg = f"{where}={given} must be a finite number >= 0, or a range [low, high] of two such numbers."
        raise InputError(msg)
    return float(numbers[0]), float(numbers[1])
