"""Per-sample Euclidean balls: a batch of vectors, each known up to a distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair, require_range
from certify.rigor.fp import RAISE, Array


@dataclass(frozen=True, eq=False)
class Balls:
    """Vectors `x_i` with `|x_i − mid_i| ≤ rad_i` in the Euclidean norm.

    Attributes:
        mid: `(N, m)` pair.
        rad: `(N,)` radii.
        norm: `(N,)` upper bounds of `|x_i|` and of `|mid_i|`, at least `FLOOR`.
    """

    mid: Pair
    rad: Array
    norm: Array

    @staticmethod
    def make(mid: Pair, rad: Array, arithmetic: Arithmetic) -> Balls:
        """Balls with their norms; refuses non-finite radii and entries out of range."""
        require_range(mid.hi, "forward and backward pass")
        fp.require_finite(rad, "radius of a pass")
        return Balls(mid, rad, (arithmetic.row_norms(mid) + rad) * RAISE)


def exact_points(X: Array, arithmetic: Arithmetic) -> Balls:
    """Balls of radius 0."""
    return Balls.make(Pair(X), np.zeros(len(X)), arithmetic)


@dataclass(frozen=True, eq=False)
class Matrix:
    """A known matrix with the norms that passes need.

    Attributes:
        value: `(out, in)` float64, exact.
        spectral: upper bound of its spectral norm.
        frobenius: upper bound of its Frobenius norm.
    """

    value: Array
    spectral: float
    frobenius: float


def known_matrix(W: Array) -> Matrix:
    """W with a verified spectral norm (the Frobenius norm where the verification is too weak)."""
    from certify.rigor.singular import enclose_norm2

    frobenius = fp.frobenius(W)
    try:
        spectral = min(enclose_norm2(W).upper, frobenius)
    except EnclosureError:
        spectral = frobenius
    return Matrix(W, max(spectral, fp.FLOOR), frobenius)


def affine(x: Balls, W: Matrix, b: Array | None, arithmetic: Arithmetic) -> Balls:
    """Balls around `W x_i + b` (R8).

    `rad = ‖W‖₂ rad_x + c|x|‖W‖_F + unit·(|Wx| + |b|)`, c the product unit, norms of the computed vectors.
    """
    y = arithmetic.product(x.mid, Pair(W.value))
    rad = W.spectral * x.rad + arithmetic.product_unit(W.value.shape[1]) * W.frobenius * x.norm
    if b is not None:
        size = arithmetic.row_norms(y) + fp.row_norms(b[None, :])[0]
        y = arithmetic.add(y, Pair(b[None, :]))
        rad = rad + arithmetic.unit * size
    return Balls.make(y, rad * RAISE, arithmetic)
