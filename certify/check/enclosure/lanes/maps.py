"""Convolutions and linear layers as what they do to every unit: integer coefficients, and the units they stand at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from flint import fmpz

from certify.check.enclosure.graph_passes import window_table
from certify.check.enclosure.lanes.lanes import FRACTION
from certify.check.reading.graph import Node

LENGTHS = (32, 40, 48, 56, 64)
"""Bits after the point that weights may have: the least that is enough."""


@dataclass(frozen=True)
class Sums:
    """`2^bits` times a linear map.

    Attributes:
        plan: for every unit of the result the coefficients, and the units that they belong to.
        bits: of their fraction.
    """

    plan: list[tuple[list[fmpz], list[int]]]
    bits: int

    @cached_property
    def most(self) -> int:
        """The largest sum of absolute values of a unit's coefficients."""
        return max(int(sum(map(abs, coefficients), fmpz(0))) for coefficients, _ in self.plan)

    @cached_property
    def order(self) -> list[int]:
        """Units that read the same one after the other: what they read is still near the processor then."""
        return sorted(range(len(self.plan)), key=lambda unit: self.plan[unit][1])


@dataclass(frozen=True)
class Linear:
    """A node, exactly.

    Attributes:
        onward, back: from its input to its value, and the adjoint.
        shifts: biases, `2^{FRACTION + bits}` times.
    """

    onward: Sums
    back: Sums
    shifts: list[int]

    @property
    def shift(self) -> int:
        """The largest bias."""
        return max(map(abs, self.shifts))


def linear(node: Node, inputs: int) -> Linear | None:
    """A convolution or a linear layer; None where its numbers have more bits than there is room for."""
    q, table = node.shape[0], window_table(node) if node.op == "conv2d" else [list(range(inputs))]
    weights, biases = exact(node.tensors["weight"]), exact(node.tensors.get("bias", (0.0,) * q))
    if weights is None or biases is None:
        return None
    whole, bits = list(map(fmpz, weights[0])), weights[1]
    each, places = len(whole) // q, len(table)
    hits: list[list[tuple[int, int]]] = [[] for _ in range(inputs)]
    for p, window in enumerate(table):
        for t, j in enumerate(window):
            if j >= 0:
                hits[j].append((t, p))
    back = [([whole[a * each + t] for a in range(q) for t, _ in hit],
             [a * places + p for a in range(q) for _, p in hit]) for hit in hits]
    there = [([t for t, j in enumerate(window) if j >= 0], [j for j in window if j >= 0]) for window in table]
    onward = [([whole[a * each + t] for t in taps], units) for a in range(q) for taps, units in there]
    shifts = [b << FRACTION + bits - biases[1] for b in biases[0] for _ in range(places)]
    return Linear(Sums(onward, bits), Sums(back, bits), shifts)


def exact(values: Sequence[float]) -> tuple[list[int], int] | None:
    """Numbers times the least power of two of `LENGTHS` that makes all of them integers, and its exponent.

    >>> exact((0.5, -3.0)), exact((2.0**-40,)), exact((2.0**-65,))
    (([2147483648, -12884901888], 32), ([1], 40), None)
    """
    for bits in LENGTHS:
        scaled = [v * 2.0**bits for v in values]
        if all(map(float.is_integer, scaled)):
            return list(map(int, scaled)), bits
    return None
