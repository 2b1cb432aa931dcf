"""Why a forecast says what it says: contributions that add up to the logarithm of the expected count."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ilp_models.domain.errors import IlpError, InputError
from ilp_models.domain.features import Column
from ilp_models.domain.panel import DIMS
from ilp_models.stats.rank_statistics import rank_correlation

LEVEL_AND_SHARE: Final = "level and share"
REASON_COLUMNS: Final = (*DIMS, "rank", "feature", "family", "value", "attribution", "multiplier", "words")
_TABLES: Final = ("perturbations", "refits", "interactions")
PLACE: Final = "place"
TIME: Final = "time"
_KINDS: Final = {
    **dict.fromkeys(("calendar", "city_level", "lead"), TIME),
    **dict.fromkeys(("same_season", "same_weekday"), "place in season"),
    "crime_type": "crime type",
}


@dataclass(frozen=True, eq=False)
class Robustness:
    """What was tried on an explanation, over a sample of the units that its regression learned from.

    Parameters
    ----------
    perturbations : DataFrame
        ``feature, family, path, interventional``: mean absolute attribution (natural logarithm) when unknown columns
        follow the trees' own rows, and when they are drawn from a background without regard to the known ones.
        Empty where there is one way only.
    interventional_error : float
        The largest gap of the interventional attributions from the log rate; NaN without them.
    refits : DataFrame
        ``feature, family``, then the mean absolute attributions of each regression learned anew from another half of
        the periods, one column each. Empty where nothing was learned anew.
    interactions : DataFrame
        ``first, second, first_family, second_family, strength``: mean absolute SHAP interaction value of each pair of
        columns, both halves together; a column with itself is what it adds alone. Empty where there are none.
    rows : int
        Units in the sample.
    """

    perturbations: pd.DataFrame
    interventional_error: float
    refits: pd.DataFrame
    interactions: pd.DataFrame
    rows: int

    @property
    def agreement(self) -> float:
        """Rank correlation (Spearman) of the importances under both perturbations; NaN without them."""
        if self.perturbations.empty:
            return float("nan")
        path, interventional = (self.perturbations[name].to_numpy() for name in ("path", "interventional"))
        return float(rank_correlation(path, interventional))

    @property
    def stability(self) -> tuple[float, float, float]:
        """Mean, lowest and highest rank correlation of the importances of any two refits; NaN without them."""
        columns = [self.refits[name].to_numpy() for name in self.refits.columns[2:]]
        pairs = [float(rank_correlation(one, other)) for one, other in combinations(columns, 2)]
        if not pairs:
            return float("nan"), float("nan"), float("nan")
        return float(np.mean(pairs)), float(np.min(pairs)), float(np.max(pairs))

    def interactions_by_kind(self) -> pd.DataFrame:
        """Return how strongly kinds of columns act together: place, time, place in season, crime type."""
        pairs = self.interactions[self.interactions["first"] != self.interactions["second"]]
        kinds = [
            sorted((_KINDS.get(one, PLACE), _KINDS.get(other, PLACE)))
            for one, other in zip(pairs["first_family"], pairs["second_family"], strict=True)
        ]
        table = pd.DataFrame(kinds, columns=["first", "second"]).assign(strength=pairs["strength"].to_numpy())
        table = table.groupby(["first", "second"])[["strength"]].sum().reset_index()
        total = table["strength"].sum()
        table["share"] = table["strength"] / total if total else 0.0
        return table.sort_values("strength", ascending=False, kind="stable", ignore_index=True)

    @property
    def place_with_time(self) -> float:
        """Strength of the interactions of place with time, as a share of all that columns do; NaN without any."""
        total = float(self.interactions["strength"].sum()) if len(self.interactions) else 0.0
        if not total:
            return float("nan")
        table = self.interactions_by_kind()
        both = (table["first"] == PLACE) & (table["second"] == TIME)
        return float(table.loc[both, "strength"].sum()) / total

    def describe_interactions(self) -> str:
        """Return in one sentence what the interactions say of permanent labels of places."""
        share = self.place_with_time
        if not np.isfinite(share):
            return "Interactions of place with time were not worked out."
        families = set(self.interactions["first_family"])
        if not any(_KINDS.get(family) == TIME for family in families):
            return (
                "The regression has no column of time: season and city level move all places of a crime type alike, "
                "so that a place changes its rank only when the counts there and around it do."
            )
        return (
            f"{share:.1%} of what columns add is an interaction of place with time: the smaller it is, the more a "
            "place keeps its rank through the year whatever happens elsewhere."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        tables = {name: getattr(self, name).to_dict("list") for name in _TABLES}
        return {**tables, "interventional_error": _plain(self.interventional_error), "rows": self.rows}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_dict` wrote."""
        try:
            tables = {name: pd.DataFrame(plain[name]) for name in _TABLES}
            error = plain["interventional_error"]
            return cls(
                **tables, interventional_error=np.nan if error is None else float(error), rows=int(plain["rows"])
            )
        except IlpError:
            raise
        except (KeyError, TypeError, ValueError) as wrong:
            msg = f"What was tried on an explanation cannot be read ({wrong!r}); explain the forecaster again."
            raise InputError(msg) from wrong


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


