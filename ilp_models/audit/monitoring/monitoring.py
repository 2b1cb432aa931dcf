"""Watching an admitted forecaster: which series left the range of the audited periods, and what follows from that."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.audit.monitoring.cusum import Cusum, Reference, false_alarm, limit_for, run_length, share_of_each
from ilp_models.audit.monitoring.series import MEASURES, RATIOS, Series
from ilp_models.domain.errors import InputError

Floats = npt.NDArray[np.float64]

ABOUT: Final = ["measure", "crime_type", "dimension", "group"]
_SHIFTS: Final = (1.5, 2.0, 3.0, 4.0)
_SLOW: Final = 0.5


@dataclass(frozen=True, eq=False)
class Watch:
    """What watching found.

    Parameters
    ----------
    table : DataFrame
        ``period, crime_type, dimension, group, measure, value, reference, z, cusum_up, cusum_down, breach``, one row a
        period and series; sums are empty in the audited periods and for series that are not watched.
    series : DataFrame
        ``measure, crime_type, dimension, group, watched, reason, reference, spread, autocorrelation, periods, breaches,
        first_breach, towards``, one row a series.
    facts : dict
        Allowance, limit, number of series, in-control run length, false alarms, delays: plain JSON values.
    proposes : bool
        Whether withdrawal is proposed.
    breached : tuple of str
        Start of each period in which at least one series breached.
    """

    table: pd.DataFrame
    series: pd.DataFrame
    facts: dict[str, Any]
    proposes: bool
    breached: tuple[str, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know before relying on the limits, one sentence each."""
        watched = self.series[self.series["watched"]]
        slow = int((watched["autocorrelation"] > _SLOW).sum())
        idle = self.series[~self.series["watched"] & (self.series["reason"] != "not asked for")]
        told = []
        if slow:
            told.append(
                f"{slow} of {len(watched)} series change slowly (autocorrelation above {_SLOW}): their spread was made "
                "larger for it, and false alarms are less exactly known."
            )
        if len(idle):
            told.append(f"{len(idle)} series rest on too little to be watched; monitor.json says why for each.")
        return tuple(told)


