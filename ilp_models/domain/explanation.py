"""Explanations: additive attributions of the log expected count, their robustness, and reasons in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
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
COMBINED: Final = "combined"  # start of the method of combined forecasts, whose members have methods of their own
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
    """Results of the robustness tests of an explanation, on a sample of training units.

    ``perturbations`` has ``feature, family, path, interventional``: mean absolute attributions of path-dependent and
    interventional TreeSHAP. ``refits`` has ``feature, family`` and one column of mean absolute attributions for each
    refit. ``interactions`` has ``first, second, first_family, second_family, strength``: the mean absolute SHAP
    interaction value of each pair of columns. Tables are empty where a test does not apply.
    """

    perturbations: pd.DataFrame
    interventional_error: float  # largest additivity error of the interventional attributions; NaN without them
    refits: pd.DataFrame
    interactions: pd.DataFrame
    rows: int  # units in the sample

    @property
    def agreement(self) -> float:
        """Spearman rank correlation of path-dependent and interventional importances; NaN without them."""
        if self.perturbations.empty:
            return float("nan")
        path, interventional = (self.perturbations[name].to_numpy() for name in ("path", "interventional"))
        return float(rank_correlation(path, interventional))

    @property
    def stability(self) -> tuple[float, float, float]:
        """Mean, lowest and highest rank correlation of importances between two refits; NaN without refits."""
        columns = [self.refits[name].to_numpy() for name in self.refits.columns[2:]]
        pairs = [float(rank_correlation(one, other)) for one, other in combinations(columns, 2)]
        if not pairs:
            return float("nan"), float("nan"), float("nan")
        return float(np.mean(pairs)), float(np.min(pairs)), float(np.max(pairs))

    def interactions_by_kind(self) -> pd.DataFrame:
        """Return the interaction strength between kinds of columns: place, time, place in season, crime type."""
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
        """Share of place-time interactions in the strength of all columns; NaN without interactions."""
        total = float(self.interactions["strength"].sum()) if len(self.interactions) else 0.0
        if not total:
            return float("nan")
        table = self.interactions_by_kind()
        both = (table["first"] == PLACE) & (table["second"] == TIME)
        return float(table.loc[both, "strength"].sum()) / total

    def describe_interactions(self) -> str:
        """Return one sentence on whether places keep their rank through the year."""
        share = self.place_with_time
        if not np.isfinite(share):
            return "Interactions of place with time were not computed."
        families = set(self.interactions["first_family"])
        if not any(_KINDS.get(family) == TIME for family in families):
            return (
                "The regression has no time feature: season and city level change all places of a crime type alike. "
                "A place changes its rank only when counts there and nearby change."
            )
        return (
            f"{share:.1%} of the total effect of columns is an interaction of place with time. The smaller the share, "
            "the more constant the rank of a place is through the year."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        tables = {name: getattr(self, name).to_dict("list") for name in _TABLES}
        return {**tables, "interventional_error": _plain(self.interventional_error), "rows": self.rows}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Read the output of :meth:`to_dict`."""
        try:
            tables = {name: pd.DataFrame(plain[name]) for name in _TABLES}
            error = plain["interventional_error"]
            return cls(
                **tables, interventional_error=np.nan if error is None else float(error), rows=int(plain["rows"])
            )
        except IlpError:
            raise
        except (KeyError, TypeError, ValueError) as wrong:
            msg = f"The robustness results of an explanation cannot be read ({wrong!r}). Explain the forecaster again."
            raise InputError(msg) from wrong


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


