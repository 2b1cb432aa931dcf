import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ilp_models.audit.register.signatures import fingerprint, read_public_keys, sign, verify_signature
from ilp_models.domain.errors import InputError


def test_unsupported_keys_are_refused(tmp_path):
    brainpool = "MEIwFAYHKoZIzj0CAQYJKyQDAwIIAQECAyoABIlqzO5jeofoLhwI3ejbFqQZxateNCyJ15UMCyKX2JqIUo4Z93YGfsM="
    path = tmp_path / "odd.pem"
    path.write_text(f"-----BEGIN PUBLIC KEY-----\n{brainpool}\n-----END PUBLIC KEY-----\n")
    with pytest.raises(InputError, match="Cannot read a public key"):
        read_public_keys(path)


@pytest.fixture
def key(tmp_path):
    """Return the files of a new private key and of its public key."""
    private = Ed25519PrivateKey.generate()
    (tmp_path / "keys").mkdir()
    secret, public = tmp_path / "own.key", tmp_path / "keys" / "own.pem"
    secret.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return secret, public


def test_a_signature_is_valid_for_its_content_and_key_only(key):
    secret, public = key
    made = sign(b"content", secret)
    (own,) = read_public_keys(public)
    assert made["key"] == fingerprint(own)
    assert verify_signature(b"content", made["signature"], made["public_key"]) == fingerprint(own)
    assert verify_signature(b"other", made["signature"], made["public_key"]) == ""
    other = base64.b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
    assert verify_signature(b"content", made["signature"], other) == ""
    assert verify_signature(b"content", "no base64!", made["public_key"]) == ""
    assert verify_signature(b"content", made["signature"], "") == ""


def test_a_folder_gives_all_its_keys_and_a_private_key_is_none(key):
    secret, public = key
    assert len(read_public_keys(public.parent)) == 1
    with pytest.raises(InputError, match="it is a private key, which only its owner should have"):
        read_public_keys(secret)
    with pytest.raises(InputError, match="has 0 Ed25519 public keys in 0 files"):
        read_public_keys(secret.parent)


def test_a_public_key_signs_nothing(key):
    with pytest.raises(InputError, match=r"it is a public key. Give the private key that belongs to it"):
        sign(b"content", key[1])
