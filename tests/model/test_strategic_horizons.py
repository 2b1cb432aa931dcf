"""The experiment on long horizons: its shared fits, its protocol, and the tables that it writes."""

import importlib.util
import os
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ilp_models as ilp

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("ILP_SHARED_DATA", ROOT.parent / "shared" / "data")) / "city_month_counts"


@pytest.fixture(scope="module")
def experiment():
    path = ROOT / "experiments" / "strategic-horizons" / "run.py"
    if not path.is_file():
        pytest.skip("the experiments are not next to the tests")
    spec = importlib.util.spec_from_file_location("strategic_horizons", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks its own module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def task_of(experiment, counts, unit, train, horizon, origins):
    index = pd.period_range("2015-01-01", periods=len(counts), freq=unit)
    setting = {"M": "city months", "D": "city days"}[unit]
    return experiment.Task(setting, "one", pd.Series(counts, index=index), train, horizon, origins)


@pytest.mark.parametrize(("unit", "train", "horizon"), [("M", 36, 24), ("D", 120, 30)])
def test_errors_of_shared_fits_are_those_of_each_method_alone(experiment, unit, train, horizon):
    counts = np.random.default_rng(2).poisson(30, train + horizon + 5)
    task = task_of(experiment, counts, unit, train, horizon, (train, train + 5))
    rows = pd.DataFrame(experiment.score(task), columns=list(experiment.COLUMNS)).set_index("method")
    errors, naive, inside = Counter(), 0.0, Counter()
    for origin in task.origins:
        known = task.counts.iloc[origin - train : origin]
        later = counts[origin : origin + horizon]
        naive += np.abs(later - known.iloc[-1]).sum()
        for name in rows.index.drop("Naive"):
            made = getattr(ilp, name)(train_periods=train).forecast_series(known, horizon)
            errors[name] += np.abs(later - made["expected"]).sum()
            inside[name] += ((made["q05"] <= later) & (later <= made["q95"])).sum()
    assert list(rows.index) == ["Naive", "SeasonalNaive", "ETS", "STLETS", "Theta", "LinearTrend", "SeriesMean"]
    for name, error in errors.items():
        assert rows.loc[name, "relative_error"] == pytest.approx(error / naive, rel=1e-12)
        assert rows.loc[name, "coverage_90"] == pytest.approx(inside[name] / (2 * horizon), rel=1e-12)
    assert rows.loc["Naive", "relative_error"] == 1
    assert rows.loc["Naive", "wape"] == pytest.approx(
        naive / sum(counts[one : one + horizon].sum() for one in task.origins)
    )


def test_a_forecast_does_not_see_what_it_forecasts(experiment):
    counts = np.random.default_rng(3).poisson(50, 48)
    errors = []
    for more in (1000, 2000):  # above every forecast, so that only the recorded counts change the errors
        later = counts[36:] + more
        rows = experiment.score(task_of(experiment, np.r_[counts[:36], later], "M", 36, 12, (36,)))
        errors.append([row[5] * later.sum() for row in rows])
    np.testing.assert_allclose(np.subtract(errors[1], errors[0]), 12 * 1000)


def test_tables_say_what_is_reached_and_where_a_naive_forecast_wins(experiment):
    rows = [
        ("city months", f"City {number}", name, 5, error, error / 10, cover, 0.91)
        for number, (mean, seasonal, cover) in enumerate([(0.6, 0.7, 0.89), (0.7, 0.65, 0.90), (1.2, 1.3, 0.90)])
        for name, error in (("Naive", 1.0), ("SeasonalNaive", seasonal), ("SeriesMean", mean))
    ]
    rows += [
        ("city days", "City 0", "SeriesMean", 5, 0.66, 0.1, 0.86, 0.92),
        ("city days", "Chicago: theft", "SeriesMean", 5, 0.60, 0.1, 0.95, 0.93),
        ("city days", "City 0", "SeasonalNaive", 5, 1, 0.1, 0.9, 0.92),
    ]
    tables = experiment.make_tables(pd.DataFrame(rows, columns=list(experiment.COLUMNS)))
    days, tested, months = sorted(tables["targets"].splitlines()[2:])
    assert months.startswith("| city months | all | 3 | 0.833 [")
    assert "| 0.70 | no | 0.686 | 89.7% | 91.0% | yes |" in months
    assert "| city days | all | 2 | 0.630 | 0.66 | yes | 0.659 | 90.5% | 92.5% | yes |" in days
    assert "| city days | tests | 1 | 0.600 | 0.66 | yes | 0.659 | 95.0% | 93.0% | yes |" in tested
    lost = [name for name in ("City 0", "City 1", "City 2") if name in tables["wins"]]
    assert lost == ["City 1", "City 2"]
    assert "2 of 5 series" in tables["wins"]


def test_the_default_drift_is_the_share_that_the_trials_chose(experiment):
    trials = pd.read_csv(experiment.FOLDER / "interval_trials.csv")
    trials = trials[(trials["level"] == "added drift by interval score") & (trials["degrees_of_freedom"] == "normal")]
    by_setting = trials.set_index("setting")["share"]
    assert by_setting["city days"] == ilp.SeriesMean().drift  # learned from every series of months


@pytest.mark.skipif(not DATA.is_dir(), reason="the counts of cities by month are not next to the checkout")
def test_the_protocol_is_the_stated_one_and_a_short_run_gives_finite_errors(experiment):
    settings = {"city months": (28, 36, 36), "district months": (22, 36, 12), "city days": (7, 1095, 90)}
    makers = (experiment.city_months, experiment.district_months, experiment.city_days)
    for make, (setting, (series, train, horizon)) in zip(makers, settings.items(), strict=True):
        tasks = list(make(DATA))
        assert {(task.setting, task.train, task.horizon) for task in tasks} == {(setting, train, horizon)}
        assert len(tasks) == series
        for task in tasks:
            assert min(task.origins) >= train
            assert max(task.origins) + horizon <= len(task.counts)
        short = replace(tasks[0], origins=tasks[0].origins[:2])
        found = pd.DataFrame(experiment.score(short), columns=list(experiment.COLUMNS))
        assert np.isfinite(found["relative_error"]).all()
    assert {len(task.origins) for task in experiment.district_months(DATA)} == {48}
    assert [len(task.origins) for task in experiment.city_months(DATA) if task.series.startswith("Chicago")] == [49]


@pytest.mark.skipif(not DATA.is_dir(), reason="the counts of cities by month are not next to the checkout")
def test_naive_forecasts_have_the_errors_that_were_computed_independently(experiment, monkeypatch):
    """Such as seasonal naive in Chicago: .562 of the naive forecast, 36 months ahead from 49 origins."""
    monkeypatch.setattr(experiment, "METHODS", (ilp.SeasonalNaive(train_periods=36),))
    known = pd.read_csv(DATA / "baselines_own.csv")
    known = known[(known["horizon_months"] == 36) & known["method"].isin(["naive", "seasonal naive"])]
    tasks = {task.series: task for task in experiment.city_months(DATA)}
    names = {"naive": "Naive", "seasonal naive": "SeasonalNaive"}
    assert {"Chicago: aggravated assault", "Medellin: homicide (victims)"} <= set(known["series"])
    for series, rows in known.groupby("series"):
        found = pd.DataFrame(experiment.score(tasks[series]), columns=list(experiment.COLUMNS)).set_index("method")
        for row in rows.itertuples(index=False):
            one = found.loc[names[row.method]]
            assert (one["origins"], round(one["relative_error"], 3)) == (row.origins, row.relative_to_naive)
            assert 100 * one["wape"] == pytest.approx(row.wape_pct, abs=0.005)
