"""Refuse values in a rival's file that are no forecasts, or that contradict each other or the records."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from ilp_models.data.rival_table import CELL, RivalTable
from ilp_models.domain.errors import InputError
from ilp_models.domain.forecast import QUANTILE_COLUMNS
from ilp_models.pipeline.rival_units import Ints, Units

_MOST: Final = 1e6  # of any value: beyond it sums and squares lose their digits
_ERROR: Final = 1e-6  # probability that samples of an honest file are refused

Floats = npt.NDArray[np.float64]


def check_values(given: RivalTable) -> None:
    """Refuse values that are no counts, and quantiles that fall."""
    table = given.table
    names = ["expected", *(name for name in ("dispersion", *QUANTILE_COLUMNS) if name in table), *given.samples]
    for name in names:
        values = table[name].to_numpy(dtype=float)
        wrong = ~((values >= 0) & (values <= _MOST))  # NaN is neither
        if wrong.any():
            row = int(wrong.argmax())
            text = f"{name}={values[row]:g} is not a number from 0 to {_MOST:g}; {wrong.sum():,} row(s) have one"
            raise given.fault(row, f"{text}. Correct them.")
    if "q05" in table:
        steps = np.diff(table[list(QUANTILE_COLUMNS)].to_numpy(dtype=float), axis=1)
        if (steps < 0).any():
            row, level = (int(one[0]) for one in np.nonzero(steps < 0))
            low, high = QUANTILE_COLUMNS[level : level + 2]
            raise given.fault(row, f"{low} is above {high}. Sort the quantiles of a unit.")


def check_observed(given: RivalTable, units: Units, recorded: Mapping[int, Floats]) -> None:
    """Refuse counts that differ from the records; a file need not have any."""
    if "observed" not in given.table:
        return
    ours = np.empty(len(units))
    for lead, counts in recorded.items():
        rows, flat = units.of_lead(lead)
        ours[rows] = counts.ravel()[flat]
    theirs = given.table["observed"].to_numpy(dtype=float)
    wrong = ours != theirs
    if wrong.any():
        row = int(wrong.argmax())
        text = f"observed={theirs[row]:g}, and the records have {ours[row]:g}; {wrong.sum()} row(s) differ"
        raise given.fault(row, f"{text}. Use the same records, or remove the column.")


def check_sample_means(given: RivalTable, units: Units, starts: pd.DatetimeIndex) -> None:
    """Refuse expected counts that are not the means of the samples, beyond what a finite number of draws explains.

    At each cutoff and lead, two sums over all units are compared. One weighs all units alike, the other by their
    expected counts, which shows a map that differs. Draws of one number may depend on each other over the units.
    """
    if not given.samples:
        return
    expected = given.table["expected"].to_numpy(dtype=float)
    draws = given.table[list(given.samples)].to_numpy(dtype=float)
    place, group = np.unique(np.stack([units.position - units.lead, units.lead]), axis=1, return_inverse=True)
    group, number, size = group.ravel(), draws.shape[1], place.shape[1]
    worst = stats.t.ppf(1 - _ERROR / (4 * size), number - 1)  # two sides, two weights
    for weight in (np.ones_like(expected), expected):
        wanted = _sums(group, weight * expected, size)
        sums = np.stack([_sums(group, weight * one, size) for one in draws.T])
        spread = np.maximum(sums.std(axis=0, ddof=1), _least_spread(sums, _sums(group, weight**2 * expected, size)))
        wrong = np.abs(wanted - sums.mean(axis=0)) > worst * spread / np.sqrt(number) + 1e-9 * wanted
        if wrong.any():
            raise _mean_fault(given, np.flatnonzero(group == wrong.argmax()), starts, units, draws)


def _sums(group: Ints, values: Floats, size: int) -> Floats:
    return np.bincount(group, values, size).astype(np.float64)


def _least_spread(sums: Floats, poisson: Floats) -> Floats:
    """Return a standard deviation that no sum falls below: that of Poisson counts, times the usual ratio to it."""
    usual = np.sqrt(np.mean(sums.var(axis=0, ddof=1)) / max(poisson.mean(), 1e-12))
    return np.asarray(np.sqrt(poisson) * max(usual, 1.0))


def _mean_fault(given: RivalTable, rows: Ints, starts: pd.DatetimeIndex, units: Units, draws: Floats) -> InputError:
    """Return the error about one cutoff; it names the unit with the largest gap."""
    expected, means = given.table["expected"].to_numpy(dtype=float)[rows], draws[rows].mean(axis=1)
    worst = int(np.abs(expected - means).argmax())
    row = int(rows[worst])
    unit = " / ".join(str(given.table[name].iloc[row])[:40] for name in ("crime_type", CELL) if name in given.table)
    position, lead = int(units.position[row]), int(units.lead[row])
    text = (
        f"expected={expected[worst]:.4g}, and the mean of the {draws.shape[1]} samples is {means[worst]:.4g} ({unit}, "
        f"cutoff {starts[position - lead + 1]:%Y-%m-%d}, lead {lead}). At this cutoff the expected counts sum to "
        f"{expected.sum():.4g}, the means to {means.sum():.4g}; chance does not explain the gap. Leave "
        "expected out, or give the mean."
    )
    return given.fault(row, text)
