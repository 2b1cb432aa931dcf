"""Monitor an admitted forecaster: CUSUM charts of its measures, their control limits and false alarm rate."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize

from ilp_models.audit.monitoring.series import MEASURES, RATIOS, MeasureSeries
from ilp_models.domain.errors import InputError

Floats = npt.NDArray[np.float64]

KEYS: Final = ["measure", "crime_type", "dimension", "group"]
_SHIFTS: Final = (1.5, 2.0, 3.0, 4.0)
_SLOW: Final = 0.5
_NOT_SELECTED: Final = "not in monitor.measures"
_OVERSHOOT: Final = 1.166  # Siegmund (1985): 2 x 0.583, the mean excess of a normal random walk over a boundary
_NODES: Final = 48
_LARGEST_LIMIT: Final = 1000.0
_LARGEST_AUTOCORRELATION: Final = 0.9  # with some dozens of periods, 0.9 and 1 cannot be distinguished


@dataclass(frozen=True, eq=False)
class MonitoringOutcome:
    """The result of monitoring: series by period, breaches and whether withdrawal is proposed."""

    # one row per period and series: period, crime_type, dimension, group, measure, value, reference, z, cusum_up,
    # cusum_down, breach. Sums are empty in audited periods and for series that are not monitored.
    table: pd.DataFrame
    # one row per series: measure, crime_type, dimension, group, watched, reason, reference, spread, autocorrelation,
    # periods, breaches, first_breach, towards
    series: pd.DataFrame
    facts: dict[str, Any]  # limit, number of series, run length, false alarm rate, delays: plain JSON values
    proposes_withdrawal: bool
    breached_periods: tuple[str, ...]  # start of each period in which at least one series breached

    @property
    def warnings(self) -> tuple[str, ...]:
        """Limits of the method for these series, one sentence each."""
        watched = self.series[self.series["watched"]]
        slow = int((watched["autocorrelation"] > _SLOW).sum())
        unwatched = self.series[~self.series["watched"] & (self.series["reason"] != _NOT_SELECTED)]
        warnings = []
        if slow:
            warnings.append(
                f"{slow} of {len(watched)} series change slowly (autocorrelation above {_SLOW}): their standard "
                "deviation was increased, and their false alarm rate is less certain."
            )
        if len(unwatched):
            warnings.append(
                f"{len(unwatched)} series have too little evidence and are not monitored; monitor.json gives the "
                "reasons."
            )
        return tuple(warnings)


@dataclass(frozen=True)
class Monitoring:
    """Settings of the monitoring of an admitted forecaster.

    Parameters
    ----------
    measures : sequence of str, default all
        Monitored measures: any of ``exposure``, ``exposure_ratio``, ``coverage``, ``coverage_ratio`` and ``sum_ratio``.
        The others are measured but cannot breach.
    allowance : float, default 1
        Half of the shift to detect quickly, in standard deviations of the audited periods.
    limit : float, optional
        Control limit: a larger cumulative sum is a breach. Default: computed from ``false_alarms`` and the number of
        series.
    false_alarms : float, default 0.05
        Probability that at least one series breaches within a year although nothing changed.
    breaches : int, default 3
        Number of periods with a breach after which withdrawal is proposed.
    least_periods : int, default 26
        Audited periods with a value that a monitored series needs.
    least_spread : float, default 0.05
        Smallest standard deviation, as a share of the mean. Smaller ones are replaced by it, so that small movements
        are no breach.

    Raises
    ------
    InputError
        If a setting is out of its range.

    Examples
    --------
    >>> Monitoring(measures=["coverage_ratio"], breaches=2).false_alarms
    0.05
    """

    measures: Sequence[str] = MEASURES
    allowance: float = 1.0
    limit: float | None = None
    false_alarms: float = 0.05
    breaches: int = 3
    least_periods: int = 26
    least_spread: float = 0.05

    def __post_init__(self) -> None:
        """Check the settings."""
        unknown = sorted(set(self.measures) - set(MEASURES))
        if unknown or not self.measures:
            msg = f"monitor.measures={unknown or '[]'} is unknown or empty. Choose from {', '.join(MEASURES)}."
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

    @property
    def settings(self) -> dict[str, Any]:
        """The settings as plain JSON values."""
        return asdict(self) | {"measures": list(self.measures)}

    def evaluate(self, series: MeasureSeries, periods_per_year: int) -> MonitoringOutcome:
        """Return which series left the range of the audited periods."""
        audited = series.audited_periods
        if len(series.periods) <= audited:
            msg = f"There is no period after the {audited} audited ones. Run `ilp monitor` again with newer records."
            raise InputError(msg)
        values = series.monitored_values
        reference = Reference.from_values(values[:audited], self._least_spread(series))
        reasons = self._reasons(series, reference)
        watched = np.array([not reason for reason in reasons])
        if not watched.any():
            msg = f"No series can be monitored: {reasons[0]}. Audit more periods, or decrease monitor.least_periods."
            raise InputError(msg)
        limit = self._limit(reference.periods[watched], periods_per_year)
        z = reference.standardise(values)
        cusum = CUSUM.from_values(np.where(watched, z[audited:], np.nan), self.allowance, limit)
        starts = [period.start_time.date().isoformat() for period in series.periods]
        breached = tuple(starts[audited + at] for at in np.flatnonzero(cusum.breach.any(axis=1)))
        return MonitoringOutcome(
            table=_period_table(series, reference, z, cusum, watched),
            series=_series_table(series, reference, reasons, cusum),
            facts=self._facts(reference.periods[watched], limit, periods_per_year, series),
            proposes_withdrawal=len(breached) >= self.breaches,
            breached_periods=breached,
        )

    def _least_spread(self, series: MeasureSeries) -> Floats:
        """Return the smallest standard deviation of each series; a ratio is monitored on the log scale."""
        values = series.values[: series.audited_periods]
        with np.errstate(invalid="ignore"):
            known = np.isfinite(values)
            mean = np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        return self.least_spread * np.where(series.keys["measure"].isin(RATIOS), 1.0, mean)

    def _reasons(self, series: MeasureSeries, reference: "Reference") -> list[str]:
        """Return why each series is not monitored; empty for a monitored series."""
        reasons = []
        for row, periods, spread in zip(
            series.keys.itertuples(index=False), reference.periods, reference.spread, strict=True
        ):
            if row.measure not in self.measures:
                reasons.append(_NOT_SELECTED)
            elif row.shortfall:
                reasons.append(str(row.shortfall))
            elif periods < self.least_periods:
                reasons.append(f"{periods} audited periods with a value, fewer than {self.least_periods}")
            else:
                reasons.append("" if spread > 0 else "always 0 in the audited periods")
        return reasons

    def _limit(self, periods: npt.NDArray[np.int64], periods_per_year: int) -> float:
        if self.limit is not None:
            return self.limit
        each = sidak_probability(self.false_alarms, len(periods))
        return control_limit(each, self.allowance, int(periods.min()), periods_per_year)

    def _facts(
        self, periods: npt.NDArray[np.int64], limit: float, periods_per_year: int, series: MeasureSeries
    ) -> dict[str, Any]:
        least = int(periods.min())
        each = false_alarm_probability(limit, self.allowance, least, periods_per_year)
        return {
            "settings": self.settings,
            "series_watched": len(periods),
            "limit": limit,
            "allowance": self.allowance,
            "reference_periods": least,
            "new_periods": len(series.periods) - series.audited_periods,
            "in_control_run_length": float(average_run_length(limit, -self.allowance) / 2),
            "false_alarms_a_year": {"one_series": each, "any_series": 1 - (1 - each) ** len(periods)},
            "periods_to_find": {
                str(shift): float(average_run_length(limit, shift - self.allowance))
                for shift in _SHIFTS
                if shift > self.allowance
            },
        }


@dataclass(frozen=True, eq=False)
class Reference:
    """Mean and standard deviation of series in the audited periods."""

    mean: Floats  # shape (series,); NaN if the series has no value
    # Standard deviation of one period, increased for autocorrelation a > 0: the cumulative sum of an autoregressive
    # series spreads like that of independent periods with sqrt((1 + a) / (1 - a)) times the standard deviation
    # (Johnson and Bagshaw 1974).
    spread: Floats
    autocorrelation: Floats  # of consecutive periods, corrected for its bias in short series (Kendall 1954)
    periods: npt.NDArray[np.int64]  # number of periods with a value

    @classmethod
    def from_values(cls, values: Floats, least_spread: Floats | float = 0.0) -> Self:
        """Return the reference of values by period, shape (periods, series)."""
        known = np.isfinite(values)
        periods = known.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(known, values, 0.0).sum(axis=0) / periods
            centred = np.where(known, values - mean, 0.0)
            squares = (centred**2).sum(axis=0)
            flat = squares <= 1e-18 * mean**2 * periods  # differences from rounding only
            plain = np.where(flat, 0.0, np.sqrt(squares / (periods - 1)))
            raw = np.where(flat, 0.0, (centred[1:] * centred[:-1]).sum(axis=0) / np.where(flat, 1.0, squares))
            corrected = np.clip(
                raw + np.where(flat, 0.0, (1 + 3 * raw) / periods), -_LARGEST_AUTOCORRELATION, _LARGEST_AUTOCORRELATION
            )
            positive = np.maximum(corrected, 0.0)
            spread = plain * np.sqrt((1 + positive) / (1 - positive))
        return cls(mean, np.maximum(spread, least_spread), corrected, periods)

    def standardise(self, values: Floats) -> Floats:
        """Return z-scores: the difference from the reference mean in standard deviations."""
        usable = self.spread > 0
        result: Floats = (values - self.mean) / np.where(usable, self.spread, np.nan)
        return result


@dataclass(frozen=True, eq=False)
class CUSUM:
    """Two-sided cumulative sums of standardised series (Page 1954). Both restart at 0 after a breach."""

    up: Floats  # sums towards higher values at the end of each period, shape (periods, series)
    down: Floats  # sums towards lower values
    breach: npt.NDArray[np.bool_]  # whether a sum exceeded the control limit

    @classmethod
    def from_values(cls, standardised: Floats, allowance: float, limit: Floats | float) -> Self:
        """Return the sums S = max(0, S + z - allowance), and the same for -z."""
        up, down = np.zeros_like(standardised), np.zeros_like(standardised)
        breach = np.zeros(standardised.shape, dtype=bool)
        high = low = np.zeros(standardised.shape[1])
        for at, one in enumerate(standardised):
            known = np.isfinite(one)
            step = np.where(known, one, 0.0)
            high = np.where(known, np.maximum(0.0, high + step - allowance), high)
            low = np.where(known, np.maximum(0.0, low - step - allowance), low)
            up[at], down[at] = high, low
            breach[at] = known & ((high > limit) | (low > limit))
            high, low = np.where(breach[at], 0.0, high), np.where(breach[at], 0.0, low)
        return cls(up, down, breach)


def average_run_length(limit: npt.ArrayLike, drift: npt.ArrayLike) -> Floats:
    """Return the mean number of periods until a one-sided sum exceeds the limit (Siegmund 1985)."""
    step, height = np.broadcast_arrays(np.asarray(drift, dtype=float), np.asarray(limit, dtype=float) + _OVERSHOOT)
    still = np.abs(step) < 1e-6
    safe = np.where(still, 1.0, step)
    with np.errstate(over="ignore"):
        walked = (np.exp(-2 * safe * height) + 2 * safe * height - 1) / (2 * safe**2)
    return np.where(still, height**2, walked)


def false_alarm_probability(limit: float, allowance: float, reference_periods: int, new_periods: float) -> float:
    """Return the probability of a false alarm of one two-sided sum within a number of new periods.

    The reference mean and standard deviation come from few periods. An error of the mean makes sums drift, so that
    false alarms are more frequent than tables for known means state. The probability is an average over the errors
    of both, for normal and independent periods.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    weights = weights / weights.sum()
    error, part = nodes / np.sqrt(reference_periods), 2 / (9 * (reference_periods - 1))
    # estimated over true standard deviation: chi-squared over degrees of freedom (Wilson and Hilferty 1931)
    spread = np.maximum(1 - part + np.sqrt(part) * nodes, 0.01)[:, None] ** 1.5
    rates = [1 / average_run_length(limit * spread, sign * error - allowance * spread) for sign in (1, -1)]
    alarm = -np.expm1(-new_periods * (rates[0] + rates[1]))
    return float(weights @ alarm @ weights)


