"""Attacks: ask again, with other inputs, until a forecast is admitted."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ilp_models.audit.gate import decide
from ilp_models.audit.register.approval_lines import signed_bytes
from ilp_models.audit.register.approvals import approve, record_decision, registered_decision
from ilp_models.audit.register.earlier import RegisterSnapshot, data_terms, earlier_decisions
from ilp_models.audit.register.register import Register, RegisterEntry
from ilp_models.audit.register.signatures import ReviewerSignature
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import WithheldError
from ilp_models.domain.finding import State
from tests.audit import audit_inputs as inputs

pytestmark = pytest.mark.slow

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
FILES = {"forecast.parquet": "a" * 64}


def audited(register, *, settings=None, replays=None, grid=None, now=NOW):
    """Audit and decide as the package does: what the register knows is part of the input."""
    replays, grid = replays or inputs.city(), grid or inputs.grid()
    state = register.verify()
    known = earlier_decisions(state.lines, data_terms(replays[0], grid))
    snapshot = RegisterSnapshot(str(register.path), state.digest, state.entries, known)
    subject = inputs.audit_input(*replays, grid, inputs.explanation(), register=snapshot)
    spec = settings or inputs.audit(inputs.group_table())
    return decide(spec.run(subject, now), inputs.forecast(), now)


def failing(**changed):
    """Return settings under which a check of the forecast does not pass."""
    return inputs.audit(inputs.group_table(), limits=strict_limits(), **changed)


def strict_limits():
    limits = {name: dict(bounds) for name, bounds in inputs.audit().limits.items()}
    limits["sum_ratio"] = {"fail_below": 1.5, "fail_above": 2.0}
    return limits


def signature(tmp_path, *, signed=True, **changed):
    key = tmp_path / "reviewer.key"
    if not key.exists():
        private = Ed25519PrivateKey.generate()
        key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    given = {"reviewer": "R. Viewer", "reason": "the first table was of another city", "who": "rv", "now": NOW}
    return ReviewerSignature(**given | {"key": key if signed else None} | changed)


@pytest.fixture
def register(tmp_path):
    return Register(tmp_path / "register.jsonl")


@pytest.fixture
def withheld(register):
    first = audited(register, settings=failing())
    assert not first.admitted
    record_decision(register, first, "t.rainer")
    return first


def test_the_same_question_without_history_is_admitted(register):
    assert audited(register).admitted


def test_a_second_audit_with_other_inputs_is_not_admitted_and_names_the_first(register, withheld):
    second = audited(register)
    assert not second.admitted
    assert second.reviews == ("earlier_decisions",)
    assert withheld.short in second.reasons[0]
    assert "review: sum_ratio" in second.reasons[0]
    plain = second.to_dict()["audit"]["header"]["register"]
    assert [one["decision"] for one in plain["earlier"]] == [withheld.seal]
    assert plain["digest"] == register.verify().digest
    assert Decision.from_dict(json.loads(json.dumps(second.to_dict()))) == second


def one_row_less():
    """Return replays without one recorded event, whose digest therefore differs."""
    replay, baseline = inputs.city()
    observed = replay.observed.copy()
    observed[0, 0, 0] = max(int(observed[0, 0, 0]) - 1, 0)
    return replace(replay, observed=observed), replace(baseline, observed=observed)


def a_week_less():
    return tuple(
        replace(
            one,
            expected=one.expected[:, :, 1:],
            quantiles=one.quantiles[..., 1:],
            dispersion=one.dispersion[:, :, 1:],
            observed=one.observed[:, :, 1:],
        )
        for one in inputs.city(53)
    )


@pytest.mark.parametrize("replays", [one_row_less, a_week_less, lambda: inputs.city(53)])
def test_small_changes_of_the_data_do_not_hide_the_first(register, withheld, replays):
    assert audited(register, replays=replays()).reviews == ("earlier_decisions",)


def test_the_order_does_not_matter(register, tmp_path):
    """Admitted with an invented table first, withheld with the true one later: the first is not usable alone."""
    first = audited(register)
    record_decision(register, first, "t.rainer")
    registered_decision(register, first, NOW).require_permission(inputs.forecast(), NOW)
    second = audited(register, settings=failing(), now=NOW + timedelta(minutes=5))
    record_decision(register, second, "t.rainer")
    later = NOW + timedelta(minutes=10)
    with pytest.raises(WithheldError, match=f"no signed approval answers them: {second.short}"):
        registered_decision(register, first, later)
    approve(register, first, signature(tmp_path, now=later), FILES)
    assert registered_decision(register, first, later).approval.answers == (second.seal,)


def test_two_audits_at_once_do_not_hide_each_other(register):
    first, second = audited(register, settings=failing()), audited(register)
    record_decision(register, first, "t.rainer")
    with pytest.raises(WithheldError, match="Another decision on the same data"):
        record_decision(register, second, "t.rainer")


def test_an_approval_without_a_signature_is_refused(register, withheld, tmp_path):
    second = audited(register)
    record_decision(register, second, "t.rainer")
    with pytest.raises(WithheldError, match=r"withheld by a check before: 1 .*be signed: key=FILE"):
        approve(register, second, signature(tmp_path, signed=False), FILES)
    approval = approve(register, second, signature(tmp_path), FILES)
    assert approval.answers == (withheld.seal,)
    registered_decision(register, second, NOW).require_permission(inputs.forecast(), NOW)


def forged(register, decision, **changed):
    """Return the content of an approval that was written by hand."""
    content = {
        "reviewer": "R. Viewer",
        "reason": "discussed",
        "reviews": list(decision.reviews),
        "changed": [],
        "answers": [],
        "files": {},
    }
    return content | {"signature": "", "key": "", "public_key": ""} | changed


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "no signed approval answers them"),
        ({"answers": ["all"]}, "no signed approval answers them"),
        ({"reviewer": "T. Rainer"}, "trained the model"),
        ({"reviewer": "Somebody"}, "names R. Viewer as reviewer"),
        ({"key": "f" * 64, "signature": "eA=="}, "is not valid"),
        ({"answers": None}, "is incomplete"),
    ],
)
def test_a_line_written_by_hand_approves_nothing(register, withheld, changed, said):
    second = audited(register)
    record_decision(register, second, "t.rainer")
    if changed.get("answers") == ["all"]:
        changed = {"answers": [withheld.seal]}
    content = forged(register, second, **changed)
    register.append(RegisterEntry("approved", "x", second.seal, NOW, content))
    with pytest.raises(WithheldError, match=said):
        registered_decision(register, second, NOW)


def test_an_expired_approval_is_refused_when_it_is_read(register, tmp_path):
    first = audited(register)
    record_decision(register, first, "t.rainer")
    late = first.valid_until + timedelta(days=1)
    register.append(RegisterEntry("approved", "x", first.seal, late, forged(register, first)))
    with pytest.raises(WithheldError, match="is valid from"):
        registered_decision(register, first, late)


def test_an_unsigned_copy_around_a_signed_line_swaps_nothing(register, withheld, tmp_path):
    second = audited(register)
    record_decision(register, second, "t.rainer")
    given = signature(tmp_path)
    approve(register, second, given, FILES)
    line = register.verify().entries_of(second.seal)[-1]
    swapped = dict(line.content) | {"files": {"forecast.parquet": "b" * 64}}
    bare = swapped | {"signature": "", "key": "", "public_key": ""}
    for content in (swapped, bare):
        register.append(RegisterEntry("approved", "x", second.seal, line.moment, content))
    known = registered_decision(register, second, NOW)
    assert known.approval.files == FILES
    assert known.approval.key
    assert signed_bytes(second.seal, {"a": 1}) != signed_bytes(second.seal, {"a": 2})


def test_missing_inputs_do_not_count(register):
    first = audited(register, settings=inputs.audit())
    assert not first.admitted
    assert {one.check for one in first.findings if one.state is State.FAIL} <= {"group_table", "governance"}
    record_decision(register, first, "t.rainer")
    assert audited(register).admitted


def test_another_place_or_other_years_do_not_count(register, withheld):
    terms = withheld.report.header
    lines = register.verify().lines
    assert len(earlier_decisions(lines, terms)) == 1
    assert not earlier_decisions(lines, {**terms, "extent": [10.0, 50.0, 10.1, 50.1]})
    assert not earlier_decisions(lines, {**terms, "first_period": "2023-01-02", "last_period": "2023-12-25"})


def test_a_part_of_the_city_counts(register, withheld):
    west, south, east, north = withheld.report.header["extent"]
    half = [west, south, (west + east) / 2, north]
    assert earlier_decisions(register.verify().lines, {**withheld.report.header, "extent": half})


def test_a_line_that_names_no_place_counts_everywhere(register, withheld):
    bare = RegisterEntry("decided", "x", "e" * 64, NOW, {"admitted": False, "failed": ["coverage_ratio"]})
    register.append(bare)
    assert "earlier_decisions" in audited(register).reviews
    assert [one.decision for one in earlier_decisions([bare], withheld.report.header)] == ["e" * 64]


# --- the same audit with other random draws ------------------------------------------------------------------------

DRAWS = {"bootstrap.seed": 0, "feedback.seed": 0, "explain.refits": 5, "model.lightgbm.seed": 0}


def audited_with(register, draws, digest="d" * 64, settings=None):
    """Audit and decide with some settings of random draws."""
    state, replays, grid = register.verify(), inputs.city(), inputs.grid()
    named = {"settings_digest": digest, "random_settings": draws}
    known = earlier_decisions(state.lines, data_terms(replays[0], grid) | named)
    snapshot = RegisterSnapshot(str(register.path), state.digest, state.entries, known)
    subject = inputs.audit_input(*replays, grid, inputs.explanation(), register=snapshot, **named)
    decision = decide((settings or inputs.audit(inputs.group_table())).run(subject, NOW), inputs.forecast(), NOW)
    record_decision(register, decision, "t.rainer")
    return decision


@pytest.mark.parametrize("name", DRAWS)
def test_another_seed_or_number_of_refits_is_named_as_the_same_audit(register, name):
    first = audited_with(register, DRAWS, settings=failing())
    second = audited_with(register, DRAWS | {name: 7})
    assert second.reviews == ("earlier_decisions",)
    assert (
        f"{first.short} of 2026-01-05 on lightgbm (review: sum_ratio; the same audit with {name}=" in second.reasons[0]
    )
    assert f"{name}={DRAWS[name]})" in second.reasons[0]
    third = audited_with(register, DRAWS)
    assert "the same audit)" in third.reasons[0]


@pytest.mark.parametrize("digest", ["e" * 64, ""])
def test_an_audit_with_other_settings_is_not_the_same(register, digest):
    audited_with(register, DRAWS, settings=failing())
    second = audited_with(register, DRAWS | {"bootstrap.seed": 1}, digest)
    assert second.reviews == ("earlier_decisions",)
    assert "the same audit" not in second.reasons[0]
