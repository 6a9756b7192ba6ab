"""Refuse what no theorem answers: the table of :mod:`certify.format.theorems`, asked for every quantity of a spec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from certify.format.errors import SpecError
from certify.format.nearest import refusal
from certify.format.quantities import QUANTITIES
from certify.format.support import applying, unasked
from certify.format.theorems import System, Theorem
from certify.spec.question import questions

if TYPE_CHECKING:
    from certify.spec.models import Spec

USERS: Final = {"aubin": "aubin", "window": "excess or hausdorff", "evaluation": "predictions"}
"""What a gate has to be about for a section to have a use."""


def require_supported(spec: Spec, name: str = "spec") -> tuple[Theorem, ...]:
    """The theorem that answers each question of a spec.

    Args:
        spec: the spec.
        name: its file's name, for messages.

    Raises:
        SpecError: a question has no answer, a section no use, or answers cannot stand in one certificate.
    """
    asked = questions(spec)
    place = {gate.quantity: f"{name}: gate {number}" for number, gate in reversed([*enumerate(spec.gate, 1)])}
    section = unasked([question.quantity for question in asked], spec.aubin is not None, spec.window is not None,
                      spec.evaluation is not None)
    if section is not None:
        raise SpecError(f"{name}: [{section}]", f"no gate is about {USERS[section]}", "add one, or remove the section")
    for question in asked:
        why = refusal(question)
        if why is not None:
            raise SpecError(place.get(question.quantity, f"{name}: {question.quantity}, asked for without a gate"),
                            why.found, why.remedy)
    theorems = tuple(applying(question)[0] for question in asked)
    if len({theorem.system is System.HEAD for theorem in theorems}) > 1:
        other = next(q for q, theorem in zip(asked, theorems, strict=True) if theorem.system is not System.HEAD)
        finite = ", ".join(q for q in QUANTITIES if any(q == at.quantity and t.system is System.HEAD
                                                        for at, t in zip(asked, theorems, strict=True)))
        raise SpecError(place[other.quantity], f"{other.quantity} beside {finite} of a last layer's one solution",
                        "put it into a spec of its own")
    return theorems
