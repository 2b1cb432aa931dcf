from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ilp_models.audit.register.approval_lines import approval_in, approvals_in, signed_bytes, signed_content
from ilp_models.audit.register.register import RegisterEntry
from ilp_models.audit.register.signatures import sign
from ilp_models.domain.errors import WithheldError

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
SEAL = "a" * 64
CONTENT = {
    "reviewer": "R. Viewer",
    "reason": "settled",
    "reviews": ["sum_ratio"],
    "files": {"forecast.parquet": "f" * 64},
    "answers": ["b" * 64],
    "changed": ["audit.land_share=0.1"],
    "objections": [{"number": 2, "area": "West Hill", "moment": "2026-01-04T00:00", "text": "too many patrols"}],
}


def line(act="approved", seal=SEAL, **changed):
    content = {name: value for name, value in {**CONTENT, **changed}.items() if value is not None}
    return RegisterEntry(act, "rv", seal, NOW, content)


@pytest.fixture
def signature(tmp_path):
    """Return the signature of the content with a new key."""
    private = Ed25519PrivateKey.generate()
    path = tmp_path / "own.key"
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return sign(signed_bytes(SEAL, CONTENT), path)


def test_an_unsigned_line_is_an_approval_without_a_key():
    approval = approval_in(line())
    assert (approval.decision, approval.reviewer, approval.key) == (SEAL, "R. Viewer", "")
    assert approval.reviews == ("sum_ratio",)
    assert approval.objections == ("2 (West Hill, 2026-01-04): too many patrols",)


def test_a_valid_signature_gives_its_key(signature):
    assert approval_in(line(**signature)).key == signature["key"]


@pytest.mark.parametrize("change", [{"reason": "another"}, {"signature": ""}, {"key": "0" * 64}, {"extra": 1}])
def test_a_signature_of_something_else_is_refused(signature, change):
    with pytest.raises(WithheldError, match="The signature of an approval of decision aaaaaaaaaaaaaaaa is not valid"):
        approval_in(line(**{**signature, **change}))


def test_a_signature_on_another_decision_is_refused(signature):
    with pytest.raises(WithheldError, match="is not valid"):
        approval_in(line(seal="b" * 64, **signature))


@pytest.mark.parametrize("change", [{"reviewer": ""}, {"files": None}, {"reviews": 5}, {"objections": [{}]}])
def test_an_incomplete_line_permits_nothing(change):
    with pytest.raises(WithheldError, match="in the register is incomplete"):
        approval_in(line(**change))


def test_only_lines_of_approvals_are_approvals():
    lines = [line(), RegisterEntry("decided", "rv", SEAL, NOW)]
    assert approvals_in(lines) == lines[:1]


def test_the_signature_covers_all_but_itself(signature):
    assert signed_content(line(**signature)) == CONTENT
