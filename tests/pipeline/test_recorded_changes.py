from dataclasses import replace

import numpy as np
import pandas as pd

from ilp_models.domain.calendar import Calendar
from ilp_models.pipeline.recorded_changes import city_changes
from tests.builders import city, events_of


def test_only_the_whole_study_area_is_compared():
    grid = city(1, 2)
    events = events_of(np.full((1, 2, 110), 4), grid)
    table = events.table.assign(area=pd.Categorical(np.where(events.table["x"] < 630_500, "West", "East")))
    found = city_changes(replace(events, table=table), grid, Calendar()).tables["change"]
    assert set(found["area"]) == {""}
    row = found[found["comparison"] == "previous period"].iloc[0]
    assert (row["count"], row["earlier"]) == (8, 8)
