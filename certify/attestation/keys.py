"""Keys in PEM files: Ed25519, and ECDSA on the curve P-256 with SHA-256.

A key's name is the SHA-256 of its public PEM text, as OpenSSF model-signing writes it into its bundles. The kind of a
signature is that of the key which the caller gives. Nothing in a signed file chooses it.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from certify.attestation.bounded import read_bounded
from certify.format.errors import InputError, MissingPackage

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

LARGEST = 64 << 10
"""Bytes of a key file, at most."""

KINDS = ("ed25519", "ecdsa")
"""What `certify attest --new-key` makes."""

OPENSSH = (b"ssh-", b"ecdsa-sha2-", b"sk-ssh-", b"sk-ecdsa-", b"---- BEGIN SSH2")
"""How public keys in the forms of OpenSSH begin."""

USED = "use an Ed25519 key or an ECDSA key on the curve P-256"


def require_package() -> None:
    """Refuse to go on without the package that signs.

    Raises:
        MissingPackage: it is not installed.
    """
    try:
        import cryptography.hazmat.primitives.serialization  # noqa: F401
    except ImportError:
        raise MissingPackage("attestations", "the package cryptography is not installed",
                             "pip install 'certify[sign]'") from None


@dataclass(frozen=True)
class PublicKey:
    """A key that verifies.

    Attributes:
        kind: one of `KINDS`.
        keyid: SHA-256 of the PEM text, in hexadecimal.
        pem: that text.
    """

    kind: str
    keyid: str
    pem: bytes
    _key: Ed25519PublicKey | EllipticCurvePublicKey

    def verified(self, signature: bytes, message: bytes) -> bool:
        """Whether this key signed this message."""
        from cryptography.exceptions import InvalidSignature

        try:
            _verify(self._key, signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class PrivateKey:
    """A key that signs, and its public half."""

    public: PublicKey
    sign: Callable[[bytes], bytes]


def _verify(key: Ed25519PublicKey | EllipticCurvePublicKey, signature: bytes, message: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

    if isinstance(key, Ed25519PublicKey):
        key.verify(signature, message)
        return
    from cryptography.exceptions import InvalidSignature

    try:
        if encode_dss_signature(*decode_dss_signature(signature)) != signature:  # one spelling of one signature
            raise InvalidSignature
    except ValueError:
        raise InvalidSignature from None
    key.verify(signature, message, _ecdsa())


def _ecdsa() -> Any:
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256

    return ECDSA(SHA256())


def _public(key: Ed25519PublicKey | EllipticCurvePublicKey, kind: str) -> PublicKey:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(kind, hashlib.sha256(pem).hexdigest(), pem, key)


def _private(key: Ed25519PrivateKey | EllipticCurvePrivateKey) -> PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if isinstance(key, Ed25519PrivateKey):
        return PrivateKey(_public(key.public_key(), KINDS[0]), key.sign)
    elliptic = key
    return PrivateKey(_public(elliptic.public_key(), KINDS[1]), lambda message: elliptic.sign(message, _ecdsa()))


def _content(path: Path, name: str, public: bool) -> bytes:
    """The PEM text of one key, public or private, whether or not it can be used here."""
    content = read_bounded(path, LARGEST, name, "name a PEM file with one key")
    if b"OPENSSH PRIVATE KEY" in content or content.startswith(OPENSSH):
        raise InputError(name, "it is a key in OpenSSH's form", "give one in PEM form; `certify attest --new-key FILE` "
                         "makes a pair")
    if public and b"PRIVATE KEY-----" in content:
        raise InputError(name, "it is a private key", "give the public key, which may be shown to everybody")
    if not public and b"PUBLIC KEY-----" in content and b"PRIVATE KEY-----" not in content:
        raise InputError(name, "it is a public key", "give the private key, which signs")
    blocks = len(re.findall(rb"-----BEGIN [A-Z0-9 ]*KEY-----", content))
    if blocks > 1:
        raise InputError(name, f"it holds {blocks} keys", "name a PEM file with one key")
    return content


def read_public(path: Path) -> PublicKey:
    """The public key of a PEM file.

    Raises:
        InputError: it holds none, a private one, or one of a kind that is not used here.
        MissingPackage: the package that signs is not installed.
    """
    require_package()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    name = f"public key {path}"
    content = _content(path, name, public=True)
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        raise InputError(name, "no public key in PEM form", USED) from None
    if isinstance(key, Ed25519PublicKey):
        return _public(key, KINDS[0])
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return _public(key, KINDS[1])
    raise InputError(name, "a key of another kind", USED)


def read_private(path: Path, password: Path | None = None) -> PrivateKey:
    """The private key of a PEM file, as :func:`read_all_private`."""
    return read_all_private([path], password)[0]


def read_all_private(paths: Sequence[Path], password: Path | None = None) -> list[PrivateKey]:
    """The private keys of PEM files.

    Args:
        paths: the files.
        password: a file whose first line is the password of those keys that have one.

    Raises:
        InputError: a file holds none or several, one of a kind that is not used here, or the password is wrong,
            missing, or of no use.
        MissingPackage: the package that signs is not installed.
    """
    require_package()
    word = None
    if password is not None:
        name = f"password file {password}"
        word = read_bounded(password, LARGEST, name, "name a file with the password").split(b"\n")[0].rstrip(b"\r")
        if not word:
            raise InputError(name, "its first line is empty", "write the password into it")
    opened = [_opened(path, word) for path in paths]
    if word is not None and not any(locked for _, locked in opened):
        raise InputError(f"private key {paths[0]}", "it has no password", "leave out --password-file")
    return [key for key, _ in opened]


def _opened(path: Path, word: bytes | None) -> tuple[PrivateKey, bool]:
    """The private key of a PEM file, and whether the password opened it."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    name = f"private key {path}"
    content = _content(path, name, public=False)
    locked = b"BEGIN ENCRYPTED PRIVATE KEY" in content or b"Proc-Type: 4,ENCRYPTED" in content
    if locked and word is None:
        raise InputError(name, "it has a password", "give --password-file")
    try:
        key = load_pem_private_key(content, word if locked else None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        found = "no private key that this password opens" if locked else "no private key in PEM form"
        raise InputError(name, found, USED) from None
    if isinstance(key, Ed25519PrivateKey):
        return _private(key), locked
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return _private(key), locked
    raise InputError(name, "a key of another kind", USED)


def open_to_others(path: Path) -> bool:
    """Whether other users of the machine may read a file."""
    return os.name != "nt" and bool(path.stat().st_mode & 0o077)


def write_new(path: Path, kind: str) -> PublicKey:
    """Make a key pair: the private key into `path`, which only its owner may read, the public one into `path.pub`.

    Neither replaces a file.

    Raises:
        InputError: a kind that is not known, one of the files is there, or the folder cannot be written.
        MissingPackage: the package that signs is not installed.
    """
    require_package()
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    if kind not in KINDS:
        raise InputError(f"--kind {kind}", "there is no such kind of key", f"use {' or '.join(KINDS)}")
    beside = path.with_name(f"{path.name}.pub")
    for one in (path, beside):
        if os.path.lexists(one):
            raise InputError(f"new key {path}", f"{one.name} is there already", "name another file")
    key = Ed25519PrivateKey.generate() if kind == KINDS[0] else generate_private_key(SECP256R1())
    made = _private(key)
    _create(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    try:
        _create(beside, made.public.pem, 0o644)
    except InputError:
        path.unlink(missing_ok=True)
        raise
    return made.public


def _create(path: Path, content: bytes, mode: int) -> None:
    """A new file, whole or not at all: a link to a finished one fails where something is."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.link(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except FileExistsError:
        raise InputError(f"new key {path}", f"{path.name} is there already", "name another file") from None
    except OSError as error:
        raise InputError(f"new key {path}", f"it cannot be written ({error.strerror})", "name another file") from None
