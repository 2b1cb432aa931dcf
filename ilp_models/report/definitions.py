"""Definitions of the numbers of an audit: formula, denominator, reference and interval.

The definitions of checks come from :mod:`ilp_models.domain.checks`; here are the measures that are no checks.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final

from ilp_models.domain.check_definition import BY_PERIOD, EXACT, NONE, Check
from ilp_models.domain.checks import CATALOGUE

NOTATION: Final = (
    "Cell i, period t, group g; residents n_ig, n_i in all, N_g of the group; s_ig = n_ig / n_i; recorded events y_it; "
    "expected events p_it; a_it the flagged fraction of a cell; T test periods."
)
SHORT: Final = ("exposure", "exposure_ratio", "need_adjusted_ratio", "coverage", "coverage_ratio")
_REST: Final = "all other residents"


@dataclass(frozen=True)
class Definition:
    """Meaning of a number."""

    label: str
    formula: str
    denominator: str
    reference: str
    reading: str
    interval: str = BY_PERIOD
    question: str = ""


MEASURES: Final[dict[str, Definition]] = {
    "patrol_share": Definition(
        "Share of flags",
        "sum a_it s_ig / sum a_it",
        "flagged cells where somebody lives",
        NONE,
        "Share of the flags that falls on the group's areas.",
    ),
    "burden_share": Definition(
        "Burden share",
        "sum y_it s_ig / sum y_it",
        "recorded events where somebody lives",
        NONE,
        "Share of the recorded events that falls on the group's areas.",
    ),
    "error": Definition(
        "Error",
        "sum |p_it - y_it| s_ig / (T sum_i s_ig)",
        "cells and periods, weighted by the group's share of residents",
        NONE,
        "Mean absolute difference between expected and recorded events of a cell and period where the group lives.",
    ),
    "population_share": Definition(
        "Population share", "m_g = N_g / N", "all residents", NONE, "Share of the residents.", EXACT
    ),
    "gini": Definition(
        "Concentration",
        "Gini coefficient of the flagged part of the periods over land",
        NONE,
        NONE,
        "0: all areas are flagged alike; near 1: always the same.",
    ),
    "permanent_cells": Definition(
        "Permanently flagged cells",
        "cells flagged in more than half of the periods",
        NONE,
        NONE,
        "How many cells are flagged most of the time.",
    ),
    "permanent": Definition(
        "Permanently flagged",
        "residents of the group in cells flagged in more than half of the periods / N_g",
        "residents of the group",
        NONE,
        "Share of the group that lives in areas that are flagged most of the time.",
    ),
    "permanent_ratio": Definition(
        "Permanently flagged, ratio",
        "permanently flagged share of the group / of the reference",
        "the same share of the reference",
        _REST,
        "Above 1: the group lives more in areas that are flagged most of the time.",
    ),
}


def defined(name: str) -> Definition:
    """Return the meaning of a measure or check."""
    if name in CATALOGUE:
        return _of_check(CATALOGUE[name])
    words = name.replace("_", " ")
    other = Definition(words[:1].upper() + words[1:], "see docs/audit.md", "see there", "see there", "", "see there")
    return MEASURES.get(name, other)


def definition_row(name: str) -> dict[str, Any]:
    """Return the definition of a measure or check as plain values."""
    return {key: value for key, value in asdict(defined(name)).items() if key != "question"}


def _of_check(check: Check) -> Definition:
    return Definition(
        check.label, check.formula, check.denominator, check.reference, check.reading, check.interval, check.question
    )
