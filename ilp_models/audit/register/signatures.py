"""Signatures of reviewers: Ed25519 keys that stay with the people, in files of their own."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from ilp_models.domain.errors import InputError

_MAKE = "make one with `openssl genpkey -algorithm ed25519 -out key.pem` and keep it to yourself"


def sign(content: bytes, key: Path) -> tuple[str, str]:
    """Return the signature of some content and the fingerprint of the public key that checks it."""
    try:
        private = load_pem_private_key(key.read_bytes(), password=None)
    except (OSError, TypeError, UnsupportedAlgorithm, ValueError) as error:
        msg = f"{key} holds no private key that can be read ({error}); {_MAKE}."
        raise InputError(msg) from error
    if not isinstance(private, Ed25519PrivateKey):
        msg = f"{key} holds another kind of key than Ed25519; {_MAKE}."
        raise InputError(msg)
    return base64.b64encode(private.sign(content)).decode(), fingerprint(private.public_key())


def verify_signature(content: bytes, signature: str, trusted: Sequence[Ed25519PublicKey]) -> str:
    """Return the fingerprint of the trusted key that signed some content, or nothing."""
    for key in trusted:
        try:
            key.verify(base64.b64decode(signature), content)
        except (InvalidSignature, ValueError):
            continue
        return fingerprint(key)
    return ""


def read_public_keys(path: Path) -> list[Ed25519PublicKey]:
    """Return the public keys of a PEM file, or of all PEM files in a folder."""
    files = sorted(path.glob("*.pem")) if path.is_dir() else [path]
    try:
        keys = [load_pem_public_key(file.read_bytes()) for file in files]
    except (OSError, UnsupportedAlgorithm, ValueError) as error:
        msg = f"{path} holds no public key that can be read ({error}); {_public_hint()}"
        raise InputError(msg) from error
    found = [key for key in keys if isinstance(key, Ed25519PublicKey)]
    if not found or len(found) < len(keys):
        msg = f"{path} holds {len(found)} Ed25519 public keys in {len(keys)} files; {_public_hint()}"
        raise InputError(msg)
    return found


def fingerprint(key: Ed25519PublicKey) -> str:
    """Return the SHA-256 of a public key."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()


def _public_hint() -> str:
    return "write one with `openssl pkey -in key.pem -pubout -out reviewer.pem`."
