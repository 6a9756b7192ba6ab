"""Smooth equations `G(w) = 0`, evaluated in balls: what a manifold is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from flint import arb

from certify.format.errors import InputError
from certify.sets.exact.rational import Rows, Vector, flint_number, number

Balls = Sequence[arb]
Monomial = tuple[tuple[int, ...], Fraction]


class Equations(Protocol):
    """`G : R^p → R^m`, twice continuously differentiable wherever its balls are finite.

    The first three return balls that hold the values at every point of the box x; a ball that is not finite promises
    nothing.
    """

    @property
    def variables(self) -> int:
        """p."""

    @property
    def count(self) -> int:
        """m."""

    def value(self, x: Balls) -> list[arb]:
        """`G(x)`."""

    def jacobian(self, x: Balls) -> list[list[arb]]:
        """`G_w(x)`, m rows."""

    def curvature(self, x: Balls, z: Balls) -> list[list[arb]]:
        """The second derivative of `⟨z, G⟩`, p rows."""

    def vanishes(self, x: Vector) -> bool | None:
        """Whether `G(x) = 0`, decided exactly; None where it is not."""

    def exact_jacobian(self, x: Vector) -> Rows | None:
        """`G_w(x)` in rational numbers, None where it is not rational or not known to be."""


@dataclass(frozen=True)
class Polynomials:
    """Polynomial equations with rational coefficients.

    Args:
        equations: one `{(i_1, …, i_p): c}` an equation, for the terms `c·w_1^i_1 … w_p^i_p`.

    Raises:
        InputError: malformed exponents or coefficients, or equations in different numbers of variables.

    >>> sphere = Polynomials([{(2, 0, 0): 1, (0, 2, 0): 1, (0, 0, 2): 1, (0, 0, 0): -1}])
    >>> sphere.vanishes((Fraction(3, 5), Fraction(4, 5), Fraction(0))), sphere.variables
    (True, 3)
    """

    terms: tuple[tuple[Monomial, ...], ...]
    variables: int

    def __init__(self, equations: Any) -> None:
        found, lengths = [], set()
        for equation in equations:
            if not isinstance(equation, Mapping) or not equation:
                raise InputError("polynomials", f"{equation!r}", "give {(exponents): coefficient} for each equation")
            terms = []
            for key, value in equation.items():
                if not (isinstance(key, tuple) and all(isinstance(e, int) and e >= 0 for e in key)):
                    raise InputError("polynomials", f"{key!r}", "give tuples of exponents from 0 on")
                lengths.add(len(key))
                terms.append((key, number(value, "coefficient")))
            found.append(tuple((key, c) for key, c in sorted(terms) if c))
        if len(lengths) != 1 or 0 in lengths:
            raise InputError("polynomials", f"exponents of {sorted(lengths)} variables", "give all in the same ones")
        object.__setattr__(self, "terms", tuple(found))
        object.__setattr__(self, "variables", lengths.pop())

    @property
    def count(self) -> int:
        """m."""
        return len(self.terms)

    def value(self, x: Balls) -> list[arb]:
        """`G(x)`."""
        return [_sum(terms, x) for terms in self.terms]

    def jacobian(self, x: Balls) -> list[list[arb]]:
        """`G_w(x)`."""
        return [[_sum(_derivative(terms, j), x) for j in range(self.variables)] for terms in self.terms]

    def curvature(self, x: Balls, z: Balls) -> list[list[arb]]:
        """The second derivative of `⟨z, G⟩`."""
        p = self.variables
        found = [[arb(0)] * p for _ in range(p)]
        for weight, terms in zip(z, self.terms, strict=True):
            for i in range(p):
                first = _derivative(terms, i)
                for j in range(i + 1):
                    found[i][j] += weight * _sum(_derivative(first, j), x)
        return [[found[max(i, j)][min(i, j)] for j in range(p)] for i in range(p)]

    def vanishes(self, x: Vector) -> bool | None:
        """Whether all polynomials are 0 at x."""
        return not any(_exactly(terms, x) for terms in self.terms)

    def exact_jacobian(self, x: Vector) -> Rows | None:
        """`G_w(x)`."""
        return tuple(tuple(_exactly(_derivative(terms, j), x) for j in range(self.variables)) for terms in self.terms)


def power(x: arb, exponent: int) -> arb:
    """`x^exponent` by products: FLINT's own power has no value on a ball that holds 0.

    >>> bool(power(arb(0, 1), 2).contains(1)), bool(power(arb(2), -1) == 0.5)
    (True, True)
    """
    found = arb(1)
    for _ in range(abs(exponent)):
        found *= x
    return found if exponent >= 0 else 1 / found


def _derivative(terms: Sequence[Monomial], j: int) -> tuple[Monomial, ...]:
    return tuple(((*key[:j], key[j] - 1, *key[j + 1 :]), c * key[j]) for key, c in terms if key[j])


def _sum(terms: Sequence[Monomial], x: Balls) -> arb:
    total = arb(0)
    for key, c in terms:
        product = arb(flint_number(c))
        for v, e in zip(x, key, strict=True):
            if e:
                product *= power(v, e)
        total += product
    return total


def _exactly(terms: Sequence[Monomial], x: Vector) -> Fraction:
    total = Fraction(0)
    for key, c in terms:
        for v, e in zip(x, key, strict=True):
            c *= v**e
        total += c
    return total
