"""Sensitivity to reporting rates: what changes if residents of some places report fewer events to the police.

Forecasts are of recorded events. Divided by the reporting rate, they rank places by the events that happen (Akpinar,
De-Arteaga and Chouldechova 2021). If the rates are unknown, an assumed band replaces them: it decreases linearly with
the rank of a group's share among residents, from 1 + delta to 1 - delta times its mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.residents import Residents
from ilp_models.audit.sensitivity.flagged_map import (
    COLUMNS,
    REPORTING_RATES,
    FlaggedMap,
    compare_maps,
    flagged_overlap,
)
from ilp_models.domain.digest import digest_of
from ilp_models.domain.errors import InputError
from ilp_models.domain.finding import Finding
from ilp_models.domain.grid import Grid, parent_labels
from ilp_models.domain.local_file import local_file
from ilp_models.domain.text_table import read_text_table
from ilp_models.stats.bootstrap import Estimate

Floats = npt.NDArray[np.float64]

DELTAS: Final = (0.0, 0.1, 0.2, 0.3, 0.4)
CHECKED_DELTA: Final = 0.3
_PATH: Final = "audit.reporting_rates.path="


@dataclass(frozen=True)
class ReportingRates:
    """Shares of events that are reported to the police, by area, such as from a victimisation survey.

    Parameters
    ----------
    path : str, optional
        CSV file, spreadsheet or Parquet file with one row per area.
    everywhere : float, optional
        One rate (0 to 1) for all places, instead of a file. Without either, the audit uses a band of assumed rates.
    area, rate : str
        Column names. A rate is above 0 and at most 1.
    area_level : str, optional
        Level of parent areas of the grid that the table names. Default: the first level. A grid without parent areas
        is matched by the names of its cells.

    Raises
    ------
    InputError
        If the file does not exist, ``everywhere`` is out of its range, or both are given.

    Examples
    --------
    >>> ReportingRates(everywhere=0.4).area
    'area'
    """

    path: str | None = None
    everywhere: float | None = None
    area: str = "area"
    rate: str = "rate"
    area_level: str | None = None

    def __post_init__(self) -> None:
        """Check the settings before a long computation starts."""
        if self.everywhere is not None and (self.path is not None or not 0 < self.everywhere <= 1):
            msg = (
                f"audit.reporting_rates.everywhere={self.everywhere} must be above 0 and at most 1, and needs "
                "audit.reporting_rates.path=null."
            )
            raise InputError(msg)
        if self.path is not None:
            local_file(self.path, _PATH)

    def digest(self) -> str:
        """Return the SHA-256 of the file; empty if there is none."""
        return "" if self.path is None else digest_of(local_file(self.path, _PATH).read_bytes())

    def to_cells(self, grid: Grid) -> Floats | None:
        """Return the reporting rate of each cell; None if no rates are given."""
        if self.everywhere is not None:
            return np.full(len(grid), self.everywhere)
        if self.path is None:
            return None
        path = self.path
        try:
            rates = pd.to_numeric(read_text_table(path).set_index(self.area)[self.rate], errors="coerce")
        except (InputError, KeyError) as error:
            msg = (
                f"Cannot read reporting rates from {path} ({error}). The file needs the columns {self.area} and "
                f"{self.rate} (audit.reporting_rates.area, .rate)."
            )
            raise InputError(msg) from error
        if not rates.index.is_unique or not ((rates > 0) & (rates <= 1)).all():
            msg = (
                f"Reporting rates in {path} need one row per area, with a rate above 0 and at most 1. Correct the file."
            )
            raise InputError(msg)
        labels = pd.Index(grid.cells.astype(str) if grid.parents.empty else parent_labels(grid, self.area_level))
        missing = labels[~labels.isin(rates.index)].unique()
        if len(missing):
            msg = (
                f"{len(missing)} areas of the grid have no reporting rate in {path}, such as {missing[0]!r}. Add them."
            )
            raise InputError(msg)
        return np.asarray(rates.loc[labels], dtype=float)


def reporting_band(residents: Residents, group: str, delta: float) -> Floats:
    """Return the assumed reporting rate of each cell, relative to the mean: it decreases with the group's share."""
    if group not in residents.groups or not 0 <= delta < 1:
        msg = (
            f"No reporting band for group {group!r} of {residents.dimension} with delta={delta}. Choose "
            f"one of {', '.join(residents.groups)}, and 0 <= delta < 1."
        )
        raise InputError(msg)
    inhabited = residents.total > 0
    rank = rankdata(residents.shares[inhabited, residents.groups.index(group)])
    result = np.ones(len(residents.total))
    if len(rank) > 1:
        result[inhabited] = 1 - 2 * delta * ((rank - 1) / (len(rank) - 1) - 0.5)
    return result


