"""Approvals and withdrawals: the register must confirm a decision before anyone acts on it."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from ilp_models.audit.gate import decide
from ilp_models.audit.register.approvals import approve, record_decision, registered_decision, withdraw
from ilp_models.audit.register.register import Register, RegisterEntry
from ilp_models.audit.register.signatures import ReviewerSignature, fingerprint, read_public_keys
from ilp_models.domain.checks import label_of
from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.domain.finding import State
from tests.audit import audit_inputs as inputs

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
ELSEWHERE = {"extent": [10.0, 50.0, 10.5, 50.5]}  # so that it is not on the same data
FILES = {"forecast.parquet": "a" * 64}


def decision(*changed, header=None, **governance):
    """Return a decision whose findings all pass, except some given as (check, state)."""
    spec = inputs.audit(inputs.group_table(), governance=replace(inputs.audit().governance, **governance))
    report = spec.run(inputs.audit_input(*inputs.city(), inputs.grid(), inputs.explanation()), NOW)
    findings = report.findings
    for check, state in changed:
        place = next(at for at, finding in enumerate(findings) if finding.check == check)
        number = findings[place].limit.fail_above or findings[place].limit.fail_below
        bad = number * 1.01 if findings[place].limit.fail_above else number * 0.99
        ends = (0.5, 1.5) if state is State.REVIEW else (bad, bad)
        one = replace(findings[place], state=state, value=bad, low=ends[0], high=ends[1])
        findings = (*findings[:place], one, *findings[place + 1 :])
    report = replace(report, findings=findings, header={**report.header, **(header or {})})
    return decide(report, inputs.forecast(), NOW)


@pytest.fixture(scope="module")
def passed():
    return decision()


@pytest.fixture(scope="module")
def reviewed():
    return decision(("sum_ratio", State.REVIEW), header=ELSEWHERE)


@pytest.fixture
def register(tmp_path, passed, reviewed):
    made = Register(tmp_path / "register.jsonl")
    record_decision(made, passed, "t.rainer")
    record_decision(made, reviewed, "t.rainer")
    return made


def signing(**changed):
    given = {"reviewer": "R. Viewer", "reason": "discussed on 5 January", "who": "rv", "now": NOW}
    return ReviewerSignature(**given | changed)


def keys(folder, name="reviewer", private=None):
    private = private or Ed25519PrivateKey.generate()
    folder.mkdir(exist_ok=True)
    secret = folder / f"{name}.key"
    secret.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = folder / f"{name}.pem"
    public.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return secret, public


def test_the_decisions_of_these_tests(passed, reviewed):
    assert passed.admitted
    assert not reviewed.admitted
    assert reviewed.reviews == ("sum_ratio",)


def test_a_review_is_permitted_after_approval(register, reviewed):
    with pytest.raises(WithheldError, match="A reviewer may accept this"):
        registered_decision(register, reviewed, NOW).require_permission(inputs.forecast(), NOW)
    approve(register, reviewed, signing(), FILES)
    known = registered_decision(register, reviewed, NOW)
    known.require_permission(inputs.forecast(), NOW)
    assert known.approval.reason == "discussed on 5 January"
    assert known.approval.reviews == ("sum_ratio",)


@pytest.mark.parametrize(
    ("check", "state"),
    [
        ("sum_ratio", State.FAIL),
        ("sum_ratio", State.INSUFFICIENT),
        ("deviance_skill", State.REVIEW),
        ("shap_additivity", State.REVIEW),
    ],
)
def test_a_failed_or_required_check_cannot_be_approved(tmp_path, check, state):
    bad = decision((check, state)) if check == "sum_ratio" else with_required_review(check)
    register = Register(tmp_path / "register.jsonl")
    record_decision(register, bad, "t.rainer")
    with pytest.raises(WithheldError, match=f"cannot be approved: {label_of(check)}"):
        approve(register, bad, signing(), FILES)
    assert register.verify().entries == 1


def with_required_review(check):
    """Return a decision with one check in review that a reviewer may not accept."""
    good = decision()
    findings = tuple(
        replace(finding, state=State.REVIEW, low=-1.0, high=1.0) if finding.check == check else finding
        for finding in good.findings
    )
    return replace(good, report=replace(good.report, findings=findings))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"reviewer": "t. rainer"}, "trained the model"),
        ({"reviewer": "S. Omebody"}, "names R. Viewer as reviewer"),
        ({"now": NOW + timedelta(days=9)}, "valid from"),
    ],
)
def test_an_unauthorised_reviewer_is_refused(register, passed, changed, said):
    with pytest.raises(WithheldError, match=said):
        approve(register, passed, signing(**changed), FILES)
    assert register.verify().entries == 2


def test_an_approval_without_a_reason_is_refused(register, passed):
    with pytest.raises(InputError, match="and a reason"):
        approve(register, passed, signing(reason=" "), FILES)


def test_an_unknown_decision_permits_nothing(tmp_path, passed):
    for act in (registered_decision, lambda *a: approve(a[0], a[1], signing(), FILES)):
        with pytest.raises(WithheldError, match="knows no decision"):
            act(Register(tmp_path / "empty.jsonl"), passed, NOW)


def test_a_withdrawn_decision_permits_nothing(register, reviewed):
    approve(register, reviewed, signing(), FILES)
    withdraw(register, reviewed.seal, "records were incomplete", "rv", NOW)
    with pytest.raises(WithheldError, match=r"withdrawn on 2026-01-05 by rv: records were incomplete"):
        registered_decision(register, reviewed, NOW)
    with pytest.raises(WithheldError, match="withdrawn"):
        approve(register, reviewed, signing(), FILES)
    with pytest.raises(WithheldError, match="withdrawn already"):
        withdraw(register, reviewed.seal, "again", "rv", NOW)


@pytest.mark.parametrize(("seal", "reason", "said"), [("f" * 64, "x", "knows no"), (None, " ", "needs a reason")])
def test_a_withdrawal_without_decision_or_reason_is_refused(register, passed, seal, reason, said):
    with pytest.raises(WithheldError, match=said):
        withdraw(register, seal or passed.seal, reason, "rv", NOW)


def test_a_clock_before_the_last_line_permits_nothing(register, passed):
    approve(register, passed, signing(now=NOW + timedelta(days=2)), FILES)
    with pytest.raises(WithheldError, match="Set the clock right"):
        registered_decision(register, passed, NOW)


def test_one_of_two_simultaneous_approvals_is_refused(register, reviewed):
    refusals = []

    def sign():
        try:
            approve(register, reviewed, signing(), FILES)
        except WithheldError as error:
            refusals.append(str(error))

    both = [threading.Thread(target=sign) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert [refusal.partition("; ")[0].rpartition(" is ")[2] for refusal in refusals] == ["approved already"]
    assert [line.act for line in register.verify().entries_of(reviewed.seal)] == ["decided", "approved"]


def recorded(register, **changed):
    """Return a decision in the register, on other data than the decisions that it has."""
    made = decision(header={"extent": [20.0, 50.0, 20.5, 50.5]}, **changed)
    record_decision(register, made, "t.rainer")
    return made


def test_trusted_keys_need_a_signature(register, tmp_path):
    secret, public = keys(tmp_path / "keys")
    trusted = read_public_keys(public)
    passed = recorded(register, reviewer_key=fingerprint(trusted[0]))
    with pytest.raises(WithheldError, match="needs a signed approval"):
        registered_decision(register, passed, NOW, trusted)
    approve(register, passed, signing(key=secret), FILES)
    assert registered_decision(register, passed, NOW, trusted).approval.key != ""
    _, other = keys(tmp_path / "others")
    with pytest.raises(WithheldError, match="none of the keys"):
        registered_decision(register, passed, NOW, read_public_keys(other))
    assert b"PRIVATE" not in register.path.read_bytes()


def test_a_trusted_key_of_another_person_is_not_the_reviewers(register, passed, tmp_path):
    mine, own = keys(tmp_path / "keys")
    other, foreign = keys(tmp_path / "others")
    named = recorded(register, reviewer_key=fingerprint(read_public_keys(own)[0]))
    for key in (other, None):
        with pytest.raises(WithheldError, match="signed with the reviewer's key"):
            approve(register, named, signing(key=key), FILES)
    approve(register, named, signing(key=mine), FILES)
    both = [*read_public_keys(own), *read_public_keys(foreign)]
    assert registered_decision(register, named, NOW, both).approval.key == fingerprint(both[0])
    with pytest.raises(WithheldError, match="none of the keys in trusted_keys"):
        registered_decision(register, named, NOW, both[1:])
    approve(register, passed, signing(key=other), FILES)
    with pytest.raises(WithheldError, match="does not say which key is the reviewer's"):
        registered_decision(register, passed, NOW, both)


def test_an_unsigned_approval_is_refused_with_trusted_keys(register, passed, tmp_path):
    approve(register, passed, signing(), FILES)
    registered_decision(register, passed, NOW).require_permission(inputs.forecast(), NOW)
    with pytest.raises(WithheldError, match="does not say which key"):
        registered_decision(register, passed, NOW, read_public_keys(keys(tmp_path / "keys")[1].parent))


def test_an_unsigned_line_does_not_prevent_a_signed_approval(register, passed, tmp_path):
    secret, public = keys(tmp_path / "keys")
    approve(register, passed, signing(reason="anyone could have written this"), FILES)
    approve(register, passed, signing(key=secret, now=NOW + timedelta(hours=1)), FILES)
    known = registered_decision(register, passed, NOW + timedelta(hours=2))
    assert known.approval.key == fingerprint(read_public_keys(public)[0])
    assert known.approval.reason == "discussed on 5 January"
    with pytest.raises(WithheldError, match="approved already"):
        approve(register, passed, signing(key=secret, now=NOW + timedelta(hours=3)), FILES)


def test_keys_of_another_type_are_refused(register, passed, tmp_path):
    secret, public = keys(tmp_path / "keys", private=generate_private_key(65537, 2048))
    with pytest.raises(InputError, match="is not an Ed25519 key"):
        approve(register, passed, signing(key=secret), FILES)
    with pytest.raises(InputError, match="0 Ed25519 public keys in 1 files"):
        read_public_keys(public)
    with pytest.raises(InputError, match="a private key, which only its owner should have"):
        read_public_keys(secret)
    with pytest.raises(InputError, match=r"trusted_keys=.*nowhere.pem: there is no such file"):
        read_public_keys(tmp_path / "nowhere.pem")
    with pytest.raises(InputError, match=r"^key=.*nowhere: there is no such file"):
        approve(register, passed, signing(key=tmp_path / "nowhere"), FILES)


SSH = (PrivateFormat.OpenSSH, NoEncryption())
WITH_PASSWORD = (PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda key: key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), "is a public key"),
        (lambda key: key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH), "is a public key"),
        (lambda key: key.private_bytes(Encoding.PEM, *WITH_PASSWORD), "is encrypted with a password"),
        (lambda key: key.private_bytes(Encoding.PEM, *SSH), "is a key of SSH"),
        (lambda _: b"cell,expected\n1,2\n", "is no key in PEM format"),
        (lambda _: b"", "is no key in PEM format"),
        (lambda _: b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "key in it is damaged"),
    ],
)
def test_a_file_that_cannot_sign_is_described_in_plain_words(register, passed, tmp_path, write, said):
    path = tmp_path / "own.key"
    path.write_bytes(write(Ed25519PrivateKey.generate()))
    with pytest.raises(InputError, match=f"^Cannot read a private key from .*own.key: .*{said}") as refused:
        approve(register, passed, signing(key=path), FILES)
    assert not any(word in str(refused.value) for word in ("delimiters", "deserialize", "MalformedFraming"))
    assert not any(line.act == "approved" for line in register.verify().lines)


def test_a_decision_expires_on_its_review_date():
    assert decision(review_date="2026-01-07").valid_until == datetime(2026, 1, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    "fault",
    [{"owner": " "}, {"legal_basis": None}, {"review_date": "2026-01-05"}, {"reviewer": "T.  rainer"}, {"tier": None}],
)
def test_incomplete_governance_withholds_the_forecast(fault):
    bad = decision(**fault)
    assert not bad.admitted
    assert bad.reviews == ()
    assert bad.reasons[0].startswith("Governance fails: ")


@pytest.mark.parametrize("lacking", [{"goal": " - "}, {"outcomes": []}, {"use_until": None}, {"decided_by": ""}])
def test_a_goal_that_is_not_settled_is_a_review_that_the_reviewer_may_accept(tmp_path, lacking):
    open_goal = decision(**lacking)
    assert not open_goal.admitted
    assert open_goal.reviews == ("goal",)
    assert (
        f"needs review: 1 (acceptable: at most 0). Not settled: {next(iter(lacking))} is empty." in open_goal.reasons[0]
    )
    register = Register(tmp_path / "own.jsonl")
    record_decision(register, open_goal, "an analyst")
    approval = approve(register, open_goal, signing(), FILES)
    assert replace(open_goal, approval=approval).approved
    assert approval.reviews == ("goal",)


def test_an_end_of_use_that_is_past_cannot_be_accepted():
    over = decision(use_until="2026-01-05")
    assert over.reviews == ()
    assert over.reasons[0].startswith("Governance fails: ")


def test_an_outcome_that_is_not_audited_is_refused():
    with pytest.raises(InputError, match=r"audit\.governance\.outcomes names 'Asault'"):
        decision(outcomes=["Asault"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"tier": "boss"},
        {"review_date": "soon"},
        {"tainted_periods": [{"start": "2020-01-01", "end": "2019-01-01", "why": "x"}]},
        {"tainted_periods": [{"start": "2020-01-01", "end": "2020-02-01", "why": ""}]},
        {"tainted_periods": [{"from": "2020-01-01"}]},
    ],
)
def test_invalid_governance_is_refused(wrong):
    with pytest.raises(InputError, match="governance"):
        decision(**wrong)


def test_other_settings_than_audited_are_refused(passed):
    passed.require_same_settings({"rank_by": "count", "land_share": 0.05})
    for settings in (
        {"rank_by": "per_km2"},
        {"land_share": 0.1},
        {"grid": "f" * 64},
        {"group_table": ""},
        {"budget": 14},
    ):
        with pytest.raises(WithheldError, match=f"audit was made with {next(iter(settings))}="):
            passed.require_same_settings(settings)


@pytest.mark.parametrize("spelling", ["Rainer, T.", "T Rainer", "t.rainer", "T. Rai\u0301ner", "\uff34. Rainer"])
def test_another_spelling_of_the_trainer_is_recognised(spelling):
    bad = decision(reviewer=spelling)
    assert bad.reasons[0].endswith(
        f"the reviewer, {spelling}, trained the model. Set audit.governance.* to what was settled."
    )


@pytest.mark.parametrize("nothing", [".", "\u00b7", " - "])
def test_empty_words_are_refused(register, passed, nothing):
    assert not decision(owner=nothing).admitted
    with pytest.raises(InputError, match="and a reason"):
        approve(register, passed, signing(reason=nothing), FILES)
    with pytest.raises(WithheldError, match="needs a reason"):
        withdraw(register, passed.seal, nothing, "rv", NOW)


def test_a_number_as_name_is_read_as_text():
    assert decision(reviewer=123, trainer=5).admitted
    assert not decision(reviewer=5, trainer=5).admitted


@pytest.mark.parametrize("periods", ["none", {"start": "2020-01-01"}, [["2020-01-01", "2020-01-02", "x"]]])
def test_invalid_tainted_periods_are_refused(periods):
    with pytest.raises(InputError, match="list of entries with start, end and why"):
        decision(tainted_periods=periods)


@pytest.mark.parametrize("content", [{}, {"reviewer": "R. Viewer", "reason": "x", "reviews": 5}, {"reviewer": ""}])
def test_an_incomplete_approval_permits_nothing(register, passed, content):
    register.append(RegisterEntry("approved", "rv", passed.seal, NOW, content))
    with pytest.raises(WithheldError, match="is incomplete"):
        registered_decision(register, passed, NOW)
