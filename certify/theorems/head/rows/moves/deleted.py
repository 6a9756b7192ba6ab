"""D23: how far predictions of a squared-loss head move when any m rows are deleted: both ends, of every prediction.

From above by trees of deletions (D4d), asked how far a number goes; from below by the rows that were found to take it
farthest, through the change of rank m.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.finder import proposed
from certify.rigor.fp import Array
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.ridge import Ridge, ridge
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.moves.worst_rows import Worst, worst_rows
from certify.theorems.head.rows.squared.contrasts import Ints
from certify.theorems.head.rows.squared_deletions import SquaredDeletions
from certify.theorems.head.rows.squared_tree.flipped import contrasts_without
from certify.theorems.head.rows.squared_tree.method import Tree, witness
from certify.theorems.head.rows.squared_tree.most import Most
from certify.theorems.head.rows.squared_tree.order import OWN, Order
from certify.theorems.head.rows.squared_tree.root import Root, root_of
from certify.theorems.head.rows.squared_tree.state import Pairs
from certify.theorems.head.rows.squared_tree.walk import Kept, Walk

LARGE: Final = 2.0**256
"""Evaluation rows that are longer are taken over a power of two, as squares of all sizes have to be numbers."""

CLOSE: Final = 1 + 2.0**-10
"""How near an upper end comes to what was found before it is left."""

ROOM, UNITS, ALONE, WIDEST = 2.0**-24, 2.0**-34, 2.0**-38, 2.0**-6
"""Share by which an upper end is moved outward, more for each unit of stretch, and for each that a small `1 − K_ii`
divides: a checker has rounding of its own, in integers. Where that is more than the last nothing is stated, as a
checker would not know it."""

TINY: Final = 2.0**-40
"""Of the largest target: no smaller upper end is stated."""

GROWING, FIRST, FAIR = 0.1, 0.2, 3.0
"""Shares of the time for the order of rows that comparisons need and for the tree that all points share; and the
multiple of an equal share of the rest that one point's own tree may take."""

NODES, MORE, IN_ALL = 2_000, 4, 40_000
"""How often the time is looked at, a few times a node, in one point's tree at first, how many times as often where that
was too few, and in all trees of a certificate: a checker visits these nodes, too."""

ANY: Final = 2.0**1000
"""A goal that any number comes to."""

SHARED, ROUNDS = 24, 4
"""Rows of the largest pull in the order that all points share, and how often it is asked."""

HALF, LEAST = 0.5, 2.0**-6
"""How far on the way from an upper end to what was found the next tree shall come: half of it (of the logarithms), and
less where a tree did not; below the least it is left."""

DEEPEST: Final = 128
"""Most deletions: a tree is as deep."""


@dataclass(frozen=True, eq=False)
class Ends:
    """How far outputs move.

    Attributes:
        lower, upper: `(N,)` of all outputs of a point together (root of the sum of squares); infinite where nothing is
            proved. The rows found move the point by `lower`, none of the choices by more than `upper`.
        falls, rises: `(N, k)` upper bounds of how far each output goes down and up.
        rows: `(N, m)` the rows found; ways `(N, k, 2, m)` those that take each output down, and up, farthest.
        whole: `(N, k)` how far each output goes at most either way by one tree of its own, which a checker looks at.
        trees: for each output these trees.
        stretch: `‖R‖²` times the square of the longest row: how far a checker's leverages may be off, in its units.
        alone: about the least `1 − K_ii`, by which numbers are divided that are off.
    """

    lower: Array
    upper: Array
    falls: Array
    rises: Array
    rows: Ints
    ways: Ints
    whole: Array
    trees: list[list[Tree]]
    stretch: float
    alone: float


def able(head: Head, change: Change) -> str:
    """Whether rows are deleted, the loss is squared, and the decay stays when rows go; else why not, in words."""
    if not isinstance(change, RowChange):
        return "any few rows are deleted, and no groups or named rows"
    if head.weights is not None:
        return "the rows carry weights"
    if head.remaining:
        return "the weight decay follows the number of rows that are left"
    if min(change.count, len(change.rows)) > DEEPEST:
        return f"more than {DEEPEST} rows are deleted"
    return SquaredDeletions().able(head, change)


