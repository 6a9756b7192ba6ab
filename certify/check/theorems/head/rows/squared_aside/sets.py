"""D4e: any m rows deleted from a squared-loss head, many rows set aside together: the witness, and the answer.

The certificate holds sets of rows and the points that each is for; refits, comparisons and all sums are found here.
"""

from __future__ import annotations

from collections.abc import Mapping

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.losses.squared import Squared
from certify.check.theorems.head.rows.squared.ridge import Ridge, ridge_of
from certify.check.theorems.head.rows.squared_aside.both import Whole, whole_of, without
from certify.check.theorems.head.rows.squared_aside.sums import Bounds
from certify.check.theorems.head.rows.squared_tree.trees import FEW, Tree, trees_of
from certify.format.refusal import Invalid

MOST = 8
"""Sets for each weight decay: each asks for a refit and a hat matrix of its own. A prover states at most 3."""

DECAYS = 129
"""Weight decays, one for each number of deletions with `remaining`: of more nothing is proved."""

ROWS = 16_384
"""Rows of a head: of more nothing is proved, as what is left after the first columns asks for all `n²` entries of the
hat matrix. A prover states no sets of more."""


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
    """Which evaluation rows keep today's label after at most `count` of the rows that may go are deleted.

    Args:
        head: the head.
        arrays: sets of rows as the format has them.
        where: the claim, for messages.
        asked: the rows in question.

    Raises:
        Invalid: another loss or change, or arrays that are no such sets.
    """
    if not isinstance(head.loss, Squared) or head.relabels:
        raise Invalid(where, "another loss, or labels change", "deleted rows and the squared loss are needed")
    rows = sorted(head.moving)
    count = min(head.count, len(rows))
    sizes = list(range(count + 1)) if head.remaining else [count]
    bases = trees_of(arrays, where, rows, len(asked), len(sizes), len(rows))
    if max(map(len, bases)) > MOST:
        raise Invalid(where, f"it names {max(map(len, bases))} sets of rows", f"at most {MOST} are needed")
    able = rows and len(sizes) <= DECAYS and head.n <= ROWS
    want = {j for j, yes in enumerate(asked) if yes and head.today[j] >= 0} if able else set()
    for size, sets in zip(sizes, bases, strict=True):
        mine = sorted(want & {j for one in sets for j in one.points})
        system = ridge_of(head, size) if mine else None
        if system is None or system.inverse.X is None:
            want = set()
            break
        want = _stay(head, system, rows, sets, mine, size)
    return [j in want for j in range(len(asked))]


def _stay(head: Head, system: Ridge, rows: list[int], sets: list[Tree], mine: list[int], size: int) -> set[int]:
    """Which of some points stay whatever `size` rows go, with the decay of so many deletions."""
    whole = whole_of(head, system, rows, mine)
    if size == 0:
        return {j for j in mine if all(z > ez for z, ez in zip(whole.points[j].z, whole.points[j].ez, strict=True))}
    stay: set[int] = set()
    for one in sets:
        stay |= _by(whole, one, [j for j in one.points if j in set(mine) - stay], size)
    return stay


def _by(whole: Whole, one: Tree, points: list[int], size: int) -> set[int]:
    """Those that one set proves: with some columns of the hat matrix first, with all for what these leave."""
    found: set[int] = set()
    for few in (FEW, None) if len(whole.rows) > 4 * FEW else (None,):
        left = [j for j in points if j not in found]
        both = without(whole, one.order, left, size, few) if left else None
        bounds = None if both is None else Bounds.of(both, size)
        if bounds is not None:
            found |= {j for j in left if bounds.stays(j)}
    return found
