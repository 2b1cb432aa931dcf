"""A city of 36 cells with two years of counts, and the design of a trial in it."""

import numpy as np

import ilp_models as ilp
from tests.builders import city, events_of

WORDS = ("goal", "success_criterion", "harm_to_watch", "decided_by", "dose", "ethics_review_by")
REFERENCES = ("ethics_review_reference", "public_notice_reference")
DAYS = {"ethics_review_date": "2026-01-05", "public_notice_date": "2026-01-12"}
TERMS = ilp.TrialTerms(**DAYS, **dict.fromkeys((*WORDS, *REFERENCES), "as agreed"))
ROWS, COLUMNS, WEEKS = 6, 6, 120
GRID = city(ROWS, COLUMNS)
COUNTS = np.random.default_rng(3).poisson(2.0, (2, ROWS * COLUMNS, WEEKS))
EVENTS = events_of(COUNTS, GRID)
AFTER = "2099-01-05"  # a Monday


class OwnGrid:
    """A grid class that always gives the same cells."""

    def build(self, _):
        return GRID


def design(events=EVENTS, **changes):
    """Return the design of a trial in pairs, with some of its settings changed."""
    settings = {
        "terms": TERMS,
        "start": AFTER,
        "periods": 20,
        "effect": 0.4,
        "units": ilp.TrialUnits(count=18, buffer_m=0),
        "power": ilp.PowerSimulation(trials=40),
        "least_power": 0.0,
    }
    return ilp.design_trial(events, OwnGrid(), **(settings | changes))
