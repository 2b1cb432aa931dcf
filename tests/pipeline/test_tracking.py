from dataclasses import replace

import pytest

from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.errors import StorageError
from ilp_models.grid.square import SquareGrid
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.pipeline.backtesting import run_backtest
from ilp_models.pipeline.study import open_study
from ilp_models.pipeline.tracking import (
    alias_of,
    point_alias,
    record_backtest,
    record_decision,
    record_files,
    tracked_run,
)
from ilp_models.scoring.scores import Scoring
from ilp_models.stats.bootstrap import Bootstrap
from ilp_models.tracking.memory import InMemoryTracker, MemoryRun
from tests.builders import city, events_at, events_of, poisson_counts
from tests.domain.gate_example import WHOLE, decision, report

ADMITTED = decision()
WITHHELD = decision(report(WHOLE[1:]))


class Away(InMemoryTracker):
    """A tracker that cannot be reached."""

    def promote(self, *_):
        msg = "it is away"
        raise StorageError(msg)


class Noted(InMemoryTracker):
    """A tracker that keeps what it was asked to point at."""

    def promote(self, *asked):
        self.asked = asked


def test_a_run_has_its_settings_and_data():
    study = open_study(events_at([0.0, 600.0], [0.0, 0.0]), SquareGrid(500))
    tracker = InMemoryTracker()
    with tracked_run(tracker, "forecast", study, {"more": "yes"}) as run:
        assert run.recorded_tags["more"] == "yes"
    (data,) = run.datasets
    assert (data["digest"], data["source"]) == (study.events.digest(), "memory")
    assert data["profile"]["events"] == 2


def test_a_decision_is_recorded_with_the_value_of_each_finding(tmp_path):
    run = MemoryRun("audit")
    record_decision(run, ADMITTED)
    assert run.recorded_tags == {"decision": "admitted", "recipe": ADMITTED.recipe, "audit.decision": ADMITTED.seal}
    assert len(run.recorded_metrics) == len(WHOLE)
    assert set(run.recorded_metrics.values()) == {1.0}
    unknown = MemoryRun("audit")
    record_decision(unknown, decision(report((replace(WHOLE[0], value=float("nan")), *WHOLE[1:]))))
    assert len(unknown.recorded_metrics) == len(WHOLE) - 1
    record_files(run, [tmp_path])
    assert run.artifacts == [tmp_path.name]


@pytest.mark.parametrize(
    ("one", "alias", "status"), [(ADMITTED, "candidate", "admitted"), (WITHHELD, "research", "withheld")]
)
def test_an_alias_follows_the_decision(one, alias, status, tmp_path):
    assert alias_of(one) == alias
    tracker = Noted()
    assert point_alias(tracker, alias, one, tmp_path) == []
    forecaster, name, folder, tags = tracker.asked
    assert (forecaster, name, folder, tags["audit.status"]) == ("ewma", alias, tmp_path, status)
    assert tags["audit.decision"] == one.seal


def test_a_tracking_store_that_is_away_is_told_and_stops_nothing(tmp_path):
    told = point_alias(Away(), "candidate", ADMITTED, tmp_path)
    assert told == ["The tracking store was not updated: it is away"]


def test_a_backtest_has_headline_scores_and_a_child_for_each_forecaster(tmp_path):
    counts = poisson_counts((1, 4, 30), 3.0)
    models = {"moving_average": MovingAverage(), "ewma": EWMA()}
    plan = {"test_periods": 4, "horizon": 2, "scoring": Scoring(bootstrap=Bootstrap(2, 50))}
    backtest = run_backtest(
        models, events_of(counts, city(1, 4)), SquareGrid(500), **plan, compute=LocalProcesses(jobs=1), store=tmp_path
    )
    run = MemoryRun("backtest")
    record_backtest(run, backtest)
    assert {child.name for child in run.children} == set(models)
    assert run.recorded_metrics["ewma/skill"] == pytest.approx(0, abs=1e-12)  # over itself
    summary = backtest.summary().set_index(["forecaster", "crime_type", "lead", "score"])["value"]
    mean = next(child for child in run.children if child.name == "moving_average")
    assert run.recorded_metrics["moving_average/deviance"] == summary["moving_average", "all", 1, "deviance"]
    assert mean.recorded_metrics["all/deviance"] == summary["moving_average", "all", 1, "deviance"]
    assert mean.recorded_metrics["all/deviance/lead_2"] == summary["moving_average", "all", 2, "deviance"]
    assert mean.artifacts == ["summary.csv", "skill.csv"]
    assert len(mean.recorded_history["by_period/deviance"]) == 4
