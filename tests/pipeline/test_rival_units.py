import numpy as np
import pandas as pd
import pytest

from ilp_models.data.rival_table import RivalTable
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.pipeline.rival_units import BacktestUnits, Units
from tests.builders import square_grid

WEEKS = pd.period_range("2021-01-04", periods=3, freq="W-SUN")
KNOWN = BacktestUnits(square_grid(1, 2), ("assault", "theft"), WEEKS, (1, 2), Calendar())
ROWS = {"crime_type": ["theft", "assault"], "cell": ["r0c1", "r0c0"], "period": ["2021-01-11", "2021-01-18"]}


def given(**columns):
    table = pd.DataFrame(ROWS | columns)
    for name in ("crime_type", "cell"):
        table[name] = table[name].astype("category")
    for name in ("period", "cutoff"):
        if name in table:
            table[name] = pd.to_datetime(table[name])
    return RivalTable("r.csv", table, ())


def units(**columns):
    found = KNOWN.of_rows(given(**columns))
    return found, list(zip(found.kind, found.cell, found.position, found.lead, strict=True))


def test_a_row_is_of_its_type_cell_period_and_lead():
    found, rows = units(lead=[1, 2])
    assert rows == [(1, 1, 1, 1), (0, 0, 2, 2)]
    assert (found.shape, len(found)) == ((2, 2, 3), 2)
    assert units(cutoff=["2021-01-11", "2021-01-11"])[1] == rows  # the lead follows from cutoff and period


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"lead": [1, 1], "crime_type": ["theft", "asault"]}, "crime_type='asault' is unknown"),
        ({"lead": [1, 1], "cell": ["r0c1", "r9c9"]}, "cell='r9c9' is not a cell of the backtest"),
        ({"lead": [1, 3]}, "lead=3 is not forecast here"),
        ({}, "no column lead"),
        ({"lead": [1, 1], "period": ["2021-01-11", "2021-01-19"]}, "is not the start of a week"),
        ({"lead": [1, 1], "period": ["2021-01-11", "2021-01-25"]}, "is not tested: 1 row"),
        ({"lead": [1, 2], "period": ["2021-01-11", "2021-01-04"]}, "is not tested: 1 row"),
        ({"cutoff": ["2021-01-11", "2021-01-25"]}, "this forecast has seen its period"),
        ({"cutoff": ["2021-01-11", "2021-01-11"], "lead": [1, 1]}, "lead=1 does not fit cutoff and period"),
    ],
)
def test_a_row_of_no_unit_is_named(columns, said):
    with pytest.raises(InputError, match=said):
        units(**columns)


def complete():
    """Return the unit of every forecast: 3 periods at the first lead, 2 at the second."""
    rows = [
        (kind, cell, position, lead)
        for lead in (1, 2)
        for kind in range(2)
        for cell in range(2)
        for position in range(lead - 1, 3)
    ]
    return Units(*np.array(rows).T, shape=(2, 2, 3))


def test_places_in_the_cube_of_a_lead_are_all_different():
    for lead, size in ((1, 12), (2, 8)):
        rows, flat = complete().of_lead(lead)
        assert set(complete().lead[rows]) == {lead}
        assert sorted(flat) == list(range(size))


def test_a_missing_and_a_repeated_unit_are_named():
    every = complete()
    KNOWN.check_complete(every, "rival", ["r.csv"] * 20)
    with pytest.raises(InputError, match="lacks 2 of 20 units, first assault / r0c0 / 2021-01-04 at lead 1"):
        KNOWN.check_complete(every.take(np.arange(1, 19)), "rival", ["r.csv"] * 18)
    twice = Units.joined([every, every.take(np.array([13]))])
    with pytest.raises(InputError, match="rival has 2 forecasts of assault / r0c0 / 2021-01-18 at lead 2"):
        KNOWN.check_complete(twice, "rival", ["a.csv"] * 20 + ["b.csv"])
