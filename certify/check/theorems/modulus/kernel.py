"""The modulus of an interpolation system over a total budget, by the tangent kernel (M2; V10, V11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module

from flint import arb

from certify.check.kernel import DIGITS, Finding, expect, judged
from certify.check.linalg.balls import ZERO
from certify.check.linalg.definite import Definiteness, Truth
from certify.check.reading.certificate import Claim, Vector, stated, vector
from certify.check.reading.subject import Problem
from certify.check.rule import Side, check_vector, times
from certify.check.systems.interpolation import Interpolation, Refutable, check_refutable, kernel_definite, rule
from certify.check.systems.point import Ladder, Point


@dataclass(frozen=True)
class Modulus(Refutable):
    """A vector that proves the lower end."""

    z: Vector | None = stated(vector)


def check_form(claim: Claim[Modulus], problem: Problem) -> None:
    """V8: z with a lower end above 0."""
    check_vector(claim, claim.witness.z, bool(claim.lower), problem.interpolation_rows)
    check_refutable(claim, problem)


def check_ends(claim: Claim[Modulus], ladder: Ladder, side: Side) -> None:
    """Both ends, each by its rule."""
    radius = times(claim, ladder.problem)
    if claim.upper is not None:
        near = (claim.lower or 0) > claim.upper * (1 - 2.0**-28)
        expect(f"{claim.where}.upper", claim.upper, partial(upper, most=claim.upper, radius=radius, near=near), ladder)
    if claim.lower and claim.witness.z is not None:
        test = partial(lower, least=claim.lower, z=claim.witness.z, radius=radius)
        expect(f"{claim.where}.lower", claim.lower, test, ladder)


def upper(point: Point, most: float, radius: float | None = None, near: bool = False) -> Finding:
    """V10: `most²K − Q ≻ 0`, which proves `lip S < most`; `K ≻ 0` suffices if Q = 0.

    With a radius the claim is about so many times the modulus. Near the lower end few bits prove nothing.
    """
    at, each = point.of(Interpolation), arb(most) if radius is None else arb(most) / arb(radius)
    if all(x == 0 for Q in at.moved.values() for row in Q for x in row):
        return kernel_definite(point)
    if not each > 0:
        return Finding(Truth.UNDECIDED, "Q is not proved zero, and only then the modulus can be 0")
    if at.factor is not None and at.factor.is_beyond(each):
        return Finding(Truth.PROVED, "upper²K − Q ≻ 0 is proved")
    found: Definiteness = import_module("certify.check.systems.near.in_balls").beyond(at, each ** 2, near)
    if found.truth is Truth.DISPROVED:
        assert found.v is not None
        return Finding(Truth.DISPROVED, f"a vector proves lip S > {_quotient(at, found.v.entries())}")
    words = "is proved" if found.truth is Truth.PROVED else f"is not proved at {point.precision} bits"
    return Finding(found.truth, f"upper²K − Q ≻ 0 {words}")


def lower(point: Point, least: float, z: Sequence[float], radius: float | None = None) -> Finding:
    """V11: `zᵀQz ≥ least² zᵀKz` and `zᵀQz > 0`, which proves `lip S ≥ least`; with a radius as in :func:`upper`."""
    at, vector, each = point.of(Interpolation), [arb(v) for v in z], arb(least)
    each = each if radius is None else each / arb(radius)
    q, k = _forms(at, vector)
    if q > 0 and q >= each ** 2 * k:
        return Finding(Truth.PROVED, "zᵀQz ≥ lower² zᵀKz is proved")
    if q == 0:
        return Finding(Truth.DISPROVED, "zᵀQz = 0")
    return judged(False, q < each ** 2 * k, f"the witness gives {_quotient(at, vector)}")


def _forms(at: Interpolation, z: list[arb]) -> tuple[arb, arb]:
    """`zᵀQz` and `zᵀKz`."""
    k, q = at.problem.block, ZERO
    for i, Q in at.moved.items():
        part = z[i * k:i * k + k]
        q = sum((x * Q[a][b] * y for a, x in enumerate(part) for b, y in enumerate(part)), q)
    return q, at.energy(z)


def _quotient(at: Interpolation, z: list[arb]) -> str:
    """`√(zᵀQz / zᵀKz)` in digits, or infinity."""
    q, k = _forms(at, z)
    return shown_root(q / k) if k > 0 else "any number"


def shown_root(square: arb) -> str:
    """The root in digits."""
    return str(square.max(ZERO).sqrt().str(DIGITS, radius=False))


RULE = rule("M2", check_form, check_ends, Modulus)
