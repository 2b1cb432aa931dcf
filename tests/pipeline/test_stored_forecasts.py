from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ilp_models.backtest.store import ForecastStore
from ilp_models.domain.errors import InputError
from ilp_models.pipeline.stored_forecasts import (
    RivalForecast,
    StoredForecast,
    StoredForecasts,
    find_stored,
    select_stored,
)
from tests.builders import forecast_on, square_grid

FORECAST = forecast_on(square_grid(2, 3))
CUTOFF, LATER = pd.Timestamp("2022-01-03"), pd.Timestamp("2022-01-10")
RECIPE = FORECAST.recipe


@pytest.fixture
def run(tmp_path):
    """Return the folder of a run with the forecast of one cutoff in its store."""
    store = ForecastStore(tmp_path / "run" / "forecasts")
    store.write(FORECAST, np.zeros(FORECAST.expected.shape, dtype=np.int32))
    return tmp_path / "run"


def test_forecasters_are_found_in_a_run_or_by_their_recipe(run, tmp_path):
    (entry,) = find_stored(str(run))
    assert (entry.folder, entry.name, entry.required) == (run / "forecasts" / RECIPE, "ewma", False)
    (named,) = find_stored([str(run / "forecasts" / RECIPE)])
    assert (named.folder, named.required) == (entry.folder, True)
    with pytest.raises(InputError, match="has no stored forecasts"):
        find_stored(str(tmp_path))


def test_those_of_this_run_are_not_taken_twice_and_equal_names_are_told_apart(run):
    entries = find_stored([str(run), str(run)])
    assert select_stored(entries, {"ewma": RECIPE}, [CUTOFF]).present == ()
    (alone,) = select_stored(entries, {}, [CUTOFF]).present
    assert (alone.name, alone.stored_as, alone.folder) == ("ewma", "ewma", entries[0].folder)
    (second,) = select_stored(entries, {"ewma": "f" * 16}, [CUTOFF]).present
    assert second.name == f"ewma ({RECIPE[:8]})"


def test_missing_cutoffs_exclude_a_forecaster_unless_it_was_named(run):
    left = select_stored(find_stored(str(run)), {}, [CUTOFF, LATER])
    assert left.present == ()
    assert "lacks 1 of 2 cutoffs" in left.excluded[0]
    assert left.note == "1 stored forecaster(s) excluded: cutoffs missing."
    (named,) = select_stored(find_stored(str(run / "forecasts" / RECIPE)), {}, [CUTOFF, LATER]).present
    with pytest.raises(InputError, match=r"lacks 1 of 2 cutoffs, first 2022-01-10; it has 1, 2022-01-03"):
        named.replays([CUTOFF, LATER], "W-SUN", 0)


def test_forecasts_that_knew_more_are_not_comparable(run):
    stored = StoredForecast("rival", "ewma", RECIPE, run / "forecasts")
    (replay,) = stored.replays([CUTOFF], "W-SUN", 0)
    assert (replay.forecaster, replay.handed_in) == ("rival", True)
    np.testing.assert_array_equal(replay.expected.values, FORECAST.expected.values)


def test_rivals_state_their_files_seal_and_distribution():
    assert StoredForecasts().note == ""
    rival = RivalForecast("a", (Path("x/r.csv"),), "0" * 16, "sealed", "quantiles", ("d" * 64,))
    assert rival.settings == {"files": {"r.csv": "d" * 64}, "seal": "sealed", "distribution": "quantiles"}
    assert rival.source == "handed in as x/r.csv; sealed; quantiles"
