"""Keys in PEM files: Ed25519, and ECDSA on the curve P-256 with SHA-256.

A key's name is the SHA-256 of its public PEM text, as OpenSSF model-signing writes it into its bundles. The kind of a
signature is that of the key which the caller gives. Nothing in a signed file chooses it.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from certify.format.errors import InputError, MissingPackage

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

LARGEST = 64 << 10
"""Bytes of a key file, at most."""

KINDS = ("ed25519", "ecdsa")
"""What `certify attest --new-key` makes."""

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


def _content(path: Path, name: str) -> bytes:
    try:
        if not path.is_file():
            raise InputError(name, "it is a folder" if path.is_dir() else "there is no such file", "name a PEM file")
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise InputError(name, f"it cannot be read ({error.strerror})", "name a PEM file") from None
    if len(content) > LARGEST:
        raise InputError(name, f"it is longer than {LARGEST} bytes", "name a PEM file with one key")
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
    content = _content(path, name)
    if b"PRIVATE KEY" in content:
        raise InputError(name, "it is a private key", "give the public key, which may be shown to everybody")
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
    """The private key of a PEM file.

    Args:
        path: the file.
        password: a file whose first line is the password of the key.

    Raises:
        InputError: it holds none, one of a kind that is not used here, or the password is wrong or missing.
        MissingPackage: the package that signs is not installed.
    """
    require_package()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    name = f"private key {path}"
    content = _content(path, name)
    word = None if password is None else _content(password, f"password file {password}").split(b"\n")[0].rstrip(b"\r")
    try:
        key = load_pem_private_key(content, word)
    except TypeError:
        found = "it has a password" if word is None else "it has no password"
        remedy = "give --password-file" if word is None else "leave out --password-file"
        raise InputError(name, found, remedy) from None
    except (ValueError, UnsupportedAlgorithm):
        found = "no private key in PEM form" if word is None else "no private key that this password opens"
        raise InputError(name, found, USED) from None
    if isinstance(key, Ed25519PrivateKey):
        return _private(key)
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return _private(key)
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
