"""What a proof rests on, as one digest: the bytes of every file, the program, and what this machine's test found."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from certify._version import __version__
from certify.certificate.build import subject_member
from certify.certificate.canonical import canonical_bytes
from certify.format.errors import InputError
from certify.spec.sources import Digest

if TYPE_CHECKING:
    from certify.spec.models import Spec

FORMAT: Final = "certify-cache/1"
AT_ONCE: Final = 1 << 20
"""Bytes of a file that are hashed at once."""


@dataclass(frozen=True)
class Key:
    """What a proof rests on.

    Attributes:
        mark: the digest.
        sources: path, digest and size of every file that the spec names, and of the spec, by role.
        subject: the same as a certificate states it.
        environment: what the self-test of this machine found.
    """

    mark: str
    sources: Mapping[str, Digest]
    subject: Mapping[str, Any]
    environment: Mapping[str, Any]


def key_of(spec: Spec, path: Path, folder: Path, merge_duplicates: bool) -> Key | str:
    """The key of a run, or why its proof is not kept.

    Args:
        spec: the spec.
        path: its file.
        folder: where the certificate will lie: it names files as seen from there.
        merge_duplicates: as of the run.

    Raises:
        InputError: a file cannot be read.
        EnvironmentRefused: nothing can be proved on this machine.
    """
    from certify.rigor.environment import recorded

    if spec.model.factory is not None:
        return "model.factory is code, of which no digest says what it does"
    sources = {role: digest_of(file, role) for role, file in _files(spec, path)}
    subject, tested = subject_member(sources, folder), recorded()
    content = {"format": FORMAT, "certify": __version__, "program": program(), "subject": subject,
               "merge_duplicates": merge_duplicates, "machine": tested, "processors": os.cpu_count()}
    return Key(hashlib.sha256(canonical_bytes(content)).hexdigest(), sources, subject, tested)


def _files(spec: Spec, path: Path) -> Iterator[tuple[str, Path]]:
    """The spec and every file that it names, by role."""
    evaluation = None if spec.evaluation is None else spec.evaluation.file
    named = {"model": spec.model.file, "graph": spec.model.graph, "data": spec.data.file,
             "reference": spec.weights.reference, "change": spec.perturbation.file, "evaluation": evaluation}
    yield "spec", path
    yield from ((role, path.parent / file) for role, file in named.items() if file is not None)


def digest_of(path: Path, role: str) -> Digest:
    """Path, digest and size of a regular file, of which little is in memory at a time.

    Raises:
        InputError: it cannot be read.
    """
    total, found = 0, hashlib.sha256()
    try:
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as handle:
            if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
                raise InputError(f"{role} file {path}", "not a regular file", "name a file")
            while block := handle.read(AT_ONCE):
                found.update(block)
                total += len(block)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{role} file {path}", f"cannot be read ({reason})", "check the path") from None
    return Digest(path, found.hexdigest(), total)


@cache
def program() -> str:
    """The digest of the source files of certify itself: a version under development has no number of its own."""
    root, found = Path(__file__).resolve().parents[2], hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        content = path.read_bytes()
        found.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode() + content)
    return found.hexdigest()
