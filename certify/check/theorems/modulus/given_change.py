"""The motion that one given change of the data causes to first order, in an interpolation system (N3; V28)."""

from __future__ import annotations

from functools import partial

from flint import arb, arb_mat

from certify.check.kernel import Finding
from certify.check.linalg.balls import ZERO, squares
from certify.check.linalg.definite import Truth
from certify.check.reading.certificate import Claim, Witness
from certify.check.reading.subject import Problem
from certify.check.rule import Side
from certify.check.systems.interpolation import Interpolation, kernel_definite, rule
from certify.check.systems.point import Ladder, Point
from certify.check.theorems.modulus.set_quantities import check_change


def check_form(claim: Claim[Witness], problem: Problem) -> None:
    """V8: no witness.

    Raises:
        Invalid: there is one.
    """


def check_ends(claim: Claim[Witness], ladder: Ladder, side: Side) -> None:
    """Both ends, each by its rule.

    Raises:
        Invalid: one cannot be re-derived.
    """
    check_change(claim, ladder, lambda low, high: partial(change, low=low, high=high))


def change(point: Point, low: float | None, high: float | None) -> Finding:
    """V28: `|Rs|² ≤ high²(1 − ε)` and `≥ low²(1 + ε)`, `s_i = G_iu_i` for the one given change."""
    definite = kernel_definite(point)
    if definite.truth is not Truth.PROVED:
        return definite
    problem, found = point.problem, point.of(Interpolation).definite
    assert found.R is not None and problem.change is not None
    place, k = {row: at for at, row in enumerate(problem.kept)}, problem.block
    G, s = point.of(Interpolation).effects, [ZERO] * found.R.ncols()  # reference rows follow, which do not move
    for row, u in problem.change.items():
        at = place[row]
        for a in range(k):
            s[at * k + a] = sum((g * arb(v) for g, v in zip(G[at][a], u, strict=True)), ZERO)
    square = squares((found.R * arb_mat([[v] for v in s])).entries())
    right = (high is None or square <= arb(high) ** 2 * (1 - found.defect)) and (
        low is None or square >= arb(low) ** 2 * (1 + found.defect))
    return Finding(Truth.PROVED if right else Truth.UNDECIDED,
                   f"it is {square.max(ZERO).sqrt().str(17, radius=False)} up to a factor 1 ± {found.defect.str(2)}")


RULE = rule("N3", check_form, check_ends, Witness)