def control_limit(probability: float, allowance: float, reference_periods: int, new_periods: float) -> float:
    """Return the limit with a given false alarm probability of one two-sided sum."""

    def excess(limit: float) -> float:
        alarm = false_alarm_probability(limit, allowance, reference_periods, new_periods)
        return float(np.log(max(alarm, 1e-300) / probability))

    if excess(0.0) <= 0:
        return 0.0
    if excess(_LARGEST_LIMIT) > 0:
        msg = (
            f"No control limit has a false alarm probability of {probability:.2g} with {reference_periods} audited "
            f"periods and monitor.allowance={allowance}. Audit more periods, or increase monitor.false_alarms."
        )
        raise InputError(msg)
    return float(optimize.brentq(excess, 0.0, _LARGEST_LIMIT, xtol=1e-6))


def sidak_probability(family: float, series: int) -> float:
    """Return the probability per series that gives a probability for the whole family (Sidak 1967)."""
    return float(-np.expm1(np.log1p(-family) / series))


def _period_table(
    series: MeasureSeries, reference: Reference, z: Floats, cusum: CUSUM, watched: npt.NDArray[np.bool_]
) -> pd.DataFrame:
    count = len(series.periods)
    ratio = series.keys["measure"].isin(RATIOS).to_numpy()
    blank = np.full((series.audited_periods, len(series.keys)), np.nan)
    columns = {
        "value": series.values,
        "reference": np.broadcast_to(_readable_mean(reference.mean, ratio), series.values.shape),
        "z": z,
        "cusum_up": np.concatenate((blank, np.where(watched, cusum.up, np.nan))),
        "cusum_down": np.concatenate((blank, np.where(watched, cusum.down, np.nan))),
        "breach": np.concatenate((np.zeros(blank.shape, dtype=bool), cusum.breach)),
    }
    table = series.keys[KEYS].loc[np.repeat(np.arange(len(series.keys)), count)].reset_index(drop=True)
    starts = [period.start_time.date().isoformat() for period in series.periods]
    table.insert(0, "period", np.tile(starts, len(series.keys)))
    for name, cube in columns.items():
        table[name] = cube.T.ravel()
    return table[["period", "crime_type", "dimension", "group", "measure", *columns]]


def _series_table(series: MeasureSeries, reference: Reference, reasons: Sequence[str], cusum: CUSUM) -> pd.DataFrame:
    ratio = series.keys["measure"].isin(RATIOS).to_numpy()
    starts = [period.start_time.date().isoformat() for period in series.periods[series.audited_periods :]]
    first = [int(np.argmax(one)) if one.any() else -1 for one in cusum.breach.T]
    towards = [
        "" if at < 0 else "higher" if cusum.up[at, column] >= cusum.down[at, column] else "lower"
        for column, at in enumerate(first)
    ]
    return series.keys[KEYS].assign(
        watched=[not reason for reason in reasons],
        reason=reasons,
        reference=_readable_mean(reference.mean, ratio),
        spread=reference.spread,
        autocorrelation=reference.autocorrelation,
        periods=reference.periods,
        breaches=cusum.breach.sum(axis=0),
        first_breach=["" if at < 0 else starts[at] for at in first],
        towards=towards,
    )


def _readable_mean(mean: Floats, ratio: npt.NDArray[np.bool_]) -> Floats:
    """Return reference means on the scale of the measure: the geometric mean of a ratio."""
    return np.where(ratio, np.exp(np.where(ratio, mean, 0.0)), mean)
