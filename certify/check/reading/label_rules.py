"""What a label is: which output is the largest, or on which side of a threshold the one output lies.

And what is refused: labels without a meaning, and gates that say nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flint import arb

from certify.check.reading.sections.demands import TOLERATED, counts
from certify.check.words.losses import LOSSES
from certify.format.canonical import Json
from certify.format.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.reading.spec import Gate, Spec
    from certify.check.reading.subject import Problem

PLAIN = "evaluation rows"


def meaning(outputs: int, threshold: float | None, what: str = "output") -> str:
    """What a label is, in words, or what is counted of a functional."""
    if outputs > 1:
        return "largest output"
    return f"sign of the {what}" if threshold is None else f"{what} above {threshold!r}"


def scope(problem: Json) -> str:
    """The same for a verdict line, from the member `problem`."""
    if problem.get("functionals"):
        return f", {meaning(problem['outputs'], problem.get('threshold'), 'functional')}"
    return f", label: {meaning(problem['outputs'], problem.get('threshold'))}"


def units(problem: Problem) -> tuple[str, ...]:
    """The units that a claim on labels may state: certificates without a threshold once stated the rows alone."""
    if problem.functionals is not None:
        return (f"functionals ({meaning(problem.outputs, problem.threshold, 'functional')})",)
    full = f"{PLAIN} (label: {meaning(problem.outputs, problem.threshold)})"
    return (full, PLAIN) if problem.threshold is None else (full,)


def changed_rows(problem: Problem) -> tuple[str, ...]:
    """The unit of numbers of changed rows that labels survive."""
    what = ("", "functional") if problem.functionals else ("label: ", "output")
    return (f"changed rows ({what[0]}{meaning(problem.outputs, problem.threshold, what[1])})",)


def apart(problem: Problem, output: arb) -> arb:
    """How far the one output lies above the threshold, without which it is 0."""
    return output if problem.threshold is None else output - arb(problem.threshold)


def check_counted(spec: Spec, problem: Problem, asked: Iterable[Gate] = ()) -> None:
    """Refuse labels without a meaning, a threshold without one output, and gates that rows without number could meet.

    Args:
        spec: the spec.
        problem: the problem it describes.
        asked: thresholds of the caller.

    Raises:
        Invalid: one of these.
    """
    if problem.threshold is not None and problem.outputs != 1:
        raise Invalid("spec, evaluation.threshold", f"{problem.threshold!r} is stated",
                      f"one output is needed, and there are {problem.outputs}")
    counted = [(where, gate) for where, gates in (("spec, gate", spec.gates), ("threshold asked for", asked))
               for gate in gates if counts(gate.quantity)]
    gated = any(where == "spec, gate" for where, _ in counted)
    if gated and problem.outputs == 1 and problem.threshold is None and not (
            LOSSES[problem.loss].signs or problem.functionals):
        targets = None if problem.targets is None else {value for row in problem.targets for value in row}
        if targets is None or not targets <= {-1.0, 1.0}:
            found = "no targets are named" if targets is None else "the targets are not all -1 and 1"
            raise Invalid("spec, evaluation.threshold", "none is stated",
                          f"labels of one output with the {problem.loss} loss need one: {found}")
    for where, gate in counted:
        rows = gate.quantity == TOLERATED
        most = (problem.count or 0) if rows else len(problem.evaluation)
        found = f"at most {most} rows change" if rows else f"there are {most} evaluation rows"
        if gate.side == "min" and gate.value > most:
            raise Invalid(where, f"{gate} is asked", f"{found}, so no outcome meets it")
        if gate.side == "max" and gate.value >= most:
            raise Invalid(where, f"{gate} is asked", f"{found}, so every outcome meets it")
