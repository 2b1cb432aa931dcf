"""Parts of forecasts by family of reasons: a city level times shares of the cells, or means of the past of a cell."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ilp_models.domain.family_reasons import RECENT, USUAL, mean_cell, recent_count
from ilp_models.domain.forecaster import Cube
from ilp_models.domain.history import History
from ilp_models.stats.shapley import shapley_values

Floats = npt.NDArray[np.float64]
Parts = tuple[Floats, dict[str, Floats]]  # a reference (types,) and parts (types, cells) by family


def stack_periods(parts: Sequence[Parts]) -> tuple[Floats, Mapping[str, Cube]]:
    """Return references (types, periods) and parts (types, cells, periods) from those of each period."""
    families = parts[0][1]
    stacked = {family: np.stack([one[family] for _, one in parts], axis=2) for family in families}
    return np.stack([reference for reference, _ in parts], axis=1), stacked


def split_level_and_shares(levels: Mapping[str, tuple[Floats, Floats]], shares: Mapping[str, Floats]) -> Parts:
    """Return the exact Shapley values of a forecast that is a product of levels times a sum of shares.

    ``levels`` has the value now and in the reference of each factor (types,). ``shares`` has the distance of each
    cell's share from that of the mean cell, by family (types, cells). A family may have both.
    """
    families = list(dict.fromkeys([*levels, *shares]))
    kinds, cells = next(iter(shares.values())).shape

    def value(inside: tuple[bool, ...]) -> Floats:
        members = {family for family, joined in zip(families, inside, strict=True) if joined}
        level: Floats = np.ones(kinds)
        share: Floats = np.full((kinds, cells), 1.0 / cells)
        for family, (now, reference) in levels.items():
            level = level * (now if family in members else reference)
        for family in members & set(shares):
            share = share + shares[family]
        return np.asarray(level[:, None] * share)

    empty, values = shapley_values(value, len(families))
    return empty[:, 0], dict(zip(families, values, strict=True))


def split_own_past(
    history: History, expected: npt.NDArray[Any], step: int, means: Callable[[int], npt.NDArray[Any]]
) -> Parts:
    """Return the usual level and the last weeks of a mean of the cell's own past.

    ``means(step)`` is the forecast (types, cells) from the counts up to ``step`` periods before the target. The usual
    level is the forecast that was possible a quarter of a year ago, and the last weeks are what has changed it since.
    """
    reference = mean_cell(history)
    older = step + recent_count(history)
    usual = np.asarray(means(older) if len(history.panel.periods) > older - step else expected, dtype=np.float64)
    return reference, {USUAL: usual - reference[:, None], RECENT: expected - usual}


def split_shares(shares: Floats) -> Floats:
    """Return the distances of shares (types, cells) from their mean over the cells."""
    return np.asarray(shares - shares.mean(axis=1, keepdims=True))


def city_levels(history: History) -> Floats:
    """Return the mean city count of each crime type over the latest known year."""
    return mean_cell(history) * len(history.grid)
