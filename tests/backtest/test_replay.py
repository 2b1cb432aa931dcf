import dataclasses
from dataclasses import replace

import filelock
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from ilp_models.backtest.replay import BacktestData, replay, storage_recipes
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError, NotRunError, StorageError
from ilp_models.domain.history import History
from ilp_models.domain.replay import ReplayTerms
from ilp_models.features.means import ExponentialMeans
from ilp_models.model.ensembles import Stacked
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.model.regressions.lightgbm import LightGBM
from ilp_models.model.wrappers.recalibrated import Recalibrated
from tests.builders import city, events_of, poisson_counts

PLAN = RollingOrigin(test_periods=7, horizon=2, refit_every=3)

COUNTS = poisson_counts((2, 12, 80), np.random.default_rng(2).gamma(1.0, 0.8, (2, 12, 1)))
CALLS = []


class Watched(EWMA):
    """An EWMA that writes down what it is asked for, and can be made to fall over."""

    dies_at = None

    def fit(self, history):
        CALLS.append(("fit", history.cutoff))
        return super().fit(history)

    def update(self, history):
        CALLS.append(("update", history.cutoff))
        return super().update(history)

    def predict(self, periods):
        CALLS.append(("predict", periods[0].start_time))
        if periods[0].start_time == Watched.dies_at:
            raise KeyboardInterrupt
        return super().predict(periods)


class Picky(MovingAverage):
    """A mean that cannot run before some week."""

    def _fit(self, history):
        if len(history.panel.periods) < 75:
            msg = "Too little of it."
            raise NotRunError(msg)
        super()._fit(history)


class InvalidForecaster(MovingAverage):
    """A mean with invalid forecasts from some week on, or invalid settings."""

    def __init__(self, window=52, value=np.nan, refuses=False, valid_weeks=75):
        super().__init__(window)
        self.value = value
        self.refuses = refuses
        self.valid_weeks = valid_weeks

    def _fit(self, history):
        if self.refuses:
            msg = "window=52 is too wide; set a smaller one."
            raise InputError(msg)
        super()._fit(history)

    def _predict(self, periods, steps):
        expected, dispersion = super()._predict(periods, steps)
        if len(self.history_.panel.periods) > self.valid_weeks:
            expected = np.array(expected)
            expected[1, 3:5, 0] = self.value
        return expected, dispersion


@pytest.fixture
def world():
    grid = city(3, 4)
    return BacktestData(events_of(COUNTS, grid, delay_days=3, settles_after="7D", outside=900), grid, Calendar())


@pytest.fixture(autouse=True)
def nothing_called_yet():
    CALLS.clear()
    yield
    Watched.dies_at = None


def run(forecasters, world, store, plan=PLAN, jobs=1):
    return replay(forecasters, plan, world, store, LocalProcesses(jobs))


def trees():
    return LightGBM(
        [ExponentialMeans((4, 16))], EWMA((8, 32)), n_estimators=5, min_child_samples=30, holdout=8, leads=2
    )


def cutoffs(world):
    return [fold.cutoff for fold in PLAN.folds(world.events, world.calendar)]


def same(some, others):
    assert [(one.forecaster, one.lead) for one in some] == [(one.forecaster, one.lead) for one in others]
    for one, other in zip(some, others, strict=True):
        for part in ("expected", "quantiles", "dispersion", "observed"):
            assert getattr(one, part).identical(getattr(other, part))


@pytest.mark.slow
@pytest.mark.parametrize("forecaster", [EWMA((8, 32)), trees()], ids=["ewma", "trees"])
def test_replay_equals_fitting_and_updating_by_hand(forecaster, world, tmp_path):
    outcome = run({"mean": forecaster}, world, tmp_path)
    by_hand = clone(forecaster)
    for index, fold in enumerate(PLAN.folds(world.events, world.calendar)):
        history = History.from_events(fold.cutoff, world.events, world.grid, world.calendar)
        by_hand = by_hand.fit(history) if index % 3 == 0 else by_hand.update(history)
        forecast = by_hand.predict(pd.PeriodIndex(list(fold.periods)))
        for lead, part in enumerate(outcome.replays[: len(fold.periods)]):
            np.testing.assert_array_equal(part.expected.values[..., index], forecast.expected.values[..., lead])
            np.testing.assert_array_equal(part.quantiles.values[..., index], forecast.quantiles.values[..., lead])
            np.testing.assert_array_equal(part.dispersion.values[:, index], forecast.dispersion.values)


