"""Combine the explanations of the members of a combined forecast."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from ilp_models.domain.composition import Composition, Member
from ilp_models.domain.explanation import COMBINED, Explanation
from ilp_models.domain.features import Column
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.panel import DIMS

Floats = npt.NDArray[np.float64]

SHARES: Final = Column("combined_shares", "city_level", "{value:.2%} of the city's events here")
_CORRECTION: Final = Column(
    "combined_level", "city_level", "what the combination changes in the level of the city or its areas (x{value:.2f})"
)
_ROUNDING: Final = 1e-9


def combine_explanations(
    composition: Composition, explanations: Sequence[Explanation], forecast: RiskForecast, name: str
) -> Explanation:
    """Return one explanation with the columns of all members.

    The attributions of a member become events (its base plus these is its forecast), are weighted and added up, and
    become logarithms of the combined forecast again. This logarithmic mean Divisia decomposition (Ang 2004, Energy
    Policy 32, 1131-1139) is exact. What the combination changes beyond the sum is a column of its own.
    """
    expected = forecast.expected.values
    pairs = list(zip(composition.members, explanations, strict=True))
    if composition.logarithmic:
        phi, base = _add_logarithms(pairs, expected.shape)
    else:
        phi, base = _add_events(pairs, expected.shape)
    shares = _shares(pairs, expected)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_expected = forecast.expected.copy(data=np.log(expected))
        rest = np.where(shares > 0, log_expected.values - base[:, None, None] - phi.sum(axis=-1), 0.0)
    columns = [_renamed(column, member) for member, one in pairs for column in one.columns]
    values = [_on_cells(one.values.values, member) for member, one in pairs]
    if np.abs(rest).max() > _ROUNDING:
        phi, values = np.concatenate([phi, rest[..., None]], axis=-1), [*values, np.exp(rest)[..., None]]
        columns = [*columns, _CORRECTION]
    coords = {dim: forecast.expected.indexes[dim] for dim in DIMS}
    labels = {**coords, "feature": [column.name for column in columns]}
    methods = dict.fromkeys(one.method for _, one in pairs)
    return Explanation(
        attributions=xr.DataArray(phi, dims=(*DIMS, "feature"), coords=labels),
        values=xr.DataArray(np.concatenate(values, axis=-1), dims=(*DIMS, "feature"), coords=labels),
        base=xr.DataArray(base, dims=DIMS[:1], coords={"crime_type": coords["crime_type"]}),
        log_expected=log_expected,
        columns=tuple(columns),
        forecaster=name,
        cutoff=forecast.cutoff,
        method=f"{COMBINED}: {', '.join(methods)}",
        weights=None if (shares == 1).all() else forecast.expected.copy(data=shares),
    )


Pairs = Sequence[tuple[Member, Explanation]]


def _add_events(pairs: Pairs, shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Return attributions and base of a weighted sum of forecasts."""
    parts, base, total = [], np.zeros(shape[0]), np.zeros(shape)
    for member, one in pairs:
        weights = member.weights
        if member.area_of is None:
            base = base + weights * np.exp(one.base.values)
            total = total + weights[:, None, None] * np.exp(one.log_expected.values)
            parts.append(_weighted(_as_events(one), weights))
        else:
            parts.append(np.zeros((*shape, len(one.columns))))
    with np.errstate(divide="ignore", invalid="ignore"):
        phi = np.concatenate(parts, axis=-1) / _logarithmic_mean(total, base[:, None, None])[..., None]
        return phi, np.log(base)


def _add_logarithms(pairs: Pairs, shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Return attributions and base of a weighted sum of logarithms of forecasts."""
    del shape
    parts = [_weighted(one.attributions.values, member.weights) for member, one in pairs]
    return np.concatenate(parts, axis=-1), np.sum([member.weights * one.base.values for member, one in pairs], axis=0)


def _weighted(values: Floats, weights: Floats) -> Floats:
    """Return values (types, ...) times weights; 0 without a weight, also for unknown values."""
    column = weights.reshape(-1, *[1] * (values.ndim - 1))
    with np.errstate(invalid="ignore"):
        return np.where(column > 0, column * values, 0.0)


def _as_events(explanation: Explanation) -> Floats:
    """Return the events that each column adds to the base; where no event is expected, infinite columns take it all."""
    base, phi = np.exp(explanation.base.values)[:, None, None], explanation.attributions.values
    expected = np.exp(explanation.log_expected.values)
    with np.errstate(invalid="ignore"):
        events = phi * _logarithmic_mean(expected, base)[..., None]
    none, infinite = (expected == 0)[..., None], np.isneginf(phi)
    takers = np.maximum(infinite.sum(axis=-1, keepdims=True), 1)
    return np.where(none, np.where(infinite, -base[..., None] / takers, 0.0), events)


def _logarithmic_mean(one: Floats, other: Floats) -> Floats:
    """Return (a - b) / (log a - log b), and a where both are equal."""
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = np.log(one) - np.log(other)
        return np.asarray(other * np.where(gap == 0, 1.0, np.expm1(gap) / gap))


def _shares(pairs: Pairs, expected: Floats) -> Floats:
    """Return how many units each unit represents; 0 where a member with a weight is not explained."""
    shares = (expected > 0).astype(float)
    for member, one in pairs:
        if member.area_of is None:
            used = (member.weights > 0)[:, None, None]
            zero = np.exp(one.log_expected.values) == 0
            known = np.where(zero, np.maximum(one.shares, 1.0), one.shares)
            shares = np.where(used, np.minimum(shares, known > 0) * np.maximum(shares, known), shares)
    return shares


def _on_cells(values: Floats, member: Member) -> Floats:
    return values if member.area_of is None else values[:, member.area_of]


def _renamed(column: Column, member: Member) -> Column:
    return replace(column, name=f"{member.name}: {column.name}")
