"""Simulate records that depend on patrols, and compare their shares with stated numbers.

python experiments/feedback-urns/run.py    writes shares.csv, limits.csv, areas.csv and the tables of README.md
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
from patrolled_areas import PatrolledAreas, simulate_areas
from urns import Urn, simulate_urns

FOLDER = Path(__file__).resolve().parent
MARKED = re.compile(r"(<!-- results -->\n).*?(<!-- end of results -->)", re.DOTALL)
DAYS = [100, 1000, 10_000, 100_000]
RUNS = 1000
OAKLAND = (3.68511, 2.816466)  # drug incidents a day in the two cells of Oakland with most of them
EVEN, SMALL = (609, 379), (6.09, 3.79)
URNS = {  # shares stated for the days in DAYS, None where there is none
    "naive": (Urn((0.6, 0.4), (10, 10)), [0.619, 0.771, 0.883, 0.944]),
    "naive, start 5/15": (Urn((0.6, 0.4), (5, 15)), [0.353, 0.545, 0.737, 0.864]),
    "naive, equal rates, start 1/1": (Urn((0.5, 0.5), (1, 1)), [0.491, 0.488, None, None]),
    "find kept with 1 - share of visits": (Urn((0.6, 0.4), (10, 10), "reject"), [0.559, 0.593, 0.599, 0.600]),
    "the same, start 5/15": (Urn((0.6, 0.4), (5, 15), "reject"), [0.435, 0.574, 0.597, 0.600]),
    "find weighted by 1 / share of visits": (Urn((0.6, 0.4), (10, 10), "weight"), [0.586, 0.598, 0.600, 0.600]),
    "Oakland, naive": (Urn(OAKLAND, EVEN, several=True), [0.633, 0.701, 0.799, None]),
    "Oakland, corrected": (Urn(OAKLAND, EVEN, "reject", several=True), [0.609, 0.586, 0.570, None]),
    "Oakland, weak start, naive": (Urn(OAKLAND, SMALL, several=True), [0.752, 0.825, 0.882, None]),
    "Oakland, weak start, corrected": (Urn(OAKLAND, SMALL, "reject", several=True), [0.572, 0.567, 0.567, None]),
}
REPORTED = {0.75: 0.6158, 0.5: 0.6458, 0.25: 0.7208, 0.1: 0.8409}  # weight of reports: stated limit
AREAS = {  # stated share of areas seen, rank correlation and total variation
    ("naive", 0.0, 0.0): (0.20, 0.66, 0.696),
    ("naive", 0.3, 0.0): (0.20, 0.95, 0.286),
    ("naive", 0.0, 0.2): (1.00, 0.86, 0.593),
    ("weight", 0.0, 0.2): (1.00, 0.89, 0.073),
    ("weight", 0.3, 0.2): (1.00, 0.99, 0.014),
    ("weight", 0.3, 0.0): (0.27, 0.99, 0.014),
}
MEASURES = {"seen": 0.005, "rank_correlation": 0.005, "distance": 0.0005}  # and half the last digit stated
UPDATES = {"naive": "records as they are", "weight": "records over their chance of being recorded"}


def main() -> None:
    """Write all three tables."""
    tables = shares(), limits(), areas()
    for name, table in zip(("shares", "limits", "areas"), tables, strict=True):
        table.to_csv(FOLDER / f"{name}.csv", index=False, float_format="%.4f", lineterminator="\n")
    page = FOLDER / "README.md"
    text = MARKED.sub(lambda found: found[1] + format_tables(*tables) + found[2], page.read_text("utf-8"))
    page.write_text(text, encoding="utf-8")


def shares(days: list[int] = DAYS, runs: int = RUNS) -> pd.DataFrame:
    """Return the first area's share of the records after some days, by urn.

    Stated means also have 1,000 runs. Two means may therefore differ by 3 standard errors of a difference and half the
    last digit.
    """
    rows = []
    for name, (urn, values) in URNS.items():
        counts = simulate_urns(urn, days, runs)
        share = (counts / counts.sum(axis=2, keepdims=True))[:, :, 0]
        for day, one in zip(days, share, strict=True):
            stated = dict(zip(DAYS, values, strict=True))[day]
            tolerance = 3 * one.std() * np.sqrt(2 / runs) + 0.0005
            met = "" if stated is None else "yes" if abs(one.mean() - stated) <= tolerance else "no"
            low, high = np.quantile(one, [0.05, 0.95])
            rows.append([name, day, stated, one.mean(), low, high, one.std(), tolerance, met])
    return pd.DataFrame(rows, columns=["urn", "day", "stated", "ours", "q05", "q95", "sd", "tolerance", "met"])


def limits(day: int = 20_000, runs: int = RUNS) -> pd.DataFrame:
    """Return the limit share of urns of discovered and reported incidents, by formula and by simulation."""
    rows = []
    for reported, stated in REPORTED.items():
        urn = Urn((0.6, 0.4), (10, 10), reported=reported)
        counts = simulate_urns(urn, [day], runs)[0]
        rows.append([1 - reported, stated, urn.limit, (counts[:, 0] / counts.sum(axis=1)).mean()])
    return pd.DataFrame(rows, columns=["weight_of_finds", "stated", "limit", f"simulated_{day}"])


def areas(runs: int = 200) -> pd.DataFrame:
    """Return the measures of many areas; tolerances as for shares, with 200 runs on both sides."""
    rows = []
    for (update, reporting, exploration), values in AREAS.items():
        learned = simulate_areas(PatrolledAreas(update, reporting, exploration), runs)
        for (measure, half_digit), stated in zip(MEASURES.items(), values, strict=True):
            one = getattr(learned, measure)
            tolerance = 3 * one.std() * np.sqrt(2 / runs) + half_digit
            met = "yes" if abs(one.mean() - stated) <= tolerance else "no"
            rows.append([update, reporting, exploration, measure, stated, one.mean(), one.std(), tolerance, met])
    names = ["update", "reporting", "exploration", "measure", "stated", "ours", "sd", "tolerance", "met"]
    return pd.DataFrame(rows, columns=names)


def format_tables(urns: pd.DataFrame, mixed: pd.DataFrame, many: pd.DataFrame) -> str:
    """Return the tables as Markdown."""
    header = "| urn | " + " | ".join(f"after {day:,}" for day in DAYS) + " |"
    lines = ["", header, "|---|" + "---|" * len(DAYS)]
    for name, own in urns.groupby("urn", sort=False):
        lines.append(f"| {name} | {' | '.join(map(_share, own.itertuples()))} |")
    lines += ["", "| weight of finds, rest reports | stated limit | limit | after 20,000 |", "|---|---|---|---|"]
    lines += [f"| {row[0]:.2f} | {row[1]:.4f} | {row[2]:.4f} | {row[3]:.4f} |" for row in mixed.itertuples(index=False)]
    lines += ["", "| counted are | reporting | exploration | areas patrolled | rank correlation | distance |"]
    lines += ["|---|---|---|---|---|---|"]
    for (update, reporting, exploration), own in many.groupby(["update", "reporting", "exploration"], sort=False):
        cells = [
            f"{row.ours:.3f} ({row.stated:g}{'' if row.met == 'yes' else ', not met'})" for row in own.itertuples()
        ]
        lines.append(f"| {UPDATES[update]} | {reporting:g} | {exploration:g} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", ""])


def _share(row: object) -> str:
    stated = "" if not row.met else f", stated {row.stated:.3f}{'' if row.met == 'yes' else ': not met'}"
    return f"{row.ours:.3f} ({row.q05:.3f}-{row.q95:.3f}{stated})"


if __name__ == "__main__":
    main()
