"""D16: the children of hot rows, each by itself: one row more at most is deleted beside a hot one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import inf, isfinite

from certify.check.theorems.head.rows.softmax_pairs.centre import centre
from certify.check.theorems.head.rows.softmax_pairs.children.beside import Beside
from certify.check.theorems.head.rows.softmax_pairs.children.points import Points, Pushes
from certify.check.theorems.head.rows.softmax_pairs.leaves import Leaves
from certify.check.theorems.head.rows.softmax_pairs.metric import metric
from certify.check.theorems.head.rows.softmax_pairs.moved import Step, cut
from certify.check.theorems.head.rows.softmax_pairs.steps import Newton

CALM = 1.25
"""Rows whose outputs move no farther than so many times as those of the middle one count whole."""
CORRECTIONS, FEW = 6, 48
"""Of a step of the root at a child, at most, and for how many rows they are made by the root's inverse."""
NEAR, NEARER = 2.0**-10, 2.0**-20
"""How near steps of the root, and those of a child, are to refits."""


class Children:
    """What children have in common.

    Args:
        newton: the root's steps, more of which are made where a child needs them.
        leaves: refits by themselves.
    """

    def __init__(self, newton: Newton, leaves: Leaves) -> None:
        self.newton, self.leaves = newton, leaves
        self.data = newton.gradients.c.data
        self.pushes = Pushes(self.data)

    @cached_property
    def calm(self) -> list[float]:
        """What of each row counts: a proposal."""
        wide = self.newton.wide
        most = CALM * sorted(wide)[len(wide) // 2]
        return [most / x if x > most > 0.0 else 1.0 for x in wide]

    def left(self, out: int, weights: Sequence[float], rows: Sequence[int], live: Sequence[int]) -> set[int]:
        """The points that are not proved to keep their label without the hot row and one of some others, or none."""
        root = self.newton.gradients.c
        c = centre(self.data, weights, out, root.tie)
        if c is None:
            return set(live)
        h = [x if c.there(j) else 0.0 for j, x in enumerate(self.calm)]
        M = metric(c, [x * x * (1.0 - 2.0**-50) for x in h])
        if M is None:
            return set(live)
        return Child(self, Beside(root, c, h, M), Points(c, M.blocks(self.data.points), live)).left(rows)


class Child:
    """One of them, while it is looked at.

    Args:
        all_: what it shares with others.
        beside: bounds of one row more.
        points: rooms of points.
    """

    def __init__(self, all_: Children, beside: Beside, points: Points) -> None:
        self.all, self.b, self.points, self.leaves = all_, beside, points, all_.leaves.beside()
        self.gradient: dict[int, list[float]] = {}
        self.nearest: dict[int, tuple[Step, float]] = {}
        self.out = beside.out

    def left(self, rows: Sequence[int]) -> set[int]:
        """The points that stay open."""
        lost = set(self.points.open(self.b.none()))
        todo = {l: bad for l in rows if (bad := self.points.open(self.b.still_share(l)))}
        for stage in (self._second, self._formed, self._better, self._own):
            todo = {l: bad for l, some in stage(list(todo)).items() if (bad := [j for j in some if j not in lost])}
        for l, bad in todo.items():
            lost |= {j for j in bad if j not in lost and not self._leaf(l, j)}
        return lost

    def _pair(self, l: int) -> tuple[int, int]:
        return min(l, self.out), max(l, self.out)

    def _leaf(self, l: int, j: int) -> bool:
        """Whether a leaf, or a refit, keeps the label of a point."""
        return self.leaves.keep(self._pair(l), j, lambda: self.own.refit((l,)))

    def _of_root(self, rows: Sequence[int]) -> list[Step | None]:
        return self.all.newton.steps(rows, NEAR)

    def _open(self, step: Step, R: float) -> list[int]:
        """Points that a step of the root leaves open."""
        return self.points.open(self.b.step_share(step, R), self.all.pushes.of(step.row, step.cut))

    def _second(self, rows: Sequence[int]) -> dict[int, list[int]]:
        """By second differences."""
        steps = self._of_root(rows)
        some = [one for one in steps if one is not None]
        found = {l: self.points.live for l in rows}
        for one, left in zip(some, self.b.lengths(some), strict=True):
            found[one.row] = self._open(one, self.b.second(one, left))
        return found

    def _formed(self, rows: Sequence[int]) -> dict[int, list[int]]:
        """By gradients at sums of two steps."""
        some = [one for one in self._of_root(rows) if one is not None]
        found = {l: self.points.live for l in rows}
        for one, (R, g) in zip(some, self.b.formed(some), strict=True):
            found[one.row] = self._open(one, R)
            self.gradient[one.row] = g
        return found

    def _better(self, rows: Sequence[int]) -> dict[int, list[int]]:
        """By steps to the weights of leaves, and else by those of the root with corrections."""
        c, named, newton = self.b.c, self.leaves.stated.leaves, self.all.newton
        steps = {l: [x - y for x, y in zip(named[pair], c.weights, strict=True)]
                 for l in rows if (pair := self._pair(l)) in named}
        found = {l: self.points.live for l in rows} | self._made(steps)
        if len(rows) - len(steps) > FEW:
            newton = self.own
        last = {one.row: one.cut.step for one in self._of_root([l for l in rows if l not in steps]) if one is not None}
        for _ in range(CORRECTIONS):
            todo = [l for l in last if found[l] and l in self.gradient]
            fixes = newton.corrections(todo, [self.gradient[l] for l in todo])
            last = {l: step for l, fix in zip(todo, fixes, strict=True) if all(map(isfinite, step := [
                x - y for x, y in zip(last[l], fix, strict=True)]))}
            found |= self._made(last)
        return found

    def _own(self, rows: Sequence[int]) -> dict[int, list[int]]:
        """By this program's own steps."""
        if not rows:
            return {}
        self.own.found |= {one.row: one for one in self._of_root(rows) if one is not None} | {
            l: one for l, (one, _) in self.nearest.items()}
        made = self.own.steps(rows, NEARER)
        return {l: self.points.live for l in rows} | self._made(
            {one.row: one.cut.step for one in made if one is not None})

    def _made(self, steps: dict[int, list[float]]) -> dict[int, list[int]]:
        """By steps that are looked at here."""
        found = dict[int, list[int]]()
        for l, made in zip(steps, self.b.made(list(steps), [cut(step) for step in steps.values()]), strict=True):
            found[l] = self.points.live
            if made is not None:
                one, R = made
                self.gradient[l] = one.left
                if l not in self.nearest or R < self.nearest[l][1]:
                    self.nearest[l] = made
                share = self.b.step_share(one, R)
                if share < inf:
                    found[l] = self.points.open(share, self.all.pushes.found(one.cut))
        return found

    @cached_property
    def own(self) -> Newton:
        """Newton's method here: proposals."""
        c = self.b.c
        X = metric(c, [1.0 if c.there(j) else 0.0 for j in range(c.data.n)], False) or self.b.M
        return Newton(self.b.gradients, X, X.blocks(c.data.table))
