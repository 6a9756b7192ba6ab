"""All changes of a head's rows as a tree: each refitted from the one without its last row, and its labels read off."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from certify.finders.head.anderson import Mixed
from certify.finders.head.near.leaves import Starts, parents, starts
from certify.finders.head.refits import Node, Refitter
from certify.problem.limits import OutOfTime
from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.refit import AT_ONCE, refits_and_gradients
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Budget, Flips, Mask
from certify.theorems.head.rows.refitted.corrections import Corrections
from certify.theorems.head.rows.refitted.curved import CurvedRefits, curved
from certify.theorems.head.rows.refitted.far import Far, far
from certify.theorems.head.rows.refitted.last import Block, Last
from certify.theorems.head.rows.refitted.sums import Sums
from certify.theorems.jobs import AHEAD, Crew

TOGETHER = 64
"""Parents whose Hessians are formed together."""

STEPS, WORSE = 12, 3.0
"""Steps with a parent's inverse, and how many times the shortest gradient so far may grow."""

AGAIN, MOST = 16, 0.9
"""Every how many batches four bytes are tried again, where they failed for that share of the last one."""

REFINED = 6
"""Steps in float64 before Newton's method, which forms a Hessian for every one."""

SPARE, CELL = (1.25, 2.25), 2.0**-16
"""Times distances for the checker, with one output and with several; a quarter of the width of its cells."""

LARGEST = 2.0**27
"""What a checker's whole numbers hold of weights and inputs, with room."""

MANY = 50_000
"""Largest changes from which on their weights are sums."""

PAIRED, LONGEST = 64, 2.0**10
"""Most weights of a softmax head whose labels are judged in blocks: beyond, every block's form takes long; and how long
its inputs may be."""

SMALL = 1e-3
"""Of μ: the length of a gradient that decides most labels."""


Below = tuple[list[Array], list[tuple[Whole, Whole, Array]], list[tuple[int, Array]], Mask, Flips, bool]
"""Of some parents the weights that are stored, all that is kept, weights in full, points, and whether time was up."""


@dataclass(frozen=True, eq=False)
class Level:
    """Changes of the same number of rows, and weights near their refits.

    Attributes:
        places: `(A, s)` rows, by their number among those that may change.
        codes: `(A, s)` what they become.
        V: `(A, k, m)` weights.
    """

    places: Whole
    codes: Whole
    V: Array

    def __len__(self) -> int:
        return len(self.places)