def ends_of(head: Head, change: RowChange, budget: Budget, largest: bool = False) -> Ends | str:
    """Both ends of the change of every point, or in words why there are none.

    Args:
        head, change: of which :func:`able` says nothing.
        budget: the time; what is proved by then counts.
        largest: whether the largest change of all points is asked for: the others need not be known more closely.

    Raises:
        EnclosureError: overflow.
    """
    rows = np.array(sorted(change.rows), dtype=np.int64)
    count = min(change.count, len(rows))
    system = ridge(head.phi, head.mu(count), head.decayed)
    if isinstance(system, str):
        return system
    with np.errstate(over="ignore"):
        size = float(np.abs(head.points * system.scale).max(initial=0.0)) * system.size_R
    if size <= LARGE:
        return _ends(head, system, rows, count, budget, largest)
    exponent = math.frexp(size)[1] if size < np.inf else 0
    near = replace(head, points=np.ldexp(head.points, -exponent))
    if not exponent or (np.ldexp(near.points, exponent) != head.points).any():
        return "evaluation rows are too large, or some of them too small beside others"
    return _times(_ends(near, system, rows, count, budget, largest), exponent)


def _times(ends: Ends | str, exponent: int) -> Ends | str:
    """Those of evaluation rows that are a power of two as long: outputs are linear in them."""
    if isinstance(ends, str):
        return ends
    with np.errstate(over="ignore"):
        lower, upper, falls, rises, whole = (
            np.ldexp(a, exponent) for a in (ends.lower, ends.upper, ends.falls, ends.rises, ends.whole))
    return replace(ends, lower=np.where(lower < np.inf, lower, 0.0), upper=upper, falls=falls, rises=rises, whole=whole)


def _ends(head: Head, system: Ridge, rows: Ints, count: int, budget: Budget, largest: bool) -> Ends | str:
    """Both ends, of evaluation rows whose squares are far from the largest number."""
    found: list[_Output] = []
    for a in range(head.k):
        root = root_of_output(head, a, rows, count, budget)
        if root is None:
            return "the time was up"
        found.append(_Output(root, count))
    R = np.concatenate([one.root.R for one in found], axis=1)
    A, B, late = found[0].root.factor.A, found[0].root.C.B, _ended(budget.share(FIRST))
    worst = proposed(lambda: worst_rows(A, B, R, count, late))
    if worst is None:  # some rows carry a direction alone: nothing is known of what they take
        worst = Worst.none(len(head.points), head.k, count)
    lower = _reached(found, worst)
    _bounded(found, worst, float(lower.max(initial=0.0)) if largest else None, budget)
    falls, rises = (np.stack([one.up[:, way] for one in found], axis=1) for way in (0, 1))
    upper = together(np.maximum(falls, rises))
    return Ends(lower, upper, falls, rises, np.sort(rows[worst.rows], axis=1), np.sort(rows[worst.ways], axis=3),
                np.stack([one.whole() for one in found], axis=1),
                [[Tree(rows[tree.order], tree.points) for tree in one.trees()] for one in found],
                (system.size_R * system.longest) ** 2, 1.0 - float(np.einsum("ij,ij->i", A, A).max(initial=0.0)))


def root_of_output(head: Head, a: int, rows: Ints, count: int, budget: Budget) -> Root | None:
    """Before deletions, of one output: each point has two numbers, which start at 0: how far it falls, and rises."""
    one, N = replace(head, Y=head.Y[:, [a]], V=head.V[[a]], codes=None, label=None), len(head.points)
    system = ridge(head.phi, head.mu(count), head.decayed)
    assert not isinstance(system, str)
    point = np.repeat(np.arange(N), 2)
    pairs = Pairs(point, np.zeros_like(point), np.full_like(point, -1), np.tile([1.0, -1.0], N))
    return root_of(one, system, rows, np.arange(N), lambda: budget.left() <= 0, count,
                   asked=(pairs, np.zeros(2 * N), np.zeros(2 * N)))


