"""A newcomer with a small CSV under odd column names, at the command line."""

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
OWN = (
    "data=delimited",
    "data.path=crimes.csv",
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
WEEKLY = ("weekly", *OWN, *QUICK, "bootstrap.draws=100", "export.formats=[csv]")
BACKTEST = ("backtest", *OWN, *QUICK[:1], *QUICK[2:])


@cache
def incidents():
    """Return 60 weeks of a small city as a publisher might put them."""
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
class Answer:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def line(self):
        """The one line of complaint, last on stderr after what was told of the records read."""
        assert "Traceback" not in self.err
        (line,) = [text for text in self.err.splitlines() if text.startswith("ilp: ")]
        assert self.err.endswith(f"{line}\n")
        return line


def runs_of(place, task="weekly"):
    """Return the run folders of a task, oldest first."""
    root = Path(place, "outputs", task)
    return sorted(path for path in root.glob("20*") if path.is_dir())


def whole(place, task="weekly"):
    """Return the run folders that look whole."""
    return [path for path in runs_of(place, task) if not (path / "UNFINISHED").exists()]


def start(place, *words, **variables):
    """Return a command started in a process of its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "HYDRA"))}
    settings = {**inherited, "OMP_NUM_THREADS": "1", **variables}
    command = [sys.executable, "-m", "ilp_models", *words]
    return subprocess.Popen(command, cwd=place, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    """Return the answer of a started command."""
    out, err = process.communicate(timeout=300)
    return Answer(process.returncode, out, err)


def open_door(*words):
    """Return the exit code of a command in this process."""
    return App(find_configs()).run(list(words))
