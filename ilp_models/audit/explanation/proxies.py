"""Proxies: correlation of columns, or of forecast errors, with a group's share of residents, over areas."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.residents import Residents
from ilp_models.domain.explanation import Explanation
from ilp_models.domain.finding import ALL
from ilp_models.domain.grid import Grid
from ilp_models.stats.bootstrap import Estimate

Floats = npt.NDArray[np.float64]

_FOLDS: Final = 5
_PENALTIES: Final = np.logspace(-1, 5, 13)


@dataclass(frozen=True, eq=False)
class AreaProfiles:
    """Areas with residents, and the groups' shares of their residents."""

    place: npt.NDArray[np.int64]  # area of each cell, -1 without residents
    shares: Floats  # (areas, groups)
    people: Floats  # residents, (areas,)

    @classmethod
    def from_residents(cls, residents: Residents) -> "AreaProfiles":
        """Return the areas of the group table, or each cell if the areas of the residents are unknown."""
        known = (residents.area >= 0).any()
        labels = residents.area if known else np.arange(len(residents.total))
        settled = (residents.total > 0) & (labels >= 0)
        place = np.full(len(labels), -1, dtype=np.int64)
        place[settled] = pd.factorize(labels[settled])[0]
        count = int(place.max(initial=-1)) + 1
        blank = cls(place, np.zeros((count, 0)), np.ones(count))
        people = blank.sums(residents.total)
        return cls(place, blank.sums(residents.by_group) / people[:, None], people)

    def at(self, grid: Grid, cells: pd.Index) -> "AreaProfiles":
        """Return the same areas over other cells of the same city."""
        position = grid.cells.get_indexer(cells)
        return AreaProfiles(np.where(position >= 0, self.place[position], -1), self.shares, self.people)

    def sums(self, cells: Floats) -> Floats:
        """Return sums over the cells of each area."""
        result = np.zeros((len(self.people), *cells.shape[1:]))
        settled = self.place >= 0
        np.add.at(result, self.place[settled], cells[settled])
        return result

    def means(self, cells: Floats) -> Floats:
        """Return means over the cells of each area."""
        count = np.bincount(self.place[self.place >= 0], minlength=len(self.people)).astype(float)
        return np.asarray((self.sums(cells).T / np.maximum(count, 1)).T)


def column_correlations(explanation: Explanation, areas: AreaProfiles, residents: Residents) -> pd.DataFrame:
    """Return the correlation of each column with each group's share of residents, over areas, strongest first."""
    means = areas.means(explanation.values.values.mean(axis=2).transpose(1, 0, 2))
    kinds = [str(kind) for kind in explanation.log_expected.indexes["crime_type"]]
    rows: list[pd.DataFrame] = []
    for position, kind in enumerate(kinds):
        values = means[:, position]
        varied = np.flatnonzero(_varies(values))
        columns = [explanation.columns[column] for column in varied]
        found = _strongest(values[:, varied], areas.shares)
        for place, group in enumerate(residents.groups):
            table = pd.DataFrame(
                {
                    "dimension": residents.dimension,
                    "group": group,
                    "crime_type": kind,
                    "feature": [one.name for one in columns],
                    "family": [one.family for one in columns],
                    "correlation": found[:, place],
                }
            )
            rows.append(table)
    table = pd.concat(rows, ignore_index=True)
    order = table["correlation"].abs().sort_values(ascending=False, kind="stable").index
    return table.loc[order].sort_values("group", kind="stable", ignore_index=True)