def test_horizon_of_two_gives_two_replays_with_their_own_periods_and_counts(world, tmp_path):
    models = {"ewma": EWMA((8,)), "mean": MovingAverage(20)}
    recipes = storage_recipes(models, PLAN, world)
    outcome = run(models, world, tmp_path)
    assert [(one.forecaster, one.lead, one.recipe) for one in outcome.replays] == [
        ("ewma", 1, recipes["ewma"]),
        ("ewma", 2, recipes["ewma"]),
        ("mean", 1, recipes["mean"]),
        ("mean", 2, recipes["mean"]),
    ]
    weeks = pd.period_range("2018-01-01", periods=80, freq="W-SUN")
    for one in outcome.replays:
        tested = weeks[72 + one.lead - 1 : 79]  # the last week has not settled
        assert one.periods.equals(tested)
        np.testing.assert_array_equal(one.observed.values, COUNTS[..., 72 + one.lead - 1 : 79])
        assert one.observed.indexes["cell"].equals(world.grid.cells)


def test_each_lead_has_its_own_forecast(world, tmp_path):
    """With a delay of a week the newest usable week lies two before the first and three before the second lead."""
    settled = replace(world, events=events_of(COUNTS, world.grid, settles_after="7D"))
    one, two = run({"mean": MovingAverage(1)}, settled, tmp_path).replays
    np.testing.assert_array_equal(one.expected.values, COUNTS[..., 70:77])
    np.testing.assert_array_equal(two.expected.values, COUNTS[..., 70:76])
    assert one.terms == two.terms == ReplayTerms(delay=1, refit_every=PLAN.refit_every)


def test_events_outside_the_cells_are_counted(world, tmp_path):
    tested = pd.period_range("2018-01-01", periods=80, freq="W-SUN")[72:79]
    stray = world.events.table["x"] < 10_000
    when = world.events.table.loc[stray, "occurred_at"]
    there = ((when >= tested[0].start_time) & (when <= tested[-1].end_time)).sum()
    assert there > 20
    assert run({"mean": MovingAverage()}, world, tmp_path).outside == there


def test_later_events_change_no_earlier_forecast(world, tmp_path):
    middle = cutoffs(world)[3]
    table = world.events.table
    kept = table[table["reported_at"] < middle]
    wave = kept.iloc[:50].assign(occurred_at=middle, reported_at=middle)
    other = replace(world, events=replace(world.events, table=pd.concat([kept, *[wave] * 9], ignore_index=True)))
    first = run({"ewma": EWMA()}, world, tmp_path / "first").replays[0]
    second = run({"ewma": EWMA()}, other, tmp_path / "second").replays[0]
    np.testing.assert_array_equal(first.expected.values[..., :4], second.expected.values[..., :4])
    assert not np.array_equal(first.expected.values[..., 6], second.expected.values[..., 6])
    assert not np.array_equal(first.observed.values[..., 3], second.observed.values[..., 3])


@pytest.mark.parametrize("at", [0, 1, 3, 5])
def test_killed_run_resumes_and_gives_the_same_numbers(at, world, tmp_path):
    whole = run({"watched": Watched((8, 32))}, world, tmp_path / "whole")
    dates = cutoffs(world)
    Watched.dies_at = dates[at]
    with pytest.raises(KeyboardInterrupt):
        run({"watched": Watched((8, 32))}, world, tmp_path / "killed")
    stored = sorted((tmp_path / "killed").rglob("*.parquet"))
    assert len(stored) == at
    written = [path.stat().st_mtime_ns for path in stored]
    CALLS.clear()
    Watched.dies_at = None
    resumed = run({"watched": Watched((8, 32))}, world, tmp_path / "killed")
    same(resumed.replays, whole.replays)
    assert [when for verb, when in CALLS if verb == "predict"] == dates[at:]
    assert [when for verb, when in CALLS if verb == "fit"] == [
        date for date in dates[::3] if date >= dates[at - at % 3]
    ]
    assert [path.stat().st_mtime_ns for path in stored] == written
    CALLS.clear()
    same(run({"watched": Watched((8, 32))}, world, tmp_path / "killed").replays, whole.replays)
    assert CALLS == []


