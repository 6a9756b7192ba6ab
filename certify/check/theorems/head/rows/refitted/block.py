"""The changes of most rows in blocks, and weights for them: sums of those of smaller changes, in whole numbers."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, compress

from flint import fmpz_mat

from certify.check.theorems.head.rows.refitted.packed import HALF, SLOT, V, numbers, whole

BLOCK = 512
"""Families are joined to blocks of at least that many changes, those that begin with the same rows; corrected changes
are judged so many together."""

BASIS, LARGEST = 40, 1 << 62
"""Negative binary logarithm of the units of corrections, and what no weight may reach."""

Item = tuple[int, int]
Change = tuple[Item, ...]


@dataclass(frozen=True)
class Block:
    """Changes of equally many rows, and weights in units of `2^−V`.

    Attributes:
        numbers: of the changes, among those of as many rows.
        changes: rows and what they become.
        columns: every weight of all changes, as one integer.
    """

    numbers: list[int]
    changes: list[Change]
    columns: list[int]

    @property
    def size(self) -> int:
        """How many changes."""
        return len(self.changes)

    def lists(self) -> list[list[int]]:
        """Every weight of all changes, plus `HALF`."""
        bias = HALF * ones(self.size)
        return [numbers(x + bias, self.size) for x in self.columns]

    def longest(self, elsewhere: Collection[int] = ()) -> int:
        """At least the largest length of weights, but of some numbers."""
        keep = [number not in elsewhere for number in self.numbers]
        lists = [[HALF, *compress(one, keep)] for one in self.lists()]
        sides = [max(max(one) - HALF, HALF - min(one)) for one in lists]
        return int(sum(x * x for x in sides) ** 0.5 * 1.001) + 1

    def marks(self) -> dict[Item, int]:
        """For every row and what it becomes a 1 in the place of each change in which it does."""
        places: dict[Item, list[int]] = {}
        for b, change in enumerate(self.changes):
            for item in change:
                places.setdefault(item, []).append(b)
        found = {}
        for item, some in places.items():
            marks = array("Q", bytes(8 * self.size))
            for b in some:
                marks[b] = 1
            found[item] = whole(marks)
        return found


def ones(B: int) -> int:
    """A 1 in each of so many places."""
    return int.from_bytes((b"\1" + bytes(7)) * B, "little")


def _signed(column: Sequence[int]) -> int:
    """Numbers plus `HALF` as one integer of the numbers."""
    return whole(column) - HALF * ones(len(column))


class Sums:
    """Sums `Σ (−1)^(count − 1 − |S|) V_S` over the smaller changes S that a change of `count` rows contains.

    Args:
        rows: rows that may change.
        codes: what each may become.
        count: rows of the changes.
        weights: floats, change by change, of all smaller ones.
        size: how many each.

    Raises:
        OverflowError: a weight is too large.
    """

    def __init__(self, rows: Sequence[int], codes: Sequence[Sequence[int]], count: int, weights: Sequence[float],
                 size: int) -> None:
        self.rows, self.codes, self.count = rows, codes, count
        self.n, self.each = len(rows), len(codes[0])
        self._start: list[list[int]] = []
        self._values: list[list[list[int]]] = []
        self._bytes: list[list[bytes]] = []
        last, at = [-1], 0
        for level in range(count):
            part = weights[at * size : (at + len(last)) * size]
            at += len(last)
            columns = [[int(x * 2.0**V) for x in part[j::size]] for j in range(size)]
            if any(abs(x) >= LARGEST >> 8 for x in chain.from_iterable(columns)):
                raise OverflowError
            self._values.append(columns)
            self._bytes.append([array("Q", [x + HALF for x in column]).tobytes() for column in columns])
            total, start = 0, []
            for row in last:
                start.append(total)
                total += (self.n - 1 - row) * self.each
            self._start.append(start)
            if level < count - 1:
                last = [row for one in last for row in range(one + 1, self.n) for _ in range(self.each)]

    @property
    def smaller(self) -> int:
        """How many smaller changes there are."""
        return sum(map(len, self._start))

    def blocks(self) -> Iterator[Block]:
        """All changes, in order."""
        for node in self._sequences(self.count - 2, 0):
            waiting: list[Block] = []
            for last in range(node[-1][0] + 1 if node else 0, self.n - 1):
                for code in range(self.each):
                    waiting.append(self._family((*node, (last, code))))
                    if sum(one.size for one in waiting) >= BLOCK:
                        yield joined(waiting)
                        waiting = []
            if waiting:
                yield joined(waiting)

    def _sequences(self, size: int, first: int) -> Iterator[Change]:
        if not size:
            yield ()
            return
        for row in range(first, self.n - size - 1):
            for code in range(self.each):
                for more in self._sequences(size - 1, row + 1):
                    yield ((row, code), *more)

    def _place(self, chosen: Change) -> int:
        at, last = 0, -1
        for level, (row, code) in enumerate(chosen):
            at, last = self._begin(level, at, last, row) + code, row
        return at

    def _begin(self, level: int, at: int, last: int, row: int) -> int:
        return self._start[level][at] + (row - last - 1) * self.each

    def _family(self, prefix: Change) -> Block:
        """A change of `count − 1` rows with each row after its last."""
        after = prefix[-1][0] + 1
        L, count = (self.n - after) * self.each, self.count
        fixed: list[tuple[int, int, int]] = []
        moving: list[tuple[int, int, int]] = []
        for size in range(count):
            sign = 1 if (count - 1 - size) % 2 == 0 else -1
            for part in combinations(prefix, size):
                at = self._place(part)
                fixed.append((sign, size, at))
                if size < count - 1:
                    moving.append((-sign, size + 1, self._begin(size, at, part[-1][0] if part else -1, after)))
        unit = ones(L)
        bias = sum(sign for sign, _, _ in moving) * HALF
        columns = []
        for j in range(len(self._values[0])):
            plus = sum(sign * self._values[level][j][at] for sign, level, at in fixed) - bias
            columns.append(plus * unit + sum(
                sign * int.from_bytes(self._bytes[level][j][8 * at : 8 * (at + L)], "little")
                for sign, level, at in moving))
        own = tuple((self.rows[row], self.codes[row][code]) for row, code in prefix)
        changes = [(*own, (self.rows[row], code)) for row in range(after, self.n) for code in self.codes[row]]
        begin = self._begin(count - 1, self._place(prefix), prefix[-1][0], after)
        return Block(list(range(begin, begin + L)), changes, columns)


def joined(some: Sequence[Block]) -> Block:
    """All of them."""
    columns = [0] * len(some[0].columns)
    at = 0
    for one in some:
        columns = [x + (y << SLOT * at) for x, y in zip(columns, one.columns, strict=True)]
        at += one.size
    return Block([x for one in some for x in one.numbers], [x for one in some for x in one.changes], columns)


class Corrected:
    """Corrections of the weights of some changes, in multiples of a basis.

    Args:
        moved: numbers of the changes, ascending.
        units: whole numbers, `size` a change.
        basis: `(size, size)` floats.
        size: weights of a change.
    """

    def __init__(self, moved: Sequence[int], units: Sequence[int], basis: Sequence[float], size: int) -> None:
        self.moved, self._units, self._size = moved, units, size
        self._basis = fmpz_mat([[int(x * 2.0**BASIS) for x in basis[j * size : (j + 1) * size]] for j in range(size)])

    at_once = BLOCK

    def within(self, block: Block) -> range:
        """Places of the corrected ones that a block of neighbours has."""
        return range(bisect_left(self.moved, block.numbers[0]), bisect_left(self.moved, block.numbers[-1] + 1))

    def block(self, some: Sequence[tuple[int, Change, list[int]]]) -> Block:
        """Corrected changes, which are judged together.

        Args:
            some: their places, the changes, and weights before the correction.

        Raises:
            OverflowError: a weight is too large.
        """
        size = self._size
        rows = [list(self._units[at * size : (at + 1) * size]) for at, _, _ in some]
        more = (fmpz_mat(rows) * self._basis).tolist()
        columns = [[(int(row[j]) >> BASIS - V) + w[j] + HALF for row, (_, _, w) in zip(more, some, strict=True)]
                   for j in range(size)]
        if any(abs(x - HALF) >= LARGEST for column in columns for x in column):
            raise OverflowError
        return Block([self.moved[at] for at, _, _ in some], [change for _, change, _ in some],
                     [_signed(column) for column in columns])
