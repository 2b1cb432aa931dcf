"""Rates of reporting from a table: every area has one, or nothing is taken for known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ilp_models.audit.sensitivity.rates import ReportingRates
from ilp_models.domain.errors import InputError
from tests.builders import square_grid

GRID = replace(square_grid(2, 2), parents=pd.DataFrame({"ward": ["007", "7", "007", "7"], "beat": list("abcd")}))


def rates(folder, rows, **settings):
    path = folder / "rates.csv"
    pd.DataFrame(rows, columns=["area", "rate"]).to_csv(path, index=False)
    return ReportingRates(str(path), **settings)


def test_rates_lie_on_the_cells_of_their_areas_zeros_in_front_kept(tmp_path):
    known = rates(tmp_path, [("7", 0.4), ("007", 0.8)]).to_cells(GRID)
    np.testing.assert_array_equal(known, [0.8, 0.4, 0.8, 0.4])


def test_rates_of_another_level_or_of_the_cells_themselves(tmp_path):
    by_beat = [(name, 0.1 * at) for at, name in enumerate("abcd", start=1)]
    np.testing.assert_allclose(rates(tmp_path, by_beat, level="beat").to_cells(GRID), [0.1, 0.2, 0.3, 0.4])
    cells = replace(GRID, parents=pd.DataFrame())
    by_cell = [(name, 0.5) for name in cells.cells]
    np.testing.assert_array_equal(rates(tmp_path, by_cell).to_cells(cells), np.full(4, 0.5))


def test_one_rate_everywhere_and_none_at_all():
    np.testing.assert_array_equal(ReportingRates(everywhere=0.3).to_cells(GRID), np.full(4, 0.3))
    assert ReportingRates().to_cells(GRID) is None


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("007", 0.8)], "1 areas|2 areas"),
        ([("007", 0.8), ("7", 0)], "above 0"),
        ([("007", 0.8), ("7", 1.1)], "at most 1"),
        ([("007", 0.8), ("7", None)], "above 0"),
        ([("007", 0.8), ("7", 0.4), ("7", 0.4)], "one row an area"),
        ([("007", 0.8), ("7", "often")], "above 0"),
    ],
)
def test_tables_that_leave_a_rate_open_are_refused(tmp_path, rows, said):
    with pytest.raises(InputError, match=said):
        rates(tmp_path, rows).to_cells(GRID)


@pytest.mark.parametrize("settings", [{"everywhere": 0}, {"everywhere": float("nan")}, {"path": "nowhere.csv"}])
def test_settings_that_give_no_rate_are_refused_at_once(settings):
    with pytest.raises(InputError, match=r"audit\.reporting_rates"):
        ReportingRates(**settings)
