"""D6 in balls, for the logistic loss: one inverse at the centre serves all leaves, or a leaf has one of its own."""

from __future__ import annotations

from functools import cached_property

from certify.check.theorems.head.rows.boxes.ends.base import End, Leaves
from certify.check.theorems.head.rows.boxes.leaves import Base, alone, base, leaves
from certify.check.theorems.head.rows.boxes.many_leaves import AT_ONCE as WHOLE
from certify.check.theorems.head.rows.boxes.many_leaves import many
from certify.check.theorems.head.rows.boxes.margins import Points
from certify.check.theorems.head.rows.boxes.singles import Singles
from certify.check.theorems.head.rows.boxes.trap import Centre, centre


class BentEnd(End):
    """Of the logistic loss: every row moves the minimiser, and one inverse serves all leaves."""

    @cached_property
    def b(self) -> Base | None:
        """The inverse Hessian."""
        return base(self.c)

    def pulling(self, free: list[int]) -> list[int]:
        """All of them."""
        return free

    def alone(self, e: Points, wanted: list[int]) -> list[bool]:
        """By the inverse at the centre."""
        return alone(self.c, e, wanted, self.b)

    def open(self, free: list[int], e: Points) -> dict[int, list[int]]:
        """Rows that one step does not prove, of deletions of rows that count the same."""
        s = self.c.sums
        if self.b and not s.relabels and s.weights is None:
            return Singles(self.b, free, e).open()
        return {i: list(range(len(e.rows))) for i in free}

    def refused(self, stated: Leaves, e: Points, rows: dict[int, int], needed: dict[int, list[int]]) -> set[int]:
        """By the inverse at the centre, or one of its own."""
        return refused(stated, self.c, e, rows, needed, self.b)


def refused(stated: Leaves, c: Centre, e: Points, rows: dict[int, int], needed: dict[int, list[int]],
            known: Base | None = None) -> set[int]:
    """The points that a leaf they need does not prove.

    Args:
        stated: leaves.
        c: the centre.
        e: the points.
        rows: of a changed row the number of its leaf.
        needed: of changed rows the points that ask for their leaves.
        known: the inverse at the centre, where it was made.
    """
    order = sorted(needed)
    weights = [stated[rows[i]][1] for i in order]
    b = known or base(c)
    wanted = [needed[i] for i in order]
    if b is None:
        return {at for asked in wanted for at in asked}
    left: set[int] = set()
    quick = many(b, e, len(order))
    step = max(1, WHOLE // c.sums.n)
    for start in range(0, len(order), step):
        part = slice(start, start + step)
        some = [(i, w, [at for at in asked if at not in left]) for i, w, asked in zip(
            order[part], weights[part], wanted[part], strict=True)]
        if quick is not None:  # what whole numbers leave open is looked at in balls
            some = [(i, w, [at for at, ok in zip(asked, answer, strict=True) if not ok])
                    for (i, w, asked), answer in zip(some, quick.some(some), strict=True)]
        some = [one for one in some if one[2]]
        answers = leaves(b, [i for i, _, _ in some], [w for _, w, _ in some], e, [asked for _, _, asked in some])
        for (i, w, asked), answer in zip(some, answers, strict=True):
            if missing := [at for at, ok in zip(asked, answer, strict=True) if not ok and at not in left]:
                again = alone(centre(c.sums, [*c.out, i], w), e, missing)
                left |= {at for at, ok in zip(missing, again, strict=True) if not ok}
    return left
