"""Explaining a forecaster by the way that fits it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ilp_models.domain.errors import InputError
from ilp_models.domain.explanation import Explanation, Robustness
from ilp_models.domain.features import Column, Design
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.panel import DIMS
from ilp_models.explain.attribution import AttributionMethod, method_for
from ilp_models.explain.level_share import level_and_share
from ilp_models.explain.robustness import PerturbationTrial
from ilp_models.stats.ranking import Ranking

Floats = npt.NDArray[np.floating[Any]]

OFFSET: Final = Column("offset", "offset", "the level and share forecast alone gives {value:.2f} events")


@dataclass(frozen=True)
class Explain:
    """Attributions on the logarithm of the expected count, by the first way that adds up for the forecaster.

    Trees with a logarithmic link: path-dependent TreeSHAP. Additive regressions such as generalised linear models:
    their own terms. Other regressions: permutations, for the highest cells and a sample. Methods without a regression:
    what is expected in the city, times the share of each cell in it.
    One forecaster a crime type: each by itself.
    The forecast that a regression starts from is a feature of its own, ``offset``: its attribution is the logarithm
    of the offset less its mean over the units of the same crime type.

    Parameters
    ----------
    land_share : float, default 0.05
        Share of the active land, by expected count per m2, whose cells are given reasons.
    reasons : int, default 5
        Reasons given for each of these cells.
    sample : int, default 500
        Units on which perturbations, refits and interactions are tried; also those explained by permutations beside
        the highest cells.
    background : int, default 100
        Units that say what is usual where a column is taken as unknown.
    refits : int, default 5
        Regressions learned anew from halves of the periods, to see whether the same columns matter (other methods: from
        halves of the events, to see whether the same cells do); 0 for none, and the gate withholds.
    block : int, default 4
        Consecutive periods kept or left out together in a refit.
    seed : int, default 0
        Seed of all draws.

    Raises
    ------
    InputError
        If a setting explains nothing.
    """

    land_share: float = 0.05
    reasons: int = 5
    sample: int = 500
    background: int = 100
    refits: int = 5
    block: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that explain nothing."""
        if not 0 < self.land_share <= 1 or self.reasons < 1:
            msg = (
                f"explain.land_share={self.land_share} must be above 0 and at most 1; "
                f"explain.reasons={self.reasons} must be at least 1."
            )
            raise InputError(msg)
        if min(self.sample, self.background, self.block) < 1 or self.refits < 0:
            msg = (
                f"explain needs sample, background and block of at least 1 and refits >= 0, not sample={self.sample}, "
                f"background={self.background}, block={self.block}, refits={self.refits}."
            )
            raise InputError(msg)

    def run(self, forecaster: Any, periods: pd.PeriodIndex, name: str = "") -> Explanation:
        """Return the attributions of the units of some periods."""
        forecast = forecaster.predict(periods)
        if hasattr(forecaster, "forecasters_"):
            each = {kind: self.run(one, periods, name) for kind, one in forecaster.forecasters_.items()}
            return joined(each, forecast, name)
        if not hasattr(forecaster, "design"):
            return self._as_share(forecaster, forecast, name)
        design, estimator = forecaster.design(periods), forecaster.estimator_
        trial = self._trial
        learner = getattr(forecaster, "forecaster_", forecaster)
        learned, counts = learner.training_data() if hasattr(learner, "training_data") else (design, None)
        tried = trial.rows(learned)
        method = method_for(estimator, design.values, tried[1], self.seed)
        weights = self._weights(forecast, forecaster.history_.grid.area_m2) if method.costly else None
        explanation = _assembled(method, design, forecast, weights, name)
        if counts is None:
            return explanation
        return replace(explanation, robustness=trial.run(learner, learned, counts, method, tried))

    def _as_share(self, forecaster: Any, forecast: RiskForecast, name: str) -> Explanation:
        column = getattr(forecaster, "share_column", None)
        if column is None:
            msg = (
                f"{type(forecaster).__name__} has no design matrix and does not say what the share of a cell follows, "
                "so its forecast is not divided among columns. Audit another, such as lightgbm, poisson_glm or ewma."
            )
            raise InputError(msg)
        tried = self._trial.shares(forecaster, forecast, column)
        return replace(level_and_share(forecast, column, name), robustness=tried)

    @property
    def _trial(self) -> PerturbationTrial:
        return PerturbationTrial(self.sample, self.background, self.refits, self.block, self.seed)

    def top_reasons(self, explanation: Explanation, area_m2: npt.NDArray[np.float64]) -> pd.DataFrame:
        """Return the reasons of the cells on the top share of the active land."""
        return explanation.reasons(self._top(np.exp(explanation.log_expected.values), area_m2), self.reasons)

    def _top(self, expected: npt.NDArray[np.float64], area_m2: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        return np.stack([Ranking.from_expected(one_type, area_m2).whole(self.land_share) for one_type in expected])

    def _weights(self, forecast: RiskForecast, area_m2: npt.NDArray[np.float64]) -> xr.DataArray:
        """Return 1 for the highest cells, and for a sample of the others how many each stands for."""
        highest = self._top(forecast.expected.values, area_m2).ravel()
        others = np.flatnonzero(~highest)
        drawn = np.random.default_rng(self.seed).permutation(others)[: self.sample]
        weights = highest.astype(float)
        weights[drawn] = len(others) / max(1, len(drawn))
        return forecast.expected.copy(data=weights.reshape(forecast.expected.shape))


def _assembled(
    method: AttributionMethod, design: Design, forecast: RiskForecast, weights: xr.DataArray | None, name: str
) -> Explanation:
    """Return the attributions of the design's rows as cubes, with the offset as a column."""
    shape = tuple(forecast.expected.sizes[dim] for dim in ("period", "crime_type", "cell"))
    with np.errstate(divide="ignore"):
        log_expected = forecast.expected.copy(data=np.log(forecast.expected.values))
    rows = np.arange(len(design.values))
    if weights is not None:
        rows = np.flatnonzero(weights.values.transpose(2, 0, 1).ravel())
    phi = np.full(design.values.shape, np.nan)
    phi[rows], start = method.attribute(design.values[rows])
    phi, shown = _cube(phi, shape), _cube(design.values if design.shown is None else design.shown, shape)
    base, columns = np.full(shape[1], start), design.columns
    log_offset = _cube(design.log_offset[:, None], shape)
    if log_offset.any():
        mean = log_offset.mean(axis=(1, 2, 3))
        phi = np.concatenate((phi, log_offset - mean[:, None, None, None]), axis=3)
        shown = np.concatenate((shown, np.exp(log_offset)), axis=3)
        base, columns = base + mean, (*columns, OFFSET)
    coords = {dim: forecast.expected.indexes[dim] for dim in DIMS}
    labels = {**coords, "feature": [column.name for column in columns]}
    return Explanation(
        attributions=xr.DataArray(phi, dims=(*DIMS, "feature"), coords=labels),
        values=xr.DataArray(shown, dims=(*DIMS, "feature"), coords=labels),
        base=xr.DataArray(base, dims=DIMS[:1], coords={"crime_type": coords["crime_type"]}),
        log_expected=log_expected,
        columns=columns,
        forecaster=name,
        cutoff=forecast.cutoff,
        method=method.name,
        weights=weights,
    )


def _cube(rows: Floats, shape: tuple[int, ...]) -> Floats:
    """Return rows in the order period, crime type, cell as (crime_type, cell, period, column)."""
    return np.ascontiguousarray(rows.reshape(*shape, -1).transpose(1, 2, 0, 3), dtype=np.float64)


def joined(parts: Mapping[str, Explanation], forecast: RiskForecast, name: str) -> Explanation:
    """Return one explanation of the forecasts of several regressions."""
    one = next(iter(parts.values()))
    names = [column.name for column in one.columns]
    for kind, part in parts.items():
        if [column.name for column in part.columns] != names:
            msg = f"The regression of {kind} has other columns than that of {next(iter(parts))}; give all the same."
            raise InputError(msg)
    with np.errstate(divide="ignore"):
        log_expected = forecast.expected.copy(data=np.log(forecast.expected.values))
    kinds = [str(kind) for kind in log_expected.indexes["crime_type"]]
    coords = {dim: log_expected.indexes[dim] for dim in DIMS}
    shape = (*log_expected.shape, len(names))
    phi, values, shares = np.zeros(shape), np.zeros(shape), np.ones(shape[:3])
    base = log_expected.values[:, 0, 0].copy()
    for place, kind in enumerate(kinds):
        if kind in parts:
            part = parts[kind]
            phi[place], values[place] = part.attributions.values[0], part.values.values[0]
            shares[place], base[place] = part.shares[0], part.base.values[0]
    labels = {**coords, "feature": names}
    whole = all(part.weights is None for part in parts.values())
    return Explanation(
        attributions=xr.DataArray(phi, dims=(*DIMS, "feature"), coords=labels),
        values=xr.DataArray(values, dims=(*DIMS, "feature"), coords=labels),
        base=xr.DataArray(base, dims=DIMS[:1], coords={"crime_type": coords["crime_type"]}),
        log_expected=log_expected,
        columns=one.columns,
        forecaster=name,
        cutoff=forecast.cutoff,
        method=", ".join(dict.fromkeys(part.method for part in parts.values())),
        weights=None if whole else log_expected.copy(data=shares),
        robustness=_mean([part.robustness for part in parts.values()]),
    )


def _mean(tried: Sequence[Robustness | None]) -> Robustness | None:
    """Return the mean importances and interactions of several regressions; None where one was not tried."""
    known = [one for one in tried if one is not None]
    if len(known) < len(tried):
        return None
    return Robustness(
        perturbations=_mean_table([one.perturbations for one in known], ["feature", "family"]),
        interventional_error=float(np.max([one.interventional_error for one in known])),
        refits=_mean_table([one.refits for one in known], ["feature", "family"]),
        interactions=_mean_table(
            [one.interactions for one in known], ["first", "second", "first_family", "second_family"]
        ),
        rows=sum(one.rows for one in known),
    )


def _mean_table(tables: Sequence[pd.DataFrame], keys: list[str]) -> pd.DataFrame:
    if any(table.empty for table in tables):
        return tables[0].head(0)
    return pd.concat(tables, ignore_index=True).groupby(keys, sort=False).mean().reset_index()
