"""D17: which points some choice leaves open."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from certify.check.theorems.head.rows.by_choice.pieces import Pieces
from certify.check.theorems.head.rows.by_choice.products import FEW
from certify.check.theorems.head.rows.by_choice.triples import Triples
from certify.check.theorems.head.rows.pair_tree.drops import Drops
from certify.check.theorems.head.rows.pair_tree.numbers import UP

LOOKED = 4096
"""Choices of a node that are looked at closer, each by all that it takes of the curvature."""

FORMED = 12_000
"""Choices of two rows that are looked at with the signs of their pairs before that."""

CLOSER = ((FEW, LOOKED), (4 * FEW, 512), (10 * FEW, 64), (24 * FEW, 12))
"""With how many rows' products with their signs, one after the other, and how many choices then at most."""

Hard = tuple[tuple[int, ...], float, list[int]]
"""A choice, what it leaves of the gradient, and the points that it may leave open."""

SPARE = UP * UP * UP * UP
"""Of a margin, for what rounding takes of a distance that is borne."""


def opened(p: Pieces, drops: Drops, cuts: Sequence[int]) -> set[int]:
    """The points, of those of `drops`, that a choice of columns from their cut on leaves open."""
    f, far = len(p.rows), drops.other
    pushes = [[*(x * UP for x in drops._own(at)), far[at] * p.st.reach * UP if far else 0.0] for at in range(len(cuts))]
    most = [_most(V, p.k) for V in pushes]
    triples = Triples(p) if p.k > 2 else None
    open_, hard = set[int](), list[Hard]()
    for i in range(f + 1):
        bears = sorted((_borne(drops, at, most[at][i]), at) for at, cut in enumerate(cuts)
                       if cut <= i and at not in open_)
        if not bears:
            continue
        tight, order = [x for x, _ in bears], [at for _, at in bears]
        for T, r in _choices(p, triples, i, tight[0]):
            some = [at for at in order[: bisect_right(tight, r)] if not _stays(drops, at, pushes[at], T, r)]
            if some and len(hard) < (LOOKED if triples else FORMED):
                hard.append((T, p.left(T, triples.third(*T) if triples else 0.0), some))
            else:
                open_ |= set(some)
    if p.k < 3:
        hard = _signed(p, drops, pushes, _still(hard, open_))
    for few, limit in CLOSER:
        hard = _still(hard, open_)
        if len(hard) > limit:
            break
        found = p.taken.of_choices([T for T, _, _ in hard], few)
        hard = [(T, left, [at for at in some if not _stays(drops, at, pushes[at], T, p.closer(left, x))])
                for (T, left, some), x in zip(hard, found, strict=True)]
    return open_.union(*(some for _, _, some in hard))


def _still(hard: Sequence[Hard], open_: set[int]) -> list[Hard]:
    """Those of points that are not open by others."""
    found = [(T, left, [at for at in some if at not in open_]) for T, left, some in hard]
    return [one for one in found if one[2]]


def _signed(p: Pieces, drops: Drops, pushes: Sequence[Sequence[float]], hard: Sequence[Hard]) -> list[Hard]:
    """Choices of two rows that stay hard when their pairs are formed with their signs."""
    f, found = len(p.rows), list[Hard]()
    p.form(p.pair, [(T[0], T[1]) for T, _, _ in hard if T[1] < f])
    for T, _, some in hard:
        r = p.pairs_of(T[0], T[1:])[0]
        if some := [at for at in some if not _stays(drops, at, pushes[at], T, r)]:
            found.append((T, p.left(T, 0.0), some))
    return found


def _stays(drops: Drops, at: int, V: Sequence[float], T: Sequence[int], r: float) -> bool:
    """Whether a choice leaves a margin positive, if refits lie at most r from the sum of steps."""
    return (sum([V[j] for j in T]) + drops.seen[at] * r) * UP * UP < drops.margins[at]


def _borne(drops: Drops, at: int, most: float) -> float:
    """A distance that a point bears, whatever choice it is; 0 where none or what is no number."""
    room, seen = drops.margins[at] / SPARE - most, drops.seen[at]
    return room / seen / UP if room > 0.0 and seen > 0.0 else 0.0


def _most(V: Sequence[float], k: int) -> list[float]:
    """For each column what it and the k − 1 largest of the later ones may take, the last one as often as it may be."""
    rest, found = [V[-1]] * (k - 1), [0.0] * len(V)
    for i in range(len(V) - 1, -1, -1):
        found[i] = (V[i] + sum(rest)) * UP
        rest = sorted([*rest, V[i]])[1:]
    return found


def _choices(p: Pieces, triples: Triples | None, i: int, least: float) -> Iterator[tuple[tuple[int, ...], float]]:
    """The choices whose first column is i, with their distances, of those that are not below the least."""
    f = len(p.rows)
    if triples is None:
        others = range(i + 1, f + 1) if i < f else range(f, f + 1)
        for j, r in zip(others, p.pairs_of(i, others), strict=True):
            if not r < least:
                yield (i, j), r
        return
    for j in range(i + 1, f + 1) if i < f else (f,):
        if triples.below(i, j, least):
            continue
        start, line = triples.with_two(i, j)
        for l, r in enumerate(line, start):
            if not r < least:
                yield (i, j, l), r
