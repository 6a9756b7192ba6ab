"""From a check of a certificate to the summary that is signed: what the checker proved, and nothing it only read."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from certify._version import __version__
from certify.attestation.abridged import abridged
from certify.attestation.manifest import Manifest, in_order, require_text, root
from certify.attestation.summary import COMPARATORS, PROVED, SOUNDNESS, VERIFIER, Summary, read_summary
from certify.check.choices.allowed import Allowed
from certify.check.reading.certificate import read_certificate
from certify.check.reading.files import read_bytes
from certify.check.reading.spec import Gate
from certify.check.run import Result, check
from certify.check.verdicts import Outcome
from certify.format.canonical import Json
from certify.format.errors import InputError
from certify.format.refusal import Invalid
from certify.spec.sources import sha256_file


@dataclass(frozen=True)
class Asked:
    """What the caller of the checker chose.

    Attributes:
        certificate: the file.
        given: paths of its files by role; None for the recorded ones.
        gates: thresholds instead of the spec's.
        within: cap instead of the spec's.
        allowed: what the certificate may choose, beside the spec.
    """

    certificate: Path
    given: Mapping[str, Path | None]
    gates: Sequence[Gate] = ()
    within: float | None = None
    allowed: Allowed = Allowed()


def checked(asked: Asked, tell: Callable[[str], None]) -> tuple[Result, str]:
    """Run the checker: its result, and the SHA-256 of the certificate that it accepted.

    Raises:
        Invalid: the checker refuses, or the certificate changed while it was checked.
        Usage: a threshold or a cap is about nothing.
    """
    content = read_bytes(asked.certificate, "certificate file")
    result = check(asked.certificate, dict(asked.given), asked.gates, tell, asked.within, allowed=asked.allowed)
    if read_certificate(content) != result.certificate:
        raise Invalid("certificate file", "it was read twice", "it changed while it was checked")
    return result, hashlib.sha256(content).hexdigest()


def summary_of(asked: Asked, result: Result, digest: str, names: Mapping[str, str], folder: Manifest | None,
               now: str) -> Summary:
    """The summary of a check.

    Args:
        asked: what was asked of the checker.
        result: what came of it.
        digest: of the certificate.
        names: of its files by role, and its own.
        folder: the folder that is a subject.
        now: the time.
    """
    near, base = result.near, result.certificate.base
    value: Json = {
        "verifier": verifier(),
        "timeVerified": now,
        "certificate": {"name": names["certificate"], "digest": {"sha256": digest}},
        "inputs": [{"role": role, "name": names[role], "digest": {"sha256": sha256}}
                   for role, _, sha256 in result.files],
        "folder": None if folder is None else {
            "name": folder.name, "ignored": list(folder.ignored),
            "resources": [{"name": name, "digest": {"sha256": sha256}} for name, sha256 in folder.files]},
        "policy": {"source": result.source, "within": asked.within,
                   "asked": [f"{gate.side} {gate.quantity}={gate.value!r}" for gate in asked.gates]},
        "soundness": {"mode": PROVED, "means": SOUNDNESS},
        "problem": abridged(result.certificate.problem),
        "solution": {"distance": base.distance, "within": None if near is None else near.within,
                     "far": near is not None and near.far, "tilt": base.tilt,
                     "shift_norm": base.shift_norm if base.tilt is not None else None},
        "claims": [claim_of(outcome, result.certificate.problem) for outcome in result.outcomes],
        "verdict": result.verdict,
        "gates": result.gates,
    }
    return read_summary(value, "summary")


def claim_of(outcome: Outcome, problem: Json) -> Json:
    """One claim: stated ends, which the checker proved to hold, and what follows; a stated reason is left out."""
    claim, gate = outcome.claim, outcome.gate
    return {
        "quantity": claim.quantity, "theorem": claim.theorem, "rigour": claim.rigour,
        "lower": claim.lower, "upper": claim.upper, "infinite": claim.witness.infinite is not None,
        "scope": claim.witness.scope(claim, problem), "unit": claim.unit,
        "threshold": None if gate is None else {
            "comparator": COMPARATORS[gate.side], "value": gate.value, "severity": gate.severity},
        "verdict": outcome.verdict, "state": outcome.state,
    }


def verifier() -> Json:
    """The checker: its versions, and the digest of its files, as that of a folder."""
    found = {"certify": __version__, "python": platform.python_version()}
    try:
        found["python-flint"] = version("python-flint")
    except PackageNotFoundError:  # pragma: no cover — a copy that was put there by hand
        found["python-flint"] = "unknown"
    return {"id": VERIFIER, "version": found, "digest": {"sha256": checker_digest()}}


def checker_digest() -> str:
    """The digest of the folders `check` and `format` of certify, of their Python files alone."""
    import certify.check
    import certify.format

    digests = {}
    for package in (certify.check, certify.format):
        folder = Path(package.__path__[0])
        for path in folder.rglob("*.py"):
            digests[path.relative_to(folder.parent).as_posix()] = sha256_file(path, "checker's")
    return root(digests[path] for path in in_order(digests))


def timestamp() -> str:
    """UTC now, or the time that a reproducible build asks for."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH", "")
    seconds = int(fixed) if re.fullmatch("[0-9]{1,11}", fixed) else time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def names_of(
    asked: Asked, result: Result, digest: str, folder: Path | None, listed: Manifest | None,
) -> dict[str, str]:
    """The names of certificate and files on the disk: in a folder that is a subject their places, else their own.

    A certificate records ways to files, which are words of whoever wrote it: they are not signed.

    Raises:
        InputError: a name is not UTF-8.
    """
    digests = {} if listed is None else dict(listed.files)
    names = {}
    for role, found, sha256 in (("certificate", str(asked.certificate), digest), *result.files):
        path = Path(found)
        require_text(path.name, f"{role} {path}")
        names[role] = path.name
        if folder is None:
            continue
        place = path.resolve()
        inside = place.relative_to(folder.resolve()).as_posix() if place.is_relative_to(folder.resolve()) else ""
        if digests.get(inside) == sha256:
            names[role] = inside
        elif role == "model":
            names[role] = next(name for name, digest in digests.items() if digest == sha256)
    return names


def require_model_in(folder: Manifest, result: Result) -> None:
    """Refuse a folder that does not hold the model that was checked.

    Raises:
        InputError: none of its files has the model's bytes.
    """
    model = next(sha256 for role, _, sha256 in result.files if role == "model")
    if model not in (sha256 for _, sha256 in folder.files):
        raise InputError(f"--folder {folder.name}", "it does not hold the model that was checked",
                         "name the folder that the model file lies in")
