"""D4e in integers: a squared-loss head with all its rows, and the one that is fitted without the rows set aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from flint import arb, fmpz

from certify.check.linalg.balls import ZERO, norm
from certify.check.linalg.fixed import scale
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.squared.node import BITS
from certify.check.theorems.head.rows.squared.ridge import FEATURE_BITS, Ridge, nearest
from certify.check.theorems.head.rows.squared.root import ceiling
from certify.check.theorems.head.rows.squared.roots import roots_of
from certify.check.theorems.head.rows.squared_tree.root import Outputs, Point, Root, outputs_of, points_of, root_of


@dataclass(frozen=True)
class Whole:
    """The head with all its rows.

    Attributes:
        head: the head.
        rows: those that may go.
        outputs: residuals of every output on these.
        points: evaluation rows by number.
    """

    head: Head
    rows: list[int]
    outputs: Outputs
    points: dict[int, Point]


@dataclass(frozen=True)
class Both:
    """The head with all its rows, and without those set aside.

    Attributes:
        whole: with all.
        rest: without, of the other rows that may go.
        left: places of these among all that may go.
        shifts: units of residuals of either.
        gone: residuals of the rows set aside at both refits, output by output.
    """

    whole: Whole
    rest: Root
    left: list[int]
    shifts: tuple[int, int]
    gone: tuple[list[list[arb]], list[list[arb]]]

    def gained(self, a: int, b: int, shift: int) -> int:
        """At least `r_A·r'_A` of a contrast, in units of residuals twice, `2^(2·shift − BITS)`."""
        def of(R: list[list[arb]]) -> list[arb]:
            return R[a] if b < 0 else [x - y for x, y in zip(R[a], R[b], strict=True)]

        total = sum((x * y for x, y in zip(of(self.gone[0]), of(self.gone[1]), strict=True)), ZERO)
        return ceiling(total.max(ZERO).upper(), 2 * shift) + 1


def whole_of(head: Head, system: Ridge, rows: list[int], at: list[int]) -> Whole:
    """That of some evaluation rows."""
    outputs = outputs_of(head, system, rows)
    return Whole(head, rows, outputs, points_of(head, system, rows, at, outputs))


def without(whole: Whole, aside: Sequence[int], at: list[int], size: int, few: int | None) -> Both | None:
    """Both heads for some evaluation rows; None where the refit without the rows set aside is not proved unique.

    Args:
        whole: all rows.
        aside: places of the rows set aside, among those that may go.
        at: the evaluation rows.
        size: how many deletions the decay is for.
        few: so many columns of each kind of the hat matrix are formed; None: all.
    """
    head, out = whole.head, {whole.rows[q] for q in aside}
    kept = [i for i in range(head.n) if i not in out]
    place = {row: q for q, row in enumerate(kept)}
    inside = set(aside)
    left = [q for q in range(len(whole.rows)) if q not in inside]
    if not left:
        return None
    roots = roots_of(head)
    rest = replace(head, rows=[head.rows[i] for i in kept], targets=[head.targets[i] for i in kept],
                   weights=None if head.weights is None else [head.weights[i] for i in kept])
    phi, off = nearest(rest.rows)
    system = Ridge(phi, head.mu(size), [True] * (head.m - 1) + [not head.free_intercept], norm(off).upper(),
                   roots and roots.of(kept))
    if system.inverse.X is None:
        return None
    rows = [place[whole.rows[q]] for q in left]
    outputs = outputs_of(rest, system, rows)
    gone = _with(whole, aside), _left_out(head, system, outputs, [whole.rows[q] for q in aside])
    return Both(whole, root_of(rest, system, rows, [], at, few, outputs), left,
                (whole.outputs.shift, outputs.shift), gone)


def _with(whole: Whole, aside: Sequence[int]) -> list[list[arb]]:
    """Residuals of the rows set aside at the refit with all rows."""
    unit = scale(BITS) * arb(2) ** whole.outputs.shift
    return [[arb(r[q], whole.outputs.er) * unit for q in aside] for r in whole.outputs.R]


def _left_out(head: Head, system: Ridge, outputs: Outputs, gone: list[int]) -> list[list[arb]]:
    """Those at the refit without them: `t − eᵀH⁻¹ΦᵀT`, the row in the place of an evaluation row (D3, 2)."""
    roots = roots_of(head)
    own = None if roots is None else roots.of(gone)
    solutions = system.of_rows([head.rows[i] for i in gone], own)[1] if gone else []
    found = []
    for a, (products, size, wide) in enumerate(zip(outputs.products, outputs.lengths, outputs.wrong, strict=True)):
        column = []
        for n, (i, s) in enumerate(zip(gone, solutions, strict=True)):
            target, off = Fraction(head.targets[i][a]), (s.off * size + (s.length + s.off) * wide).upper()
            root = arb(1) if own is None else own.ball(n)
            total = sum((x * y for x, y in zip(s.u, products, strict=True)), fmpz(0))
            value = arb(total) * scale(FEATURE_BITS + s.bits + outputs.bits)
            column.append(root * arb(target.numerator) / target.denominator - value + arb(0, off))
        found.append(column)
    return found
