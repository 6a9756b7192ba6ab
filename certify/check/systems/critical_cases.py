"""The cases of M5 by the Hessian, which claims may state which, and the hypotheses they rest on (V15, V33)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

from flint import arb

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.hessian import require_second
from certify.check.hypotheses import Check, Stated, measured
from certify.check.judgements import Equal
from certify.check.kernel import DIGITS, Finding, decide, expect, judged
from certify.check.linalg.balls import ZERO
from certify.check.linalg.definite import Truth
from certify.check.reading.certificate import Claim
from certify.check.systems.critical import stationary
from certify.check.systems.near.in_base import HYPOTHESES as IN_BASE
from certify.check.systems.point import Ladder, Point
from certify.check.words.cases import CASES
from certify.format.canonical import show
from certify.format.refusal import Invalid

T = TypeVar("T")


def theorem_of(claim: Claim[object], ladder: Ladder) -> str:
    """The stated case of M5, if it is what was found or says no more.

    Raises:
        Invalid: it is not proved to be the case.
    """
    stated, where = claim.theorem, f"{claim.where}.theorem"
    case = CASES.get(stated)
    if case is None or case.convex or case.by_row:  # their rules are for other claims
        return "M5c"
    if case.symmetric and ladder.tilt == "weights":  # its A stands for the Hessian where a field leaves the loss alone
        raise Invalid(where, '"M5b" is stated', "a tilt in weight space is not left alone by a symmetry field")
    if case.symmetric is not None and (claim.lower, claim.upper, claim.rows) != (None, None, ()):
        finding = decide(partial(theorem, name=stated), ladder)
        if finding.truth is not Truth.PROVED:
            raise Invalid(where, f"{show(stated)} is stated", finding.found)
        # a tilt in weight space is allowed there and nowhere else; a lower end alone is proved whatever the rank (V34),
        # and is M5d's where nothing proves that A is nonsingular
        if ladder.tilt == "weights" or claim.upper is None:
            expect(where, 0, nonsingular, ladder)
    elif case.lower:
        if claim.upper is not None or claim.rows or ladder.tilt == "weights":
            raise Invalid(where, '"M5d" is stated',
                          "it is for lower ends of the modulus alone, and not for a tilt in weight space")
    elif case.silent and (claim.lower, claim.upper, claim.rows) != (None, None, ()):
        raise Invalid(where, '"M5" is stated', "the claim has numbers, so it is one of its cases")
    return stated


def theorem(point: Point, name: str) -> Finding:
    """M5b needs a symmetry field, M5c none; M5d asks nothing."""
    fields = point.of(stationary).fields
    needed = CASES[name].symmetric
    holds = needed is None or (fields.dimension > 0 if needed else fields.found == 0)
    return judged(holds, False, f"{fields.found} symmetry fields are found, {fields.dimension} independent")


def nonsingular(point: Point) -> Finding:
    """A is nonsingular."""
    found, s = point.of(stationary).proved, point.of(stationary).fields.dimension
    words = "is proved" if found else f"is not proved at {point.precision} bits to be"
    return judged(found, False, f"A = H + TTᵀ, with {s} symmetry fields, {words} nonsingular")


def in_turn(trials: Iterable[T], judge: Callable[[T], Finding]) -> Finding:
    """The first finding that proves or disproves the statement, or the last one."""
    finding = Finding(Truth.UNDECIDED, "nothing was tried")
    for trial in trials:
        finding = judge(trial)
        if finding.truth is not Truth.UNDECIDED:
            break
    return finding


def rank(point: Point, least: float) -> Finding:
    """V15, rank: `|Hv| > least·|v|` for every v orthogonal to the fields, and A is nonsingular."""
    if least == 0:
        return nonsingular(point)
    found = point.of(stationary).rank(least)
    words = {Truth.PROVED: "is proved", Truth.DISPROVED: "is false",
             Truth.UNDECIDED: f"is not proved at {point.precision} bits"}
    return Finding(found, f"A² − {least!r}²·I ≻ 0 {words[found]}")


def symmetry(point: Point, count: float) -> Finding:
    """V15, symmetry: there are `count` independent fields; with A nonsingular they span the kernel of H."""
    found = nonsingular(point)
    s = point.of(stationary).fields.dimension
    if found.truth is not Truth.PROVED:
        return found
    return Equal(s, count, f"{s} independent symmetry fields are found").judged()


def smooth(point: Point, least: float) -> Finding:
    """V9 for second derivatives: no pre-activation within `least` of a jump of φ' or φ''."""
    if ACTIVATIONS[point.problem.activation].broken:
        require_second(point.problem, point.forward)
        sizes = [abs(z).lower() for layer in point.forward.before for z in layer]
        if not all(x >= least for x in sizes):  # false of what is no number
            below = any(abs(z) < least for layer in point.forward.before for z in layer)
            return judged(False, below, f"one pre-activation is {min(sizes).str(DIGITS, radius=False)} in size")
    return Finding(Truth.PROVED, "the network is twice differentiable at the data")


def _check_smooth(stated: Stated) -> None:
    problem = stated.ladder.problem
    broken = ACTIVATIONS[problem.activation].broken and len(problem.layers) > 1
    if (stated.value is not None) != broken:
        raise Invalid(stated.where, f"its value is {show(stated.value)}",
                      "a number is for relu, leaky relu and elu, null for others")
    expect(stated.where, stated.number, partial(smooth, least=stated.number), stated.ladder)


def _check_rank(stated: Stated) -> None:
    expect(stated.where, stated.number, partial(rank, least=stated.number), stated.ladder)


def _check_symmetry(stated: Stated) -> None:
    if stated.value is None:
        raise Invalid(stated.where, "its value is null", "the number of independent fields is needed")
    if stated.ladder.tilt == "weights" and stated.number:  # they leave this loss's gradient alone, and not the tilt
        raise Invalid(stated.where, stated.words, "beside a tilt in weight space no field is in the kernel of H")
    expect(stated.where, stated.number, partial(symmetry, count=stated.number), stated.ladder)


def shown_root(square: arb) -> str:
    """The root in digits."""
    return str(square.max(ZERO).sqrt().str(DIGITS, radius=False))


HYPOTHESES: dict[str, Check] = IN_BASE | {"smooth": measured(_check_smooth), "rank": measured(_check_rank),
                                          "symmetry": measured(_check_symmetry)}
"""What the cases by the Hessian rest on."""
