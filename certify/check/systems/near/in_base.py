"""Hypotheses whose number is one of `base`: where the solution is, or how the loss is tilted (V15)."""

from __future__ import annotations

from certify.check.hypotheses import Check, Stated
from certify.check.reading.certificate import Number
from certify.format.canonical import same, show
from certify.format.refusal import Invalid


def solution(stated: Stated) -> None:
    """Base `nearby`: the solution lies within the distance in `base`."""
    _in_base(stated, True, None if stated.base is None else stated.base.distance)


def tilt(stated: Stated) -> None:
    """Base `given`: the loss is tilted by the number in `base`."""
    _in_base(stated, False, None if stated.base is None else stated.base.shift_norm)


def _in_base(stated: Stated, nearby: bool, proved: Number | None) -> None:
    wrong = nearby != stated.ladder.problem.nearby or proved is None
    if wrong or not same(stated.value, proved) or not stated.holds:
        raise Invalid(stated.where, stated.words, f"the number in base is {show(proved)}")


HYPOTHESES: dict[str, Check] = {"solution": solution, "tilt": tilt}
"""Those of claims about a solution that is not the weights in the file, or about a tilted loss."""
STATEMENTS = {
    "solution": "(an exact critical point|the one solution|an exact solution) was proved; its distance from the "
                "weights in the file is at most",
    "tilt": "the loss, tilted (through the outputs, is critical at the given weights; length of the shift"
            "|in weight space, is critical at the given weights; length of the tilt) at most",
}
"""What is said of them, as in `reading.told`."""
