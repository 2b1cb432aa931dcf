"""Standing approvals: they cover the weeks that a reviewer signed for, and every way in which they end."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ilp_models.audit.gate import decide
from ilp_models.audit.monitoring.cusum import Monitoring
from ilp_models.audit.register.approvals import (
    approve,
    approve_under_standing,
    record_decision,
    registered_decision,
    withdraw,
)
from ilp_models.audit.register.earlier import RegisterSnapshot, data_terms, earlier_decisions
from ilp_models.audit.register.objections import close_objection, record_objection
from ilp_models.audit.register.register import Register, RegisterEntry
from ilp_models.audit.register.signatures import ReviewerSignature, fingerprint
from ilp_models.audit.register.standing import StandingTerms
from ilp_models.domain.errors import InputError, WithheldError
from tests.audit import audit_inputs as inputs

pytestmark = pytest.mark.slow

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
WEEK = timedelta(weeks=1)
FILES = {"forecast.parquet": "a" * 64}
TIMING = replace(inputs.TIMING, simulated=True)  # so that any day is in time
METHOD = "5" * 64


def audited(register, number, *, factor=1.0, table=None, warned=(), governance=None, plain=False, **more):
    """Return the decision of a week, a few hours after the one before; factor changes the level of the forecast."""
    replays = [shifted(one, number) for one in inputs.city()]
    replays[0] = replace(replays[0], expected=replays[0].expected * factor)
    state = register.verify()
    terms = data_terms(replays[0], inputs.grid())
    snapshot = RegisterSnapshot(
        str(register.path), state.digest, state.entries, earlier_decisions(state.lines, terms), more.pop("absent", 0)
    )
    more_time = more.pop("later", 0 * WEEK)
    facts = {"method_digest": METHOD, "intake_shares": {"flagged: duplicates": 0.01}, "data": f"records {number}"}
    subject = inputs.audit_input(
        *replays, inputs.grid(), inputs.explanation(), register=snapshot, timing=TIMING, **(facts | more)
    )
    limits = {name: dict(bounds) for name, bounds in inputs.audit().limits.items()}
    for check in () if plain else ("sum_ratio", *warned):
        limits[check] = {"fail_below": 0.5, "warn_below": 1.5, "warn_above": 2.0}  # asks for a review
    named = {} if governance is None else {"governance": replace(inputs.audit().governance, **governance)}
    spec = inputs.audit(inputs.group_table() if table is None else table, limits=limits, **named)
    moment = NOW + number * WEEK + more_time
    return decide(spec.run(subject, moment), inputs.forecast(), moment)


def shifted(replay, weeks):
    """Return a replay whose periods begin some weeks later."""
    later = replay.periods + weeks
    cubes = {name: getattr(replay, name).assign_coords(period=later) for name in ("expected", "observed", "quantiles")}
    return replace(replay, **cubes, dispersion=replay.dispersion.assign_coords(period=later))


def decided(register, number, **more):
    made = audited(register, number, **more)
    record_decision(register, made, "t.rainer")
    return made


def moment_of(number):
    return NOW + number * WEEK + timedelta(hours=1)


def signing(tmp_path, number=0, **changed):
    key = tmp_path / "reviewer.key"
    if not key.exists():
        private = Ed25519PrivateKey.generate()
        key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    given = {"reviewer": "R. Viewer", "reason": "agreed", "who": "rv", "now": moment_of(number), "key": key}
    return ReviewerSignature(**given | changed)


def monitored(register, decision, number, *, quiet=True, records=None, settings=None):
    last = shifted(inputs.city()[0], number).periods[-1].start_time.isoformat()
    content = {"quiet": quiet, "last_period": last, "data": records or f"records {number}"}
    content["settings"] = Monitoring().settings if settings is None else settings
    register.append(RegisterEntry("monitored", "analyst", decision.seal, moment_of(number), content))


def covered(register, decision, number):
    """Approve a week under the standing approval, and return what the register then permits."""
    approve_under_standing(register, decision, FILES, "analyst", moment_of(number))
    known = registered_decision(register, decision, moment_of(number))
    known.require_permission(inputs.forecast(), moment_of(number))
    return known.approval


@pytest.fixture
def register(tmp_path):
    return Register(tmp_path / "register.jsonl")


@pytest.fixture
def first(register, tmp_path):
    """Return the decision of the first week, with a standing approval for four weeks."""
    made = decided(register, 0)
    assert set(made.reviews) == {"sum_ratio", "changed_settings"}
    approve(register, made, signing(tmp_path), FILES, standing_weeks=4)
    return made


def test_the_first_week_is_approved_as_any_other(register, first):
    known = registered_decision(register, first, moment_of(0))
    known.require_permission(inputs.forecast(), moment_of(0))
    assert known.approval.under == 0
    terms = StandingTerms.from_dict(known.approval.standing)
    assert terms.until == moment_of(0) + 4 * WEEK
    assert {key[0] for key in terms.bounds} == {"sum_ratio", "changed_settings"}
    # the interval of the sum ratio below, what needs no review above
    value = next(one for one in first.findings if one.check == "sum_ratio" and one.crime_type == "all")
    assert terms.bounds[value.key] == (value.low, 2.0)
    assert terms.records == {"flagged: duplicates": 0.02}


def test_each_week_within_the_terms_gets_a_line_of_its_own(register, first):
    for number in (1, 2, 3):
        made = decided(register, number)
        assert "earlier_decisions" in made.reviews
        with pytest.raises(WithheldError, match="withheld from resource allocation"):
            registered_decision(register, made, moment_of(number)).require_permission(
                inputs.forecast(), moment_of(number)
            )
        monitored(register, first, number)
        approval = covered(register, made, number)
        assert (approval.under, approval.reviewer) == (2, "R. Viewer")
        assert approval.key
        assert first.seal in approval.answers
    acts = [line.act for line in register.verify().lines]
    assert acts == ["decided", "approved", *["decided", "monitored", "approved"] * 3]


def test_a_second_run_of_a_week_needs_no_line_of_the_first(register, first):
    decided(register, 1)
    again = decided(register, 1, intake_shares={})
    monitored(register, first, 1)
    assert covered(register, again, 1).under == 2


def test_a_week_is_approved_under_it_once(register, first):
    made = decided(register, 1)
    monitored(register, first, 1)
    covered(register, made, 1)
    with pytest.raises(WithheldError, match="is approved under the standing approval already"):
        covered(register, made, 1)


def refused(register, made, number, said):
    """Expect that a week is refused when its line is written, and when somebody adds that line by hand."""
    before = register.verify().entries
    with pytest.raises(WithheldError, match=said):
        covered(register, made, number)
    assert register.verify().entries == before
    add_line(register, made, number)
    with pytest.raises(WithheldError, match=said):
        registered_decision(register, made, moment_of(number))


def add_line(register, made, number, under=2):
    earlier = earlier_decisions(register.verify().lines, made.report.header, made.seal)
    content = {
        "reviewer": "R. Viewer",
        "reason": "agreed",
        "reviews": list(made.reviews),
        "changed": list(made.report.changed),
        "answers": [one.decision for one in earlier],
        "files": FILES,
        "under": under,
    }
    register.append(RegisterEntry("approved", "analyst", made.seal, moment_of(number), content))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"factor": 0.9}, r"recorded ratio, Assault is 0\.\d+; accepted: .* to 2"),
        ({"method_digest": "6" * 64}, "its settings, groups or code are not those"),
        ({"intake_shares": {"flagged: duplicates": 0.021}}, r"warns of 2.10% of the records .*accepted: 2.00%"),
        ({"intake_shares": {"flagged: level shifts": 0.001}}, "has a new warning"),
        ({"absent": 1}, "decisions that the register lacks"),
    ],
)
def test_a_week_outside_the_terms_is_refused(register, first, changed, said):
    made = decided(register, 1, **changed)
    monitored(register, first, 1)
    if "method_digest" in changed:
        with pytest.raises(WithheldError, match=r"No standing approval in .* is for the settings"):
            covered(register, made, 1)
        add_line(register, made, 1)
        with pytest.raises(WithheldError, match=said):
            registered_decision(register, made, moment_of(1))
    else:
        refused(register, made, 1, said)


def test_a_new_review_is_refused(register, first):
    made = decided(register, 1, warned=("calibration_slope",))
    assert "calibration_slope" in made.reviews
    monitored(register, first, 1)
    refused(register, made, 1, "asks for a review that was not accepted")


def test_the_week_after_one_outside_the_terms_is_refused(register, first):
    decided(register, 1, factor=0.9)
    made = decided(register, 2)
    monitored(register, first, 2)
    refused(register, made, 2, "it ended on 2026-01-12 with decision .* accepted")


@pytest.mark.parametrize("changed", [{"factor": 3.0}, {"table": inputs.group_table().iloc[:0]}])
def test_a_failure_or_a_lack_of_evidence_ends_it(register, first, changed):
    assert not decided(register, 1, **changed).reviews
    made = decided(register, 2)
    monitored(register, first, 2)
    refused(register, made, 2, "it ended on 2026-01-12 with decision .* obstacles that no reviewer may accept")


def test_trying_another_method_that_is_withheld_ends_it(register, first):
    decided(register, 1, method_digest="6" * 64)
    made = decided(register, 1)
    monitored(register, first, 1)
    refused(register, made, 1, "it ended on .*settings, groups or code")


def test_it_ends_after_its_weeks(register, first):
    made = decided(register, 4)
    monitored(register, first, 4)
    refused(register, made, 4, "it ended on 2026-02-02")


def test_a_week_approved_in_time_ends_with_it(register, first):
    number = 3
    made = decided(register, number)
    monitored(register, first, number)
    covered(register, made, number)
    last = moment_of(0) + 4 * WEEK
    assert registered_decision(register, made, last - timedelta(seconds=1)).approved
    with pytest.raises(WithheldError, match="it ended on"):
        registered_decision(register, made, last)


def test_an_objection_ends_it_also_when_it_was_answered(register, first):
    made = decided(register, 1)
    monitored(register, first, 1)
    covered(register, made, 1)
    words = {"area": "West", "text": "too many patrols", "made_by": "resident"}
    one = record_objection(register, first.seal, words, "analyst", moment_of(1))
    with pytest.raises(WithheldError, match="with an objection to a plan in the area"):
        registered_decision(register, made, moment_of(1))
    close_objection(register, one.number, "answered", {"text": "moved", "answered_by": "owner"}, "o", moment_of(1))
    with pytest.raises(WithheldError, match="with an objection to a plan in the area"):
        registered_decision(register, made, moment_of(1))


@pytest.mark.parametrize("which", ["signed", "later"])
def test_a_withdrawal_ends_it(register, first, which):
    second = decided(register, 1)
    monitored(register, first, 1)
    covered(register, second, 1)
    withdraw(register, (first if which == "signed" else second).seal, "wrong records", "analyst", moment_of(1))
    made = decided(register, 2)
    monitored(register, first, 2)
    refused(register, made, 2, "was withdrawn")


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ([], "monitoring has not seen its records"),
        ([{"number": 1}], "monitoring has not seen its records"),
        ([{"number": 2, "records": "others"}], "monitoring has not seen its records"),
        ([{"number": 1, "quiet": False}, {"number": 2}], "monitoring was not quiet"),
        ([{"number": 2}, {"number": 2, "quiet": "yes"}], "monitoring was not quiet"),
    ],
)
def test_monitoring_must_be_quiet_on_the_same_records(register, first, seen, said):
    made = decided(register, 2)
    for one in seen:
        monitored(register, first, 2, **{name: value for name, value in one.items() if name != "number"})
        # a line on the records of the week before
        if one["number"] == 1 and one.get("quiet", True):
            register.path.write_bytes(b"".join(register.path.read_bytes().splitlines(keepends=True)[:-1]))
            content = {"quiet": True, "last_period": "2022-01-03T00:00:00", "data": "records 1"}
            register.append(RegisterEntry("monitored", "analyst", first.seal, moment_of(2), content))
    refused(register, made, 2, said)


def test_it_must_be_signed(register, tmp_path):
    made = decided(register, 0)
    with pytest.raises(WithheldError, match="must be signed: key=FILE"):
        approve(register, made, signing(tmp_path, key=None), FILES, standing_weeks=4)
    with pytest.raises(InputError, match="lasts 1 to 8 weeks"):
        approve(register, made, signing(tmp_path), FILES, standing_weeks=9)
    with pytest.raises(InputError, match="lasts 1 to 8 weeks"):
        approve(register, made, signing(tmp_path), FILES, standing_weeks=-1)
    assert register.verify().entries == 1


@pytest.mark.parametrize("key", ["", "of another person"])
def test_an_unsigned_or_edited_line_stands_for_nothing(register, tmp_path, key):
    """Somebody adds the terms to a line without a signature, or to one that was signed for a single week."""
    made = decided(register, 0)
    approve(register, made, signing(tmp_path), FILES)
    signed = register.verify().lines[1].content
    terms = StandingTerms.from_decision(made, 4, moment_of(0)).to_dict()
    content = {**signed, "standing": terms} if key else {**signed, "standing": terms, "signature": "", "key": ""}
    register.append(RegisterEntry("approved", "rv", made.seal, moment_of(0), content))
    second = decided(register, 1)
    monitored(register, made, 1)
    with pytest.raises(WithheldError, match="No standing approval in"):
        covered(register, second, 1)
    add_line(register, second, 1, under=3)
    with pytest.raises(WithheldError, match="is not valid"):
        registered_decision(register, second, moment_of(1))


@pytest.mark.parametrize("under", [0, 1, 3, 99, True, -1, "2", None, [2]])
def test_a_line_that_names_no_standing_approval_permits_nothing(register, first, under):
    made = decided(register, 1)
    monitored(register, first, 1)
    add_line(register, made, 1, under=under)
    with pytest.raises(WithheldError):
        registered_decision(register, made, moment_of(1))


@pytest.mark.parametrize(
    "broken", [{"until": "soon"}, {"until": "2027-01-01T00:00:00"}, {"bounds": 3}, {"records": []}]
)
def test_terms_that_cannot_be_read_permit_nothing(first, register, broken):
    plain = register.verify().lines[1].content["standing"]
    with pytest.raises(WithheldError, match="cannot be read"):
        StandingTerms.from_dict({**plain, **broken})


def test_the_reviewers_key_must_have_signed_it(register, tmp_path):
    signature = signing(tmp_path)
    own = fingerprint(Ed25519PrivateKey.generate().public_key())
    made = decided(register, 0)
    approve(register, made, signature, FILES, standing_weeks=4)
    second = decided(register, 1, governance={"reviewer_key": own})
    monitored(register, made, 1)
    refused(register, second, 1, "must be signed with the reviewer's key")


def test_another_reviewer_is_not_bound_by_it(register, first):
    second = decided(register, 1, governance={"reviewer": "S. Econd"})
    monitored(register, first, 1)
    refused(register, second, 1, "names S. Econd as reviewer")


def test_terms_are_plain_json_and_come_back(first, register):
    plain = register.verify().lines[1].content["standing"]
    assert StandingTerms.from_dict(json.loads(json.dumps(plain))).to_dict() == plain
    assert Path(register.path).exists()
