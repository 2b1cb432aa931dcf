"""Aliases that mirror the register of decisions."""

import pytest

from ilp_models.domain.errors import StorageError
from ilp_models.tracking.memory import InMemoryTracker
from ilp_models.tracking.mlflow_store import MlflowTracker


@pytest.fixture(params=["mlflow", "memory"])
def tracker(request, tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return MlflowTracker(folder=str(tmp_path / "outputs")) if request.param == "mlflow" else InMemoryTracker()


def promote(tracker, folder, alias, seal="a" * 64):
    folder.mkdir(exist_ok=True)
    tracker.promote("lightgbm", alias, folder, {"audit.decision": seal, "audit.alias": alias})


def test_an_alias_leads_to_the_folder_of_its_run(tracker, tmp_path):
    promote(tracker, tmp_path / "first", "candidate", "a" * 64)
    promote(tracker, tmp_path / "second", "candidate", "b" * 64)
    promote(tracker, tmp_path / "first", "approved", "a" * 64)
    assert tracker.promoted("lightgbm", "approved") == str(tmp_path / "first")
    assert tracker.promoted("lightgbm", "candidate") == str(tmp_path / "second")


def test_one_decision_is_one_version_and_loses_what_is_withdrawn(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    tracker = MlflowTracker(folder=str(tmp_path / "outputs"))
    for alias in ("candidate", "approved", "withdrawn"):
        promote(tracker, tmp_path / "run", alias)
    assert tracker.promoted("lightgbm", "withdrawn") == str(tmp_path / "run")
    for alias in ("candidate", "approved"):
        with pytest.raises(StorageError, match=alias):
            tracker.promoted("lightgbm", alias)


def test_an_alias_that_nobody_set_is_an_error(tracker):
    with pytest.raises(StorageError):
        tracker.promoted("lightgbm", "approved")
