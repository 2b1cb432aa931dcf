import pytest

from ilp_models.domain.tracking import Tracker
from ilp_models.tracking.memory import InMemoryTracker


def test_everything_recorded_can_be_read(tmp_path):
    (tmp_path / "a.txt").touch()
    tracker: Tracker = InMemoryTracker()
    tracker.check()
    with tracker.run("weekly", {"fingerprint": "f"}, {"grid": {"size": 500}}) as run:
        run.metrics({"skill": 0.5})
        run.artifact(tmp_path / "a.txt")
        with run.child("ewma", {"kind": "baseline"}, {"half_life": 8}) as child:
            child.metrics({"skill": 0.25}, step=3)
    assert isinstance(tracker, InMemoryTracker)
    (kept,) = tracker.runs
    assert (kept.name, kept.state, kept.recorded_params) == ("weekly", "finished", {"grid.size": "500"})
    assert kept.recorded_tags == {"fingerprint": "f"}
    assert kept.artifacts == ["a.txt"]
    assert [(c.name, c.state, c.recorded_metrics) for c in kept.children] == [("ewma", "finished", {"skill": 0.25})]


def test_a_failure_is_kept_as_one(tmp_path):
    tracker = InMemoryTracker()
    with pytest.raises(FileNotFoundError), tracker.run("weekly", {}, {}) as run:
        run.artifact(tmp_path / "none.txt")
    assert tracker.runs[0].state == "failed"
