"""Measure the exposure of groups in Oakland to a daily map of drug crime, for several definitions of white residents.

python experiments/oakland-exposure/run.py PATH    writes results.csv, exposure.csv and the tables of README.md

PATH is a folder with the replication files of Lum and Isaac (2016) and residents of each cell; README.md names them.
"""

import json
import re
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

import ilp_models as ilp
from ilp_models.audit.measures import formulas
from ilp_models.audit.measures.group_sums import Basis, tally_flags
from ilp_models.audit.measures.intervals import Drawn
from ilp_models.audit.residents import Residents

FOLDER = Path(__file__).resolve().parent
MARKED = re.compile(r"(<!-- results -->\n).*?(<!-- end of results -->)", re.DOTALL)
FLAGGED = 20
DEFINITIONS = {"Hispanic residents apart": 0.0, "34 % of them white": 0.34, "50 % of them white": 0.5}
PUBLISHED = {"black": 2.0, "other": 1.5}
TOLERANCE = 0.25  # the study gives "roughly" twice and one and a half times
MONTHLY = ilp.Bootstrap(block=28)


def main(data: Path) -> None:
    """Write both tables."""
    flags, crimes, people = read(data)
    ratios, exposure, facts = reproduce(flags, crimes, people)
    ratios.to_csv(FOLDER / "results.csv", index=False, float_format="%.4f", lineterminator="\n")
    exposure.to_csv(FOLDER / "exposure.csv", index=False, float_format="%.4f", lineterminator="\n")
    page = FOLDER / "README.md"
    text = MARKED.sub(
        lambda found: found[1] + format_tables(ratios, exposure, facts) + found[2], page.read_text("utf-8")
    )
    page.write_text(text, encoding="utf-8")


def read(data: Path) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Return flags and drug crimes, each (1, cells, days), and the residents of each cell by group."""
    cells = json.loads((data / "grid_661_census2010.geojson").read_text(encoding="utf-8"))["features"]
    people = pd.DataFrame([cell["properties"] for cell in cells]).set_index("bin").sort_index()
    rates = pd.read_parquet(data / "predpol_rates_daily.parquet")
    days = pd.DatetimeIndex(np.sort(rates["date"].unique()))
    events = pd.read_csv(data / "drug_crimes_2009_2011.csv", parse_dates=["date"])
    flags, crimes = cube(rates[rates["rank"] <= FLAGGED], people.index, days), cube(events, people.index, days)
    return flags, crimes, people


def cube(rows: pd.DataFrame, cells: pd.Index, days: pd.DatetimeIndex) -> np.ndarray:
    """Return the number of rows by cell and day, shape (1, cells, days)."""
    place, day = cells.get_indexer(rows["bin"]), days.get_indexer(rows["date"])
    known = (place >= 0) & (day >= 0)
    counts = np.zeros((1, len(cells), len(days)))
    np.add.at(counts[0], (place[known], day[known]), 1)
    return counts


def residents(people: pd.DataFrame, share_as_white: float) -> Residents:
    """Return the groups of the study; a share of Hispanic residents counts as white."""
    as_white = share_as_white * people["hispanic"]
    groups = people.assign(white=people["white"] + as_white, other=people["other"] - as_white)
    by_group = groups[["white", "black", "other", "hispanic", "api"]]
    table = by_group.to_numpy(dtype=float)
    return Residents("race", tuple(by_group.columns), table, people["pop"].to_numpy(dtype=float), table, 0.0)


def reproduce(
    flags: np.ndarray, crimes: np.ndarray, people: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, float]]:
    """Return exposure ratios to white residents by definition, exposures of groups, and facts of the map."""
    rows = []
    for definition, share_as_white in DEFINITIONS.items():
        groups = residents(people, share_as_white)
        drawn = Drawn.from_weeks(tally_flags(Basis.from_residents(groups), flags, crimes), MONTHLY)
        ratio = drawn.estimate(partial(formulas.exposure_ratio, reference=groups.groups.index("white")))
        for group, published in PUBLISHED.items():
            at = 0, groups.groups.index(group)
            ours = [float(part[at]) for part in (ratio.value, ratio.low, ratio.high)]
            rows.append([definition, group, published, *ours, TOLERANCE, abs(ours[0] - published) <= TOLERANCE])
    columns = ["definition", "group", "published", "ours", "low", "high", "tolerance", "met"]
    groups = residents(people, 0.0)
    exposure = Drawn.from_weeks(tally_flags(Basis.from_residents(groups), flags, crimes), MONTHLY).estimate(
        formulas.exposure
    )
    parts = {"exposure": exposure.value[0], "low": exposure.low[0], "high": exposure.high[0]}
    flagged_days = flags[0].sum(axis=1)
    hit_rate, land = float((flags * crimes).sum() / crimes.sum()), float(flags.mean())
    facts = {
        "cells": flags.shape[1],
        "days": flags.shape[2],
        "ever": int((flagged_days > 0).sum()),
        "over_200": int((flagged_days > 200).sum()),
        "always": int((flagged_days == flags.shape[2]).sum()),
        "hit_rate": hit_rate,
        "share": land,
        "pai": hit_rate / land,
    }
    return pd.DataFrame(rows, columns=columns), pd.DataFrame({"group": groups.groups, **parts}), facts


def format_tables(ratios: pd.DataFrame, exposure: pd.DataFrame, facts: dict[str, float]) -> str:
    """Return the tables as Markdown."""
    lines = [
        "",
        "| who is white | group | published | ours | tolerance | met |",
        "|---|---|---|---|---|---|",
        *(
            f"| {row.definition} | {row.group} | about {row.published:g} "
            f"| {row.ours:.2f} [{row.low:.2f}, {row.high:.2f}] | {row.tolerance:g} | {'yes' if row.met else 'no'} |"
            for row in ratios.itertuples()
        ),
        "",
        "| group, Hispanic residents apart | exposure |",
        "|---|---|",
        *(f"| {row.group} | {row.exposure:.4f} [{row.low:.4f}, {row.high:.4f}] |" for row in exposure.itertuples()),
        "",
        f"{facts['cells']} cells, {facts['days']} days, {FLAGGED} flagged a day: {facts['ever']} cells are ever "
        f"flagged, {facts['over_200']} on more than 200 days, {facts['always']} on all. The map catches "
        f"{facts['hit_rate']:.3f} of drug crimes on {100 * facts['share']:.2f} % of cells, {facts['pai']:.2f} times "
        "what as many cells drawn at random would.",
        "",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
