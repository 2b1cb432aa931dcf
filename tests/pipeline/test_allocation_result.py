from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.panel import DIMS
from ilp_models.pipeline.allocation_result import CapChoice
from tests.builders import forecast_on, square_grid
from tests.pipeline.small_plan import small_plan


def test_no_evaluated_cap_is_selected_where_the_plan_follows_another_rule():
    assert CapChoice("A. Planner", "agreed", 1.2).selected == 1.2
    assert CapChoice("A. Planner", "agreed", other_rule=True).selected is None


def test_covered_events_are_shares_of_expected_ones():
    plan = small_plan()
    assert plan.covered_events == 7.5
    assert plan.covered_share == 7.5 / 14
    assert repr(plan) == "Allocation of 2 cells by top areas: 53.6% of expected events covered"
    table = plan.to_frame()
    assert table["expected"].tolist() == [4.0, 2.0, 1.0, 1.0, 2.0, 0.0, 3.0, 1.0]
    assert table["effort"].sum() == 2.5
    quiet = forecast_on(plan.grid, ("assault",), periods=2, expected=np.zeros(8))
    assert small_plan(run=SimpleNamespace(forecast=quiet)).covered_share == 0


def test_harm_is_the_range_of_its_readings():
    facts = {"title": "A set", "date": "2024", "unit": "days"}
    harm = pd.DataFrame([{"harm_set": "one", "share": share, **facts} for share in (0.25, 0.5)])
    table = small_plan(harm=harm).harm_ranges
    assert table["counted"].tolist() == ["Events", "Harm, one"]
    assert table["covered"].tolist()[0].startswith("53.6")
    assert "25" in table["covered"].tolist()[1]
    assert "50" in table["covered"].tolist()[1]
    assert table["about"].tolist()[1] == "A set (2024); days"


def test_places_and_areas_have_names():
    plan = small_plan()
    assert plan.areas.tolist() == ["West", "West", "East", "East"]
    assert plan.places.tolist() == ["King Street, West", "West (r0c1)", "East (r0c2)", "East (r0c3)"]
    assert "can differ from official" in plan.border_note
    assert plan.period_text.count(", until ") == 1


def test_values_of_audited_cells_are_put_in_the_order_of_the_plan():
    assert np.isnan(small_plan().align_audited(np.ones((4, 2)))).all()
    audited = forecast_on(square_grid(1, 3), ("assault",)).expected.isel(cell=[2, 0])
    assert audited.dims == DIMS
    aligned = small_plan(audited_replay=SimpleNamespace(expected=audited)).align_audited(np.array([7.0, 5.0]))
    assert aligned == pytest.approx([5.0, np.nan, 7.0, np.nan], nan_ok=True)