def joint_proxy_r2(explanation: Explanation, areas: AreaProfiles, seed: int) -> Floats:
    """Return the cross-validated R2 of predicting each group's share of residents from all columns together.

    Ridge regression of the shares on the log area means of all columns. The penalty is chosen within the training
    areas, and every area is predicted out of sample.
    """
    means = areas.means(explanation.values.values.mean(axis=2).transpose(1, 0, 2))
    values = np.sign(means) * np.log1p(np.abs(means))
    values = values.reshape(len(values), -1)
    values = values[:, _varies(values)]
    if len(values) < 2 * _FOLDS or not values.shape[1]:
        return np.full(areas.shares.shape[1], np.nan)
    weights = areas.people / areas.people.mean()
    error, spread = np.zeros(areas.shares.shape[1]), np.zeros(areas.shares.shape[1])
    for train, test in KFold(_FOLDS, shuffle=True, random_state=seed).split(values):
        centre, scale = values[train].mean(axis=0), values[train].std(axis=0)
        scaled = (values - centre) / np.where(scale > 0, scale, 1.0)
        mean = np.average(areas.shares[train], axis=0, weights=weights[train])
        ridge = RidgeCV(_PENALTIES, alpha_per_target=True)
        ridge.fit(scaled[train], areas.shares[train], sample_weight=weights[train])
        predicted = ridge.predict(scaled[test]).reshape(len(test), -1)
        error += weights[test] @ (areas.shares[test] - predicted) ** 2
        spread += weights[test] @ (areas.shares[test] - mean) ** 2
    result = np.full(len(error), np.nan)
    np.divide(error, spread, out=result, where=_varies(areas.shares))
    return np.asarray(1 - result)


def residual_correlations(context: CheckContext, areas: AreaProfiles) -> Iterator[tuple[str, Estimate]]:
    """Yield the correlation of recorded minus expected events with each group's share, over areas and periods."""
    residuals = context.observed - np.asarray(context.replay.expected.values, dtype=float)
    by_area = areas.sums(residuals.transpose(1, 0, 2))
    generator = np.random.default_rng(context.bootstrap.seed)
    count = len(areas.people)
    draws = generator.multinomial(count, np.full(count, 1 / count), size=context.bootstrap.draws).astype(float)
    tail = (1 - context.bootstrap.confidence) / 2
    for row, name in enumerate(context.scopes):
        residual = by_area.sum(axis=1) if name == ALL else by_area[:, row]
        value = _weighted_correlation(np.ones((1, count)), residual, areas.shares)[0]
        drawn = _weighted_correlation(draws, residual, areas.shares)
        low, high = np.nanquantile(drawn, (tail, 1 - tail), axis=0) if np.isfinite(value).all() else (value, value)
        yield name, Estimate(value, np.asarray(low), np.asarray(high))


def _weighted_correlation(weights: Floats, residual: Floats, shares: Floats) -> Floats:
    """Return correlations over area-periods, areas weighted by their draws, shape (draws, groups)."""
    periods = residual.shape[1]
    total, squares = residual.sum(axis=1), (residual**2).sum(axis=1)
    size = weights.sum(axis=1, keepdims=True) * periods
    mean, mean_share = (weights @ total)[:, None] / size, weights @ shares * periods / size
    together = weights @ (shares * total[:, None]) / size - mean * mean_share
    variances = ((weights @ squares)[:, None] / size - mean**2) * (weights @ shares**2 * periods / size - mean_share**2)
    result = np.full(together.shape, np.nan)
    np.divide(together, np.sqrt(np.maximum(variances, 0)), out=result, where=variances > 1e-18)
    return result


def _strongest(values: Floats, shares: Floats) -> Floats:
    """Return the stronger of Pearson's and Spearman's correlation of each column with each share."""
    plain = _correlations(values, shares)
    ranked = _correlations(*(pd.DataFrame(one).rank().to_numpy() for one in (values, shares)))
    return np.where(np.abs(ranked) > np.abs(plain), ranked, plain)


def _correlations(values: Floats, shares: Floats) -> Floats:
    if len(values) < 3:
        return np.full((values.shape[1], shares.shape[1]), np.nan)
    one, other = (part - part.mean(axis=0) for part in (values, shares))
    norm = np.sqrt((one**2).sum(axis=0))[:, None] * np.sqrt((other**2).sum(axis=0))
    result = np.full(norm.shape, np.nan)
    np.divide(one.T @ other, norm, out=result, where=norm > 1e-12)
    return np.clip(result, -1, 1)


def _varies(values: Floats) -> npt.NDArray[np.bool_]:
    return np.asarray(np.ptp(values, axis=0) > 1e-9 * (np.abs(values).max(axis=0) + 1e-12))
