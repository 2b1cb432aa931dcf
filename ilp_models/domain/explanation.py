"""Why a forecast says what it says: contributions that add up to the logarithm of the expected count."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ilp_models.domain.design import Column
from ilp_models.domain.errors import InputError
from ilp_models.domain.panel import DIMS

REASON_COLUMNS: Final = (*DIMS, "rank", "feature", "family", "value", "attribution", "multiplier", "words")


@dataclass(frozen=True, eq=False)
class Explanation:
    """Additive attributions of a forecast on its logarithmic scale.

    For each unit, log expected count = base of its crime type + the sum of its attributions. An attribution of
    0.3 multiplies the expected count by exp(0.3) = 1.35 against the base. The base is the mean of the logarithms,
    so its exponential is not the average risk. An explanation is of the model, not of crime.

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

    @property
    def additivity_error(self) -> float:
        """The largest absolute difference of base + attributions from the log expected count; NaN if any is."""
        total = self.attributions.values.sum(axis=3) + self.base.values[:, None, None]
        return float(np.abs(total - self.log_expected.values).max())

    def importance(self, by: str = "feature") -> pd.DataFrame:
        """Return how strongly each feature or family moves the forecast over all units.

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
        flat = self.attributions.values.reshape(-1, len(families))
        if by == "feature":
            labels = {"feature": [column.name for column in self.columns], "family": families}
        elif by == "family":
            codes, names = pd.factorize(pd.Index(families))
            flat = flat @ np.eye(len(names))[codes]
            labels = {"family": list(names)}
        else:
            msg = f"Importance is by feature or by family, not by {by!r}."
            raise InputError(msg)
        table = pd.DataFrame({**labels, "attribution": np.abs(flat).mean(axis=0)})
        table["multiplier"] = np.exp(table["attribution"])
        return table.sort_values("attribution", ascending=False, kind="stable", ignore_index=True)

    def reasons(self, units: npt.NDArray[np.bool_], count: int = 5) -> pd.DataFrame:
        """Return the strongest reasons of some units, in words.

        Parameters
        ----------
        units : ndarray of bool
            Shape (crime types, cells, periods), True where reasons are wanted.
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
        where = np.nonzero(units)
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

    def _labels(self, dim: str) -> npt.NDArray[np.generic]:
        index = self.log_expected.indexes[dim]
        return np.asarray(index.start_time if isinstance(index, pd.PeriodIndex) else index)
