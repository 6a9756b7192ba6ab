"""Planar algebraic curves `{w : F(w₁, w₂) = 0}`."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import count, product
from typing import Any

import numpy as np

from certify.format.errors import InputError
from certify.rigor import fp
from certify.sets.base import ClosedSet
from certify.sets.exact.rational import Vector, number, square, subtract
from certify.sets.extent import Extent, between, root

Terms = tuple[tuple[int, int, Fraction], ...]

BOXES = 1500
FARTHEST = 2.0**20
"""How far from a point a curve is looked for."""


@dataclass(frozen=True)
class Curve(ClosedSet):
    """The real zeros of a polynomial in two variables with rational coefficients.

    Args:
        coefficients: `{(i, j): c}` for the terms `c·w₁^i·w₂^j`.

    Raises:
        InputError: no polynomial, or a constant one.

    >>> hyperbola = Curve({(1, 1): 1, (0, 0): "-5/2"})
    >>> hyperbola.contains([1, 2.5]), round(hyperbola.distance([1, 2]).upper, 6)
    (True, 0.215027)
    """

    terms: Terms

    def __init__(self, coefficients: Any) -> None:
        if not isinstance(coefficients, Mapping):
            raise InputError("curve", f"{coefficients!r}", "give {(i, j): coefficient}")
        found: dict[tuple[int, int], Fraction] = {}
        for key, value in coefficients.items():
            if not (isinstance(key, tuple) and len(key) == 2 and all(isinstance(e, int) and e >= 0 for e in key)):
                raise InputError("curve", f"{key!r}", "give pairs of exponents from 0 on")
            found[key] = number(value, "coefficient")
        kept = tuple(sorted((i, j, c) for (i, j), c in found.items() if c))
        if not kept or all(i == j == 0 for i, j, _ in kept):
            raise InputError("curve", "a constant polynomial", "give one that depends on w₁ or w₂")
        object.__setattr__(self, "terms", kept)

    @property
    def dimension(self) -> int:
        """2."""
        return 2

    @cached_property
    def _derivatives(self) -> tuple[tuple[int, Terms], ...]:
        return _scaled_derivatives(self.terms)

    @cached_property
    def slopes(self) -> tuple[Terms, Terms]:
        """The first derivatives, as polynomials."""
        return _by_first(self.terms), _by_second(self.terms)

    @cached_property
    def second(self) -> tuple[tuple[Terms, Terms], tuple[Terms, Terms]]:
        """The second derivatives, as polynomials."""
        x, y = self.slopes
        return (_by_first(x), _by_second(x)), (_by_first(y), _by_second(y))

    def floats(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """F and ∇F at the rows of x in floats, for proposals."""
        x_slope, y_slope = self.slopes
        return _roughly(self.terms, x), np.stack([_roughly(x_slope, x), _roughly(y_slope, x)], 1)

    def value(self, w: Vector) -> Fraction:
        """`F(w)`."""
        return _evaluate(self.terms, w)

    def gradient(self, w: Vector) -> Vector:
        """`∇F(w)`."""
        return _evaluate(self.slopes[0], w), _evaluate(self.slopes[1], w)

    def contains(self, point: Any) -> bool:
        """Whether `F(point) = 0`."""
        return not self.value(self._point(point))

    def misses(self, middle: Vector, half: Fraction) -> bool:
        """Whether F is proved to have no zero in the square of half-width `half` around `middle` (Taylor, exactly)."""
        rest = Fraction(0)
        base = abs(self.value(middle))
        for order, terms in self._derivatives:
            if order:
                rest += abs(_evaluate(terms, middle)) * half**order
                if rest >= base:
                    return False
        return base > rest

    def zero_near(self, w: Vector, size: Fraction) -> tuple[Vector, Fraction] | None:
        """A point, and a radius within which a zero is proved by a change of sign; None if none was found in `size`."""
        x = w
        for _ in range(30):
            g = self.gradient(x)
            slope = square(g)
            if not slope:
                break
            step = self.value(x) / slope
            x = _rounded((x[0] - step * g[0], x[1] - step * g[1]))
            if square(subtract(x, w)) > size**2:
                return None
            if step * step * slope < Fraction(1, 1 << 120):
                break
        if not self.value(x):
            return x, Fraction(0)
        g = self.gradient(x)
        for exponent in (58, 50, 42, 34, 26) if any(g) else ():
            t = Fraction(1, 1 << exponent) / max(abs(g[0]), abs(g[1]))
            ends = [self.value((x[0] + s * t * g[0], x[1] + s * t * g[1])) for s in (-1, 1)]
            if ends[0] * ends[1] <= 0:
                return x, fp.sqrt_up(t * t * square(g))
        return None

    def distance(self, point: Any, tolerance: float = 1e-9) -> Extent:
        """Distance of the nearest zero, enclosed (S6).

        Above: a zero proved by a change of sign. Below: the disc of radius s is cleared by boxes without zeros, and
        around the point found by a box on which `±F + μ(|w − p|² − s²)` is convex and positive.

        Args:
            point: a point of the plane.
            tolerance: gap of the ends that is aimed at, absolute.

        Raises:
            InputError: no zero was found within `FARTHEST` of the point.
        """
        p = self._point(point)
        if self.contains(p):
            return root(Fraction(0), p)
        w, upper = self._first(p)
        aim = Fraction(tolerance)
        for _ in range(8):
            if upper <= aim:
                return between(Fraction(0), upper)
            s = upper - aim
            lower, nearer = clear(self, p, s, shield(self, p, w, s))
            if nearer is None:
                reason = "" if lower >= s else f"{BOXES} boxes were not enough for a gap of {tolerance:g}"
                return between(lower, upper, reason)
            w, upper = nearer
        return between(Fraction(0), upper, "a nearer zero was found again and again")

    def _first(self, p: Vector) -> tuple[Vector, Fraction]:
        """A proved zero close to the nearest one, and a bound of its distance from p."""
        for candidate in nearest_zeros(self, p):
            found = self.zero_near(candidate, Fraction(FARTHEST))
            if found is not None:
                return found[0], fp.sqrt_up(square(subtract(found[0], p))) + found[1]
        raise InputError("curve", f"no zero was found within {FARTHEST:g} of {tuple(map(float, p))}",
                         "give a curve with a real point at which F changes sign")


def nearest_zeros(curve: Curve, p: Vector) -> Iterator[Vector]:
    """Candidates for the nearest zero, the most promising first: Newton's method from many points, in floats."""
    origin = np.array([float(v) for v in p])
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 15)] * 2), -1).reshape(-1, 2)
    with np.errstate(all="ignore"):
        half = 1.0
        while half <= FARTHEST:
            x = origin + half * grid
            for _ in range(40):
                f, g = curve.floats(x)
                x = x - (f / np.maximum((g * g).sum(1), 1e-300))[:, None] * g
            for _ in range(60):  # towards the nearest zero: along the curve, then back onto it
                f, g = curve.floats(x)
                size = np.maximum((g * g).sum(1), 1e-300)
                off = x - origin
                normal = ((off * g).sum(1) / size)[:, None] * g
                x = x - 0.25 * (off - normal) - (f / size)[:, None] * g
            f, g = curve.floats(x)
            far = np.linalg.norm(x - origin, axis=1)
            good = np.isfinite(x).all(1) & (np.abs(f) <= 1e-9 * (1 + np.linalg.norm(g, axis=1))) & (far <= 2 * half)
            for k in np.argsort(np.where(good, far, np.inf))[: min(5, int(good.sum()))]:
                yield polished(curve, p, x[k])
            half *= 8


