"""Envelopes: the signed bytes of a statement with their signatures (DSSE 1.0), alone or in a sigstore bundle 0.3.

A file holds one envelope or bundle a line (JSON Lines, as in-toto's bundles and those of GitHub). Every line is
canonical JSON: no key twice, no NaN, no other spelling. So a changed byte of the file is refused, wherever it is.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from certify.attestation.bounded import read_bounded
from certify.attestation.keys import PrivateKey, PublicKey
from certify.format.canonical import Json, decode, encode, kind, show
from certify.format.errors import InputError
from certify.format.refusal import Invalid

PAYLOAD: Final = "application/vnd.in-toto+json"
BUNDLE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"

LARGEST = 32 << 20
"""Bytes of a file of attestations, at most."""

COMMAS = 200
"""In a line, at most. Of an envelope nothing is signed before it is read, so what reading costs is bounded first."""

MOST = 8
"""Envelopes of a file, and signatures of an envelope, at most."""


@dataclass(frozen=True)
class Envelope:
    """A signed payload; nothing of it is believed before :func:`require_signed`.

    Attributes:
        payload_type: what the payload is.
        payload: the bytes.
        signatures: key and signature of each.
    """

    payload_type: str
    payload: bytes
    signatures: tuple[tuple[str, bytes], ...]

    @property
    def message(self) -> bytes:
        """What is signed: type and payload, each with its length (PAE of DSSE 1.0).

        >>> Envelope("http://example.com/HelloWorld", b"hello world", ()).message
        b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
        """
        name = self.payload_type.encode("utf-8")
        return b"DSSEv1 %d %b %d %b" % (len(name), name, len(self.payload), self.payload)


def signed(payload: bytes, keys: Sequence[PrivateKey]) -> Envelope:
    """An in-toto payload with the signature of each key."""
    message = Envelope(PAYLOAD, payload, ()).message
    return Envelope(PAYLOAD, payload, tuple((key.public.keyid, key.sign(message)) for key in keys))


def require_signed(envelope: Envelope, keys: Sequence[PublicKey], where: str) -> None:
    """Refuse an envelope that is not signed by all of these keys, and by no other.

    Args:
        envelope: it.
        keys: the keys that the caller trusts.
        where: its place, for messages.

    Raises:
        Invalid: with the first thing that is wrong.
    """
    if envelope.payload_type != PAYLOAD:
        raise Invalid(f"{where}payloadType", show(envelope.payload_type), f"{PAYLOAD} is needed")
    known = {key.keyid: key for key in keys}
    done = set()
    for place, (keyid, signature) in enumerate(envelope.signatures):
        at = f"{where}signatures[{place}]"
        if keyid not in known:
            raise Invalid(at, f"key {show(keyid)} signed", f"the keys given are {', '.join(known)}")
        if keyid in done:
            raise Invalid(at, f"key {show(keyid)} signed", "it has signed already")
        if not known[keyid].verified(signature, envelope.message):
            raise Invalid(at, f"key {show(keyid)} is named", f"this {known[keyid].kind} key did not sign these bytes")
        done.add(keyid)
    missing = [keyid for keyid in known if keyid not in done]
    if missing:
        raise Invalid(f"{where}signatures", f"{len(done)} are there", f"key {missing[0]} did not sign")


def _dsse(envelope: Envelope) -> Json:
    return {"payload": base64.b64encode(envelope.payload).decode(), "payloadType": envelope.payload_type,
            "signatures": [{"keyid": keyid, "sig": base64.b64encode(signature).decode()}
                           for keyid, signature in envelope.signatures]}


def _bundle(envelope: Envelope) -> Json:
    return {"mediaType": BUNDLE, "dsseEnvelope": _dsse(envelope), "verificationMaterial": {
        "publicKey": {"hint": envelope.signatures[0][0]}, "tlogEntries": []}}


FORMS: Final[dict[str, Callable[[Envelope], Json]]] = {"dsse": _dsse, "bundle": _bundle}
"""How an envelope is written. A bundle names the key by a hint; no transparency log was asked."""


def written(envelopes: Sequence[Envelope], form: str) -> bytes:
    """A file of envelopes.

    Raises:
        InputError: it is longer, or has more signatures, than what is read again.
    """
    most = max((len(envelope.signatures) for envelope in envelopes), default=0)
    if most > (allowed := 1 if form == "bundle" else MOST):
        raise InputError(f"--format {form}", f"{most} keys sign", f"{allowed} can in this format; give fewer --key" + (
            ", or --format dsse" if form == "bundle" else ""))
    content = b"".join(encode(FORMS[form](envelope)) for envelope in envelopes)
    if len(content) > LARGEST:
        raise InputError("attestation", f"it is longer than {LARGEST} bytes", "leave files out of the folder with "
                         "--ignore")
    return content


def read_envelopes(path: Path) -> tuple[Envelope, ...]:
    """The envelopes of a file.

    Raises:
        Invalid: it cannot be read, is too large, or is not as it was written.
    """
    name = f"attestation file {show(str(path))}"
    try:
        content = read_bounded(path, LARGEST, name, "name another")
    except InputError as error:
        raise Invalid(name, "it is named", error.found) from None
    return parsed(content)


def parsed(content: bytes) -> tuple[Envelope, ...]:
    """The envelopes of the bytes of a file.

    Raises:
        Invalid: they are too many, or not as they were written.
    """
    if len(content) > LARGEST:
        raise Invalid("file", f"it is longer than {LARGEST} bytes", "an attestation is shorter")
    lines = content.splitlines(keepends=True)
    if not 1 <= len(lines) <= MOST:
        raise Invalid("file", f"it has {len(lines)} lines", f"1 to {MOST} attestations are needed, one a line")
    return tuple(_envelope(line, f"line {number}: ") for number, line in enumerate(lines, start=1))


def _envelope(line: bytes, where: str) -> Envelope:
    if line.count(b",") > COMMAS:
        raise Invalid(f"{where}envelope", f"it has more than {COMMAS} commas", "an envelope has a few members")
    top = decode(line, f"{where}envelope")
    if "mediaType" not in top:
        return _of_dsse(top, where)
    members(top, f"{where}bundle", ("mediaType", "dsseEnvelope", "verificationMaterial"))
    if top["mediaType"] != BUNDLE:
        raise Invalid(f"{where}mediaType", show(top["mediaType"]), f"{BUNDLE} is needed")
    material = members(top["verificationMaterial"], f"{where}verificationMaterial", ("publicKey", "tlogEntries"))
    if material["tlogEntries"] != []:
        raise Invalid(f"{where}tlogEntries", "there are some", "entries of a transparency log are not read here")
    hint = members(material["publicKey"], f"{where}publicKey", ("hint",))["hint"]
    found = _of_dsse(top["dsseEnvelope"], where)
    if len(found.signatures) != 1:
        raise Invalid(f"{where}signatures", f"{len(found.signatures)} of them", "a bundle has one signature")
    if hint != found.signatures[0][0]:
        raise Invalid(f"{where}hint", show(hint), f"the first signature is of key {show(found.signatures[0][0])}")
    return found


def _of_dsse(value: object, where: str) -> Envelope:
    top = members(value, f"{where}envelope", ("payload", "payloadType", "signatures"))
    listed = top["signatures"]
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST:
        raise Invalid(f"{where}signatures", kind(listed) if not isinstance(listed, list) else f"{len(listed)} of them",
                      f"a list of 1 to {MOST} signatures is needed")
    signatures = []
    for place, one in enumerate(listed):
        at = f"{where}signatures[{place}]"
        members(one, at, ("keyid", "sig"))
        signatures.append((_text(one["keyid"], f"{at}.keyid"), _base64(one["sig"], f"{at}.sig")))
    return Envelope(_text(top["payloadType"], f"{where}payloadType"), _base64(top["payload"], f"{where}payload"),
                    tuple(signatures))


def members(value: object, where: str, names: Sequence[str]) -> Json:
    """An object with these members, and no others.

    Raises:
        Invalid: it is none.
    """
    if not isinstance(value, dict):
        raise Invalid(where, kind(value), "an object is needed")
    for name in sorted({*value, *names}):
        if name not in value or name not in names:
            raise Invalid(f"{where}.{name}"[:200], "it is there" if name in value else "it is missing",
                          f"the members are {', '.join(names)}")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise Invalid(where, kind(value), "a string is needed")
    return value


def _base64(value: object, where: str) -> bytes:
    """Bytes in base64, of which there is one spelling."""
    text = _text(value, where)
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid(where, show(text, 40), "whole base64 is needed") from None
    if base64.b64encode(content).decode() != text:
        raise Invalid(where, show(text, 40), "base64 has one spelling of these bytes, and this is another")
    return content
