"""Explain a forecaster with the attribution method that fits it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ilp_models.domain.composition import Composition
from ilp_models.domain.errors import InputError
from ilp_models.domain.explanation import Explanation, Robustness
from ilp_models.domain.features import Column, Design
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.panel import DIMS
from ilp_models.explain.attribution import AttributionMethod, choose_method
from ilp_models.explain.composites import SHARES, combine_explanations
from ilp_models.explain.level_share import level_and_share
from ilp_models.explain.robustness import PerturbationTrial
from ilp_models.stats.ranking import Ranking

Floats = npt.NDArray[np.floating[Any]]

OFFSET: Final = Column("offset", "offset", "the level and share forecast alone gives {value:.2f} events")


@dataclass(frozen=True)
class Explain:
    """Explain forecasts by attributions on the log of the expected count.

    Trees with a log link use path-dependent TreeSHAP, additive regressions their exact terms. Other regressions use
    permutation SHAP for the top cells and a sample. Forecasters without a regression are split into city level and
    cell share. Forecasters with one model for each crime type are explained one type at a time, and combined forecasts
    from the explanations of all their members, whose columns they have. The offset of a
    regression is a feature, ``offset``: its attribution is log(offset) minus the mean for the crime type.

    Parameters
    ----------
    land_share : float, default 0.05
        Share of the active land, ranked by expected count per m2, whose cells get reasons.
    reasons : int, default 5
        Number of reasons for each of these cells.
    sample : int, default 500
        Units for the robustness tests (perturbations, refits, interactions), and for permutation SHAP in addition to
        the top cells.
    background : int, default 100
        Background units that replace unknown columns.
    refits : int, default 5
        Refits on random halves of the periods (forecasters without a regression: halves of the events). They measure
        the stability of the explanation. With 0 refits the gate withholds.
    block : int, default 4
        Consecutive periods that are kept or left out together in a refit.
    seed : int, default 0
        Seed of all draws.

    Raises
    ------
    InputError
        If a setting is out of range.

    Examples
    --------
    >>> Explain(land_share=0.1, reasons=3).refits
    5
    """

    land_share: float = 0.05
    reasons: int = 5
    sample: int = 500
    background: int = 100
    refits: int = 5
    block: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the settings."""
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
        """Return the explanation of a fitted forecaster for some periods."""
        return replace(self._explain(forecaster, periods, name), settings=asdict(self))

    def _explain(
        self, forecaster: Any, periods: pd.PeriodIndex, name: str, whole: RiskForecast | None = None
    ) -> Explanation:
        """Return the explanation; that of a member of the `whole` forecast has no robustness tests of its own."""
        forecast = forecaster.predict(periods)
        if hasattr(forecaster, "forecasters_"):
            each = {kind: self._explain(one, periods, name, whole) for kind, one in forecaster.forecasters_.items()}
            return _join_types(each, forecast, name)
        if not hasattr(forecaster, "design"):
            return self._explain_without_design(forecaster, forecast, name, whole)
        design, estimator = forecaster.design(periods), forecaster.estimator_
        trial = self._trial
        learner = getattr(forecaster, "forecaster_", forecaster)
        training, counts = learner.training_data() if hasattr(learner, "training_data") else (design, None)
        sample = trial.sample_rows(training)
        method = choose_method(estimator, design.values, sample[1], self.seed)
        ranked = forecast if whole is None else _select_types(whole, forecast)
        weights = self._weights(ranked, forecaster.history_.grid.area_m2) if method.costly else None
        explanation = _build_explanation(method, design, forecast, weights, name)
        if counts is None or whole is not None:
            return explanation
        return replace(explanation, robustness=trial.run(learner, training, counts, method, sample))

    def _explain_without_design(
        self, forecaster: Any, forecast: RiskForecast, name: str, whole: RiskForecast | None
    ) -> Explanation:
        column, composition = getattr(forecaster, "share_column", None), _composition(forecaster)
        if column is not None:
            explanation = level_and_share(forecast, column, name)
        elif composition is not None:
            explanation, column = self._explain_members(composition, forecast, name), SHARES
        else:
            msg = (
                f"{type(forecaster).__name__} cannot be explained: it has no design matrix, no share_column and no "
                "members. Use another forecaster, such as lightgbm, poisson_glm or ewma."
            )
            raise InputError(msg)
        if whole is not None:
            return explanation
        return replace(explanation, robustness=self._trial.refit_shares(forecaster, forecast, column))

    def _explain_members(self, composition: Composition, forecast: RiskForecast, name: str) -> Explanation:
        """Return the explanation of a combined forecast from those of all its members."""
        each = [self._explain(one.forecaster, forecast.periods, one.name, forecast) for one in composition.members]
        own = [_first_cells(one, member.cells) for one, member in zip(each, composition.members, strict=True)]
        return combine_explanations(composition, own, forecast, name)

    @property
    def _trial(self) -> PerturbationTrial:
        return PerturbationTrial(self.sample, self.background, self.refits, self.block, self.seed)

    def top_reasons(self, explanation: Explanation, area_m2: npt.NDArray[np.float64]) -> pd.DataFrame:
        """Return the strongest reasons of the cells on the top share of the active land."""
        return explanation.reasons(self._top(np.exp(explanation.log_expected.values), area_m2), self.reasons)

    def _top(self, expected: npt.NDArray[np.float64], area_m2: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        return np.stack([Ranking.from_expected(one_type, area_m2).whole(self.land_share) for one_type in expected])

    def _weights(self, forecast: RiskForecast, area_m2: npt.NDArray[np.float64]) -> xr.DataArray:
        """Return 1 for the top cells, and for sampled other cells the number of cells that each represents."""
        highest = self._top(forecast.expected.values, area_m2).ravel()
        others = np.flatnonzero(~highest)
        drawn = np.random.default_rng(self.seed).permutation(others)[: self.sample]
        weights = highest.astype(float)
        weights[drawn] = len(others) / max(1, len(drawn))
        return forecast.expected.copy(data=weights.reshape(forecast.expected.shape))


def _first_cells(explanation: Explanation, count: int | None) -> Explanation:
    """Return the explanation of the first cells only."""
    if count is None:
        return explanation
    names = ("attributions", "values", "log_expected", "weights")
    cubes = {name: cube for name in names if (cube := getattr(explanation, name)) is not None}
    return replace(explanation, **{name: cube.isel(cell=slice(count)) for name, cube in cubes.items()})


def _composition(forecaster: Any) -> Composition | None:
    """Return the members of a forecaster; methods from outside the package may have none."""
    found: Composition | None = forecaster.composition() if hasattr(forecaster, "composition") else None
    return found


def _select_types(whole: RiskForecast, part: RiskForecast) -> RiskForecast:
    """Return the whole forecast of the crime types of a part, or the part itself if it is of other areas."""
    same = whole.expected.indexes["cell"].equals(part.expected.indexes["cell"])
    kinds = part.expected.indexes["crime_type"]
    return replace(part, expected=whole.expected.sel(crime_type=kinds)) if same else part


def _build_explanation(
    method: AttributionMethod, design: Design, forecast: RiskForecast, weights: xr.DataArray | None, name: str
) -> Explanation:
    """Return the attributions of design rows as cubes, with the offset as a feature."""
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


def _join_types(parts: Mapping[str, Explanation], forecast: RiskForecast, name: str) -> Explanation:
    """Join the explanations of regressions that forecast one crime type each."""
    one = next(iter(parts.values()))
    names = [column.name for column in one.columns]
    for kind, part in parts.items():
        if [column.name for column in part.columns] != names:
            first = next(iter(parts))
            msg = f"The regressions of {kind} and {first} have different columns. Give all types the same features."
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
        robustness=_mean_robustness([part.robustness for part in parts.values()]),
    )


def _mean_robustness(results: Sequence[Robustness | None]) -> Robustness | None:
    """Return mean importances and interactions of several regressions; None where one has no result."""
    known = [one for one in results if one is not None]
    if len(known) < len(results):
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
