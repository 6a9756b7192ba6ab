"""Smooth manifolds `{w : G(w) = 0}` in any dimension: membership, distance and nearest point, tangents and normals.

Everything is proved in ball arithmetic. Above, a zero is proved near a proposed point by a Newton map that sends a box
into itself (Q2 in this form: S12). Below, the Lagrangian `|w − p|² + 2⟨z, G(w)⟩` is proved convex on a ball around p,
where its value at the proposed point bounds all zeros of the ball (S13), or a Lipschitz constant of `⟨z, G⟩` keeps
zeros away (F1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, arb_mat, ctx

from certify.format.errors import InputError
from certify.rigor import fp
from certify.sets.base import ClosedSet
from certify.sets.exact.polyhedron import Polyhedron
from certify.sets.exact.rational import Vector, flint_number, fraction, reduced, square, subtract, vector
from certify.sets.extent import Extent, between, root
from certify.sets.smooth.equations import Equations
from certify.sets.smooth.semidefinite import least_eigenvalue

PRECISION, STEPS, SHRINK = 160, 60, 12
"""Bits of the balls, steps of a proposal, and how often a box or a ball is made smaller."""

PACES, LOOSE = (1.0, 0.3, 0.1), 1e-6
"""Lengths of the steps of a proposal, and the relative gap of two ends that is explained."""


@dataclass(frozen=True)
class Zero:
    """A zero of G, proved within `radius` of a point; `G_w` is surjective there."""

    near: Vector
    radius: Fraction


@dataclass(frozen=True)
class Nearest:
    """The nearest point of a manifold.

    Attributes:
        point: what was proposed.
        zero: a zero proved near it.
        distance: of the given point from the manifold, enclosed.
        within: every nearest point lies within so much of `point`; None where that is not proved.
    """

    point: Vector
    zero: Zero
    distance: Extent
    within: float | None


@dataclass(frozen=True)
class Manifold(ClosedSet):
    """The zeros of smooth equations, a manifold wherever `G_w` is surjective.

    Args:
        equations: G, e.g. :class:`~certify.sets.smooth.equations.Polynomials`, or of a network's system by
            :meth:`certify.symbolic.System.manifold`.
        near: a point near which a zero is proved, so that the set is not empty.

    Raises:
        InputError: no zero at which `G_w` is surjective could be proved near the point.

    >>> from certify.sets.smooth.equations import Polynomials
    >>> circle = Manifold(Polynomials([{(2, 0): 1, (0, 2): 1, (0, 0): -2}]), [1, 1])
    >>> circle.contains([-1, 1]), circle.distance([3, 3]).width < 1e-14, round(circle.distance([3, 3]).upper, 6)
    (True, True, 2.828427)
    """

    equations: Equations
    near: Vector
    zero: Zero = field(compare=False)

    def __init__(self, equations: Equations, near: Any) -> None:
        object.__setattr__(self, "equations", equations)
        object.__setattr__(self, "near", vector(near, "near", equations.variables))
        zero = self._refined(self.near)
        object.__setattr__(self, "zero", zero)
        if zero is None:
            raise InputError("manifold", f"no zero was proved near {_shown(self.near)}",
                             "give a point closer to a zero, where the equations are independent")

    @property
    def dimension(self) -> int:
        """Dimension of the space around the set."""
        return self.equations.variables

    def membership(self, point: Any) -> tuple[bool | None, str]:
        """Whether `G(point) = 0`, with the reason; None where balls of any radius tried hold 0 and nothing else."""
        x = self._point(point)
        found = self.equations.vanishes(x)
        if found is not None:
            return found, "in exact numbers"
        for bits in (PRECISION, 4 * PRECISION):
            with ctx.workprec(bits):
                values = self.equations.value(_balls(x))
            for k, v in enumerate(values):
                if v.is_finite() and not v.contains(0):
                    return False, f"equation {k} is {v.str(5)} there"
        return None, f"all equations are 0 to {4 * PRECISION} bits, which proves nothing"

    def contains(self, point: Any) -> bool:
        """Whether `G(point) = 0`.

        Raises:
            InputError: it is not decided; :meth:`membership` says why.
        """
        found, reason = self.membership(point)
        if found is None:
            raise InputError("membership", reason, "ask membership(point), or distance(point) for an enclosure")
        return found

    def distance(self, point: Any) -> Extent:
        """`d(point, self)`, enclosed (S12, S13, F1)."""
        if self.membership(point)[0]:
            return root(Fraction(0), self._point(point))
        return self.nearest(point).distance

    def nearest(self, point: Any) -> Nearest:
        """The nearest point: a proposal, a zero proved near it, and the distance from both sides.

        Raises:
            InputError: no zero was proved near what was proposed.
        """
        p = self._point(point)
        candidates = [self._refined(self._towards(p, start, pace)) for start in (p, self.near) for pace in PACES]
        zeros = [*(z for z in candidates if z is not None), self.zero]
        best = min(zeros, key=lambda z: _reach(p, z))
        upper = _reach(p, best)
        with ctx.workprec(PRECISION):
            z = self._multipliers(p, best.near)
            lower, within = self._convex(p, best.near, z, upper)
            if lower is None:
                lower = self._steep(p, z, upper)
        reason = "nearer points were excluded by a Lipschitz constant only" if within is None else ""
        if not reason and upper - lower > LOOSE * upper:
            reason = "no point was found at which the distance is stationary"
        return Nearest(best.near, best, between(min(lower, upper), upper, reason), within)

    def misses(self, middle: Vector, half: Fraction) -> bool:
        """Whether the cube of half-width `half` around a point is proved to hold no zero (mean value form; S15)."""
        with ctx.workprec(PRECISION):
            shift = arb(0, arb(flint_number(half)))
            J = self.equations.jacobian([b + shift for b in _balls(middle)])
            for value, slopes in zip(self.equations.value(_balls(middle)), J, strict=True):
                reached = value + sum((s * shift for s in slopes), arb(0))
                if reached.is_finite() and not reached.contains(0):
                    return True
        return False

    def zero_near(self, point: Vector, size: Fraction) -> tuple[Vector, Fraction] | None:
        """A point, and a radius within which a zero is proved, together within `size` of the one given, or None."""
        found = self._refined(point)
        if found is None or fp.sqrt_up(square(subtract(found.near, point))) + found.radius > size:
            return None
        return found.near, found.radius

    def tangent_cone(self, point: Any) -> Polyhedron:
        """`ker G_w(x)`, the tangent space, in exact numbers.

        Raises:
            InputError: the point is not in the set, `G_w` is not surjective, or not rational there.
        """
        x = self._point(point)
        if not self.contains(x):
            raise InputError("cone", f"{_shown(x)} is not in the set", "give a point of it")
        J = self.equations.exact_jacobian(x)
        if J is None:
            raise InputError("cone", "a derivative that is not rational", "ask off_tangent and off_normal")
        if len(reduced(J, self.dimension)[0]) < len(J):
            raise InputError("cone", "equations that depend on each other there", "cones are built at regular points")
        return Polyhedron.affine(J, [0] * len(J))

    def off_tangent(self, point: Any, direction: Any) -> Extent:
        """`|G_w⁺G_w v|`: distance of a direction from the tangent space `ker G_w(x)`, enclosed."""
        return self._split(point, direction)[0]

    def off_normal(self, point: Any, direction: Any) -> Extent:
        """`|v − G_w⁺G_w v|`: distance of a direction from the normal space `range G_w(x)ᵀ`, enclosed."""
        return self._split(point, direction)[1]

    def _split(self, point: Any, direction: Any) -> tuple[Extent, Extent]:
        x, v = self._point(point), vector(direction, "direction", self.dimension)
        if self.membership(x)[0] is False:
            raise InputError("cone", f"{_shown(x)} is not in the set", "give a point of it")
        with ctx.workprec(PRECISION):
            J = arb_mat(self.equations.jacobian(_balls(x)))
            column = arb_mat([[b] for b in _balls(v)])
            try:
                normal = J.transpose() * (J * J.transpose()).solve(J * column)
            except ZeroDivisionError:
                raise InputError("cone", "G_w is not proved surjective at the point", "give a regular point") from None
            return _size(normal), _size(column - normal)

    def _refined(self, start: Vector) -> Zero | None:
        """Newton's method in floats, then the proof (S12)."""
        x = np.array([float(v) for v in start])
        for _ in range(STEPS):
            G, J = self._floats(x)
            step = np.linalg.lstsq(J, G, rcond=None)[0] if np.isfinite(J).all() and np.isfinite(G).all() else None
            if step is None:
                return None
            x = x - step
            if np.linalg.norm(step) <= 1e-15 * (1 + np.linalg.norm(x)):
                break
        exact = tuple(Fraction(v) for v in x.tolist()) if np.isfinite(x).all() else None
        if exact is None:
            return None
        return self._zero_near(start) if self.equations.vanishes(start) else self._zero_near(exact)

    def _zero_near(self, x: Vector) -> Zero | None:
        """S12: `t ↦ t − G(x + Rt)` maps a box into itself, R ≈ `G_w⁺`."""
        with ctx.workprec(PRECISION):
            J = _middles(self.equations.jacobian(_balls(x)))
            if not np.isfinite(J).all() or not np.isfinite(R := np.linalg.pinv(J)).all():
                return None
            right = arb_mat(R.tolist())
            G = self.equations.value(_balls(x))
            if not all(v.is_finite() for v in G):
                return None
            half = max((v.abs_upper() for v in G), key=float) * 2 + arb(2) ** -PRECISION
            for _ in range(SHRINK):
                t = arb_mat([[arb(0, half)] for _ in G])
                box = [b + s for b, s in zip(_balls(x), (right * t).entries(), strict=True)]
                slope = arb_mat(self.equations.jacobian(box)) * right
                image = _identity(len(G)) - slope
                moved = [b - g for b, g in zip((image * t).entries(), G, strict=True)]
                if all(bool(v.abs_upper() < half) for v in moved):
                    size = _size(right * t).upper
                    return Zero(x, Fraction(size)) if math.isfinite(size) else None
                half *= 4
        return None

    def _towards(self, p: Vector, start: Vector, pace: float) -> Vector:
        """The nearest point by steps along tangents and back, then Newton's method on the stationarity system.

        Untrusted. At pace 1 a step goes to the projection on the linearised set, which diverges beyond the radius of
        curvature.
        """
        target, x = (np.array([float(v) for v in q]) for q in (p, start))
        for _ in range(STEPS):
            G, J = self._floats(x)
            if not (np.isfinite(G).all() and np.isfinite(J).all()):
                return start
            goal = target - np.linalg.lstsq(J, J @ (target - x), rcond=None)[0]
            moved = x + pace * (goal - x) - np.linalg.lstsq(J, G, rcond=None)[0]
            if not np.isfinite(moved).all() or np.linalg.norm(moved - x) <= 1e-14 * (1 + np.linalg.norm(x)):
                break
            x = moved
        for _ in range(8):
            G, J = self._floats(x)
            z = np.linalg.lstsq(J.T, target - x, rcond=None)[0]
            H = _middles(self.equations.curvature(_float_balls(x), _float_balls(z)))
            m = len(G)
            K = np.block([[np.eye(len(x)) + H, J.T], [J, np.zeros((m, m))]])
            if not np.isfinite(K).all():
                break
            step = np.linalg.lstsq(K, -np.concatenate([x - target + J.T @ z, G]), rcond=None)[0][: len(x)]
            if not np.linalg.norm(step) <= 0.1 * (1 + np.linalg.norm(x - target)):
                break
            x = x + step
        return tuple(Fraction(v) for v in x.tolist()) if np.isfinite(x).all() else start

    def _floats(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        balls = _float_balls(x)
        return _middles([self.equations.value(balls)])[0], _middles(self.equations.jacobian(balls))

    def _multipliers(self, p: Vector, w: Vector) -> list[arb]:
        """z with `w − p + G_w(w)ᵀz ≈ 0`, in floats made balls of radius 0."""
        J = _middles(self.equations.jacobian(_balls(w)))
        off = np.array([float(v) for v in subtract(p, w)])
        z = np.linalg.lstsq(J.T, off, rcond=None)[0]
        return [arb(v) for v in z.tolist()] if np.isfinite(z).all() else [arb(0)] * self.equations.count

    def _convex(
        self, p: Vector, w: Vector, z: list[arb], upper: Fraction
    ) -> tuple[Fraction, float] | tuple[None, None]:
        """S13 on the box `|x − p|_∞ ≤ s`, s a little above the upper end."""
        s = upper * (1 + Fraction(1, 1 << 20))
        H = self.equations.curvature([b + arb(0, arb(flint_number(s))) for b in _balls(p)], z)
        least = least_eigenvalue([[h + int(i == j) for j, h in enumerate(row)] for i, row in enumerate(H)])
        if least is None or least <= 0:
            return None, None
        W, P = _balls(w), _balls(p)
        off = [a - b for a, b in zip(W, P, strict=True)]
        J = arb_mat(self.equations.jacobian(W)).transpose() * arb_mat([[v] for v in z])
        steep = _size(arb_mat([[2 * (a + g)] for a, g in zip(off, J.entries(), strict=True)])).upper
        value = sum((a * a for a in off), arb(0)) + 2 * sum(
            (a * b for a, b in zip(z, self.equations.value(W), strict=True)), arb(0))
        if not value.is_finite() or not math.isfinite(steep):
            return None, None
        slope = Fraction(steep)
        low = fraction(value.lower().fmpq())
        floor = low - slope * 2 * s
        # |x − w| ≤ ε for every zero x of the ball with |x − p| ≤ upper: f(x) ≥ f(w) − slope·ε + least·ε²
        gap = max(upper**2 - low, Fraction(0))
        within = (slope + fp.sqrt_up(slope**2 + 4 * least * gap)) / (2 * least)
        return (min(s, fp.sqrt_down(floor)) if floor > 0 else Fraction(0)), fp.up(within)

    def _steep(self, p: Vector, z: list[arb], upper: Fraction) -> Fraction:
        """F1 with `⟨z, G⟩` and with each equation: the best of some radii."""
        best, m = Fraction(0), self.equations.count
        values = self.equations.value(_balls(p))
        for weights in [z, *([arb(int(i == j)) for j in range(m)] for i in range(m))]:
            gap = sum((a * b for a, b in zip(weights, values, strict=True)), arb(0))
            if not gap.is_finite() or gap.contains(0):
                continue
            delta = fraction(gap.abs_lower().fmpq())
            for k in range(1, SHRINK):
                s = upper * k / (SHRINK - 1)
                J = arb_mat(self.equations.jacobian([b + arb(0, arb(flint_number(s))) for b in _balls(p)]))
                slope = _size(J.transpose() * arb_mat([[v] for v in weights]))
                if slope.upper > 0 and math.isfinite(slope.upper):
                    best = max(best, min(s, delta / Fraction(slope.upper)))
        return best


def _reach(p: Vector, zero: Zero) -> Fraction:
    return fp.sqrt_up(square(subtract(zero.near, p))) + zero.radius


def _balls(x: Vector) -> list[arb]:
    return [arb(flint_number(v)) for v in x]


def _float_balls(x: np.ndarray) -> list[arb]:
    return [arb(float(v)) for v in x]


def _middles(rows: list[list[arb]]) -> np.ndarray:
    return np.array([[float(v.mid()) for v in row] for row in rows])


def _identity(size: int) -> arb_mat:
    return arb_mat([[arb(int(i == j)) for j in range(size)] for i in range(size)])


def _size(column: arb_mat) -> Extent:
    """Euclidean norm of a column of balls; no upper end where one is not finite."""
    total = sum((v * v for v in column.entries()), arb(0))
    if not total.is_finite():
        return Extent(0.0, float("inf"), reason="balls that are not finite")
    low = max(fraction(total.lower().fmpq()), Fraction(0))
    return between(fp.sqrt_down(low), fp.sqrt_up(fraction(total.upper().fmpq())))


def _shown(x: Vector) -> tuple[float, ...]:
    return tuple(float(v) for v in x)
