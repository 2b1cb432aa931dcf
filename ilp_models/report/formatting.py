"""Format numbers, shares, intervals, periods and labels as every page of this package shows them."""

from typing import Any, Final

import numpy as np
import pandas as pd

from ilp_models.domain.intake import IntakeReport
from ilp_models.domain.scores import ALL

MISSING: Final = "\N{EN DASH}"


def crime_type_label(crime_type: object) -> str:
    """Return a crime type as readers know it; the pool of all types is called ``all types``."""
    return "all types" if crime_type == ALL else str(crime_type)


def number(value: float, digits: int = 3) -> str:
    """Return a number with some significant digits, or a dash if it is not available."""
    if not np.isfinite(value):
        return MISSING
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:#.{digits}g}"


def percent(value: float, digits: int = 1, *, sign: bool = False) -> str:
    """Return a share as a percentage, or a dash if it is not available."""
    if not np.isfinite(value):
        return MISSING
    rounded = round(100 * value, digits) + 0.0  # 0 and not -0
    return f"{rounded:{'+' if sign else ''}.{digits}f}\N{NO-BREAK SPACE}%"


def interval(low: float, high: float) -> str:
    """Return an interval in brackets, or empty text if an end is not available."""
    return f"[{number(low)}, {number(high)}]" if np.isfinite(low) and np.isfinite(high) else ""


def percent_interval(low: float, high: float, digits: int = 1, *, sign: bool = False) -> str:
    """Return an interval of shares in brackets, or empty text if an end is not available."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return ""
    return f"[{percent(low, digits, sign=sign)}, {percent(high, digits, sign=sign)}]"


def percent_range(*values: float, digits: int = 1) -> str:
    """Return the range of some shares, such as ``34 % to 41 %``; one share where both ends print alike."""
    low, high = (percent(end(values), digits) for end in (min, max))
    return low if low == high else f"{low} to {high}"


def period_label(period: pd.Period) -> str:
    """Return a period as text, such as ``Monday 3 to Sunday 9 January 2022``."""
    start, end = period.start_time, period.end_time
    if period.freqstr == "M":
        return f"{start:%B %Y}"
    if period.freqstr == "D":
        return f"{start:%A} {start.day} {start:%B %Y}"
    month = f" {start:%B}" if start.month != end.month else ""
    year = f" {start.year}" if start.year != end.year else ""
    return f"{start:%A} {start.day}{month}{year} to {end:%A} {end.day} {end:%B %Y}"


def period_noun(period: pd.Period) -> str:
    """Return ``day``, ``week``, ``month`` or ``period``."""
    return {"D": "day", "W": "week", "M": "month"}.get(period.freqstr.partition("-")[0], "period")


def records_summary(intake: IntakeReport) -> str:
    """Return publisher, number and time span of the records in one line."""
    if intake.start is None or intake.end is None:
        return f"{intake.source}: no record"
    last = intake.end - pd.Timedelta(1, "ns")
    return f"{intake.source}: {intake.rows_kept:,} records, {intake.start:%Y-%m-%d} to {last:%Y-%m-%d}"


def sentence(text: str) -> str:
    """Return a phrase as a sentence: first letter in upper case, a full stop at the end."""
    return f"{text[:1].upper()}{text[1:]}."


def next_year_text(row: Any) -> str:
    """Return the expected crimes of the next 12 months in one sentence."""
    than = "than" if clear_change(row) else "from"
    return (
        f"{row['next_12_months']:,.0f} recorded crimes are expected in the next 12 months (90 % interval "
        f"{row['low']:,.0f} to {row['high']:,.0f}): {change_text(row)} {than} the {row['last_12_months']:,.0f} of the "
        "last 12 months."
    )


def clear_change(row: Any) -> float:
    """Return the change from the last year to the next, as a share; 0 if the interval contains the last year."""
    inside = row["low"] <= row["last_12_months"] <= row["high"]
    return 0.0 if inside or not np.isfinite(row["change"]) else float(row["change"])


def change_text(row: Any) -> str:
    """Return how the next year compares with the last, such as ``5 % more``."""
    change = clear_change(row)
    return f"{percent(abs(change), 0)} {'more' if change > 0 else 'fewer'}" if change else "no clear change"
