"""The simulated city after its records: patrols act as a field trial assigns, with effects that are known."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.data.simulated.rates import refuse_number
from ilp_models.data.simulated.records import build_events, build_report, continue_records, draw_records
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events, shift_times
from ilp_models.domain.geographic_file import no_network
from ilp_models.domain.local_file import local_file
from ilp_models.domain.trial_design import TrialDesign

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_SHAPES: Final = "units.geojson"
_SEEDS: Final = (5, 6)  # of the weeks of the trial, and of what patrols change


@dataclass(frozen=True)
class PatrolledCity(SimulatedCity):
    """A simulated city up to the end of a field trial, in which treatment has a known effect.

    The first ``weeks`` are those of `SimulatedCity` with the same parameters. The process then goes on to the end of
    the trial, and patrols change the records of treated cells and periods. `expected` and `truth` know the process
    without patrols, and only the first ``weeks``.

    Parameters
    ----------
    trial : str, default "outputs/design-trial/latest/trial.json"
        The design; ``units.geojson`` must be in the same folder.
    prevented : float, default 0.2
        Probability that a recorded crime in a treated unit does not happen.
    moved : float, default 0
        Probability that a prevented crime happens in the zone of the unit instead. Without a zone, nothing moves.
    found : float, default 1
        Records of the types that patrols find, in treated units, as a multiple of those without patrols; at least 1.

    Raises
    ------
    InputError
        If a value lies outside its range, the design cannot be read, or the trial begins before the records end.

    Examples
    --------
    >>> PatrolledCity(weeks=60, trial="outputs/no/trial.json").read()
    Traceback (most recent call last):
    ilp_models.domain.errors.InputError: data.trial=outputs/no/trial.json: there is no such file...
    """

    trial: str = "outputs/design-trial/latest/trial.json"
    prevented: float = 0.2
    moved: float = 0.0
    found: float = 1.0

    def __post_init__(self) -> None:
        """Refuse impossible parameters."""
        super().__post_init__()
        refuse_number("data.prevented", self.prevented, (0.0, 1.0))
        refuse_number("data.moved", self.moved, (0.0, 1.0))
        refuse_number("data.found", self.found, (1.0, 100.0))

    def read(self) -> Events:
        """Return the recorded events up to the end of the trial."""
        path = local_file(self.trial, "data.trial=")
        design = TrialDesign.from_json(path.read_bytes())
        periods = design.span
        longer = replace(self, weeks=self._weeks_to(periods, design.hours_after_midnight))
        known = draw_records(self, self._layout)
        later = continue_records(self, self._layout, known, longer.weeks, np.random.default_rng([self.seed, _SEEDS[0]]))
        records = pd.concat([known, later], ignore_index=True)
        events = build_events(longer, records)
        acted = replace(events, table=self._act(events.table, design, periods, path.with_name(_SHAPES)))
        report = build_report(longer, acted, len(records))
        return replace(acted, city=report.source, intake=report, simulated=True)

    def _weeks_to(self, periods: pd.PeriodIndex, hours: int) -> int:
        """Return the weeks from the first day of the city to the end of the trial and some hours of the next day."""
        first = pd.Timestamp(self.start)
        if periods[0].start_time < first + pd.Timedelta(weeks=self.weeks):
            msg = (
                f"The trial in {self.trial} begins on {periods[0].start_time.date()}, before the end of the records of "
                f"the city. Its data.weeks={self.weeks} must be that of the design."
            )
            raise InputError(msg)
        last = periods[-1].end_time + pd.Timedelta(hours=hours)
        return int(np.ceil((last - first) / pd.Timedelta(weeks=1)))

    def _act(self, table: pd.DataFrame, design: TrialDesign, periods: pd.PeriodIndex, shapes: Path) -> pd.DataFrame:
        """Return the records after prevention, displacement and additional recording."""
        generator = np.random.default_rng([self.seed, _SEEDS[1]])
        units = _read_units(shapes, design, self.crs)
        unit, period = np.full((2, len(table)), -1)
        for shift, members in design.units_by_shift.items():
            moments = shift_times(table["occurred_at"], *shift) if shift else table["occurred_at"]
            at = _unit_of(table, units[(units["role"] == "unit") & units["at"].isin(members)])
            inside = (at >= 0) & moments.notna().to_numpy()
            unit[inside] = at[inside]
            period[inside] = periods.get_indexer(pd.PeriodIndex(moments[inside], freq=periods.freq))
        treated = (unit >= 0) & (period >= 0)
        treated[treated] = design.treated[unit[treated], period[treated]]
        prevented = treated & (generator.random(len(table)) < self.prevented)
        zones = units[units["role"] == "zone"]
        moved = prevented & np.isin(unit, zones["at"]) & (generator.random(len(table)) < self.moved)
        changed = table.copy()
        changed.loc[moved, ["x", "y"]] = _points_in_zones(zones, unit[moved], generator)
        found = treated & ~prevented & table["crime_type"].isin(design.found_by_patrols).to_numpy()
        times = np.where(prevented & ~moved, 0, 1) + np.where(found, generator.poisson(self.found - 1, len(table)), 0)
        return changed.loc[np.repeat(table.index, times)].reset_index(drop=True)


def _read_units(path: Path, design: TrialDesign, crs: str) -> gpd.GeoDataFrame:
    """Return the cells of units and zones, with the position of their unit in the design."""
    with no_network():
        units = gpd.read_file(local_file(path, "data.trial also needs ")).to_crs(crs)
    position = {name: at for at, name in enumerate(design.units)}
    if not {"unit", "role", "cell"} <= set(units.columns) or set(units["unit"]) != set(position):
        msg = f"{path} does not hold the units of the design. Keep the files of `ilp design-trial` together, unchanged."
        raise InputError(msg)
    return units.assign(at=units["unit"].map(position))


def _unit_of(table: pd.DataFrame, cells: gpd.GeoDataFrame) -> Integers:
    """Return the position of the unit of each event, -1 outside all units."""
    points = shapely.points(table["x"].to_numpy(), table["y"].to_numpy())
    event, cell = shapely.STRtree(cells.geometry.to_numpy()).query(points, predicate="within")
    unit = np.full(len(table), -1)
    unit[event] = cells["at"].to_numpy()[cell]
    return unit


def _points_in_zones(zones: gpd.GeoDataFrame, unit: Integers, generator: np.random.Generator) -> Floats:
    """Return one random point in a random cell of the zone of each unit; cells are convex."""
    points = np.empty((len(unit), 2))
    for row, at in enumerate(unit):
        cells = zones.geometry[zones["at"] == at].to_numpy()
        corners = shapely.get_coordinates(cells[generator.integers(len(cells))])[:-1]
        points[row] = generator.dirichlet(np.ones(len(corners))) @ corners
    return points
