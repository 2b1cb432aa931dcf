"""Choose members of the mean for days, and its variance, on series that are not among the tests.

python experiments/strategic-horizons/trials.py PATH
    writes trials.csv, interval_trials.csv and their tables of README.md

Days are chosen on Medellin and Toronto, and tested on Chicago. The variance is chosen on months of New South Wales.
"""

import re
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import run
from drift_trials import choose_shares, score_shares
from interval_trials import intervals_table, pool, score_intervals

import ilp_models as ilp
from ilp_models.model.long_horizons.series import dispersion_of
from ilp_models.stats.distributions import quantiles

FOLDER = Path(__file__).resolve().parent
METHODS = {
    "seasonal naive": ilp.SeasonalNaive(),
    "ets": ilp.ETS(),
    "stl": ilp.STLETS(),
    "theta": ilp.Theta(),
    "trend": ilp.LinearTrend(),
}
MEMBERS = {
    "all five": tuple(METHODS),
    "without seasonal naive": ("ets", "stl", "theta", "trend"),
    "ets, theta, trend": ("ets", "theta", "trend"),
    **{name: (name,) for name in METHODS},
}
CYCLES = {"week": (7,), "week and year": (7, 365)}
EVERY_DAY, EVERY_MONTH = 2, 6  # of the origins of the tests


def main(words: list[str]) -> int:
    """Score every trial, and write all of them."""
    data = Path(words[0])
    days = [task for task in run.city_days(data) if not run.is_test(task.setting, task.series)]
    months = [task for task in run.city_months(data) if not run.is_test(task.setting, task.series)]
    made = ilp.LocalProcesses().map(score_all, [*days, *months], "series")
    table = pd.DataFrame([row for part, _, _ in made for row in part])
    keys = ["setting", "members", "cycles", "variance"]
    pooled = table.groupby(keys, sort=False).agg(
        series=("series", "nunique"), relative_error=("relative_error", "mean"), coverage_90=("coverage_90", "mean")
    )
    pooled = pooled.reset_index()
    pooled.round(6).to_csv(FOLDER / "trials.csv", index=False, lineterminator="\n")
    drifts = choose_shares(pd.concat([part for _, _, part in made], ignore_index=True))
    intervals = pool([row for _, part, _ in made for row in part] + drifts)
    intervals.round(6).to_csv(FOLDER / "interval_trials.csv", index=False, lineterminator="\n")
    page = FOLDER / "README.md"
    text = page.read_text(encoding="utf-8")
    for name, made_table in {"trials": trials_table(pooled), "intervals": intervals_table(intervals)}.items():
        filled = partial(run.filled, table=made_table)
        text = re.sub(run.MARKED.format(name), filled, text, flags=re.DOTALL)
    page.write_text(text, encoding="utf-8")
    return 0


def score_all(task: "run.Task") -> tuple[list[dict[str, object]], list[dict[str, object]], pd.DataFrame]:
    """Return the trials of members, and those of both lists of intervals, in one series."""
    every = EVERY_DAY if task.setting == "city days" else EVERY_MONTH
    return score_trials(task), score_intervals(task, every), score_shares(task, every)


def score_trials(task: "run.Task") -> list[dict[str, object]]:
    """Return the error relative to naive and the coverage of each trial in one series."""
    days = task.setting == "city days"
    cycles = CYCLES if days else {"year": (12,)}
    members = MEMBERS if days else {"all five": tuple(METHODS)}
    counts, found = task.counts.to_numpy(dtype=float), {}
    for origin in task.origins[:: EVERY_DAY if days else EVERY_MONTH]:
        known, recorded = counts[origin - task.train : origin], counts[origin : origin + task.horizon]
        naive = np.abs(recorded - known[-1]).sum()
        for cycle, seasons in cycles.items():
            each = {name: one.moments(known, task.horizon, seasons) for name, one in METHODS.items()}
            for names, chosen in members.items():
                for variance, (mean, spread) in mixtures([each[name] for name in chosen]).items():
                    low, high = quantiles(mean, dispersion_of(mean, spread), (0.05, 0.95))
                    row = (np.abs(recorded - mean).sum(), naive, ((low <= recorded) & (recorded <= high)).mean())
                    found.setdefault((names, cycle, variance), []).append(row)
    return [
        {
            "setting": task.setting,
            "series": task.series,
            "members": names,
            "cycles": cycle,
            "variance": variance,
            "relative_error": sum(error for error, _, _ in rows) / sum(naive for _, naive, _ in rows),
            "coverage_90": float(np.mean([inside for _, _, inside in rows])),
        }
        for (names, cycle, variance), rows in found.items()
    ]


def mixtures(each: Sequence[tuple[np.ndarray, np.ndarray]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the mean of members with its variance, without and with their disagreement."""
    means = np.array([mean for mean, _ in each])
    within = np.mean([np.sqrt(np.maximum(variance, 0)) for _, variance in each], axis=0) ** 2
    mean = means.mean(axis=0)
    return {"of members": (mean, within), "and their disagreement": (mean, within + means.var(axis=0))}


def trials_table(pooled: pd.DataFrame) -> str:
    """Return every trial, the smallest error first within a setting."""
    lines = [
        "| setting | members | cycles | variance | series | error relative to naive | 90 % intervals cover |",
        "|---|---|---|---|---:|---:|---:|",
    ]
    for _, row in pooled.sort_values(["setting", "relative_error"], kind="stable").iterrows():
        lines.append(
            f"| {row['setting']} | {row['members']} | {row['cycles']} | {row['variance']} | {row['series']} | "
            f"{row['relative_error']:.3f} | {row['coverage_90']:.1%} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
