"""Group tables."""

import pandas as pd

from ilp_models.audit.groups.table import GroupTable
from tests.audit.audit_inputs import KnownGroups

# West has 6 cells and East 6 in the grid of 3 x 4 squares
ROWS = [("West", "Upland", 120.0), ("West", "Lowland", 480.0), ("East", "Upland", 300.0), ("East", "Lowland", 300.0)]


def table(rows=ROWS, **more):
    frame = pd.DataFrame(rows, columns=["area", "group", "population"]).assign(dimension="origin")
    return frame.assign(**more)


def given(frame, **settings):
    return GroupTable(source=KnownGroups(frame), **settings)
