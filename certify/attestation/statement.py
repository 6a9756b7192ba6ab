"""in-toto Statement v1: what was proved (a predicate), of what (the subjects)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from certify.attestation import eval_result, summary
from certify.attestation.envelope import members
from certify.attestation.summary import File, read
from certify.format.canonical import Json, decode, encode, kind, show
from certify.format.refusal import Invalid

TYPE: Final = "https://in-toto.io/Statement/v1"

MOST = 16
"""Subjects of a statement, at most."""

PREDICATES: Final = {summary.TYPE: "verification summary", eval_result.TYPE: "eval-result"}
"""The predicates that are known, with what they are called."""


@dataclass(frozen=True)
class Statement:
    """A statement whose form, but nothing else, was looked at.

    Attributes:
        subjects: name and digest of what it is about.
        type: of the predicate.
        predicate: as plain JSON.
    """

    subjects: tuple[File, ...]
    type: str
    predicate: Json

    def encoded(self) -> bytes:
        """The canonical bytes."""
        return encode({"_type": TYPE, "subject": [one.model_dump() for one in self.subjects],
                       "predicateType": self.type, "predicate": self.predicate})


def subjects_of(found: summary.Summary) -> tuple[File, ...]:
    """What a summary is about: the folder, where there is one, and the model file."""
    from certify.attestation.manifest import root

    model = next(one for one in found.inputs if one.role == "model")
    subjects = [File(name=model.name, digest=model.digest)]
    if found.folder is not None:
        whole = root(one.digest.sha256 for one in found.folder.resources)
        subjects.insert(0, File(name=found.folder.name, digest=summary.Digest(sha256=whole)))
    return tuple(subjects)


def read_statement(payload: bytes, where: str) -> Statement:
    """The statement of a payload.

    Raises:
        Invalid: it is none, of another version, without subjects, or its predicate is not known.
    """
    top = members(decode(payload, f"{where}payload"), f"{where}statement",
                  ("_type", "subject", "predicateType", "predicate"))
    if top["_type"] != TYPE:
        raise Invalid(f"{where}_type", show(top["_type"]), f"{TYPE} is needed")
    listed = top["subject"]
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST:
        raise Invalid(f"{where}subject", kind(listed) if not isinstance(listed, list) else f"{len(listed)} of them",
                      f"a list of 1 to {MOST} subjects is needed")
    subjects = tuple(read(File, one, f"{where}subject[{place}]") for place, one in enumerate(listed))
    if not isinstance(top["predicateType"], str) or top["predicateType"] not in PREDICATES:
        raise Invalid(f"{where}predicateType", show(top["predicateType"]),
                      f"the predicates known are {', '.join(PREDICATES)}")
    if not isinstance(top["predicate"], dict):
        raise Invalid(f"{where}predicate", kind(top["predicate"]), "an object is needed")
    return Statement(subjects, top["predicateType"], top["predicate"])


def only(statements: Sequence[Statement], kind_of: str) -> Statement | None:
    """The statement with this predicate, of which a file holds one at most.

    Raises:
        Invalid: there are two.
    """
    found = [one for one in statements if one.type == kind_of]
    if len(found) > 1:
        raise Invalid("file", f"it holds two statements of type {PREDICATES[kind_of]}", "one is needed")
    return found[0] if found else None
