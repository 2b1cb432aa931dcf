"""The distinct points of the events of a crime type, with their counts by period."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from ilp_models.domain.history import History

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EventPoints:
    """Distinct points of the events that a panel counts, of one crime type."""

    xy: Floats  # (points, 2), metres
    cell: npt.NDArray[np.int64]  # position of the cell that counts each point
    counts: csr_matrix  # (points, periods)

    def weighted(self, spread: csr_matrix, weights: Floats) -> Floats:
        """Return weighted sums (cells, targets) of the events, spread over cells, with a weight per period."""
        if len(self.xy) * weights.shape[1] <= self.counts.nnz:
            return np.asarray(spread.T @ (self.counts @ weights))
        return np.asarray(self.by_cell(spread) @ weights)

    def by_cell(self, spread: csr_matrix) -> Floats:
        """Return the events of each period spread over cells, shape (cells, periods)."""
        return np.asarray((spread.T @ self.counts).toarray(), dtype=np.float64)


def event_points(history: History, first: int, stop: int) -> Iterator[EventPoints]:
    """Yield the points of each crime type in the periods from `first` to before `stop`."""
    first, stop = max(first, 0), max(stop, first, 0)
    starts = [(history.panel.periods[0] + period).start_time for period in (first, stop)]
    when = history.events.table["occurred_at"]
    table = history.events.table[(when >= starts[0]) & (when < starts[1])]
    place = history.grid.locate(replace(history.events, table=table))
    period = history.calendar.ordinals(table["occurred_at"]) - history.panel.periods.asi8[0] - first
    kind = table["crime_type"].cat.codes.to_numpy()
    xy = table[["x", "y"]].to_numpy(dtype=np.float64)
    for code in range(len(history.events.crime_types)):
        chosen = (kind == code) & (place >= 0)
        yield _distinct_points(xy[chosen], place[chosen], period[chosen], stop - first)


def _distinct_points(
    xy: Floats, place: npt.NDArray[np.int64], period: npt.NDArray[np.int64], periods: int
) -> EventPoints:
    order = np.lexsort((place, xy[:, 1], xy[:, 0]))
    xy, place, period = xy[order], place[order], period[order]
    new = np.ones(len(xy), dtype=bool)
    new[1:] = (xy[1:] != xy[:-1]).any(axis=1) | (place[1:] != place[:-1])
    point = np.cumsum(new) - 1
    shape = (int(new.sum()), periods)
    return EventPoints(xy[new], place[new], csr_matrix((np.ones(len(point)), (point, period)), shape=shape))
