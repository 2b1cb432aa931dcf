from dataclasses import replace

import pandas as pd
import pytest

import ilp_models as ilp
from ilp_models.domain.errors import InputError
from tests.pipeline.trial_city import COUNTS, GRID, TERMS, design


def test_the_units_are_those_of_highest_past_counts(designed):
    past = pd.Series(COUNTS.sum(axis=0)[:, -52:].sum(axis=1), index=GRID.cells)
    assert set(past[list(designed.design.units)]) == set(past.nlargest(18))
    assert designed.chosen_from == "past counts, not an audited forecast"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"terms": replace(TERMS, goal=" ", ethics_review_by=None)}, "goal is empty, ethics_review_by is empty"),
        (
            {"terms": replace(TERMS, public_notice_date="2099-02-01")},
            "public_notice_date 2099-02-01 is after the first",
        ),
        ({"start": "2099-01-06"}, "not the first day of a week. The next one begins on 2099-01-12"),
        ({"start": "2020-01-06"}, "before the end of the records, 2020-04-19"),
        ({"start": "2020-05-04"}, "start=2020-05-04 is over"),
        ({"start": "soon"}, "start=soon is not a date"),
        ({"least_power": 0.8, "effect": 0.01}, r"chance of only \d+%, and least_power=0.8"),
        ({"least_power": 0.8, "effect": 0.01, "signed_by": "A. Chief", "signed_reason": " - "}, "least_power=0.8"),
        ({"effect": 20}, "effect=20 between 0 and 1"),
        ({"treated_units": ["x"]}, "would replace the draw of the scheme matched pairs"),
        ({"scheme": ilp.Observational(), "treated_units": ["x"]}, r"treated_units=\['x'\] must name some"),
        ({"outcomes": ["a"], "found_by_patrols": ["a"]}, r"\['a'\] cannot be outcomes and found_by_patrols"),
        ({"outcomes": ["c"]}, "no crime type 'c'"),
        ({"shifts": [18, 2]}, r"shifts=\[18, 2\]: 18 must be the first hour of a shift"),
        ({"scheme": ilp.Crossover(slot=3)}, "Give a multiple of 6 periods"),
    ],
)
def test_what_makes_no_trial_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        design(**changes)


def test_a_signature_is_kept_only_where_it_was_needed():
    signature = {"signed_by": "A. Chief", "signed_reason": "a pilot"}
    signed = design(least_power=0.8, effect=0.01, **signature).design
    assert signed.signed == {"who": "A. Chief", "reason": "a pilot"}
    assert design(**signature).design.signed == {}
