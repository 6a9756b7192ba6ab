"""D5 for rows that count differently with their other labels: one box of all choices, which bears many changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np

from certify.finders.head.boxes import minimiser
from certify.rigor.fp import Array, U
from certify.systems.head.rows.boxes.pulls import Ratios
from certify.systems.head.rows.boxes.trap import centre
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.weights import RowWeights
from certify.theorems.head.rows.box_tree import levelled, scaled, sums_of
from certify.theorems.head.rows.boxes.tree import Tree
from certify.theorems.head.rows.step_sums.steps import DECAY


def in_a_box(head: Head, points: Head, rows: Whole, k: int, which: Whole, left: Callable[[], float]) -> Whole:
    """Those of some points that a box proves under any k changes of labels of some rows.

    Args:
        head: the head, whose weights go by the labels and not by their counts.
        points: the same with the given weights, whose labels are asked about.
        rows: rows that may change.
        k: how many at most.
        which: numbers of the points.
        left: seconds left.
    """
    if not levelled(points) or (of := exact_weights(head)) is None:
        return which[:0]
    weights, e = scaled(of[0])
    mid, off = (float(np.ldexp(part, -e)) for part in head.mu())
    if np.ldexp(weights, e).tolist() != of[0].tolist() or np.ldexp(mid, e) != head.mu()[0]:
        return which[:0]
    s, turned = sums_of(points, RowChange(True, k, tuple(rows.tolist())), weights, (mid, off + DECAY * mid))
    s = replace(s, ratios=of[1])
    c = centre(s, s.whole, minimiser(s, s.whole, head.V[0]))
    tree = Tree(s, turned[which], left)
    box = tree.box(c, rows, 0, k, wide=len(rows))
    return which[:0] if box is None else which[tree.needs(box, rows, turned[which]) == 0]


def exact_weights(head: Head) -> tuple[Array, Ratios] | None:
    """`(n,)` what rows count, exactly, and with their other labels as parts of it; None where floats do not hold it."""
    own = head.weights
    if not isinstance(own, RowWeights) or own.labels is None or own.balanced or head.label is None:
        return None
    now, then = own.labels[head.label], own.labels[1 - head.label]
    product = own.rows * now
    pairs = np.unique(np.stack([own.rows, now]), axis=1).T.tolist()
    if not all(s * t > 0.0 and Fraction(s) * Fraction(t) == Fraction(s * t) for s, t in pairs):
        return None
    ratio = then / now
    return product, Ratios(ratio * (1 - 4 * U), ratio * (1 + 4 * U))
