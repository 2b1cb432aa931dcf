"""An embedded store, copied because creating one takes seconds."""

import shutil

import pytest

from ilp_models.tracking.mlflow_store import MlflowTracker


@pytest.fixture(scope="session")
def made_store(tmp_path_factory):
    """Return the folder of a store that was made once; it has spaces in its path on purpose."""
    folder = tmp_path_factory.mktemp("a made store")
    MlflowTracker(str(folder)).check()
    return folder


@pytest.fixture
def tracker(made_store, tmp_path, monkeypatch):
    """Return a tracker of a ready store of its own."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = tmp_path / "out puts"
    folder.mkdir()
    shutil.copy(made_store / "mlflow.db", folder / "mlflow.db")
    return MlflowTracker(str(folder), patience=0.3)
