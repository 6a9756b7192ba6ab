"""D4c for rows on disk: which labels any m deletions leave, and which named ones turn.

`K_MM ⪯ κI` for the m largest leverages together, `λ = κ/(1 − κ)`: deleting M takes `c_MᵀN⁻¹r_M` from a contrast, at
most `|c_M||r_M|/(1 − κ)`, and at most the sum over M of `(1 + ½λ)c_i r_i + ¼λ(σc_i² + τr_i²)`. One row takes
`c_ir_i/(1 − K_ii)` (D4f). Where leverages of m rows may add up to much, rows are compared with each other (D4a).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from heapq import nlargest

from flint import arb

from certify.check.linalg.balls import ONE, ZERO, largest
from certify.check.linalg.fixed import scale
from certify.check.stored.beside import BITS, Beside, beside
from certify.check.stored.comparison.blocks import AT_ONCE, HELD, NOTHING, Blocks
from certify.check.stored.comparison.found import FEW, compared
from certify.check.stored.conditions import Margin, conditions_of, lasts, margins
from certify.check.stored.evaluated import Row
from certify.check.stored.ground import Ground
from certify.check.stored.largest import QUICK, SHARP, point_of
from certify.check.stored.single.heaviest import Heaviest, heaviest
from certify.check.stored.some import Named, Open, Taken, named, screened
from certify.check.stored.stated import Stated
from certify.format.refusal import Invalid

KEPT = ((QUICK, 8, 64), (SHARP, 64, 2048), (SHARP, 1024, 2**15))
"""Bits of a first reading and of others for what it leaves, and how many rows are then looked at for each contrast: so
many times those that go, and so many more."""

HEAVIEST, SHARE = (2**10, 2**12, 2**14), 3
"""Training rows whose influences are formed first, those that may take most, as far as they are one in so many of all
at most; those of all rows for what is left."""

HEAVY = 0.5
"""Leverages together from which rows are compared with each other, or nothing but the trace is known of them."""


class Deletions:
    """The evaluation rows that are stated to stay, or to flip, under any `count` deletions.

    Args:
        ground: of the training rows.
        stated: what is stated.
        tell: told what was done.

    Attributes:
        already: how many of those that flip have another label before any change.
        ways: what deletions take, with what stands beside the rows for it: one way after another is tried.
    """

    def __init__(self, ground: Ground, stated: Stated, tell: Callable[[str], None]) -> None:
        self.ground, self.count = ground, stated.count
        self.beside: Beside = beside(ground, tell)
        kappa = self.beside.largest(stated.count)[0]
        heavy = 1 < stated.count <= FEW and not kappa < HEAVY
        self.blocks = Blocks(ground) if heavy else None  # named rows need no comparison
        self.ways: list[tuple[Beside, Taken]] = []
        if heavy and (found := compared(ground, self.beside, stated.count, tell)):
            self.ways.append((found.beside, found.taken))
        if kappa < 1:  # what is proved of a comparison may be less than that, if leverages add up to little more than ½
            self.ways.append(_by_leverages(self.beside, stated.count, kappa))
        assert stated.changed is not None
        self.changed = dict(zip(stated.flips, stated.changed, strict=True))
        self._open: list[Open] = []
        self._flips: list[Open] = []
        self.already = 0

    def take(self, row: Row) -> None:
        """Another evaluation row: decided by lengths, or left.

        Raises:
            Invalid: what is stated of it is not so before any change.
        """
        flips = row.number in self.changed
        if row.label < 0:
            raise _wrong(row.number, flips, "the weights in the model file do not give it one label")
        if not flips and self.ground.counts[row.label] <= self.count:
            raise _wrong(row.number, flips, lasts(self.ground.counts[row.label]))
        found = margins(self.ground, row.solution, row.sums, conditions_of(row.label, self.ground.counts))
        today = [margin.left(ZERO, 0, ZERO) for margin in found]
        one = Open(row.number, found, point_of(row.solution), row.energy)
        if flips:
            lost = any(value < 0 for value in today)
            self.already += lost
            if not lost or self.changed[row.number]:  # rows that are named have to do it
                self._flips.append(one)
            return
        if not all(value > 0 for value in today):
            raise _wrong(row.number, False, "it is not proved to have its label before any change")
        if not self.ways:
            raise _wrong(row.number, False, f"leverages of {self.count} rows add up to 1 or more, so nothing follows")
        most = [taken.most(row.energy, row.solution.length + row.solution.off) for _, taken in self.ways]
        if not any(all(value > x for value in today) for x in most):
            self._open.append(one)

    def decide(self, tell: Callable[[str], None]) -> None:
        """All that are left, by single rows: by those that may take most, and then by all.

        Raises:
            Invalid: what is stated of one of them is not proved.
        """
        tell(f"{len(self._open)} evaluation rows are left for the influences of training rows")
        left = self._open
        for stays, taken in self.ways:
            few = heaviest(stays, [x for x in HEAVIEST if SHARE * x <= self.ground.system.n]) if left else []
            steps = [*((KEPT[0], some) for some in few), *((one, Heaviest()) for one in KEPT)]
            for (bits, times, more), among in steps:
                if left:
                    kept = min(times * self.count + more, self.ground.system.n)
                    yes = screened(self.ground, stays, taken, left, self.count, kept, bits, among)
                    left = [one for one, proved in zip(left, yes, strict=True) if not proved]
                    tell(f"{len(left)} of them are left by those of "
                         + ("all rows" if among.rows is None else f"the {len(among.rows)} rows that may take most"))
        if left:
            raise _wrong(left[0].number, False, "it is not proved")
        tell(f"{len(self._flips)} evaluation rows are flipped by rows that are named")
        most = min(AT_ONCE, HELD // self.ground.system.p)
        step = max(1, most // self.count) if self.blocks else max(1, len(self._flips))
        for at in range(0, len(self._flips), step):
            some = self._flips[at:at + step]
            found = named(self.ground, self.beside, [one.point for one in some],
                          [self.changed[one.number] for one in some], self.blocks is not None)
            for one, those in zip(some, found, strict=True):
                if not self._flipped(one, those):
                    raise _wrong(one.number, True, "the rows named are not proved to flip it")

    def _flipped(self, one: Open, those: Named) -> bool:
        """Whether the named rows take more than some contrast has, and leave a row of the class that wins."""
        gone = Counter(self.ground.rows.classes[i] for i in those.rows)
        ways = [self._by_trace, *([self._by_block] if self.blocks and those.features else [])]
        return any(bool(margin.left(takes(margin, those), 0, ZERO) < 0) for margin in one.margins
                   if gone[margin.condition.other] <= margin.condition.spare for takes in ways)

    def _by_block(self, margin: Margin, those: Named) -> arb:
        """`cᵀN⁻¹r`, N inverted."""
        assert self.blocks is not None
        off_c, off_r = (arb(0, 1) * off for off in (margin.off, self.beside.off_of(margin.condition)))
        r = [arb(self.beside.contrast(margin.condition, i)) * scale(BITS) + off_r for i in those.rows]
        return self.blocks.taken(those.features, [arb(x) * those.unit + off_c for x in those.influences], r)

    def _by_trace(self, margin: Margin, those: Named) -> arb:
        """`cᵀN⁻¹r ≥ c·r − ½λ(|c||r| − c·r)`, λ of as many rows as are named.

        Of one row it is `cr/(1 − K)`, K from either side.
        """
        kappa = (arb(sum(nlargest(self.count, those.leverages))) * scale(BITS)).upper()
        if not kappa < 1:
            return NOTHING
        alone = len(those.rows) == 1
        lam = ZERO if alone else kappa / (1 - kappa)
        most_left = 1 - arb(max(0, those.leverages[0] - self.beside.above)) * scale(BITS) if alone else ONE
        least_left = 1 - kappa if alone else ONE
        c = [arb(x) * those.unit for x in those.influences]
        r = [arb(self.beside.contrast(margin.condition, i)) * scale(BITS) for i in those.rows]
        off_r = self.beside.off_of(margin.condition)
        size_c = sum((x * x for x in c), ZERO).sqrt()
        size_r = sum((x * x for x in r), ZERO).sqrt()
        error = size_c * off_r + size_r * margin.off + margin.off * off_r
        product = sum((x * y for x, y in zip(c, r, strict=True)), ZERO) + arb(0, 1) * error
        most = (size_c + margin.off) * (size_r + off_r)
        least = product - lam * (most - product) / 2
        return (least / most_left).min(least / least_left)  # more than 0 is least by the first, less by the other


def _by_leverages(stands: Beside, count: int, kappa: arb) -> tuple[Beside, Taken]:
    """D4c, and D4f of one row, where the largest leverages add up to less than 1."""
    alone = count == 1
    stays = stands.divided() if alone else stands
    _, length, both = stays.largest(count)
    off = 2 * largest(stays.off)
    return stays, Taken(kappa, ZERO if alone else (kappa / (1 - kappa)).upper(), (length + off).upper(),
                        (both + kappa.sqrt() * off).upper(), alone)


def _wrong(number: int, flips: bool, why: str) -> Invalid:
    return Invalid(f"claim.{'flips' if flips else 'stays'}, evaluation row {number}", "it is stated", why)


def method(ground: Ground, stated: Stated, tell: Callable[[str], None]) -> Deletions:
    """What checks the rows that are stated."""
    return Deletions(ground, stated, tell)
