"""D29: any two changed labels of a logistic head, by a table of all pairs.

Single changes have numbers, and all pairs a distance by these. Pairs that are far are judged by their own gradients
(D28), for all points; those that are near leave open only points that bear little, and are judged for these. What is
open then is refitted, for the points with fewest open pairs first. proofs/heads-pair-table.md.
"""

from __future__ import annotations

import time

import numpy as np

from certify.finders.head.changed import Changed
from certify.finders.head.near.curved import CurvedSteps
from certify.finders.head.near.labels import LabelSteps
from certify.finders.head.near.singles import single_labels
from certify.problem.limits import OutOfTime
from certify.rigor.fp import Array
from certify.rigor.single.floats import Short
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.label_triples.double import polished
from certify.theorems.head.rows.label_triples.matrix import Matrix, matrix, rows_of
from certify.theorems.head.rows.label_triples.search import ENTRIES, FIRST, INNER, TOLD, TURNS
from certify.theorems.head.rows.label_triples.search import Search as Triples
from certify.theorems.head.rows.label_triples.single import Single, Wanted, near, single
from certify.theorems.head.rows.label_triples.sums import Sums, at_sums
from certify.theorems.head.rows.method import Budget, Mask
from certify.theorems.head.rows.pair_table.numbers import Centre, Numbers, centre, numbers
from certify.theorems.head.rows.pair_table.points import Near, Points, near_of, opened, points_of
from certify.theorems.head.rows.pair_table.table import distances
from certify.theorems.head.rows.softmax_three_labels.noted import Noted

SHARE, FLOOR = 0.4, 2.0**-60
"""Of the curvature at the refit without a change the matrix has so much, and this beside it."""

REACHES, FAR, SOME = (2.0, 3.5, 6.0), (0.12, 0.25, 0.35, 0.5, 0.6, 0.75, 0.85, 0.995), 512
"""How far around sums refits may be looked for; parts of that from which on a pair may be looked at for every point;
and how many rows tell what both take."""

OPEN, LISTED, POINT = 200_000, 3_000_000, 1e-9
"""Most pairs of a point that are refitted, with more of which it stays open; near pairs that are listed for all points;
and about the seconds that a point takes for a pair."""

HARD = 0.05
"""Share of the points that bear least, whose pairs no estimate counts."""

PAIR, WEIGHT = 4e-8, 7e-11
"""About the seconds that a pair that is judged takes for a row, and for a row and a weight."""

GROUP, TIMES, TOGETHER, BLOCK, SAMPLE = 4096, 20, 2, 4096, 64
"""Pairs of a matrix at least, and for each weight, all of a first change in one; so many times that before points are
settled; at a time; and how many tell the curvature."""

MOST, AGAIN = 0.1, 2
"""Most that a matrix has of a row, in the norm of its inverse, and how often that is asked for."""

HELD = 30_000_000
"""Most margins after single changes that are held, in twelve bytes each: pairs are judged a few times as fast."""

REFITS, ROWS, GOAL = 256, 512, 1e-8
"""Refits and rows of the table at a time; and, of μ, gradients of refits of large heads that are short enough."""

LIKELY = 0.5
"""Part of a margin that two labels have to take, to first order, for their refit to be looked at first."""

HOPE = 2.0
"""What the first pairs take, which are the slowest, is about so many times what others do."""


