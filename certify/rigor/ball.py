"""Per-sample Euclidean balls: a batch of vectors, each known up to a distance."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair, require_range
from certify.rigor.fp import RAISE, Array

KEPT = 256
"""Matrices whose norms are remembered."""

_norms: OrderedDict[bytes, tuple[float, float]] = OrderedDict()


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

    def taken(self, rows: NDArray[np.intp]) -> Balls:
        """These of the vectors, in this order."""
        lo = None if self.mid.lo is None else self.mid.lo[rows]
        return Balls(Pair(self.mid.hi[rows], lo), self.rad[rows], self.norm[rows])


class Collected:
    """Balls with centres in float64 that come some rows at a time, each copied once.

    >>> from certify.rigor.arithmetic import Binary64
    >>> whole = Collected(2, 2)
    >>> whole.put(0, exact_points(np.eye(2), Binary64()))
    >>> whole.balls.mid.hi.trace()
    np.float64(2.0)
    """

    def __init__(self, rows: int, columns: int) -> None:
        """Room for them: NaN until it is filled, so that a row that never came spoils what is computed from it."""
        nothing = np.full(rows, np.nan)
        self.balls = Balls(Pair(np.empty((rows, columns))), nothing, nothing.copy())

    def put(self, start: int, balls: Balls) -> None:
        """Keep these as the rows from `start` on."""
        own = slice(start, start + len(balls.rad))
        self.balls.mid.hi[own], self.balls.rad[own], self.balls.norm[own] = balls.mid.hi, balls.rad, balls.norm


def joined(parts: Sequence[Balls]) -> Balls:
    """The vectors of all parts, one after another; centres in float64.

    >>> from certify.rigor.arithmetic import Binary64
    >>> joined([exact_points(np.eye(2), Binary64())] * 2).rad.shape
    (4,)
    """
    return Balls(Pair(np.concatenate([b.mid.hi for b in parts])), np.concatenate([b.rad for b in parts]),
                 np.concatenate([b.norm for b in parts]))


def rounded(balls: Balls) -> Balls:
    """The same vectors around float64 centres: what is dropped joins the radii."""
    if balls.mid.lo is None:
        return balls
    dropped = fp.row_norms(balls.mid.lo)
    return Balls(Pair(balls.mid.hi), (balls.rad + dropped) * RAISE, (balls.norm + dropped) * RAISE)


def exact_points(X: Array, arithmetic: Arithmetic) -> Balls:
    """Balls of radius 0."""
    return Balls.make(Pair(X), np.zeros(len(X)), arithmetic)


@dataclass(frozen=True, eq=False)
class Matrix:
    """A matrix with the norms that passes need, known exactly or up to a radius.

    Attributes:
        value: `(out, in)` pair.
        spectral: upper bound of the spectral norm of the pair.
        frobenius: upper bound of the Frobenius norm of the pair.
        radius: bound of the spectral norm of what the matrix may differ from the pair.
    """

    value: Pair
    spectral: float
    frobenius: float
    radius: float = 0.0

    def turned(self) -> Matrix:
        """The transpose."""
        lo = None if self.value.lo is None else np.ascontiguousarray(self.value.lo.T)
        return Matrix(Pair(np.ascontiguousarray(self.value.hi.T), lo), self.spectral, self.frobenius, self.radius)


def known_matrix(W: Array, low: Array | None = None, radius: float = 0.0) -> Matrix:
    """`W + low` with a verified spectral norm (the Frobenius norm where the verification is too weak)."""
    frobenius, spectral = _sizes(W)
    extra = 0.0 if low is None else fp.frobenius(low)
    return Matrix(Pair(W, low), max((spectral + extra) * RAISE, fp.FLOOR), (frobenius + extra) * RAISE, radius)


def _sizes(W: Array) -> tuple[float, float]:
    """Upper bounds of the Frobenius and the spectral norm.

    Those of the last matrices are kept under a digest of their entries: a pass over balls of many radii about the same
    weights asks for the same ones each time.
    """
    from certify.rigor.singular import enclose_norm2

    entries = np.ascontiguousarray(W)
    name = hashlib.blake2b(f"{entries.dtype.str}{entries.shape}".encode() + entries.tobytes()).digest()
    found = _norms.pop(name, None)
    if found is None:
        frobenius = fp.frobenius(W)
        try:
            found = frobenius, min(enclose_norm2(W).upper, frobenius)
        except EnclosureError:
            found = frobenius, frobenius
    _norms[name] = found
    if len(_norms) > KEPT:
        _norms.popitem(last=False)
    return found


def affine(x: Balls, W: Matrix, b: Pair | None, arithmetic: Arithmetic, b_radius: float = 0.0) -> Balls:
    """Balls around `W x_i + b` (R8).

    `rad = ‖W‖₂ rad_x + r_W|x| + r_b + c|x|‖W‖_F + unit·(|Wx| + |b|)`, c the product unit, norms of the computed
    vectors, `r_W`, `r_b` the radii of matrix and bias.
    """
    y = arithmetic.product(x.mid, W.value)
    rad = W.spectral * x.rad + arithmetic.product_unit(W.value.shape[1]) * W.frobenius * x.norm
    if W.radius:
        rad = rad + W.radius * x.norm
    if b is not None:
        row = b.reshape(1, b.shape[0])
        size = arithmetic.row_norms(y) + arithmetic.row_norms(row)[0]
        y = arithmetic.add(y, row)
        rad = rad + arithmetic.unit * size + b_radius
    return Balls.make(y, rad * RAISE, arithmetic)
