"""Threat assessments without a forecast behind them."""

import pandas as pd

from ilp_models.strategy.rank_draws import RankDraws
from ilp_models.strategy.threats.assessment import ThreatAssessment
from ilp_models.strategy.threats.confidence import Confidence
from ilp_models.strategy.threats.threat_ranking import rank_by_harm
from tests.strategy.threat_inputs import THREATS, counts_of, unknown, weights_of


def assessed(expected=(1000.0, 500.0, 10.0), recorded=None, judgements=None, weights=None, **facts):
    """Return an assessment of three threats under one harm set, in which every crime weighs the same."""
    counts = counts_of(expected)
    known = judgements or unknown()
    about = {"city": "Here", "separation": 0.9, "judgements": "own", "known_judgements": known.known, "draws": 1000}
    about |= {"seed": 0, "made": "2026-01-05", "records": ["2020-01-01", "2026-01-01"], "data": "abc"} | facts
    table = pd.DataFrame({"threat": THREATS, "recorded": recorded or expected, "expected": expected})
    table = table.assign(low=table["expected"] * 0.9, high=table["expected"] * 1.1)
    sets = weights or [weights_of([1, 1, 1])]
    draws = RankDraws(1000, about["separation"], about["seed"])
    return ThreatAssessment(
        table=table,
        areas=pd.DataFrame(),
        area_ranks=pd.DataFrame(),
        rankings=tuple(rank_by_harm(counts, one, known, draws) for one in sets),
        judgements=known,
        confidences=(Confidence("high", (), ()),) * len(THREATS),
        gaps=(),
        left_out={},
        facts=about,
        indicators=pd.DataFrame(),
        counts=counts,
    )
