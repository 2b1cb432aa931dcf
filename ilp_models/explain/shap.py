"""Attributions of tree regressions by SHAP."""

import warnings
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ilp_models.domain.design import Column, Design
from ilp_models.domain.errors import InputError
from ilp_models.domain.explanation import Explanation
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.history import History
from ilp_models.domain.panel import DIMS
from ilp_models.domain.ranking import Ranking

with warnings.catch_warnings():  # its plots, which are not used here, warn about matplotlib on import
    warnings.simplefilter("ignore", PendingDeprecationWarning)
    import shap

Floats = npt.NDArray[np.floating[Any]]

OFFSET = Column("offset", "offset", "the level and share forecast alone gives {value:.2f} events")


class TreeForecaster(Protocol):
    """A fitted forecaster whose regression is made of trees with a logarithmic link."""

    history_: History
    estimator_: Any

    def design(self, periods: pd.PeriodIndex) -> Design:
        """Return the design matrix that ``predict`` uses.

        Parameters
        ----------
        periods : PeriodIndex
            Periods after the cutoff.

        Returns
        -------
        Design
            With the logarithm of the offset.
        """
        ...

    def predict(self, periods: pd.PeriodIndex) -> RiskForecast:
        """Return the forecast to explain.

        Parameters
        ----------
        periods : PeriodIndex
            Periods after the cutoff.

        Returns
        -------
        RiskForecast
            Expected counts.
        """
        ...


@dataclass(frozen=True)
class TreeShap:
    """Path-dependent TreeSHAP on the logarithm of the expected count (Lundberg et al. 2020).

    The forecast that the regression starts from is a feature of its own, ``offset``: its attribution is the
    logarithm of the offset less its mean over the explained units of the same crime type.

    Parameters
    ----------
    top_share : float, default 0.05
        Share of the active land, by expected count per m2, whose cells are given reasons.
    reasons : int, default 5
        Reasons given for each of these cells.

    Raises
    ------
    InputError
        If the share is not above 0 and at most 1, or there is to be no reason.
    """

    top_share: float = 0.05
    reasons: int = 5

    def __post_init__(self) -> None:
        """Refuse settings that explain nothing."""
        if not 0 < self.top_share <= 1 or self.reasons < 1:
            msg = (
                f"explain.top_share={self.top_share} must lie above 0 and at most 1, and explain.reasons={self.reasons}"
                " be at least 1."
            )
            raise InputError(msg)

    def run(self, forecaster: TreeForecaster, periods: pd.PeriodIndex, name: str = "") -> Explanation:
        """Return the attributions of every unit of some periods.

        Parameters
        ----------
        forecaster : TreeForecaster
            A fitted forecaster.
        periods : PeriodIndex
            Periods after its cutoff that its ``design`` takes.
        name : str, default ""
            Name under which the forecaster was configured; the audit compares it with that of the replay.

        Returns
        -------
        Explanation
            Attributions of the design's columns and, where there is one, of the offset.

        Raises
        ------
        InputError
            If SHAP cannot read the regression.
        """
        design, forecast = forecaster.design(periods), forecaster.predict(periods)
        phi, start = _attributions(forecaster.estimator_, design.values)
        shape = tuple(forecast.expected.sizes[dim] for dim in ("period", "crime_type", "cell"))
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
        with np.errstate(divide="ignore"):
            log_expected = forecast.expected.copy(data=np.log(forecast.expected.values))
        return Explanation(
            attributions=xr.DataArray(phi, dims=(*DIMS, "feature"), coords=labels),
            values=xr.DataArray(shown, dims=(*DIMS, "feature"), coords=labels),
            base=xr.DataArray(base, dims=DIMS[:1], coords={"crime_type": coords["crime_type"]}),
            log_expected=log_expected,
            columns=columns,
            forecaster=name,
            cutoff=forecast.cutoff,
        )

    def top_reasons(self, explanation: Explanation, area_m2: npt.NDArray[np.float64]) -> pd.DataFrame:
        """Return the reasons of the cells on the top share of the active land.

        Parameters
        ----------
        explanation : Explanation
            Attributions of every unit.
        area_m2 : ndarray of float64
            Ground area of each cell, square metres.

        Returns
        -------
        DataFrame
            As :meth:`ilp_models.domain.explanation.Explanation.reasons`: the content of ``explanation.parquet``.
        """
        expected = np.exp(explanation.log_expected.values)
        top = np.stack([Ranking.of(one_type, area_m2).whole(self.top_share) for one_type in expected])
        return explanation.reasons(top, self.reasons)


def _attributions(estimator: object, values: Floats) -> tuple[Floats, float]:
    """Return raw attributions (rows x columns) and what they start from."""
    try:
        explainer = shap.TreeExplainer(estimator, feature_perturbation="tree_path_dependent")
        phi = np.asarray(explainer.shap_values(values, check_additivity=False), dtype=np.float64)
        return phi, float(np.ravel(explainer.expected_value)[0])
    except Exception as error:  # SHAP raises bare Exceptions for models it does not know
        name = type(estimator).__name__
        msg = f"SHAP cannot explain {name}: {error}. Explain a regression made of trees, such as lightgbm."
        raise InputError(msg) from error


def _cube(rows: Floats, shape: tuple[int, ...]) -> Floats:
    """Return rows in the order period, crime type, cell as (crime_type, cell, period, column)."""
    return np.ascontiguousarray(rows.reshape(*shape, -1).transpose(1, 2, 0, 3), dtype=np.float64)
