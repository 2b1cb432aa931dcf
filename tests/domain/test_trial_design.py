import json
from dataclasses import replace
from datetime import date

import pytest

from ilp_models.domain.errors import InputError
from ilp_models.domain.governance import Governance
from ilp_models.domain.trial_design import TrialDesign, TrialTerms

TERMS = TrialTerms(
    goal="fewer burglaries",
    success_criterion="10 % fewer, interval below 0",
    harm_to_watch="complaints, by month",
    decided_by="the deputy chief, by July",
    dose="two patrols of 15 minutes a day",
    ethics_review_by="University ethics board",
    ethics_review_date="2026-01-10",
    ethics_review_reference="2026-17",
    public_notice_date="2026-01-20",
    public_notice_reference="city council, item 4",
)
DESIGN = TrialDesign(
    terms=TERMS,
    scheme="matched pairs",
    scheme_settings={"block_size": 2, "share": 0.5},
    unit_kind="cells",
    units=("a", "b"),
    cells=(("a",), ("b",)),
    zones=(("c",), ()),
    blocks=(0, 0),
    assignment=("11", "00"),
    start="2026-02-02",
    periods=2,
    periods_before=52,
    period_unit="week",
    week_start="monday",
    time_zone="UTC",
    outcomes=("burglary",),
    found_by_patrols=(),
    seed=3,
    promise={"effect": 0.2, "power": 0.81},
    evidence={"events": "ab"},
)


def test_a_stored_design_is_the_same():
    again = TrialDesign.from_json(DESIGN.to_json())
    assert again == DESIGN
    assert again.digest() == DESIGN.digest()
    assert again.treated.tolist() == [[True, True], [False, False]]


def test_a_changed_assignment_has_another_digest():
    assert replace(DESIGN, assignment=("00", "11")).digest() != DESIGN.digest()


def test_empty_terms_are_those_of_governance():
    stated = Governance(
        goal="fewer thefts", success_criterion="5 % fewer", harm_to_watch="stops", decided_by="the chief"
    )
    own = replace(TERMS, goal=None, harm_to_watch=" - ").with_defaults(stated)
    assert own == replace(TERMS, goal="fewer thefts", harm_to_watch="stops")
    assert TrialTerms().with_defaults(Governance()).faults(date(2026, 2, 2))[0] == "goal is empty"


def test_complete_terms_have_no_fault():
    assert TERMS.faults(date(2026, 2, 2)) == ()


@pytest.mark.parametrize("name", list(vars(TERMS)))
def test_an_empty_field_is_a_fault(name):
    assert replace(TERMS, **{name: " "} if not name.endswith("date") else {name: None}).faults(date(2026, 2, 2)) == (
        f"{name} is empty",
    )


def test_a_review_after_the_first_day_is_a_fault():
    assert "public_notice_date 2026-01-20 is after the first day" in TERMS.faults(date(2026, 1, 15))[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"assignment": ("11", "0")}, "one word of 2 signs"),
        ({"assignment": ("12", "00")}, "one word of 2 signs"),
        ({"units": ("a", "a")}, "different names"),
        ({"blocks": (0,)}, "different names"),
        ({"cells": (("a",), ("a",))}, "belongs to two units"),
        ({"zones": (("b",), ())}, "in a unit and in the zone"),
        *(
            ({"shifts": (shift,) * 2}, r"shifts=.* from 0 \(midnight\) to 23")
            for shift in ((18,), (18, 24), (3, 3), (1.5, 2), (True, 2), (1, 2, 3), 18)
        ),
        ({"shifts": ((22, 6), (5, 12))}, "the hour from 5:00 is in two of them"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change, said):
    with pytest.raises(InputError, match=said):
        replace(DESIGN, **change)


@pytest.mark.parametrize("text", ["", "[]", "{}", "{" * 5000, DESIGN.to_json().replace('"format": 1', '"format": 2')])
def test_what_is_no_design_is_refused(text):
    with pytest.raises(InputError, match="trial design"):
        TrialDesign.from_json(text)


def test_an_unknown_date_is_refused():
    with pytest.raises(InputError, match="not a date"):
        TrialTerms(public_notice_date="soon")
    plain = json.loads(DESIGN.to_json())
    plain["terms"]["public_notice_date"] = "soon"
    with pytest.raises(InputError, match="not a date"):
        TrialDesign.from_json(json.dumps(plain))
