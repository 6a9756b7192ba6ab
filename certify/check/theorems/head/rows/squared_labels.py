"""D3: changed labels of a squared-loss head, derived again: influences as integers, the largest of them, and a sum.

The output of a point is `Σ q_i Y_i`. A row that may become any of its codes takes at most
`v_i = max(q_i·high_i, q_i·low_i, 0)` from a difference of outputs, `high` and `low` its old target less the least and
the largest new one. Any m changes take at most the sum of the m largest v, and some change takes that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from flint import arb, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO, norm
from certify.check.linalg.fixed import scale
from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.changes.any_rows import AnyRows
from certify.check.theorems.head.rows.changes.pairs import Pairs
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.losses.squared import Squared
from certify.check.theorems.head.rows.squared.ridge import FEATURE_BITS, Ridge, Solution, influences, nearest, ridge_of
from certify.check.theorems.head.rows.squared.roots import Roots, weighed
from certify.format.refusal import Invalid

SAMPLE = 1024
"""Influences that are looked at to guess how large the largest are."""


@dataclass(frozen=True)
class Swings:
    """What a condition `g·z > offset` has to fear, in integers times `2^−bits`.

    Attributes:
        old: contrast of every row's target.
        high, low: of the rows that may change, old less the least and the largest new contrast.
        top: the largest of these in size.
        offset: exact.
        wrong, each: what the old ones err by in length, and any other number here, in units of 1.
    """

    old: list[int]
    high: list[int]
    low: list[int]
    top: int
    bits: int
    offset: Fraction
    wrong: arb = ZERO
    each: arb = ZERO

    @cached_property
    def length(self) -> arb:
        """Of all old contrasts, from above."""
        return (norm(map(arb, self.old)) * scale(self.bits)).upper()


def contrast(weights: Sequence[int], target: Sequence[float]) -> Fraction:
    """`Σ weights_a target_a`, exactly."""
    return sum((w * Fraction(t) for w, t in zip(weights, target, strict=True) if w), Fraction(0))


def weights_of(today: int, b: int, k: int) -> list[int]:
    """Weights of the outputs in the condition that b does not pass the label; b is −1 where there is one output."""
    return [1 if today == 1 else -1] if b < 0 else [(j == today) - (j == b) for j in range(k)]


def swings(weights: Sequence[int], offset: Fraction, Y: Sequence[Sequence[float]], codes: Sequence[Sequence[float]],
           may: Sequence[Sequence[int]], rows: Sequence[int], roots: Roots | None = None) -> Swings:
    """Swings of the rows, exactly: targets are floats.

    Args:
        weights: `(k,)` of outputs in the condition: 1, −1 or 0.
        offset: of the condition.
        Y, codes: targets, and those that labels stand for.
        may: for each row that may change the numbers of its codes, at least one.
        rows: numbers of these rows.
        roots: by which targets and codes of a row are multiplied; None: 1.
    """
    new = [contrast(weights, c) for c in codes]
    old = [contrast(weights, y) for y in Y]
    extremes = {tuple(m): (min(new[c] for c in m), max(new[c] for c in m)) for m in may}
    bits = max(x.denominator.bit_length() - 1 for x in (*old, *new))
    one = 1 << bits
    high = [int((old[i] - extremes[tuple(m)][0]) * one) for i, m in zip(rows, may, strict=True)]
    low = [int((old[i] - extremes[tuple(m)][1]) * one) for i, m in zip(rows, may, strict=True)]
    old_whole, each = [int(t * one) for t in old], ZERO
    top = max((abs(x) for x in (*high, *low)), default=0)
    if roots is not None:
        each = (arb(top) * scale(bits) * roots.off).upper()
        high, low = ([x * roots.numbers[i] for i, x in zip(rows, some, strict=True)] for some in (high, low))
        top = max((abs(x) for x in (*high, *low)), default=0)
    old_whole, bits, wrong = weighed(roots, old_whole, bits)
    return Swings(old_whole, high, low, top, bits, offset, wrong, each)


def largest_drops(q: Sequence[fmpz], s: Swings, size: int) -> list[int]:
    """The `size` largest of the numbers v, in falling order; fewer where fewer are positive.

    Only rows with `top·|q_i|` above a bar can exceed it, and the bar is low enough if as many as wanted do.
    """
    n = len(q)
    bar = _guess(q, size)
    while True:
        below = -bar
        some = range(n) if not bar else [i for i, x in enumerate(q) if x > bar or x < below]
        found = [x * s.high[i] if x > 0 else x * s.low[i] for i in some for x in (int(q[i]),)]
        limit = int(bar) * s.top
        found = sorted((v for v in found if v > limit), reverse=True)
        if not bar or len(found) >= size:
            return found[:size]
        bar = fmpz(0) if len(some) * 4 > n else bar >> 1


def _guess(q: Sequence[fmpz], size: int) -> fmpz:
    """About the size of the influence below which none of the largest is; any number does."""
    sample = sorted((abs(int(x)) for x in q[::1 + len(q) // SAMPLE]), reverse=True)
    at = 2 * size * len(sample) // max(1, len(q)) + 4
    return fmpz(sample[at] // 2 if at < len(sample) else 0)


@dataclass(frozen=True)
class Margins:
    """One condition at one point: its integers, on unchanged data and after changes."""

    s: Swings
    value: arb
    unit: arb
    length: arb
    off: arb

    def left(self, taken: int, k: int) -> arb:
        """The condition after k changes that take `taken` from it: a ball.

        Influences err by `off` as one vector: the whole by `|old|·off`, k terms by `top·√k·off`; and old contrasts and
        swings by what roots of weights err by, times influences.
        """
        return self.value - taken * self.unit + arb(0, 1) * self._error(k)

    def _error(self, k: int) -> arb:
        rough = (self.length + self.off) * (self.s.wrong + self.s.each * arb(k).sqrt())
        return self.off * (self.s.length + self.s.top * arb(k).sqrt() * scale(self.s.bits)) + rough

    def far(self, k: int) -> bool:
        """Whether the condition holds after any k changes, by the length of the influences alone.

        k of them are together at most √k times as large.
        """
        most = self.length * self.s.top * arb(k).sqrt() * scale(self.s.bits)
        return bool(self.value - self._error(k) - most > 0)


def margins(system: Ridge, solution: Solution, products: fmpz_mat, s: Swings) -> Margins:
    """The condition on unchanged data, from `products` = ΦᵀT, T the column of old contrasts."""
    total = sum((a * b for a, b in zip(solution.u, products.entries(), strict=True)), fmpz(0))
    unit = scale(FEATURE_BITS + solution.bits + s.bits)
    offset = arb(s.offset.numerator) / s.offset.denominator
    return Margins(s, arb(total) * unit - offset, unit, solution.length, solution.off)


def tolerates(at: Margins, q: Sequence[fmpz], m: int) -> bool:
    """Whether the condition is proved to hold after any m changes."""
    if m < 0:
        return True
    if not at.left(0, m) > 0:
        return False
    drops = largest_drops(q, at.s, m) if m else []
    return bool(at.left(sum(drops), m) > 0)


def fails(at: Margins, q: Sequence[fmpz], m: int) -> bool:
    """Whether some m changes, or fewer, are proved to turn the condition round."""
    drops = largest_drops(q, at.s, m) if m else []
    return bool(at.left(sum(drops), len(drops)) < 0)


def soon_tolerated(found: list[Margins], m: int) -> bool | None:
    """Whether all conditions hold after any m changes; None where only the influences can tell."""
    if m < 0 or all(at.far(m) for at in found):
        return True
    return None if all(at.left(0, m) > 0 for at in found) else False


Soon = Callable[[list[Margins], int], bool | None]
"""Yes or no from every condition at a point and a number of changes, or None."""

Answer = Callable[[list[Margins], Sequence[fmpz], int], bool]
"""Yes or no from these and the influences."""


class Labels:
    """Changed labels of a squared-loss head.

    Args:
        system: its normal matrix.
        Y: `(n, k)` targets.
        codes: `(c, k)`.
        may: codes that each row may be given; none: it does not change.
        threshold: of one output.
    """

    def __init__(self, system: Ridge, Y: Sequence[Sequence[float]], codes: Sequence[Sequence[float]],
                 may: Sequence[Sequence[int]], threshold: float = 0.0) -> None:
        self.system, self.Y, self.codes, self.threshold = system, Y, codes, Fraction(threshold)
        self.rows = [i for i, m in enumerate(may) if m]
        self.may = [may[i] for i in self.rows]
        self._kept: dict[tuple[int, int], tuple[Swings, fmpz_mat]] = {}

    def conditions(self, today: int) -> list[tuple[Swings, fmpz_mat]]:
        """All that have to hold for a label to stay."""
        k = len(self.Y[0])
        others = [-1] if k == 1 else [b for b in range(k) if b != today]
        return [self._condition(today, b) for b in others]

    def _condition(self, today: int, b: int) -> tuple[Swings, fmpz_mat]:
        if (today, b) not in self._kept:
            weights = weights_of(today, b, len(self.Y[0]))
            offset = weights[0] * self.threshold if b < 0 else Fraction(0)
            s = swings(weights, offset, self.Y, self.codes, self.may, self.rows, self.system.roots)
            column = fmpz_mat(len(s.old), 1, s.old)
            self._kept[today, b] = (s, self.system.phi.mid.transpose() * column)
        return self._kept[today, b]

    def stays(self, points: Sequence[Sequence[float]], today: Sequence[int], counts: Sequence[int],
              loose: Sequence[arb] | None = None) -> list[bool]:
        """For each point whether any `counts` changes are proved to leave its label."""
        return self._asked(points, today, counts, loose, soon_tolerated,
                           lambda found, q, m: all(tolerates(at, q, m) for at in found))

    def falls(self, points: Sequence[Sequence[float]], today: Sequence[int], counts: Sequence[int],
              loose: Sequence[arb] | None = None) -> list[bool]:
        """For each point whether some `counts` changes are proved to give it another label."""
        return self._asked(points, today, counts, loose, lambda found, m: None,
                           lambda found, q, m: any(fails(at, q, m) for at in found))

    def _asked(self, points: Sequence[Sequence[float]], today: Sequence[int], counts: Sequence[int],
               loose: Sequence[arb] | None, soon: Soon, answer: Answer) -> list[bool]:
        if self.system.inverse.X is None:
            return [False] * len(points)
        solutions = self.system.solutions(points, loose)
        found = [[margins(self.system, solution, product, s) for s, product in self.conditions(label)]
                 for solution, label in zip(solutions, today, strict=True)]
        answers = [soon(at, m) for at, m in zip(found, counts, strict=True)]
        left = [j for j, yes in enumerate(answers) if yes is None]
        whole = len(self.rows) == self.system.n
        for j, values in zip(left, influences(self.system, [solutions[j] for j in left]), strict=True):
            answers[j] = answer(found[j], values if whole else [values[i] for i in self.rows], counts[j])
        return [bool(yes) for yes in answers]


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
    """Which evaluation rows keep today's label after every change of at most `count` labels; there is no witness.

    Args:
        head: the head.
        arrays: none.
        where: the claim, for messages.
        asked: the rows in question.

    Raises:
        Invalid: another loss or change, or arrays are there.
    """
    if not isinstance(head.loss, Squared) or not head.relabels:
        raise Invalid(where, "another loss, or rows deleted", "changed labels and the squared loss are needed")
    if arrays:
        raise Invalid(where, f"there are arrays {', '.join(sorted(arrays))}", "this method needs none")
    moving = set(head.moving)
    change = head.change if isinstance(head.change, Pairs) else AnyRows(
        head.change.labels, True, head.count, head.moving)
    may = [change.may(i) if i in moving else [] for i in range(head.n)]
    labels = Labels(ridge_of(head), head.targets, head.codes.rows, may, head.threshold)
    at = [j for j, (yes, today) in enumerate(zip(asked, head.today, strict=True)) if yes and today >= 0]
    seen = head.evaluated.tolist()
    points, loose = nearest([seen[j] for j in at])
    stays = labels.stays(points, [head.today[j] for j in at], [head.count] * len(at), loose)
    found = dict(zip(at, stays, strict=True))
    return [found.get(j, False) for j in range(len(asked))]
