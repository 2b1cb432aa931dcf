"""Read the records and residents of both cities."""

from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import shapely
from scipy.sparse import csr_matrix

from ilp_models.domain.grid import Grid

FILES = (
    *("toronto_mci/events_2014_2021.parquet", "toronto_demography/neighbourhoods_2016.csv"),
    *("toronto_demography/event_name_crosswalk.csv", "toronto_demography/neighbourhoods_140.geojson"),
    *("chicago_sthsl/events.parquet", "chicago_demography/community_areas_acs2013_2017.csv"),
    "chicago_demography/community_areas_77.geojson",
)
YEAR = 52


@dataclass(frozen=True, eq=False)
class City:
    """Recorded events, shape (crime types, areas, weeks), with the areas and their residents."""

    counts: np.ndarray
    types: tuple[str, ...]
    weeks: pd.PeriodIndex
    grid: Grid
    people: pd.DataFrame

    def groups(self) -> pd.DataFrame:
        """Return the residents, as a source of a group table."""
        return self.people


def toronto(data: Path) -> City:
    """Return weekly events of 2014 to 2019 by neighbourhood, as named in the records; 2019 is its last 52 weeks."""
    folder = data / "toronto_demography"
    census = pd.read_csv(folder / "event_name_crosswalk.csv").merge(
        pd.read_csv(folder / "neighbourhoods_2016.csv"), on="hood_140"
    )
    names = {"vm_black": "Black", "vm_south_asian": "South Asian", "vm_chinese": "Chinese"}
    origin = census[list(names)].rename(columns=names)
    other = census.filter(regex="^vm_(?!universe|total|not)").sum(axis=1) - origin.sum(axis=1)
    origin = origin.assign(**{"other visible minority": other, "no visible minority": census["vm_not"]})
    events = pd.read_parquet(data / "toronto_mci" / "events_2014_2021.parquet")
    types = ("Assault", "Auto Theft", "Break and Enter", "Robbery", "Theft Over")
    weeks = pd.period_range("2014-01-06", "2019-12-29", freq="W-SUN")
    at = weeks.get_indexer(pd.PeriodIndex(events["occurred_at"], freq="W-SUN"))
    where = pd.Index(census["event_name"]).get_indexer(events["neighbourhood"])
    cube = count_events(
        pd.Index(types).get_indexer(events["crime_type"]), where, at, (len(types), len(census), len(weeks))
    )
    areas = geopandas.read_file(folder / "neighbourhoods_140.geojson").set_index("hood_140").loc[census["hood_140"]]
    cells = pd.Index(census["event_name"], name="cell")
    grid = grid_of(cells, areas, "EPSG:32617", census["area_km2"].to_numpy() * 1e6)
    return City(cube, types, weeks, grid, long_table(cells, origin))


def chicago(data: Path) -> City:
    """Return events of 2016 and 2017 by community area, each year in 52 periods of a week (the last of 8 or 9 days)."""
    folder = data / "chicago_demography"
    people = pd.read_csv(folder / "community_areas_acs2013_2017.csv").set_index("community_area")
    areas = geopandas.read_file(folder / "community_areas_77.geojson")
    areas = areas.set_index(areas["community_area"].astype(int)).loc[people.index]
    events = pd.read_parquet(data / "chicago_sthsl" / "events.parquet")
    events = events[events["category"] == "ASSAULT"]
    points = shapely.points(events["lon"], events["lat"])
    point, polygon = shapely.STRtree(areas.geometry.values).query(points, predicate="intersects")
    where = np.full(len(events), -1)
    where[point] = polygon
    span = np.minimum((events["time"].dt.day_of_year.to_numpy() - 1) // 7, YEAR - 1)
    at = (events["time"].dt.year.to_numpy() - 2016) * YEAR + span
    cube = count_events(np.zeros(len(events), dtype=int), where, at, (1, len(people), 2 * YEAR))
    cells = pd.Index(people["name"], name="cell")
    ground = areas.geometry.to_crs("EPSG:32616").area.to_numpy()
    names = {"black_nh": "Black", "hispanic": "Hispanic", "white_nh": "white", "asian_nh": "Asian", "other_nh": "other"}
    weeks = pd.period_range("2016-01-04", periods=2 * YEAR, freq="W-SUN")  # names of the spans
    table = long_table(cells, people[list(names)].rename(columns=names), people["pop"].to_numpy())
    return City(cube, ("ASSAULT",), weeks, grid_of(cells, areas, "EPSG:32616", ground), table)


def count_events(kind: np.ndarray, where: np.ndarray, at: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the number of events in each cell of a cube."""
    cube = np.zeros(shape)
    inside = (kind >= 0) & (where >= 0) & (at >= 0) & (at < shape[2])
    np.add.at(cube, (kind[inside], where[inside], at[inside]), 1)
    return cube


def grid_of(cells: pd.Index, areas: geopandas.GeoDataFrame, crs: str, area_m2: np.ndarray) -> Grid:
    """Return areas as cells; events have a cell, so there is no locator."""
    shapes = areas.geometry.to_crs(crs).to_numpy()
    one, other = shapely.STRtree(shapes).query(shapes, predicate="touches")
    touching = csr_matrix((np.ones(len(one)), (one, other)), shape=(len(cells),) * 2)
    return Grid(cells, shapes, area_m2, crs, touching, locator=None, locator_cells=np.arange(len(cells)))


def long_table(cells: pd.Index, groups: pd.DataFrame, residents: np.ndarray | None = None) -> pd.DataFrame:
    """Return residents as a group table; by default, all residents are the sum of the groups."""
    everyone = groups.sum(axis=1).to_numpy() if residents is None else residents
    wide = groups.set_axis(cells.rename("area"), axis=0).assign(residents=everyone).reset_index()
    return wide.melt(["area", "residents"], var_name="group", value_name="population").assign(dimension="origin")
