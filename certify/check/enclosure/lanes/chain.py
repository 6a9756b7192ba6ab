"""A plain network of gelu in whole numbers: values, adjoints and gradients of many rows of data at once.

A number of a layer's unit at a row is an integer times a power of two. Of every row it is known how far its numbers of
one layer are from the true ones together, as a Euclidean norm. A layer is one product of a matrix of integers with long
integers, in which the rows stand side by side, 128 bits each.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from math import frexp
from operator import mul
from typing import Literal

from flint import arb, fmpz, fmpz_mat

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.lanes.curves import CELLS, LONGEST, OFF, PLACE, SLOPE, Gelu
from certify.check.enclosure.lanes.lanes import Open
from certify.check.linalg.balls import ZERO, largest
from certify.check.linalg.fixed import scale
from certify.check.lipschitz.by_squaring import norms
from certify.check.reading.subject import Layer

EACH, LONG, ROOM, SHIFT = 16, 62, 126, 63
"""Bytes of a lane; bits of adjoints, of sums of products, and by which these are cut at most."""

LEAST = 24
"""Bits after the point that weights have at least, so that sums have as many as places in cells."""

TRIED = 2
"""Bounds of the norm of a layer that are tried, each sharper than the last."""

GELU = ACTIVATIONS["gelu"]

Units = list[list[int]]


@dataclass(frozen=True)
class Rows:
    """Numbers of some units at some rows.

    Attributes:
        units: of every unit, those of all rows, `2^bits` times.
        bits: of the fraction.
        off: how far those of one row are from the true ones at most, a Euclidean norm.
    """

    units: Units
    bits: int
    off: arb

    @cached_property
    def most(self) -> int:
        """The largest absolute value."""
        return max(max(max(unit), -min(unit)) for unit in self.units)

    def cut(self, long: int) -> Rows:
        """Numbers of so many bits, what is behind cut off."""
        drop = max(0, self.most.bit_length() - long)
        found = Rows([[v >> drop for v in unit] for unit in self.units], self.bits - drop, ZERO) if drop else self
        return replace(found, off=(self.off + found.lost).upper()) if drop else self

    @cached_property
    def lengths(self) -> list[arb]:
        """The Euclidean norm of the numbers of each row, as they are."""
        return [arb(v).sqrt() * scale(self.bits) for v in squares(self.units)]

    @cached_property
    def lost(self) -> arb:
        """Euclidean norm of one unit of the last place everywhere."""
        return arb(len(self.units)).sqrt() * scale(self.bits)


def squares(units: Units) -> list[int]:
    """Row by row the sum of the squares."""
    return list(map(sum, zip(*(map(mul, unit, unit) for unit in units), strict=True)))


@dataclass(frozen=True)
class Map:
    """All linear maps within `lost` of `2^-bits` times a matrix, in Frobenius norm.

    Attributes:
        whole: the matrix, a row for each unit of the result.
        norm: upper bound of the operator norm of all of them.
    """

    whole: fmpz_mat
    bits: int
    lost: arb
    norm: arb

    @property
    def turned(self) -> Map:
        """The adjoints."""
        return Map(self.whole.transpose(), self.bits, self.lost, self.norm)

    @cached_property
    def most(self) -> int:
        """The largest sum of absolute values of a row."""
        return max(int(sum(map(abs, row), fmpz(0))) for row in self.whole.tolist())


def linear(layer: Layer) -> Map:
    """The weights of a layer as whole numbers, cut where they need too many bits; raises `Open` where all would be."""
    m, n, weights = layer.outputs, layer.inputs, layer.weights
    sizes = [abs(w) for w in weights]
    sums = max(max(sum(sizes[i * n:(i + 1) * n]) for i in range(m)), max(sum(sizes[j::n]) for j in range(n)))
    bits = min(LONG - 1 - frexp(max(sizes))[1], LONG - frexp(sums)[1])
    whole, cut = integers(weights, bits)
    spare = 0
    while bits - spare > LEAST and not any(v & (2 << spare) - 1 for v in whole):
        spare += 1
    W, bits = fmpz_mat(m, n, [v >> spare for v in whole]), bits - spare
    lost = (arb(cut).sqrt() * scale(bits)).upper()
    *_, bound = islice(norms(W * W.transpose() if m < n else W.transpose() * W), TRIED)
    return Map(W, bits, lost, (bound.sqrt() * scale(bits) + lost).upper())


def integers(values: Sequence[float], bits: int) -> tuple[list[int], int]:
    """`2^bits` times numbers, without what is behind the point, and how many have lost something.

    >>> integers((0.75, -3.0), 1)
    ([1, -6], 1)
    """
    if not 0 <= bits < 900 or not max(map(abs, values)) < 2.0**(ROOM - 1 - bits):
        raise Open
    scaled = [v * 2.0**bits for v in values]
    return list(map(int, scaled)), sum(not v.is_integer() for v in scaled)


def entered(columns: Sequence[Sequence[float]]) -> Rows:
    """Data, column by column."""
    bits = min(LONG - 2, LONG - 1 - frexp(max(max(map(abs, column)) for column in columns))[1])
    found = [integers(column, bits) for column in columns]
    exact = not any(cut for _, cut in found)
    return Rows([unit for unit, _ in found], bits, arb(0) if exact else arb(len(columns)).sqrt() * scale(bits))


@dataclass(frozen=True)
class Sums:
    """A linear map of all rows, not rounded: long integers, in every lane a sum and `2^{ROOM + 1}`.

    Attributes:
        bits: of the fraction.
        off: as of rows.
        most: upper bound of the absolute values.
    """

    lanes: list[int]
    ones: int
    count: int
    bits: int
    off: arb
    most: int

    def cut(self, long: int) -> Rows:
        """Numbers of about so many bits, at most 62, each rounded to the nearest; raises `Open`."""
        drop = max(1, self.most.bit_length() - long)
        if not drop <= SHIFT:
            raise Open
        nearest = self.ones << drop - 1
        found = Rows([words(v + nearest >> drop, self.count, "q", 0) for v in self.lanes], self.bits - drop, ZERO)
        return replace(found, off=(self.off + found.lost / 2).upper())


def applied(M: Map, x: Rows, shifts: Sequence[float] | None = None) -> Sums:
    """A linear map of all rows, and a number for each unit on top.

    `|Wa − Ŵâ| ≤ ‖W‖|a − â| + |W − Ŵ|_F|â|`, and less than one unit of the last place for every shift.

    Raises:
        Open: numbers are too long.
    """
    count, bits = len(x.units[0]), M.bits + x.bits
    added = [0] * M.whole.nrows() if shifts is None else integers(shifts, bits)[0]
    if not M.most * x.most + max(map(abs, added)) < 1 << ROOM:
        raise Open
    ones = ((1 << 8 * EACH * count) - 1) // ((1 << 8 * EACH) - 1)
    packed = fmpz_mat(len(x.units), 1, [_packed(unit, ones, x.most) for unit in x.units])
    half, most = ones << ROOM + 1, 1
    lanes = [int(v) + ones * b + half for v, b in zip((M.whole * packed).entries(), added, strict=True)]
    for v in lanes:
        high = words(v, count, "Q", 1)
        most = max(most, max(high) - (1 << SHIFT) + 1, (1 << SHIFT) - min(high))
    off = M.norm * x.off
    if shifts is not None:
        off += arb(len(added)).sqrt() * scale(bits)
    if not M.lost.is_zero():
        off += M.lost * largest(x.lengths)
    return Sums(lanes, ones, count, bits, off.upper(), most << 64)


def _packed(unit: Sequence[int], ones: int, most: int) -> int:
    """`Σ v_i 2^{128i}`, numbers of up to 127 bits: `v + 2^127` is what the bits say once the first is turned over.

    >>> _packed([-1, 2], 1 + (1 << 128), 2) == _packed([-1, 2], 1 + (1 << 128), 1 << 80) == -1 + (2 << 128)
    True
    """
    held, up = memoryview(bytearray(EACH * len(unit))), SHIFT
    if most < 1 << SHIFT:
        held.cast("q")[::2] = memoryview(array("q", unit))
    else:
        held.cast("Q")[::2] = memoryview(array("Q", [v & (1 << 64) - 1 for v in unit]))
        held.cast("q")[1::2] = memoryview(array("q", [v >> 64 for v in unit]))
        up = SHIFT + 64
    return (int.from_bytes(held, "little") ^ ones << up) - (ones << up)


def words(v: int, count: int, kind: Literal["q", "Q"], at: int) -> list[int]:
    """The low (0) or high (1) 64 bits of every lane."""
    found: list[int] = memoryview(v.to_bytes(EACH * count, "little")).cast(kind)[at::2].tolist()
    return found


def curved(z: Sums, room: int, known: dict[int, list[int]]) -> tuple[Rows, Rows]:
    """gelu of all numbers, with `room` bits at most, and its slopes; raises `Open`.

    What a number exceeds the middle of its cell by is cut to a multiple of `2^-72`, and its cell stands above that:
    both are words of its lane.

    Args:
        z: the numbers.
        room: bits of values.
        known: polynomials of cells that are made already, and those that are made here.
    """
    drop, bits = z.bits - PLACE - 1 - CELLS, min(LONGEST, room - max(0, z.most.bit_length() - z.bits))
    if not 0 <= drop <= SHIFT:
        raise Open
    kept, middle = z.ones * ((1 << 8 * EACH - drop) - 1), z.ones << PLACE
    curves, values, slopes = Gelu(1 << ROOM + 1 - drop - 64, bits, known), Units(), Units()
    cut = [(lane >> drop & kept) ^ middle for lane in z.lanes]
    curves.ask(set().union(*(words(both, z.count, "Q", 1) for both in cut)), z.count * len(cut))
    for both in cut:
        value, slope = curves.of(words(both, z.count, "Q", 1), words(both, z.count, "q", 0))
        values.append(value)
        slopes.append(slope)
    units = arb(len(values)).sqrt()
    away = z.off + units * scale(PLACE + 1 + CELLS)
    of_value, of_slope = (units * scale(b) * most for b, most in zip((bits, SLOPE), OFF, strict=True))
    return (Rows(values, bits, (GELU.steepest * away + of_value).upper()),
            Rows(slopes, SLOPE, (GELU.bend * away + of_slope).upper()))


def times(p: Rows, slopes: Rows) -> Rows:
    """What comes back through gelu, number by number.

    `|p∘s − p̂∘ŝ| ≤ max|s||p − p̂| + max|p̂||s − ŝ|`, and half a unit of each number, to which it is rounded.
    """
    drop, half = slopes.bits, 1 << slopes.bits - 1
    units = [[u * s + half >> drop for u, s in zip(*pair, strict=True)]
             for pair in zip(p.units, slopes.units, strict=True)]
    off = GELU.steepest * p.off + p.most * scale(p.bits) * slopes.off + p.lost / 2
    return Rows(units, p.bits, off.upper())
