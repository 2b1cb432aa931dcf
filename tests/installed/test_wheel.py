"""The wheel alone, away from the checkout: what a user gets."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.pipeline.small_city import LENIENT, SETTINGS

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder away from the checkout."""
    return tmp_path_factory.mktemp("some where")


@pytest.fixture(scope="module")
def ilp(place):
    """Return a call of the console script of a fresh environment that holds the wheel, and sees its dependencies."""
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


def test_the_main_job_runs_from_the_wheel(ilp, place):
    done = ilp("preregister", *SETTINGS["preregister"], *LENIENT, timeout=300)
    assert done.returncode == 0, done.stderr
    done = ilp("weekly", "name=wheel", *SETTINGS["weekly"], *LENIENT, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "Decision on lightgbm: ADMITTED" in done.stdout
    latest = place / "outputs" / "weekly" / "latest"
    assert (latest / "report.html").read_text().startswith("<!doctype html>")
    assert json.loads((latest / "decision.json").read_text())["admitted"] is True
    done = ilp("export", "grade=allocation", "formats=[csv]")
    assert done.returncode == 0, done.stderr
    assert (place / "outputs" / "export" / "latest" / "grid-allocation.csv").is_file()


def test_the_wheel_carries_the_bundled_records(ilp, place):
    words = ("data=toronto", "model=[moving_average]", "forecaster=moving_average", "export.formats=[csv]")
    done = ilp("forecast", *words, "tracking=memory", timeout=300)
    assert done.returncode == 0, done.stderr
    assert "Break and Enter" in done.stdout
    intake = json.loads((place / "outputs" / "forecast" / "latest" / "intake.json").read_text())
    assert intake["rows_read"] == 239_935
