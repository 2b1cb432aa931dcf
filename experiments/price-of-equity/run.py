"""Say what caps on exposure cost in captured robberies, for 14 of 140 neighbourhoods of Toronto each week of 2019.

python experiments/price-of-equity/run.py EVENTS PEOPLE    writes results.csv and the tables of README.md

EVENTS is a Parquet file of records, PEOPLE a folder with census counts of the neighbourhoods; README.md names them.
"""

import re
import sys
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

import ilp_models as ilp
from ilp_models.audit.residents import Residents
from ilp_models.domain.allocation import AllocationInput

FOLDER = Path(__file__).resolve().parent
MARKED = re.compile(r"(<!-- results -->\n).*?(<!-- end of results -->)", re.DOTALL)
FLAGGED, YEAR = 14, 52
GROUPS = ("black", "south asian", "chinese", "other minority", "not minority")
REFERENCE = GROUPS[-1]
PUBLISHED = pd.DataFrame(
    [
        [np.inf, 0.3135, 1.86, 2.20, 1.43, 1.57, 0.354, 0.269],
        [2.00, 0.3159, 1.67, 1.90, 1.36, 1.47, 0.348, 0.278],
        [1.50, 0.3119, 1.38, 1.43, 1.21, 1.28, 0.325, 0.288],
        [1.25, 0.3021, 1.18, 1.16, 1.17, 1.17, 0.300, 0.293],
        [1.10, 0.2875, 1.07, 1.04, 0.96, 1.02, 0.279, 0.287],
        [1.00, 0.2899, 0.98, 0.94, 0.89, 0.95, 0.271, 0.293],
    ],
    columns=["cap", "capture", *(f"ratio {group}" for group in GROUPS[:4]), "coverage black", "coverage not minority"],
)
TOLERANCE = {"capture": 0.015, "ratio": 0.15, "coverage": 0.02}
FORECASTS = ("mean of 52 weeks", "LightGBM")


def main(events: Path, people: Path) -> None:
    """Write the results and the tables."""
    results = reproduce(events, people)
    results.to_csv(FOLDER / "results.csv", index=False, float_format="%.4f", lineterminator="\n")
    page = FOLDER / "README.md"
    text = MARKED.sub(lambda found: found[1] + told(results) + found[2], page.read_text("utf-8"))
    page.write_text(text, encoding="utf-8")


def reproduce(events: Path, people: Path, forecasts: tuple[str, ...] = FORECASTS) -> pd.DataFrame:
    """Return one row a forecast, cap and number: published, ours, tolerance, and whether it is met."""
    names, residents = census(people)
    counts = weekly(events, names)
    recorded = counts[:, -YEAR:]
    makers = dict(zip(FORECASTS, (means, boosted), strict=True))
    rows = [compared(name, ours(makers[name](counts), recorded, residents)) for name in forecasts]
    return pd.concat(rows, ignore_index=True).assign(events=int(recorded.sum()))


def census(people: Path) -> tuple[pd.Index, Residents]:
    """Return the neighbourhoods as the records spell them, and their residents by visible minority."""
    names = pd.read_csv(people / "event_name_crosswalk.csv")
    table = names.merge(pd.read_csv(people / "neighbourhoods_2016.csv"), on="hood_140").set_index("event_name")
    named = table[["vm_black", "vm_south_asian", "vm_chinese"]]
    other = table["vm_total"] - named.sum(axis=1)
    by_group = np.column_stack([named, other, table["vm_not"]]).astype(float)
    return table.index, Residents("origin", GROUPS, by_group, by_group.sum(axis=1), by_group, 0.0)


def weekly(events: Path, names: pd.Index) -> np.ndarray:
    """Return robberies by neighbourhood and week, from 2014 to the last week that begins in 2018 or 2019."""
    table = pd.read_parquet(events, columns=["occurred_at", "crime_type", "neighbourhood"])
    table = table[table["crime_type"] == "Robbery"]
    calendar = ilp.Calendar()
    weeks = calendar.whole_periods(pd.Timestamp("2014-01-01"), pd.Timestamp("2019-12-30"))
    week = pd.Index(weeks.asi8).get_indexer(calendar.ordinals(table["occurred_at"]))
    place = names.get_indexer(table["neighbourhood"])
    known = (week >= 0) & (place >= 0)
    counts = np.zeros((len(names), len(weeks)))
    np.add.at(counts, (place[known], week[known]), 1)
    return counts


def means(counts: np.ndarray) -> np.ndarray:
    """Return the mean of the 52 weeks before each week of the last year."""
    first = counts.shape[1] - YEAR
    return np.stack([counts[:, at - YEAR : at].mean(axis=1) for at in range(first, first + YEAR)], axis=1)


