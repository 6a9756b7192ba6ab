"""D16 in whole numbers: gradients of the sum without some rows, from probabilities of all rows."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, repeat
from math import ldexp, sqrt
from operator import mul

from flint import fmpz_mat

from certify.check.theorems.head.rows.pair_tree.moved import size_of
from certify.check.theorems.head.rows.pair_tree.numbers import UP
from certify.check.theorems.head.rows.softmax_pairs.centre import Centre, Columns

SLOPE = 52
"""Bits after the point of a probability."""


@dataclass(frozen=True)
class Gradients:
    """Gradients at weights near a node's.

    Attributes:
        c: the node's centre.
    """

    c: Centre

    @cached_property
    def taken(self) -> list[list[int]]:
        """`Σ y_j ⊗ x_j` of the rows in the sum, in whole numbers."""
        data = self.c.data
        found = [[0] * data.p for _ in range(data.k)]
        for j, (row, label) in enumerate(zip(data.table.long, data.labels, strict=True)):
            if self.c.there(j):
                found[label] = [x + y for x, y in zip(found[label], row, strict=True)]
        return found

    @cached_property
    def weight(self) -> float:
        """`Σ|x_j|`, at least."""
        return sum(self.c.data.table.norms) * UP

    def at(self, steps: Sequence[Sequence[float]], slopes: Sequence[Columns], gone: Sequence[Sequence[int]],
           ) -> list[list[float]]:
        """The gradient at the centre with each step, without its rows `gone`, from the probabilities there."""
        return self.of(steps, [[list(map(int, map(mul, column, repeat(2.0**SLOPE)))) for column in columns]
                               for columns in slopes], gone)

    def of(self, steps: Sequence[Sequence[float]], slopes: Sequence[list[list[int]]], gone: Sequence[Sequence[int]],
           ) -> list[list[float]]:
        """The same from probabilities in whole numbers of SLOPE bits."""
        c, data = self.c, self.c.data
        k, p, n = data.k, data.p, data.n
        flat: list[int] = []
        for lines, rows in zip(slopes, gone, strict=True):
            out = [*rows, *([] if c.out is None else [c.out])]
            for line in lines:
                for i in out:
                    line[i] = 0
                flat += line
        sums = (fmpz_mat(k * len(slopes), n, flat) * data.table.matrix).tolist()
        one, found = ldexp(1.0, data.table.unit - SLOPE), []
        for at, (step, rows) in enumerate(zip(steps, gone, strict=True)):
            taken = self.taken
            for i in rows:
                taken = [[x - y for x, y in zip(line, data.table.long[i], strict=True)] if a == data.labels[i] else line
                         for a, line in enumerate(taken)]
            g = [float(int(x) - (y << SLOPE)) * one for x, y in zip(
                chain.from_iterable(sums[at * k : at * k + k]), chain.from_iterable(taken), strict=True)]
            w = map(sum, zip(c.weights, step, strict=True))
            g = [x + d * y for x, d, y in zip(g, data.plain * k, w, strict=True)]
            if c.tie:
                rise = c.tie * sum(step[p - 1 :: p])
                for a in range(k):
                    g[a * p + p - 1] += rise
            found.append(g)
        return found

    def lost(self, g: Sequence[float], size: float, blur: float) -> float:
        """What such a gradient is off by, as a vector, at a step of some size with probabilities off by `blur`.

        Probabilities of a row have a norm of 1 at most, less the label of `√2`; each is cut off, and a row in whole
        numbers is off by `step`. Sums of doubles round the decay's part, the tie's, and the whole. Doubles of weights
        and step are exact, their sum is rounded.
        """
        c, data = self.c, self.c.data
        k, p, t = data.k, data.p, data.table
        whole = c.size + size
        decayed = max(data.plain, default=0.0) * whole
        tied = c.tie * sqrt(k) * (k + sqrt(k)) * size
        cut = sqrt(k) * 2.0**-SLOPE * (self.weight + t.n * t.step)
        rows = 2.0 * t.step * t.n
        rounded = 2.0**-49 * (decayed + (k + 4.0) * tied + size_of(g)) + data.plain_off * whole + 2.0**-500 * k * p
        return (blur * (self.weight + t.n * t.step) + cut + rows + rounded) * UP * UP


def columns_of(lines: Sequence[Sequence[float]]) -> Columns:
    """Rows of numbers as columns."""
    return [array("d", column) for column in zip(*lines, strict=True)]