class _Output:
    """What is known of one output.

    Attributes:
        root: before deletions.
        count: of deletions.
        up: `(N, 2)` how far points fall and rise at most, by any tree.
        together: the same by the tree of all points.
        own: by point the order of a tree of its own, and what that says.
    """

    def __init__(self, root: Root, count: int) -> None:
        self.root, self.count, self.kept = root, count, Kept()
        self.up = self.together = np.full((len(root.points), 2), np.inf)
        self.own: dict[int, tuple[Ints, Array]] = {}
        self.first = self.shared = np.zeros(0, dtype=np.int64)

    def share(self, aim: Array, growing: Budget, budget: Budget) -> None:
        """The tree of all points, again and again half way (of the logarithms) to an aim for each end, `(N, 2)`."""
        order = Order(self.root.of(np.zeros(0, dtype=np.int64)), self.kept, _ended(growing))
        order.grow(self.count)
        self.first = np.array(order.rows, dtype=np.int64)
        left = self._left()
        pulls = np.sqrt(1.0 - left) * np.abs(self.root.R[:, 0]) / left
        self.shared = self._order(pulls, SHARED)
        found = self._asked(self.root, self.shared, np.full_like(self.up, ANY), _ended(budget))
        for _ in range(ROUNDS):
            goal = np.maximum(np.sqrt(np.minimum(found, ANY)) * np.sqrt(aim), aim * CLOSE)
            nearer = self._asked(self.root, self.shared, goal, _Late(budget.share(1 / ROUNDS), NODES))
            if not (nearer < found).any():
                break
            found = np.minimum(found, nearer)
        self.together, self.up = found, found.copy()

    def refine(self, j: int, goal: Array, late: Callable[[], bool]) -> bool:
        """A tree of one point's own, no smaller than a goal for both ends; whether it comes to that."""
        one = self.root.of(np.array([j]))
        order, known = self.own.get(j) or (self._own(one), np.full(2, np.inf))
        found = np.minimum(self._asked(one, order, goal[None, :], late)[0], known)
        self.own[j] = order, found
        self.up[j] = np.minimum(self.up[j], found)
        return bool((found <= goal).all())

    def whole(self) -> Array:
        """`(N,)` how far points go either way, by the one tree that says least."""
        most: Array = np.asarray(self.together.max(axis=1))
        for j, (_, found) in self.own.items():
            most[j] = min(most[j], float(found.max()))
        return most

    def trees(self) -> list[Tree]:
        """These trees, with the points that they are for."""
        own = [j for j, (_, found) in sorted(self.own.items()) if found.max() < self.together[j].max()]
        rest = np.setdiff1d(np.arange(len(self.up)), own)
        return [Tree(self.shared, rest), *(Tree(self.own[j][0], np.array([j])) for j in own)]

    def _asked(self, root: Root, order: Ints, goal: Array, late: Callable[[], bool]) -> Array:
        walk = Walk(root.hat, root.C, root.pairs, order, late, np.zeros(len(root.points), dtype=bool), self.kept)
        most = Most(walk, late).within(root.state(order), self.count, np.arange(len(root.z)), goal.ravel())
        return np.where(np.isnan(most), np.inf, most).reshape(-1, 2)

    def _own(self, one: Root) -> Ints:
        """The rows that comparisons need, then those that move the point most alone."""
        c = one.C.at(np.zeros(1, dtype=np.int64))[0]
        return self._order(np.abs(c * one.R[:, 0]) / self._left(), OWN)

    def _order(self, size: Array, most: int) -> Ints:
        """The rows that comparisons need, then the others of largest size."""
        size[self.first] = -np.inf
        more = np.argsort(-size, kind="stable")[: min(most, len(size) - len(self.first))]
        return np.concatenate([self.first, more])

    def _left(self) -> Array:
        """About `1 − K_ii`, and no number near 0."""
        A = self.root.factor.A
        return np.asarray(np.maximum(1.0 - np.einsum("ij,ij->i", A, A), 1e-6))


def _bounded(found: list[_Output], worst: Worst, most: float | None, budget: Budget) -> None:
    """Upper bounds from the tree that points share, then from their own, nearer and nearer to what was found.

    Where the largest change of all points is asked for, `most` is what was found of it, and a point that is proved to
    move by hardly more is left; each point by itself otherwise.
    """
    k, floor, steps = len(found), most or 0.0, math.inf if most is None else IN_ALL
    aims = np.maximum(worst.each.transpose(1, 0, 2), floor if k == 1 else 0.0)
    for one, aim in zip(found, aims, strict=True):
        one.share(aim, budget.share(GROWING / k), budget.share(FIRST / k))
    part, nodes = np.full((k, len(worst.size)), HALF), np.full((k, len(worst.size)), NODES)
    while True:
        ups = np.stack([one.up for one in found])
        far = together(ups.max(axis=2).T) > floor * CLOSE
        open_ = far & (part > LEAST) & np.isfinite(ups).all(axis=2) & (ups > aims * CLOSE).any(axis=2)
        waiting = sorted(np.argwhere(open_).tolist(), key=lambda at: -float(ups[at[0], at[1]].max()))
        if not waiting:
            return
        for place, (a, j) in enumerate(waiting):
            if budget.left() <= 0 or steps <= 0:
                return
            late = _Late(budget.share(min(1.0, FAIR / (len(waiting) - place))), min(float(nodes[a, j]), steps))
            goal = np.maximum(ups[a, j] ** (1 - part[a, j]) * aims[a, j] ** part[a, j], aims[a, j] * CLOSE)
            done = found[a].refine(j, goal, late)
            part[a, j] = min(HALF, 2 * part[a, j]) if done else part[a, j] / 2
            nodes[a, j] *= MORE if late.steps >= late.most else 1
            steps -= late.steps


