"""The challenge replayed: planted cities by hand, and December 2016 in Portland held out."""

import importlib.util
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.errors import InputError
from ilp_models.grid.square import SquareGrid
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.pipeline.nij_challenge import ChallengeEntry, evaluate, replay_challenge
from ilp_models.scoring.nij_challenge import FOOT
from tests.builders import events_at

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("ILP_SHARED_DATA", ROOT.parent / "shared" / "data")) / "portland_nij"
HERE = LocalProcesses(1)
SIDE = 600 * FOOT
SQUARES = SquareGrid(SIDE, active="all")
START, CUTOFF, END = (pd.Timestamp(day) for day in ("2021-01-04", "2021-06-07", "2021-09-20"))


def town(moves=False):
    """Return a call a day in the first 20 of 6 x 6 cells, or from the cutoff on in the last 20."""
    days = pd.date_range(START, END - pd.Timedelta(days=1))
    day, cell = (part.ravel() for part in np.meshgrid(np.arange(len(days)), np.arange(20), indexing="ij"))
    place = np.where(moves & (days[day] >= CUTOFF), 35 - cell, cell)
    corners = np.array([[0, 0], [6 * SIDE - 1, 6 * SIDE - 1]])  # the rectangle around the calls is the city
    x = np.concatenate([(place % 6 + 0.5) * SIDE, corners[:, 0]]) + 3_000 * SIDE
    y = np.concatenate([(place // 6 + 0.5) * SIDE, corners[:, 1]]) + 20_000 * SIDE
    when = days[np.concatenate([day, [0, 0]])]
    return events_at(x, y, when, types=("Theft",), start=START, end=END)


def entry(forecaster=None, **changes):
    return replace(ChallengeEntry("mean", "squares", forecaster or MovingAverage(), SQUARES, 20), **changes)


def test_a_town_that_stays_is_caught_whole_over_every_horizon():
    events = town()
    table, not_run = replay_challenge([entry()], events, [CUTOFF], 1, HERE)
    assert table["horizon"].tolist() == ["1 week", "2 weeks", "1 month", "2 months", "3 months"]
    assert table["events"].tolist() == [20 * days for days in (7, 14, 31, 61, 92)]
    assert (table["caught"] == table["events"]).all()
    assert (table["best"] == table["events"]).all()
    assert not_run == {}


def test_a_town_that_moves_is_missed_and_the_forecast_does_not_see_it_coming():
    table, _ = replay_challenge([entry()], town(moves=True), [CUTOFF], 1, HERE)
    # cells 16 to 19 are among the 20 before and after
    assert table["caught"].tolist() == [4 * days for days in (7, 14, 31, 61, 92)]
    assert (table["best"] == table["events"]).all()


def test_horizons_beyond_the_records_are_left_out_and_later_origins_see_more():
    cutoffs = [CUTOFF, CUTOFF + pd.Timedelta(weeks=8)]
    table, _ = replay_challenge([entry(MovingAverage(4))], town(moves=True), cutoffs, 2, HERE)
    later = table[table["cutoff"] == cutoffs[1]]
    assert later["horizon"].tolist() == ["1 week", "2 weeks", "1 month"]
    assert (later["caught"] == later["events"]).all()


def test_a_forecast_of_weeks_is_summed_over_each_horizon():
    tables = [replay_challenge([entry(weeks=weeks)], town(), [CUTOFF], 1, HERE)[0] for weeks in (1, 14)]
    pd.testing.assert_frame_equal(*tables)


def test_an_entry_for_one_crime_type_sees_no_other():
    events = town()
    eastern = events.table["x"].to_numpy() > (3_000 + 3) * SIDE
    kinds = pd.Categorical(np.where(eastern, "Fraud", "Theft"), categories=["Fraud", "Theft"])
    events = replace(events, table=events.table.assign(crime_type=kinds))
    table, _ = replay_challenge([entry(crime_types=("Fraud",))], events, [CUTOFF], 1, HERE)
    assert table["crime_type"].unique().tolist() == ["Fraud"]
    assert table["events"].tolist() == [9 * days for days in (7, 14, 31, 61, 92)]


def test_an_entry_that_cannot_run_says_why_and_leaves_no_row():
    soon = START + pd.Timedelta(weeks=2)
    table, not_run = replay_challenge([entry(EWMA())], town(), [soon], 1, HERE)
    assert table.empty
    assert "at least" in not_run["mean"]


def test_origins_on_other_weekdays_are_refused():
    with pytest.raises(InputError, match="not whole weeks apart"):
        replay_challenge([entry()], town(), [CUTOFF, CUTOFF + pd.Timedelta(days=10)], 1, HERE)


def halves(events, cutoff):
    known = events.table["occurred_at"] < cutoff
    return (
        replace(events, table=events.table[known], end=cutoff),
        replace(events, table=events.table[~known], start=cutoff),
    )


def test_a_later_period_scores_as_if_it_had_been_held_out():
    events = town(moves=True)
    held_out, _ = replay_challenge([entry()], events, [CUTOFF], 1, HERE)
    later, _ = evaluate([entry()], *halves(events, CUTOFF), HERE)
    pd.testing.assert_frame_equal(later, held_out)


def test_a_later_period_that_does_not_follow_on_the_known_one_is_refused():
    known, later = halves(town(), CUTOFF)
    with pytest.raises(InputError, match="must start on 2021-06-07"):
        evaluate([entry()], known, replace(later, start=CUTOFF + pd.Timedelta(days=1)), HERE)


@pytest.fixture
def script():
    """Return the experiment's script as a module."""
    path = ROOT / "experiments" / "portland-nij" / "run.py"
    spec = importlib.util.spec_from_file_location("portland_nij_run", path)
    module = importlib.util.module_from_spec(spec)
    kept = list(sys.path), sys.modules.get("tables")
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = kept[0]
    for name in ("tables", spec.name):
        sys.modules.pop(name, None)


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="the calls of Portland are not on this machine")
def test_december_2016_held_out_as_a_file_scores_what_a_replay_does(script, tmp_path, capsys):
    calls = pd.read_parquet(DATA / "events_2012-03_2017-02.parquet")
    calls = calls[calls["category"] != "OTHER"]
    split = pd.Timestamp("2016-11-30")
    when = pd.to_datetime(calls["date"])
    files = {"known": calls[(when < split) & (when >= "2015-01-01")], "later": calls[when >= split]}
    for name, part in files.items():
        part.to_parquet(tmp_path / f"{name}.parquet")
    words = [f"data.path={tmp_path / 'known.parquet'}", f"data.end={split.date()}", "data.start=2015-01-01"]
    words += [f"grid.area={DATA / 'portland_police_districts.zip'}", "grid.tries=5", "compute.jobs=1"]
    words += ["model=[moving_average]", "~model.kde", "~model.empirical_bayes", "~model.lightgbm"]
    script.ON_FOUND_GRIDS = "moving_average"
    assert script.main([*words, "--evaluate", str(tmp_path / "later.parquet")]) == 0
    said = capsys.readouterr()
    assert "all calls not scored" in said.err
    rows = [line.split() for line in said.out.splitlines()]
    chosen = files["later"][(when[when >= split] < split + pd.Timedelta(days=31))]
    street = [row for row in rows if row[:4] == ["Street", "crimes", "1", "month"] and "moving_average" in row]
    assert len(street) == 4  # squares and the grid found, for PAI and for PEI
    number = int((chosen["category"] == "STREET CRIMES").sum())
    for row in street:
        caught, events = (int(word) for word in row[row.index("moving_average") + 1 :][:2])
        assert events == number
        assert 0 < caught < events
    plain = next(row for row in street if row[5:8] == ["250", "ft", "squares"])
    assert float(plain[-2]) == pytest.approx(int(plain[9]) / number * 147.71 / (112 * 62_500 / 5280**2), abs=1e-3)
    assert float(plain[-2]) > 50
