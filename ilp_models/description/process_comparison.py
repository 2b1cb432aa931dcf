"""Compare a Knox table with a self-exciting process, which in part separates repeats from busy places."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import brentq
from scipy.special import erf

from ilp_models.description.repeat_bands import RepeatBands
from ilp_models.domain.repeat_process import RepeatProcess

Floats = npt.NDArray[np.float64]

PROCESS_COLUMNS: Final = (
    *("crime_type", "incidents", "triggered_share", "shuffled_share", "excess_pairs", "direct_repeats"),
    *("chain_pairs", "knox_half_distance_m", "process_half_distance_m", "knox_half_days", "process_half_days"),
    "reading",
)
BAND_COLUMNS: Final = (
    *("crime_type", "distance", "days", "observed", "expected", "excess_pairs", "excess_share"),
    *("direct_repeats", "direct_share"),
)
_FINER: Final = (1, 2, 4, 8)  # days at which repeats can change quickly
_CLEAR: Final = 0.01  # of the incidents: a smaller share above that of shuffled dates is no finding
_UNSURE: Final = "The process cannot tell: it finds as many repeats with shuffled dates. Few incidents can cause this."
_MOST: Final = 0.5  # chains that explain less than this share of the excess do not explain most of it


def delay_edges(bands: RepeatBands) -> Floats:
    """Return edges of the bins of delay: those of the day bands after the same day, finer ones, and a later one."""
    last = bands.day_bands[-1]
    return np.array(sorted({1, *(day for day in _FINER if day < last), *bands.day_bands, max(2 * last, 2)}), float)


def compare_bands(knox: pd.DataFrame, process: RepeatProcess, bands: RepeatBands, metric: str) -> pd.DataFrame:
    """Return excess pairs and direct repeats of one crime type in each closed band after the same day.

    The same place is part of the first band: the distances of the process are continuous.
    """
    later = knox[knox["q"].notna() & (knox["days_to"] > 0)]
    joint = replace(bands, same_place_m=0.0).distances[:-1]
    later = later.assign(band=np.searchsorted(bands.distance_bands_m, later["below_m"]))
    keys = ["crime_type", "band", "days", "days_from", "days_to"]
    found = later.groupby(keys, sort=False, as_index=False)[["observed", "expected"]].sum()
    far = np.diff([_within(process, end, metric) for end in (0.0, *bands.distance_bands_m)])
    spans = found[["days_from", "days_to"]].to_numpy(dtype=float)
    late = np.array([_before(process, last + 1) - _before(process, first) for first, last in spans])
    mass = far[found["band"]] * late
    excess = found["observed"] - found["expected"]
    found = found.assign(
        distance=[joint[band][0] for band in found["band"]],
        excess_pairs=excess,
        excess_share=excess / excess.sum() if excess.sum() > 0 else np.nan,
        direct_repeats=process.incidents * mass,
        direct_share=mass / process.offspring if process.offspring > 0 else np.nan,
    )
    return found[list(BAND_COLUMNS)]


def compare_whole(
    table: pd.DataFrame, process: RepeatProcess, excess: Floats, bands: RepeatBands, metric: str, *, near: bool
) -> dict[str, Any]:
    """Return the row of one crime type: what both methods find, and how to read it.

    ``excess`` has the pairs above expectation by step of distance and by days apart, from 1 day on. ``near`` says
    whether the Knox table has a near repeat after the same day.
    """
    branching = min(process.offspring, 0.99)
    pairs, found = float(table["excess_pairs"].sum()), near and excess.sum() > 0
    chain = process.incidents * branching * (2 - branching) / (2 * (1 - branching) ** 2)
    clear = process.triggered_share - process.shuffled_share > _CLEAR
    unsure = not clear and process.shuffled_share > _CLEAR
    largest, last = float(bands.distance_bands_m[-1]), bands.day_bands[-1] - 1
    return {
        "crime_type": table["crime_type"].iloc[0],
        "incidents": process.incidents,
        "triggered_share": process.triggered_share,
        "shuffled_share": process.shuffled_share,
        "excess_pairs": pairs,
        "direct_repeats": float(table["direct_repeats"].sum()),
        "chain_pairs": np.nan if unsure else chain,
        "knox_half_distance_m": half_steps(excess.sum(axis=1)) * largest / len(excess) if found else np.nan,
        "process_half_distance_m": _half_distance(process, largest, metric) if clear else np.nan,
        "knox_half_days": half_steps(excess.sum(axis=0)) if found else np.nan,
        "process_half_days": _half_days(process, last) if clear else np.nan,
        "reading": _UNSURE if unsure else _reading(bool(found), clear, chain / pairs if pairs > 0 else np.inf),
    }


def half_steps(excess: Floats) -> float:
    """Return after how many whole steps half of the excess is reached."""
    total = np.cumsum(excess)
    return float(np.argmax(total >= total[-1] / 2) + 1)


def _reading(found: bool, clear: bool, explained: float) -> str:  # noqa: FBT001 - two answers and a share
    """Return what follows from the findings of both methods."""
    if found and clear:
        if explained < _MOST:
            return (
                f"Chains of repeats explain at most {explained:.0%} of the excess pairs. Most of the excess comes from "
                "places that are busy for weeks or months."
            )
        return "Both find repeats. Chains of repeats can explain most of the excess pairs."
    if found:
        return (
            "Only the Knox table has an excess. The process explains it by places that are busy for weeks or months, "
            "not by repeats."
        )
    if clear:
        return "Only the process finds repeats. They are too few, or too late, for a near-repeat band."
    return "Neither finds repeats after the same day."


def _within(process: RepeatProcess, metres: float, metric: str) -> float:
    """Return the share of direct repeats closer than a distance: Gaussians in the plane, integrated exactly."""
    ratio = metres / process.scales
    shares = erf(ratio / 2) ** 2 if metric == "manhattan" else 1 - np.exp(-(ratio**2) / 2)
    return float(process.shares @ shares)


def _before(process: RepeatProcess, days: float) -> float:
    """Return the direct repeats of an incident before a number of days."""
    return float(np.interp(days, process.edges, np.append(0.0, np.cumsum(process.repeats))))


def _half_distance(process: RepeatProcess, last: float, metric: str) -> float:
    """Return the distance within which half of the direct repeats up to the largest distance lie."""
    half = _within(process, last, metric) / 2
    return round(float(brentq(lambda metres: _within(process, metres, metric) - half, 0.0, last)), 1)


def _half_days(process: RepeatProcess, last: int) -> float:
    """Return the days within which half of the direct repeats up to the last day lie."""
    half = _before(process, last + 1) / 2
    return float(next(day for day in range(1, last + 1) if _before(process, day + 1) >= half))


def not_compared(reasons: Mapping[str, str]) -> list[str]:
    """Return a note for each crime type that has no process."""
    return [f"{kind}: near repeats are not compared with a process. {reason}" for kind, reason in reasons.items()]
