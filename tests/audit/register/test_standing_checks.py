"""Attacks on standing approvals: lines that are copied, forged, out of order or of the wrong type permit nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from ilp_models.audit.monitoring.cusum import Monitoring
from ilp_models.audit.register.approval_lines import signed_bytes
from ilp_models.audit.register.approvals import approve, decision_in_state, registered_decision, withdraw
from ilp_models.audit.register.objections import record_objection
from ilp_models.audit.register.register import RegisterEntry
from ilp_models.audit.register.signatures import ReviewerSignature, fingerprint, sign
from ilp_models.audit.register.standing import StandingTerms
from ilp_models.audit.register.standing_checks import StandingOutlook
from ilp_models.domain.errors import InputError, WithheldError
from tests.audit import audit_inputs as inputs
from tests.audit.register.test_standing import (
    FILES,
    NOW,
    WEEK,
    add_line,
    covered,
    decided,
    first,
    moment_of,
    monitored,
    refused,
    register,
    signing,
)

pytestmark = pytest.mark.slow

__all__ = ["first", "register"]  # fixtures
OBJECTION = {"area": "West", "text": "too many patrols", "made_by": "resident"}


def repeat(register, number, at, **changed):
    """Append a line of the register again, at another time."""
    line = register.verify().lines[number - 1]
    register.append(replace(line, moment=moment_of(at), content={**line.content, **changed}))
    return register.verify().entries


@pytest.mark.parametrize("spelling", [(), ("public_key",), ("signature",)])
def test_a_copy_of_the_signed_line_does_not_revive_it(register, first, spelling):
    record_objection(register, first.seal, OBJECTION, "analyst", moment_of(0))
    signed = register.verify().lines[1].content
    # the decoder of signatures ignores what is not a digit
    changed = {name: f"{signed[name][:9]}*{signed[name][9:]}" for name in spelling}
    copy = repeat(register, 2, 0, **changed)
    made = decided(register, 1)
    monitored(register, first, 1)
    with pytest.raises(WithheldError, match="with an objection"):
        covered(register, made, 1)
    add_line(register, made, 1, under=copy)
    with pytest.raises(WithheldError, match="is not valid"):
        registered_decision(register, made, moment_of(1))


def test_it_covers_no_decision_that_was_made_before_it(register, tmp_path):
    home, week = decided(register, 0), decided(register, 1)
    approve(register, home, signing(tmp_path, now=moment_of(1)), FILES, standing_weeks=4)
    monitored(register, home, 1)
    with pytest.raises(WithheldError, match="was made before it"):
        covered(register, week, 1)
    add_line(register, week, 1, under=3)
    with pytest.raises(WithheldError, match="was made before it"):
        registered_decision(register, week, moment_of(1))


def test_the_latest_one_counts_and_an_older_one_cannot_be_chosen(register, first, tmp_path):
    second = decided(register, 1)
    monitored(register, first, 1)
    covered(register, second, 1)
    approve(register, second, signing(tmp_path, 1), FILES, standing_weeks=1)
    third = decided(register, 2)
    monitored(register, first, 2)
    with pytest.raises(WithheldError, match="it ended on 2026-01-19"):
        covered(register, third, 2)
    add_line(register, third, 2)
    with pytest.raises(WithheldError, match="is not valid"):
        registered_decision(register, third, moment_of(2))


def test_a_line_by_somebody_else_hides_no_standing_approval(register, first):
    forged = {**register.verify().lines[1].content, "signature": "", "key": "", "public_key": ""}
    register.append(RegisterEntry("approved", "x", first.seal, moment_of(0), forged))
    made = decided(register, 1)
    monitored(register, first, 1)
    assert covered(register, made, 1).under == 2


def test_a_key_that_is_not_the_reviewers_hides_no_standing_approval(register, tmp_path):
    own = signing(tmp_path)
    named = {"reviewer_key": fingerprint(read_key(own.key).public_key())}
    home = decided(register, 0, governance=named)
    approve(register, home, own, FILES, standing_weeks=4)
    other = tmp_path / "other.key"
    private = Ed25519PrivateKey.generate()
    other.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    add_signed(register, home, replace(own, key=other), until=moment_of(0) + 2 * WEEK)
    week = decided(register, 1, governance=named)
    monitored(register, home, 1)
    assert covered(register, week, 1).under == 2


def read_key(path):
    return load_pem_private_key(path.read_bytes(), password=None)


def add_signed(register, home, signature, **changed):
    """Append a signed standing approval with other terms than the command writes."""
    plain = StandingTerms.from_decision(home, 4, signature.now).to_dict()
    plain |= {name: one.isoformat() if name == "until" else one for name, one in changed.items()}
    base = {
        "reviewer": signature.reviewer,
        "reason": "agreed",
        "reviews": list(home.reviews),
        "changed": list(home.report.changed),
        "answers": [],
        "files": FILES,
        "standing": plain,
    }
    content = base | sign(signed_bytes(home.seal, base), signature.key)
    register.append(RegisterEntry("approved", "x", home.seal, signature.now, content))
    return register.verify().entries


def test_it_lasts_at_most_eight_weeks_also_where_the_line_says_more(register, tmp_path):
    home = decided(register, 0)
    number = add_signed(register, home, signing(tmp_path), until=NOW + 52 * WEEK)
    week = decided(register, 1)
    monitored(register, home, 1)
    with pytest.raises(WithheldError, match="lasts at most 8 weeks"):
        covered(register, week, 1)
    add_line(register, week, 1, under=number)
    with pytest.raises(WithheldError, match="lasts at most 8 weeks"):
        registered_decision(register, week, moment_of(1))


def test_the_reviewer_is_the_one_who_signed(register, first):
    """Somebody adds a line under another name, for a decision that names another reviewer."""
    second = decided(register, 1, governance={"reviewer": "S. Econd"})
    monitored(register, first, 1)
    add_line(register, second, 1)
    line = register.verify().lines[-1]
    register.append(replace(line, content={**line.content, "reviewer": "S. Econd"}))
    with pytest.raises(WithheldError, match=r"names S\. Econd as reviewer"):
        registered_decision(register, second, moment_of(1))


def test_the_reason_is_that_of_the_reviewer(register, first):
    made = decided(register, 1)
    monitored(register, first, 1)
    add_line(register, made, 1)
    line = register.verify().lines[-1]
    register.append(replace(line, content={**line.content, "reason": "anything goes"}))
    assert registered_decision(register, made, moment_of(1)).approval.reason == (
        "under the standing approval in line 2: agreed"
    )


@pytest.mark.parametrize("hidden", ["objection", "failure", "monitoring", "withdrawal"])
def test_a_second_line_on_a_decision_hides_nothing(register, tmp_path, hidden):
    """Somebody writes that a decision was on another place and by another method."""
    home = decided(register, 0, plain=True)
    approve(register, home, signing(tmp_path), FILES, standing_weeks=4)
    lacking = {"table": inputs.group_table().iloc[:0]} if hidden == "failure" else {}
    bad = decided(register, 1, plain=True, **lacking)
    if hidden == "objection":
        record_objection(register, bad.seal, OBJECTION, "analyst", moment_of(1))
    if hidden == "withdrawal":
        withdraw(register, bad.seal, "revised", "analyst", moment_of(1))
    if hidden == "monitoring":
        monitored(register, bad, 1, quiet=False)
    number = next(n for n, one in enumerate(register.verify().lines, 1) if one.decision == bad.seal)
    repeat(register, number, 1, extent=[50, 50, 51, 51], method_digest="7" * 64, failed=[], reviewed=[], admitted=True)
    made = decided(register, 2, plain=True)
    monitored(register, home, 2)
    refused(register, made, 2, "it ended on")


def test_monitoring_with_other_settings_than_were_signed_does_not_count(register, first):
    """Somebody monitors with limits that nothing can exceed."""
    lenient = Monitoring(limit=1e9).settings
    made = decided(register, 1)
    monitored(register, first, 1, settings=lenient)
    refused(register, made, 1, "with other settings than the reviewer signed")


def test_a_breach_counts_whatever_the_settings(register, first):
    made = decided(register, 1)
    monitored(register, first, 1, settings=Monitoring(limit=1.0).settings, quiet=False)
    monitored(register, first, 1)
    refused(register, made, 1, "monitoring was not quiet")


def test_the_reviewer_may_sign_other_settings_of_monitoring(register, tmp_path):
    home, own = decided(register, 0), Monitoring(least_periods=20)
    approve(register, home, signing(tmp_path), FILES, 4, own)
    terms = StandingTerms.from_dict(register.verify().lines[1].content["standing"])
    assert "monitoring is quiet with least_periods=20" in terms.lines()
    made = decided(register, 1)
    monitored(register, home, 1, settings=own.settings)
    assert covered(register, made, 1).under == 2


def test_records_that_nobody_monitored_are_refused_also_without_a_new_period(register, first):
    """The records of the signed week are edited: there is no new period to monitor."""
    same = decided(register, 0, data="records 0, edited", later=timedelta(hours=1))
    refused(register, same, 0, "monitoring has not seen its records")


def test_the_records_that_were_signed_need_no_monitoring(register, first):
    again = decided(register, 0, later=timedelta(hours=1))
    assert covered(register, again, 0).under == 2


@pytest.mark.parametrize("weeks", [True, 2.5, "3", "x", 1e9, float("nan"), float("inf"), -1, 9, [3], None])
def test_weeks_of_another_type_are_refused(register, tmp_path, weeks):
    made = decided(register, 0)
    if weeks is None:
        with pytest.raises(InputError, match="lasts 1 to 8 weeks"):
            StandingTerms.from_decision(made, weeks, NOW)
        return
    with pytest.raises(InputError, match="lasts 1 to 8 weeks"):
        approve(register, made, signing(tmp_path), FILES, standing_weeks=weeks)
    assert register.verify().entries == 1


def test_terms_that_do_not_cover_the_signed_decision_are_not_signed(register, tmp_path):
    made = decided(register, 0)
    line = register.verify().lines[0]
    register.path.unlink()
    register.append(replace(line, content={**line.content, "rules_tried": ["trees"]}))
    with pytest.raises(WithheldError, match="would not cover this decision itself: it compared other rules"):
        approve(register, made, signing(tmp_path), FILES, standing_weeks=4)


JUNK = (None, 5, 1e300, "x", [], [[]], [None], {"x": "y"})


def test_lines_of_the_wrong_type_give_a_reason_and_no_permission(register, first):
    """Every value of every line that a standing approval rests on is replaced in turn."""
    made = decided(register, 1)
    monitored(register, first, 1)
    covered(register, made, 1)
    state = register.verify()
    lines = state.lines
    permitted, broken = [], []
    for at, line in enumerate(lines):
        for path in leaves(line.content):
            for junk in JUNK:
                broken_line = replace(line, content=replaced(line.content, path, junk))
                if broken_line == line:
                    continue
                changed = replace(state, lines=(*lines[:at], broken_line, *lines[at + 1 :]))
                try:
                    known = decision_in_state(changed, made, moment_of(1))
                    known.require_permission(inputs.forecast(), moment_of(1))
                    permitted.append((at, path, junk))
                except WithheldError:
                    pass
                except Exception as error:
                    broken.append((at, path, junk, repr(error)))
    assert not broken, broken
    # the line of the signature permits nothing with any other value; the others have values that decide nothing
    assert not [one for one in permitted if one[0] == 1], permitted


def leaves(content):
    """Yield the path of every value of a line, and of the terms in it."""
    yield from ((name,) for name in content)
    yield from (("standing", name) for name in content.get("standing", {}))


def replaced(content, path, value):
    name, *rest = path
    return {**content, name: replaced(content[name], rest, value) if rest else value}


def test_a_week_that_passed_works_with_trusted_keys(register, tmp_path):
    own = signing(tmp_path)
    public = read_key(own.key).public_key()
    named = {"reviewer_key": fingerprint(public)}
    home = decided(register, 0, governance=named, plain=True)
    assert home.admitted
    approve(register, home, own, FILES, standing_weeks=4)
    week = decided(register, 1, governance=named, plain=True)
    assert week.admitted
    with pytest.raises(WithheldError, match="trusted_keys is set"):
        registered_decision(register, week, moment_of(1), [public])
    monitored(register, home, 1)
    assert covered(register, week, 1).key == named["reviewer_key"]
    known = registered_decision(register, week, moment_of(1), [public])
    known.require_permission(inputs.forecast(), moment_of(1))
    other = Ed25519PrivateKey.generate().public_key()
    with pytest.raises(WithheldError, match="signed by none of the keys"):
        registered_decision(register, week, moment_of(1), [other])


def test_an_own_approval_stands_after_the_end(register, first, tmp_path):
    made = decided(register, 1)
    monitored(register, first, 1)
    covered(register, made, 1)
    record_objection(register, first.seal, OBJECTION, "analyst", moment_of(1))
    unsigned = ReviewerSignature("R. Viewer", "agreed", "x", moment_of(1))
    with pytest.raises(WithheldError, match="be signed"):
        approve(register, made, unsigned, FILES)
    approve(register, made, signing(tmp_path, 1), FILES)
    known = registered_decision(register, made, moment_of(1) + timedelta(minutes=1))
    assert (known.approved, known.approval.under) == (True, 0)


def test_the_outlook_says_whether_monitoring_is_all_that_is_missing(register, first):
    made = decided(register, 1)
    lines = register.verify().lines
    assert StandingOutlook.from_lines(lines, made, moment_of(1)) == StandingOutlook(2, first.seal, "")
    assert "it ended on 2026-02-02" in StandingOutlook.from_lines(lines, made, moment_of(4)).fault
    other = decided(register, 1, method_digest="6" * 64, later=timedelta(minutes=1))
    lines = register.verify().lines
    assert StandingOutlook.from_lines(lines, other, moment_of(1)) is None
    assert "with decision" in StandingOutlook.from_lines(lines, made, moment_of(1)).fault
