"""Containment of D17 as a checker derives it: refits lie as near as is said, and no flipped point stays."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from unittest.mock import patch

import numpy as np
from flint import arb, ctx
from numpy.typing import NDArray

from certify.check.theorems.head.rows.boxes.codes import TABLE
from certify.check.theorems.head.rows.boxes.fixed_rows import Sums, sums
from certify.check.theorems.head.rows.boxes.leaves import base
from certify.check.theorems.head.rows.boxes.margins import points
from certify.check.theorems.head.rows.boxes.trap import centre
from certify.check.theorems.head.rows.by_choice import judge, lowered, pieces, products, taken, triples
from certify.check.theorems.head.rows.pair_tree import bound
from certify.check.theorems.head.rows.pair_tree.drops import Drops
from certify.check.theorems.head.rows.pair_tree.steps import steps
from certify.systems.head.rows.head import Head
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.logistic_heads import logistic_head, refit

NEAR = 1e-8
Array = NDArray[np.float64]


@attack("changed_rows_by_choice_checked", "D17", slow=10)
def changed_rows_by_choice_checked(rng: np.random.Generator) -> Outcome:
    """Every refit without at most k rows; few rows have steps, few pairs are formed, few products are looked at."""
    n, k = int(rng.integers(8, 12)), int(rng.integers(2, 4))
    head = logistic_head(rng, n, decay=float(10.0 ** rng.uniform(-0.3, 1.7)))
    large = float(rng.choice([0.0, 0.1, np.inf]))
    with patch.multiple(bound, SMALL=float(rng.choice([0.0, 0.1, 1.0]))), patch.multiple(
            pieces, LARGE=large), patch.multiple(
            triples, EACH=int(rng.integers(1, n)), TOGETHER=2), patch.multiple(
            products, FEW=int(rng.integers(1, n)), SIGNED=int(rng.integers(0, n)),
            SQUARINGS=int(rng.integers(0, 4))), patch.multiple(
            taken, SEEN=int(rng.integers(1, n + 1))), patch.multiple(
            judge, LOOKED=int(rng.choice([0, 5, 4096]))), ctx.workprec(64):
        return _compare(rng, head, n, k)


@attack("changed_rows_by_choice_lowered", "D17", slow=10)
def changed_rows_by_choice_lowered(rng: np.random.Generator) -> Outcome:
    """The same where one row is gone already, in a matrix below that of all rows at other weights (Lemma 4)."""
    n, k = int(rng.integers(8, 12)), int(rng.integers(2, 4))
    head = logistic_head(rng, n, decay=float(10.0 ** rng.uniform(-0.3, 1.7)))
    with patch.multiple(lowered, APART=int(rng.integers(1, n)), MOST=float(rng.choice([0.125, 0.6]))), ctx.workprec(64):
        return _compare(rng, head, n, k, True)


def _compare(rng: np.random.Generator, head: Head, n: int, k: int, lower: bool = False) -> Outcome:
    S, decay = head.phi * head.Y, np.where(head.decayed, head.mu()[0], 0.0)
    w = head.V[0] + float(rng.choice([0.0, 1e-3, 0.03])) * rng.standard_normal(head.m)
    own, h = int(rng.integers(k + 1, n + 1)), int(rng.integers(0, 2))
    order = rng.permutation(n).tolist()
    s, gone, known = sums(S.tolist(), [arb(x) for x in decay], False), [], None
    if lower:
        gone, around = [order.pop()], float(rng.choice([0.7, 1.5, 3.0]))
        if (known := _above(s, w.tolist(), around)) is None:
            return "refused"
        w = refit(S, np.where(np.isin(np.arange(n), gone), 0.0, 1.0), decay)
    b = base(centre(s, gone, w.tolist()))
    if b is None or (st := steps(b, order, own, int(rng.integers(0, 8)))) is None:
        return "refused"
    reach = float(rng.choice([0.3, 1.0, 2.0, 4.0]))
    p = pieces.Pieces(st, h, k, [TABLE[int(np.searchsorted(TABLE, reach * x))] for x in st.lengths], known)
    if not p.proved:
        return "refused"
    e = head.points * np.where(head.today == 1, 1.0, -1.0)[:, None]
    drops, cut = Drops(p, points(e.tolist(), head.m)), int(rng.integers(0, len(p.rows)))
    open_ = [judge.opened(p, drops, [c] * len(e)) for c in (0, cut)]
    M, found = np.linalg.inv([[float(x) for x in row] for row in p.M[0].tolist()]), dict(distances(p))
    delta = {i: np.ldexp(np.array(one.whole, float), one.unit) for i, one in zip(p.rows, p.own, strict=True)}
    decided, f = False, len(p.rows)
    for size in range(k + 1):
        for out in combinations([*p.rows, *st.far], size):
            at = tuple(sorted([*(p.rows.index(i) if i in p.rows else f for i in out), *[f] * (k - size)]))
            v = refit(S, np.where(np.isin(np.arange(n), [*out, *gone]), 0.0, 1.0), decay)
            if found[at] < np.inf and not any(i in st.far for i in out):
                apart = v - w - sum((delta[i] for i in out), np.zeros(len(w)))
                if np.sqrt(apart @ M @ apart) > found[at] + NEAR:
                    raise Violation(f"without {out}: {np.sqrt(apart @ M @ apart)} above {found[at]}")
                decided = True
            lost = set(np.flatnonzero(e @ v <= -NEAR).tolist())
            if lost - open_[0] or (min(at) >= cut and lost - open_[1]):
                raise Violation(f"without {out}: a point is moved that was said to stay")
    return "decided" if decided else "refused"


def _above(s: Sums, w: list[float], around: float) -> lowered.Metric | None:
    """A matrix at other weights, with margins that move by so much in the norm of the Hessian there."""
    b = base(centre(s, [], w))
    if b is None or (st := steps(b, list(range(s.n)), s.n)) is None:
        return None
    p = pieces.Pieces(st, 0, 2, [around * x for x in st.lengths])
    return p.metric if p.proved else None


def distances(p: pieces.Pieces) -> Iterator[tuple[tuple[int, ...], float]]:
    """Every choice of columns with the least of its distances."""
    f, three = len(p.rows), triples.Triples(p) if p.k > 2 else None
    for i in range(f + 1):
        found = [] if three else [((i, j), r) for j in range(min(i + 1, f), f + 1) for r in p.pairs_of(i, [j])]
        for j in range(min(i + 1, f), f + 1) if three else ():
            start, line = three.with_two(i, j)
            found += [((i, j, l), r) for l, r in enumerate(line, start)]
        closer = p.taken.of_choices([T for T, _ in found], products.FEW)
        for (T, r), x in zip(found, closer, strict=True):
            third = three.third(*T) if three else 0.0
            yield T, min(r, p.closer(p.left(T, third), x))
