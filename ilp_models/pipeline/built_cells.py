"""Build the cells of a study once for the records that were known at a cutoff."""

from dataclasses import dataclass, field
from typing import Final

import pandas as pd

from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid, GridSpec

_MOST: Final = 3  # cells kept: of the first cutoff of a backtest, of the next forecast, and of all records


@dataclass(frozen=True, eq=False)
class BuiltCells:
    """The cells of a grid, built once for each cutoff; a task gives them to several functions in place of the grid."""

    grid: GridSpec
    events: Events  # of the study
    _grids: dict[tuple[int, pd.Timestamp], Grid] = field(default_factory=dict, repr=False)

    def build(self, events: Events) -> Grid:
        """Return the cells of events of the study that were known at a cutoff."""
        key = (len(events), events.end)  # a later cutoff knows the same events and more
        if key not in self._grids:
            if len(self._grids) == _MOST:
                del self._grids[next(iter(self._grids))]
            self._grids[key] = self.grid.build(events)
        return self._grids[key]
