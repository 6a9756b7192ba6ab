"""The nearest point of a polyhedron, exactly, with its proof.

The dual active-set method of Goldfarb and Idnani (Math. Programming 27, 1983) in rational arithmetic: for a strictly
convex problem it ends after finitely many steps, since the dual value increases strictly and each active set is met
once. The answer is not believed: `verify` checks the Karush-Kuhn-Tucker conditions, which prove it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from certify.sets.exact.rational import Rows, Vector, along, coefficients, combine, dot, square, subtract


@dataclass(frozen=True)
class Projection:
    """The nearest point x, proved by multipliers: `p − x = Σ λ_i a_i + Σ μ_j e_j`, λ ≥ 0, `λ_i(b_i − a_i x) = 0`."""

    point: Vector
    multipliers: Vector
    equality_multipliers: Vector


@dataclass(frozen=True)
class Infeasible:
    """Proof that there is no point: `Σ λ_i a_i + Σ μ_j e_j = 0`, λ ≥ 0, `Σ λ_i b_i + Σ μ_j f_j < 0` (Farkas)."""

    multipliers: Vector
    equality_multipliers: Vector


def project(p: Vector, A: Rows, b: Vector, E: Rows, f: Vector) -> Projection | Infeasible:
    """Nearest point to p of `{x : Ax ≤ b, Ex = f}` in the Euclidean norm, or the proof that the set is empty.

    Equations may depend on each other; they are taken in one by one, as pairs of inequalities are, with multipliers of
    either sign.
    """
    active: list[_Constraint] = []
    normals: list[Vector] = []
    weights: list[Fraction] = []
    x = p
    while True:
        violated = _violated(x, A, b, E, f)
        if violated is None:
            return Projection(x, *_multipliers(active, weights, len(A), len(E)))
        constraint, normal, excess = violated  # ⟨normal, x⟩ exceeds its bound by excess > 0
        weight = Fraction(0)
        while True:
            r = coefficients(normals, normal)
            z = subtract(normal, combine(r, normals, len(p)))
            blocking = [(w / v, j) for j, (c, w, v) in enumerate(zip(active, weights, r, strict=True))
                        if not c.equation and v > 0]
            limit = min(blocking, default=None)
            size = square(z)
            if not size and limit is None:
                return Infeasible(*_multipliers([*active, constraint], [*(-v for v in r), Fraction(1)], len(A), len(E)))
            full = excess / size if size else None
            adding = full is not None and (limit is None or full <= limit[0])
            step = full if adding or limit is None else limit[0]
            assert step is not None
            weights = [w - step * v for w, v in zip(weights, r, strict=True)]
            weight += step
            x = along(x, -step, z)
            excess -= step * size
            if adding or limit is None:
                break
            for values in (active, normals, weights):
                values.pop(limit[1])
        active.append(constraint)
        normals.append(normal)
        weights.append(weight)


@dataclass(frozen=True)
class _Constraint:
    """One row, and the sign with which its normal is used (−1 only for equations)."""

    equation: bool
    number: int
    sign: int


def _violated(x: Vector, A: Rows, b: Vector, E: Rows, f: Vector) -> tuple[_Constraint, Vector, Fraction] | None:
    """An equation that does not hold, else the inequality that is most violated, with the normal to walk against."""
    for k, (row, right) in enumerate(zip(E, f, strict=True)):
        excess = dot(row, x) - right
        if excess:
            sign = 1 if excess > 0 else -1
            return _Constraint(True, k, sign), tuple(sign * v for v in row), abs(excess)
    worst: tuple[_Constraint, Vector, Fraction] | None = None
    for k, (row, right) in enumerate(zip(A, b, strict=True)):
        excess = dot(row, x) - right
        if excess > 0 and (worst is None or excess > worst[2]):
            worst = (_Constraint(False, k, 1), row, excess)
    return worst


def _multipliers(
    active: list[_Constraint], weights: list[Fraction], inequalities: int, equations: int
) -> tuple[Vector, Vector]:
    lam, mu = [Fraction(0)] * inequalities, [Fraction(0)] * equations
    for c, weight in zip(active, weights, strict=True):
        (mu if c.equation else lam)[c.number] += c.sign * weight
    return tuple(lam), tuple(mu)


def verify(p: Vector, A: Rows, b: Vector, E: Rows, f: Vector, found: Projection | Infeasible) -> bool:
    """Whether the multipliers prove what they are said to prove, in exact arithmetic."""
    lam, mu = found.multipliers, found.equality_multipliers
    sums = tuple(
        u + v for u, v in zip(combine(lam, A, len(p)), combine(mu, E, len(p)), strict=True)
    )
    if any(v < 0 for v in lam):
        return False
    if isinstance(found, Infeasible):
        return not any(sums) and dot(lam, b) + dot(mu, f) < 0
    slack = [right - dot(row, found.point) for row, right in zip(A, b, strict=True)]
    holds = all(s >= 0 for s in slack) and all(dot(row, found.point) == right for row, right in zip(E, f, strict=True))
    return holds and not any(u * s for u, s in zip(lam, slack, strict=True)) and subtract(p, found.point) == sums