def boosted(counts: np.ndarray) -> np.ndarray:
    """Return forecasts of Poisson trees on recent weeks and means, fitted on the weeks before the last year."""
    first = counts.shape[1] - YEAR
    train = range(2 * YEAR, first)
    features = {at: columns(counts, at) for at in (*train, *range(first, first + YEAR))}
    settings = {"objective": "poisson", "learning_rate": 0.05, "num_leaves": 15, "min_data_in_leaf": 200}
    settings |= {"verbosity": -1, "seed": 0, "deterministic": True, "force_row_wise": True, "num_threads": 1}
    data = lightgbm.Dataset(np.concatenate([features[at] for at in train]), counts[:, list(train)].T.ravel())
    model = lightgbm.train(settings, data, num_boost_round=200)
    return np.stack([model.predict(features[at]) for at in range(first, first + YEAR)], axis=1)


def columns(counts: np.ndarray, at: int) -> np.ndarray:
    """Return what was known of each neighbourhood before a week: four weeks, four means, and the season."""
    recent = [counts[:, at - lag] for lag in range(1, 5)]
    averages = [counts[:, at - span : at].mean(axis=1) for span in (8, 26, YEAR, 2 * YEAR)]
    season = np.full(len(counts), at % YEAR, dtype=float)
    return np.column_stack([*recent, *averages, season])


def ours(expected: np.ndarray, recorded: np.ndarray, residents: Residents) -> pd.DataFrame:
    """Return the frontier of caps against the residents of no visible minority, judged by what was recorded."""
    cells = len(expected)
    territory = AllocationInput(
        area_m2=np.ones(cells),
        centres=np.zeros((cells, 2)),
        neighbours=csr_matrix((cells, cells)),
        districts=np.full(cells, "", dtype=object),
        residents=(residents,),
    )
    rule = ilp.Constrained(ilp.Budget(amount=FLAGGED), gap=1e-4)
    return ilp.Frontier(reference=REFERENCE).run(rule, expected, territory, ilp.LocalProcesses(1), recorded)


def compared(forecast: str, frontier: pd.DataFrame) -> pd.DataFrame:
    """Return each published number and ours."""
    rows = []
    for _, published in PUBLISHED.iterrows():
        found = frontier[frontier["cap"] == published["cap"]].set_index("group")
        for name, value in published.drop("cap").items():
            kind, _, group = str(name).partition(" ")
            column = {"capture": "capture", "ratio": "exposure_ratio", "coverage": "coverage"}[kind]
            got = float(found.loc[group or REFERENCE, column])
            allowed = TOLERANCE[kind]
            rows.append([forecast, published["cap"], name, value, got, allowed, abs(got - value) <= allowed])
    return pd.DataFrame(rows, columns=["forecast", "cap", "number", "published", "ours", "tolerance", "met"])


def told(results: pd.DataFrame) -> str:
    """Return the tables as text."""
    lines = []
    for forecast, rows in results.groupby("forecast", sort=False):
        table = rows.pivot_table(index="cap", columns="number", values=["published", "ours"], sort=False)
        lines += ["", f"Ranked by {forecast}; published in brackets, missed numbers in italics.", ""]
        heads = ("cap", "capture", "of uncapped", "ratio black / south asian / chinese / other", "coverage black / not")
        lines.append(f"| {' | '.join(heads)} |")
        lines += ["|---|---|---|---|---|"]
        missed = set(rows.loc[~rows["met"], ["cap", "number"]].itertuples(index=False, name=None))
        whole = table.loc[np.inf, ("ours", "capture")]
        for cap in PUBLISHED["cap"]:
            row = {
                name: _beside(
                    table.loc[cap, ("ours", name)], table.loc[cap, ("published", name)], (cap, name) in missed
                )
                for name in PUBLISHED.columns[1:]
            }
            ratios = " / ".join(row[f"ratio {group}"] for group in GROUPS[:4])
            covered = " / ".join(row[f"coverage {group}"] for group in ("black", REFERENCE))
            part = table.loc[cap, ("ours", "capture")] / whole
            word = "none" if np.isinf(cap) else f"{cap:g}"
            lines.append(f"| {word} | {row['capture']} | {part:.1%} | {ratios} | {covered} |")
        lines += ["", f"{int(rows['met'].sum())} of {len(rows)} numbers within the tolerance."]
    events = int(results["events"].iloc[0])
    chance = np.sqrt(0.3 * 0.7 / events)
    lines += ["", f"{events:,} robberies: by chance alone a capture near 0.30 has a standard error of {chance:.4f}."]
    return "\n".join([*lines, "", ""])


def _beside(ours: float, published: float, missed: bool) -> str:  # noqa: FBT001 - one of two looks
    digits = 2 if published > 0.5 else 3
    text = f"{ours:.{digits}f}"
    return f"{f'*{text}*' if missed else text} ({published:.{digits}f})"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
