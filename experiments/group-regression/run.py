"""Measure the groups in last year's top areas of Chicago and Toronto, with three intervals.

python experiments/group-regression/run.py PATH    writes results.csv and the table of README.md

PATH is a folder with records and residents of both cities; README.md names the files.
"""

import re
import sys
from functools import partial
from pathlib import Path
from typing import NamedTuple

import geopandas
import numpy as np
import pandas as pd
import shapely

import ilp_models as ilp
from ilp_models.audit.measures import formulas
from ilp_models.audit.measures.group_sums import Basis, Cube, GroupSums
from ilp_models.audit.measures.intervals import draw
from ilp_models.audit.residents import Residents

FOLDER = Path(__file__).resolve().parent
MARKED = re.compile(r"(<!-- results -->\n).*?(<!-- end of results -->)", re.DOTALL)
DRAWS = ilp.Bootstrap()
CHICAGO_GROUPS = {
    "black_nh": "Black",
    "hispanic": "Hispanic",
    "white_nh": "white",
    "asian_nh": "Asian",
    "other_nh": "other",
}
NEED, PATROL, BURDEN, PARITY = (
    *("need-adjusted ratio", "share of flags over share of residents"),
    *("share of events over share of residents", "exposure over that of white residents"),
)
STATED = [
    ("Chicago", "assault", "Black", NEED, 1.556, 0.001),
    ("Chicago", "assault", "Hispanic", NEED, 0.543, 0.001),
    ("Chicago", "assault", "white", NEED, 0.131, 0.001),
    ("Chicago", "assault", "Black", PATROL, 2.80, 0.005),
    ("Chicago", "assault", "Black", BURDEN, 1.80, 0.005),
    ("Chicago", "assault", "Black", PARITY, 29, 0.5),
    ("Chicago", "theft", "Black", NEED, 0.547, 0.001),
    ("Chicago", "theft", "white", NEED, 1.519, 0.001),
    ("Chicago", "theft", "Black", PARITY, 0.40, 0.005),
    ("Toronto", "robbery", "Black", PATROL, 1.377, 0.001),
    ("Toronto", "robbery", "Black", BURDEN, 1.126, 0.001),
    ("Toronto", "robbery", "Black", NEED, 1.223, 0.001),
    ("Toronto", "auto theft", "Black", NEED, 1.161, 0.001),
]


class City(NamedTuple):
    """Recorded events of two years, (crime types, areas) and (crime types, areas, periods), and residents."""

    types: tuple[str, ...]
    before: np.ndarray
    after: np.ndarray
    residents: Residents
    flagged: int
    reference: str


def main(data: Path) -> None:
    """Write the tables."""
    table = reproduce({"Chicago": chicago(data), "Toronto": toronto(data)})
    table.to_csv(FOLDER / "results.csv", index=False, float_format="%.4f", lineterminator="\n")
    page = FOLDER / "README.md"
    text = MARKED.sub(lambda found: found[1] + format_tables(table) + found[2], page.read_text("utf-8"))
    page.write_text(text, encoding="utf-8")


