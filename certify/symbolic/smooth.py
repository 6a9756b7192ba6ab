"""Equations given by SymPy expressions, evaluated in balls: manifolds of small networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy
from flint import arb
from sympy import Expr, Matrix, Symbol

from certify.sets.exact.rational import Rows, Vector
from certify.symbolic.balls import evaluate


@dataclass(frozen=True)
class SmoothEquations:
    """`G(w) = 0` by expressions in the symbols w (see :class:`certify.sets.smooth.equations.Equations`).

    >>> a, b = sympy.symbols("a b")
    >>> curve = SmoothEquations((sympy.tanh(a) * b - 1,), (a, b))
    >>> bool(curve.value([arb(0), arb(1)])[0] == -1)
    True
    """

    equations: tuple[Expr, ...]
    w: tuple[Symbol, ...]

    @property
    def variables(self) -> int:
        """p."""
        return len(self.w)

    @property
    def count(self) -> int:
        """m."""
        return len(self.equations)

    @cached_property
    def _first(self) -> Matrix:
        return Matrix(self.equations).jacobian(Matrix(self.w))

    @cached_property
    def _second(self) -> list[Matrix]:
        return [sympy.hessian(e, self.w) for e in self.equations]

    def _known(self, x: Sequence[arb]) -> dict[Expr, arb]:
        return dict(zip(self.w, x, strict=True))

    def value(self, x: Sequence[arb]) -> list[arb]:
        """`G(x)`."""
        known = self._known(x)
        return [evaluate(e, known) for e in self.equations]

    def jacobian(self, x: Sequence[arb]) -> list[list[arb]]:
        """`G_w(x)`."""
        known = self._known(x)
        return [[evaluate(e, known) for e in row] for row in self._first.tolist()]

    def curvature(self, x: Sequence[arb], z: Sequence[arb]) -> list[list[arb]]:
        """The second derivative of `⟨z, G⟩`."""
        known, p = self._known(x), self.variables
        found = [[arb(0)] * p for _ in range(p)]
        for weight, H in zip(z, self._second, strict=True):
            for i in range(p):
                for j in range(i + 1):
                    found[i][j] += weight * evaluate(H[i, j], known)
        return [[found[max(i, j)][min(i, j)] for j in range(p)] for i in range(p)]

    def vanishes(self, x: Vector) -> bool | None:
        """Whether all equations hold at x: decided where the values are rational or balls exclude 0, else None."""
        values = self._at(x, list(self.equations))
        if all(v.is_Rational for v in values):
            return all(v == 0 for v in values)
        return False if any(v.is_Rational and v != 0 for v in values) else None

    def exact_jacobian(self, x: Vector) -> Rows | None:
        """`G_w(x)` where it is rational, else None."""
        from certify.sets.exact.rational import number

        values = self._at(x, list(self._first))
        if not all(v.is_Rational for v in values):
            return None
        p = self.variables
        flat = [number(str(v), "derivative") for v in values]
        return tuple(tuple(flat[i * p : (i + 1) * p]) for i in range(self.count))

    def _at(self, x: Vector, expressions: list[Expr]) -> list[Expr]:
        where = {s: sympy.Rational(v.numerator, v.denominator) for s, v in zip(self.w, x, strict=True)}
        return [sympy.sympify(e).subs(where) for e in expressions]