@dataclass(eq=False)
class _Late:
    """Whether one tree has had its time, or its nodes."""

    budget: Budget
    most: float
    steps: int = 0

    def __call__(self) -> bool:
        self.steps += 1
        return self.steps > self.most or self.budget.left() <= 0


def _reached(found: list[_Output], worst: Worst) -> Array:
    """`(N,)` lower bounds of how far the rows that were found move the points."""
    low = np.zeros((len(worst.size), len(found)))
    for j, gone in enumerate(worst.rows):
        for a, one in enumerate(found):
            try:
                z, wrong = moved_by(one.root, j, gone)
            except (EnclosureError, np.linalg.LinAlgError):
                continue
            low[j, a] = abs(z) - wrong
    return _lengths_from_below(np.where((low > 0) & np.isfinite(low), low, 0.0))


def _lengths_from_below(size: Array) -> Array:
    """Lower bounds of the lengths of the rows of a matrix from 0 on.

    Squares are taken of shares of the largest entry: those of numbers from 2^512 on are none.
    """
    k, top = size.shape[1], size.max(axis=1)
    unit: Array = np.ldexp(1.0, np.frexp(top)[1] - 1)
    share = size / unit[:, None]
    long = top if k == 1 else np.sqrt(np.einsum("ij,ij->i", share, share)) * unit
    low = long * (1 - (k + 4) * 2.0**-50) - fp.FLOOR
    return np.where((low > 0) & np.isfinite(low), low, 0.0)


def moved_by(root: Root, j: int, gone: Ints) -> tuple[float, float]:
    """How far one output of a point goes once some rows are gone, and the error of that."""
    z, wrong = contrasts_without(root, j, gone, np.array([2 * j]))
    return float(z[0]), float(wrong[0])


def together(size: Array) -> Array:
    """Upper bounds of the lengths of the rows of a matrix, infinite where an entry is."""
    if size.shape[1] == 1:
        return np.asarray(size[:, 0])
    known = np.asarray(np.isfinite(size).all(axis=1))
    return np.where(known, fp.row_norms(np.where(known[:, None], size, 0.0)), np.inf)


def room(stretch: float, alone: float) -> float:
    """The share by which an upper end is moved outward."""
    return ROOM + UNITS * stretch + ALONE * stretch / max(alone, 2.0**-60)


def stated(ends: Ends, largest: float) -> tuple[float, dict[str, Array | Ints]] | None:
    """The largest change with the arrays that prove it, a little more than what is proved; None: no bound of all.

    `bounds` of all outputs are as large as the largest change lets them be, so that most are easy to prove again.

    Args:
        ends: with both ends of each point.
        largest: target in size, or more: nothing much smaller is stated, which a checker need not tell from 0.
    """
    ups, share = ends.whole, room(ends.stretch, ends.alone)
    upper = max(float(together(ups).max(initial=0.0)) * (1 + share), largest * TINY)
    if not (0 < upper < np.inf and share <= WIDEST):
        return None
    bounds = np.maximum(ups, upper * 2.0**-20) if ups.shape[1] > 1 else np.full_like(ups, upper)
    if ups.shape[1] > 1:
        bounds *= (upper / together(bounds))[:, None]
        upper = float(together(bounds).max())
    trees = witness(ends.trees, np.ones(len(bounds), dtype=bool), np.zeros(0, dtype=np.int64))
    arrays: dict[str, Array | Ints] = {"bounds": bounds}
    return upper, arrays | trees


def _ended(budget: Budget) -> Callable[[], bool]:
    return lambda: budget.left() <= 0
