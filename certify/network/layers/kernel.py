"""The tangent kernel in Hadamard form (M3), enclosed without ever forming the Jacobian."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.network.layers.passes import Forward
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.ball import Balls
from certify.rigor.fp import RAISE, Array

TILE = 256
"""Equations in a tile of the kernel: its Gram matrices stay in the cache between product, sum and copy."""


@dataclass(frozen=True, eq=False)
class Kernel:
    """`K = JJᵀ` with `|K − mid|_ij ≤ e_i s_j + s_i e_j` and `|K|_ij ≤ s_i s_j`.

    Row `i·k + a` belongs to sample i and output a. The radius has rank two, so it costs O(N), not O(N²).

    Attributes:
        mid: `(N, N)` pair.
        e, s: `(N,)` arrays.
    """

    mid: Pair
    e: Array
    s: Array


def tangent_kernel(
    passed: Forward, adjoints: tuple[Balls, ...], layers: tuple[int, ...], biases: tuple[bool, ...],
    arithmetic: Arithmetic, tile: int = TILE,
) -> Kernel:
    """Enclose `K_{(i,a),(j,b)} = Σ_h ⟨B_h^{i,a}, B_h^{j,b}⟩ (⟨a_{h−1}^i, a_{h−1}^j⟩ + [layer h has a bias])` (R10).

    Args:
        passed: forward pass.
        adjoints: `(B_0, …, B_H)` of the backward pass.
        layers: layers, from 1, whose parameters are free.
        biases: whether each layer has a bias.
        arithmetic: what computes the midpoints.
        tile: equations in a tile of the result.
    """
    parts = kernel_parts(passed, adjoints, layers, biases, arithmetic)
    mid = _midpoint(parts, arithmetic, tile)
    fp.require_finite(np.einsum("ii->i", mid.hi), "tangent kernel")
    return Kernel(mid, parts.e, parts.s)


@dataclass(frozen=True, eq=False)
class KernelParts:
    """What a tangent kernel is made of, layer by layer, with the radius it will have.

    Attributes:
        layers: adjoint `B_h`, `(n·k, ·)`, input `a_{h−1}`, `(n, ·)`, and whether there is a bias.
        outputs: k.
        e, s: `(n·k,)` as those of :class:`Kernel`.
    """

    layers: tuple[tuple[Balls, Balls, bool], ...]
    outputs: int
    e: Array
    s: Array

    @property
    def samples(self) -> int:
        """n."""
        return len(self.e) // self.outputs

    def taken(self, samples: NDArray[np.intp]) -> KernelParts:
        """Those of these samples, in this order."""
        equations = (samples[:, None] * self.outputs + np.arange(self.outputs)).ravel()
        layers = tuple((b.taken(equations), a.taken(samples), bias) for b, a, bias in self.layers)
        return KernelParts(layers, self.outputs, self.e[equations], self.s[equations])

    def tile(self, rows: slice, columns: slice, arithmetic: Arithmetic) -> Pair:
        """The midpoint for some samples against others, `Σ_h ⟨B_h^{i,a}, B_h^{j,b}⟩ (⟨a^i, a^j⟩ + [bias])`."""
        total: Pair | None = None
        k = self.outputs
        for b, a, bias in self.layers:
            left = arithmetic.product(_samples(b.mid, rows, k), _samples(b.mid, columns, k))
            right = arithmetic.product(_samples(a.mid, rows, 1), _samples(a.mid, columns, 1))
            if bias:
                right = arithmetic.add(right, Pair(np.ones((1, 1))))
            m, q = right.shape
            total = arithmetic.accumulate(total, left.reshape(m, k, q, k), right.reshape(m, 1, q, 1))
        assert total is not None  # there is always a layer
        m, _, q, _ = total.shape
        return total.reshape(m * k, q * k)

    def floats(self, rows: slice, columns: slice, out: Array) -> None:
        """Write the midpoint of :meth:`tile` in binary64 to `out`, with two buffers of its size.

        What is not finite stays so: whoever factorises it refuses.
        """
        k, m, q = self.outputs, rows.stop - rows.start, columns.stop - columns.start
        left, right = np.empty((m * k, q * k)), np.empty((m, q))
        for h, (b, a, bias) in enumerate(self.layers):
            np.matmul(_samples(b.mid, rows, k).hi, _samples(b.mid, columns, k).hi.T, out=left)
            np.matmul(a.mid.hi[rows], a.mid.hi[columns].T, out=right)
            if bias:
                right += 1.0
            if k > 1:
                left.reshape(m, k, q, k)[...] *= right[:, None, :, None]
            else:
                left *= right
            if h == 0:
                out[...] = left
            else:
                out += left


def kernel_parts(
    passed: Forward, adjoints: tuple[Balls, ...], layers: tuple[int, ...], biases: tuple[bool, ...],
    arithmetic: Arithmetic,
) -> KernelParts:
    """The parts of a kernel that `arithmetic` will form, as of :func:`tangent_kernel` (R10)."""
    k = passed.output.mid.shape[1]
    parts = tuple((adjoints[h], passed.inputs[h - 1], biases[h - 1]) for h in layers)
    sizes = [_radius(b, a, bias, k, arithmetic) for b, a, bias in parts]
    e = np.sum([e for e, _ in sizes], axis=0) * RAISE
    s = _root_of_squares(np.array([s for _, s in sizes]))
    e = (e + arithmetic.unit * len(layers) * s) * RAISE  # summing the layers
    # the floors make e_i s_j ≥ 2^-990, above what underflow can cost an entry (R0)
    e, s = np.maximum(e, fp.KERNEL_FLOOR_E), np.maximum(s, fp.KERNEL_FLOOR_S)
    return KernelParts(parts, k, fp.require_finite(e, "kernel radius"), fp.require_finite(s, "kernel size"))


def _radius(b: Balls, a: Balls, bias: bool, k: int, arithmetic: Arithmetic) -> tuple[Array, Array]:
    """`(e, s)` of one layer's part: the Hadamard product of two Gram matrices of balls.

    Gram matrices: `|⟨x, x'⟩ − fl| ≤ p_i β_j + β_i p_j` with `p = rad + (c/2)β`; the product of two such enclosures has
    `s = βα`, `e = pα + 1.01 βq + (unit/2)·1.1 s`.
    """
    beta, alpha = b.norm, a.norm
    p = (b.rad + 0.5 * arithmetic.product_unit(b.mid.shape[1]) * beta) * RAISE
    q = (a.rad + 0.5 * arithmetic.product_unit(a.mid.shape[1]) * alpha) * RAISE
    if bias:
        alpha = np.sqrt(alpha * alpha + 1.0) * RAISE
        q = (q + arithmetic.unit * alpha) * RAISE
    alpha, q = np.repeat(alpha, k), np.repeat(q, k)
    s = beta * alpha * RAISE
    e = (p * alpha + 1.01 * beta * q + 0.6 * arithmetic.unit * s) * RAISE
    return e, s


def _midpoint(parts: KernelParts, arithmetic: Arithmetic, size: int) -> Pair:
    """The kernel's midpoint: tiles on and below the diagonal, each summed over the layers in the cache and mirrored.

    Every product is computed once, and only the result is as large as N².
    """
    n, k = parts.samples, parts.outputs
    step = max(1, size // k)
    result: list[Array] = []
    for i in range(0, n, step):
        for j in range(0, i + 1, step):
            tile = parts.tile(slice(i, i + step), slice(j, j + step), arithmetic)
            halves = [tile.hi] if tile.lo is None else [tile.hi, tile.lo]
            result = result or [np.empty((n * k, n * k)) for _ in halves]
            for whole, half in zip(result, halves, strict=True):
                if i == j:
                    half = np.tril(half) + np.tril(half, -1).T  # symmetric to the last bit
                rows, columns = slice(i * k, i * k + len(half)), slice(j * k, j * k + half.shape[1])
                whole[rows, columns] = half
                whole[columns, rows] = half.T
    return Pair(*result)


def _samples(A: Pair, samples: slice, k: int) -> Pair:
    """The k rows of each of these samples."""
    rows = slice(samples.start * k, samples.stop * k)
    return Pair(A.hi[rows], None if A.lo is None else A.lo[rows])


def _root_of_squares(parts: Array) -> Array:
    """Upper bound of `√Σ_h s_h²` columnwise, scaled against underflow."""
    top = np.maximum(parts.max(axis=0), fp.FLOOR * fp.FLOOR)
    return np.asarray(top * np.sqrt(np.sum((parts / top) ** 2, axis=0)) * RAISE)