@dataclass(frozen=True, eq=False)
class Explanation:
    """Additive attributions of a forecast on the log scale.

    For each unit, log expected count = base of its crime type + sum of its attributions. An attribution of 0.3
    multiplies the expected count by exp(0.3) = 1.35. The base is the mean of the logarithms, so exp(base) is not the
    average risk. An explanation describes the model, not the causes of crime.

    Slow methods explain only the units of highest risk and a random sample of the others. Means over units then weight
    each explained unit by the number of units that it represents.

    Parameters
    ----------
    attributions : DataArray
        Natural logarithms of multipliers, dims (crime_type, cell, period, feature).
    values : DataArray
        Feature values; dims and labels of ``attributions``.
    base : DataArray
        Base value of each crime type (natural logarithm of an expected count), dims (crime_type,).
    log_expected : DataArray
        Natural logarithm of the forecast, dims (crime_type, cell, period).
    columns : tuple of Column
        Name, family and words of each feature, in order.
    forecaster : str
        Name under which the forecaster was configured.
    cutoff : Timestamp
        Cutoff of the forecast.
    method : str, default "tree path"
        Attribution method, such as ``exact additive`` or ``permutation``.
    weights : DataArray, optional
        Number of units that each explained unit represents, 0 for units without explanation; dims of
        ``log_expected``. By default every unit is explained.
    robustness : Robustness, optional
        Results of the robustness tests.
    settings : mapping of str to Any, optional
        Settings that it was made with; None if they are unknown.

    Raises
    ------
    InputError
        If the parts have different units or features.
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
    settings: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        dims = (*DIMS, "feature")
        shapes = self.values.shape, (*self.log_expected.shape, len(self.columns))
        if self.attributions.dims != dims or self.log_expected.dims != DIMS or set(shapes) != {self.attributions.shape}:
            msg = f"An explanation needs attributions and values over {dims} of its forecast and columns."
            raise InputError(msg)
        if self.base.dims != DIMS[:1] or self.base.shape != self.attributions.shape[:1]:
            msg = "An explanation needs one base value for each crime type."
            raise InputError(msg)
        if self.weights is not None and (
            self.weights.shape != self.log_expected.shape or not self.weights.values.any() or (self.weights < 0).any()
        ):
            msg = "An explanation needs weights >= 0 for its units, and at least one explained unit."
            raise InputError(msg)

    def explains(self, expected: xr.DataArray) -> bool:
        """Return whether it is of the first period of a forecast: the same units and the same expected counts."""
        first = expected.isel(period=slice(1))
        labels = all(first.indexes[dim].equals(self.log_expected.indexes[dim]) for dim in DIMS)
        return labels and bool(np.allclose(np.exp(self.log_expected.values), first.values, rtol=1e-6, atol=1e-12))

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        """Number of units that each unit represents, shape (crime types, cells, periods); 0 if not explained."""
        if self.weights is None:
            return np.ones(self.log_expected.shape)
        return np.asarray(self.weights.values, dtype=float)

    @property
    def explained(self) -> npt.NDArray[np.bool_]:
        """Which units are explained, shape (crime types, cells, periods)."""
        return self.shares > 0

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each explained unit and feature: labels, ``feature, value, attribution``."""
        cubes = {"value": self.values, "attribution": self.attributions}
        return pd.DataFrame({name: cube.to_series() for name, cube in cubes.items()})[self._rows()].reset_index()

    def _rows(self) -> npt.NDArray[np.bool_]:
        return np.repeat(self.explained.ravel(), len(self.columns))

    def __repr__(self) -> str:
        """Return forecaster, method and size in one line."""
        count, cutoff = int(self.explained.sum()), f"{self.cutoff:%Y-%m-%d}"
        name = self.forecaster or "a forecast"
        return f"<Explanation of {name} at {cutoff} by {self.method}: {count:,} units, {len(self.columns)} features>"

    def _repr_html_(self) -> str:
        """Return the summary line and the strongest features, for notebooks."""
        table = self.importance().head(10).to_html(index=False, float_format="{:.3f}".format)
        return f"<p>{escape(repr(self))}</p>{table}"

    @property
    def compares_shares(self) -> bool:
        """Whether refits compare the shares of cells, since their columns have no importance in common."""
        return self.method == LEVEL_AND_SHARE or self.method.startswith(COMBINED)

    @property
    def additivity_error(self) -> float:
        """Largest absolute difference between base + attributions and the log expected count; NaN if any is NaN."""
        explained = self.explained
        start = np.broadcast_to(self.base.values[:, None, None], explained.shape)[explained]
        total = self.attributions.values[explained].sum(axis=1) + start
        return float(np.abs(total - self.log_expected.values[explained]).max())

    def importance(self, by: str = "feature") -> pd.DataFrame:
        """Return the mean absolute attribution of each feature or family over all units, strongest first.

        Parameters
        ----------
        by : str, default "feature"
            ``feature`` or ``family``; the attributions of a family are added within each unit first.

        Returns
        -------
        DataFrame
            ``feature`` (with ``by="feature"``), ``family``, ``attribution`` (mean absolute, natural logarithm) and
            ``multiplier`` (its exponential: the typical factor up or down).

        Raises
        ------
        InputError
            If ``by`` is another value.
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
            msg = f"by={by!r} is unknown. Choose feature or family."
            raise InputError(msg)
        table = pd.DataFrame({**labels, "attribution": np.average(np.abs(flat), axis=0, weights=weights)})
        table["multiplier"] = np.exp(table["attribution"])
        return table.sort_values("attribution", ascending=False, kind="stable", ignore_index=True)

    def reasons(self, units: npt.NDArray[np.bool_], count: int = 5) -> pd.DataFrame:
        """Return the strongest reasons of some units as text.

        Parameters
        ----------
        units : ndarray of bool
            Shape (crime types, cells, periods), True for the requested units; units without explanation are omitted.
        count : int, default 5
            Reasons for each unit, strongest first.

        Returns
        -------
        DataFrame
            One row for each reason with the columns of ``REASON_COLUMNS``; ``period`` is its first day.

        Raises
        ------
        InputError
            If the shape is not that of the forecast.
        """
        if units.shape != self.log_expected.shape:
            msg = f"units has shape {units.shape}. Pass the shape of the forecast, {self.log_expected.shape}."
            raise InputError(msg)
        where = np.nonzero(units & self.explained)
        phi, values = self.attributions.values[where], self.values.values[where]
        order = np.argsort(-np.abs(phi), axis=1, kind="stable")[:, :count]
        feature, each = order.ravel(), order.shape[1]
        labels = {dim: np.repeat(self._labels(dim)[at], each) for dim, at in zip(DIMS, where, strict=True)}
        value = np.take_along_axis(values, order, axis=1).ravel().astype(float)
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
        """Return one sentence for each unit: expected events, reference and strongest multipliers.

        Parameters
        ----------
        units : ndarray of bool
            As in :meth:`reasons`.
        count : int, default 5
            Number of multipliers.

        Returns
        -------
        DataFrame
            ``crime_type, cell, period, expected, base`` (reference, events) and ``sentence``.
        """
        where = np.nonzero(units & self.explained)
        table = self.reasons(units, count)
        shape = len(where[0]), min(count, len(self.columns))
        words = {column.name: column.words for column in self.columns}
        texts = [
            f"{words[name].format(value=value)} (x{factor:.2f})"
            for name, value, factor in zip(table["feature"], table["value"], table["multiplier"], strict=True)
        ]
        factors = np.array(texts, dtype=object).reshape(shape)
        multipliers = table["multiplier"].to_numpy().reshape(shape)
        expected, base = np.exp(self.log_expected.values[where]), np.exp(self.base.values[where[0]])
        rest = expected / base / multipliers.prod(axis=1)
        units_of = {dim: self._labels(dim)[at] for dim, at in zip(DIMS, where, strict=True)}
        sentences = list(map(_sentence, expected, base, factors, multipliers, rest))
        return pd.DataFrame({**units_of, "expected": expected, "base": base, "sentence": sentences})

    def _labels(self, dim: str) -> npt.NDArray[np.generic]:
        index = self.log_expected.indexes[dim]
        return np.asarray(index.start_time if isinstance(index, pd.PeriodIndex) else index)


def _sentence(
    expected: float, base: float, factors: npt.NDArray[np.object_], multipliers: npt.NDArray[np.float64], rest: float
) -> str:
    """Return the sentence of one unit; factors that raise the expected count come first."""
    parts = [
        f"{verb} by: {', '.join(str(one) for one, fits in zip(factors, side, strict=True) if fits)}"
        for verb, side in (("raised", multipliers >= 1), ("lowered", multipliers < 1))
        if side.any()
    ]
    start = f"{expected:.2f} events are expected, {expected / base:.2f} times the reference of {base:.2f}"
    return "; ".join([start, *parts, f"other features x{rest:.2f}"]) + "."
