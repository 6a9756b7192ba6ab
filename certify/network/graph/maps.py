"""Linear maps of a graph on per-sample balls: windows times a matrix, and scaling of channels (G1, G2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.format.errors import EnclosureError
from certify.network.graph.windows import (
    Index,
    Shape,
    Size,
    channel_patches,
    multiplicity,
    output_size,
    patches,
    turned,
)
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.ball import Balls, Matrix, known_matrix
from certify.rigor.fp import RAISE, Array


@dataclass(frozen=True, eq=False)
class WindowMap:
    """`T x = (K ⊗ I) P x + b`: P copies entries into windows (rows of `index`), K is applied to each.

    Attributes:
        index: `(places, k)` table; the entry number `inputs` stands for 0.
        inputs: number of entries of x.
        kernel: `(q, k)` matrix; the value of T is `(q, places)`, flattened.
        bias: `(q,)` pair, or None.
        spread: upper bound of `‖P‖`: the root of how often an entry is copied.
        norm: upper bound of the spectral norm of `T − b`.
    """

    index: Index
    inputs: int
    kernel: Matrix
    bias: Pair | None
    spread: float
    norm: float

    @property
    def places(self) -> int:
        """Number of windows."""
        return len(self.index)

    def windows(self, x: Pair) -> Pair:
        """`Px` of every sample: `(n·places, k)`, exact."""
        return Pair(self._copied(x.hi), None if x.lo is None else self._copied(x.lo))

    def _copied(self, x: Array) -> Array:
        padded = np.concatenate([x, np.zeros((len(x), 1))], axis=1)
        return np.take(padded, self.index.ravel(), axis=1).reshape(len(x) * self.places, self.index.shape[1])

    def apply(self, x: Balls, arithmetic: Arithmetic) -> Balls:
        """Balls around `T x_i` (G1).

        `rad = ‖T‖·rad_x + (c‖K‖_F + r_K)·‖P‖·|x| + unit·(|Tx| + |b|) `, c the product unit, `r_K` the kernel's radius.
        """
        n, q = len(x.rad), self.kernel.value.shape[0]
        y = arithmetic.product(self.windows(x.mid), self.kernel.value)
        y = Pair(*(None if p is None else p.reshape(n, self.places, q).transpose(0, 2, 1) for p in (y.hi, y.lo)))
        unit = arithmetic.product_unit(self.index.shape[1]) * self.kernel.frobenius + self.kernel.radius
        floors = np.sqrt(self.places) * fp.FLOOR  # of the windows' norms
        rad = self.norm * x.rad + unit * (self.spread * x.norm + floors)
        if self.bias is not None:
            sizes = arithmetic.row_norms(y.reshape(n, -1))
            b = self.bias.reshape(1, q, 1)
            y = arithmetic.add(y, b)
            shift = np.sqrt(self.places) * arithmetic.row_norms(self.bias.reshape(1, q))[0]
            rad = rad + arithmetic.unit * (sizes + shift)
        hi = np.ascontiguousarray(y.hi).reshape(n, -1)
        lo = None if y.lo is None else np.ascontiguousarray(y.lo).reshape(n, -1)
        return Balls.make(Pair(hi, lo), rad * RAISE, arithmetic)


def _root(m: int) -> float:
    return math.sqrt(m) * RAISE


def convolution(W: Array, bias: Array | None, shape: Shape, stride: Size, padding: Size) -> tuple[WindowMap, WindowMap]:
    """A convolution and its transpose (without bias), for inputs of that shape.

    `‖T‖` is the least of `√m‖K‖₂` over the two ways to write T by windows, and `√(‖T‖₁‖T‖_∞)` from sums of `|W|`.
    """
    q, c, kh, kw = W.shape
    size = (shape[1], shape[2])
    index = patches(shape, (kh, kw), stride, padding)
    out = output_size(size, (kh, kw), stride, padding)
    one = patches((1, *size), (kh, kw), stride, padding)
    back = turned(one, math.prod(size), math.prod(out), kh * kw, q)
    forth, over = known_matrix(W.reshape(q, -1).copy()), known_matrix(W.transpose(1, 0, 2, 3).reshape(c, -1).copy())
    spread, spread_back = _root(multiplicity(index, math.prod(shape))), _root(multiplicity(back, q * math.prod(out)))
    size_w = np.abs(W)
    sums = float(size_w.sum(axis=(1, 2, 3)).max()) * float(size_w.sum(axis=(0, 2, 3)).max())
    sums = math.sqrt(fp.require_finite(np.array([sums]), "convolution")[0]) * fp.sum_up(W.size)
    norm = max(min(spread * forth.spectral, spread_back * over.spectral, sums) * RAISE, fp.FLOOR)
    return (WindowMap(index, math.prod(shape), forth, None if bias is None else Pair(bias), spread, norm),
            WindowMap(back, q * math.prod(out), over, None, spread_back, norm))


def dense(W: Array, bias: Array | None) -> tuple[WindowMap, WindowMap]:
    """A linear layer and its transpose."""
    K = known_matrix(W)
    q, m = W.shape
    return (WindowMap(np.arange(m)[None, :], m, K, None if bias is None else Pair(bias), 1.0, K.spectral),
            WindowMap(np.arange(q)[None, :], q, K.turned(), None, 1.0, K.spectral))


def average(
    shape: Shape, kernel: Size, stride: Size, padding: Size, arithmetic: Arithmetic
) -> tuple[WindowMap, WindowMap]:
    """Average pooling and its transpose: windows within channels times `(1/k, …, 1/k)`."""
    index = channel_patches(shape, kernel, stride, padding)
    inputs, outputs, k = math.prod(shape), len(index), kernel[0] * kernel[1]
    back = turned(index, inputs, outputs, k, 1)
    spread, spread_back = _root(multiplicity(index, inputs)), _root(multiplicity(back, outputs))
    hi, lo, error = enclosed_pair(Fraction(1, k))
    if not arithmetic.extended:
        lo, error = 0.0, (error + abs(lo)) * RAISE
    K = known_matrix(np.full((1, k), hi), np.full((1, k), lo) if lo else None, error * _root(k))
    norm = max(min(spread, spread_back) * K.spectral * RAISE + K.radius * spread, fp.FLOOR) * RAISE
    return WindowMap(index, inputs, K, None, spread, norm), WindowMap(back, outputs, K, None, spread_back, norm)


def enclosed_pair(low: Fraction, high: Fraction | None = None) -> tuple[float, float, float]:
    """Two floats, and a bound of the distance of their sum from every number between `low` and `high`."""
    high = low if high is None else high
    try:
        hi = float(low)
        lo = float(low - Fraction(hi))
    except OverflowError:
        raise EnclosureError("graph", "a constant above the largest float", "rescale the network") from None
    at = Fraction(hi) + Fraction(lo)
    return hi, lo, fp.up(max(abs(low - at), abs(high - at)))


@dataclass(frozen=True, eq=False)
class Channels:
    """One number for each channel.

    Attributes:
        value: `(c,)` pair.
        error: bounds of the error of each.
        sizes: upper bounds of the size of each true number and of the pair.
    """

    value: Pair
    error: Array
    sizes: Array

    @staticmethod
    def exact(v: Array) -> Channels:
        """Numbers that are floats."""
        return Channels(Pair(v), np.zeros(len(v)), np.abs(v))

    @property
    def norm(self) -> float:
        """Upper bound of the Euclidean norm."""
        return fp.frobenius(self.sizes[None, :])


def inverse_deviations(var: Array, eps: float, arithmetic: Arithmetic) -> Channels:
    """`1/√(var + eps)` for each channel, from exact rational square roots (G2)."""
    parts = []
    for v in var.tolist():
        square = Fraction(v) + Fraction(eps)
        parts.append(enclosed_pair(1 / fp.sqrt_up(square), 1 / fp.sqrt_down(square)))
    hi, lo, error = (np.array(column) for column in zip(*parts, strict=True))
    sizes = (np.abs(hi) + np.abs(lo) + error) * RAISE
    if not arithmetic.extended:
        return Channels(Pair(hi), (error + np.abs(lo)) * RAISE, sizes)
    return Channels(Pair(hi, lo), error, sizes)


def shifted(x: Balls, by: Channels, places: int, arithmetic: Arithmetic) -> Balls:
    """Balls around `x_i + by`, channel by channel: `rad + unit·(|x| + √places·|by|)`; `by` is exact."""
    n, c = len(x.rad), by.value.shape[0]
    y = arithmetic.add(x.mid.reshape(n, c, places), by.value.reshape(1, c, 1)).reshape(n, c * places)
    rad = x.rad + arithmetic.unit * (x.norm + np.sqrt(places) * by.norm)
    return Balls.make(y, rad * RAISE, arithmetic)


def scaled(x: Balls, by: Channels, places: int, arithmetic: Arithmetic, then: Channels | None = None) -> Balls:
    """Balls around `then·by·x_i`, channel by channel; `then` is exact (G2).

    `rad = max|then·by|·rad_x + max(|then|(error + 2.01·unit·|by|))·|x|`, maxima over the channels.
    """
    n, c = len(x.rad), by.value.shape[0]
    y = arithmetic.multiply(x.mid.reshape(n, c, places), by.value.reshape(1, c, 1))
    after = 1.0
    if then is not None:
        y, after = arithmetic.multiply(y, then.value.reshape(1, c, 1)), then.sizes
    most = max(float(np.max(after * by.sizes)) * RAISE, fp.FLOOR)
    lost = np.max(after * (by.error + 2.01 * arithmetic.unit * by.sizes)) * RAISE + 2 * arithmetic.unit * fp.FLOOR
    rad = most * x.rad + lost * x.norm
    return Balls.make(y.reshape(n, c * places), rad * RAISE, arithmetic)


def added(x: Balls, y: Balls, arithmetic: Arithmetic) -> Balls:
    """Balls around `x_i + y_i`: `rad_x + rad_y + unit·(|x| + |y|)`."""
    rad = x.rad + y.rad + arithmetic.unit * (x.norm + y.norm)
    return Balls.make(arithmetic.add(x.mid, y.mid), rad * RAISE, arithmetic)


def copied(x: Balls, index: Index, arithmetic: Arithmetic) -> Balls:
    """Balls around the vectors `x_i[index]`, each entry used once at most; the entry after the last is 0: exact."""
    def take(part: Array) -> Array:
        return np.concatenate([part, np.zeros((len(part), 1))], axis=1)[:, index]

    return Balls.make(Pair(take(x.mid.hi), None if x.mid.lo is None else take(x.mid.lo)), x.rad, arithmetic)


def selection(kind: str, shape: Shape, stride: Size = (1, 1), before: int = 0, after: int = 0) -> tuple[Index, Index]:
    """Tables of `subsample` or `pad_channels` and of their transposes, for :func:`copied`."""
    total = math.prod(shape)
    place = np.arange(total).reshape(shape)
    if kind == "subsample":
        index = place[:, ::stride[0], ::stride[1]].ravel()
    else:
        index = np.pad(place, ((before, after), (0, 0), (0, 0)), constant_values=total).ravel()
    back = np.full(total, len(index))
    real = index < total
    back[index[real]] = np.nonzero(real)[0]
    return index, back