@dataclass(frozen=True)
class Monitoring:
    """How an admitted forecaster is watched.

    Parameters
    ----------
    measures : sequence of str, optional
        Any of ``exposure``, ``exposure_ratio``, ``coverage``, ``coverage_ratio`` and ``sum_ratio``; the others are
        measured and not watched.
    allowance : float, default 1
        Half of the shift, in spreads of the audited periods, that is to be found fast.
    limit : float, optional
        Larger cumulative sums are a breach. By default it follows from ``false_alarms`` and the number of series.
    false_alarms : float, default 0.05
        Probability in a year that at least one of all series breaches though nothing changed.
    breaches : int, default 3
        Periods with a breach after which withdrawal is proposed.
    least_periods : int, default 26
        Audited periods with a number that a series needs to be watched.
    least_spread : float, default 0.05
        Spreads smaller than this share of the mean are read as it: what moves by less is no breach, however surely.

    Raises
    ------
    InputError
        If a setting is out of its range.
    """

    measures: Sequence[str] = MEASURES
    allowance: float = 1.0
    limit: float | None = None
    false_alarms: float = 0.05
    breaches: int = 3
    least_periods: int = 26
    least_spread: float = 0.05

    def __post_init__(self) -> None:
        """Refuse settings that watch nothing."""
        odd = sorted(set(self.measures) - set(MEASURES))
        if odd or not self.measures:
            msg = f"monitor.measures takes any of {', '.join(MEASURES)}, not {odd or 'none'}."
            raise InputError(msg)
        if not (self.allowance > 0 and 0 < self.false_alarms < 1 and self.breaches >= 1 and self.least_spread > 0):
            msg = (
                "monitor needs allowance > 0, 0 < false_alarms < 1, breaches >= 1 and least_spread > 0, not "
                f"allowance={self.allowance}, false_alarms={self.false_alarms}, breaches={self.breaches}, "
                f"least_spread={self.least_spread}."
            )
            raise InputError(msg)
        if self.least_periods < 3 or (self.limit is not None and not self.limit > 0):
            msg = f"monitor needs least_periods >= 3 and limit > 0, not {self.least_periods} and {self.limit}."
            raise InputError(msg)

    def watch(self, series: Series, per_year: int) -> Watch:
        """Return which series left the range of the audited periods."""
        if len(series.periods) <= series.audited:
            msg = f"There is no period after the {series.audited} audited ones; monitor again when records reach on."
            raise InputError(msg)
        values = series.scale
        reference = Reference.from_values(values[: series.audited], self._least_spread(series))
        reasons = self._reasons(series, reference)
        watched = np.array([not reason for reason in reasons])
        if not watched.any():
            msg = f"No series can be watched: {reasons[0]}. Audit more periods, or lower monitor.least_periods."
            raise InputError(msg)
        limit = self._limit(reference.periods[watched], per_year)
        z = reference.standardised(values)
        cusum = Cusum.from_values(np.where(watched, z[series.audited :], np.nan), self.allowance, limit)
        periods = [period.start_time.date().isoformat() for period in series.periods]
        told = _told(series, reference, reasons, cusum)
        breached = tuple(periods[series.audited + at] for at in np.flatnonzero(cusum.breach.any(axis=1)))
        return Watch(
            table=_long(series, reference, z, cusum, watched),
            series=told,
            facts=self._facts(reference.periods[watched], limit, per_year, series),
            proposes=len(breached) >= self.breaches,
            breached=breached,
        )

    def _least_spread(self, series: Series) -> Floats:
        """Return a share of each mean; the logarithm of a ratio moves by as much when the ratio moves by that share."""
        with np.errstate(invalid="ignore"):
            known = np.isfinite(series.values[: series.audited])
            mean = np.where(known, series.values[: series.audited], 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        return self.least_spread * np.where(series.about["measure"].isin(RATIOS), 1.0, mean)

    def _reasons(self, series: Series, reference: Reference) -> list[str]:
        reasons = []
        for row, periods, spread in zip(
            series.about.itertuples(index=False), reference.periods, reference.spread, strict=True
        ):
            if row.measure not in self.measures:
                reasons.append("not asked for")
            elif row.thin:
                reasons.append(str(row.thin))
            elif periods < self.least_periods:
                reasons.append(f"{periods} audited periods with a number, fewer than {self.least_periods}")
            else:
                reasons.append("" if spread > 0 else "always 0 in the audited periods")
        return reasons

    def _limit(self, periods: npt.NDArray[np.int64], per_year: int) -> float:
        if self.limit is not None:
            return self.limit
        each = share_of_each(self.false_alarms, len(periods))
        return limit_for(each, self.allowance, int(periods.min()), per_year)

    def _facts(self, periods: npt.NDArray[np.int64], limit: float, per_year: int, series: Series) -> dict[str, Any]:
        least = int(periods.min())
        each = false_alarm(limit, self.allowance, least, per_year)
        settings = {name: value for name, value in asdict(self).items() if name != "measures"}
        return {
            "settings": settings | {"measures": list(self.measures)},
            "series_watched": len(periods),
            "limit": limit,
            "allowance": self.allowance,
            "reference_periods": least,
            "new_periods": len(series.periods) - series.audited,
            "in_control_run_length": float(run_length(limit, -self.allowance) / 2),
            "false_alarms_a_year": {"one_series": each, "any_series": 1 - (1 - each) ** len(periods)},
            "periods_to_find": {
                str(shift): float(run_length(limit, shift - self.allowance))
                for shift in _SHIFTS
                if shift > self.allowance
            },
        }


def _long(
    series: Series, reference: Reference, z: Floats, cusum: Cusum, watched: npt.NDArray[np.bool_]
) -> pd.DataFrame:
    count = len(series.periods)
    ratio = series.about["measure"].isin(RATIOS).to_numpy()
    blank = np.full((series.audited, len(series.about)), np.nan)
    columns = {
        "value": series.values,
        "reference": np.broadcast_to(_shown(reference.mean, ratio), series.values.shape),
        "z": z,
        "cusum_up": np.concatenate((blank, np.where(watched, cusum.up, np.nan))),
        "cusum_down": np.concatenate((blank, np.where(watched, cusum.down, np.nan))),
        "breach": np.concatenate((np.zeros(blank.shape, dtype=bool), cusum.breach)),
    }
    table = series.about[ABOUT].loc[np.repeat(np.arange(len(series.about)), count)].reset_index(drop=True)
    starts = [period.start_time.date().isoformat() for period in series.periods]
    table.insert(0, "period", np.tile(starts, len(series.about)))
    for name, cube in columns.items():
        table[name] = cube.T.ravel()
    return table[["period", "crime_type", "dimension", "group", "measure", *columns]]


def _told(series: Series, reference: Reference, reasons: Sequence[str], cusum: Cusum) -> pd.DataFrame:
    ratio = series.about["measure"].isin(RATIOS).to_numpy()
    starts = [period.start_time.date().isoformat() for period in series.periods[series.audited :]]
    first = [int(np.argmax(one)) if one.any() else -1 for one in cusum.breach.T]
    towards = [
        "" if at < 0 else "higher" if cusum.up[at, column] >= cusum.down[at, column] else "lower"
        for column, at in enumerate(first)
    ]
    return series.about[ABOUT].assign(
        watched=[not reason for reason in reasons],
        reason=reasons,
        reference=_shown(reference.mean, ratio),
        spread=reference.spread,
        autocorrelation=reference.autocorrelation,
        periods=reference.periods,
        breaches=cusum.breach.sum(axis=0),
        first_breach=["" if at < 0 else starts[at] for at in first],
        towards=towards,
    )


def _shown(mean: Floats, ratio: npt.NDArray[np.bool_]) -> Floats:
    """Return reference means as they are read: of logarithms the geometric mean."""
    return np.where(ratio, np.exp(np.where(ratio, mean, 0.0)), mean)
