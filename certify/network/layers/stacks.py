"""Per-sample matrices, each known up to a Frobenius distance, and their products with layers and slopes (H1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.network.layers.passes import Slope
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair, require_range
from certify.rigor.ball import Balls, Matrix
from certify.rigor.fp import RAISE, Array


@dataclass(frozen=True, eq=False)
class Stack:
    """Matrices `X_i` with `‖X_i − mid_i‖_F ≤ rad_i`.

    Attributes:
        mid: `(n, r, m)` pair.
        rad: `(n,)` radii.
        norm: `(n,)` upper bounds of `‖X_i‖_F` and of `‖mid_i‖_F`, at least `FLOOR`.
    """

    mid: Pair
    rad: Array
    norm: Array

    @staticmethod
    def make(mid: Pair, rad: Array, arithmetic: Arithmetic) -> Stack:
        """A stack with its norms; refuses non-finite radii and entries out of range."""
        require_range(mid.hi, "second derivatives")
        fp.require_finite(rad, "radius of second derivatives")
        n = len(rad)
        return Stack(mid, rad, (arithmetic.row_norms(mid.reshape(n, -1)) + rad) * RAISE)

    def transposed(self) -> Stack:
        """The transposes `X_iᵀ`."""
        hi, lo = self.mid.hi, self.mid.lo
        turned = np.ascontiguousarray(hi.swapaxes(1, 2))
        mid = Pair(turned, None if lo is None else np.ascontiguousarray(lo.swapaxes(1, 2)))
        return Stack(mid, self.rad, self.norm)

    def rounded(self) -> Stack:
        """The same matrices around float64 centres: what is dropped joins the radii."""
        if self.mid.lo is None:
            return self
        dropped = fp.row_norms(self.mid.lo.reshape(len(self.rad), -1))
        return Stack(Pair(self.mid.hi), (self.rad + dropped) * RAISE, (self.norm + dropped) * RAISE)


def rows_of(x: Balls) -> Stack:
    """Vectors as matrices of one row."""
    n, m = x.mid.shape
    return Stack(x.mid.reshape(n, 1, m), x.rad, x.norm)


def identities(n: int, m: int, arithmetic: Arithmetic) -> Stack:
    """n identity matrices, exact."""
    return Stack.make(Pair(np.tile(np.eye(m), (n, 1, 1))), np.zeros(n), arithmetic)


def diagonals(d: Slope, arithmetic: Arithmetic) -> Stack:
    """`diag(φ')`: each entry errs by at most the slope's radius, m of them by √m times that."""
    n, m = d.mid.shape

    def spread(part: Array) -> Array:
        out = np.zeros((n, m, m))
        np.einsum("ijj->ij", out)[:] = part
        return out

    mid = Pair(spread(d.mid.hi), None if d.mid.lo is None else spread(d.mid.lo))
    return Stack.make(mid, d.rad * (np.sqrt(float(m)) * RAISE * RAISE), arithmetic)


def times(x: Stack, W: Matrix, arithmetic: Arithmetic) -> Stack:
    """`X_i Wᵀ`: `rad = ‖W‖₂ rad + (r_W + c‖W‖_F)·norm`, c the product unit, r_W the radius of W.

    Args:
        x: `(n, r, k)` stack.
        W: `(m, k)` matrix.
        arithmetic: what computes the midpoints.

    Returns:
        `(n, r, m)` stack.
    """
    n, r, k = x.mid.shape
    y = arithmetic.product(x.mid.reshape(n * r, k), W.value).reshape(n, r, W.value.shape[0])
    rad = W.spectral * x.rad + (arithmetic.product_unit(k) * W.frobenius + W.radius) * x.norm
    # the product's bound counts each of the r rows as at least FLOOR (R0)
    rad = rad + (arithmetic.product_unit(k) * W.frobenius * np.sqrt(float(r))) * fp.FLOOR
    return Stack.make(y, rad * RAISE, arithmetic)


def scaled(x: Stack, d: Slope, arithmetic: Arithmetic) -> Stack:
    """`X_i diag(d_i)`: `rad = λ rad + norm·(r + unit·(λ + r))`, λ the bound of the true d, r their radius."""
    n, m = d.mid.shape
    y = arithmetic.multiply(x.mid, d.mid.reshape(n, 1, m))
    rad = d.bound * x.rad + x.norm * (d.rad + arithmetic.unit * (d.bound + d.rad))
    return Stack.make(y, rad * RAISE, arithmetic)


def plus_diagonal(x: Stack, y: Stack, arithmetic: Arithmetic) -> Stack:
    """`X_i + diag(y_i)` for `(n, m, m)` and `(n, 1, m)`: `rad_x + rad_y + unit·(‖X‖ + |y|)`."""
    n, _, m = y.mid.shape
    on = np.arange(m)
    diagonal = Pair(x.mid.hi[:, on, on], None if x.mid.lo is None else x.mid.lo[:, on, on])
    total = arithmetic.add(diagonal, y.mid.reshape(n, m))
    hi, lo = x.mid.hi.copy(), None if total.lo is None else np.zeros_like(x.mid.hi)
    hi[:, on, on] = total.hi
    if lo is not None and total.lo is not None:
        lo[:] = 0.0 if x.mid.lo is None else x.mid.lo
        lo[:, on, on] = total.lo
    rad = x.rad + y.rad + arithmetic.unit * (x.norm + y.norm)
    return Stack.make(Pair(hi, lo), rad * RAISE, arithmetic)
