"""Cut a city in two, forecast both halves with and without a halo, and compare with the uncut city.

python experiments/cut-city/run.py
    writes cut.csv, seeds.csv, origin.json and the tables of README.md
"""

import json
import re
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

import ilp_models as ilp
from ilp_models.backtest.replay import BacktestData, replay
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.domain.forecaster import Forecaster
from ilp_models.stats.distributions import poisson_deviance

FOLDER = Path(__file__).resolve().parent
MARKED = r"(<!-- {0} -->\n).*?(<!-- end of {0} -->)"
GRID, CALENDAR = ilp.SquareGrid(500), ilp.Calendar()
PLAN = RollingOrigin(test_periods=26, refit_every=26)
REACH_M, NEAR_M = 3000.0, 1000.0
FLOOR = 0.005
DEVELOPMENT = pd.Timestamp("2019-12-30")  # Toronto's later years are kept for other experiments
BASELINE, POOLED = "moving_average", "pooled_lightgbm"
METHODS: dict[str, Forecaster] = {
    BASELINE: ilp.MovingAverage(),
    "ewma": ilp.EWMA(),
    "kde": ilp.KDE(),
    "level_share": ilp.LevelShare(),
    "lightgbm": ilp.LightGBM(),
}
SEEDS = range(2, 10)  # of the other simulated cities
COLUMNS = ("city", "cells", "method", "design", "skill", "loss", "low", "high")


