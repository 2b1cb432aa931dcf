"""The result of a trial in sentences: no more than the evidence, and never a cause without a draw."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from ilp_models.domain.trial_design import TrialDesign
from ilp_models.report.formatting import number, percent

OBSERVATIONAL: Final = "OBSERVATIONAL"
WHY_OBSERVATIONAL: Final = (
    "This result does not come from an assignment by lot that was registered before the first day. Treated places may "
    "differ from the others for other reasons. No randomisation test is made."
)
_NONE: Final = "no effect shown"


def headline(row: Mapping[str, Any], *, observational: bool, confidence: float) -> str:
    """Return the main result in one or two sentences."""
    if not np.isfinite(row["ratio"]):
        return "No effect can be estimated. There are too few recorded events."
    size = f"{change_text(row)}, {percent(confidence, 0)} interval {interval_text(row)}"
    if row["conclusion"] == _NONE:
        return f"No effect is shown. The estimate is {size}."
    what = "Treated places had" if observational else "In places assigned to treatment there were"
    other = "than comparison places suggest" if observational else "than without the assignment"
    return f"{what} {change_text(row)} {other} ({percent(confidence, 0)} interval {interval_text(row)})."


def change_text(row: Mapping[str, Any]) -> str:
    """Return an effect as a share, such as ``12 % fewer recorded crimes``."""
    share = row["ratio"] - 1
    if abs(share) < 0.005:
        return "no difference in recorded crimes"
    return f"{percent(abs(share), 0)} {'more' if share > 0 else 'fewer'} recorded crimes"


def interval_text(row: Mapping[str, Any]) -> str:
    """Return the interval of a ratio as changes, such as ``-20 % to +3 %``."""
    low, high = row["ratio_low"], row["ratio_high"]
    if np.isnan(low) or np.isnan(high):
        return "not known"
    return f"{_end_text(low - 1)} to {_end_text(high - 1) if np.isfinite(high) else 'without limit'}"


def _end_text(change: float) -> str:
    """Return an end of an interval; one close to 0 keeps the side of 0 on which it is."""
    digits = next((one for one in (0, 1, 2) if round(100 * change, one)), 0)
    return percent(change, digits, sign=True)


def events_text(row: Mapping[str, Any]) -> str:
    """Return the events more or fewer over the trial, with their interval."""
    if not np.isfinite(row["events"]):
        return ""
    low, high = (_signed(row[name], row["unit"]) for name in ("events_low", "events_high"))
    if row["conclusion"] == _NONE:
        return f"from {low} to {high} over the trial"
    return f"{_signed(row['events'], row['unit'])} over the trial ({low} to {high})"


def _signed(value: float, unit: str) -> str:
    if not np.isfinite(value):
        return "without limit"
    return f"{number(abs(value))} {'more' if value > 0 else 'fewer'}" + ("" if unit == "events" else f" ({unit})")


def promise_text(design: TrialDesign, row: Mapping[str, Any]) -> str:
    """Return what the trial could have shown; empty if the design promises nothing."""
    promise = design.promise
    if "effect" not in promise or "power" not in promise:
        return "The design does not say which effect the trial could show."
    effect, power = promise["effect"], promise["power"]
    text = f"The trial was planned to show {percent(effect, 0)} fewer crimes with a chance of {percent(power, 0)}."
    if row["conclusion"] != _NONE or not np.isfinite(row["ratio_low"]):
        return text
    if row["ratio_low"] > 1 - effect:
        return f"{text} The interval excludes a reduction of {percent(effect, 0)}."
    return f"{text} The interval still includes a reduction of {percent(effect, 0)}: the trial cannot exclude it."


def tipping_text(tipping: float, conclusion: str) -> str:
    """Return from which rise of recording in treated places the conclusion is another."""
    if not np.isfinite(tipping):
        return "How recording would change the conclusion is not known."
    share = percent(abs(tipping), 0)
    way = "more" if tipping > 0 else "fewer"
    if conclusion == _NONE:
        return (
            f"If patrols made people or officers record {share} {way} crimes in treated places than elsewhere, a "
            "reduction would be shown."
            if tipping > 0
            else "The interval of one estimator alone excludes that nothing changed."
        )
    return (
        f"The conclusion would be another if {share} {way} crimes were recorded in treated places because of patrols."
    )
