"""Measures of a forecaster by period: exposure, coverage and sum ratio of each crime type and group."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.audit.check_context import MinEvidence
from ilp_models.audit.flagging import HARM, FlaggingRule, with_total
from ilp_models.audit.measures import formulas
from ilp_models.audit.measures.formulas import group_ratio, per_draw
from ilp_models.audit.measures.group_sums import Basis, Cube, GroupSums, tally_flags
from ilp_models.audit.residents import Residents
from ilp_models.domain.finding import ALL
from ilp_models.domain.grid import Grid
from ilp_models.domain.harm_weights import align_weights
from ilp_models.domain.replay import Replay

Floats = npt.NDArray[np.float64]

MEASURES: Final = ("exposure", "exposure_ratio", "coverage", "coverage_ratio", "sum_ratio")
RATIOS: Final = (
    "exposure_ratio",
    "coverage_ratio",
    "sum_ratio",
)  # monitored on the log scale, where 0.5 and 2 are equally far from 1

_OF_GROUPS: Final[Mapping[str, formulas.Formula]] = {
    "exposure": formulas.exposure,
    "exposure_ratio": formulas.exposure_ratio,
    "coverage": formulas.coverage,
    "sum_ratio": formulas.sum_ratio,
}


@dataclass(frozen=True)
class SeriesOptions:
    """The audit settings that series are measured with."""

    rank_by: str  # what cells are ranked by
    land_share: float  # share of the active land that is flagged
    audited_periods: int  # number of audited periods at the start of the replay
    min_evidence: MinEvidence  # a group with less evidence is measured but not monitored
    share_of: str = "land"  # what the share is a share of: land or cells
    harm: Mapping[str, float] = field(default_factory=dict)  # of one event by crime type, for rank_by="harm"
    planned: Floats | None = None  # covered share of each cell and period under the audited rule; None: top areas


@dataclass(frozen=True, eq=False)
class MeasureSeries:
    """Measures by period."""

    periods: pd.PeriodIndex  # the audited periods, then the new ones
    audited_periods: int
    # measure, crime_type, dimension, group, shortfall; one row per series. The shortfall says which evidence is
    # missing, and is empty otherwise.
    keys: pd.DataFrame
    values: Floats  # shape (periods, series); NaN where a measure is undefined, such as coverage of no event

    @classmethod
    def from_replay(cls, replay: Replay, grid: Grid, residents: tuple[Residents, ...], options: SeriesOptions) -> Self:
        """Return the series of every crime type, of all crime types together, and of every group."""
        expected = np.asarray(replay.expected.values, dtype=float)
        observed = np.asarray(replay.observed.values, dtype=float)
        people = residents[0].total if residents else None
        harm = align_weights(options.harm, replay.crime_types) if options.rank_by == HARM else None
        ranked = FlaggingRule(grid.area_m2, options.rank_by, options.share_of, people, harm).flagged(
            with_total(expected), options.land_share
        )[0]
        types = replay.crime_types
        scopes = (*types, ALL) if len(types) > 1 else types
        flags = (
            ranked if options.planned is None else np.broadcast_to(options.planned, (len(scopes), *expected.shape[1:]))
        )
        parts = [_citywide_ratios(expected, observed, scopes)]
        parts += [_group_measures(one, (flags, expected, observed), scopes, options) for one in residents]
        keys = pd.concat([table for table, _ in parts], ignore_index=True)
        return cls(
            replay.periods, options.audited_periods, keys, np.concatenate([values for _, values in parts], axis=1)
        )

    @property
    def monitored_values(self) -> Floats:
        """Values on the monitored scale: natural logarithms of ratios, shares unchanged; NaN where not finite."""
        ratio = self.keys["measure"].isin(RATIOS).to_numpy()
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = np.where(ratio, np.log(self.values), self.values)
        return np.where(np.isfinite(scaled), scaled, np.nan)


def _citywide_ratios(expected: Floats, observed: Floats, scopes: tuple[str, ...]) -> tuple[pd.DataFrame, Floats]:
    sums = [cube.sum(axis=1) for cube in (expected, observed)]
    if len(scopes) > len(expected):
        sums = [np.concatenate((one, one.sum(axis=0, keepdims=True))) for one in sums]
    rows = [_row("sum_ratio", scope) for scope in scopes]
    with np.errstate(divide="ignore", invalid="ignore"):
        return pd.DataFrame(rows), _finite(sums[0] / sums[1]).T


def _group_measures(
    residents: Residents, cubes: tuple[Floats, Floats, Floats], scopes: tuple[str, ...], options: SeriesOptions
) -> tuple[pd.DataFrame, Floats]:
    flags, expected, observed = cubes
    sums = _sums_by_period(residents, flags, expected, observed)
    events = sums["burdened"][: options.audited_periods, :, :-1].sum(axis=0)
    enough = options.min_evidence.met(events, residents.areas_of_half)
    with np.errstate(divide="ignore", invalid="ignore"):
        by_group = {name: _finite(formula(sums)) for name, formula in _OF_GROUPS.items()}
        coverage = per_draw(by_group["coverage"], partial(group_ratio, enough=enough, lowest=True))
    rows, values = [], []
    for measure, cube in by_group.items():
        for row, scope in enumerate(scopes):
            for column, group in enumerate(residents.groups):
                evidence = events[row, column], residents.areas_of_half[column]
                shortfall = "" if enough[row, column] else _shortfall(*evidence, options.min_evidence)
                rows.append(_row(measure, scope, residents.dimension, group, shortfall))
                values.append(cube[:, row, column])
    for row, scope in enumerate(scopes):
        shortfall = "" if enough[row].sum() > 1 else "fewer than two groups have enough events and areas"
        rows.append(_row("coverage_ratio", scope, residents.dimension, "", shortfall))
        values.append(coverage[:, row])
    return pd.DataFrame(rows), np.stack(values, axis=1)


def _row(measure: str, crime_type: str, dimension: str = "", group: str = "", shortfall: str = "") -> dict[str, str]:
    return {
        "measure": measure,
        "crime_type": crime_type,
        "dimension": dimension,
        "group": group,
        "shortfall": shortfall,
    }


def _shortfall(events: float, areas: int, least: MinEvidence) -> str:
    return (
        f"{events:.0f} weighted events in the audited periods and {areas} areas with half of the group; the audit "
        f"needs {least.events:g} and {least.areas:g}"
    )


def _sums_by_period(residents: Residents, flags: Floats, expected: Floats, observed: Floats) -> formulas.Totals:
    """Return sums by period, shape (periods, crime types and their pool, groups and all residents)."""
    basis = Basis.from_residents(residents)
    of_flags = tally_flags(basis, flags, observed)
    of_events = GroupSums.from_cubes(basis, {"predicted": Cube(expected, "cells"), "recorded": Cube(observed, "cells")})
    each = np.eye(of_flags.periods)
    sums = {**of_events.of_periods(each), **of_flags.of_periods(each)}
    return sums | {"maps": sums["maps"] / of_flags.periods}  # one map in a period


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)
