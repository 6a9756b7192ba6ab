"""S14: how far the solution set of a last layer expands and contracts within a ball, after one change of the data.

With all other layers frozen, and for a network of one layer, `S(ū)` and `S(u)` are affine sets of weights, whatever the
activations. Both excesses are maxima of convex quadratics over balls, enclosed in ball arithmetic. What a certificate
states of them, and what its checker repeats, is in :mod:`certify.theorems.excess.claims`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from flint import arb, arb_mat, ctx

from certify.format.errors import InputError
from certify.network.layers.passes import forward, known_weights
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.rigor.arithmetic import DoubleDouble
from certify.rigor.ball import Balls
from certify.rigor.environment import require_sound
from certify.rigor.fp import Array
from certify.sets.exact.rational import flint_number, fraction
from certify.sets.extent import Extent, between, largest, root
from certify.spec.window import MOST
from certify.systems.interpolation.equations import moved

PRECISION, SQUARINGS, TRIES = 256, 24, 4
"""Bits of the balls; squarings that bound a norm to about 1e-7; how often λ is raised where `λI − T` is not
resolved."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """With what another program can repeat both ends of an excess.

    Attributes:
        multiplier: λ of the bound by Lagrange.
        upper: that bound; None where it was not finite, though another one may have been.
        point: `(q, k)`, near the step from the nearest solution, or from w̄, to the point that proves the lower end.
    """

    multiplier: float
    upper: Fraction | None
    point: Array


@dataclass(frozen=True)
class WindowExcess:
    """Excesses of `S(ū)` and `S(u)` on `B = {|w − w̄| ≤ radius}`; only the first set is cut by the window.

    Attributes:
        expansion: `e(S(u) ∩ B, S(ū))`; 0 where the window misses S(u).
        contraction: `e(S(ū) ∩ B, S(u))`.
        distance: `dist(w̄, S(u))`, at most the contraction.
        radius: of the window.
        expanding, contracting: the evidence for both; None where the window misses S(u).
    """

    expansion: Extent
    contraction: Extent
    distance: Extent
    radius: float
    expanding: Evidence | None = field(default=None, repr=False, compare=False)
    contracting: Evidence | None = field(default=None, repr=False, compare=False)

    @property
    def hausdorff(self) -> Extent:
        """The larger of both, `d̂_radius` around w̄."""
        return largest([self.expansion, self.contraction])


def enclose_window_excess(problem: Problem, radius: float) -> WindowExcess | str:
    """Expansion and contraction of the solution set in the last layer's weights, proved (S14).

    Args:
        problem: interpolation, base `given`, set `given`, Euclidean norm, a fully connected network; the last layer
            free, or all layers of a network of one. Kinks are allowed.
        radius: of the window around the weights in the file.

    Returns:
        The excesses; in words why there are none where full row rank is not proved before or after the change.

    Raises:
        InputError: another problem, or a radius that is not positive.

    >>> net = Network((np.array([[1.0, 1.0]]),), (None,), "identity")
    >>> X, u = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])  # w₁ = 1 becomes w₁ + w₂ = 1
    >>> found = enclose_window_excess(Problem(net, X, None, "features", (0,), set="given", change=u), 1.0)
    >>> round(found.contraction.upper, 9), round(found.distance.lower, 9)  # √2 at (1, 2), and at (1, 1) itself √½
    (1.414213562, 0.707106781)
    """
    net = problem.network
    if not isinstance(net, Network) or problem.solutions.trains or problem.nearby or problem.change is None:
        raise InputError("window", f"map {problem.map}, base {problem.base}, set {problem.set}",
                         'use interpolation with base "given" and set "given"')
    own = problem.measure.own_units or problem.measure.rows or not problem.layer_scale.plain
    if own or net.layers(problem.layer) != (net.depth,):
        raise InputError("window", f"norm {problem.weight_norm}, layers {net.layers(problem.layer)} of {net.depth}",
                         f"use the Euclidean norm and layer = {net.depth}, in whose weights the set is affine")
    if not (np.isfinite(radius) and radius > 0):
        raise InputError("radius", f"{radius}", "give a finite number above 0")
    if net.widths[-2] + 1 > MOST:
        raise InputError("window", f"{net.widths[-2]} inputs of the layer", f"it is built for fewer than {MOST}")
    assert problem.change is not None
    require_sound(*net.arrays, problem.X, problem.change, problem.scale)
    with ctx.workprec(PRECISION):
        A, B, W = _inputs(problem, net)
        if problem.moving.inputs:
            right = (A - B) * W
        else:
            B, right = A, arb_mat(problem.change[np.array(problem.kept)].tolist())
        return _excesses(A, B, right, Fraction(radius))


def _inputs(problem: Problem, net: Network) -> tuple[arb_mat, arb_mat, arb_mat]:
    """Inputs of the last layer at the data as given and as moved, with a 1 for a bias, and its weights by columns."""
    kept, arithmetic = np.array(problem.kept), DoubleDouble()
    weights, bias = known_weights(net), net.biases[-1] is not None
    given = forward(net, weights, problem.X[kept], arithmetic).inputs[-1]
    after = given
    if problem.moving.inputs:
        after = forward(net, weights, moved(problem, arithmetic).points, arithmetic).inputs[-1]
    columns = net.weights[-1].T.tolist()
    if net.biases[-1] is not None:
        columns = [*columns, net.biases[-1].tolist()]
    return _matrix(given, bias), _matrix(after, bias), arb_mat(columns)


def _matrix(rows: Balls, bias: bool) -> arb_mat:
    low = np.zeros_like(rows.mid.hi) if rows.mid.lo is None else rows.mid.lo
    found = [[arb(a) + arb(b) + arb(0, r) for a, b in zip(hi, lo, strict=True)]
             for hi, lo, r in zip(rows.mid.hi.tolist(), np.broadcast_to(low, rows.mid.hi.shape).tolist(),
                                  rows.rad.tolist(), strict=True)]  # fmt: skip
    return arb_mat([[*row, arb(1)] for row in found] if bias else found)


def _excesses(A: arb_mat, B: arb_mat, right: arb_mat, radius: Fraction) -> WindowExcess | str:
    """With `S(ū) − w̄ = {Aδ = 0}` and `S(u) − w̄ = {Bδ = right}`."""
    try:
        P = A.transpose() * (A * A.transpose()).solve(A)
        gram = B * B.transpose()
        Q, c = B.transpose() * gram.solve(B), B.transpose() * gram.solve(right)
    except ZeroDivisionError:
        return "full row rank of the layer's inputs could not be proved, before or after the change"
    q = A.ncols()
    one = arb_mat([[int(i == j) for j in range(q)] for i in range(q)])
    free, free_after = one - P, one - Q
    if A.nrows() == q:  # both sets are single points, which balls do not know
        free = free_after = arb_mat(q, q)
    far = _square(c)
    rho = arb(flint_number(radius))
    # points δ = Πx of S(ū): |c − Qδ|²; points c + y of S(u), y = Π'x: |P(c + y)|², |c + y|² = |c|² + |y|²
    T, T_after, g, g_after = free * Q * free, free_after * P * free_after, -1 * (free * c), free_after * (P * c)
    inside = P * c
    if A is B:  # targets moved: Q = P, Pc = c, ΠQ = 0 and Πc = 0, nor this
        T = T_after = arb_mat(q, q)
        g = g_after = arb_mat(q, c.ncols())
        inside = c
    contraction, contracting = _largest(c, T, g, free, rho * rho)
    room = rho * rho - far
    if room < 0:
        return WindowExcess(root(Fraction(0)), contraction, _root(far), fp.up(radius), None, contracting)
    expansion, expanding = _largest(inside, T_after, g_after, free_after, room)
    return WindowExcess(expansion, contraction, _root(far), fp.up(radius), expanding, contracting)


def _largest(a: arb_mat, T: arb_mat, g: arb_mat, free: arb_mat, square: arb) -> tuple[Extent, Evidence]:
    """`√ max {|a|² + 2⟨g, y⟩ + ⟨y, Ty⟩ : y ∈ range free, |y|² ≤ square}`, T positive semidefinite, `g = free·g`.

    Above by Lagrange: `|a|² + λ·square + ⟨g, (λI − T)⁻¹g⟩` for any `λ > ‖T‖`; below at the y that floats propose.
    """
    base = _square(a)
    most, norm = _up(square), _norm(T)
    t, V = np.linalg.eigh(_floats(T))
    h = V.T @ _floats(g)
    level = _level(t, (h * h).sum(axis=1), float(max(most, Fraction(0))))
    level = max(level, fp.up(norm * (1 + Fraction(1, 2**40)) + Fraction(1, 2**120)))
    over = _lagrange(base, T, g, level, most)
    for _ in range(TRIES):
        if over.is_finite():
            break
        level *= 16  # λI − T is not resolved: T is known no better than λ
        over = _lagrange(base, T, g, level, most)
    # |a + …| ≤ |a| + r bounds it in any case: P, Q and what they are made of are projections
    plain = base.abs_upper().sqrt() + square.abs_upper().sqrt()
    upper = plain if not over.is_finite() else min(over.abs_upper().sqrt(), plain, key=float)
    lower, point = base.abs_lower(), np.zeros_like(h)
    least = fraction(square.lower().fmpq()) if square.is_finite() else Fraction(0)
    if least > 0:
        point = _proposed(t, V, h, level, float(least))
        y = free * arb_mat(point.tolist())
        size = _square(y)
        if size > 0:
            scale = (arb(flint_number(least)) / size).sqrt().lower()
            y = y * min(scale, arb(1), key=float) if scale < 1 else y
            value = base + 2 * _inner(g, y) + _inner(y, T * y)
            if value.is_finite():
                lower = max(lower, value.abs_lower(), key=float)
    reason = "" if square > 0 else "the window touches the set, or misses it, by less than is known"
    low = Fraction(0) if reason else fp.sqrt_down(max(fraction(lower.lower().fmpq()), Fraction(0)))
    known = Evidence(level, _up(over.abs_upper().sqrt()) if over.is_finite() else None, point)
    return between(low, _up(upper), reason), known


def _lagrange(base: arb, T: arb_mat, g: arb_mat, level: float, most: Fraction) -> arb:
    """`base + λ·square + ⟨g, (λI − T)⁻¹g⟩` for `λ > ‖T‖`; NaN where it is not resolved."""
    M = arb_mat([[arb(level) * int(i == j) for j in range(T.ncols())] for i in range(T.nrows())]) - T
    try:
        return base + arb(level) * arb(flint_number(max(most, Fraction(0)))) + _inner(g, M.solve(g))
    except ZeroDivisionError:
        return arb("nan")


def _level(t: Array, squares: Array, room: float) -> float:
    """λ with `Σ squares/(λ − t)² = room` above the largest t, in floats."""
    top = max(float(t[-1]), 0.0)
    low, high = top, top + (float(np.sqrt(squares.sum() / room)) + 1e-300 if room > 0 else 1.0)
    for _ in range(200):
        middle = 0.5 * (low + high)
        with np.errstate(all="ignore"):
            value = float(np.sum(squares / (middle - t) ** 2))
        low, high = (middle, high) if value > room else (low, middle)
    return high


def _proposed(t: Array, V: Array, h: Array, level: float, room: float) -> Array:
    """`(λI − T)⁻¹g`, lengthened along the largest eigenvector to the radius."""
    y = V @ (h / np.maximum(level - t, 1e-300)[:, None])
    left = room - float((y * y).sum())
    if not np.isfinite(left):
        return np.zeros_like(h)
    if left > 0:
        ahead = V[:, -1] @ y
        column = int(np.argmax(np.abs(ahead)))
        sign = 1.0 if ahead[column] >= 0 else -1.0
        y[:, column] += sign * (np.sqrt(ahead[column] ** 2 + left) - abs(ahead[column])) * V[:, -1]
    return np.asarray(y)


def _norm(T: arb_mat) -> Fraction:
    """An upper bound of `‖T‖` for a symmetric T: `‖T^m‖_F^(1/m)`, m a power of two."""
    S = T
    for _ in range(SQUARINGS):
        S = S * S
    size = _square(S)
    if not size.is_finite():
        return Fraction(1)  # T is a product of projections
    return min(_up(size.upper().root(2 ** (SQUARINGS + 1))), Fraction(1)) if size.upper() > 0 else Fraction(0)


def _square(M: arb_mat) -> arb:
    return _inner(M, M)


def _inner(M: arb_mat, N: arb_mat) -> arb:
    return sum((a * b for a, b in zip(M.entries(), N.entries(), strict=True)), arb(0))


def _floats(M: arb_mat) -> Array:
    return np.array([[float(v.mid()) for v in row] for row in M.tolist()])


def _up(x: arb) -> Fraction:
    return fraction(x.upper().fmpq())


def _root(square: arb) -> Extent:
    low = max(fraction(square.lower().fmpq()), Fraction(0))
    return between(fp.sqrt_down(low), fp.sqrt_up(_up(square)))
