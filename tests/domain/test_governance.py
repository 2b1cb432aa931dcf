from datetime import UTC, datetime

import pytest

from ilp_models.domain.errors import InputError
from ilp_models.domain.governance import Governance
from tests.audit.audit_inputs import GOVERNANCE, NOW

SETTLED = Governance(**GOVERNANCE)
TEXTS = ("goal", "success_criterion", "harm_to_watch", "decided_by")


def changed(**fields):
    return Governance(**(GOVERNANCE | fields))


def test_a_settled_goal_has_no_fault():
    assert SETTLED.goal_faults() == ()
    assert SETTLED.faults(NOW) == ()


@pytest.mark.parametrize("nothing", [None, "", "  \n", " - ", "?", "\u3164"])
@pytest.mark.parametrize("field", TEXTS)
def test_a_blank_text_of_the_goal_counts_as_empty(field, nothing):
    assert changed(**{field: nothing}).goal_faults() == (f"{field} is empty",)


@pytest.mark.parametrize(
    ("field", "nothing"), [("outcomes", []), ("outcomes", None), ("use_until", None), ("use_until", "")]
)
def test_no_outcome_and_no_end_count_as_empty(field, nothing):
    empty = changed(**{field: nothing})
    assert empty.goal_faults() == (f"{field} is empty",)
    assert empty.faults(NOW) == ()


@pytest.mark.parametrize("other", [0, 5, True, float("nan"), ["fewer"], {"a": 1}, b"fewer"])
@pytest.mark.parametrize("field", TEXTS)
def test_a_goal_that_is_no_text_is_refused(field, other):
    with pytest.raises(InputError, match=rf"audit\.governance\.{field}=.* is not a text"):
        changed(**{field: other})


@pytest.mark.parametrize("other", ["burglary", [""], ["Assault", " "], [None], [1], {"Assault": 1}, 3])
def test_outcomes_that_are_no_list_of_names_are_refused(other):
    with pytest.raises(InputError, match=r"audit\.governance\.outcomes=.* must be a list of crime types"):
        changed(outcomes=other)


def test_an_outcome_that_is_not_forecast_is_named():
    SETTLED.check_outcomes(("Robbery", "Assault"))
    with pytest.raises(InputError, match=r"outcomes names 'Asault', which is not .* from Assault, Robbery"):
        changed(outcomes=["Assault", "Asault"]).check_outcomes(("Assault", "Robbery"))


@pytest.mark.parametrize("day", ["26 weeks", "soon", 26, True, "2027-02-30", " ", ["2027-01-01"]])
def test_an_end_of_use_that_is_no_date_is_refused(day):
    with pytest.raises(InputError, match=r"audit\.governance\.use_until="):
        changed(use_until=day)


def test_use_stops_on_its_last_day():
    assert changed(use_until="2026-01-07").ends == datetime(2026, 1, 7, tzinfo=UTC)
    assert changed(use_until="2026-01-05").faults(NOW) == ("use_until 2026-01-05 is past",)


def test_stored_fields_are_read_as_strictly_as_they_are_written():
    stored = SETTLED.to_dict()
    assert stored["outcomes"] == ["Assault"]
    assert Governance.from_dict(stored).to_dict() == stored
    for wrong in ({"goal": 1}, {"outcomes": "Assault"}, {"use_until": "later"}):
        with pytest.raises(InputError):
            Governance.from_dict(stored | wrong)
    before = {name: value for name, value in stored.items() if name not in (*TEXTS, "outcomes", "use_until")}
    assert len(Governance.from_dict(before).goal_faults()) == 6