def test_trees_resume_bit_for_bit(world, tmp_path):
    whole = run({"trees": trees()}, world, tmp_path)
    for path in sorted(tmp_path.rglob("*.parquet"))[1::2]:
        path.unlink()
    same(run({"trees": trees()}, world, tmp_path).replays, whole.replays)


def test_recipes_do_not_share_forecasts(world, tmp_path):
    first = run({"watched": Watched((8,))}, world, tmp_path)
    CALLS.clear()
    other = run({"watched": Watched((32,))}, world, tmp_path)
    assert sum(verb == "predict" for verb, _ in CALLS) == PLAN.test_periods
    assert not np.array_equal(other.replays[0].expected.values, first.replays[0].expected.values)
    CALLS.clear()
    same(run({"watched": Watched((8,))}, world, tmp_path).replays, first.replays)
    assert CALLS == []


@pytest.mark.parametrize(
    "change",
    [
        {"plan": RollingOrigin(test_periods=PLAN.test_periods, horizon=PLAN.horizon, refit_every=1)},
        {"calendar": Calendar(week_start="tuesday")},
        {"country": "CA"},
        {"events": -1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_other_plans_calendars_holidays_and_records_never_share_stored_forecasts(world, change):
    events = world.events
    if "country" in change:
        events = dataclasses.replace(events, country=change["country"])
    if "events" in change:
        events = dataclasses.replace(events, table=events.table.iloc[: change["events"]])
    other = BacktestData(events, world.grid, change.get("calendar", world.calendar))
    models = {"mean": MovingAverage()}
    assert storage_recipes(models, change.get("plan", PLAN), other) != storage_recipes(models, PLAN, world)


def test_name_is_not_part_of_the_recipe(world):
    recipes = storage_recipes({"a": MovingAverage(), "b": MovingAverage(), "c": MovingAverage(window=3)}, PLAN, world)
    assert recipes["a"] == recipes["b"] != recipes["c"]


def test_damaged_partition_stops_the_run_and_can_be_recomputed(world, tmp_path):
    whole = run({"mean": MovingAverage()}, world, tmp_path)
    path = sorted(tmp_path.rglob("*.parquet"))[2]
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(StorageError, match=r"is damaged .* Delete the file and run again\.") as told:
        run({"mean": MovingAverage()}, world, tmp_path)
    assert str(path) in str(told.value)
    path.unlink()
    same(run({"mean": MovingAverage()}, world, tmp_path).replays, whole.replays)


def test_second_writer_stops_at_once(world, tmp_path):
    folder = tmp_path / storage_recipes({"watched": Watched()}, PLAN, world)["watched"]
    folder.mkdir()
    with filelock.FileLock(folder / ".lock"), pytest.raises(StorageError, match="Another run is writing"):
        run({"watched": Watched()}, world, tmp_path)
    assert CALLS == []


def test_failing_forecaster_is_reported_and_others_continue(world, tmp_path):
    short = LightGBM([ExponentialMeans((4,))], offset=None, train_periods=1)
    outcome = run({"trees": short, "mean": MovingAverage(), "ewma": Picky()}, world, tmp_path)
    assert {one.forecaster for one in outcome.replays} == {"mean"}
    assert set(outcome.not_run) == {"trees", "ewma"}
    assert outcome.not_run["trees"].startswith("71 known weeks leave 1 to learn from")
    assert outcome.not_run["ewma"] == "Too little of it."  # it ran later on, but not at every cutoff
    again = run({"trees": short, "mean": MovingAverage(), "ewma": Picky()}, world, tmp_path)
    assert again.not_run == outcome.not_run


@pytest.mark.parametrize("value", [np.nan, -0.25, np.inf])
def test_invalid_forecasts_stop_only_their_forecaster(value, world, tmp_path):
    outcome = run({"trees": InvalidForecaster(value=value), "mean": MovingAverage()}, world, tmp_path)
    assert {one.forecaster for one in outcome.replays} == {"mean"}
    assert outcome.not_run == {
        "trees": f"The forecaster gave {value} as an expected count, 2 times; "
        "first at b / r0c3 / 2019-06-24/2019-06-30."
    }


@pytest.mark.parametrize(
    ("outer", "named"),
    [
        (Stacked({"ill": InvalidForecaster(valid_weeks=60), "well": MovingAverage()}, past_periods=3), "ill"),
        (Recalibrated(InvalidForecaster(valid_weeks=60), past_periods=3), "InvalidForecaster"),
        (Recalibrated(Stacked({"ill": InvalidForecaster(valid_weeks=60)}, past_periods=3), past_periods=3), "Stacked"),
    ],
    ids=["ensemble", "wrapper", "both"],
)
def test_invalid_member_forecasts_stop_only_their_ensemble(outer, named, world, tmp_path):
    outcome = run({"trees": outer, "mean": MovingAverage()}, world, tmp_path)
    assert {one.forecaster for one in outcome.replays} == {"mean"}
    assert outcome.not_run["trees"].startswith(f"{named} cannot ")
    assert "gave nan as an expected count" in outcome.not_run["trees"]


def test_invalid_settings_stop_the_run(world, tmp_path):
    with pytest.raises(InputError, match="window=52 is too wide"):
        run({"trees": InvalidForecaster(refuses=True), "mean": MovingAverage()}, world, tmp_path)


def test_each_forecast_is_stored_with_its_cost(world, tmp_path):
    first = run({"ewma": EWMA((8, 32))}, world, tmp_path).replays[0].cost
    assert (first.fits, first.forecasts) == (3, 7)
    assert first.fit_cpu_seconds > 0
    assert first.forecast_seconds > 0
    assert first.peak_mb >= 0
    assert run({"ewma": EWMA((8, 32))}, world, tmp_path).replays[0].cost == first  # as it was when they were made


def test_refit_for_a_stored_forecast_is_not_counted_twice(world, tmp_path):
    run({"ewma": EWMA((8, 32))}, world, tmp_path)
    (*_, gone) = sorted(tmp_path.rglob("cutoff=*/*.parquet"))[:6]  # the third of its chain
    gone.unlink()
    cost = run({"ewma": EWMA((8, 32))}, world, tmp_path).replays[0].cost
    assert (cost.fits, cost.forecasts) == (3, 7)


@pytest.mark.slow
def test_two_processes_equal_one(world, tmp_path):
    several = {"ewma": EWMA((8, 32)), "trees": trees(), "mean": MovingAverage()}
    serial = run(several, world, tmp_path / "serial")
    parallel = run(several, world, tmp_path / "parallel", jobs=2)
    same(parallel.replays, serial.replays)


ONE_TYPE_COUNTS = poisson_counts((1, 4, 40), np.ones((1, 4, 1)))

SHORT_PLAN = RollingOrigin(test_periods=4, refit_every=2)


class RaisingForecaster(MovingAverage):
    """A mean that breaks while it learns, sees newer counts or forecasts."""

    def __init__(self, error=None, while_="_fit"):
        super().__init__()
        self.error = error
        self.while_ = while_

    def _fit(self, history):
        self._break("_fit")
        super()._fit(history)

    def _predict(self, periods, steps):
        self._break("_predict")
        return super()._predict(periods, steps)

    def _break(self, where):
        if where == self.while_:
            raise self.error


def run_raising(store, *broken):
    grid = city(2, 2)
    models = {"mine": RaisingForecaster(*broken), "mean": MovingAverage()}
    world = BacktestData(events_of(ONE_TYPE_COUNTS, grid), grid, Calendar())
    return replay(models, SHORT_PLAN, world, store, LocalProcesses(1))


@pytest.mark.parametrize("where", ["_fit", "_predict"])
def test_raised_error_is_reported_with_cutoff_and_others_continue(where, tmp_path, caplog):
    outcome = run_raising(tmp_path, RuntimeError("my model\nbroke"), where)
    assert {one.forecaster for one in outcome.replays} == {"mean"}
    message = "failed at cutoff 2018-09-10: RuntimeError: my model broke (--debug shows the trace)"
    assert outcome.not_run == {"mine": message}
    kept = [one.getMessage() for one in caplog.records if one.name == "ilp.trace"]
    assert kept[0].startswith(f"mine {message}\nTraceback")
    assert where in kept[0]


@pytest.mark.parametrize("error", [InputError("window=3 is odd."), MemoryError(), KeyboardInterrupt()])
def test_input_errors_memory_errors_and_interrupts_stop_the_run(error, tmp_path):
    with pytest.raises(type(error)):
        run_raising(tmp_path, error)


def test_debug_raises_the_original_error(tmp_path, monkeypatch):
    monkeypatch.setenv("ILP_DEBUG", "1")
    with pytest.raises(RuntimeError, match="my model broke"):
        run_raising(tmp_path, RuntimeError("my model broke"))
