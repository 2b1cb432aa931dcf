"""A finished weekly run on a small simulated city."""

import pytest

from ilp_models.cli.app import App, find_configs

SMALL = [
    *("data.size_km=3", "data.districts=2", "data.weeks=90", "data.population=9000"),
    *("model=[moving_average,ewma,lightgbm]", "model.lightgbm.n_estimators=10", "model.lightgbm.min_child_samples=100"),
    *("backtest.test_periods=12", "bootstrap.draws=200", "compute.jobs=1"),
]


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """Return the folder of a weekly run on a small simulated city."""
    folder = tmp_path_factory.mktemp("small run")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("sys.argv", ["ilp"])
        assert App(find_configs()).run(["weekly", "experiment=simulated-city", *SMALL]) == 0
    return folder / "outputs" / "weekly" / "latest"
