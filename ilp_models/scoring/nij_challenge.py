"""Rules and scores (PAI, PEI) of the NIJ Real-Time Crime Forecasting Challenge (2017)."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.grid import Grid
from ilp_models.stats.bootstrap import Bootstrap

Floats = npt.NDArray[np.float64]

WHOLE_SQUARE_MILES: Final = 147.71  # Portland, as the challenge counts it
HORIZONS: Final = {"1 week": 7, "2 weeks": 14, "1 month": 31, "2 months": 61, "3 months": 92}  # days from 2017-03-01
COUNTS: Final = ("caught", "events", "best")


def expected_within(forecast: RiskForecast, days: int) -> Floats:
    """Return the expected events in the days after a cutoff; a period that ends later counts in part."""
    starts, ends = forecast.periods.start_time, (forecast.periods + 1).start_time
    end = forecast.cutoff + pd.Timedelta(days=days)
    if starts[0] != forecast.cutoff or ends[-1] < end:
        msg = (
            f"The forecast covers {starts[0].date()} to {ends[-1].date()}, not the {days} days from "
            f"{forecast.cutoff.date()}. Start periods at the cutoff and raise the horizon."
        )
        raise InputError(msg)
    part = ((end - starts) / (ends - starts)).to_numpy().clip(0.0, 1.0)
    return np.asarray(forecast.expected.values @ part)


class NijScorer:
    """Count the events that forecasts of whole cells capture on one grid.

    Raises InputError where the rules of the challenge do not allow the grid or the area of ``cells`` cells.
    """

    def __init__(self, grid: Grid, events: Events, cells: int) -> None:
        self.cells = cells
        self.square_miles = forecast_square_miles(cells, cell_square_feet(grid), len(grid))
        self._events, self._size = events, len(grid)
        self._where = grid.locate(events)
        self._when = events.table["occurred_at"].to_numpy()
        self._kind = events.table["crime_type"].cat.codes.to_numpy()

    def count_hits(self, expected: Floats, start: pd.Timestamp, days: int) -> pd.DataFrame:
        """Return captured events, all events and the best possible capture by crime type."""
        end = start + pd.Timedelta(days=days)
        if start < self._events.start or end > self._events.end:
            msg = (
                f"The records cover {self._events.start.date()} to {self._events.end.date()} (not included), not "
                f"{start.date()} to {end.date()}. Add the missing records, and set data.start and data.end."
            )
            raise InputError(msg)
        inside = (self._when >= start.to_datetime64()) & (self._when < end.to_datetime64())
        rows = []
        for code, name in enumerate(self._events.crime_types):
            chosen = inside & (self._kind == code)
            counts = np.bincount(self._where[chosen & (self._where >= 0)], minlength=self._size)
            forecast = np.argsort(-expected[code], kind="stable")[: self.cells]
            best = int(np.sort(counts)[-self.cells :].sum())
            rows.append((name, int(counts[forecast].sum()), int(chosen.sum()), best))
        return pd.DataFrame(rows, columns=["crime_type", *COUNTS])


def pai(captured: float | Floats, events: float | Floats, square_miles: float) -> Floats:
    """Return the prediction accuracy index (n / N) / (a / A), A the 147.71 square miles of Portland."""
    return _divide(captured, events) * (WHOLE_SQUARE_MILES / square_miles)


def pei(captured: float | Floats, best: float | Floats) -> Floats:
    """Return the prediction efficiency index n / n*, where n* is the best possible n on the same grid."""
    return _divide(captured, best)


@dataclass(frozen=True)
class PooledScore:
    """A score pooled over origins (or a difference of two scores) with its interval."""

    value: float
    error: float  # standard error over resampled blocks of origins; NaN with fewer than three blocks
    low: float
    high: float


def pooled_ratio(
    top: npt.ArrayLike,
    bottom: npt.ArrayLike,
    resampling: Bootstrap,
    minus: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
) -> PooledScore:
    """Return the ratio of sums over origins, or its difference from another ratio, resampled together."""
    pairs = [(top, bottom)] if minus is None else [(top, bottom), minus]
    parts = [(np.asarray(a, dtype=float), np.asarray(b, dtype=float)) for a, b in pairs]
    origins = len(parts[0][0])
    value = _signed([_divide(a.sum(), b.sum()) for a, b in parts])
    if not resampling.enough(origins):
        return PooledScore(float(value), np.nan, np.nan, np.nan)
    weights = resampling.weights(origins)
    drawn = _signed([_divide(weights @ a, weights @ b) for a, b in parts])
    low, high = resampling.interval(drawn, origins)
    error = float(drawn.std() / np.sqrt(1 - resampling.block / origins))
    return PooledScore(float(value), error, float(low), float(high))


def _signed(ratios: list[Floats]) -> Floats:
    return ratios[0] if len(ratios) == 1 else np.asarray(ratios[0] - ratios[1])


def _divide(top: float | Floats, bottom: float | Floats) -> Floats:
    over, under = np.asarray(top, dtype=float), np.asarray(bottom, dtype=float)
    unknown = np.full(np.broadcast(over, under).shape, np.nan)
    return np.asarray(np.divide(over, under, out=unknown, where=under > 0))


FOOT: Final = 0.3048  # metres, international
SQUARE_MILE: Final = 5280.0**2  # square feet

_CELL_SQUARE_FEET: Final = (62_500.0, 360_000.0)
_LEAST_SIDE_FEET: Final = 125.0
_FORECAST_SQUARE_MILES: Final = (0.25, 0.75)
_TOLERANCE: Final = 1e-6  # relative; corners are rounded to whole binary digits of a metre


def cell_square_feet(grid: Grid) -> float:
    """Return the area of each cell in square feet on the map; InputError where the rules forbid the grid."""
    areas = shapely.area(grid.geometry) / FOOT**2
    area = float(np.median(areas))
    odd = int(np.argmax(np.abs(areas - area)))
    least, most = _CELL_SQUARE_FEET
    if abs(areas[odd] - area) > _TOLERANCE * area:
        msg = f"The challenge needs equal cells: {grid.cells[odd]} has {areas[odd]:,.0f} sq ft, most have {area:,.0f}."
        raise InputError(msg)
    if not least * (1 - _TOLERANCE) <= area <= most * (1 + _TOLERANCE):
        msg = f"The challenge needs cells of {least:,.0f} to {most:,.0f} sq ft, not {area:,.0f}. Set another cell size."
        raise InputError(msg)
    side = _least_side(grid.geometry)
    if side < _LEAST_SIDE_FEET * (1 - _TOLERANCE):
        msg = f"The challenge needs cells at least {_LEAST_SIDE_FEET:g} ft wide, not {side:.1f}. Use wider cells."
        raise InputError(msg)
    return area


def least_cells(cell_sq_ft: float) -> int:
    """Return the smallest number of cells that the challenge allows: 0.25 square miles."""
    return int(np.ceil(_FORECAST_SQUARE_MILES[0] * SQUARE_MILE / cell_sq_ft * (1 - _TOLERANCE)))


def forecast_square_miles(cells: int, cell_sq_ft: float, available: int) -> float:
    """Return the area of a forecast in square miles; InputError where the rules forbid it."""
    least, most = _FORECAST_SQUARE_MILES
    area = cells * cell_sq_ft / SQUARE_MILE
    if not least * (1 - _TOLERANCE) <= area <= most * (1 + _TOLERANCE) or cells > available:
        msg = (
            f"The challenge needs {least:g} to {most:g} square miles. {cells} cells of {cell_sq_ft:,.0f} sq ft are "
            f"{area:.3f}, and the grid has {available} cells. Forecast another number of cells."
        )
        raise InputError(msg)
    return area


def _least_side(geometry: npt.NDArray[np.object_]) -> float:
    """Return the smallest width of any cell in feet: the shorter side of its oriented bounding box."""
    corners = shapely.get_coordinates(shapely.oriented_envelope(geometry)).reshape(len(geometry), 5, 2)
    sides = np.linalg.norm(np.diff(corners[:, :3], axis=1), axis=2)
    return float(sides.min()) / FOOT
