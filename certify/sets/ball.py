"""Balls and ellipsoids."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from certify.format.errors import InputError
from certify.rigor import fp
from certify.sets.base import ConvexSet
from certify.sets.exact.rational import (
    Rows,
    Vector,
    dot,
    flint_matrix,
    fraction,
    number,
    rows,
    square,
    subtract,
    vector,
)
from certify.sets.extent import Extent, between, root, roots

BITS = 80
"""Bits kept of a point proposed in floats and of a square root."""


@dataclass(frozen=True)
class Ball(ConvexSet):
    """`{x : |x − centre| ≤ radius}`, radius ≥ 0.

    >>> Ball([0, 0], 1).distance([3, 4]).lower
    4.0
    """

    centre: Vector
    radius: Fraction

    def __init__(self, centre: Any, radius: Any) -> None:
        object.__setattr__(self, "centre", vector(centre, "centre"))
        object.__setattr__(self, "radius", number(radius, "radius"))
        if self.radius < 0 or not self.centre:
            raise InputError("ball", f"radius {radius} in dimension {len(self.centre)}", "give a radius from 0 on")

    @property
    def dimension(self) -> int:
        """Dimension of the space around the set."""
        return len(self.centre)

    @property
    def bounded(self) -> bool:
        """Always."""
        return True

    def contains(self, point: Any) -> bool:
        """Whether `|point − centre|² ≤ radius²`."""
        return square(subtract(self._point(point), self.centre)) <= self.radius**2

    def distance(self, point: Any) -> Extent:
        """`max(0, |point − centre| − radius)`."""
        return root_minus(square(subtract(self._point(point), self.centre)), self.radius)


def root_minus(squared: Fraction, radius: Fraction) -> Extent:
    """`max(0, √squared − radius)`; exact where the root is rational."""
    if squared <= radius**2:
        return root(Fraction(0))
    low, high = roots(squared)
    if low == high:
        return root((low - radius) ** 2)
    return between(low - radius, high - radius)


@dataclass(frozen=True)
class Ellipsoid(ConvexSet):
    """`{x : (x − centre)ᵀ P (x − centre) ≤ 1}`, P symmetric positive definite (verified exactly).

    >>> round(Ellipsoid([0, 0], [[1, 0], [0, 4]]).distance([0, 2]).upper, 12)
    1.5
    """

    centre: Vector
    P: Rows

    def __init__(self, centre: Any, P: Any) -> None:
        object.__setattr__(self, "centre", vector(centre, "centre"))
        object.__setattr__(self, "P", rows(P, "P", len(self.centre)))
        symmetric = len(self.P) == len(self.centre) and all(
            self.P[i][j] == self.P[j][i] for i in range(len(self.P)) for j in range(i))
        if not self.centre or not symmetric or not self._definite():
            raise InputError("ellipsoid", "P is not symmetric positive definite", "give such a matrix")

    def _definite(self) -> bool:
        minors = (flint_matrix([row[:k] for row in self.P[:k]], k).det() for k in range(1, len(self.P) + 1))
        return all(minor > 0 for minor in minors)

    @property
    def dimension(self) -> int:
        """Dimension of the space around the set."""
        return len(self.centre)

    @property
    def bounded(self) -> bool:
        """Always."""
        return True

    @cached_property
    def inverse(self) -> Rows:
        """`P⁻¹`, exactly."""
        found = flint_matrix(self.P, self.dimension).inv()
        return tuple(tuple(fraction(found[i, j]) for j in range(self.dimension)) for i in range(self.dimension))

    def level(self, point: Vector) -> Fraction:
        """`(x − centre)ᵀ P (x − centre)`."""
        d = subtract(point, self.centre)
        return sum((d[i] * dot(self.P[i], d) for i in range(len(d))), Fraction(0))

    def contains(self, point: Any) -> bool:
        """Whether the level of the point is at most 1."""
        return self.level(self._point(point)) <= 1

    def width_squared(self, direction: Vector) -> Fraction:
        """`yᵀP⁻¹y`: the support function is `⟨y, centre⟩ + √(yᵀP⁻¹y)`."""
        return sum((direction[i] * dot(self.inverse[i], direction) for i in range(len(direction))), Fraction(0))

    def distance(self, point: Any) -> Extent:
        """Enclosed by a point of the set above and a separating plane below; the secular equation proposes both."""
        x = self._point(point)
        if self.contains(x):
            return root(Fraction(0), x)
        offset = subtract(x, self.centre)
        near = self._inside(self._propose(offset))
        upper = fp.sqrt_up(square(subtract(offset, near)))
        y = subtract(offset, near)  # any direction gives a bound: ⟨y, x − centre⟩ − √(yᵀP⁻¹y) over |y|
        gain = dot(y, offset) - fp.sqrt_up(self.width_squared(y))
        lower = gain / fp.sqrt_up(square(y)) if gain > 0 else Fraction(0)
        return between(lower, upper)

    def near(self, x: Vector) -> Vector:
        """A point of the set about as near to x as one can be; for an x outside."""
        offset = self._inside(self._propose(subtract(x, self.centre)))
        return tuple(c + v for c, v in zip(self.centre, offset, strict=True))

    def _inside(self, offset: Vector) -> Vector:
        """The offset, shortened so that its point belongs to the set."""
        level = self.level(tuple(c + v for c, v in zip(self.centre, offset, strict=True)))
        shrink = 1 / fp.sqrt_up(level) if level > 1 else Fraction(1)
        return tuple(shrink * v for v in offset)

    def _propose(self, offset: Vector) -> Vector:
        """The nearest point by `(I + tP)y = offset`, `yᵀPy = 1`; floats refined in rationals, nothing is trusted."""
        try:
            values, vectors = np.linalg.eigh(np.array(self.P, dtype=float))
            z = vectors.T @ np.array(offset, dtype=float)
        except OverflowError:  # numbers beyond floats: the centre is a point of the set
            return (Fraction(0),) * self.dimension
        low, high = 0.0, 1.0
        while np.sum(values * (z / (1 + high * values)) ** 2) > 1 and high < 1e300:
            high *= 2
        for _ in range(200):
            t = 0.5 * (low + high)
            low, high = (t, high) if np.sum(values * (z / (1 + t * values)) ** 2) > 1 else (low, t)
        y = vectors @ (z / (1 + high * values))
        return tuple(Fraction(v) for v in y.tolist()) if np.isfinite(y).all() else (Fraction(0),) * self.dimension