@dataclass(frozen=True, eq=False)
class Explanation:
    """Additive attributions of a forecast on its logarithmic scale.

    For each unit, log expected count = base of its crime type + the sum of its attributions. An attribution of
    0.3 multiplies the expected count by exp(0.3) = 1.35 against the base. The base is the mean of the logarithms,
    so its exponential is not the average risk. An explanation is of the model, not of crime.

    Where explaining a unit is costly, only some units are explained: those of the highest risk and a random sample
    of the others. Means over units then count each explained unit as often as it stands for others.

    Parameters
    ----------
    attributions : DataArray
        Natural logarithms of multipliers, dims (crime_type, cell, period, feature).
    values : DataArray
        What the model saw, in the units of the columns' words; dims and labels of ``attributions``.
    base : DataArray
        Where the sums start from, dims (crime_type,), natural logarithm of an expected count.
    log_expected : DataArray
        Natural logarithm of what the forecaster itself predicts, dims (crime_type, cell, period).
    columns : tuple of Column
        Name, family and words of each feature, in order.
    forecaster : str
        Name under which the forecaster was configured.
    cutoff : Timestamp
        The moment of the forecast.
    method : str, default "tree path"
        How it was worked out, such as ``exact additive`` or ``permutation``.
    weights : DataArray, optional
        How many units each explained unit stands for, 0 where a unit is not explained; dims of ``log_expected``.
        By default every unit is explained.
    robustness : Robustness, optional
        What was tried on it.

    Raises
    ------
    InputError
        If the parts do not describe the same units and features.
    """

    attributions: xr.DataArray
    values: xr.DataArray
    base: xr.DataArray
    log_expected: xr.DataArray
    columns: tuple[Column, ...]
    forecaster: str
    cutoff: pd.Timestamp
    method: str = "tree path"
    weights: xr.DataArray | None = None
    robustness: Robustness | None = None

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together."""
        dims = (*DIMS, "feature")
        shapes = self.values.shape, (*self.log_expected.shape, len(self.columns))
        if self.attributions.dims != dims or self.log_expected.dims != DIMS or set(shapes) != {self.attributions.shape}:
            msg = f"An explanation needs attributions and values over {dims} of its forecast and columns."
            raise InputError(msg)
        if self.base.dims != DIMS[:1] or self.base.shape != self.attributions.shape[:1]:
            msg = "An explanation needs one base a crime_type."
            raise InputError(msg)
        if self.weights is not None and (
            self.weights.shape != self.log_expected.shape or not self.weights.values.any() or (self.weights < 0).any()
        ):
            msg = "An explanation needs weights >= 0 of its units, and at least one unit that is explained."
            raise InputError(msg)

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        """How many units each unit stands for, shape (crime types, cells, periods); 0 where it is not explained."""
        if self.weights is None:
            return np.ones(self.log_expected.shape)
        return np.asarray(self.weights.values, dtype=float)

    @property
    def explained(self) -> npt.NDArray[np.bool_]:
        """Which units are explained, shape (crime types, cells, periods)."""
        return self.shares > 0

    @property
    def additivity_error(self) -> float:
        """The largest absolute difference of base + attributions from the log expected count; NaN if any is."""
        explained = self.explained
        start = np.broadcast_to(self.base.values[:, None, None], explained.shape)[explained]
        total = self.attributions.values[explained].sum(axis=1) + start
        return float(np.abs(total - self.log_expected.values[explained]).max())

    def importance(self, by: str = "feature") -> pd.DataFrame:
        """Return how strongly each feature or family moves the forecast, over all units.

        Parameters
        ----------
        by : str, default "feature"
            ``feature`` or ``family``; the attributions of a family are added within each unit first.

        Returns
        -------
        DataFrame
            ``feature`` (with ``by="feature"``), ``family``, ``attribution`` (mean absolute, natural logarithm) and
            ``multiplier`` (its exponential: the typical factor up or down), strongest first.

        Raises
        ------
        InputError
            If ``by`` is another word.
        """
        families = [column.family for column in self.columns]
        explained = self.explained
        flat, weights = self.attributions.values[explained], self.shares[explained]
        if by == "feature":
            labels = {"feature": [column.name for column in self.columns], "family": families}
        elif by == "family":
            codes, names = pd.factorize(pd.Index(families))
            flat = flat @ np.eye(len(names))[codes]
            labels = {"family": list(names)}
        else:
            msg = f"Importance is by feature or by family, not by {by!r}."
            raise InputError(msg)
        table = pd.DataFrame({**labels, "attribution": np.average(np.abs(flat), axis=0, weights=weights)})
        table["multiplier"] = np.exp(table["attribution"])
        return table.sort_values("attribution", ascending=False, kind="stable", ignore_index=True)

    def reasons(self, units: npt.NDArray[np.bool_], count: int = 5) -> pd.DataFrame:
        """Return the strongest reasons of some units, in words.

        Parameters
        ----------
        units : ndarray of bool
            Shape (crime types, cells, periods), True where reasons are wanted; units not explained have none.
        count : int, default 5
            Reasons a unit, strongest first.

        Returns
        -------
        DataFrame
            One row a reason, the columns of ``REASON_COLUMNS``; ``period`` is its first day, ``rank`` starts at 1.

        Raises
        ------
        InputError
            If the shape is not that of the forecast.
        """
        if units.shape != self.log_expected.shape:
            msg = f"Reasons were asked for units of shape {units.shape}; the forecast has {self.log_expected.shape}."
            raise InputError(msg)
        where = np.nonzero(units & self.explained)
        phi, seen = self.attributions.values[where], self.values.values[where]
        order = np.argsort(-np.abs(phi), axis=1, kind="stable")[:, :count]
        feature, each = order.ravel(), order.shape[1]
        labels = {dim: np.repeat(self._labels(dim)[at], each) for dim, at in zip(DIMS, where, strict=True)}
        value = np.take_along_axis(seen, order, axis=1).ravel().astype(float)
        attribution = np.take_along_axis(phi, order, axis=1).ravel()
        multiplier = np.exp(attribution)
        columns = [self.columns[position] for position in feature]
        words = [
            f"{column.words.format(value=known)}: x{factor:.2f}"
            for column, known, factor in zip(columns, value, multiplier, strict=True)
        ]
        return pd.DataFrame(
            {
                **labels,
                "rank": np.tile(np.arange(1, each + 1), len(order)),
                "feature": [column.name for column in columns],
                "family": [column.family for column in columns],
                "value": value,
                "attribution": attribution,
                "multiplier": multiplier,
                "words": words,
            },
            columns=list(REASON_COLUMNS),
        )

    def sentences(self, units: npt.NDArray[np.bool_], count: int = 5) -> pd.DataFrame:
        """Return one plain sentence a unit, with where it starts from and its strongest multipliers.

        Parameters
        ----------
        units : ndarray of bool
            As in :meth:`reasons`.
        count : int, default 5
            Multipliers named.

        Returns
        -------
        DataFrame
            ``crime_type, cell, period, expected, base`` (the reference, events) and ``sentence``.
        """
        where = np.nonzero(units & self.explained)
        table = self.reasons(units, count)
        shape = len(where[0]), min(count, len(self.columns))
        words = table["words"].to_numpy(dtype=object).reshape(shape)
        multipliers = table["multiplier"].to_numpy().reshape(shape)
        expected, base = np.exp(self.log_expected.values[where]), np.exp(self.base.values[where[0]])
        rest = expected / base / multipliers.prod(axis=1)
        units_of = {dim: self._labels(dim)[at] for dim, at in zip(DIMS, where, strict=True)}
        sentences = list(map(_sentence, expected, base, words, multipliers, rest))
        return pd.DataFrame({**units_of, "expected": expected, "base": base, "sentence": sentences})

    def _labels(self, dim: str) -> npt.NDArray[np.generic]:
        index = self.log_expected.indexes[dim]
        return np.asarray(index.start_time if isinstance(index, pd.PeriodIndex) else index)


def _sentence(
    expected: float, base: float, words: npt.NDArray[np.object_], multipliers: npt.NDArray[np.float64], rest: float
) -> str:
    """Return what is expected of a unit and why, what raises it first."""
    told = [" (x".join(str(one).rsplit(": x", 1)) + ")" for one in words]
    parts = [
        f"what {verb} it: {', '.join(one for one, fits in zip(told, side, strict=True) if fits)}"
        for verb, side in (("raises", multipliers >= 1), ("lowers", multipliers < 1))
        if side.any()
    ]
    start = f"{expected:.2f} events are expected, {expected / base:.2f} times the reference of {base:.2f}"
    return "; ".join([start, *parts, f"all else x{rest:.2f}"]) + "."
