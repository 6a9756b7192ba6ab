"""A comparison of all rows: found, judged in whole numbers, and what any m deletions take by it (D4a, spans).

`x̂_i ± ξ_i` are the ends of the span of row i for a contrast, `x̂_i` the residual that was computed, divided by
`1 − K̄_ii`. It holds if `T_{m−1}(|K_il|(|x̂_l| + ξ_l)) < D_iξ_i − |r_i − D_ix̂_i|`.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from flint import arb

from certify.check.linalg.balls import ZERO, largest
from certify.check.stored.beside import BITS, ONE, Beside, ceiling
from certify.check.stored.comparison.entries import FINE, Entries, entries
from certify.check.stored.ground import Ground
from certify.check.stored.some import Taken

LEAST, WIDEST = 1 << 20, 1 << 61
"""What a row has to leave, `1 − K_ii`, and what no residual that is divided by it, and no ξ, may reach."""

SPARE = 8
"""A comparison is looked for that holds with one part in `2^SPARE` to spare."""

FEW = 64
"""Rows that may go at most, so that no step takes long."""

INNER, OUTER, CLOSE = 100, 32, 13
"""Steps among long rows, steps over all rows, and bits to which they have to agree."""

TIMES = (20, 21, 25, 40)
"""Twentieths of what the last step said that are tried where it still grows.

What others add falls short of growing with ξ by what x̂ alone adds: a longer ξ may hold where a shorter one does not.
"""


@dataclass(frozen=True)
class Compared:
    """What stands beside every row where a comparison was found, and what any deletions take by it.

    Attributes:
        beside: residuals divided by `1 − K̄_ii`, exact; what is widest has ξ in it.
        taken: by any deletions.
    """

    beside: Beside
    taken: Taken


@dataclass(frozen=True)
class _Sides:
    """Of every row, in units of `2^−BITS`.

    Attributes:
        widest: residuals, divided.
        left: `1 − K̄_ii`.
        off: at least `|r_i − D_ix̂_i|`.
    """

    widest: Sequence[int]
    left: Sequence[int]
    off: Sequence[int]

    def needed(self, i: int, total: int) -> int:
        """What `(1 − K̄_ii)ξ_i` has to exceed, in units of `2^−2BITS`; `total` is the sum of the others."""
        return (total << BITS - FINE) + (self.off[i] << BITS)


def compared(ground: Ground, beside: Beside, count: int, tell: Callable[[str], None]) -> Compared | None:
    """A comparison for any `count` deletions, at least two; None where none is found.

    Args:
        ground, beside: of the rows.
        count: how many rows go.
        tell: told what was done.
    """
    left = [ONE - k for k in beside.leverages]
    if count > FEW or min(left) < LEAST or (max(beside.widest) << BITS) // min(left) >= WIDEST:
        return None
    stays = beside.divided()
    each = 2 * ceiling(largest(beside.off)) + 3  # of two outputs, each divided and rounded down
    sides = _Sides(stays.widest, left, [each + (beside.above * x >> BITS) for x in stays.widest])
    known = entries(ground, beside)
    tell(f"entries of the hat matrix are bounded, those of {len(known.long)} rows one by one")
    proposed = _found(known, sides, count - 1)
    xi = None if proposed is None else _judged(known, sides, proposed, count - 1)
    if xi is None:
        tell("no comparison of the rows was found")
        return None
    tell("what others may add to every row is proved")
    return _taken(replace(stays, xi=array("q", xi), off=(ZERO,) * len(beside.off),
                          widest=array("q", map(sum, zip(stays.widest, xi, strict=True)))), count)


def _found(known: Entries, sides: _Sides, s: int) -> list[int] | None:
    """A fixed point, with something to spare, in which long rows are moved most of the time; not trusted."""
    v, every = list(sides.widest), range(len(sides.left))
    xi = [0] * len(v)

    def step(rows: Sequence[int]) -> bool | None:
        """Whether some rows have come to rest; None where they grow beyond what may be."""
        rest = True
        for i, total in zip(rows, known.sums(rows, v, s), strict=True):
            needed = sides.needed(i, total)
            new = (needed + (needed >> SPARE)) // sides.left[i] + 1
            if new >= WIDEST:
                return None
            rest &= abs(new - xi[i]) <= new >> CLOSE
            xi[i] = new
        for i in rows:
            v[i] = sides.widest[i] + xi[i]
        return rest

    for _ in range(OUTER):
        for _ in range(INNER):
            if (rest := step(known.long)) is None:
                return None
            if rest:
                break
        if (rest := step(every)) is None:
            return None
        if rest:
            return xi
    return _lengthened(known, sides, xi, s)


def _lengthened(known: Entries, sides: _Sides, xi: list[int], s: int) -> list[int]:
    """What has not come to rest made longer until it holds, and then as short as a few steps make it."""
    for times in TIMES:
        held = _judged(known, sides, [times * x // 20 for x in xi], s) if max(xi) < WIDEST // 2 else None
        if held is not None:
            for _ in range(OUTER):
                shorter = _judged(known, sides, held, s)
                if shorter is None or all(x - y <= x >> CLOSE for x, y in zip(held, shorter, strict=True)):
                    break
                held = shorter
            return held
    return xi


def _judged(known: Entries, sides: _Sides, xi: Sequence[int], s: int) -> list[int] | None:
    """The shortest that its own sums prove; None where it does not hold.

    If `needed < D_iξ_i`, then `ξ′_i = ⌊needed/D_i⌋ + 1` is no longer than ξ and holds too: sums of less are no larger.
    """
    v = [x + y for x, y in zip(sides.widest, xi, strict=True)]
    every = range(len(v))
    needed = [sides.needed(i, total) for i, total in zip(every, known.sums(every, v, s), strict=True)]
    if not all(d * x > most for d, x, most in zip(sides.left, xi, needed, strict=True)):
        return None
    return [most // d + 1 for d, most in zip(sides.left, needed, strict=True)]


def _taken(beside: Beside, count: int) -> Compared:
    """What any deletions take: with `v_i = |x̂_i| + ξ_i` at most the sum of `|c_i|v_i`, and `K_MM ⪯ I`."""
    kappa, length, both = beside.largest(count)
    return Compared(beside, Taken(kappa.min(arb(1)), ZERO, length, both, True))

