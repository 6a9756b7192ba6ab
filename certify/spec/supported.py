"""Refuse what no theorem answers: the table of :mod:`certify.format.theorems`, asked for every quantity of a spec."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from certify.format.errors import SpecError
from certify.format.question import Question
from certify.format.support import applying, unasked
from certify.format.theorems import System, Theorem
from certify.format.words import Arithmetic, Layer
from certify.spec.nearest import WRITTEN, Refusal, meaningless, refusal
from certify.spec.question import questions

if TYPE_CHECKING:
    from certify.spec.models import Spec

USERS: Final = {"aubin": "aubin", "window": "excess or hausdorff",
                "evaluation": "stable_predictions, correct_predictions, tolerated_changes, functional, "
                "prediction_change or first_order_prediction_change"}
"""What a gate has to be about for a section to have a use."""


def require_supported(spec: Spec, name: str = "spec") -> tuple[Theorem, ...]:
    """The theorem that answers each question of a spec.

    A missing level is accepted here: it is refused when the data is read, with the loss that it has to exceed.

    Args:
        spec: the spec.
        name: its file's name, for messages.

    Raises:
        SpecError: a question has no answer, a section no use, or answers cannot stand in one certificate.
    """
    asked = questions(spec)
    section = unasked([question.quantity for question in asked], spec.aubin is not None, spec.window is not None,
                      spec.evaluation is not None)
    if section is not None:
        raise SpecError(f"{name}: [{section}]", f"no gate is about {USERS[section]}", "add one, or remove the section")
    theorems = tuple(_theorem(question, spec, name) for question in asked)
    heads = tuple(theorem.system is System.HEAD for theorem in theorems)
    if any(heads) and not all(heads):
        finite = ", ".join(q.quantity for q, head in zip(asked, heads, strict=True) if head)
        other = asked[heads.index(False)].quantity
        raise SpecError(_place(other, spec, name), f"{other} beside {finite} of a last layer's one solution",
                        "put it into a spec of its own")
    return theorems


def require_meaning(spec: Spec, name: str, quantity: str) -> None:
    """Refuse a spec whose keys contradict one another, whatever would answer it.

    Args:
        spec: the spec.
        name: its file's name, for messages.
        quantity: what is asked; it may be one that no theorem bounds.

    Raises:
        SpecError: names the key at fault.
    """
    question = replace(questions(spec)[0], quantity=quantity, arithmetic=Arithmetic.FLOAT)
    why = meaningless(question)
    if why is not None:
        raise _refused(why, question, spec, name)


def _theorem(question: Question, spec: Spec, name: str) -> Theorem:
    found = applying(question) or applying(replace(question, level=True))
    if found:
        return found[0]
    why = refusal(question)
    assert why is not None
    raise _refused(why, question, spec, name)


def _refused(why: Refusal, question: Question, spec: Spec, name: str) -> SpecError:
    if why.key == "quantity":
        place = _place(why.asked, spec, name)
    else:
        answer, key = getattr(question, why.key), WRITTEN[why.key]
        place = f"{name}: {key.path if isinstance(answer, bool) else key.say(answer)}"
    return SpecError(*(_numbered(text, spec) for text in (place, why.found, why.remedy)))


def _place(quantity: str, spec: Spec, name: str) -> str:
    number = next((n for n, gate in enumerate(spec.gate, 1) if gate.quantity == quantity), None)
    return f"{name}: gate {number}" if number else f"{name}: {quantity}, asked for without a gate"


def _numbered(text: str, spec: Spec) -> str:
    """A text in which layers have their numbers, and units the names that the spec gives."""
    p, both = spec.perturbation, WRITTEN["units"].path
    given = [f"perturbation.{one}" for one in ("columns", "scale") if getattr(p, one) is not None]
    text = text.replace(both, " and ".join(given) or both)
    key, layer, depth = WRITTEN["layer"], spec.solution.layer, len(spec.model.widths or ()) - 1
    text = text.replace(key.say(Layer.INNER), f"{key.path} = {layer}")
    if spec.model.graph is not None:
        return text.replace(key.say(Layer.LAST), f'{key.path} = "last"')
    return text.replace(key.say(Layer.LAST), f"{key.path} = {depth}, the last one") if depth > 0 else text
