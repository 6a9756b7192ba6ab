"""D32 in integers: one weight decay: hat matrix, residuals, what new labels take, and a comparison that is found here.

Entries of the hat matrix are integers times `2^−BITS`. Residuals, targets and the comparison have a power of two more.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from heapq import nlargest
from itertools import combinations_with_replacement
from operator import mul, rshift

from flint import arb, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.theorems.head.rows.codes import Codes
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.squared.node import BITS, ONE, above
from certify.check.theorems.head.rows.squared.ridge import FEATURE_BITS, Ridge
from certify.check.theorems.head.rows.squared.root import ceiling
from certify.check.theorems.head.rows.squared_labels import contrast
from certify.check.theorems.head.rows.squared_tree.root import Outputs, Point, outputs_of, points_of

Pair = tuple[int, int, int]
"""Outputs a and b of a contrast and its sign; b is −1 where there is one output."""

Line = Sequence[int]

ROUNDS, MORE, LARGEST = 60, 8, 64
"""Turns in which rows that fall short are raised, what part of their sums they are given beside, and the factor by
which the comparison may grow. Any comparison will do that meets its inequality."""

BLOCK = 256
"""Rows of the hat matrix that are formed at a time."""


@dataclass(frozen=True)
class Side:
    """What a contrast has whatever the evaluation row is, row by row, in units of residuals.

    Attributes:
        high, low: at least the old contrast less the least new one, and at most the old one less the largest new one.
        size: the larger of both in size.
        r: residuals.
        x: `r/D` as it is computed.
        wide: what x errs by, and the comparison.
    """

    high: list[int]
    low: list[int]
    size: list[int]
    r: list[int]
    x: list[int]
    wide: list[int]


@dataclass(frozen=True)
class Base:
    """One weight decay, that after `deleted` deletions.

    Attributes:
        K, eK: the hat matrix of the rows that may change, and what each entry errs by.
        low: at most `1 − K_ii`, above 0.
        outputs, points: residuals of every output, and evaluation rows by number.
        deleted, relabelled: how many at most.
        labels, far: at least `T_{m₂,l≠i}(|K_il|Δ_l)` and the largest of these terms, times `2^BITS`.
        omega: the comparison.
        codes, own: targets of every label, and the label of every row that may change.
        made: by contrast.
    """

    K: list[array[int]]
    eK: int
    low: list[int]
    outputs: Outputs
    points: dict[int, Point]
    deleted: int
    relabelled: int
    labels: list[int]
    far: list[int]
    omega: list[int]
    codes: Codes
    own: list[int]
    made: dict[Pair, Side] = field(default_factory=dict)

    @property
    def pair_error(self) -> int:
        """Of the difference of two residuals, or of the one there is."""
        return pair_error(self.outputs)

    def side(self, pair: Pair) -> Side:
        """That of a contrast."""
        if pair not in self.made:
            a, b, sign = pair
            R = self.outputs.R
            r = [x - y for x, y in zip(R[a], R[b], strict=True)] if b >= 0 else [sign * x for x in R[0]]
            x = [(v << BITS) // (ONE - line[i]) for i, (v, line) in enumerate(zip(r, self.K, strict=True))]
            off = [above((self.pair_error << BITS) + (abs(v) + 1) * self.eK, d) + 1
                   for v, d in zip(x, self.low, strict=True)]
            high, low = swing(pair, self.codes, self.own, self.outputs.shift)
            self.made[pair] = Side(high, low, [max(abs(g), abs(h)) for g, h in zip(high, low, strict=True)], r, x,
                                   [e + w for e, w in zip(off, self.omega, strict=True)])
        return self.made[pair]


def pair_error(outputs: Outputs) -> int:
    """Of the difference of two residuals, or of the one there is."""
    return outputs.er * min(2, len(outputs.R))


def base_of(head: Head, system: Ridge, rows: list[int], at: list[int], sizes: tuple[int, int]) -> Base | None:
    """That of some evaluation rows; None where the refit after deletions is not proved unique, or nothing is compared.

    Args:
        head, system: the head, and its normal matrix with the decay after so many deletions.
        rows: those that may change, ascending.
        at: the evaluation rows.
        sizes: how many at most are deleted, and relabelled.
    """
    deleted, relabelled = sizes
    hat = hat_of(system, [head.rows[i] for i in rows])
    if hat is None:
        return None
    K, eK = hat
    low = [ONE - line[i] - eK for i, line in enumerate(K)]
    if not all(d > 0 for d in low):
        return None
    outputs, own = outputs_of(head, system, rows), [head.codes.label[i] for i in rows]
    most = [farthest(head.codes, label, outputs.shift) for label in range(len(head.codes.rows))]
    labels, far = sums(K, eK, [most[label] for label in own], relabelled)
    omega: list[int] | None = [0] * len(rows)
    if deleted:
        x = [above((r + pair_error(outputs)) << BITS, d) for r, d in zip(ranges(outputs.R), low, strict=True)]
        first = [a + b for a, b in zip(sums(K, eK, x, deleted - 1)[0], labels, strict=True)]
        omega = comparison(K, eK, low, first, deleted - 1)
    if omega is None:
        return None
    points = points_of(head, system, rows, at, outputs)
    return Base(K, eK, low, outputs, points, deleted, relabelled, labels, far, omega, head.codes, own)


def hat_of(system: Ridge, rows: list[list[arb]]) -> tuple[list[array[int]], int] | None:
    """`ΦH⁻¹Φᵀ` on some rows, line by line, and what every entry errs by; None where that is 1 or more."""
    features, solutions = system.of_rows(rows, None)
    error = ZERO
    for s in solutions:
        error = error.max(s.off)  # no number stays none
    eK = ceiling(error, 0) + 1
    if eK >= ONE:  # the entries are at most 1 in size, and have room in 64 bits
        return None
    # column l has the bits of solution l; all are shifted down, as those with few bits are shifted up first
    n, downs = len(rows), [max(FEATURE_BITS + s.bits - BITS, 0) for s in solutions]
    short = [max(BITS - FEATURE_BITS - s.bits, 0) for s in solutions]
    columns, lines = [[x << k for x in s.u] for s, k in zip(solutions, short, strict=True)], features.tolist()
    K = [array("q", [0]) * n for _ in range(n)]
    parts = [range(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK)]
    for some, other in combinations_with_replacement(parts, 2):
        block = fmpz_mat([lines[i] for i in some]) * fmpz_mat([columns[i] for i in other]).transpose()
        down = downs[other.start : other.stop]
        found = [array("q", map(rshift, map(int, line), down)) for line in block.tolist()]
        for i, line in zip(some, found, strict=True):
            K[i][other.start : other.stop] = line
        for i, column in zip(other, zip(*found, strict=True), strict=True):
            K[i][some.start : some.stop] = array("q", column)  # the true one is symmetric
    return K, eK


def ranges(R: Sequence[Sequence[int]]) -> list[int]:
    """The largest residual of a contrast, in size, of every row."""
    return [max(r) - min(r) if len(r) > 1 else abs(r[0]) for r in zip(*R, strict=True)]


def farthest(codes: Codes, own: int, shift: int) -> int:
    """`Δ`: how far another label moves any contrast of a target at most, in units of residuals, rounded up."""
    most = Fraction(0)
    for label, target in enumerate(codes.rows):
        if label != own:
            moved = [Fraction(x) - Fraction(y) for x, y in zip(target, codes.rows[own], strict=True)]
            most = max(most, max(moved) - min(moved) if len(moved) > 1 else abs(moved[0]))
    return up(most, shift)


def swing(pair: Pair, codes: Codes, own: Sequence[int], shift: int) -> tuple[list[int], list[int]]:
    """High and low of rows with these labels, rounded away from what a label takes.

    >>> swing((0, -1, 1), Codes([[-1.0], [1.0]], [], []), [0, 1], BITS)
    ([-2, 2], [-2, 2])
    """
    a, b, sign = pair
    weights = [0] * len(codes.rows[0])
    weights[a] += sign
    if b >= 0:
        weights[b] -= 1
    values = [contrast(weights, target) for target in codes.rows]
    high, low = list[int](), list[int]()
    for label, value in enumerate(values):
        others = [x for other, x in enumerate(values) if other != label]
        high.append(up(value - min(others), shift))
        low.append(-up(max(others) - value, shift))
    return [high[label] for label in own], [low[label] for label in own]


def up(x: Fraction, shift: int) -> int:
    """In units of `2^(shift − BITS)`, rounded up."""
    found = x * Fraction(2) ** (BITS - shift)
    return above(found.numerator, found.denominator)


def sums(K: Sequence[Line], eK: int, v: Sequence[int], s: int) -> tuple[list[int], list[int]]:
    """At least `T_{s,l≠i}(|K_il|v_l)` and the largest of these terms, of numbers that are not negative.

    >>> sums([[0, 4, -6], [4, 0, 0], [-6, 0, 0]], 0, [1, 1, 2], 1)
    ([12, 4, 6], [12, 4, 6])
    """
    if s <= 0:
        return [0] * len(K), [0] * len(K)
    short, total, largest = list(v), list[int](), list[int]()
    wrong = eK * max(v, default=0)
    for i, line in enumerate(K):
        own, short[i] = short[i], 0
        terms = map(mul, map(abs, line), short)
        top = [max(terms)] if s == 1 else nlargest(s, terms)
        short[i] = own
        total.append(sum(top) + s * wrong)
        largest.append(top[0] + wrong)
    return total, largest


def comparison(K: Sequence[Line], eK: int, low: Sequence[int], first: Sequence[int], s: int) -> list[int] | None:
    """ω > 0 with `D_iω_i > first_i + T_{s,l≠i}(|K_il|ω_l)` in every row; None if none is met.

    Args:
        K, eK: the hat matrix, and what its entries err by.
        low: at most `D_i`, above 0.
        first: times `2^BITS`.
        s: how many others are deleted.

    >>> comparison([[0]], 1, [ONE], [5 * ONE], 0)
    [6]
    """
    omega = [a // d + 1 for a, d in zip(first, low, strict=True)]
    limit = LARGEST * max(omega)
    for _ in range(ROUNDS):
        after = sums(K, eK, omega, s)[0]
        short = [i for i, d in enumerate(low) if not d * omega[i] > first[i] + after[i]]
        if not short:  # what it needs is enough: sums of less are no larger
            return [min(w, (a + b) // d + 1) for w, a, b, d in zip(omega, first, after, low, strict=True)]
        for i in short:
            omega[i] = (first[i] + after[i] + after[i] // MORE) // low[i] + 1
        if max(omega) > limit:
            return None
    return None
