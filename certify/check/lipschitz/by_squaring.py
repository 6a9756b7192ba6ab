"""Upper bounds of the norm of a symmetric matrix of whole numbers, by squaring it: nothing is factorised or guessed."""

from __future__ import annotations

from collections.abc import Iterator
from operator import mul

from flint import arb, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import Integers, scale
from certify.check.linalg.large.products import whole

PLACES, STEPS = 30, 7
"""Bits of a matrix before it is squared twice, so that products have small numbers; and how often, at most."""


def norms(X: fmpz_mat) -> Iterator[arb]:
    """Upper bounds of `‖X‖`, each from two more squares.

    `‖X‖⁴ = ‖X⁴‖` for a symmetric X. Before it is squared X is cut, `X = 2^d·X̂ + E` with entries of E from 0 to `2^d`,
    so `‖X‖ ≤ 2^d(‖X̂‖ + n)`; the last matrix is no longer than its Frobenius norm. Of `X^p` that is the root of the sum
    of the 2p-th powers of the eigenvalues: where few are near the largest its p-th root is soon near the norm.

    Args:
        X: the whole numbers, symmetric.

    >>> bounds = list(norms(fmpz_mat([[2, 1], [1, 2]])))
    >>> bounds[0].str(5, radius=False), bounds[-1].str(5, radius=False), all(bound >= 3 for bound in bounds)
    ('3.1623', '3.0000', True)
    """
    if X != X.transpose():
        raise ValueError("the matrix is not symmetric")
    n, drops, values = X.nrows(), list[int](), X.entries()
    for step in range(STEPS):
        if step:
            square = fmpz_mat(n, n, values) ** 2
            values = (square * square).entries()
        drop = max(0, whole(_frobenius(values).ceil()).bit_length() - PLACES)
        values = [x >> drop for x in values] if drop else values
        drops.append(drop)
        bound = _frobenius(values)
        for at, cut in enumerate(reversed(drops)):
            bound = ((bound.root(4) if at else bound) + (n if cut else ZERO)) * scale(-cut)
        yield bound.upper()


def _frobenius(values: Integers) -> arb:
    """Upper bound of the root of the sum of squares."""
    return arb(sum(map(mul, values, values), fmpz(0))).sqrt().upper()