class Search(Triples):
    """The search; what it has is that of two labels one by one."""

    def __init__(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> None:
        super().__init__(head, change, todo, budget)
        self._only: Mask | None = None
        self._held: Sums | None = None

    def _run(self) -> None:
        self.refits = Changed(self.head, True)
        self._steps_of, self.V0 = LabelSteps(self.refits.refitter), self.refits.V0
        self._tried = np.zeros(0, np.int64)
        nothing = Choices(np.zeros((1, 0), np.int64), np.zeros((1, 0), np.int64))
        clear = self.todo & (self._sides(nothing, self.V0[None].copy()) == self.head.today).all(axis=0)
        self.at = np.flatnonzero(clear & ~self.found.flipped)
        self._noted = Noted(np.full(len(self.todo), OPEN))
        self._inverse = self._steps_of.inverse(self.V0[0])
        x = self._singles() if len(self.at) else None
        if x is None:
            self.why = "the curvature of the unchanged head could not be bounded below" * bool(len(self.at))
            return
        if self.head.n * len(self.rows) <= HELD:
            sums = Sums(self.head, self.V0[0], self.W[:, 0], None, self._by, self.check)
            self._held = sums if sums.able else None
        self._pairs(x)
        if (self.todo & ~self.proved & ~self.found.flipped).any():
            self.why = "there was no time for all pairs that are open, or refits are not known near enough"

    def _singles(self) -> Numbers | None:
        """Numbers of single changes; points that one of them leaves open are flipped or given up."""
        curvature = self._curvature(self.V0)
        self._by = np.argsort(-curvature, kind="stable")
        W = single_labels(self._steps_of, self.head, self.V0[0], self.rows, self._inverse, self.check)
        self.W = np.where(np.isfinite(W).all(axis=1, keepdims=True), W, self.V0[0])[:, None, :]
        found = [(cost, -reach, c) for reach in REACHES if (c := self._centre(curvature, reach)) is not None
                 and np.isfinite(cost := self._costs(c))]
        if not found:
            return None
        c = min(found)[-1]
        x = numbers(c, self.rows, self.W[:, 0], self.check)
        if x is None:
            return None
        self._root = c.m
        self._flip()
        self._alone_open(x, single(c.m, self._by, self.V0[0]), c.m)
        return x

    def _centre(self, curvature: Array, reach: float) -> Centre | None:
        m = matrix(rows_of(self.head, self.at), SHARE * curvature + FLOOR, reach=reach)
        return None if m is None else centre(m, self.V0[0])

    def _costs(self, c: Centre) -> float:
        """About the seconds that pairs would take, by those of some rows; infinite where nothing is known."""
        some = np.arange(0, len(self.rows), 1 + len(self.rows) // SOME)
        x = numbers(c, self.rows[some], self.W[some, 0], self.check)
        return np.inf if x is None else self._cut(points_of(c, self.W[:, 0]), distances(x, self.check))[1]

    def _flip(self) -> None:
        """Refit for each point the two labels that take most to first order, where they take much of its margin."""
        if len(self.rows) < 2:
            return
        rows = rows_of(self.head, self.at)
        margin = rows.points @ self.V0[0] - rows.level
        push = (self.W - self.V0)[:, 0] @ rows.points.T
        first = np.argpartition(push, 1, axis=0)[:2]
        near_ = np.take_along_axis(push, first, axis=0).sum(axis=0) < -LIKELY * margin
        self._refit(np.unique(self._number(*first[:, near_], np.full(int(near_.sum()), len(self.rows)))))

    def _alone_open(self, x: Numbers, s: Single | None, m: Matrix) -> None:
        """Decide the points that a change by itself leaves open: those that take most first, which find flips."""
        margin = x.W @ m.rows.points[x.open.any(axis=0)].T
        self._refit_alone(x, np.unique(margin.argmin(axis=0)) if margin.size else np.zeros(0, np.int64))
        which = np.flatnonzero((x.open & self._live()).any(axis=1))
        V: Array | Short = x.W[which]
        for _ in range(TURNS):
            if s is None or not len(which):
                break
            self.check()
            found = near(s, self.rows[which][:, None], V, Wanted(self._live(), INNER))
            which, V = which[found.which], found.nearer
        x.open[np.setdiff1d(np.arange(len(x.open)), which)] = False
        if not len(which):
            return
        middle = None if s is None else s.middle.astype(np.float64)
        left = polished(m, middle, self.rows[which][:, None], np.asarray(V, np.float64), self._live())
        x.open[which] = left.open & self._live()
        self._refit_alone(x, np.flatnonzero(x.open.any(axis=1)))

    def _refit_alone(self, x: Numbers, which: Whole) -> None:
        """Refit after some changes by themselves; a point that is open then is given up."""
        for at in range(0, len(which), REFITS):
            self.check()
            some = which[at : at + REFITS]
            choices = Choices(self.singles.rows[some], self.singles.codes[some])
            sides = self._sides(choices, self._nearer(choices, x.W[some, None]))[:, self.at]
            self._noted.give_up(self.at[(x.open[some] & (sides != self.head.today[self.at])).any(axis=0)])
            x.open[some] = False

    def _pairs(self, x: Numbers) -> None:
        """Look at all pairs."""
        p = points_of(x.centre, x.W)
        table = distances(x, self.check)
        cut = float(np.float32(self._cut(p, table)[0]))  # as tables are
        far = list[Whole]()
        for at in range(0, len(table), ROWS):
            self.check()
            i, l = np.nonzero(~(table[at : at + ROWS] <= cut))
            far.append(np.stack([i + at, l], axis=1)[i + at < l])
        self._judge(np.concatenate(far))
        easy = p.bears > cut
        self._settle_some(np.flatnonzero(easy))
        hard = np.flatnonzero(~easy)
        self._rest(p, near_of(table, cut, LISTED), table, hard[np.argsort(-p.bears[hard], kind="stable")])

    def _each(self) -> float:
        """About the seconds of a pair that is judged."""
        return self.head.n * (PAIR + WEIGHT * self.head.m)

    def _cut(self, p: Points, table: Short) -> tuple[float, float]:
        """From which distance on pairs are looked at for every point, and about the seconds: what takes least time.

        Args:
            p: the points.
            table: distances of all pairs, or of those of some rows.
        """
        some = table[:: 1 + len(table) // SAMPLE]
        all_, bears = len(self.rows) ** 2, p.bears[self._live()]
        # of the bears of points that one list of pairs does not serve each takes a look at all of them
        least = float(np.quantile(some, 1.0 - min(1.0, 2.0 * LISTED / all_), method="lower"))
        hardest = float(np.quantile(bears, HARD)) if len(bears) else np.inf
        cost = []
        for cut in p.c.m.reach * np.array(FAR):
            # far pairs, and near ones that points have open; each row is infinitely far from itself
            judged = np.count_nonzero(~(some <= min(cut, hardest))) - len(some)
            looks = np.where(bears > min(least, cut), 2.0 * min(LISTED, all_), all_)[~(bears > cut)]
            cost.append(judged / some.size * (0.5 * all_) * self._each() + looks.sum() * POINT)
        best = int(np.argmin(cost))
        return p.c.m.reach * FAR[best], float(cost[best])

    def _rest(self, p: Points, near_: Near, table: Short, hard: Whole) -> None:
        """Look at the near pairs that some points leave open, for the points that bear most first."""
        marked, self._only = np.zeros((len(self.rows), len(self.rows)), dtype=bool), np.zeros(len(self.at), dtype=bool)
        self._only[hard] = True
        pairs, waiting, many = list[Whole](), list[int](), 0
        for point in hard:
            self.check()
            if not self._live()[point]:
                continue
            mine = opened(p, near_, table, int(point))
            mine = mine[~marked[mine[:, 0], mine[:, 1]]]
            if many + len(mine) > self._budget.left() / self._each():
                self._noted.give_up(self.at[[point]])
                continue
            marked[mine[:, 0], mine[:, 1]] = True
            pairs, waiting, many = [*pairs, mine], [*waiting, int(point)], many + len(mine)
            if many >= TOGETHER * max(GROUP, TIMES * self.head.m):
                self._judge(np.concatenate(pairs))
                self._settle_some(np.array(waiting))
                pairs, waiting, many = [], [], 0
        self._judge(np.concatenate([np.zeros((0, 2), np.int64), *pairs]))
        self._settle_some(np.array(waiting, np.int64))

    def _settle_some(self, which: Whole) -> None:
        """Refit what points have open whose pairs were all looked at, for those with fewest first."""
        point, number = self._noted.all()
        order = np.argsort(point, kind="stable")
        point, number = point[order], number[order]
        for one in self.at[which[np.argsort(self._noted.many[self.at[which]], kind="stable")]]:
            if not self.found.flipped[one] and not self._noted.over[one]:
                mine = np.unique(number[slice(*np.searchsorted(point, [one, one + 1]))])
                self._refit(mine)
                self.proved[one] = not self.unsure[one] & set(mine.tolist())

    def _live(self) -> Mask:
        live = super()._live()
        return live if self._only is None else live & self._only

    def _judge(self, pairs: Whole) -> None:
        """Look at pairs `(P, 2)`, for the points that count."""
        many = np.bincount(pairs.ravel(), minlength=len(self.rows))
        turn = many[pairs[:, 0]] < many[pairs[:, 1]]
        pairs = np.where(turn[:, None], pairs[:, ::-1], pairs)  # that of most pairs goes first
        pairs = pairs[np.lexsort((pairs[:, 0], -many[pairs[:, 0]]))]
        ends = np.append(np.flatnonzero(np.diff(pairs[:, 0])) + 1, len(pairs))
        at, began, left = 0, time.monotonic(), self._budget.left()
        while at < len(pairs):
            last = int(np.searchsorted(ends, at + max(GROUP, TIMES * self.head.m)))
            end = int(ends[min(last, len(ends) - 1)])
            self._group_of(pairs[at:end])
            at, spent = end, time.monotonic() - began
            if spent > TOLD * left and spent / at * (len(pairs) - at) > HOPE * self._budget.left():
                raise OutOfTime  # others may use what is left

    def _group_of(self, pairs: Whole) -> None:
        self.check()
        V = self._sum(pairs[:: 1 + len(pairs) // SAMPLE])
        rows, curvature = rows_of(self.head, self.at), self._curvature(V)
        m = matrix(rows, curvature, self._root.long)
        for _ in range(AGAIN):  # a row whose label changes may lose all that the matrix has of it
            m = m and matrix(rows, np.minimum(curvature, MOST / (m.keeps * m.long * m.long)), m.long)
        if m is None:
            self._noted.give_up(self.at[self._live()])
            return
        s = single(m, self._by, V.mean(axis=0))
        for at in range(0, len(pairs), BLOCK):
            self.check()
            part = pairs[at : at + BLOCK]
            held = list[tuple[Whole, Array | Short]]([(part, self._sum(part))])
            if s is not None and self._held is not None:
                held = self._at_sums(s, self._held, part)
            self._go_on(m, s, held)

    def _at_sums(self, s: Single, sums: Sums, pairs: Whole) -> list[tuple[Whole, Array | Short]]:
        """The pairs that gradients at sums leave open, and weights that are nearer."""
        held, size = list[tuple[Whole, Array | Short]](), max(1, ENTRIES // self.head.n)
        for at in range(0, len(pairs), size):
            part = pairs[at : at + size]
            found = at_sums(s, self.rows[part], sums.of_pairs(part), Wanted(self._live(), FIRST))
            held.append((part[found.which], found.nearer))
        return held

    def _sum(self, pairs: Whole) -> Array:
        return np.asarray(self.W[pairs, 0].sum(axis=1) - self.V0[0])

    def _nearer(self, choices: Choices, V: Array) -> Array:
        """From weights that are near."""
        steps = CurvedSteps(self.head, self._inverse)
        return steps.settle(choices, V[:, 0], GOAL * self.head.mu()[0], self.check)[:, None]
