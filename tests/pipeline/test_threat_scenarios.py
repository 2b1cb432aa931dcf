from dataclasses import replace

import numpy as np
import pytest

from ilp_models.grid.square import SquareGrid
from ilp_models.pipeline.threat_scenarios import run_scenarios, with_scenarios
from ilp_models.strategy.threats.scenarios import Scenarios
from tests.builders import city, events_of
from tests.strategy.threat_assessments import assessed
from tests.strategy.threat_inputs import THREATS, weights_of

WEEKS = 60
COUNTS = np.zeros((3, 4, WEEKS), dtype=int)
COUNTS[[0, 1, 2, 0], [0, 1, 2, 3]] = np.array([4, 3, 2, 1])[:, None]  # each week, one threat in each of four cells
GRID = SquareGrid(500)


def recorded():
    """Return the counts as events of the three threats."""
    events = events_of(COUNTS, city(1, 4))
    names = events.table["crime_type"].cat.rename_categories(dict(zip("abc", THREATS, strict=True)))
    return replace(events, table=events.table.assign(crime_type=names))


@pytest.fixture(scope="module")
def rows():
    weights = [weights_of([1, 100, 1])]
    one_cell = Scenarios(budget_share=0.25, hours=[0.5, 2])
    found = run_scenarios(assessed(weights=weights), recorded(), GRID, one_cell)
    return found.set_index("scenario")


def test_the_hours_of_one_cell_go_to_the_one_with_most_events(rows):
    assert rows.loc["today's hours", "share_of_events"] == pytest.approx(0.4, abs=0.05)
    assert rows.loc["200 % of today's hours", "share_of_events"] == pytest.approx(0.7, abs=0.05)
    assert rows.loc["50 % of today's hours", "events_covered"] == pytest.approx(
        rows.loc["today's hours", "events_covered"] / 2
    )


def test_another_choice_has_its_price(rows):
    by_harm = next(name for name in rows.index if name.startswith("choose cells by harm"))
    assert rows.loc[by_harm, "share_of_events"] == pytest.approx(0.3, abs=0.05)  # the second cell has the heavy type
    assert rows.loc[f"leave out {THREATS[0]}", "share_of_events"] == pytest.approx(0.3, abs=0.05)
    assert rows.loc["today's hours", "difference"] == 0
    assert rows.loc[by_harm, "difference"] < 0


def test_the_assessment_keeps_the_settings_of_its_scenarios():
    found = with_scenarios(assessed(), recorded(), GRID, Scenarios(budget_share=0.25, hours=[2]))
    assert found.facts["scenarios"]["budget_share"] == 0.25
    assert len(found.scenarios) == 2 + 1 + len(THREATS)
