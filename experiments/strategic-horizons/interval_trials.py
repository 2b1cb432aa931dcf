"""Candidates for the variance of the mean of methods; `trials.py` scores each, and README.md has the rule."""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import pandas as pd
import run
from scipy.stats import norm, t

import ilp_models as ilp
from ilp_models.model.long_horizons.methods import _prediction_error, _smoothing_errors
from ilp_models.model.long_horizons.series import longer_cycles

Floats = np.ndarray
TODAY = ("mean deviation", "normal", "as modelled")
VARIANCES = (TODAY[0], "mixture")
FACTORS = (TODAY[1], "variance of t", "quantile of t")
LEVELS = (TODAY[2], "uncertain smoothing", "changes of season means")
KEYS = ["setting", "variance", "degrees_of_freedom", "level"]
MEASURES = ("coverage_90", "coverage_nearest", "coverage_farthest", "coverage_if_right", "score")
CHANCE = 0.1  # of a count outside the interval
BANDS = {"city months": ((1, 3), (25, 36)), "city days": ((1, 7), (31, 90))}  # the nearest and the farthest leads
SMOOTHING = np.arange(0.005, 1, 0.01)
HARMONICS = 4  # fitted values of each cycle after the first


def score_intervals(task: "run.Task", every: int) -> list[dict[str, object]]:
    """Return coverage and interval score of each combination in one series."""
    counts, naive = task.counts.to_numpy(dtype=float), 0.0
    best = ilp.SeriesMean(train_periods=task.train)
    seasons = best.seasons(run.UNITS[task.setting], task.train)
    found: dict[tuple[str, ...], list[Floats]] = {}
    origins = task.origins[::every]
    for origin in origins:
        known, recorded = counts[origin - task.train : origin], counts[origin : origin + task.horizon]
        naive += np.abs(recorded - known[-1]).mean() / len(origins)
        each = [one.moments(known, task.horizon, seasons) for one in best.members_for(seasons)]
        for names, (mean, variance) in candidates(known, task.horizon, seasons, each):
            low, high, right = run.interval(mean, variance)
            outside = np.maximum(low - recorded, 0) + np.maximum(recorded - high, 0)
            scores = np.mean([right, high - low + 2 / CHANCE * outside], axis=1)
            found.setdefault(names, []).append(np.r_[coverages(outside == 0, task.setting), scores])
    rows = []
    for names, scores in found.items():
        *covered, right, score = np.mean(scores, axis=0)
        keys = dict(zip(KEYS, (task.setting, *names), strict=True))
        measured = dict(zip(MEASURES, (*covered, right, score / naive), strict=True))
        rows.append({"series": task.series, **keys, **measured, "share": np.nan})
    return rows


def coverages(inside: Floats, setting: str) -> Floats:
    """Return the share of counts inside over all leads, the nearest and the farthest ones; leads are the last axis."""
    parts = [inside, *(inside[..., first - 1 : last] for first, last in BANDS[setting])]
    return np.array([part.mean() for part in parts])


def candidates(
    known: Floats, horizon: int, seasons: tuple[int, ...], each: Sequence[tuple[Floats, Floats]]
) -> Iterator[tuple[tuple[str, ...], tuple[Floats, Floats]]]:
    """Yield mean and variance of each combination of changes; the mean is always the same."""
    means = np.clip([mean for mean, _ in each], 0, None)
    fitted = (seasons[0] if seasons else 1) + 2 + HARMONICS * len(seasons[1:])
    freedom = len(known) - fitted
    factors = (1.0, freedom / (freedom - 2), float(t.ppf(1 - CHANCE / 2, freedom) / norm.ppf(1 - CHANCE / 2)) ** 2)
    plain = known - longer_cycles(known, horizon, seasons)[: len(known)]
    cycle = seasons[0] if seasons else 1
    floors = (
        np.zeros(horizon),
        uncertain_smoothing(plain, horizon, cycle, fitted),
        season_changes(plain, horizon, cycle, fitted),
    )
    for names in product(VARIANCES, FACTORS, LEVELS):
        least = floors[LEVELS.index(names[2])]
        variances = np.maximum([variance for _, variance in each], least)
        within = np.sqrt(variances).mean(axis=0) ** 2 if names[0] == TODAY[0] else variances.mean(axis=0)
        yield names, (means.mean(axis=0), (within + means.var(axis=0)) * factors[FACTORS.index(names[1])])


