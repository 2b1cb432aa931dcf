"""The second list of candidates: the drift of the level of a series, learned from other series."""

import numpy as np
import pandas as pd
import run
from interval_trials import CHANCE, FACTORS, HARMONICS, KEYS, MEASURES, TODAY, coverages, noise_around_trend
from scipy.stats import norm, t

import ilp_models as ilp
from ilp_models.model.long_horizons.methods import average_moments
from ilp_models.model.long_horizons.series import longer_cycles

Floats = np.ndarray
ADDED, GROWTH, POOLED = "added drift", "growth", "pooled drift"
SCORE, COVERAGE, YEARS = "interval score", "coverage", "yearly changes"
TRIALS = ((ADDED, SCORE), (ADDED, COVERAGE), (ADDED, YEARS), (GROWTH, SCORE), (POOLED, SCORE))
SHARES = {ADDED: np.arange(0, 0.0501, 0.002), GROWTH: np.arange(0, 1.01, 0.05), POOLED: np.arange(0, 0.0501, 0.002)}
PERIODS_A_MONTH = {"month": 1.0, "day": 365 / 12}
TWO_FACTORS = (FACTORS[0], FACTORS[2])  # normal, and the quantile of t


def score_shares(task: "run.Task", every: int) -> pd.DataFrame:
    """Return coverage and interval score of one series for each form, factor and share of the level."""
    counts, unit = task.counts.to_numpy(dtype=float), run.UNITS[task.setting]
    best = ilp.SeriesMean(train_periods=task.train)
    seasons = best.seasons(unit, task.train)
    cycle, fitted = seasons[0], seasons[0] + 2 + HARMONICS * len(seasons[1:])
    freedom = task.train - fitted
    ratio = float(t.ppf(1 - CHANCE / 2, freedom) / norm.ppf(1 - CHANCE / 2)) ** 2
    parts: dict[str, list[Floats]] = {name: [] for name in ("mean", "today", "around", "level", "recorded", "naive")}
    for origin in task.origins[::every]:
        known, recorded = counts[origin - task.train : origin], counts[origin : origin + task.horizon]
        each = [one.moments(known, task.horizon, seasons) for one in best.members_for(seasons)]
        mean, today = average_moments(each)
        plain = known - longer_cycles(known, task.horizon, seasons)[: task.train]
        noise = noise_around_trend(plain, cycle, fitted) * (1 + fitted / task.train)
        around = noise + np.clip([one for one, _ in each], 0, None).var(axis=0)
        level, naive = np.full(task.horizon, known.mean()), np.abs(recorded - known[-1])
        values = (mean, today, around, level, recorded, naive)
        for name, value in zip(parts, values, strict=True):
            parts[name].append(value)
    mean, today, around, level, recorded, naive = (np.stack(part) for part in parts.values())
    ahead = np.arange(1, task.horizon + 1) / PERIODS_A_MONTH[unit]
    rows = []
    for form, shares in SHARES.items():
        for share in shares:
            added = (share * level) ** 2 * ahead
            variance = {ADDED: today + added, GROWTH: today * (1 + share * ahead / 12), POOLED: around + added}[form]
            for factor, name in zip((1.0, ratio), TWO_FACTORS, strict=True):
                low, high, right = run.interval(mean, variance * factor)
                outside = np.maximum(low - recorded, 0) + np.maximum(recorded - high, 0)
                score = (high - low + 2 / CHANCE * outside).mean() / naive.mean()
                covered = coverages(outside == 0, task.setting)
                rows.append((task.setting, task.series, form, name, share, *covered, right.mean(), score))
    columns = ["setting", "series", "form", "factor", "share", *MEASURES]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(yearly=yearly_drift(counts) if unit == "month" else np.nan)


def yearly_drift(counts: Floats) -> float:
    """Return the drift of a month, as a share of the level, from changes between years less Poisson noise."""
    means = counts[len(counts) % 12 :].reshape(-1, 12).mean(axis=1)
    pairs = (means[1:] + means[:-1]) / 2
    change = ((np.diff(means) / pairs) ** 2 - 2 / (12 * pairs)).mean()
    return float(np.sqrt(max(change, 0.0) / ((2 * 12**2 + 1) / (3 * 12))))


def choose_shares(scored: pd.DataFrame) -> list[dict[str, object]]:
    """Return the score of each series with the share that the other series of months chose."""
    rows = []
    months = scored[scored["setting"] == "city months"]
    for (form, learned), factor in ((trial, factor) for trial in TRIALS for factor in TWO_FACTORS):
        chosen = scored[(scored["form"] == form) & (scored["factor"] == factor)]
        others = months[(months["form"] == form) & (months["factor"] == factor)]
        for series, own in chosen.groupby("series", sort=False):
            share = best_share(others[others["series"] != series], learned)
            row = own.iloc[(own["share"] - share).abs().argmin()]
            level = f"{form} by {learned}"
            keys = dict(zip(KEYS, (row["setting"], TODAY[0], factor, level), strict=True))
            found = {name: row[name] for name in MEASURES}
            rows.append({"series": series, **keys, **found, "share": row["share"]})
    return rows


def best_share(others: pd.DataFrame, learned: str) -> float:
    """Return the share of the best mean score of other series, of the nearest coverage, or of their yearly changes."""
    if learned == YEARS:
        return float(others.groupby("series")["yearly"].first().median())
    pooled = others.groupby("share")[["coverage_90", "coverage_if_right", "score"]].mean()
    if learned == SCORE:
        return float(pooled["score"].idxmin())
    return float((pooled["coverage_90"] - pooled["coverage_if_right"]).abs().idxmin())
