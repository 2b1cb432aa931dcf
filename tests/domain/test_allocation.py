import numpy as np
import pandas as pd
import pytest
import xarray as xr

from ilp_models.domain.allocation import Allocation, Override
from ilp_models.domain.errors import InputError


def cube(values):
    periods = pd.period_range("2022-01-03", periods=np.shape(values)[1], freq="W-SUN")
    return xr.DataArray(values, dims=("cell", "period"), coords={"cell": ["a", "b", "c"], "period": periods})


EFFORT = np.array([[1.0, 0.0], [0.5, 1.0], [0.0, 0.0]])


def allocation(effort=EFFORT, **changes):
    given = {
        "budget": 1.5,
        "unit": "cells",
        "objective": "expected count covered",
        "allocator": "top areas",
        "covered": cube(np.ones((3, 2))),
        "inclusion": cube(np.ones((3, 2))),
    }
    return Allocation(cube(effort), **(given | changes))


def test_spent_effort_by_period():
    np.testing.assert_allclose(allocation().spent, [1.5, 1.0])
    assert len(allocation().periods) == 2


@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf])
def test_invalid_effort_is_refused_with_its_cell(value):
    effort = EFFORT.copy()
    effort[1, 1] = value
    with pytest.raises(InputError, match="of b / 2022-01-10/2022-01-16 is not a number >= 0"):
        allocation(effort)


def test_period_over_the_budget_is_named():
    with pytest.raises(InputError, match=r"Period 2022-01-10/2022-01-16 spends 2 of 1\.5 cells"):
        allocation(np.array([[1.0, 1.0], [0.5, 1.0], [0.0, 0.0]]))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"unit": "cars"}, "Choose one of cells, hours"),
        ({"budget": 0.0}, "above 0"),
        ({"budget": float("nan")}, "above 0"),
        ({"covered": cube(np.full((3, 2), -1.0))}, "The covered -1.0 of a"),
        ({"inclusion": cube(np.full((3, 2), 2.0))}, "exceeds 1"),
        ({"inclusion": cube(np.zeros((3, 2)))}, "is 0 although the cell has effort"),
        ({"inclusion": cube(np.ones((3, 1)))}, "dimensions"),
    ],
)
def test_infeasible_allocations_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        allocation(**changes)


def test_cell_is_covered_once_but_may_take_many_hours():
    double = np.array([[1.2, 0.0], [0.0, 0.0], [0.0, 0.0]])
    with pytest.raises(InputError, match="exceeds full coverage"):
        allocation(double)
    assert allocation(double, unit="hours").spent[0] == pytest.approx(1.2)


@pytest.mark.parametrize(("who", "reason"), [("", "a festival"), ("A. Planner", " ")])
def test_override_needs_person_and_reason(who, reason):
    with pytest.raises(InputError, match="has no person or no reason"):
        Override("a", "2022-01-03", 1.0, who, reason)


def test_repr_and_frame_show_rule_budget_and_effort():
    made = allocation()
    assert repr(made) == "<Allocation by top areas: 1.5 cells in each of 2 period(s), 2 of 3 cells>"
    assert "&lt;Allocation by top areas" in made._repr_html_()
    table = made.to_frame()
    assert list(table.columns) == ["cell", "period", "effort", "inclusion", "covered"]
    assert table.loc[(table["cell"] == "b") & (table["period"] == made.periods[0]), "effort"].item() == 0.5
