"""What `certify verify` does: signatures first, then what was signed, then files, then the check again."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from certify.attestation.attested import verify
from certify.attestation.keys import read_public
from certify.attestation.on_disk import DIGITS, Compared, compare, is_file, places, require_digest
from certify.attestation.summary import Summary
from certify.check.main import threshold_of
from certify.check.reading.certificate import read_certificate
from certify.check.reading.files import read_bytes
from certify.check.reading.spec import Gate
from certify.check.run import Usage
from certify.cli.attesting.derived import Asked, derive, summary_of
from certify.cli.attesting.signing import Signed, members, refused
from certify.cli.attesting.words import derived_words
from certify.cli.text import one_line
from certify.format.canonical import same, show
from certify.format.refusal import Invalid

GENUINE = "note: a signature says whose key signed this; it does not say that model or data are genuine"
AGAIN = ("verifier", "timeVerified", "folder")
"""Members of a summary that another run of the check need not repeat: its version, its time, and a folder's files."""


@dataclass(frozen=True)
class Wanted:
    """What the caller trusts, has and asks for.

    Attributes:
        file: the signed file.
        keys: files of public keys.
        folders: where the model is, and other files may be; those that the caller named.
        beside: where files are looked for too.
        certificate: the certificate, where it is named.
        recheck: whether to run the check again.
        signature_only: whether no other file is looked at.
    """

    file: Path
    keys: tuple[Path, ...]
    folders: tuple[Path, ...]
    beside: tuple[Path, ...]
    certificate: Path | None
    recheck: bool
    signature_only: bool


def verified(wanted: Wanted, tell: Callable[[str], None]) -> Signed:
    """Verify a signed file; the first thing that does not hold ends it.

    Raises:
        InputError: a key cannot be read.
    """
    keys = [read_public(path) for path in wanted.keys]
    try:
        found = verify(wanted.file, list({key.keyid: key for key in keys}.values()))
        tell(f"signed by {len(found.keyids)} of {len(found.keyids)} keys given")
        compared = Compared((), ()) if wanted.signature_only else _files(wanted, found.summary)
        if wanted.recheck:
            _recheck(wanted, found.summary, tell)
    except Invalid as error:
        return refused(error)
    notes = [*(f"same bytes as signed: {words}" for words in compared.same),
             *(f"not compared, not found: {words}" for words in compared.missing)]
    if compared.left_out:
        notes.append(f"not compared, left out of the folder when it was signed: {', '.join(compared.left_out)}")
    if wanted.signature_only:
        notes.append("not compared: no file but this one was looked at")
    if wanted.recheck:
        notes.append("the check was run again, and derived the same")
    else:
        notes.append("not checked again: the claims are the signer's word (--recheck derives them again)")
    more = {"compared": list(compared.same), "not_compared": list(compared.missing),
            "left_out": list(compared.left_out), "rechecked": wanted.recheck}
    signers = ", ".join(one[:DIGITS] for one in found.keyids)
    return Signed(one_line(f"signed by {signers}: {derived_words(found.summary)}"),
                  members(found.summary, list(found.keyids)) | more, tuple(map(one_line, [*notes, GENUINE])),
                  found.summary.status)


def _files(wanted: Wanted, summary: Summary) -> Compared:
    """Subjects, inputs and certificate, as far as they are there."""
    found = compare(summary, wanted.folders, wanted.beside, wanted.file)
    path = _certificate(wanted, summary)
    if path is None:
        return replace(found, missing=(*found.missing, f"certificate {summary.certificate.name}"))
    require_claims(summary, path)
    return replace(found, same=(*found.same, f"certificate {path}"))


def _certificate(wanted: Wanted, summary: Summary) -> Path | None:
    if wanted.certificate is not None:
        return wanted.certificate
    return _first(summary.certificate.name, (*wanted.folders, *wanted.beside))


def _first(name: str, folders: Iterable[Path]) -> Path | None:
    return next((path for path in places(name, folders) if is_file(path)), None)


def require_claims(summary: Summary, path: Path) -> None:
    """Refuse a certificate that is not the one signed, or that states other claims than were signed.

    Raises:
        Invalid: with the first thing that differs.
    """
    where = f"certificate {show(str(path))}"
    content = read_bytes(path, "certificate file")
    require_digest(summary.certificate, hashlib.sha256(content).hexdigest(), where)
    certificate = read_certificate(content, where)
    stated = [{name: getattr(claim, name) for name in ENDS} for claim in certificate.claims]
    for place, claim in enumerate(summary.claims):
        derived = {name: getattr(claim, name) for name in ENDS}
        if not any(same(derived, one) for one in stated):
            raise Invalid(f"claims[{place}]", f"{show(derived)} was signed", "the certificate has no such claim")
    signed = {one.role: one.digest.sha256 for one in summary.inputs}
    bound = {role: record.sha256 for role, record in certificate.subject.items()}
    if signed != bound:
        raise Invalid("inputs", f"{show(signed)} was signed", f"the certificate binds {show(bound)}")


ENDS = ("quantity", "theorem", "rigour", "lower", "upper", "unit")


def _recheck(wanted: Wanted, summary: Summary, tell: Callable[[str], None]) -> None:
    """Run the check again under the signed policy, and refuse anything that comes out otherwise.

    Raises:
        Invalid: the checker refuses, or derives something else.
    """
    path = _certificate(wanted, summary)
    if path is None:
        raise Invalid("certificate", f"{show(summary.certificate.name)} was signed", "it was not found; --certificate "
                      "says where it is")
    given: dict[str, Path | None] = {one.role: _first(one.name, (*wanted.folders, *wanted.beside))
                                     for one in summary.inputs}
    asked = Asked(path, given, tuple(map(_gate, summary.policy.asked)), summary.policy.within)
    try:
        result, digest = derive(asked, tell)
    except Usage as error:
        raise Invalid("policy", "it was signed", str(error)) from None
    again, signed = summary_of(asked, result, digest, None, summary.time).as_json(), summary.as_json()
    again["certificate"]["name"] = signed["certificate"]["name"]
    for name in sorted(again):
        if name not in AGAIN and not same(again[name], signed[name]):
            where, stated, found = _difference(name, signed[name], again[name])
            raise Invalid(where, f"{show(stated)} was signed", f"the check gives {show(found)}")


def _difference(where: str, a: object, b: object) -> tuple[str, object, object]:
    """The innermost first part in which two values differ, which do, and where it is."""
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        parts: Iterable[tuple[str, object, object]] = ((f"{where}.{name}", a[name], b[name]) for name in sorted(a))
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        parts = ((f"{where}[{place}]", *pair) for place, pair in enumerate(zip(a, b, strict=True)))
    elif isinstance(a, list) and isinstance(b, list):
        return f"number of {where}", len(a), len(b)
    else:
        return where, a, b
    return next(_difference(*part) for part in parts if not same(*part[1:]))


def _gate(text: str) -> Gate:
    """A threshold as the policy writes it."""
    side, _, value = text.partition(" ")
    if side not in ("max", "min"):
        raise Invalid("policy.asked", show(text), "max or min, and QUANTITY=VALUE, are needed")
    try:
        return threshold_of(side)(value)
    except argparse.ArgumentTypeError as error:
        raise Invalid("policy.asked", show(text), str(error)) from None
