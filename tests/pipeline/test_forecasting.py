import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.grid.square import SquareGrid
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.pipeline.forecasting import make_forecast
from tests.builders import city, events_of

WEEKS = 12
EVENTS = events_of(np.broadcast_to([[[1], [3]]], (1, 2, WEEKS)), city(1, 2))  # 1 and 3 crimes a week


@pytest.fixture(scope="module")
def made():
    return make_forecast(MovingAverage(), EVENTS, SquareGrid(500), horizon=2, name="mean")


def test_constant_counts_go_on(made):
    assert (made.name, len(made.periods)) == ("mean", 2)
    assert made.periods[0].start_time == EVENTS.end
    assert made.totals().to_dict() == {"a": pytest.approx(8.0, rel=0.1)}
    assert sorted(made.recent.last.values.ravel()) == [1.0, 3.0]
    assert "expected" in repr(made)


def test_a_new_name_changes_nothing_else(made):
    other = made.renamed("other")
    assert (other.name, made.name) == ("other", "mean")
    assert other.forecast.recipe == made.forecast.recipe
    assert other.forecast.expected.equals(made.forecast.expected)


def test_the_table_has_a_row_for_each_type_cell_and_period(made):
    table = made.to_frame()
    assert len(table) == 4
    assert set(table["grade"]) == {"research"}
    assert table["expected"].sum() == pytest.approx(float(made.totals().sum()))


def test_records_end_where_they_are_complete(made):
    assert made.timing.records_end <= EVENTS.end
    assert made.timing.starts == EVENTS.end
    assert made.timing.ends == EVENTS.end + pd.Timedelta("14D")


def test_a_file_must_have_a_known_ending(made, tmp_path):
    assert made.to_file(tmp_path / "risk.csv").stat().st_size > 0
    with pytest.raises(InputError, match="ends in no known format"):
        made.to_file(tmp_path / "risk.txt")


def test_no_period_and_a_forecaster_that_fails_are_refused():
    with pytest.raises(InputError, match="horizon=0 must be at least 1"):
        make_forecast(MovingAverage(), EVENTS, SquareGrid(500), horizon=0)

    class Failing(MovingAverage):
        def fit(self, _):
            msg = "too few weeks"
            raise NotRunError(msg)

    with pytest.raises(NotRunError, match="Failing could not run: too few weeks"):
        make_forecast(Failing(), EVENTS, SquareGrid(500))