class Walk:
    """The tree of all changes.

    Attributes:
        found: changes that flip points.
        clear: `(N,)` the points that every change so far leaves, or flips.
        summing: seconds in which sums were formed.

    Args:
        head: the head.
        change: the changes.
        todo: `(N,)` the points in question.
        budget: the time.
        sums: whether the weights of the largest changes are sums of those of smaller ones; None: where these are many.
    """

    def __init__(self, head: Head, change: RowChange, todo: Mask, budget: Budget, sums: bool | None = None) -> None:
        self.head, self.change, self.budget = head, change, budget
        self.refitter, self.found = Refitter(head), Found(head)
        self.todo, self.clear = todo, todo.copy()
        self.rows = np.array(change.rows, dtype=np.int64)
        self.alternatives = np.array([change.alternatives(head, row) for row in change.rows], dtype=np.int64)
        self.alternatives = self.alternatives.reshape(len(self.rows), -1)
        self._exact: list[tuple[int, Array]] = []
        self._count = self._thin = 0
        self.summing = 0.0
        self._far, self._curved = self._own_far(), self._own_curved()
        self.summed = by_sums(head, change, 0 if sums else MANY) and sums is not False

    def _own_far(self) -> Far | None:
        """What judges by this walk and by no other: flips go where it looks for them."""
        return Far(self.head, self.judge, self._watched, self.budget.check) if far(self.head, self.change) else None

    def _own_curved(self) -> CurvedRefits | None:
        """The same for new labels of a large logistic head."""
        steps = self.refitter.curved if curved(self.head, self.change) else None
        return None if steps is None else CurvedRefits(self.refitter, steps, self.judge, self.budget.check)

    def all(self) -> dict[str, np.ndarray]:
        """Go through all of them; what a checker needs of each.

        Returns:
            `weights`, `(choices, km)` float32 in the order of the tree; and `again`, `exact`: the numbers of those for
            which float64 is needed, and their weights. Where sums do for the largest changes, `weights` of the smaller
            ones alone, and `basis`, `moved`, `units`: corrections of some of the sums; with one output `shares` as
            well: averages.

        Raises:
            OutOfTime: there were too many.
        """
        nothing = np.zeros((1, 0), dtype=np.int64)
        root = self.settle(Choices(nothing, nothing), self.refitter.V0[None].copy(), None)
        stored, level = [_flat(root)], Level(nothing, nothing, root)
        levels, sums = [stored[0]], {}
        for size in range(1, self.change.count + 1):
            last = size == self.change.count
            if last and self.summed and max(np.abs(one).max() for one in levels) < LARGEST:
                sums = self.sum_up([one.astype(np.float64).reshape(-1, *root.shape[1:]) for one in levels])
                break
            below = list(self._below(level, keep=not last, stored=stored))
            level = Level(*map(np.concatenate, zip(*below, strict=True))) if below else level
            levels.append(_flat(level.V))
        arrays: dict[str, np.ndarray] = {"weights": np.concatenate(stored), **sums}
        if self._exact:
            arrays["again"] = np.array([number for number, _ in self._exact], dtype=np.int64)
            arrays["exact"] = np.array([V.ravel() for _, V in self._exact])
        return arrays

    def sum_up(self, levels: list[Array]) -> dict[str, np.ndarray]:
        """The largest changes, by sums of the weights of smaller ones; what a checker needs beside these."""
        sums = Sums(len(self.rows), self.alternatives.shape[1], self.change.count, levels)
        last = Last(self.head, self.rows, self.alternatives, sums, self.refitter,
                    self._watched)
        corrections, begun = Corrections(last, self._settled), deque[Block]()

        def asked() -> Iterator[tuple[Block, Whole]]:
            started = time.monotonic()
            for block in last.blocks():
                self.summing += time.monotonic() - started
                begun.append(block)
                yield block, self._watched()
                started = time.monotonic()

        def open_of(question: tuple[Block, Whole]) -> Whole:
            return last.which_open(*question, last.judge.summed)

        with Crew(open_of) as crew:
            for which in crew.all(asked(), AHEAD):
                self.budget.check()
                corrections.take(begun.popleft().part(which))
        corrections.end()
        return {**last.judge.arrays(), "basis": last.basis, **corrections.arrays()}

    def _settled(self, number: Whole, choices: Choices, V: Array) -> None:
        """Changes that float32 or averages do not decide: solved as far as float64 goes."""
        V = self.refitter.newton(choices, V, 0.0, self.budget.check)
        near = refits_and_gradients(self.head, choices, V)[0]
        self.judge(choices, V, near, final=True)
        V[~np.isfinite(near)] = 0.0
        self._exact += [(self._count + int(one), v) for one, v in zip(number, V, strict=True)]

    def _below(self, level: Level, keep: bool, stored: list[Array]) -> Iterator[tuple[Whole, Whole, Array]]:
        """Everything with one more row; nothing of it is kept but its weights where no level comes after it."""
        each = self.alternatives.shape[1]
        after = len(self.rows) - 1 - (level.places[:, -1] if level.places.shape[1] else np.full(len(level), -1))
        numbers = self._count + np.append(0, np.cumsum(after * each))
        self._count = int(numbers[-1])

        def looked_at(question: tuple[int, Mask, Mask]) -> Below:
            begin, clear, flipped = question
            own, at = copy(self), slice(begin, begin + TOGETHER)
            own._count, own._thin, own._exact = int(numbers[begin]), 0, []
            own.clear, own.found = clear, self.found.beside(flipped)
            own._far, own._curved = own._own_far(), own._own_curved()
            places, codes = level.places[at], level.codes[at]
            made = parents(own.refitter, Choices(own.rows[places], codes), level.V[at])
            flat, kept, late = [], [], False
            try:
                for below in own.families(places, codes, made):
                    flat.append(_flat(below[2]))
                    kept += [below] if keep else []
            except OutOfTime:  # of a root alone all changes are one question, and flips that it met count
                late = True
            return flat, kept, own._exact, own.clear, own.found.flips(), late

        questions = ((begin, self.clear.copy(), self.found.flipped) for begin in range(0, len(level), TOGETHER))
        with Crew(looked_at) as crew:
            for flat, kept, exact, clear, flips, late in crew.all(questions, AHEAD):
                stored += flat
                self._exact += exact
                self.clear &= clear
                self.found.merge(flips)
                if late:
                    raise OutOfTime
                yield from kept

    def families(self, places: Whole, codes: Whole, made: list[Node]) -> Iterator[tuple[Whole, Whole, Array]]:
        """Changes with one more row, of those after their last: which, what they become, weights near the refits."""
        n, each = len(self.rows), self.alternatives.shape[1]
        first = places[:, -1] + 1 if places.shape[1] else np.zeros(len(places), dtype=np.int64)
        of = np.repeat(np.arange(len(places)), (n - first) * each)
        more = np.concatenate([np.repeat(np.arange(f, n), each) for f in first])
        new = np.concatenate([self.alternatives[f:].ravel() for f in first])
        step = max(1, AT_ONCE // (self.head.n * self.head.k)) if self._far is None else self._far.batch
        step = step if self._curved is None else self._curved.batch(len(places) > 1)
        for begin in range(0, len(of), step):
            self.budget.check()
            at = slice(begin, begin + step)
            low, high = of[at][0], of[at][-1] + 1
            with np.errstate(all="ignore"):
                start = starts(self.head, made[low:high], of[at] - low, self.rows[more[at]], new[at])
            rows, become = (np.hstack([old[of[at]], one[at][:, None]]) for old, one in ((places, more), (codes, new)))
            some = Choices(self.rows[rows], become)
            if self._curved is not None:
                own = np.stack([parent.V for parent in made[low:high]])[of[at] - low]
                yield rows, become, self._settle_curved(some, (own, start.V))
            else:
                yield rows, become, (self.settle(some, start.V, start) if self._far is None else
                                     self._settle_far(some, made[low], start))

    def _settle_far(self, choices: Choices, parent: Node, start: Starts) -> Array:
        """The same where a Hessian for every refit is dear."""
        assert self._far is not None
        V, exact, rest = self._far.settle(choices, parent, start)
        self._exact += [(self._count + int(b), V[b].copy()) for b in np.setdiff1d(exact, rest)]
        self._solve(choices, V, rest)
        self._count += len(V)
        return V

    def _settle_curved(self, choices: Choices, starts: tuple[Array, Array]) -> Array:
        """The same where steps without Hessians find weights."""
        assert self._curved is not None
        V = self._curved.settle(choices, starts)
        self._exact += [(self._count + b, V[b].copy()) for b in range(len(V))]
        self._count += len(V)
        return V

    def _watched(self) -> Whole:
        """Points that every change so far leaves."""
        return np.flatnonzero(self.clear & ~self.found.flipped)

    def settle(self, choices: Choices, V: Array, start: Starts | None) -> Array:
        """Weights as near the refits as the labels of all points need; those that need it are solved to the end."""
        active, best, at_best = np.arange(len(V)), np.full(len(V), np.inf), V.copy()
        slow, mixed = [active[:0]], Mixed()
        for _ in range(STEPS if self._thin % AGAIN == 0 else 2):
            V[active] = _short(V[active])
            part = Choices(choices.rows[active], choices.codes[active])
            near, size, g = self._roomy(part, V[active])
            open_ = self.judge(part, V[active], near)
            go = open_ & (size < WORSE * best[active]) & (start is not None)
            slow.append(active[open_ & ~go])
            better = active[size < best[active]]
            at_best[better] = V[better]
            best[active] = np.fmin(best[active], size)
            active = active[go]
            if not len(active) or start is None:
                break
            mixed.keep(np.flatnonzero(go))
            x, s = V[active].reshape(len(active), -1), start.step(active, g[go]).reshape(len(active), -1)
            V[active] = mixed.step(x, g[go].reshape(len(active), -1), s).reshape(V[active].shape)
        rest = np.concatenate([*slow, active])
        V[rest] = at_best[rest]
        if start is not None:
            # where a point lies so near the border that four bytes never do, few steps are lost on them
            self._thin = self._thin + 1 if len(rest) > MOST * len(V) else 0
            rest = self._refine(choices, V, rest, start)
        self._solve(choices, V, rest)
        self._count += len(V)
        return V

    def _roomy(self, choices: Choices, V: Array) -> tuple[Array, Array, Array]:
        """`(B,)` distances with room for what a checker rounds, lengths of gradients, and gradients."""
        near, g = refits_and_gradients(self.head, choices, V)
        size = np.linalg.norm(g.reshape(len(g), -1), axis=1)
        with np.errstate(all="ignore"):
            return near * (SPARE[self.head.k > 1] + np.fmin(self._coarse / size, 1e100)), size, g

    @cached_property
    def _coarse(self) -> float:
        """About the length of what slopes from a table do to a gradient."""
        head = self.head
        g = head.loss.guess_slopes(head.phi @ self.refitter.V0.T, head.Y)
        wide = np.sqrt(np.abs(g).sum()) if head.k == 1 else np.sqrt((head.k - 1) * head.n)
        return float(np.linalg.norm(head.phi, 2) * wide) * CELL

    def _refine(self, choices: Choices, V: Array, slow: Whole, start: Starts) -> Whole:
        """A few more steps with the parent's inverse, in float64; the numbers of those that it does not decide."""
        if not len(slow):
            return slow
        part, x = Choices(choices.rows[slow], choices.codes[slow]), V[slow].copy()
        size, best = np.full(len(slow), np.inf), x.copy()
        with np.errstate(all="ignore"):
            for _ in range(REFINED):
                g = self.refitter.gradients(part, x)
                new = np.linalg.norm(g.reshape(len(g), -1), axis=1)
                better = new < size
                best[better], size[better] = x[better], new[better]
                x = x - start.step(slow, g)
            near = refits_and_gradients(self.head, part, best)[0]
        done = ~self.judge(part, best, near) & np.isfinite(near)
        V[slow[done]] = best[done]
        self._exact += [(self._count + int(b), V[b]) for b in slow[done]]
        return np.asarray(slow[~done])

    def _solve(self, choices: Choices, V: Array, slow: Whole) -> None:
        """The rest by Newton's method, in place: to a small gradient first, then as far as float64 goes."""
        for goal in (SMALL * self.head.mu()[0], 0.0):
            if not len(slow):
                return
            part = Choices(choices.rows[slow], choices.codes[slow])
            lost = ~np.isfinite(V[slow]).all(axis=(1, 2), keepdims=True)
            with np.errstate(all="ignore"):
                found = self.refitter.newton(part, np.where(lost, self.refitter.V0, V[slow]), goal, self.budget.check)
            V[slow] = _short(found) if goal else found
            near = self._roomy(part, V[slow])[0] if goal else refits_and_gradients(self.head, part, V[slow])[0]
            open_ = self.judge(part, V[slow], near, final=not goal)
            V[slow[~np.isfinite(near)]] = np.nan if goal else 0.0
            slow = slow[open_] if goal else slow
        self._exact += [(self._count + int(b), V[b]) for b in slow]

    def judge(self, choices: Choices, V: Array, near: Array, final: bool = False) -> Mask:
        """`(B,)` which changes leave a clear point open; flips are taken down, and a final verdict ends clearness."""
        watched = np.flatnonzero(self.todo & ~self.found.flipped)
        if not len(watched):
            return np.zeros(len(V), dtype=bool)
        sides, _ = self.head.sides(V, near, watched)
        turned = ((sides >= 0) & (sides != self.head.today[watched])).any(axis=1)
        if turned.any():
            which = np.flatnonzero(turned)
            whole = np.full((len(which), len(self.todo)), -1)
            whole[:, watched] = sides[which]
            self.found.take(Choices(choices.rows[which], choices.codes[which]), V[which], whole)
        open_ = (sides < 0) & (self.clear & ~self.found.flipped)[watched]
        if final:
            self.clear[watched[open_.any(axis=0)]] = False
        return np.asarray(open_.any(axis=1))

    def sample(self, families: int) -> tuple[int, float]:
        """Refit a few changes of most rows; how many they were, and their seconds."""
        size, n = self.change.count, len(self.rows)
        if not 0 < size <= n:
            return 0, 0.0
        rng, few, started = np.random.default_rng(0), 0, time.monotonic()
        for _ in range(families if size > 1 else 1):
            place = np.arange(size - 1) if n <= size else np.sort(rng.choice(n - 1, size=size - 1, replace=False))
            code = self.alternatives[place, 0]
            one = Choices(self.rows[place][None], code[None])
            made = parents(self.refitter, one, self.refitter.solve(one))
            below = self.families(place[None], code[None], made)
            if self._far is not None:  # the first of all is no measure: no point is flipped yet
                first = len(next(below)[0])
                started, second = time.monotonic(), next(below, None)
                return (len(second[0]), time.monotonic() - started) if second else (first, 0.0)
            few += len(next(below)[0])
        return few, time.monotonic() - started


def by_sums(head: Head, change: RowChange, many: int = MANY) -> bool:
    """Whether the weights of the largest changes are sums: many labels, the logistic loss or a small softmax head."""
    small = head.m > 1 and max(head.phi_norm.max(), head.points_norm.max(initial=0.0)) < (
        LARGEST if head.loss.sigmoid else LONGEST)
    known = not head.phi_rad.any() and not head.points_rad.any()
    several = head.loss.shifted and 1 < head.k * head.m <= PAIRED and np.array_equal(head.Y, np.eye(head.k)[head.label])
    judged = head.loss.sigmoid and head.k == 1 or several
    return bool(small and known and judged and change.relabels and head.read_off
                and 2 <= change.count <= len(change.rows) and change.choices(head, change.count) >= many)


def _short(V: Array) -> Array:
    """The nearest float32, as float64; what it does not hold is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(V.astype(np.float32).astype(np.float64))


def _flat(V: Array) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        short = V.reshape(len(V), -1).astype(np.float32)
    return np.where(np.isfinite(short), short, np.float32(0.0))