def polished(curve: Curve, p: Vector, x: np.ndarray) -> Vector:
    """Newton's method for `w − p + λ∇F = 0, F = 0` from x; x itself where it leads away."""
    origin, start = np.array([float(v) for v in p]), x.copy()
    with np.errstate(all="ignore"):
        _, g = curve.floats(x[None])
        lam = -float((x - origin) @ g[0]) / max(float(g[0] @ g[0]), 1e-300)
        for _ in range(20):
            f, g = curve.floats(x[None])
            H = np.array([[_roughly(terms, x[None])[0] for terms in row] for row in curve.second])
            K = np.block([[np.eye(2) + lam * H, g.T], [g, np.zeros((1, 1))]])
            right = -np.concatenate([x - origin + lam * g[0], f])
            if not (np.isfinite(K).all() and abs(np.linalg.det(K)) > 1e-300):
                break
            step = np.linalg.solve(K, right)
            x, lam = x + step[:2], lam + step[2]
            if not np.isfinite(x).all() or np.linalg.norm(x - start) > 0.1 * (1 + np.linalg.norm(start - origin)):
                x = start
                break
    return tuple(Fraction(v) for v in x.tolist())


@dataclass(frozen=True)
class Shield:
    """A square around the nearest zero that was found, proved to hold no zero within s of p."""

    middle: Vector
    half: Fraction

    def covers(self, m: Vector, half: Fraction) -> bool:
        """Whether the square with middle m lies in it."""
        return all(abs(a - b) + half <= self.half for a, b in zip(m, self.middle, strict=True))


def shield(curve: Curve, p: Vector, w: Vector, s: Fraction) -> Shield | None:
    """The largest square found around w without a zero within s of p, by convexity of `±F + μ(|w − p|² − s²)`."""
    off, g = subtract(w, p), curve.gradient(w)
    if not square(off):
        return None
    mu = -(g[0] * off[0] + g[1] * off[1]) / (2 * square(off))
    sign = 1 if mu >= 0 else -1
    mu = abs(mu)
    lagrangian = {key: c for key, c in _lagrangian(curve, sign, mu, p, s).items() if c}
    if set(lagrangian) == {(0, 0)}:  # a circle around p: the function is constant
        return Shield(p, 2 * s) if lagrangian[0, 0] > 0 else None
    f = Curve(lagrangian)
    base, slope = f.value(w), f.gradient(w)
    for exponent in range(0, 40):
        half = Fraction(1, 1 << exponent)
        if base > (abs(slope[0]) + abs(slope[1])) * half and _convex(f, w, half):
            return Shield(w, half)
    return None


