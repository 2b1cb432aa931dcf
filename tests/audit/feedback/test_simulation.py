from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.audit.feedback.feedback import WEIGHTED, PatrolRule
from ilp_models.audit.feedback.simulation import FeedbackCity, simulate_feedback, simulation_areas
from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.data.simulated.rates import SimulatedType
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.grid import parent_labels
from ilp_models.domain.history import History
from ilp_models.grid.parents import ByLabel
from ilp_models.grid.square import SquareGrid
from ilp_models.model.means.moving_average import MovingAverage
from tests.audit.feedback.small_feedback import QUICK, RATES, history
from tests.builders import city, square_grid

pytestmark = pytest.mark.slow


def test_true_rates_are_the_mean_counts_unless_given():
    real = history()
    assert FeedbackCity.from_history(real).rates == pytest.approx(real.panel.values.mean(axis=2))
    assert np.array_equal(FeedbackCity.from_history(real, 2 * RATES).rates, 2 * RATES)
    with pytest.raises(InputError, match="one per crime type and cell"):
        FeedbackCity.from_history(real, -RATES)


def test_areas_are_parents_cells_or_blocks():
    cells = square_grid(6, 6)
    parents = pd.DataFrame({"half": ["w", "e"] * 18, "beat": [f"b{cell // 3}" for cell in range(36)]})
    level = simulation_areas(replace(cells, parents=parents))
    assert (level.name, len(level.areas)) == ("beat", 12)
    assert simulation_areas(cells).name == "cell"
    blocks = simulation_areas(square_grid(20, 20))
    assert blocks.name == "block"
    assert 100 <= len(blocks.areas) <= 200
    assert np.array_equal(np.unique(blocks.codes), np.arange(len(blocks.areas)))


def test_areas_are_sums_of_cells():
    grid = replace(city(6, 6), parents=pd.DataFrame({"beat": [f"b{cell // 3:02d}" for cell in range(36)]}))
    rates = np.arange(36.0)[None, :]
    made = FeedbackCity.from_history(history(rates, grid), rates)
    assert made.rates == pytest.approx(rates.reshape(1, 12, 3).sum(axis=2))
    assert made.grid.area_m2.sum() == pytest.approx(grid.area_m2.sum())
    result = simulate_feedback(
        MovingAverage(20), history(rates, grid), PatrolRule(0.1), replace(QUICK, unpatrolled_reporting_rate=0.5), rates
    )
    assert result.areas == "beat"
    assert list(result.observed["areas"]) == [12]


@settings(max_examples=15)
@given(st.lists(st.integers(0, 9), min_size=72, max_size=72), st.integers(0, 9))
def test_records_have_the_counts_they_were_written_from(counts, seed):
    made = FeedbackCity.from_history(history(RATES))
    cube = np.array(counts, dtype=np.int64).reshape(2, 12, 3)
    table = made.write_records(cube, -3, np.random.default_rng(seed))
    known = made.history_at([table], 3, 0)
    assert np.array_equal(known.panel.values, cube)
    assert known.cutoff == made.history.cutoff


def test_the_truth_of_the_simulated_city_is_what_happens():
    flat = SimulatedType(yearly=4000.0, season=0.0, offspring=0.0)
    source = SimulatedCity(size_km=3.0, weeks=80, crime_types={"theft": flat}, reporting_slope=0.5, reporting_rate=0.5)
    events = source.read()
    grid = SquareGrid(size=500, parents={"district": ByLabel()}).build(events)
    real = History.from_events(events.end, events, grid, Calendar())
    rates = source.reporting_rates().set_index("area")["rate"].reindex(parent_labels(grid)).to_numpy()
    truth = real.panel.values.mean(axis=2) / rates
    simulated = replace(QUICK, unpatrolled_reporting_rate=0.5, replicates=3)
    made = simulate_feedback(MovingAverage(20), real, PatrolRule(0.05), simulated, truth)
    assert made.areas == "district"
    assert made.excess("theft")[0] > made.excess("theft", WEIGHTED)[0] > 0


def test_events_lie_in_cells_in_proportion_to_their_rates():
    grid = replace(city(6, 6), parents=pd.DataFrame({"beat": [f"b{cell // 3:02d}" for cell in range(36)]}))
    rates = np.tile([1.0, 0.0, 3.0], 12)[None, :]
    made = FeedbackCity.from_history(history(rates, grid), rates)
    table = made.write_records(np.full((1, 12, 1), 500), 0, np.random.default_rng(0))
    cells = np.bincount(grid.locate(replace(made.history.events, table=table)), minlength=36).reshape(12, 3).sum(axis=0)
    assert cells[1] == 0
    assert cells[2] / cells.sum() == pytest.approx(0.75, abs=0.02)