def main() -> int:
    """Run everything and write the results."""
    code, began = ilp.describe_code(), time.process_time()
    cities = {"Toronto": until(ilp.load_toronto(), DEVELOPMENT), "simulated city": ilp.SimulatedCity(weeks=208).read()}
    rows = [row for name, events in cities.items() for row in compare(name, events)]
    table = pd.DataFrame(rows, columns=list(COLUMNS)).round(4)
    table.to_csv(FOLDER / "cut.csv", index=False, lineterminator="\n")
    seeds = pd.DataFrame([row for seed in SEEDS for row in seed_rows(seed)])
    seeds.round(4).to_csv(FOLDER / "seeds.csv", index=False, lineterminator="\n")
    digests = {name: one.digest()[:16] for name, one in cities.items()}
    minutes = round((time.process_time() - began) / 60)
    facts = {"code": code, "data": digests, "cpu_minutes": minutes}
    (FOLDER / "origin.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    made = f"Made with {code} in {minutes} CPU minutes. Data: {', '.join(f'{k} {v}' for k, v in digests.items())}."
    page = FOLDER / "README.md"
    text = page.read_text(encoding="utf-8")
    for name, content in {"cut": as_markdown(table), "seeds": seeds_table(seeds), "origin": made}.items():
        pattern = MARKED.format(name)
        text = re.sub(pattern, lambda found, content=content: f"{found[1]}{content}\n{found[2]}", text, flags=re.DOTALL)
    page.write_text(text, encoding="utf-8")
    return 0


def compare(name: str, events: ilp.Events) -> list[tuple[object, ...]]:
    """Return skill and loss against the uncut city of each method and design, for all cells and those at the cut."""
    halves, border = cut(events)
    with tempfile.TemporaryDirectory() as folder:
        losses = score_designs(events, halves, Path(folder))
    rows: list[tuple[object, ...]] = []
    cells = losses["uncut"][BASELINE].index
    east = np.array([int(str(cell)[1:].partition("N")[0]) for cell in cells])
    near = cells[(east >= border - NEAR_M) & (east < border + NEAR_M)]
    for where, chosen in (("all", cells), (f"within {NEAR_M / 1000:g} km of the cut", near)):
        base = losses["uncut"][BASELINE].loc[chosen].sum().to_numpy()
        for method in losses["uncut"]:
            uncut = losses["uncut"][method].loc[chosen].sum().to_numpy()
            for design, found in losses.items():
                own = found[method].loc[chosen].sum().to_numpy()
                lost = ilp.Bootstrap().ratio(100 * (own - uncut), base)
                loss = [float(value) for value in (lost.value, lost.low, lost.high)]
                skill = 100 * (1 - own.sum() / base.sum())
                rows.append((name, where, method, design, skill, *(loss if design != "uncut" else [np.nan] * 3)))
    return rows


def cut(events: ilp.Events) -> tuple[list[ilp.Events], float]:
    """Return the west and the east of a city, and the easting between them, which divides two columns of cells."""
    border = round(float(events.table["x"].median()) / GRID.size) * GRID.size
    west = events.table["x"] < border
    return [replace(events, table=events.table[side].reset_index(drop=True)) for side in (west, ~west)], border


def seed_rows(seed: int) -> list[dict[str, object]]:
    """Return the loss of each method and design in another simulated city, over all cells."""
    events = ilp.SimulatedCity(weeks=208, seed=seed).read()
    with tempfile.TemporaryDirectory() as folder:
        losses = score_designs(events, cut(events)[0], Path(folder))
    total = {design: {key: one.to_numpy().sum() for key, one in found.items()} for design, found in losses.items()}
    uncut = total.pop("uncut")
    return [
        {"seed": seed, "method": key, "design": design, "loss": 100 * (found[key] - uncut[key]) / uncut[BASELINE]}
        for key in uncut
        for design, found in total.items()
    ]


def score_designs(events: ilp.Events, halves: list[ilp.Events], folder: Path) -> dict[str, dict[str, pd.DataFrame]]:
    """Return the deviances of all methods in the uncut city and in the two halves, with and without a halo."""
    losses = {"uncut": deviances(events, METHODS | {POOLED: pooled({"city": events}, folder / "city")})}
    methods = METHODS | {POOLED: pooled(dict(zip(("west", "east"), halves, strict=True)), folder / "halves")}
    for design in ("halo", "no halo"):
        parts = []
        for own, other in (halves, halves[::-1]):
            models = {
                key: ilp.AcrossBorders(one, [other], REACH_M) if design == "halo" else one
                for key, one in methods.items()
            }
            parts.append(deviances(own, models))
        losses[design] = {key: pd.concat([part[key] for part in parts]) for key in methods}
    return losses


def pooled(parts: dict[str, ilp.Events], folder: Path) -> ilp.PooledLightGBM:
    """Return a forecaster whose pooled trees learned from all parts of the city, each with its own records alone."""
    model = ilp.PooledLightGBM(folder)
    known = {name: backtest_data(one).known_at(first_cutoff(one)) for name, one in parts.items()}
    ilp.train_pooled(known, model, compute=ilp.LocalProcesses(1))
    return model


def first_cutoff(events: ilp.Events) -> pd.Timestamp:
    """Return the cutoff of the one fit."""
    return PLAN.folds(events, CALENDAR)[0].cutoff


def backtest_data(events: ilp.Events) -> BacktestData:
    """Return the records with the cells that have one before the first cutoff."""
    return BacktestData(events, GRID.build(events.known_at(first_cutoff(events))), CALENDAR)


def deviances(events: ilp.Events, models: dict[str, Forecaster]) -> dict[str, pd.DataFrame]:
    """Return the summed deviance of each cell and week over the crime types, by method."""
    data = backtest_data(events)
    found = {}
    with tempfile.TemporaryDirectory() as store:
        outcome = replay(models, PLAN, data, Path(store), ilp.LocalProcesses(1))
    if outcome.not_run:
        raise RuntimeError(str(outcome.not_run))
    for one in outcome.replays:
        loss = poisson_deviance(one.observed.values, one.expected.values, FLOOR).sum(axis=0)
        found[one.forecaster] = pd.DataFrame(loss, index=one.expected.indexes["cell"])
    return found


def until(events: ilp.Events, end: pd.Timestamp) -> ilp.Events:
    """Return the events before a day."""
    return replace(events, table=events.table[events.table["occurred_at"] < end].reset_index(drop=True), end=end)


def as_markdown(table: pd.DataFrame) -> str:
    """Return the table of the page."""
    lines = [
        "| city | cells | method | design | skill, points | loss against the uncut city, points |",
        "|---|---|---|---|---:|---|",
    ]
    for row in table.to_dict("records"):
        loss = "-" if np.isnan(row["loss"]) else f"{row['loss']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
        lines.append(
            f"| {row['city']} | {row['cells']} | {row['method']} | {row['design']} | {row['skill']:.2f} | {loss} |"
        )
    return "\n".join(lines)


def seeds_table(table: pd.DataFrame) -> str:
    """Return the mean loss over the other simulated cities; its interval is that of the mean, by Student's t."""
    lines = ["| method | design | cities | loss against the uncut city, points |", "|---|---|---:|---|"]
    for (method, design), part in table.groupby(["method", "design"], sort=False):
        loss = part["loss"].to_numpy()
        half = stats.t.ppf(0.975, len(loss) - 1) * loss.std(ddof=1) / np.sqrt(len(loss))
        mean = loss.mean()
        lines.append(f"| {method} | {design} | {len(loss)} | {mean:+.3f} [{mean - half:+.3f}, {mean + half:+.3f}] |")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