def _lagrangian(curve: Curve, sign: int, mu: Fraction, p: Vector, s: Fraction) -> dict[tuple[int, int], Fraction]:
    found = {(i, j): sign * c for i, j, c in curve.terms}
    for key, c in (((2, 0), mu), ((0, 2), mu), ((1, 0), -2 * mu * p[0]), ((0, 1), -2 * mu * p[1]),
                   ((0, 0), mu * (square(p) - s * s))):
        found[key] = found.get(key, Fraction(0)) + c
    return found


def _convex(f: Curve, w: Vector, half: Fraction) -> bool:
    """Whether the second derivative is positive definite on the square."""
    (xx, xy), (_, yy) = f.second
    (a, ra), (b, rb), (c, rc) = (_taylor(terms, w, half) for terms in (xx, xy, yy))
    return a > ra and c > rc and (a - ra) * (c - rc) > (abs(b) + rb) ** 2


def _taylor(terms: Terms, w: Vector, half: Fraction) -> tuple[Fraction, Fraction]:
    """Value of a polynomial at w, and a bound of its change on the square."""
    rest = Fraction(0)
    for order, derivative in _scaled_derivatives(terms):
        if order:
            rest += abs(_evaluate(derivative, w)) * half**order
    return _evaluate(terms, w), rest


def clear(
    curve: Curve, p: Vector, s: Fraction, shielded: Shield | None
) -> tuple[Fraction, tuple[Vector, Fraction] | None]:
    """How far around p there is proved to be no zero, up to s; and a proved zero nearer than s, if one was met."""
    order = count()
    heap: list[tuple[Fraction, int, Vector, Fraction]] = [(Fraction(0), next(order), p, s)]
    for _ in range(BOXES):
        if not heap:
            return s, None
        _, _, middle, half = heapq.heappop(heap)
        half /= 2
        for shift in product((-half, half), repeat=2):
            m = (middle[0] + shift[0], middle[1] + shift[1])
            near = square(tuple(max(abs(a - b) - half, Fraction(0)) for a, b in zip(m, p, strict=True)))
            if near > s * s or curve.misses(m, half) or (shielded is not None and shielded.covers(m, half)):
                continue
            if half * 64 < s:
                found = curve.zero_near(m, 8 * half)
                if found is not None:
                    bound = fp.sqrt_up(square(subtract(found[0], p))) + found[1]
                    if bound < s:
                        better = curve.zero_near(polished(curve, p, np.array([float(v) for v in found[0]])), s)
                        if better is not None:
                            far = fp.sqrt_up(square(subtract(better[0], p))) + better[1]
                            return Fraction(0), min((far, better[0]), (bound, found[0]))[::-1]
                        return Fraction(0), (found[0], bound)
            heapq.heappush(heap, (near, next(order), m, half))
    return (fp.sqrt_down(heap[0][0]) if heap else s), None


def _roughly(terms: Terms, x: np.ndarray) -> np.ndarray:
    """The values of a polynomial at the rows of x in floats."""
    return sum((float(c) * x[:, 0] ** i * x[:, 1] ** j for i, j, c in terms), np.zeros(len(x)))


def _evaluate(terms: Terms, w: Vector) -> Fraction:
    """The value of a polynomial, in whole numbers over one denominator, so that one fraction is shortened."""
    below = math.lcm(w[0].denominator, w[1].denominator)
    a, b = (v.numerator * (below // v.denominator) for v in w)
    top = max((i + j for i, j, _ in terms), default=0)
    shared = math.lcm(*(c.denominator for _, _, c in terms))
    above = sum(c.numerator * (shared // c.denominator) * a**i * b**j * below ** (top - i - j) for i, j, c in terms)
    return Fraction(above, shared * below**top)


def _scaled_derivatives(terms: Terms) -> tuple[tuple[int, Terms], ...]:
    """Total order and terms of all `∂^{a+b}/(a! b!)` of a polynomial, itself first."""
    found = []
    top_i, top_j = max((i for i, _, _ in terms), default=0), max((j for _, j, _ in terms), default=0)
    for a, b in product(range(top_i + 1), range(top_j + 1)):
        kept = tuple((i - a, j - b, c * math.comb(i, a) * math.comb(j, b)) for i, j, c in terms if i >= a and j >= b)
        if kept:
            found.append((a + b, kept))
    return tuple(sorted(found))


def _by_first(terms: Terms) -> Terms:
    return tuple((i - 1, j, c * i) for i, j, c in terms if i)


def _by_second(terms: Terms) -> Terms:
    return tuple((i, j - 1, c * j) for i, j, c in terms if j)


def _rounded(w: Vector) -> Vector:
    return tuple(Fraction(round(v * (1 << 70)), 1 << 70) for v in w)
