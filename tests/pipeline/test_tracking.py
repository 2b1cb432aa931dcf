from dataclasses import replace

import pytest

from ilp_models.domain.errors import StorageError
from ilp_models.grid.square import SquareGrid
from ilp_models.pipeline.study import open_study
from ilp_models.pipeline.tracking import alias_of, point_alias, record_decision, record_files, tracked_run
from ilp_models.tracking.memory import InMemoryTracker, MemoryRun
from tests.builders import events_at
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
