"""One kept proof as one file: a line that says what is in it, the certificate, and its side file."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from certify.certificate.canonical import canonical_bytes
from certify.certificate.read import parse_certificate
from certify.format.errors import CertifyError
from certify.gating.cache.key import FORMAT, Key
from certify.report.reading import open_certificate

LARGEST: Final = 1 << 30
"""Bytes of an entry at most."""

FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
"""An entry is opened without waiting, and through no link."""

HEAD: Final = 4096
"""Bytes of its first line at most."""

Threshold = tuple[str, Mapping[str, Any] | None]

MEMBERS: Final = {"format", "key", "certificate", "certificate_sha256", "witness", "witness_sha256", "page_sha256"}


@dataclass(frozen=True)
class Entry:
    """A proof that was kept.

    Attributes:
        certificate: its content.
        witness: the bytes of its side file; empty where it has none.
        page: SHA-256 of the page that was written with it.
    """

    certificate: dict[str, Any]
    witness: bytes
    page: str


class Refused(Exception):  # noqa: N818 — what is refused is proved again
    """An entry that is not what was kept."""


def packed(key: Key, entry: Entry) -> bytes:
    """The bytes of an entry."""
    content = canonical_bytes(entry.certificate)
    head = {"format": FORMAT, "key": key.mark, "certificate": len(content), "certificate_sha256": _sha(content),
            "witness": len(entry.witness), "witness_sha256": _sha(entry.witness), "page_sha256": entry.page}
    return canonical_bytes(head) + content + entry.witness


def read(path: Path, key: Key, thresholds: Sequence[Threshold]) -> Entry | None:
    """Read an entry and hold it against the run that asks for it; None where there is none.

    Args:
        path: the entry.
        key: of this run.
        thresholds: of each gate of the spec its quantity, and its threshold as a certificate states it, less its state;
            empty where the spec has no gate.

    Raises:
        Refused: a link, another size or digest, another key, a certificate that is not whole or contradicts itself, one
            about other bytes, another version, another machine or other gates.
    """
    data = _bytes(path)
    if data is None:
        return None
    end = data.find(b"\n", 0, HEAD)
    try:
        head = json.loads(data[:max(end, 0)])
    except ValueError:
        raise Refused("its first line is not JSON") from None
    if not isinstance(head, dict) or set(head) != MEMBERS or head["format"] != FORMAT:
        raise Refused("it is no entry of this version")
    if head["key"] != key.mark:
        raise Refused("it is the entry of another key")
    sizes = head["certificate"], head["witness"]
    if not all(type(size) is int and size >= 0 for size in sizes) or len(data) != end + 1 + sum(sizes):
        raise Refused("it is not as long as it says")
    content, witness = data[end + 1:end + 1 + sizes[0]], data[end + 1 + sizes[0]:]
    if (_sha(content), _sha(witness)) != (head["certificate_sha256"], head["witness_sha256"]):
        raise Refused("its content has another digest")
    try:
        certificate = parse_certificate(content, "its certificate")
        open_certificate(certificate)
    except CertifyError as error:
        raise Refused(str(error)) from None
    _require_own(certificate, witness, key, thresholds)
    return Entry(certificate, witness, str(head["page_sha256"]))


def _require_own(certificate: Mapping[str, Any], witness: bytes, key: Key,
                 thresholds: Sequence[Threshold]) -> None:
    """Refuse a certificate that is not about this run."""
    subject = {role: file for role, file in certificate["subject"].items() if role != "witness"}
    if subject != key.subject:
        raise Refused("its certificate is about other files")
    side = certificate["subject"].get("witness")
    if (side is None) != (not witness) or (side is not None and side["sha256"] != _sha(witness)):
        raise Refused("its side file is not the one that its certificate names")
    tested = {name: certificate["environment"].get(name) for name in key.environment}
    if tested != dict(key.environment):
        raise Refused("its certificate was written on another machine")
    stated = [(claim["quantity"], None if claim["gate"] is None else {k: v for k, v in claim["gate"].items()
                                                                      if k != "state"})
              for claim in certificate["claims"]]
    if stated != ([*thresholds] or [(quantity, None) for quantity, _ in stated]):
        raise Refused("its gates are not those of the spec")
    if "over_time" in certificate or "suppressed" in certificate:
        raise Refused("its certificate says more than a proof")


def _bytes(path: Path) -> bytes | None:
    """The bytes of a regular file that is no link; None where there is none."""
    try:
        with open(os.open(path, FLAGS), "rb") as file:
            there = os.fstat(file.fileno())
            if not stat.S_ISREG(there.st_mode):
                raise Refused("it is no regular file")
            if there.st_size > LARGEST:
                raise Refused(f"it has more than {LARGEST} bytes")
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refused(f"it cannot be read, or is a link ({error.strerror})") from None
    if len(data) > LARGEST:
        raise Refused(f"it has more than {LARGEST} bytes")
    return data


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
