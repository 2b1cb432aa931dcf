"""Signatures of reviewers with Ed25519 keys. Each reviewer keeps the private key in a file."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from ilp_models.domain.errors import InputError
from ilp_models.domain.local_file import local_file

CREATE_KEY: Final = "Create one with `openssl genpkey -algorithm ed25519 -out key.pem` and keep it secret"


@dataclass(frozen=True)
class ReviewerSignature:
    """The reviewer, the reason and the key of an approval."""

    reviewer: str  # the reviewer named in audit.governance, never the trainer
    reason: str
    who: str  # user name on the machine
    now: datetime  # with time zone
    key: Path | None = None  # PEM file with an Ed25519 private key


def sign(content: bytes, key: Path) -> dict[str, str]:
    """Return the signature of the content, the fingerprint of the public key, and the public key itself."""
    try:
        private = load_pem_private_key(local_file(key, "key=").read_bytes(), password=None)
    except (OSError, TypeError, UnsupportedAlgorithm, ValueError) as error:
        msg = f"Cannot read a private key from {key} ({error}). {CREATE_KEY}."
        raise InputError(msg) from error
    if not isinstance(private, Ed25519PrivateKey):
        msg = f"The key in {key} is not an Ed25519 key. {CREATE_KEY}."
        raise InputError(msg)
    public = private.public_key()
    raw = base64.b64encode(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
    return {
        "signature": base64.b64encode(private.sign(content)).decode(),
        "key": fingerprint(public),
        "public_key": raw,
    }


def verify_signature(content: bytes, signature: str, public_key: str) -> str:
    """Return the fingerprint of a public key if it signed the content; empty if it did not."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key))
        key.verify(base64.b64decode(signature), content)
    except (InvalidSignature, ValueError):
        return ""
    return fingerprint(key)


def read_public_keys(path: Path) -> list[Ed25519PublicKey]:
    """Return the public keys in a PEM file, or in all PEM files of a folder."""
    files = sorted(path.glob("*.pem")) if path.is_dir() else [path]
    try:
        keys = [load_pem_public_key(local_file(file, "trusted_keys=").read_bytes()) for file in files]
    except (OSError, UnsupportedAlgorithm, ValueError) as error:
        msg = f"Cannot read a public key from {path} ({error}). {_public_key_hint()}"
        raise InputError(msg) from error
    found = [key for key in keys if isinstance(key, Ed25519PublicKey)]
    if not found or len(found) < len(keys):
        msg = f"{path} has {len(found)} Ed25519 public keys in {len(keys)} files. {_public_key_hint()}"
        raise InputError(msg)
    return found


def fingerprint(key: Ed25519PublicKey) -> str:
    """Return the SHA-256 of a public key."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()


def _public_key_hint() -> str:
    return "Create one with `openssl pkey -in key.pem -pubout -out reviewer.pem`."
