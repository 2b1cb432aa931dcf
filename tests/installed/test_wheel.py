"""The wheel alone, away from the checkout: what a user gets."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ilp(tmp_path_factory):
    """Return a call of the console script of a fresh environment that holds the wheel, and sees its dependencies."""
    place = tmp_path_factory.mktemp("some where")
    build = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(place), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=300)
    (wheel,) = place.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place / "venv")], check=True, timeout=120)
    python = place / "venv" / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, capture_output=True, timeout=120)
    (site,) = (place / "venv" / "lib").glob("python3*/site-packages")
    # Only the folder is added: the editable install that lives there is a .pth file, which is not followed.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    variables = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "HYDRA_FULL_ERROR")}

    def call(*words: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        command = [str(python.parent / "ilp"), *words]
        return subprocess.run(command, cwd=place, env=variables, capture_output=True, text=True, timeout=timeout)

    where = subprocess.run(
        [python, "-c", "import ilp_models; print(ilp_models.__file__)"], cwd=place, capture_output=True, text=True
    )
    assert where.stdout.startswith(str(site)), where
    return call


def test_the_wheel_knows_every_task_of_the_checkout(ilp):
    done = ilp("--help")
    assert done.returncode == 0, done.stderr
    for path in (ROOT / "configs").glob("[!_]*.yaml"):
        assert f"\n  {path.stem} " in done.stdout


def test_the_wheel_carries_its_configuration(ilp):
    done = ilp("weekly", "--cfg", "job")
    assert done.returncode == 0, done.stderr
    assert "_target_: ilp_models.model." in done.stdout


def test_the_main_job_runs_from_the_wheel(ilp):
    done = ilp(
        "weekly",
        "name=wheel",
        "model=[moving_average,ewma,lightgbm]",
        "model.lightgbm.n_estimators=10",
        "backtest.test_periods=4",
        timeout=590,
    )
    assert done.returncode == 0, done.stderr
    assert "withheld" in done.stdout.lower()
