from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ilp_models.audit.register.approval_rules import (
    active_entries,
    check_answers,
    check_declarations,
    check_key,
    check_objections,
    check_reviewer,
    named,
    withheld_before,
)
from ilp_models.audit.register.earlier import RegisterSnapshot
from ilp_models.audit.register.register import RegisterEntry, RegisterState
from ilp_models.audit.register.signatures import fingerprint
from ilp_models.domain.errors import WithheldError
from ilp_models.domain.finding import State
from tests.audit.audit_inputs import GOVERNANCE
from tests.domain.gate_example import NOW, WHOLE, decision, report

HERE = [0.0, 0.0, 1.0, 1.0]
KEY, OTHER = Ed25519PrivateKey.generate().public_key(), Ed25519PrivateKey.generate().public_key()


def decided(findings=WHOLE, **header):
    """Return a decision with more lines in the header of its audit."""
    made = report(findings)
    return decision(replace(made, header={**made.header, "extent": HERE, "governance": GOVERNANCE, **header}))


def entry(act, seal, hours=0, **content):
    return RegisterEntry(act, "rv", seal, NOW + timedelta(hours=hours), content)


def test_withheld_decisions_on_the_same_data_must_be_answered_with_a_signature():
    made = decided()
    lines = [entry("decided", "b" * 64, extent=HERE, failed=["sum_ratio"]), entry("decided", made.seal, extent=HERE)]
    assert [one.decision for one in withheld_before(lines, made)] == ["b" * 64]
    check_answers(lines, made, {"b" * 64})
    with pytest.raises(WithheldError, match=r"no signed approval answers them: bbbbbbbbbbbbbbbb of 2022-01-03"):
        check_answers(lines, made, set())
    with pytest.raises(WithheldError, match="no signed approval answers them"):
        check_answers(lines, made, {"b" * 64}, signed=False)
    check_answers(lines[1:], made, set(), signed=False)


def test_only_the_first_three_are_named():
    lines = [entry("decided", f"{at}" * 64, extent=HERE, failed=["x"]) for at in range(5)]
    assert named(withheld_before(lines, decided())).count(" of 2022-01-03") == 3


def test_an_approval_lists_the_open_objections_of_its_area():
    made = decided()
    lines = [
        entry("decided", made.seal, extent=HERE),
        entry("objected", made.seal, area="West", text="no", made_by="resident"),
    ]
    listed = entry("approved", made.seal, objections=[{"number": 2}])
    check_objections(lines, made, listed)
    with pytest.raises(WithheldError, match="does not list the open objections 2 of its area"):
        check_objections(lines, made, entry("approved", made.seal))


def test_a_declaration_that_the_audit_did_not_read_is_refused():
    begins = "2022-01-10T00:00:00+00:00"
    made = decided(register=RegisterSnapshot("r", "d", 1, begins=begins).to_dict())
    check_declarations([], made)
    with pytest.raises(WithheldError, match="The declarations in the register are not those that the audit"):
        check_declarations([entry("declared", "c" * 64, extent=HERE, changed=["a=1"])], made)
    check_declarations([entry("declared", "c" * 64, extent=HERE)], decided())  # an audit without a register


def test_the_key_is_the_reviewers_and_trusted():
    plain, own = decided(), decided(governance={**GOVERNANCE, "reviewer_key": fingerprint(KEY)})
    check_key(plain, "", [])
    check_key(own, fingerprint(KEY), [OTHER, KEY])
    for made, key, trusted, words in [
        (own, fingerprint(OTHER), [], "must be signed with the reviewer's key"),
        (own, "", [], "not with none"),
        (plain, fingerprint(KEY), [KEY], "does not say which key is the reviewer's"),
        (own, fingerprint(KEY), [OTHER], "is signed by none of the keys in trusted_keys"),
    ]:
        with pytest.raises(WithheldError, match=words):
            check_key(made, key, trusted)


def test_only_a_known_decision_that_stands_is_active():
    made = decided()
    known = (entry("decided", made.seal), entry("decided", "b" * 64, 1))
    last = known[-1].moment.astimezone(UTC).isoformat()
    state = RegisterState(2, last, last, "d", known)
    later = NOW + timedelta(hours=2)
    assert active_entries(state, made, later) == known[:1]
    with pytest.raises(WithheldError, match="before the last line of the register"):
        active_entries(state, made, NOW - timedelta(days=2))
    with pytest.raises(WithheldError, match="The register knows no decision"):
        active_entries(replace(state, lines=known[1:]), made, later)
    gone = (*known, entry("withdrawn", made.seal, 1, reason="an error"))
    with pytest.raises(WithheldError, match="withdrawn"):
        active_entries(replace(state, lines=gone), made, later)


@pytest.mark.parametrize(
    ("reviewer", "moment", "words"),
    [
        ("T. Rainer", NOW, "trained the model and cannot approve it"),
        ("S. Omeone", NOW, "The audit names R. Viewer as reviewer, not S. Omeone"),
        ("R. Viewer", NOW + timedelta(days=6), "The decision is valid from"),
        ("R. Viewer", datetime(2021, 1, 1, tzinfo=UTC), "The decision is valid from"),
    ],
)
def test_only_the_named_reviewer_approves_in_time(reviewer, moment, words):
    check_reviewer(decided(), "viewer, r.", NOW)
    with pytest.raises(WithheldError, match=words):
        check_reviewer(decided(), reviewer, moment)


def test_a_failure_cannot_be_approved():
    failed = decided((replace(WHOLE[0], state=State.FAIL, value=1.4, low=1.3, high=1.5), *WHOLE[1:]))
    with pytest.raises(WithheldError, match="This decision cannot be approved"):
        check_reviewer(failed, "R. Viewer", NOW)
