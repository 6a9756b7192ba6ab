"""D35: a head without some rows, with the numbers that D25 has of each further row that may go.

Without the rows O the objective is that of a head with fewer rows and the same decay, so that Theorem D25 holds around
its minimiser as it stands, for at most as many rows as may follow. proofs/heads-softmax-trees.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.softmax.centre import Centre, centre
from certify.theorems.head.rows.softmax_by_choice.candidates import deletions
from certify.theorems.head.rows.softmax_by_choice.metric import Metric, as_it_is, metric, root_metric
from certify.theorems.head.rows.softmax_by_choice.pairs import SURE
from certify.theorems.head.rows.softmax_by_choice.singles import GOAL, ROUGH, TURNS
from certify.theorems.head.rows.softmax_by_choice.sums import steps_of
from certify.theorems.head.rows.softmax_pairs.steps import settled
from certify.theorems.head.rows.softmax_sums.formed import Formed, formed, strongest
from certify.theorems.head.rows.softmax_sums.moves import Moves, moves_of
from certify.theorems.head.rows.softmax_sums.table import Table, pairs, table

PARTS = (0.3, 0.1)
"""Parts of all curvature in further matrices: less is lost of them, and lengths are longer."""

NUMBERS, PAIRS = 8_000_000, 600
"""Most numbers of slopes at sums of two steps that are formed for a node, and pairs; of a last one a part of them."""


@dataclass(frozen=True, eq=False)
class Node:
    """The head without some rows.

    Attributes:
        head: that head; `keep` `(n,)` the number of each of its rows in the whole one.
        V: `(k, p)` weights near its minimiser.
        rows: `(f,)` the rows that may go, by their numbers in it.
        W: `(f, k, p)` weights near the refits without one of these.
        moves: what the steps to these do.
        tables: the numbers, in some matrices.
        most: how many rows may go.
    """

    head: Head
    keep: Whole
    V: Array
    rows: Whole
    W: Array
    moves: Moves
    tables: tuple[Table, ...]
    most: int


def without(head: Head, out: tuple[int, ...]) -> tuple[Head, Whole]:
    """The head without some rows, which decays as it did with them; and `(n,)` the rows that it has.

    Where the decay does not follow the number of rows, `μ = nλ` is that of the whole head: the n of it is counted as if
    fewer rows than none were new.
    """
    keep = np.setdiff1d(np.arange(head.n), out)
    label = None if head.label is None else head.label[keep]
    less = replace(head, phi=head.phi[keep], phi_rad=head.phi_rad[keep], Y=head.Y[keep], label=label,
                   new=head.new - len(out))
    return less, keep


def node_of(head: Head, out: tuple[int, ...], rows: Whole, most: int, start: tuple[Array, Array] | None,
            check: Callable[[], None]) -> Node | None:
    """A node; None where its matrix is not proved to be one, or outputs are not known well.

    Args:
        head: the whole head.
        out: the rows O that are gone.
        rows: `(f,)` those that may follow, by their numbers in the whole head.
        most: how many may follow.
        start: `(k, p)` weights near the minimiser, and `(f, k, p)` near the refits; None: they are looked for.
        check: raises when the time is up.
    """
    less, keep = without(head, out)
    refitter = Refitter(less if start is None else replace(less, V=start[0]))
    check()
    c = centre(less, refitter.V0)
    root = root_metric(as_it_is(c))
    if root is None or not float(c.off.max(initial=0.0)) <= SURE or not (root.h > 0.0).all():
        return None
    own = np.searchsorted(keep, rows)
    W = _near(root, refitter, own, np.repeat(c.V[None], len(own), axis=0) if start is None else start[1], check)
    W[~np.isfinite(W).all(axis=(1, 2))] = c.V  # any weights will do
    metrics = [root]
    for part in PARTS[: 1 if most <= 2 else len(PARTS)]:
        check()
        if (m := metric(root.c, np.full(less.n, part))) is not None:
            metrics.append(m)
    s = moves_of(c, own, W - c.V, most, check)  # with what its outputs are off by, which the matrix need not know
    f = _formed(metrics, s, W, c, most, check)
    return Node(less, keep, c.V, own, W, s, tuple(table(m, s, W, f, most, check) for m in metrics), most)


def _near(root: Metric, refitter: Refitter, rows: Whole, W: Array, check: Callable[[], None]) -> Array:
    """Weights near the refits without one more row each, by Newton's method where corrections leave too much."""
    check()
    found = settled(root.c, root.blocks, rows[:, None], W, TURNS, GOAL)
    found = np.where(np.isfinite(found).all(axis=(1, 2), keepdims=True), found, W)
    g = refitter.gradients(deletions(rows[:, None]), found)
    rough = np.flatnonzero(~(np.linalg.norm(g.reshape(len(g), g[0].size if len(g) else 0), axis=1) < ROUGH))
    if len(rough):
        found[rough] = refitter.newton(deletions(rows[rough, None]), found[rough], GOAL, check)
    return found


def _formed(metrics: list[Metric], s: Moves, W: Array, c: Centre, most: int, check: Callable[[], None]) -> Formed:
    """Some of the pairs with the largest numbers, with the signs of what rows do."""
    count = min(PAIRS, NUMBERS // max(c.S.size, 1)) // (8 if most <= 2 else 1)
    strong = strongest(pairs(metrics[-1], s, most, check), count)
    return formed(metrics[0], s.rows, W, steps_of(c.head, W, c.V), strong, check)
