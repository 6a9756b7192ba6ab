"""Bounds of the entries of the hat matrix: those in rows and columns of long rows, and of all others by two lengths."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nlargest
from math import isqrt
from operator import mul

from flint import arb, fmpz, fmpz_mat

from certify.check.limits.shares import JOBS, shared
from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import cut, scale
from certify.check.stored.beside import BITS, Beside
from certify.check.stored.ground import Ground, part_of
from certify.check.stored.largest import QUICK
from certify.check.stored.whole import matrix
from certify.check.theorems.head.rows.squared.ridge import Solution, Whole

LONGEST, KEPT, MOST = 1024, 48, 2**23
"""How many rows are long, entries of each row that are kept, and of all rows."""

FINE = 30
"""Bits of an entry behind the point."""

TOGETHER = 256
"""Long rows that are solved for at a time."""


@dataclass(frozen=True)
class Entries:
    """Bounds of `|K_il|`, `l ≠ i`, in units of `2^−FINE`, none of them too small.

    Attributes:
        long: the numbers of the long rows, ascending.
        each: how many entries of every row are kept.
        ids, values: one row after another, their columns, and the entries.
        bars: of all other entries of each row; of a row that is not long, of those in columns of long rows.
        roots: `√K_ii` of the rows that are not long, for all other entries; 0 of long ones.
    """

    long: tuple[int, ...]
    each: int
    ids: array[int]
    values: array[int]
    bars: array[int]
    roots: array[int]

    def sums(self, rows: Sequence[int], v: Sequence[int], s: int) -> list[int]:
        """At least the sums of the s largest `|K_il|v_l` of some rows; v in whole numbers, none below 0."""
        top = nlargest(s, v)
        long = nlargest(s, (v[i] for i in self.long))
        short = nlargest(s, map(mul, self.roots, v))  # long rows add nothing: their root is 0
        found = []
        for i in rows:
            at = i * self.each
            terms = list(map(mul, self.values[at:at + self.each], [v[l] for l in self.ids[at:at + self.each]]))
            bar, root = self.bars[i], self.roots[i]
            if root:
                terms += [bar * x for x in long]
                terms += [-(-root * x >> FINE) for x in short]
            else:
                terms += [bar * x for x in top]
            terms.sort(reverse=True)
            found.append(sum(terms[:s]))
        return found


def entries(ground: Ground, beside: Beside) -> Entries:
    """By two more readings of the rows.

    Args:
        ground, beside: of the rows.
    """
    n, turns = ground.system.n, JOBS.get()
    each = max(1, min(KEPT, LONGEST, n, MOST // n))
    long = sorted(sorted(range(n), key=beside.leverages.__getitem__, reverse=True)[:LONGEST])
    short = _short(ground, solutions(ground, long))
    place = {row: t for t, row in enumerate(long)}
    step = part_of(max(ground.system.p, len(long)))  # of products there are as many as long rows

    def work(turn: int) -> tuple[list[tuple[int, array[int], array[int], array[int]]], list[list[tuple[int, int]]]]:
        found, columns = [], [_Top(each) for _ in long]
        for first, part in ground.rows.parts(ground.system.shifts, short.features, step, turn, turns):
            block = matrix(part, ground.system.p)
            size = block.nrows()
            values = list(map(abs, map(int, (short.u * block.transpose()).entries())))
            for i in range(first, first + size):  # no row stands beside itself
                if i in place:
                    values[place[i] * size + i - first] = 0
            for t, column in enumerate(columns):
                column.take(values[t * size:(t + 1) * size], first)
            found.append((first, *_rows(values, size, each, short, long)))
        return found, [column.kept for column in columns]

    done = shared(work, turns)
    ids, tops, bars = array("i"), array("q"), array("q")
    for _, *those in sorted(one for found, _ in done for one in found):
        for every, more in zip((ids, tops, bars), those, strict=True):
            every.extend(more)
    roots = array("q", [isqrt((k << 2 * FINE - BITS) - 1) + 1 if k > 0 else 1 for k in beside.leverages])
    for t, row in enumerate(long):
        kept = nlargest(each, [pair for _, columns in done for pair in columns[t]])
        top = [*kept, *[(0, -row)] * (each - len(kept))]
        at = row * each
        tops[at:at + each] = array("q", [short.of(x, t) for x, _ in top])
        ids[at:at + each] = array("i", [-i for _, i in top])
        bars[row], roots[row] = short.of(top[-1][0], t), 0
    return Entries(tuple(long), each, ids, tops, bars, roots)


@dataclass(frozen=True)
class Short:
    """Solutions for the long rows in few bits.

    Attributes:
        u: one row for each.
        features: bits of the rows that they are multiplied with.
        drop: bits behind those of an entry that products have.
        errors: by how many units an entry may exceed its product.
    """

    u: fmpz_mat
    features: int
    drop: int
    errors: list[int]

    def of(self, x: int, t: int) -> int:
        """At least the entry of which x is the product in size; no entry exceeds 1."""
        return min((x >> self.drop if self.drop >= 0 else x << -self.drop) + self.errors[t], 1 << FINE)


def _short(ground: Ground, solved: Sequence[Solution]) -> Short:
    """An entry errs by `off`, by `√p·2^−f|u|` for features cut to f bits, and by `p·2^−b` for u cut to b bits.

    No scaled feature exceeds 1.
    """
    p, bits = ground.system.p, min(QUICK[0], ground.bits)
    longest = max(max(map(abs, s.u), default=fmpz(0)).bit_length() - s.bits for s in solved)
    behind = QUICK[1] - longest
    u = [[x >> s.bits - behind if s.bits >= behind else x << behind - s.bits for x in s.u] for s in solved]
    features = arb(p).sqrt() * scale(bits) if bits < ground.bits else ZERO
    errors = list[int]()
    for s in solved:
        error = ((features * s.size + p * scale(behind) + s.off) * arb(2) ** FINE).upper()
        errors.append(int(error.ceil().upper().unique_fmpz() or 0) + 1 if error < 1 << FINE else 1 << FINE)
    return Short(fmpz_mat(u), bits, bits + behind - FINE, errors)


class _Top:
    """The largest of the numbers that come, each with the place where it stood, below 0; of equal ones the first.

    So they are the same whatever others have come in between.
    """

    def __init__(self, each: int) -> None:
        self.each, self.bar = each, 0
        self.kept: list[tuple[int, int]] = []

    def take(self, values: list[int], first: int) -> None:
        """More of them."""
        if max(values) <= self.bar:
            return
        bar = self.bar
        self.kept += [(x, -first - i) for i, x in enumerate(values) if x > bar]
        if len(self.kept) > self.each:
            self.kept = nlargest(self.each, self.kept)
            self.bar = self.kept[-1][0]


def _rows(values: list[int], size: int, each: int, short: Short, long: list[int],
          ) -> tuple[array[int], array[int], array[int]]:
    """Of every row of a part its largest products with long rows, and what the others there do not exceed."""
    ids, tops, bars = array("i"), array("q"), array("q")
    numbers = range(len(long))
    worst = max(numbers, key=short.errors.__getitem__)
    for i in range(size):
        own = values[i::size]
        best = nlargest(each, numbers, key=own.__getitem__)
        ids.extend([long[t] for t in best])
        tops.extend([short.of(own[t], t) for t in best])
        bars.append(short.of(own[best[-1]], worst))  # the others have smaller products, and err by no more than that
    return ids, tops, bars


def solutions(ground: Ground, rows: Sequence[int]) -> list[Solution]:
    """`H⁻¹φ` of some rows, by one reading.

    Args:
        ground: of the rows.
        rows: their numbers, ascending.
    """
    system, p, found = ground.system, ground.system.p, list[int]()
    for _, part in ground.rows.picked(system.shifts, ground.bits, rows):
        found += part
    solved: list[Solution] = []
    for at in range(0, len(found), TOGETHER * p):
        some = matrix(found[at:at + TOGETHER * p], p)
        radius = cut((some.nrows(), p), ground.bits) if system.loose > 0 else ZERO
        solved += system.solved(Whole(some, ground.bits, radius))
    return solved
