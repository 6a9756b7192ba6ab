"""Families `S(u) = {w : F(u, w) = 0}` of real numbers, F a polynomial: exact limits, and the Aubin property."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Poly, Rational

from certify.format.errors import InputError
from certify.sets.family import Aubin
from certify.symbolic.system import System, rational


@dataclass(frozen=True)
class AlgebraicFamily:
    """The real roots w of a polynomial that depends on u.

    Args:
        polynomial: an expression in the symbols u and w with rational coefficients.
        u, w: the symbols.

    >>> u, w = sympy.symbols("u w")
    >>> squares = AlgebraicFamily(w**2 - u, u, w)
    >>> squares.at(4), squares.outer_limit(0), squares.inner_limit(0), squares.aubin(0, 0).holds
    ([-2, 2], [0], [], False)
    """

    polynomial: sympy.Expr
    u: sympy.Symbol
    w: sympy.Symbol

    def __post_init__(self) -> None:
        expression = sympy.sympify(self.polynomial)
        fits = expression.free_symbols <= {self.u, self.w} and expression.is_polynomial(self.u, self.w)
        if not fits or not all(c.is_Rational for c in Poly(expression, self.u, self.w).coeffs()) or expression == 0:
            raise InputError("family", f"{expression}", "give a nonzero polynomial in u and w, coefficients rational")
        object.__setattr__(self, "polynomial", expression)  # a string is one from here on

    def at(self, u: Any) -> list[sympy.Expr] | None:
        """`S(u)`, ascending, each root once; None: all real numbers."""
        here = sympy.expand(self.polynomial.subs(self.u, rational(u, "u")))
        return None if here == 0 else _roots(Poly(here, self.w))

    def outer_limit(self, u: Any) -> list[sympy.Expr]:
        """Limits of points of S(u') along some sequence `u' → u`, `u' ≠ u`."""
        right, left = self._side(u, 1), self._side(u, -1)
        return sorted({*right, *left}, key=lambda r: sympy.N(r, 30))

    def inner_limit(self, u: Any) -> list[sympy.Expr]:
        """Limits of points of S(u') along every sequence `u' → u`, `u' ≠ u`."""
        right, left = self._side(u, 1), self._side(u, -1)
        return [r for r in right if r in left]

    def aubin(self, u: Any, w: Any) -> Aubin:
        """M1 at a rational point of the graph."""
        return System((self.polynomial,), (self.w,), (self.u,), (rational(w, "w"),), (rational(u, "u"),)).aubin()

    def _side(self, u: Any, side: int) -> list[sympy.Expr]:
        """Roots at u that are limits of roots from one side.

        F is divided by the power of `u' − u` in it. Between rational numbers that separate the roots at u, the number
        of real roots is constant on an interval of parameters on which the discriminant and the values at the
        separators do not vanish; it is counted by Sturm at its end.
        """
        t = sympy.Dummy("t")
        shifted = Poly(sympy.expand(self.polynomial.subs(self.u, rational(u, "u") + side * t)), t, self.w)
        lowest = min(m[0] for m in shifted.monoms())
        reduced = Poly(sympy.cancel(shifted.as_expr() / t**lowest), t, self.w)
        if reduced.degree(self.w) < 1:
            return []
        reduced = Poly(sympy.sqf_part(reduced.as_expr()), t, self.w)
        here = Poly(reduced.as_expr().subs(t, 0), self.w)
        roots = _roots(here)
        separators = _separators(here, roots)
        walls = [Poly(sympy.discriminant(reduced.as_expr(), self.w), t)] if reduced.degree(self.w) > 1 else []
        walls += [Poly(reduced.as_expr().subs(self.w, s), t) for s in separators]
        step = Rational(1)
        for wall in walls:
            for r in _roots(wall) if wall.degree() > 0 else []:
                while r > 0 and step >= r:
                    step /= 2
        beyond = Poly(reduced.as_expr().subs(t, step), self.w)
        return [r for r, a, b in zip(roots, separators, separators[1:], strict=False) if _count(beyond, a, b)]


def _roots(polynomial: Poly) -> list[sympy.Expr]:
    return sorted(set(sympy.real_roots(polynomial)), key=lambda r: sympy.N(r, 30)) if polynomial.degree() > 0 else []


def _separators(polynomial: Poly, roots: list[sympy.Expr]) -> list[Rational]:
    """Rational numbers below, between and above the roots."""
    intervals = [pair for pair, _ in polynomial.intervals()]
    if not intervals:
        return []
    eps = Rational(1, 4)
    while any(a[1] >= b[0] for a, b in zip(intervals, intervals[1:], strict=False)):
        intervals = [pair for pair, _ in polynomial.intervals(eps=eps)]
        eps /= 16
    between = [(a[1] + b[0]) / 2 for a, b in zip(intervals, intervals[1:], strict=False)]
    return [intervals[0][0] - 1, *between, intervals[-1][1] + 1]


def _count(polynomial: Poly, a: Rational, b: Rational) -> int:
    return int(polynomial.count_roots(a, b)) if polynomial.degree() > 0 else 0
