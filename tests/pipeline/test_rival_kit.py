"""A rival's kit: complete for other software, and without anything that was known later."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ilp_models.compute.local import LocalProcesses
from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.domain.digest import file_digest
from ilp_models.domain.errors import InputError
from ilp_models.grid.square import SquareGrid
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.pipeline.backtesting import run_backtest
from ilp_models.pipeline.rival_forecasts import with_rivals
from ilp_models.pipeline.rival_kit import write_rival_kit
from ilp_models.scoring.scores import Scoring
from tests.pipeline.small_city import run_task

WINDOW = 20  # weeks
KEYS = ["crime_type", "cell"]
EXAMPLE = Path(__file__).parents[2] / "experiments" / "toronto-burglary-vs-peers" / "mlforecast_rival.py"


@pytest.fixture(scope="module")
def backtest(tmp_path_factory):
    events = SimulatedCity(size_km=3, districts=2, weeks=80, population=30_000, reporting_delay_days=7).read()
    return run_backtest(
        {"moving_average": MovingAverage(WINDOW)},
        events,
        SquareGrid(500),
        test_periods=5,
        scoring=Scoring(baseline="moving_average"),
        compute=LocalProcesses(jobs=1),
        store=tmp_path_factory.mktemp("forecasts"),
    )


@pytest.fixture(scope="module")
def kit(backtest, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kit")
    write_rival_kit(backtest, folder)
    return folder


def moving_average(kit, answer):
    """Forecast the mean of the last complete weeks, in plain pandas and from the files of the kit only."""
    template, parts = pd.read_parquet(kit / "template.parquet"), []
    for row in pd.read_csv(kit / "periods.csv", encoding="utf-8-sig").itertuples():
        files = [file for file in sorted(kit.glob("events-*.parquet")) if file.stem <= f"events-{row.cutoff}"]
        events = pd.concat([pd.read_parquet(file) for file in files]).astype({"crime_type": str, "cell": str})
        last = pd.Timestamp(row.last_complete)
        used = events[(events["period"] <= last) & (events["period"] > last - pd.Timedelta(7 * WINDOW, "D"))]
        own = template[template["cutoff"] == row.cutoff]
        counts = used.groupby(KEYS).size().reindex(pd.MultiIndex.from_frame(own[KEYS]), fill_value=0)
        parts.append(own.assign(expected=counts.to_numpy() / WINDOW))
    pd.concat(parts).sample(frac=1, random_state=1).to_csv(answer, index=False)


def test_a_moving_average_in_plain_pandas_scores_as_ours_does(backtest, kit, tmp_path):
    moving_average(kit, tmp_path / "pandas.csv")
    joined = with_rivals(backtest, str(tmp_path / "pandas.csv"), "omit", None)
    units = ["score", "crime_type", "period"]
    scores = joined.scores.table.pivot_table(index=units, columns="forecaster", values="value")
    both = scores[["moving_average", "pandas"]].dropna()
    assert {"deviance", "hit_rate_05", "pai_area", "sum_ratio"} <= set(both.index.unique("score"))
    np.testing.assert_allclose(both["pandas"], both["moving_average"], rtol=1e-12, atol=0)


def test_each_file_of_events_holds_what_became_known_and_nothing_later(backtest, kit):
    events, grid = backtest.events, backtest.grid
    files = sorted(kit.glob("events-*.parquet"))
    cutoffs = [pd.Timestamp(file.stem.removeprefix("events-")) for file in files]
    assert cutoffs == [fold.cutoff for fold in backtest.plan.folds(events, backtest.study.calendar)]
    for number, cutoff in enumerate(cutoffs, start=1):
        known = pd.concat([pd.read_parquet(file) for file in files[:number]])
        ours = events.known_at(cutoff)
        assert known["reported_at"].max() < cutoff
        assert len(known) == len(ours)
        inside = grid.locate(ours) >= 0
        pd.testing.assert_series_equal(
            known.loc[known["cell"] != "", "crime_type"].value_counts(),
            ours.table.loc[inside, "crime_type"].value_counts(),
            check_names=False,
        )
    assert set(known.columns) == {"occurred_at", "reported_at", "crime_type", "cell", "period"}


def test_the_kit_is_complete_and_tells_no_count_of_the_test_periods(backtest, kit):
    facts = json.loads((kit / "kit.json").read_text())
    assert {file.name for file in kit.iterdir()} == {"kit.json", *facts["files"]}
    assert all(file_digest(kit / name) == digest for name, digest in facts["files"].items())
    observed = int(backtest.replays[0].observed.sum())
    text = (kit / "README.md").read_text()
    assert f"{observed:,}" in backtest.protocol
    assert f"{observed:,}" not in text
    assert backtest.study.attribution in text
    template = pd.read_parquet(kit / "template.parquet")
    assert template["expected"].isna().all()
    assert len(template) == backtest.replays[0].expected.size
    assert "observed" not in template


def test_a_kit_needs_a_new_folder_and_the_task_writes_it(backtest, kit, tmp_path):
    with pytest.raises(InputError, match=r"kit=.* exists and is not an empty folder\. Name a new folder\."):
        write_rival_kit(backtest, kit)
    settings = ("backtest.test_periods=2", "model=[ewma]", f"kit='{tmp_path}/kit'")
    done = run_task("backtest", tmp_path, *settings)
    assert done.text.endswith(f"Kit for rivals: {tmp_path}/kit")
    with pytest.raises(InputError, match="exists and is not an empty folder"):
        run_task("backtest", tmp_path, *settings, data=None)  # before any record is read


@pytest.mark.skipif(importlib.util.find_spec("mlforecast") is None, reason="mlforecast is not installed")
def test_mlforecast_enters_with_the_kit_only(backtest, kit, tmp_path):
    answer = tmp_path / "mlforecast.parquet"
    subprocess.run([sys.executable, EXAMPLE, kit, answer], check=True)
    joined = with_rivals(backtest, str(answer), "omit", None)
    skill = joined.skill().set_index(["forecaster", "crime_type"])["skill"]
    assert skill["mlforecast", "all"] > -0.2