def vary_reporting_rates(
    context: CheckContext,
    rates: Floats | None = None,
    underreporting_group: tuple[str, str] | None = None,
) -> pd.DataFrame:
    """Return the measures of maps that are ranked by forecasts divided by reporting rates."""
    audited = FlaggedMap.from_ranking(context)
    settings = [
        (_band_text(delta, name) if name else "given", shares)
        for delta in (DELTAS if rates is None else (0.0,))
        for name, shares in _scenarios(context, rates, underreporting_group, delta)
    ]
    tables = [
        compare_maps(audited, replace(audited, flags=_corrected_flags(context, shares)), REPORTING_RATES, setting)
        for setting, shares in settings
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))


def _band_text(delta: float, name: str) -> str:
    """Return the assumed reporting rates in words."""
    return f"areas of {name} report less, from {1 + delta:g} to {1 - delta:g} times the mean as its share rises"


def check_reporting_rates(context: CheckContext) -> list[Finding]:
    """Return the overlap of the flagged areas with and without correction for reporting rates."""
    options = context.options
    scenarios = _scenarios(context, options.reporting_rates, options.underreporting_group, CHECKED_DELTA)
    if not scenarios:
        shortfall = "there is neither a group table nor a table of reporting rates"
        none = (float("nan"),) * 3
        return [
            context.finding("reporting_sensitivity", none, crime_type=name, shortfall=shortfall)
            for name in context.scopes
        ]
    names = [name for name, _ in scenarios]
    overlaps = [_overlap(context, shares) for _, shares in scenarios]
    findings = []
    for row, scope in enumerate(context.scopes):
        worst = min(range(len(scenarios)), key=lambda at: _sort_key(overlaps[at].value[row]))
        one, name = overlaps[worst], names[worst]
        detail = f"Assumed: {_band_text(CHECKED_DELTA, name)}." if name else "With the given rates."
        numbers = float(one.value[row]), float(one.low[row]), float(one.high[row])
        findings.append(context.finding("reporting_sensitivity", numbers, crime_type=scope, detail=detail))
    return findings


def check_underreporting_group(residents: Sequence[Residents], pair: tuple[str, str]) -> None:
    """Raise InputError unless the group table has the group that is assumed to report less."""
    known = [(one.dimension, group) for one in residents for group in one.groups]
    if tuple(pair) not in known:
        names = ", ".join("/".join(one) for one in known)
        msg = f"audit.underreporting_group={'/'.join(pair)} is not in the group table. Choose one of {names}."
        raise InputError(msg)


def _sort_key(value: float) -> float:
    return (
        -1.0 if np.isnan(value) else float(value)
    )  # an undefined overlap is the worst: it must not be hidden by another group


def _scenarios(
    context: CheckContext, rates: Floats | None, underreporting_group: tuple[str, str] | None, delta: float
) -> list[tuple[str, Floats]]:
    """Return which group is assumed to report less, and the reporting rate of each cell."""
    if rates is not None:
        return [("", rates)]
    pairs = [
        (residents, group)
        for residents in context.residents
        for group in residents.groups
        if underreporting_group is None or (residents.dimension, group) == tuple(underreporting_group)
    ]
    if underreporting_group is not None and context.residents:
        check_underreporting_group(context.residents, underreporting_group)
    return [(f"{one.dimension} {group}", reporting_band(one, group, delta)) for one, group in pairs]


def _corrected_flags(context: CheckContext, rates: Floats) -> Floats:
    shares = np.asarray(rates, dtype=float)
    if shares.shape != context.grid.area_m2.shape or not (np.isfinite(shares) & (shares > 0)).all():
        msg = (
            f"Reporting rates need one value per cell ({len(context.grid)}), above 0 and finite. Correct "
            "audit.reporting_rates."
        )
        raise InputError(msg)
    expected = context.replay.expected
    return context.flags_of(replace(context.replay, expected=expected / shares[:, None]))


def _overlap(context: CheckContext, rates: Floats) -> Estimate:
    return context.bootstrap.ratio(
        *flagged_overlap(context.ranked_flags, _corrected_flags(context, rates), context.grid.area_m2)
    )
