"""What each number of an audit means: definition, what it is divided by, whom it is compared with, and its interval."""

from typing import Final

from ilp_models.report.audit.check_definitions import CHECKS, EXACT, NONE, Definition

NOTATION: Final = (
    "Cell i, period t, group g; residents n_ig, n_i in all, N_g of the group; s_ig = n_ig / n_i; recorded events y_it; "
    "expected events p_it; a_it the flagged part of a cell; T test periods."
)
_REST: Final = "all other residents"
_EVENTS: Final = "recorded events weighted by the group's share of residents"

MEASURES: Final[dict[str, Definition]] = {
    "exposure": Definition(
        "Exposure",
        "E_g = sum a_it n_ig / (T N_g)",
        "residents of the group times test periods",
        NONE,
        "Share of the group's resident-periods that lie on flagged land.",
    ),
    "exposure_ratio": Definition(
        "Exposure ratio",
        "ER_g = E_g / E of the reference",
        "exposure of the reference",
        _REST,
        "Above 1: the group's areas are flagged more of the time than those of others.",
    ),
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
    "need_adjusted_ratio": Definition(
        "Need-adjusted ratio",
        "NAR_g = (sum a s / sum a) / (sum y s / sum y)",
        "the group's share of recorded events",
        "recorded events",
        "Above 1: flags fall on the group's areas more than recorded events do.",
    ),
    "coverage": Definition(
        "Coverage",
        "C_g = sum a_it y_it s_ig / sum y_it s_ig",
        _EVENTS,
        NONE,
        "Share of the recorded events where the group lives that happened on flagged land.",
    ),
    "coverage_ratio": Definition(
        "Coverage ratio",
        "CR = min C_g / max C_g",
        "the highest coverage of a group",
        "the best covered group",
        "Below 1: recorded events where one group lives are less often on flagged land.",
    ),
    "baseline_exposure_ratio": Definition(
        "Exposure ratio against the baseline",
        "AR_g = ER_g of the forecaster / ER_g of the baseline",
        "the exposure ratio under the baseline's map",
        "the baseline, with the same share and ranking unit",
        "Above 1: the forecaster exposes the group more, against others, than the baseline does.",
    ),
    "bias_ratio": Definition(
        "Bias ratio",
        "largest R_g = sum p_it s_ig / sum y_it s_ig of a group / the smallest",
        "the smallest sum ratio of a group",
        "the group with the smallest",
        "Above 1: the forecaster is off by more where one group lives than where another does.",
    ),
    "over_prediction": Definition(
        "Over-prediction",
        "sum s_ig (p - y)+ / sum s_ig y",
        _EVENTS,
        NONE,
        "Events forecast and not recorded, for each event recorded.",
    ),
    "under_prediction": Definition(
        "Under-prediction",
        "sum s_ig (y - p)+ / sum s_ig y",
        _EVENTS,
        NONE,
        "Events recorded and not forecast, for each event recorded.",
    ),
    "d2": Definition(
        "Deviance saved",
        "D2_g = 1 - deviance of the forecaster / deviance of the baseline, weighted by n_ig",
        "the baseline's deviance where the group lives",
        "the baseline",
        "Above 0: the forecaster is closer than the baseline where the group lives.",
    ),
    "sum_ratio": Definition(
        "Sum ratio",
        "sum p / sum y; for a group R_g = sum p_it s_ig / sum y_it s_ig",
        "recorded events, for a group weighted by its share of residents",
        "recorded events",
        "Above 1: more events are expected than were recorded.",
    ),
    "population_share": Definition(
        "Population share", "m_g = N_g / N", "all residents", NONE, "Share of the residents.", EXACT
    ),
    "gini": Definition(
        "Concentration",
        "Gini coefficient of the flagged part of the periods over land",
        NONE,
        NONE,
        "0: all land is flagged alike; near 1: always the same.",
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
        "Share of the group that lives where land is flagged most of the time.",
    ),
    "permanent_ratio": Definition(
        "Permanently flagged, ratio",
        "permanently flagged share of the group / of the reference",
        "the same share of the reference",
        _REST,
        "Above 1: the group lives more where land is flagged most of the time.",
    ),
    "permanently_flagged": Definition(
        "Permanently flagged",
        "highest share of a group in cells flagged in more than half of the periods, over that of the others",
        "the same share of the reference",
        _REST,
        "Above 1: the group lives more where land is flagged most of the time.",
    ),
}

SHORT: Final = ("exposure", "exposure_ratio", "need_adjusted_ratio", "coverage", "coverage_ratio")


def defined(name: str) -> Definition:
    """Return what a number means."""
    words = name.replace("_", " ")
    other = Definition(words[:1].upper() + words[1:], "see docs/audit.md", "see there", "see there", "", "see there")
    return MEASURES.get(name) or CHECKS.get(name) or other
