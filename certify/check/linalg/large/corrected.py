"""The largest eigenvalue of a matrix that is known by another and its correction, whose product is not made (W3)."""

from __future__ import annotations

from flint import arb, arb_mat, ctx

from certify.check.linalg.definite import Truth
from certify.check.linalg.fixed import enclosed, scale, squares
from certify.check.linalg.large.few_vectors import EXACT, FRACTION, Few, rest
from certify.check.linalg.large.whole_factor import CRUDE, VECTORS, towards_largest

TWICE = 2
"""Columns are repeated, as flint is quicker with twice as many."""


def is_below(X: arb_mat, R: arb_mat, crude: arb, most: arb, radius: arb) -> bool:
    """Whether `most·I − G ≻ 0` is proved for every symmetric G within the radius of `Ĝ = X + XR`, in norm.

    A are the first bits of X, within a of it, `B = VᵀAV`. `ĜV = X(V + RV)` is made, and for `Vᵀz = 0`
    `zᵀĜz ≤ (|A − VBVᵀ|_F + a + |X|_F|R|_F)|z|²`.

    Args:
        X, R: exact, X and XR symmetric, R small.
        crude: at least `|X|_F|R|_F`.
        most, radius: the numbers.
    """
    exact = X == X.transpose()  # balls are equal to nothing
    if X.nrows() <= VECTORS or not exact:
        return False
    A = enclosed(X, CRUDE)
    near = towards_largest(A.mid)
    own = near.transpose() * (A.mid * near)
    with ctx.workprec(EXACT):
        left = (squares(A.mid.entries(), A.bits), arb_mat(own) * scale(2 * FRACTION + A.bits))
        wide = arb_mat([row * TWICE for row in near.tolist()]) * scale(FRACTION)
        V, image = (arb_mat([row[:VECTORS] for row in M.tolist()]) for M in (wide, X * (wide + R * wide)))
        units, forms = V.transpose() * V, V.transpose() * image
        away = image.transpose() * image - forms * forms * 2 + forms * units * forms
        few = Few(units, forms, away, (rest(left[0], units, left[1]) + A.radius + crude).upper())
        return few.below(most, radius) is Truth.PROVED
