"""Lower bounds of entropies and upper bounds of log(1 + e^z), from tables with proved entries (D7).

The entropy is concave: between two nodes it lies above the chord of lower bounds at the nodes. The softplus is convex:
between two nodes it lies below the chord of upper bounds. Nodes of the entropy are the floats with seven bits of
mantissa, so that a float's own bits are the index of its cell.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.rigor.activation import activation
from certify.rigor.activation.elementary import log1p
from certify.rigor.fp import Array, U

_BITS = 7
"""Bits of mantissa that tell cells apart: 2^7 cells an octave."""

_LEAST = -60
"""Below 2^-60 the bound is 0, which an entropy never falls below."""

_SHIFT = np.int64(52 - _BITS)
_FIRST = np.int64((1023 + _LEAST) << _BITS)

_STEP = 2.0**-6
"""Width of a cell of the softplus."""

_FAR = 40.0
"""Beyond this size of z the remainder log(1 + e^-|z|) is bounded by its value here."""


def _log(q: Array) -> tuple[Array, Array]:
    """log q for positive normal floats, and a bound of its error: `log q = e log 2 + log(1 + f)`, q = (1 + f)·2^e."""
    mantissa, exponent = np.frexp(q)
    part, two = log1p(2.0 * mantissa - 1.0), log1p(np.array([1.0]))[0]
    power = (exponent - 1).astype(np.float64)
    return power * two + part, (np.abs(power) * 6.0 + 8.0) * U


def _nodes() -> Array:
    octaves = np.ldexp(1.0, np.arange(_LEAST, 1))
    fractions = 1.0 + np.arange(2**_BITS) / 2**_BITS
    nodes: Array = np.append((octaves[:-1, None] * fractions).ravel(), 1.0)
    return nodes


def _chords(x: Array, y: Array) -> tuple[Array, Array]:
    """Value and slope a cell, the last one repeated: `y_j + slope_j (x − x_j)`."""
    slope = np.diff(y) / np.diff(x)
    return y, np.append(slope, 0.0)


@cache
def _entropy_table(binary: bool) -> tuple[Array, Array, Array]:
    """Nodes, lower bounds and slopes of `−q log q`, with `−(1 − q) log(1 − q)` added when binary (q ≤ ½ is used)."""
    nodes = _nodes()
    value, error = _log(nodes)
    low = -nodes * value - nodes * (error + 4.0 * U * np.abs(value))
    if binary:
        other = 1.0 - nodes  # its rounding, u at most, moves (1−q) log(1−q) by at most 2u for q ≤ ½
        part, error = _log(np.maximum(other, 2.0**-60))
        low = low - other * part - (error + 8.0 * U)
        low[nodes > 0.75] = 0.0
    low = np.maximum(low, 0.0)
    low[-1] = 0.0
    return nodes, *_chords(nodes, low)


CHORD = 2.0**-49
"""Error of a chord's evaluation, five roundings of numbers below 1 (and relative error, for the softplus)."""


def _lookup(q: Array, binary: bool) -> Array:
    nodes, value, slope = _entropy_table(binary)
    # integer view: positive floats are ordered as their bits
    cell = (np.ascontiguousarray(q).view(np.int64) >> _SHIFT) - _FIRST
    inside = cell >= 0
    np.clip(cell, 0, len(nodes) - 1, out=cell)
    bound: Array = value.take(cell) + slope.take(cell) * (q - nodes.take(cell))
    bound *= inside
    return bound


def binary_entropy(q: Array) -> Array:
    """Lower bound of `H(q) = −q log q − (1−q) log(1−q)`, summed over the last axis; q in [0, 1].

    >>> 0.69314 < float(binary_entropy(np.array([[0.5, 0.0, 1.0]]))[0]) <= 0.6931471806
    True
    """
    folded = np.minimum(q, 1.0 - q)  # 1 − q is exact where it is the smaller one
    return _sum_down(_lookup(folded, True))


def entropy(q: Array) -> Array:
    """Lower bound of `−Σ q log q`, summed over the last axis; q in [0, 1].

    >>> 0.69314 < float(entropy(np.array([[0.5, 0.5, 0.0]]))[0]) <= 0.6931471806
    True
    """
    return _sum_down(_lookup(q, False))


def _sum_down(terms: Array) -> Array:
    count = terms.shape[-1]
    below: Array = np.maximum(terms.sum(-1) * (1.0 - (count + 4) * U) - count * CHORD, 0.0)
    return below


@cache
def _softplus_table() -> tuple[Array, Array]:
    nodes = -np.arange(0.0, _FAR + 2 * _STEP, _STEP)
    value = activation("softplus").enclose(nodes)[0]
    up = np.asarray(value.mid + value.error)
    return up, np.append(np.diff(up), 0.0)


def softplus_up(z: Array) -> Array:
    """Upper bound of `Σ log(1 + e^z)` over the last axis, within 2^-15 of it times the sum of slopes.

    >>> bool(0.6931471805 < softplus_up(np.array([[0.0, -1e3]]))[0] < 0.6931472)
    True
    """
    up, slope = _softplus_table()
    place = np.fmin(np.abs(z), _FAR) * (1.0 / _STEP)  # of NaN the last place; the sum is NaN all the same
    cell: NDArray[Any] = place.astype(np.int64)
    rest = up.take(cell) + slope.take(cell) * (place - cell)  # the slopes are negative, the value is positive
    terms = np.maximum(z, 0.0) + rest
    above: Array = terms.sum(-1) * (1.0 + CHORD + (z.shape[-1] + 4) * U)
    return above
