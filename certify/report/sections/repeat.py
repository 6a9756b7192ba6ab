"""The commands that make a certificate again and check it, and the files that it is bound to."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from certify.certificate.schema import Certificate, File, Problem, Subject
from certify.report.digits import count
from certify.report.messages import unchecked
from certify.report.section import Section
from certify.report.statements import BoundFile, visible


@dataclass(frozen=True)
class Repeat:
    """Commands, each with its purpose; files; the digest of the certificate."""

    commands: tuple[tuple[str, str], ...]
    files: tuple[BoundFile, ...]
    digest: str


def _build(opened: Certificate) -> Repeat:
    return Repeat(_commands(opened), (*_files(opened.subject), *_origin(opened.problem)), opened.digest)


def _commands(opened: Certificate) -> tuple[tuple[str, str], ...]:
    """The command that makes the certificate again and the one that checks it if it can, quoted for a shell."""
    spec = opened.subject.spec.path
    run = ["certify", "run", *(["--merge-duplicates"] if opened.problem.merge_duplicates else [])]
    run += [*(["-o", "."] if "/" in spec else []), spec if not spec.startswith("-") else f"./{spec}"]
    check = ["certify", "check", "certificate.json"]
    # what the certificate chose counts for who asks for it
    check += ["--merge-duplicates"] if opened.problem.merge_duplicates else []
    check += ["--weight-tilt"] if opened.base.tilt == "weights" else []
    for claim in opened.claims:
        if claim.gate is not None and claim.gate.severity == "fail":  # a threshold given to the checker always counts
            side, value = ("min", claim.gate.min) if claim.gate.max is None else ("max", claim.gate.max)
            check += [f"--{side}", f"{claim.quantity}={value!r}"]
    place = None if opened.over_time is None else opened.over_time.baseline
    if place is not None:
        run[2:2] = check[3:3] = ["--baseline", place.path]
    barred = unchecked({"model": opened.subject.model.path, "data": opened.subject.data.path})
    but = "".join(f". It {words}" for words in barred)
    return (
        ("Make it again, in the folder of the certificate", visible(shlex.join(run))),
        (visible(f"Check it against the original files, with independent code{but}"), visible(shlex.join(check))),
    )


def _files(subject: Subject) -> tuple[BoundFile, ...]:
    named = [(subject.spec, "specification"), (subject.model, "network"), (subject.data, "training data")]
    if subject.change is not None:
        named.append((subject.change, "change of the data"))
    if subject.graph is not None:
        named.insert(2, (subject.graph, "graph of the network"))
    if subject.reference is not None:
        named.append((subject.reference, "reference rows"))
    if subject.evaluation is not None:
        named.append((subject.evaluation, "evaluation rows"))
    witness = () if subject.witness is None else (_file(subject.witness, "side file (witness)"),)
    return (*(_file(file, role) for file, role in named), *witness)


def _origin(problem: Problem) -> tuple[BoundFile, ...]:
    """The files that somebody gave, as the spec states them."""
    about = problem.about
    given = () if about is None else (("network", about.model), ("training data", about.data),
                                      ("evaluation rows", about.evaluation))
    return tuple(BoundFile(f"{role} made from", visible(made.name), "stated, not proved", made.sha256)
                 for role, made in given if made is not None)


def _file(file: File, role: str) -> BoundFile:
    return BoundFile(role, visible(file.path), f"{count(file.bytes)} bytes", file.sha256)


SECTION = Section("repeat", "Repeat and check", _build)
