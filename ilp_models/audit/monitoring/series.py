"""Measures of a forecaster in every single period, as series that can be watched."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.audit.flags import HARM, Cut, harm_weights
from ilp_models.audit.measures.sums import GroupSums
from ilp_models.audit.residents import Residents
from ilp_models.domain.finding import ALL
from ilp_models.domain.grid import Grid
from ilp_models.domain.replay import Replay

Floats = npt.NDArray[np.float64]

MEASURES: Final = ("exposure", "exposure_ratio", "coverage", "coverage_ratio", "sum_ratio")
RATIOS: Final = ("exposure_ratio", "coverage_ratio", "sum_ratio")  # watched by their logarithm: half is as far as twice


@dataclass(frozen=True)
class Terms:
    """On what terms a forecaster was audited.

    Parameters
    ----------
    unit : str
        What cells are ranked by.
    share : float
        Share of the active land that is flagged.
    audited : int
        The first periods of a replay that the audit rested on.
    events, areas : float
        The least recorded events, weighted by a group's share of residents, and the fewest areas that hold half of it;
        a group with less is measured and not watched.
    share_of : str, default "land"
        What a share is a share of: ``land`` or ``cells``.
    harm : mapping of str to float, optional
        Harm of one event by crime type, for the unit ``harm``.
    """

    unit: str
    share: float
    audited: int
    events: float
    areas: float
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
    def of(cls, replay: Replay, grid: Grid, residents: tuple[Residents, ...], terms: Terms) -> Self:
        """Return exposure, coverage and sum ratios of every crime type, of their pool, and of every group.

        Parameters
        ----------
        replay : Replay
            Forecasts beside what was recorded, over audited and new periods.
        grid : Grid
            Its cells.
        residents : tuple of Residents
            Residents of the cells, one a dimension.
        terms : Terms
            On what terms it was audited.

        Returns
        -------
        Series
            In closed form from sums within each period.
        """
        expected = np.asarray(replay.expected.values, dtype=float)
        observed = np.asarray(replay.observed.values, dtype=float)
        people = residents[0].total if residents else None
        harm = harm_weights(replay.crime_types, terms.harm) if terms.unit == HARM else None
        flags = Cut(grid.area_m2, terms.unit, terms.share_of, people, harm).flagged(expected, terms.share)[0]
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
    return pd.DataFrame(rows), _ratio(*sums).T


def _dimension(
    residents: Residents, cubes: tuple[Floats, Floats, Floats], scopes: tuple[str, ...], terms: Terms
) -> tuple[pd.DataFrame, Floats]:
    flags, expected, observed = cubes
    sums, forecast = GroupSums.of(flags, observed, residents), GroupSums.of(flags, expected, residents)
    events = sums.burdened[:, : terms.audited].sum(axis=1)
    enough = (events >= terms.events) & (residents.areas_of_half >= terms.areas)
    exposure = sums.exposed / (sums.maps * sums.people)
    coverage = _ratio(sums.covered, sums.burdened)
    by_group = {
        "exposure": exposure,
        "exposure_ratio": _ratio(exposure, sums.exposed_rest / (sums.maps * sums.rest)),
        "coverage": coverage,
        "sum_ratio": _ratio(forecast.burdened, sums.burdened),
    }
    rows, values = [], []
    for measure, cube in by_group.items():
        for row, scope in enumerate(scopes):
            for column, group in enumerate(residents.groups):
                thin = "" if enough[row, column] else _thin(events[row, column], residents.areas_of_half[column], terms)
                rows.append(_row(measure, scope, residents.dimension, group, thin))
                values.append(cube[row, :, column])
    for row, scope in enumerate(scopes):
        thin = "" if enough[row].sum() > 1 else "fewer than two groups have enough events and areas"
        rows.append(_row("coverage_ratio", scope, residents.dimension, "", thin))
        values.append(_lowest_over_highest(coverage[row][:, enough[row]]))
    return pd.DataFrame(rows), np.stack(values, axis=1)


def _row(measure: str, crime_type: str, dimension: str = "", group: str = "", thin: str = "") -> dict[str, str]:
    return {"measure": measure, "crime_type": crime_type, "dimension": dimension, "group": group, "thin": thin}


def _thin(events: float, areas: int, terms: Terms) -> str:
    return (
        f"{events:.0f} weighted events in the audited periods and {areas} areas with half of the group; "
        f"the audit asks for {terms.events:g} and {terms.areas:g}"
    )


def _lowest_over_highest(coverage: Floats) -> Floats:
    if coverage.shape[1] < 2:
        return np.full(len(coverage), np.nan)
    return _ratio(coverage.min(axis=1), coverage.max(axis=1))


def _ratio(top: Floats, bottom: Floats) -> Floats:
    result = np.full(np.broadcast(top, bottom).shape, np.nan)
    np.divide(top, bottom, out=result, where=np.isfinite(bottom) & (bottom > 0))
    return result