def chicago(data: Path) -> City:
    """Return the events of 2016, and of 2017 in 52 periods of a week (the last of 8 days), by community area."""
    people = pd.read_csv(data / "chicago_demography" / "community_areas_acs2013_2017.csv").set_index("community_area")
    areas = geopandas.read_file(data / "chicago_demography" / "community_areas_77.geojson")
    events = pd.read_parquet(data / "chicago_sthsl" / "events.parquet")
    point, polygon = shapely.STRtree(areas.geometry.values).query(
        shapely.points(events["lon"], events["lat"]), predicate="intersects"
    )
    place = np.full(len(events), -1)
    place[point] = people.index.get_indexer(areas["community_area"].astype(int))[polygon]
    types = ("ASSAULT", "THEFT")
    kind = pd.Index(types).get_indexer(events["category"])
    week = np.minimum((events["time"].dt.day_of_year.to_numpy() - 1) // 7, 51)
    year, known = events["time"].dt.year.to_numpy(), (place >= 0) & (kind >= 0)
    cubes = np.zeros((2, len(types), len(people), 52))
    np.add.at(cubes, (year[known] - 2016, kind[known], place[known], week[known]), 1)
    groups = people[list(CHICAGO_GROUPS)].rename(columns=CHICAGO_GROUPS)
    names = tuple(name.lower() for name in types)
    return City(names, cubes[0].sum(axis=2), cubes[1], area_residents(groups, people["pop"]), 8, "white")


def toronto(data: Path) -> City:
    """Return the events of the 52 whole weeks of 2018 and of the 51 of 2019 by neighbourhood."""
    folder, types = data / "toronto_demography", ("Robbery", "Auto Theft")
    census = pd.read_csv(folder / "event_name_crosswalk.csv").merge(
        pd.read_csv(folder / "neighbourhoods_2016.csv"), on="hood_140"
    )
    events = pd.read_parquet(data / "toronto_mci" / "events_2014_2021.parquet")
    calendar = ilp.Calendar()
    years = [
        calendar.whole_periods(pd.Timestamp(f"{year}-01-01"), pd.Timestamp(f"{year + 1}-01-01"))
        for year in (2018, 2019)
    ]
    weeks = pd.Index(np.concatenate([year.asi8 for year in years])).get_indexer(
        calendar.ordinals(events["occurred_at"])
    )
    kind = pd.Index(types).get_indexer(events["crime_type"])
    place = pd.Index(census["event_name"]).get_indexer(events["neighbourhood"])
    known, first = (weeks >= 0) & (kind >= 0) & (place >= 0), len(years[0])
    cube = np.zeros((len(types), len(census), first + len(years[1])))
    np.add.at(cube, (kind[known], place[known], weeks[known]), 1)
    groups = census.filter(regex="^vm_(?!universe|total)")
    groups = groups.assign(not_asked=(census["pop_2016"] - groups.sum(axis=1)).clip(lower=0))
    groups = groups.rename(columns={"vm_black": "Black", "vm_not": "no visible minority"})
    names = tuple(name.lower() for name in types)
    return City(
        names,
        cube[..., :first].sum(axis=2),
        cube[..., first:],
        area_residents(groups, census["pop_2016"]),
        14,
        "no visible minority",
    )


def area_residents(groups: pd.DataFrame, total: pd.Series) -> Residents:
    """Return the residents of each area."""
    table = groups.to_numpy(dtype=float)
    everyone = total.to_numpy(dtype=float)
    return Residents("origin", tuple(groups.columns), table, everyone, table, 0.0, area=np.arange(len(table)))


def reproduce(cities: dict[str, City]) -> pd.DataFrame:
    """Return stated numbers and ours, with intervals."""
    measured = {name: measures(city) for name, city in cities.items()}
    rows = []
    for city, crime_type, group, measure, stated, tolerance in STATED:
        ours = measured[city][crime_type, group, measure]
        met = abs(ours["value"] - stated) <= tolerance
        about = {"city": city, "crime_type": crime_type, "group": group, "measure": measure, "stated": stated}
        rows.append({**about, "tolerance": tolerance, "met": met, **ours})
    return pd.DataFrame(rows)


def measures(city: City) -> dict[tuple[str, str, str], dict[str, float]]:
    """Return all measures of all groups if the areas with most events last year are flagged all year."""
    order = np.argsort(-city.before, axis=1, kind="stable")[:, : city.flagged]
    flags = np.zeros_like(city.after)
    np.put_along_axis(flags, order[..., None], 1, axis=1)
    cubes = {
        "exposed": Cube(flags, "people"),
        "patrolled": Cube(flags, "cells"),
        "burdened": Cube(city.after, "cells", over="burdened"),
        "happened": Cube(city.after, "cells"),
    }
    drawn = draw([GroupSums.from_cubes(Basis.from_residents(city.residents), cubes)], DRAWS)[0]
    groups = city.residents.groups
    by_name = {
        NEED: formulas.need_adjusted_ratio,
        PATROL: lambda sums: formulas.patrol_share(sums) / formulas.population_share(sums),
        BURDEN: lambda sums: formulas.burden_share(sums, "happened") / formulas.population_share(sums),
        PARITY: partial(formulas.exposure_ratio, reference=groups.index(city.reference)),
    }
    return {
        (kind, group, name): spread.at(row, at)
        for name, spread in ((name, drawn.measure(formula)) for name, formula in by_name.items())
        for row, kind in enumerate(city.types)
        for at, group in enumerate(groups)
    }


def format_tables(table: pd.DataFrame) -> str:
    """Return the table as Markdown."""
    lines = [
        "",
        "| city | crime type | group | measure | stated | ours | met | weeks | areas | chance | p | p, all at once |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in table.to_dict("records"):
        spans = [f"{row[f'{kind}_low']:.2f} to {row[f'{kind}_high']:.2f}" for kind in ("week", "area", "chance")]
        words = [
            row["city"],
            row["crime_type"],
            row["group"],
            row["measure"],
            f"{row['stated']:g}",
            f"{row['value']:.3f}",
        ]
        ends = [f"{row['p_chance']:.3f}", f"{row['p_adjusted']:.3f}"]
        lines.append(f"| {' | '.join([*words, 'yes' if row['met'] else 'no', *spans, *ends])} |")
    return "\n".join([*lines, "", ""])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
