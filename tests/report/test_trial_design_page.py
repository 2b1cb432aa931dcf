from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from ilp_models.report.trial_design_page import (
    RegisteredDesign,
    TrialDesignFacts,
    draw_unit_map,
    write_trial_design_page,
)
from tests.builders import square_grid
from tests.evaluation.small_trial import CELLS, DESIGN
from tests.report.html_page import Page

GRID = replace(square_grid(2, 3), cells=pd.Index(CELLS, name="cell"))
PROMISE = {
    "least_power": 0.6,
    "level": 0.05,
    "effect": 0.2,
    "power": 0.61,
    "low": 0.55,
    "high": 0.67,
    "least_effect": np.nan,
}
FLOW = dict.fromkeys(
    ("cells", "eligible_cells", "eligible_units", "too_near", "places", "units", "in_no_block", "treated", "control"), 2
)
FACTS = TrialDesignFacts(
    design=replace(DESIGN, promise=PROMISE),
    city="Here <b>",
    power=pd.DataFrame({"effect": [0.2], "power": [0.61], "low": [0.55], "high": [0.67], "closed_form": [0.6]}),
    curves=pd.DataFrame(columns=["varied", "value", "power", "low", "high", "closed_form", "note"]),
    groups=pd.DataFrame(
        columns=["dimension", "group", "of_residents", "of_units", "of_treated", "exposure", "exposure_ratio"]
    ),
    flow=FLOW | {"changing": 0},
    chosen_from="the forecast of last week",
    power_text="Simulated.",
    last_day="2026-02-08",
    simulated=True,
    grid=GRID,
)


@pytest.mark.usefixtures("undrawn")
def test_the_map_counts_cells_by_assignment(tmp_path):
    figure = draw_unit_map(FACTS, tmp_path)
    assert figure.alt == "Map of the units: 2 cells treated, 1 cells control, 3 cells zone. See assignment.csv."
    assert (tmp_path / "units.png").is_file()


@pytest.mark.usefixtures("undrawn")
def test_units_that_change_and_units_in_no_block_are_classes_of_their_own(tmp_path):
    changing = replace(FACTS.design, assignment=("110", "000"), blocks=(0, -1))
    figure = draw_unit_map(replace(FACTS, design=changing), tmp_path)
    assert "2 cells in turns, 1 cells in no block" in figure.alt
    assert figure.caption.endswith("In turns: treated in some of the periods.")


@pytest.mark.usefixtures("undrawn")
def test_the_page_says_how_likely_an_effect_is_shown_and_where_the_design_is_registered(tmp_path):
    registered = RegisteredDesign("register.jsonl", "f" * 64, datetime(2026, 1, 2, 8, tzinfo=UTC))
    path = tmp_path / "design.html"
    write_trial_design_page(path, FACTS, registered, draw_unit_map(FACTS, tmp_path))
    page = Page(path.read_text(encoding="utf-8"))
    text = page.text.replace("\N{NO-BREAK SPACE}", " ")
    assert "chance to show 20 % fewer crimes" in text
    assert "none up to 50 %" in text
    assert "f" * 64 in text
    assert page.all("b") == []