def uncertain_smoothing(counts: Floats, horizon: int, cycle: int, fitted: int) -> Floats:
    """Return variances of a level whose smoothing parameter has its likelihood as weight, all values alike before."""
    if (counts == counts[0]).all():
        return np.zeros(horizon)
    drift = np.polyfit(np.arange(len(counts)), counts, 1)[0] / 2  # as that of theta
    squared = np.array([(_smoothing_errors(counts, alpha, drift, cycle) ** 2).mean() for alpha in SMOOTHING])
    weights = (squared / squared.min()) ** (-(len(counts) - fitted) / 2)
    weights /= weights.sum()
    one_step = squared * _prediction_error(len(counts), fitted)
    return (weights @ one_step) + np.arange(horizon) * (weights @ (one_step * SMOOTHING**2))


def noise_around_trend(counts: Floats, cycle: int, fitted: int) -> float:
    """Return the variance of counts around a trend and a season."""
    time = np.arange(len(counts))
    columns = np.column_stack([time, *(time % cycle == phase for phase in range(cycle))]).astype(float)
    left = counts - columns @ np.linalg.lstsq(columns, counts, rcond=None)[0]
    return float((left**2).sum() / (len(counts) - fitted))


def season_changes(counts: Floats, horizon: int, cycle: int, fitted: int) -> Floats:
    """Return variances of a level that drifts as the means of whole seasons changed, less the noise in these means."""
    if (counts == counts[0]).all():
        return np.zeros(horizon)
    noise = noise_around_trend(counts, cycle, fitted)
    whole = counts[len(counts) % cycle :].reshape(-1, cycle).mean(axis=1)
    change = (np.diff(whole) ** 2).mean() - 2 * noise / cycle
    # means of two adjacent seasons of a random walk differ by this share of its variance a period
    drift = max(change, 0.0) / ((2 * cycle**2 + 1) / (3 * cycle))
    return noise * (1 + fitted / len(counts)) + drift * np.arange(horizon)


def pool(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Return means over the series of each setting and combination."""
    table = pd.DataFrame(rows).groupby(KEYS, sort=False)
    pooled = table.agg(
        series=("series", "nunique"),
        coverage_90=("coverage_90", "mean"),
        coverage_nearest=("coverage_nearest", "mean"),
        coverage_farthest=("coverage_farthest", "mean"),
        coverage_if_right=("coverage_if_right", "mean"),
        interval_score=("score", "mean"),
        share=("share", "median"),
    )
    return pooled.reset_index()


def intervals_table(pooled: pd.DataFrame) -> str:
    """Return every combination, the best score first within a setting, and whether it is within the limits."""
    lines = [
        "| setting | variance | degrees of freedom | level | changes | series | 90 % intervals cover | nearest leads | "
        "farthest leads | if right | within 3 points | interval score | share |",
        "|---|---|---|---|---:|---:|---:|---:|---:|---:|---|---:|---:|",
    ]
    for _, row in pooled.round(6).sort_values(["setting", "interval_score"], kind="stable").iterrows():
        names = [row[name] for name in KEYS[1:]]
        changes = sum(one != today for one, today in zip(names, TODAY, strict=True))
        near = "yes" if abs(row["coverage_90"] - row["coverage_if_right"]) <= run.TOLERANCE else "no"
        share = "" if np.isnan(row["share"]) else f"{row['share']:.3f}"
        covered = [f"{row[name]:.1%}" for name in MEASURES[:-1]]
        cells = [row["setting"], *names, changes, row["series"], *covered, near, f"{row['interval_score']:.3f}", share]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)
