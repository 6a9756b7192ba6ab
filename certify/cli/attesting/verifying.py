"""What `certify verify` does: signatures first, then what was signed, then files, then the check again."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from certify.attestation.attested import verify
from certify.attestation.judged import Demand, judge, require_promise
from certify.attestation.keys import read_public
from certify.attestation.on_disk import DIGITS, Compared, compare, is_file, places, require_digest
from certify.attestation.summary import COMPARATORS, Summary
from certify.check.choices.allowed import Allowed
from certify.check.main import threshold_of
from certify.check.reading.certificate import Certificate, read_certificate
from certify.check.reading.certificate import Claim as CertifiedClaim
from certify.check.reading.files import Places, read_bytes
from certify.check.reading.spec import Gate, check_promise
from certify.check.run import Usage
from certify.cli.attesting.checked import Asked, checked, names_of, summary_of
from certify.cli.attesting.signing import Signed, members, refused
from certify.cli.attesting.words import found_words
from certify.cli.text import one_line
from certify.format.canonical import Json, same, show
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
        demands: thresholds that count instead of the signer's.
        recheck: whether to run the check again.
        signature_only: whether no other file is looked at.
    """

    file: Path
    keys: tuple[Path, ...]
    folders: tuple[Path, ...]
    beside: tuple[Path, ...]
    certificate: Path | None
    demands: tuple[Demand, ...]
    recheck: bool
    signature_only: bool


def verified(wanted: Wanted, tell: Callable[[str], None]) -> Signed:
    """Verify a signed file; the first thing that does not hold ends it.

    Raises:
        InputError: a key cannot be read, or a threshold is about what was not signed.
    """
    keys = [read_public(path) for path in wanted.keys]
    try:
        found = verify(wanted.file, list({key.keyid: key for key in keys}.values()))
        judged = judge(found.summary, wanted.demands)
        for demand in wanted.demands:
            check_promise(Gate(demand.quantity, demand.side, demand.value), f"--{demand.side}")
            require_promise(demand, found.summary)
        tell(f"signed by {len(found.keyids)} of {len(found.keyids)} keys given")
        compared = Compared((), ()) if wanted.signature_only else _files(wanted, found.summary)
        if wanted.recheck:
            _recheck(wanted, found.summary, compared.paths, tell)
    except Invalid as error:
        return refused(error)
    return Signed(one_line(f"signed by {', '.join(one[:DIGITS] for one in found.keyids)}: "
                           f"{found_words(judged, wanted.demands)}"),
                  members(judged, found.summary, list(found.keyids)) | {
                      "asked": list(map(str, wanted.demands)), "compared": list(compared.same),
                      "not_compared": list(compared.missing), "left_out": list(compared.left_out),
                      "rechecked": wanted.recheck},
                  tuple(map(one_line, _notes(wanted, found.summary, compared))), judged.status)


def _notes(wanted: Wanted, summary: Summary, compared: Compared) -> list[str]:
    """What was compared, what was not, and whose word the rest is."""
    notes = [*(f"same bytes as signed: {words}" for words in compared.same),
             *(f"not compared, not found: {words}" for words in compared.missing)]
    if compared.left_out:
        notes.append(f"not compared, left out of the folder when it was signed: {', '.join(compared.left_out)}")
    if wanted.signature_only:
        notes.append("not compared: no file but this one was looked at")
    if not wanted.demands:
        source = "the signer's command line, not the spec's alone" if summary.policy.asked else "those that were signed"
        notes.append(f"thresholds are {source}: --max and --min hold the signed ends against yours")
    notes.append("the check was run again, and found the same" if wanted.recheck else
                 "not checked again: the claims are the signer's word (--recheck runs the check again)")
    return [*notes, GENUINE]


def _files(wanted: Wanted, summary: Summary) -> Compared:
    """Subjects, inputs and certificate, as far as they are there; the certificate first, as it records places."""
    path = _certificate(wanted, summary)
    recorded: Mapping[str, Path] = {}
    if path is not None:
        recorded = Places(require_claims(summary, path).subject, path.parent, {}).found
    found = compare(summary, wanted.folders, wanted.beside, wanted.file, recorded)
    if path is None:
        return replace(found, missing=(*found.missing, f"certificate {summary.certificate.name}"))
    return replace(found, same=(*found.same, f"certificate {path}"))


def _certificate(wanted: Wanted, summary: Summary) -> Path | None:
    if wanted.certificate is not None:
        return wanted.certificate
    folders = (*wanted.folders, *wanted.beside)
    return next((path for path in places(summary.certificate.name, folders) if is_file(path)), None)


def require_claims(summary: Summary, path: Path) -> Certificate:
    """Refuse a certificate that is not the one signed, or that states other claims than were signed.

    Raises:
        Invalid: with the first thing that differs.
    """
    where = f"certificate {show(str(path))}"
    content = read_bytes(path, "certificate file")
    require_digest(summary.certificate, hashlib.sha256(content).hexdigest(), where)
    certificate = read_certificate(content, where)
    for place, claim in enumerate(summary.claims):
        own = claim.demand in summary.policy.asked  # a threshold that is said to be the signer's, and not the spec's
        theirs = {} if own or claim.threshold is None else {"threshold": claim.threshold.model_dump(mode="json")}
        signed = _stated(claim) | theirs
        if not any(same(signed, _stated(one) | ({} if own else _gate_of(one))) for one in certificate.claims):
            raise Invalid(f"claims[{place}]", f"{show(signed)} was signed", "the certificate has no such claim")
    inputs = {one.role: one.digest.sha256 for one in summary.inputs}
    bound = {role: record.sha256 for role, record in certificate.subject.items()}
    if inputs != bound:
        raise Invalid("inputs", f"{show(inputs)} was signed", f"the certificate binds {show(bound)}")
    return certificate


def _stated(claim: object) -> Json:
    return {name: getattr(claim, name) for name in ENDS}


def _gate_of(claim: CertifiedClaim[Json]) -> Json:
    """The threshold of the spec, as the certificate states it and the checker compared it."""
    gate = claim.gate or {}
    side = next((side for side in COMPARATORS if side in gate), None)
    if side is None:
        return {}
    return {"threshold": {"comparator": COMPARATORS[side], "value": gate[side], "severity": gate.get("severity")}}


ENDS = ("quantity", "theorem", "rigour", "lower", "upper", "unit")


def _recheck(wanted: Wanted, summary: Summary, paths: Mapping[str, Path], tell: Callable[[str], None]) -> None:
    """Run the check again under the signed policy, on the files that were compared, and refuse what differs.

    Names of files are words: digests decide.

    Raises:
        Invalid: the checker refuses, or finds something else.
    """
    path = _certificate(wanted, summary)
    if path is None:
        raise Invalid("certificate", f"{show(summary.certificate.name)} was signed", "it was not found; --certificate "
                      "says where it is")
    # what the certificate chose is in the summary, whose words say it
    chosen = Allowed(summary.problem.get("merge_duplicates") is True, summary.solution.tilt == "weights")
    asked = Asked(path, paths, tuple(map(_gate, summary.policy.asked)), summary.policy.within, chosen)
    try:
        result, digest = checked(asked, tell)
    except Usage as error:
        raise Invalid("policy", "it was signed", str(error)) from None
    names = names_of(asked, result, digest, None, None)
    again = summary_of(asked, result, digest, names, None, summary.time).as_json()
    signed = summary.as_json()
    for one in (again, signed):
        for file in (one["certificate"], *one["inputs"]):
            del file["name"]
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
