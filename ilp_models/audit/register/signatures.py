"""Signatures of reviewers with Ed25519 keys. Each reviewer keeps the private key in a file."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from ilp_models.domain.errors import InputError
from ilp_models.domain.local_file import local_file

CREATE_KEY: Final = "Create one with `openssl genpkey -algorithm ed25519 -out key.pem` and keep it secret"
_PRIVATE: Final = b"PRIVATE KEY-----"


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
    text = _bytes_of(key, "key=")
    try:
        private = load_pem_private_key(text, password=None)
    except (TypeError, UnsupportedAlgorithm, ValueError) as error:
        msg = f"Cannot read a private key from {key}: {_not_private(text, key)}."
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
    keys = [_public_key(file) for file in files]
    found = [key for key in keys if isinstance(key, Ed25519PublicKey)]
    if not found or len(found) < len(keys):
        msg = f"{path} has {len(found)} Ed25519 public keys in {len(keys)} files. {_public_key_hint()}"
        raise InputError(msg)
    return found


def fingerprint(key: Ed25519PublicKey) -> str:
    """Return the SHA-256 of a public key."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()


def _public_key(file: Path) -> PublicKeyTypes:
    text = _bytes_of(file, "trusted_keys=")
    try:
        return load_pem_public_key(text)
    except (UnsupportedAlgorithm, ValueError) as error:
        kind = "it is a private key, which only its owner should have" if _PRIVATE in text else "it is no public key"
        msg = f"Cannot read a public key from {file}: {kind}. {_public_key_hint()}"
        raise InputError(msg) from error


def _bytes_of(path: Path, label: str) -> bytes:
    file = local_file(path, label)
    try:
        return file.read_bytes()
    except OSError as error:
        msg = f"{label}{path} cannot be opened ({error.strerror}). Check the permissions of the file."
        raise InputError(msg) from error


def _not_private(text: bytes, key: Path) -> str:
    """Return what a file has instead of a private key that can be read, and what to do."""
    if text.startswith(b"ssh-") or (b"PUBLIC KEY-----" in text and _PRIVATE not in text):
        return f"it is a public key. Give the private key that belongs to it. {CREATE_KEY}"
    if b"ENCRYPTED" in text:
        plain = f"openssl pkey -in '{key}' -out plain.key"
        return f"it is encrypted with a password. Write a copy without one with `{plain}` and keep it secret"
    if b"OPENSSH PRIVATE KEY" in text:
        return f"it is a key of SSH, in another format. {CREATE_KEY}"
    return f"{'the key in it is damaged' if _PRIVATE in text else 'it is no key in PEM format'}. {CREATE_KEY}"


def _public_key_hint() -> str:
    return "Create one with `openssl pkey -in key.pem -pubout -out reviewer.pem`."
