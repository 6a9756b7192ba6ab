"""D16: the root and its children, point by point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import mul

from certify.check.limits.shares import shared
from certify.check.theorems.head.rows.softmax_pairs.aside import kept
from certify.check.theorems.head.rows.softmax_pairs.bound import Bound, over
from certify.check.theorems.head.rows.softmax_pairs.centre import centre
from certify.check.theorems.head.rows.softmax_pairs.children.child import Children
from certify.check.theorems.head.rows.softmax_pairs.data import Data
from certify.check.theorems.head.rows.softmax_pairs.drops import Choice, Drops, pairs_of
from certify.check.theorems.head.rows.softmax_pairs.gradients import Gradients
from certify.check.theorems.head.rows.softmax_pairs.leaves import Leaves
from certify.check.theorems.head.rows.softmax_pairs.metric import metric
from certify.check.theorems.head.rows.softmax_pairs.stated import Stated
from certify.check.theorems.head.rows.softmax_pairs.steps import Newton

FORMED = 2048
"""Pairs that are formed for points which they leave open."""
SHARE, QUANTILE = 0.4, 0.1
"""Of the room of a point the rows without a step may take together; and the part of points that are not looked at
first."""
NEAR, NEARER, MOST = 2.0**-10, 2.0**-20, 640
"""How near steps are to refits first and last, and how many there are last."""
LARGE = 40_000_000
"""Probabilities that are held at most."""
ROOM = 1.5
"""How much longer than at the centre the pulls of rows without steps are thought to be."""


def proved(data: Data, stated: Stated, asked: Sequence[bool]) -> list[bool]:
    """Which points keep today's label under every deletion of one or two of the rows that may be deleted, and of none.

    A set of rows without a hot one is a choice at the root. Else the first of the hot rows in it has a child, at which
    what is left of the set is a choice: see D16, two levels.
    """
    good = [want and label >= 0 for want, label in zip(asked, data.today, strict=True)]
    leaves, count = Leaves(data, stated, [j for j, ok in enumerate(good) if ok]), data.head.count
    apart = set(stated.hot)
    rows = [i for i in data.head.moving if i not in apart]
    try:
        children, live = _root(data, stated, rows, min(count, len(rows)), leaves)
    except (OverflowError, ValueError):  # numbers that no double holds: nothing is proved
        children, live = None, []
    if children is None or not live:
        return [False] * len(good)

    def left(a: int) -> set[int]:
        """The points that are open at a child, which asks nothing of the others: their order does not matter."""
        gone = set(stated.hot[: a + 1])
        others = [i for i in data.head.moving if i not in gone] if count > 1 else []
        try:
            return children.left(stated.hot[a], stated.child_weights[a], others, live)
        except (OverflowError, ValueError):
            return set(live)

    kept_by_all = set(live).difference(*shared(left, len(stated.hot)))
    return [j in kept_by_all for j in range(len(good))]


def _root(data: Data, stated: Stated, rows: Sequence[int], k: int, leaves: Leaves) -> tuple[Children | None, list[int]]:
    """The children of the root, and those of the points in question that keep their label without k rows at most."""
    c, live = centre(data, stated.weights, None), leaves.live
    X = None if c is None else metric(c, [1.0] * data.n, k == 1)
    if c is None or X is None or not live:
        return None, []
    newton = Newton(Gradients(c), X, X.blocks(data.table))
    done, open_ = _tried(newton, rows, _heat(newton, rows), k, stated.reach[0], live, leaves, set(stated.leaves))
    children = Children(newton, leaves)
    left = sorted(done | kept(children, open_))
    if left and stated.hot and stated.leaves and not leaves.all_kept:
        leaves.together()  # once, and not by every process that looks at children
    return children, left


def _tried(newton: Newton, rows: Sequence[int], heat: Mapping[int, float], k: int, reach: Sequence[float],
           live: Sequence[int], leaves: Leaves, excused: set[tuple[int, ...]],
           ) -> tuple[set[int], dict[int, list[Choice]]]:
    """The points that bounds for some rows prove, and leaves for the others; and choices that are open for the rest."""
    done, rest = set[int](), dict[int, list[Choice]]()
    order = sorted(rows, key=heat.__getitem__, reverse=True)
    for count, near in _efforts(newton, [heat[i] for i in order], live, k):
        steps = newton.steps(order[:count], near)
        own = [one for one in steps if one is not None]
        far = [i for i, one in zip(order[:count], steps, strict=True) if one is None] + order[count:]
        found, longest = Bound(newton.gradients, own, far, k), max((heat[i] for i in far), default=0.0)
        start = [max(x, ROOM * k * longest * y) for x, y in zip(reach, newton.wide, strict=True)]
        for whole in (newton.X, None) if k == 1 else (None,):
            if len(done) < len(live) and found.prove(start, excused, whole):
                for j, some in _open(found, leaves.data, [j for j in live if j not in done]).items():
                    if some is not None:
                        rest[j] = some
                        if all(leaves.keep(T, j, None) for T in some):
                            done.add(j)
        if len(done) == len(live):
            break
    return done, {j: some for j, some in rest.items() if j not in done}


def _open(found: Bound, data: Data, live: Sequence[int]) -> dict[int, list[Choice] | None]:
    """By point the choices that a bound does not prove; None where no choice is proved, or they are too many."""
    drops = Drops(found, data.points, data.today, live)
    open_ = dict(drops.open())
    wanted: dict[tuple[int, int], int] = {}
    for some in open_.values():
        for pair in pairs_of(found, some or ()):
            wanted[pair] = wanted.get(pair, 0) + 1
    if wanted:
        found.form(sorted(wanted, key=lambda pair: -wanted[pair])[:FORMED])
        again = {at: j for at, j in enumerate(live) if open_[j]}
        open_ |= {j: drops.point(at) for at, j in again.items()}
    return open_


def _heat(newton: Newton, rows: Sequence[int]) -> dict[int, float]:
    """About how long the step of each row is: proposals."""
    c, K = newton.gradients.c, newton.K
    found = {}
    for i in rows:
        s = [column[i] for column in c.s]
        pull = [x - (a == c.data.labels[i]) for a, x in enumerate(s)]
        leverage = min(K.own(i, s, c.blur), 0.99)
        found[i] = over(K.length(i, pull), leverage * leverage)
    return found


def _efforts(newton: Newton, heat: Sequence[float], live: Sequence[int], k: int) -> list[tuple[int, float]]:
    """How many rows have steps, and how near these are to refits: as most points need, as all do, and more.

    Nothing rests on it.
    """
    if not heat or not k:
        return [(0, NEAR)]
    c = newton.gradients.c
    data = c.data
    needed = []
    for j in live:
        x, own = data.points.rows[j], data.today[j]
        z = [sum(map(mul, x, c.weights[a * data.p : (a + 1) * data.p])) for a in range(data.k)]
        needed.append(min(z[own] - y for a, y in enumerate(z) if a != own) / _seen(newton, j))
    needed.sort()
    found, most = list[tuple[int, float]](), max(1, LARGE // (data.n * data.k))
    for room in (needed[int(QUANTILE * (len(needed) - 1))], needed[0]):
        count = min(sum(x * k > SHARE * room for x in heat), most)
        if not found or count > found[-1][0]:
            found.append((count, NEAR))
    return [*found, (max(found[-1][0], min(len(heat), MOST, most)), NEARER)]


def _seen(newton: Newton, j: int) -> float:
    """How long a point is: a proposal."""
    data = newton.gradients.c.data
    if j not in newton.seen:
        K = newton.X.blocks(data.points)
        newton.seen = {i: K.widest(i) for i in range(data.points.n)}
    return newton.seen[j]
