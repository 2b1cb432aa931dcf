from types import SimpleNamespace

import pandas as pd
import pytest

from ilp_models.description.concentration import Concentration
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.disclaimers import NOT_A_FORECAST
from ilp_models.domain.errors import InputError
from ilp_models.grid.square import SquareGrid
from ilp_models.pipeline import describe
from tests.builders import city, events_of, poisson_counts

COUNTS = poisson_counts((1, 4, 60), 3.0)
SOURCE = SimpleNamespace(read=lambda: events_of(COUNTS, city(1, 4)))


def run(folder, decimal="point"):
    given = {"data": SOURCE, "grid": SquareGrid(500), "calendar": Calendar(), "area_level": None}
    return describe.run(**given, description={"concentration": Concentration()}, decimal=decimal, folder=folder)


def test_the_terminal_says_that_it_is_no_forecast_and_where_the_page_is(tmp_path):
    lines = run(tmp_path).splitlines()
    assert lines[0] == NOT_A_FORECAST
    page = tmp_path / lines[-1].removeprefix("Page: ").rpartition("/")[2]
    assert page.stat().st_size > 0


def test_recorded_counts_are_those_of_the_records(tmp_path):
    run(tmp_path)
    recorded = pd.read_csv(tmp_path / describe.RECORDED)
    assert recorded["recorded"].sum() == COUNTS.sum()


def test_an_unknown_decimal_mark_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(InputError, match="decimal"):
        run(tmp_path, decimal="dot")
    assert not list(tmp_path.iterdir())
