"""Weights for every choice of a deleted and a relabelled row: the sum of both refits less that of no change."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import chain

from certify.check.theorems.head.rows.changes.base import DELETED
from certify.check.theorems.head.rows.refitted.block import LARGEST, Block, Change, ones
from certify.check.theorems.head.rows.refitted.packed import HALF, V

BYTES = 8
"""Of a number."""


class PairSums:
    """`V_i + V_j − V_∅` for i deleted and every other j relabelled, one block for each i.

    Args:
        rows: rows that may change.
        codes: what each becomes that is relabelled.
        weights: floats, change by change: of none, of each row deleted, of each relabelled.
        size: how many each.

    Raises:
        OverflowError: a weight is too large, or no number.
    """

    def __init__(self, rows: Sequence[int], codes: Sequence[int], weights: Sequence[float], size: int) -> None:
        self.rows, self.codes, f = rows, codes, len(rows)
        columns = [[int(x * 2.0**V) for x in weights[j::size]] for j in range(size)]
        if any(abs(x) >= LARGEST >> 8 for x in chain.from_iterable(columns)):
            raise OverflowError
        self._gone = [[x - column[0] for x in column[1 : f + 1]] for column in columns]
        self._new = [array("Q", [x + HALF for x in column[f + 1 :]]).tobytes() for column in columns]

    @property
    def smaller(self) -> int:
        """How many choices of one row at most there are."""
        return 1 + 2 * len(self.rows)

    def blocks(self) -> Iterator[Block]:
        """All choices, in order: a deleted row with each of the others."""
        for place in range(len(self.rows) if len(self.rows) > 1 else 0):
            yield self._block(place)

    def _block(self, place: int) -> Block:
        L, gone = len(self.rows) - 1, (self.rows[place], DELETED)
        unit, at = ones(L), BYTES * place
        columns = [int.from_bytes(x[:at] + x[at + BYTES :], "little") + (moved[place] - HALF) * unit
                   for moved, x in zip(self._gone, self._new, strict=True)]
        new = list(zip(self.rows, self.codes, strict=True))
        changes: list[Change] = [(gone, one) for one in (*new[:place], *new[place + 1 :])]
        return Block(list(range(place * L, place * L + L)), changes, columns)
