"""The Hessian `∇²_ww(L − ⟨c, f⟩)` of a fully connected network, enclosed block by block (H1)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.network.layers.objective import (
    Objective,
    Pulled,
    checked_layers,
    chunks,
    differentiate,
    pulled,
    weights_of,
)
from certify.network.layers.passes import Weights
from certify.network.layers.stacks import Stack
from certify.network.network import Network
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, DoubleDouble
from certify.rigor.ball import Balls, rounded
from certify.rigor.fp import RAISE, Array, U
from certify.rigor.matrices import nonnegative_norm

_AT_ONCE = 2**19
"""Numbers of a sheet `R` formed at a time: it stays in the cache between its sum and its product."""


@dataclass(frozen=True, eq=False)
class Hessian:
    """`‖H − mid‖₂ ≤ radius` for the symmetric matrix H of second derivatives.

    Attributes:
        mid: `(p, p)` symmetric float64, parameters in the order of :mod:`certify.network.layers.jacobian`.
        radius: bound of the spectral norm of the error (at most that of its Frobenius norm).
        blocks: `(b, b)` bounds of the Frobenius norms of the error of each pair of free layers.
        sizes: `(b,)` numbers of parameters of the free layers.
    """

    mid: Array
    radius: float
    blocks: Array
    sizes: tuple[int, ...]


def enclose_hessian(
    objective: Objective, layers: tuple[int, ...], arithmetic: Arithmetic | None = None,
    weights: Weights | None = None, rho: float = 0.0,
) -> Hessian:
    """Enclose `∇²_w(L − ⟨c, f⟩)` at the weights, or at every point of a ball around them (H1).

    Block (h, g), h ≤ g: `(1/n) Σ_i ã_{h−1} ⊗ (P_{hg} ⊗ ã_{g−1} + v_g ⊗ ∂a_{g−1}/∂z_h)`, one matrix product for each
    unit of layer h and chunk of rows; about n p² operations in all. Passes run in the arithmetic given, sums over
    rows in float64.

    Args:
        objective: loss, data, tilt.
        layers: the free layers, ascending, from 1.
        arithmetic: of the passes; double-double by default.
        weights: parameters as of :func:`certify.network.layers.passes.known_weights`; None: the network's.
        rho: the enclosure holds for all free parameters within ρ of these (jointly, Euclidean).

    Raises:
        EnclosureError: a pre-activation that may be at a kink, NaN, overflow.

    >>> net = Network((np.array([[3.0]]), np.array([[2.0]])), (None, None), "identity")
    >>> H = enclose_hessian(Objective(net, np.ones((1, 1)), targets=np.zeros((1, 1))), (1, 2))
    >>> H.mid.tolist(), H.radius < 1e-13
    ([[4.0, 12.0], [12.0, 9.0]], True)
    """
    arithmetic = DoubleDouble() if arithmetic is None else arithmetic
    net = objective.network
    layers = checked_layers(net, layers)
    over, turned = weights_of(objective, weights, rho, layers)
    sums = Sums(net, layers)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for index in chunks(len(objective.X), max(net.widths) ** 2):
            d = differentiate(objective.rows(index), over, turned, arithmetic)
            inputs = {h: Tilde.of(rounded(d.passed.inputs[h - 1]), net.biases[h - 1] is not None) for h in layers}
            for part in pulled(d, layers, layers[0], arithmetic):
                if part.h in layers:
                    sums.add(part, d.adjoints[part.g - 1].rounded(), inputs[part.h], inputs[part.g])
            sums.chunk(len(index))
        return sums.finish(objective.n, objective.weight_decay)


@dataclass(frozen=True, eq=False)
class Tilde:
    """Inputs `ã = (a, 1)` of a layer with a bias, `ã = a` of one without, around float64 centres.

    Attributes:
        mid: `(n, d)` array.
        rad, norm: `(n,)` radii and norm bounds.
    """

    mid: Array
    rad: Array
    norm: Array

    @staticmethod
    def of(a: Balls, bias: bool) -> Tilde:
        """From balls with float64 centres."""
        if not bias:
            return Tilde(a.mid.hi, a.rad, a.norm)
        ones = np.ones((len(a.rad), 1))
        return Tilde(np.hstack([a.mid.hi, ones]), a.rad, np.sqrt(a.norm * a.norm + 1.0) * RAISE)


@dataclass(frozen=True, eq=False)
class Sheets:
    """`R_i = P_i ⊗ ã + v ⊗ G_i`: for each j the derivative by the parameters of layer g, `(l, b) ↦ R_i[j, l, b]`.

    Attributes:
        P, G, v: float64 midpoints, `(n, q, J)`, `(n, d, J)` or None, `(n, q)`.
        a: `(n, d̃)` inputs of layer g.
        rad: `(n,)` bounds of `‖R_i − what :func:`sheet` computes‖_F` over all j.
        norm: `(n,)` bounds of the size of both.
    """

    P: Array
    G: Array | None
    v: Array
    a: Array
    rad: Array
    norm: Array

    @staticmethod
    def of(P: Stack, G: Stack | None, v: Stack, a: Tilde) -> Sheets:
        """Radii of the sum of two outer products of enclosed factors, each entry rounded three times (H1)."""
        rad = P.rad * a.norm + P.norm * a.rad
        size = P.norm * a.norm
        if G is not None:
            rad = rad + v.rad * G.norm + v.norm * G.rad
            size = size + v.norm * G.norm
        rad = (rad + 3.0 * U * size) * RAISE
        n = len(rad)
        return Sheets(P.mid.hi, None if G is None else G.mid.hi, v.mid.hi.reshape(n, -1), a.mid,
                      fp.require_finite(rad, "second derivatives"), (size * RAISE + rad) * RAISE)

    def sheet(self, j: slice, first: int = 0) -> Array:
        """`(n, J, q − first, d̃)`: the computed R for some j and the units from `first` on."""
        P = np.ascontiguousarray(self.P[:, first:, j].swapaxes(1, 2))
        R = P[:, :, :, None] * self.a[:, None, None, :]
        if self.G is not None:
            d = self.G.shape[1]
            G = np.ascontiguousarray(self.G[:, :, j].swapaxes(1, 2))
            R[:, :, :, :d] += self.v[:, None, first:, None] * G[:, :, None, :]
        return R


class Sums:
    """Sums over rows of `n·H`, block by block, with bounds of what they err by; each layer's bias among its weights."""

    def __init__(self, network: Network, layers: tuple[int, ...]) -> None:
        self.layers, self.network = layers, network
        self.at: dict[int, slice] = {}
        start = 0
        for h in layers:
            stop = start + network.parameters(h)
            self.at[h], start = slice(start, stop), stop
        self.H = np.zeros((start, start))
        zeros = {(h, g): 0.0 for h in layers for g in layers if h <= g}
        self.balls, self.left, self.right = dict(zeros), dict(zeros), dict(zeros)
        self.longest, self.count = 0, 0

    def chunk(self, rows: int) -> None:
        """Count a chunk of rows."""
        self.longest, self.count = max(self.longest, rows), self.count + 1

    def add(self, part: Pulled, v: Stack, a: Tilde, b: Tilde) -> None:
        """Add `Σ_i ã_{h−1} ⊗ R_i` of one chunk: for each unit of layer h one product `Ãᵀ R`."""
        P, G = part.P.rounded(), None if part.G is None else part.G.rounded()
        sheets = Sheets.of(P, G, v, b)
        n, q, units = P.mid.shape
        left, right = np.ascontiguousarray(a.mid.T), b.mid.shape[1]
        block = self.H[self.at[part.h], self.at[part.g]].reshape(units, len(left), q, right)
        step = max(1, _AT_ONCE // max(1, n * q * right))
        for start in range(0, units, step):
            j = slice(start, min(units, start + step))
            first = start if part.h == part.g else 0  # of a diagonal block one half
            R = sheets.sheet(j, first)
            product = (left @ R.reshape(n, -1)).reshape(len(left), -1, q - first, right)
            block[j, :, first:] += product.swapaxes(0, 1)
        key = (part.h, part.g)
        k = fp.sum_up(n)
        self.balls[key] = (self.balls[key] + float(np.sum(a.norm * sheets.rad + a.rad * sheets.norm)) * k) * RAISE
        self.left[key] = (self.left[key] + float(np.sum(a.norm**2)) * k) * RAISE
        self.right[key] = (self.right[key] + float(np.sum(sheets.norm**2)) * k) * RAISE

    def finish(self, n: int, decay: float) -> Hessian:
        """Mirror, divide by n, add the weight decay, and put the parameters in their order."""
        H = self.H
        for h in self.layers:
            for g in self.layers:
                if h < g:
                    H[self.at[g], self.at[h]] = H[self.at[h], self.at[g]].T
            D = H[self.at[h], self.at[h]]
            D[:] = np.triu(D) + np.triu(D, 1).T
        H /= n
        on = np.arange(len(H))
        H[on, on] += decay
        fp.require_finite(H, "Hessian")
        b = len(self.layers)
        blocks = np.zeros((b, b))
        for x, h in enumerate(self.layers):
            for y, g in enumerate(self.layers[x:], x):
                blocks[x, y] = blocks[y, x] = self._radius(h, g, n, decay if h == g else 0.0)
        radius = fp.up(nonnegative_norm(fp.require_finite(blocks, "radius of the Hessian")))
        order = self._order()
        if (order != on).any():
            H = H[np.ix_(order, order)]
        return Hessian(H, radius, blocks, tuple(self.network.parameters(h) for h in self.layers))

    def _radius(self, h: int, g: int, n: int, decay: float) -> float:
        """Frobenius norm of a block's error: balls, products and their sum, division and decay (H1)."""
        key = (h, g)
        unit = Fraction(fp.dot_unit(self.longest)) + Fraction(fp.dot_unit(self.count)) * Fraction(RAISE)
        block = self.H[self.at[h], self.at[g]]
        floor = Fraction(fp.FLOOR) * sum(block.shape) * (self.count + 1)  # of every column of every chunk (R0)
        size = (fp.sqrt_up(fp.exact(self.left[key])) + floor) * (fp.sqrt_up(fp.exact(self.right[key])) + floor)
        summed = (fp.exact(self.balls[key]) + unit * size) / n
        spread = Fraction(fp.frobenius(block)) + fp.exact(decay) * math.isqrt(len(block) + 1) * 2
        return fp.up(summed + 3 * Fraction(U) * spread)

    def _order(self) -> Array:
        """Place in the sums of every parameter: weights row by row, then the bias."""
        parts = []
        for h in self.layers:
            m, d = self.network.weights[h - 1].shape
            bias = self.network.biases[h - 1] is not None
            places = self.at[h].start + np.arange(m * (d + bias)).reshape(m, d + bias)
            parts += [places[:, :d].ravel(), places[:, d:].ravel()]
        return np.concatenate(parts)
