"""The change table of the whole study area, for the weekly report."""

from dataclasses import replace

import pandas as pd

from ilp_models.description.change import ChangeTable
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.description import OWN_LABEL, DescribedPart, DescriptionData
from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid


def city_changes(events: Events, grid: Grid, calendar: Calendar) -> DescribedPart:
    """Return the change table of the whole study area alone."""
    whole = replace(events, table=events.table.drop(columns=OWN_LABEL, errors="ignore"))
    data = DescriptionData(whole, replace(grid, parents=pd.DataFrame()))
    return ChangeTable(calendar).describe(data)
