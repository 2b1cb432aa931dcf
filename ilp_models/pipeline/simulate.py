"""The task that writes a simulated city, with its truth, as files."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events

_README = """\
A simulated city: invented incidents of an invented place. It shows nothing about any real one.

events.parquet       recorded incidents: occurred_at, reported_at ({time_zone}), crime_type, x, y ({crs}), area
groups.csv           residents of each area by group: area, dimension, group, population
reporting_rates.csv  probability that an incident is recorded: area, rate
truth.csv            incidents that occurred and those recorded of them, by area and crime type
settings.json        what the city was made from; `ilp simulate` with these settings makes it again

To use the records like any others, in this folder:

  ilp weekly data=delimited data.path=events.parquet data.time_zone={time_zone} \\
    data.input_crs={crs} data.crs={crs} \\
    'data.columns={{occurred_at:occurred_at,reported_at:reported_at,crime_type:crime_type,x:x,y:y,area:area}}'

To have the truth as a forecaster beside the others, let the package make the city itself:

  ilp backtest data=simulated data.seed={seed} 'model=[moving_average,ewma,true_intensity]'
"""


def run(*, data: SimulatedCity, folder: Path, config: Mapping[str, Any]) -> str:
    """Return a line on the simulated city that was written."""
    if not isinstance(data, SimulatedCity):
        msg = "Only a simulated city can be simulated; use data=simulated."
        raise InputError(msg)
    events = data.read()
    truth = data.truth()
    folder.mkdir(parents=True, exist_ok=True)
    events.table.to_parquet(folder / "events.parquet", index=False)
    data.groups().to_csv(folder / "groups.csv", index=False)
    data.reporting_rates().to_csv(folder / "reporting_rates.csv", index=False)
    truth.to_csv(folder / "truth.csv", index=False)
    _write_words(folder, data, events, config)
    occurred = int(truth["occurred"].sum())
    return f"{events.city}: {occurred:,} incidents, {len(events):,} of them recorded. Files: {folder}"


def _write_words(folder: Path, data: SimulatedCity, events: Events, config: Mapping[str, Any]) -> None:
    words = _README.format(time_zone=events.time_zone, crs=events.crs, seed=data.seed)
    (folder / "README.txt").write_text(words, encoding="utf-8")
    settings = json.dumps(dict(config), indent=2, default=str)
    (folder / "settings.json").write_text(settings + "\n", encoding="utf-8")
