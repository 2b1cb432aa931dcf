"""Sample records with unusual column names, and functions that run `ilp` commands on them."""

import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd
from pyproj import Transformer

from ilp_models.cli.app import App, find_configs
from ilp_models.data.simulated.city import SimulatedCity

MODELS = ("model=[moving_average,ewma]", "forecaster=ewma")
OWN_DATA = (
    "data=delimited",
    "data.path=crimes.csv",
    "data.as_of=end",  # the sample ends in 2020
    "data.time_zone=America/Toronto",
    "data.time_formats=['%d/%m/%Y %H:%M']",
    "data.columns.crime_type=Offence",
    "data.columns.occurred_at=When",
    "data.columns.lat='Latitude (deg)'",
    "data.columns.lon=Lng",
    "data.columns.area=Beat",
    "tracking=memory",
)
QUICK = (
    *MODELS,
    "backtest.test_periods=4",
    "compute.jobs=1",
    "bootstrap.draws=100",
)
WEEKLY = ("weekly", *OWN_DATA, *QUICK, "export.formats=[csv]", "data.as_of=end")  # the records are of 2019
BACKTEST = ("backtest", *OWN_DATA, *QUICK[:1], *QUICK[2:])


@cache
def sample_records():
    """Return 60 weeks of records of a small city in the columns of a publisher."""
    city = SimulatedCity(seed=3, size_km=3, districts=3, weeks=60, population=3000)
    events = city.read()
    table = events.table
    lon, lat = Transformer.from_crs(events.crs, 4326, always_xy=True).transform(table["x"], table["y"])
    return pd.DataFrame(
        {
            "Offence": table["crime_type"].astype(str),
            "When": table["occurred_at"].dt.strftime("%d/%m/%Y %H:%M"),
            "Latitude (deg)": lat.round(6),
            "Lng": lon.round(6),
            "Beat": table["area"].astype(str),
            "Remarks": "quiet night",
        }
    )


@dataclass(frozen=True)
class CommandResult:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def error_line(self):
        """The error message: one line, the last on stderr."""
        assert "Traceback" not in self.err
        (line,) = [text for text in self.err.splitlines() if text.startswith("ilp: ")]
        assert self.err.endswith(f"{line}\n")
        return line


def run_folders(folder, task="weekly"):
    """Return the run folders of a task, oldest first."""
    root = Path(folder, "outputs", task)
    return sorted(path for path in root.glob("20*") if path.is_dir())


def finished_runs(folder, task="weekly"):
    """Return the run folders without the mark of an unfinished run."""
    return [path for path in run_folders(folder, task) if not (path / "UNFINISHED").exists()]


def start(folder, *words, **variables):
    """Return a command started in a new process."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "HYDRA"))}
    settings = {**inherited, "OMP_NUM_THREADS": "1", **variables}
    command = [sys.executable, "-m", "ilp_models", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, env=settings, text=True, **pipes)


def wait_for(process):
    """Return the result of a started command."""
    out, err = process.communicate(timeout=300)
    return CommandResult(process.returncode, out, err)


def run_in_process(*words):
    """Return the exit code of a command in this process."""
    return App(find_configs()).run(list(words))
