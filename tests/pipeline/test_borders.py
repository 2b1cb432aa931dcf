import pandas as pd

from ilp_models.domain.calendar import Calendar
from ilp_models.grid.square import SquareGrid
from ilp_models.pipeline.borders import border_counts, models_across_borders
from ilp_models.pipeline.study import open_study
from tests.builders import events_at

DAYS = {"start": "2019-02-01", "end": "2021-02-01"}


def sums(table, side):
    own = table[(table["side"] == side) & (table["crime_type"] == "Assault")]
    return own[["latest_52_weeks", "weeks_before"]].to_numpy().tolist()


def test_events_near_those_of_the_neighbour_are_counted_by_year():
    here = events_at([0.0, 500.0, 5000.0], [0.0] * 3, ["2021-01-05", "2019-12-31", "2021-01-06"], **DAYS)
    beyond = events_at([-400.0, -9000.0], [0.0, 0.0], **DAYS)
    table = border_counts(here, beyond, "south", 1000.0)
    assert sums(table, "here") == [[1, 1]]
    assert sums(table, "beyond") == [[1, 0]]
    assert set(table["neighbour"]) == {"south"}


def test_a_neighbour_without_events_has_no_border():
    here, nothing = events_at([0.0], [0.0], **DAYS), events_at([], [], pd.Series([], dtype="datetime64[us]"), **DAYS)
    table = border_counts(here, nothing, "south", 1000.0)
    assert table[["latest_52_weeks", "weeks_before"]].to_numpy().sum() == 0


def test_without_neighbours_models_and_study_stay_as_they_are(tmp_path):
    study = open_study(events_at([0.0] * 3, [0.0] * 3), SquareGrid(500), calendar=Calendar())
    models = {"mean": object()}
    assert models_across_borders(models, study, None, tmp_path) == (models, study, ())
    assert not list(tmp_path.iterdir())
