"""The task `simulate`: write the records and the true counts of a simulated city as files."""

import json
from pathlib import Path

from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.domain.errors import InputError
from ilp_models.domain.recipe import describe
from ilp_models.domain.text_output import write_table

_README = """\
A simulated city. The incidents are invented and show nothing about a real place.

events.parquet       recorded incidents: occurred_at, reported_at ({time_zone}), crime_type, x, y ({crs}), area
groups.csv           residents of each area by group: area, dimension, group, population
reporting_rates.csv  probability that an incident is recorded: area, rate
truth.csv            incidents that occurred and those recorded of them, by area and crime type
settings.json        settings of the city; `ilp simulate` with these settings writes identical files

To use the records as your own data, in this folder:

  ilp weekly data=delimited data.path=events.parquet data.time_zone={time_zone} \\
    data.input_crs={crs} data.crs={crs} \\
    'data.columns={{occurred_at:occurred_at,reported_at:reported_at,crime_type:crime_type,x:x,y:y,area:area}}'

To compare forecasters with the true intensity, let the package simulate the city:

  ilp backtest data=simulated data.seed={seed} 'model=[moving_average,ewma,true_intensity]'
"""


def run(*, data: SimulatedCity, folder: Path) -> str:
    """Write a simulated city as files and return a summary line."""
    if not isinstance(data, SimulatedCity):
        msg = "The task simulate needs a simulated city. Use data=simulated."
        raise InputError(msg)
    events = data.read()
    truth = data.truth()
    folder.mkdir(parents=True, exist_ok=True)
    events.table.to_parquet(folder / "events.parquet", index=False)
    write_table(data.groups(), folder / "groups.csv")
    write_table(data.reporting_rates(), folder / "reporting_rates.csv")
    write_table(truth, folder / "truth.csv")
    readme = _README.format(time_zone=events.time_zone, crs=events.crs, seed=data.seed)
    (folder / "README.txt").write_text(readme, encoding="utf-8")
    (folder / "settings.json").write_text(json.dumps(describe(data), indent=2) + "\n", encoding="utf-8")
    occurred, source = int(truth["occurred"].sum()), events.city if events.intake is None else events.intake.source
    return f"{source}: {occurred:,} incidents, {len(events):,} of them recorded. Files: {folder}"
