import json
import math
from dataclasses import FrozenInstanceError, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.domain.audit import Finding, State
from ilp_models.domain.checks import REQUIRED, required_keys
from ilp_models.domain.decision import Decision
from ilp_models.domain.disclaimers import CAVEAT
from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.domain.finding import Shortfall
from tests.builders import TYPES, forecast_on, square_grid
from tests.domain.gate_example import FORECAST, GROUPS, KEYS, NOW, WHOLE, decision, passed, report


def written(made):
    """Return a decision as it comes back from its file."""
    return json.loads(json.dumps(made.to_dict()))


def test_whole_evidence_admits_and_says_so():
    made = decision()
    assert made.admitted
    assert made.reasons == (f"All {len(REQUIRED)} required checks passed for every crime type and group.",)
    assert made.require_permission(FORECAST, NOW) is None


def test_admission_cannot_be_set_by_hand():
    with pytest.raises(FrozenInstanceError):
        decision().admitted = True
    with pytest.raises(TypeError, match="admitted"):
        decision(admitted=True)


@pytest.mark.parametrize("key", KEYS, ids=" ".join)
def test_each_demanded_finding_is_needed(key):
    rest = tuple(finding for finding in WHOLE if finding.key != key)
    made = decision(report(rest))
    assert not made.admitted
    assert any(one.check == key[0] and one.missing and "missing" in one.as_text() for one in made.obstacles)


@pytest.mark.parametrize(
    "spoil",
    [
        {"state": State.FAIL},
        {"state": State.REVIEW},
        {"state": State.INSUFFICIENT},
        {"value": math.nan},
        {"low": math.nan},
        {"high": math.inf},
        {"value": 1.3, "low": 1.2, "high": 1.4},
        {"limit": None},
    ],
    ids=str,
)
def test_each_weakness_withholds(spoil):
    for at in range(len(WHOLE)):
        findings = (*WHOLE[:at], replace(WHOLE[at], **spoil), *WHOLE[at + 1 :])
        assert not decision(report(findings)).admitted


CHANGES = st.sampled_from(
    [
        None,
        {"value": math.nan},
        {"low": math.nan},
        {"evidence": 0.0, "state": State.INSUFFICIENT},
        {"state": State.FAIL},
    ]
)


@settings(max_examples=60)
@given(
    st.lists(CHANGES, min_size=len(KEYS), max_size=len(KEYS)),
    st.sets(st.integers(0, len(KEYS) - 1)),
    st.sets(st.sampled_from(GROUPS)),
    st.sets(st.sampled_from(TYPES)),
)
def test_taking_evidence_away_never_admits(changes, dropped, groups, types):
    before = [replace(one, **change) if change else one for one, change in zip(WHOLE, changes, strict=True)]
    whole = decision(report(tuple(before)))
    after = tuple(finding for at, finding in enumerate(before) if at not in dropped)
    less = decision(report(after, crime_types=tuple(kind for kind in TYPES if kind not in types)))
    if not whole.admitted or dropped or types:
        assert not less.admitted
    if not whole.admitted and not groups:
        assert not decision(report(after)).admitted


def test_no_groups_at_all_withholds_even_with_a_group_table_finding():
    findings = tuple(passed(key) for keys in required_keys(TYPES, ()).values() for key in keys)
    made = decision(report(findings, groups=()))
    assert not made.admitted
    assert "audit.groups.path" in made.reasons[0]


def test_a_passing_stand_in_does_not_answer_for_every_group():
    rest = tuple(finding for finding in WHOLE if finding.check != "need_adjusted_ratio")
    made = decision(report((*rest, passed(("need_adjusted_ratio", "", "", "")))))
    assert not made.admitted


def test_a_crashed_check_gives_its_error_as_the_reason():
    rest = tuple(finding for finding in WHOLE if finding.check != "sum_ratio")
    crashed = Finding(
        "sum_ratio", State.INSUFFICIENT, shortfall=(Shortfall("the check stopped with ZeroDivisionError: no week"),)
    )
    (reason,) = decision(report((*rest, crashed))).reasons
    assert "no week" in reason


def test_an_audit_of_another_model_or_type_withholds():
    assert not decision(recipe="other").admitted
    assert not decision(forecaster="lightgbm").admitted
    assert not decision(crime_types=(*TYPES, "Arson")).admitted
    assert not decision(crime_types=()).admitted


