"""D22: how far predictions move when every target is off by its own amount: both ends, from the data alone (V87)."""

from __future__ import annotations

from fractions import Fraction

from flint import arb, ctx, fmpz, fmpz_mat

from certify.check.enclosure.losses.base import loss_of
from certify.check.linalg.balls import ZERO, largest, norm
from certify.check.linalg.fixed import scale
from certify.check.reading.certificate import Claim, Witness
from certify.check.reading.subject import Problem
from certify.check.rule import Rule, Side, always
from certify.check.systems.point import Ladder
from certify.check.theorems.head.claims import HYPOTHESES, UNITS
from certify.check.theorems.head.rows.head import BITS, FOLLOWS, Head, head_at
from certify.check.theorems.head.rows.squared.ridge import FEATURE_BITS, influences, nearest, ridge_of
from certify.format.canonical import show
from certify.format.refusal import Invalid

WIDE = 128
"""Bits of the amounts, counted from the largest."""


def refused(problem: Problem) -> str:
    """Why no rule is known where every target of the squared loss may be off by its own amount; empty where one is."""
    if problem.graph or FOLLOWS[problem.normalization] or problem.functionals or problem.row_weights is not None:
        return "a chain, losses divided by n, rows without weights, and no functionals are needed"
    if not problem.moves.outer or not loss_of(problem).quadratic:
        return "only with the squared loss are predictions linear in the targets"
    if problem.kind and (not problem.kind["relative"] or problem.outputs > 1):
        return "rows change one by one, and a share is of one output's target alone"
    shared = problem.budget.single or problem.budget.joint or problem.budget.counted
    if shared or problem.norm != 2 or problem.direction is not None or not (problem.radius or 0) > 0:
        return "no rule is known for this budget"
    return ""


def amounts(problem: Problem) -> list[Fraction]:
    """How far each target may be off: 0 in rows that do not move."""
    radius, found = Fraction(problem.radius or 0.0), [Fraction(0)] * len(problem.features)
    for i in problem.moving:
        found[i] = radius
        if problem.kind:
            assert problem.targets is not None  # of the squared loss
            (target,) = problem.targets[i]
            found[i] *= abs(Fraction(target))
    return found


def sums(head: Head, most: list[Fraction]) -> list[arb] | None:
    """`Σ_i |h_i| r_i` of every evaluation row, as balls; None where no inverse of the normal matrix is proved.

    Influences are integers that are off by `off` as one vector, so that a sum is off by `off·|r|₂`; what is cut from
    the r_i, a unit each, is multiplied by all influences.
    """
    system = ridge_of(head)
    if system.inverse.X is None:
        return None
    top = max(most, default=Fraction(0))
    bits = WIDE - top.numerator.bit_length() + top.denominator.bit_length()
    unit = Fraction(2) ** bits
    whole = [int(r * unit) for r in most]
    cut = any(x != r * unit for x, r in zip(whole, most, strict=True))
    length = norm([arb(x + cut) for x in whole]) * scale(bits)
    column = fmpz_mat(len(whole), 1, [fmpz(x) for x in whole])
    points, loose = nearest(head.evaluated.tolist())
    solutions, found = system.solutions(points, loose), []
    for solution, q in zip(solutions, influences(system, solutions), strict=True):
        sizes = [abs(x) for x in q]
        low = (fmpz_mat(1, len(sizes), sizes) * column).entries()[0]
        wide = sum(sizes, fmpz(0)) if cut else fmpz(0)
        exact = arb(low).union(arb(low + wide)) * scale(FEATURE_BITS + solution.bits + bits)
        found.append(exact + arb(0, 1) * (solution.off * length).upper())
    return found


def check_form(claim: Claim[Witness], problem: Problem) -> None:
    """V8: both ends, or neither, of a problem that the theorem is about.

    Raises:
        Invalid: one of them alone, or another problem.
    """
    if words := refused(problem):
        raise Invalid(f"{claim.where}.theorem", "D22 is stated", words)
    if (claim.lower is None) != (claim.upper is None) or claim.rows:
        raise Invalid(f"{claim.where}.lower, .upper", show([claim.lower, claim.upper]),
                      "both ends or none are needed, and no rows")


def check_ends(claim: Claim[Witness], ladder: Ladder, side: Side) -> None:
    """The largest sum lies between both ends.

    Raises:
        Invalid: it cannot be re-derived.
    """
    if claim.lower is None or claim.upper is None:
        return
    with ctx.workprec(BITS):
        found = sums(head_at(ladder), amounts(ladder.problem))
        if found is None:
            raise Invalid(claim.where, "numbers are stated", "the normal matrix is not proved to have an inverse")
        most = largest(found) if found else ZERO
        for name, end, holds in (("lower", claim.lower, claim.lower <= 0 or most >= claim.lower),  # no size is below 0
                                 ("upper", claim.upper, most <= claim.upper)):
            if not holds:
                raise Invalid(f"{claim.where}.{name}", show(end), f"{most.str(9)} is found")


RULE = Rule(always("D22"), lambda claim, problem: (UNITS[claim.quantity],), check_form, check_ends,
            lambda claim, problem: {"convex": HYPOTHESES["convex"]}, Witness)
