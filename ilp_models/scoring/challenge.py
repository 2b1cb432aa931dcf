"""The scores of the NIJ Real-Time Crime Forecasting Challenge (2017): PAI and PEI of whole cells."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.grid import Grid
from ilp_models.scoring.challenge_rules import cell_square_feet, forecast_square_miles
from ilp_models.stats.bootstrap import Bootstrap

Floats = npt.NDArray[np.float64]

WHOLE_SQUARE_MILES: Final = 147.71  # Portland, as the challenge counts it
HORIZONS: Final = {"1 week": 7, "2 weeks": 14, "1 month": 31, "2 months": 61, "3 months": 92}  # days from 2017-03-01
COUNTS: Final = ("caught", "events", "best")


def expected_within(forecast: RiskForecast, days: int) -> Floats:
    """Return the events expected in the days after a cutoff; of a period that is not over by then, its part."""
    starts, ends = forecast.periods.start_time, (forecast.periods + 1).start_time
    end = forecast.cutoff + pd.Timedelta(days=days)
    if starts[0] != forecast.cutoff or ends[-1] < end:
        msg = (
            f"The forecast covers {starts[0].date()} to {ends[-1].date()}, not the {days} days from "
            f"{forecast.cutoff.date()}; start periods at the cutoff and forecast more of them."
        )
        raise InputError(msg)
    part = ((end - starts) / (ends - starts)).to_numpy().clip(0.0, 1.0)
    return np.asarray(forecast.expected.values @ part)


class Referee:
    """Counts what forecasts of whole cells of one grid caught.

    Parameters
    ----------
    grid : Grid
        Cells that the rules admit; places that it lacks are never forecast.
    events : Events
        What happened.
    cells : int
        How many cells are forecast.

    Raises
    ------
    InputError
        If the rules do not admit the grid, or not the area of so many cells.
    """

    def __init__(self, grid: Grid, events: Events, cells: int) -> None:
        self.cells = cells
        self.square_miles = forecast_square_miles(cells, cell_square_feet(grid), len(grid))
        self._events, self._size = events, len(grid)
        self._where = grid.locate(events)
        self._when = events.table["occurred_at"].to_numpy()
        self._kind = events.table["crime_type"].cat.codes.to_numpy()

    def tally(self, expected: Floats, start: pd.Timestamp, days: int) -> pd.DataFrame:
        """Return what a forecast caught."""
        end = start + pd.Timedelta(days=days)
        if start < self._events.start or end > self._events.end:
            msg = (
                f"The records cover {self._events.start.date()} to {self._events.end.date()} (not included), not "
                f"{start.date()} to {end.date()}; give the others, and say by data.start and data.end what they cover."
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


def pai(caught: float | Floats, events: float | Floats, square_miles: float) -> Floats:
    """Return the prediction accuracy index (n / N) / (a / A), A being the 147.71 square miles of Portland."""
    return _divide(caught, events) * (WHOLE_SQUARE_MILES / square_miles)


def pei(caught: float | Floats, best: float | Floats) -> Floats:
    """Return the prediction efficiency index n / n*, n* being the n of the fullest cells of the same grid."""
    return _divide(caught, best)


@dataclass(frozen=True)
class Pooled:
    """A score pooled over origins, or a difference of two.

    Parameters
    ----------
    value : float
        Ratio of sums over all origins.
    error : float
        Its standard error over resampled blocks of origins; NaN with fewer than three blocks.
    low, high : float
        Ends of its interval.
    """

    value: float
    error: float
    low: float
    high: float


def pooled(
    top: npt.ArrayLike, bottom: npt.ArrayLike, how: Bootstrap, less: tuple[npt.ArrayLike, npt.ArrayLike] | None = None
) -> Pooled:
    """Return the ratio of sums over origins, or by how much it exceeds another ratio, resampled together."""
    pairs = [(top, bottom)] if less is None else [(top, bottom), less]
    parts = [(np.asarray(a, dtype=float), np.asarray(b, dtype=float)) for a, b in pairs]
    origins = len(parts[0][0])
    value = _signed([_divide(a.sum(), b.sum()) for a, b in parts])
    if not how.enough(origins):
        return Pooled(float(value), np.nan, np.nan, np.nan)
    weights = how.weights(origins)
    drawn = _signed([_divide(weights @ a, weights @ b) for a, b in parts])
    low, high = how.interval(drawn, origins)
    error = float(drawn.std() / np.sqrt(1 - how.block / origins))
    return Pooled(float(value), error, float(low), float(high))


def _signed(ratios: list[Floats]) -> Floats:
    return ratios[0] if len(ratios) == 1 else np.asarray(ratios[0] - ratios[1])


def _divide(top: float | Floats, bottom: float | Floats) -> Floats:
    over, under = np.asarray(top, dtype=float), np.asarray(bottom, dtype=float)
    unknown = np.full(np.broadcast(over, under).shape, np.nan)
    return np.asarray(np.divide(over, under, out=unknown, where=under > 0))
