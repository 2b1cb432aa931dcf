"""Measures of a forecaster in every single period, as series that can be watched."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.audit.check_context import MinEvidence
from ilp_models.audit.flagging import HARM, FlaggingRule
from ilp_models.audit.measures import formulas
from ilp_models.audit.measures.dimension import tally_flags
from ilp_models.audit.measures.group_gaps import pair, per_draw
from ilp_models.audit.measures.group_sums import Basis, Cube, GroupSums
from ilp_models.audit.residents import Residents
from ilp_models.domain.finding import ALL
from ilp_models.domain.grid import Grid
from ilp_models.domain.harm import harm_weights
from ilp_models.domain.replay import Replay

Floats = npt.NDArray[np.float64]

MEASURES: Final = ("exposure", "exposure_ratio", "coverage", "coverage_ratio", "sum_ratio")
RATIOS: Final = ("exposure_ratio", "coverage_ratio", "sum_ratio")  # watched by their logarithm: half is as far as twice

_OF_GROUPS: Final[Mapping[str, formulas.Formula]] = {
    "exposure": formulas.exposure,
    "exposure_ratio": formulas.exposure_ratio,
    "coverage": formulas.coverage,
    "sum_ratio": formulas.sum_ratio,
}


@dataclass(frozen=True)
class SeriesOptions:
    """On what terms a forecaster was audited.

    Parameters
    ----------
    unit : str
        What cells are ranked by.
    share : float
        Share of the active land that is flagged.
    audited : int
        The first periods of a replay that the audit rested on.
    minimum : Minimum
        The least evidence; a group with less is measured and not watched.
    share_of : str, default "land"
        What a share is a share of: ``land`` or ``cells``.
    harm : mapping of str to float, optional
        Harm of one event by crime type, for the unit ``harm``.
    """

    unit: str
    share: float
    audited: int
    minimum: MinEvidence
    share_of: str = "land"
    harm: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Series:
    """Measures by period.

    Parameters
    ----------
    periods : PeriodIndex
        The audited periods, then those since.
    audited : int
        Number of the former.
    about : DataFrame
        ``measure, crime_type, dimension, group, thin``, one row a series; ``thin`` says why a series rests on too
        little to be watched and is empty otherwise.
    values : ndarray of float64
        Shape (periods, series); NaN where a period has no number, such as coverage of no event.
    """

    periods: pd.PeriodIndex
    audited: int
    about: pd.DataFrame
    values: Floats

    @classmethod
    def from_replay(cls, replay: Replay, grid: Grid, residents: tuple[Residents, ...], terms: SeriesOptions) -> Self:
        """Return exposure, coverage and sum ratios of every crime type, of their pool, and of every group."""
        expected = np.asarray(replay.expected.values, dtype=float)
        observed = np.asarray(replay.observed.values, dtype=float)
        people = residents[0].total if residents else None
        harm = harm_weights(terms.harm, replay.crime_types, "audit.harm") if terms.unit == HARM else None
        flags = FlaggingRule(grid.area_m2, terms.unit, terms.share_of, people, harm).flagged(expected, terms.share)[0]
        types = replay.crime_types
        scopes = (*types, ALL) if len(types) > 1 else types
        parts = [_overall(expected, observed, scopes)]
        parts += [_dimension(one, (flags, expected, observed), scopes, terms) for one in residents]
        about = pd.concat([table for table, _ in parts], ignore_index=True)
        return cls(replay.periods, terms.audited, about, np.concatenate([values for _, values in parts], axis=1))

    @property
    def scale(self) -> Floats:
        """Values as they are watched: ratios by their natural logarithm, shares as they are."""
        ratio = self.about["measure"].isin(RATIOS).to_numpy()
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = np.where(ratio, np.log(self.values), self.values)
        return np.where(np.isfinite(scaled), scaled, np.nan)


def _overall(expected: Floats, observed: Floats, scopes: tuple[str, ...]) -> tuple[pd.DataFrame, Floats]:
    sums = [cube.sum(axis=1) for cube in (expected, observed)]
    if len(scopes) > len(expected):
        sums = [np.concatenate((one, one.sum(axis=0, keepdims=True))) for one in sums]
    rows = [_row("sum_ratio", scope) for scope in scopes]
    with np.errstate(divide="ignore", invalid="ignore"):
        return pd.DataFrame(rows), _finite(sums[0] / sums[1]).T


def _dimension(
    residents: Residents, cubes: tuple[Floats, Floats, Floats], scopes: tuple[str, ...], terms: SeriesOptions
) -> tuple[pd.DataFrame, Floats]:
    flags, expected, observed = cubes
    sums = _by_period(residents, flags, expected, observed)
    events = sums["burdened"][: terms.audited, :, :-1].sum(axis=0)
    enough = terms.minimum.met(events, residents.areas_of_half)
    with np.errstate(divide="ignore", invalid="ignore"):
        by_group = {name: _finite(formula(sums)) for name, formula in _OF_GROUPS.items()}
        coverage = per_draw(by_group["coverage"], partial(pair, enough=enough, lowest=True))
    rows, values = [], []
    for measure, cube in by_group.items():
        for row, scope in enumerate(scopes):
            for column, group in enumerate(residents.groups):
                thin = "" if enough[row, column] else _thin(events[row, column], residents.areas_of_half[column], terms)
                rows.append(_row(measure, scope, residents.dimension, group, thin))
                values.append(cube[:, row, column])
    for row, scope in enumerate(scopes):
        thin = "" if enough[row].sum() > 1 else "fewer than two groups have enough events and areas"
        rows.append(_row("coverage_ratio", scope, residents.dimension, "", thin))
        values.append(coverage[:, row])
    return pd.DataFrame(rows), np.stack(values, axis=1)


def _row(measure: str, crime_type: str, dimension: str = "", group: str = "", thin: str = "") -> dict[str, str]:
    return {"measure": measure, "crime_type": crime_type, "dimension": dimension, "group": group, "thin": thin}


def _thin(events: float, areas: int, terms: SeriesOptions) -> str:
    return (
        f"{events:.0f} weighted events in the audited periods and {areas} areas with half of the group; "
        f"the audit asks for {terms.minimum.events:g} and {terms.minimum.areas:g}"
    )


def _by_period(residents: Residents, flags: Floats, expected: Floats, observed: Floats) -> formulas.Totals:
    """Return sums within each period, shape (periods, crime types and their pool, groups and everyone)."""
    basis = Basis.from_residents(residents)
    of_flags = tally_flags(basis, flags, observed)
    of_events = GroupSums.from_cubes(basis, {"predicted": Cube(expected, "cells"), "happened": Cube(observed, "cells")})
    each = np.eye(of_flags.periods)
    sums = {**of_flags.of_periods(each), **of_events.of_periods(each)}
    return sums | {"maps": sums["maps"] / of_flags.periods}  # one map of each type in a period


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)
