"""What a tracker is told of a certificate, the same for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from certify.certificate import read_certificate
from certify.format.errors import InputError, MissingPackage
from certify.prove.gates import gates_of
from certify.report.exporters.metrics import measured
from certify.report.messages import verdict_line

BESIDE: Final = ("report.html", "witness.safetensors")


@dataclass(frozen=True)
class Logged:
    """A certificate as trackers take it.

    Attributes:
        metrics: both ends of each claim, ``NAME.lower`` and ``NAME.upper``; an end that is not proved is left out.
        tags: words: ``NAME.verdict``, ``NAME.rigour``, ``NAME.gate`` (``met``, ``failed``, ``open``) where there is
            a gate, ``NAME.over_time.gate`` where one holds it against a baseline; and of the whole certificate its
            verdict, the state of its gates, its digest and the version.
        files: the certificate and what lies beside it.
    """

    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    files: tuple[Path, ...]


def logged(certificate: str | Path) -> Logged:
    """Read a certificate strictly, and say what a tracker is told.

    NAME is the quantity; of several claims about one quantity the second is ``NAME.2``, and so on. Nothing here checks
    a claim: that is `certify check`.

    Args:
        certificate: a ``certificate.json``.

    Raises:
        InputError: it cannot be read.
        CertificateError: it is damaged or contradicts itself.
    """
    path = Path(certificate)
    content = read_certificate(path)
    tags = {"certify.verdict": content["verdict"], "certify.gates": gates_of(content),
            "certify.certificate": content["digest"], "certify.version": content["certify_version"],
            "certify.line": verdict_line(content)}
    claims = measured(content)
    metrics = {f"{name}.{end}": float(claim[end]) for name, claim in claims.items() for end in ("lower", "upper")
               if claim.get(end) is not None}
    tags |= {f"{name}.{word}": claim[word] for name, claim in claims.items()
             for word in ("verdict", "gate", "rigour", "asked", "suppressed") if claim.get(word) is not None}
    found = (path, *(path.with_name(name) for name in BESIDE if _bound(content, path, name)))
    return Logged(metrics, tags, found)


def _bound(content: Mapping[str, Any], path: Path, name: str) -> bool:
    """Whether a file beside a certificate is its own: a page or a side file of another one is not logged with it."""
    from certify.spec.sources import sha256_file

    other = path.with_name(name)
    if not other.is_file():
        return False
    if name == "report.html":
        return str(content["digest"]).partition(":")[2] in other.read_text(encoding="utf-8", errors="replace")
    witness = content["subject"].get("witness")
    return witness is not None and witness["path"] == name and witness["sha256"] == sha256_file(other)


def package(name: str, install: str) -> Any:
    """A tracker's package, imported when it is used.

    Raises:
        MissingPackage: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError:
        raise MissingPackage(f"log to {name}", f"{name} is not installed", f"run pip install {install}") from None


def require(found: bool, asked: str, reason: str, remedy: str) -> None:
    """Refuse unless something is so.

    Raises:
        InputError: it is not.
    """
    if not found:
        raise InputError(asked, reason, remedy)