def test_only_that_very_forecast_is_permitted_and_only_in_time():
    made = decision()
    other = forecast_on(square_grid(), seed=1)
    for forecast, now, words in [
        (other, NOW, "not this one"),
        (FORECAST.named("ewma", "other"), NOW, "not this one"),
        (FORECAST, NOW + timedelta(days=6), "valid from"),
        (FORECAST, NOW - timedelta(seconds=1), "valid from"),
    ]:
        with pytest.raises(WithheldError, match=words) as caught:
            made.require_permission(forecast, now)
        assert "\n" not in str(caught.value)
    with pytest.raises(WithheldError, match="withheld"):
        decision(report(WHOLE[1:])).require_permission(FORECAST, NOW)


def test_a_decision_comes_back_from_its_file():
    plain = written(decision())
    first = ["admitted", "reasons", "obstacles", "remedies", "findings", "recipe", "issued", "valid_until"]
    assert list(plain)[: len(first)] == first
    assert plain["audit"]["caveat"] == CAVEAT
    assert Decision.from_dict(plain) == decision()
    withheld = decision(report((replace(WHOLE[0], value=math.nan), *WHOLE[1:])))
    assert not Decision.from_dict(written(withheld)).admitted


def _set(plain, value, *path):
    for step in path[:-1]:
        plain = plain[step]
    plain[path[-1]] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("admitted",), True),
        (("admitted",), 1),
        (("findings", 0, "state"), "pass"),
        (("findings", 0, "value"), 1.0),
        (("findings", 0, "limit", "fail_above"), 9.0),
        (("findings",), []),
        (("valid_until",), "2036-01-05T08:00:00+00:00"),
        (("valid_until",), "next week"),
        (("issued",), "2026-01-05T08:00:00"),
        (("forecast",), "0" * 64),
        (("crime_types",), ["Assault"]),
        (("audit", "groups"), [["income", "low"]]),
        (("reasons",), []),
        (("seal",), ""),
        (("audit",), None),
    ],
    ids=str,
)
def test_an_edited_file_is_refused(path, value):
    plain = written(decision(report((replace(WHOLE[0], state=State.FAIL, value=1.4, low=1.3, high=1.5), *WHOLE[1:]))))
    _set(plain, value, *path)
    with pytest.raises(WithheldError, match="run the audit again"):
        Decision.from_dict(plain)


def test_a_file_with_a_part_taken_out_is_refused():
    for name in written(decision()):
        plain = written(decision())
        del plain[name]
        with pytest.raises(WithheldError, match="run the audit again"):
            Decision.from_dict(plain)


def test_a_resealed_claim_is_still_worked_out_from_the_findings():
    plain = written(decision(report(WHOLE[1:])))
    honest = Decision.from_dict(plain)
    plain["admitted"] = True
    with pytest.raises(WithheldError, match="does not follow from its findings"):
        Decision.from_dict(plain)
    assert not honest.admitted


def test_times_without_a_zone_are_refused():
    with pytest.raises(InputError, match="zone"):
        decision(issued=datetime(2026, 1, 5))  # noqa: DTZ001 - what is refused


def test_many_bad_findings_of_one_check_make_one_reason_with_the_worst_first():
    bad = {0: State.REVIEW, 1: State.FAIL}
    sums = [finding for finding in WHOLE if finding.check == "sum_ratio"]
    changed = [replace(one, state=bad.get(at, one.state), detail=f"Type {at}.") for at, one in enumerate(sums)]
    rest = [finding for finding in WHOLE if finding.check != "sum_ratio"]
    (reason,) = decision(report((*rest, *changed))).reasons
    assert reason == (
        "Expected to recorded ratio fails for Break and Enter; Assault: 2 of 3 findings do not pass (1 fail, "
        "1 review). Worst: Break and Enter, 1 (interval 0.9 to 1.1; acceptable: 0.95 to 1.05). Type 1. Above 1: more "
        "events are expected than were recorded."
    )


def test_findings_with_other_fields_are_refused_in_one_line():
    plain = written(decision())
    plain["findings"] = [
        {"check": one["check"], "title": "a ratio", "state": "pass", "reason": "it is 1", "estimate": 1.0}
        for one in plain["findings"]
    ]
    with pytest.raises(WithheldError, match=r"A stored finding cannot be read.*; run the audit again") as caught:
        Decision.from_dict(plain)
    assert "\n" not in str(caught.value)
