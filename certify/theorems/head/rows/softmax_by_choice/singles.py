"""D18: the refits without one row each, from which candidates for those without two are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.softmax_by_choice.candidates import Lines, deletions
from certify.theorems.head.rows.softmax_by_choice.metric import Metric
from certify.theorems.head.rows.softmax_by_choice.pairs import Pairs
from certify.theorems.head.rows.softmax_by_choice.sums import Steps, steps_of
from certify.theorems.head.rows.softmax_pairs.steps import settled

TURNS, GOAL, ROUGH, AT_ONCE = 25, 1e-3, 0.005, 32
"""Corrections of single refits at most; how short their gradients are to be, in the norm of the inverse; how long, in
that of weights, they are too long; and how many are made at a time."""


@dataclass(frozen=True, eq=False)
class Singles:
    """Refits without one row each.

    Attributes:
        head: the head.
        root: the matrix at the refit without any change.
        refitter: of the head.
        order: `(f,)` the rows, those that pull most first; `place` `(n,)` where a row is among them.
        W: `(f, k, p)` about the refits; `steps` to them from the unchanged one.
        lengths: `(N, k − 1)` of evaluation rows in the norm of the root's inverse.
        gaps: `(f, N)` at most what each step adds to the margins of evaluation rows.
        pairs: what sums of two steps leave in the matrix of the root; None where that is not known.
    """

    head: Head
    root: Metric
    refitter: Refitter
    order: Whole
    place: Whole
    W: Array
    steps: Steps
    lengths: Array
    gaps: Array
    pairs: Pairs | None = None


def near_refits(root: Metric, refitter: Refitter, order: Whole, check: Callable[[], None]) -> Array:
    """Weights near the refits without one row each: Newton's method where corrections leave too much.

    Args:
        root: the matrix at the refit without any change.
        refitter: of the head.
        order: `(f,)` the rows.
        check: raises when the time is up.
    """
    W = np.repeat(refitter.V0[None], len(order), axis=0)
    for start in range(0, len(order), AT_ONCE):
        check()
        at = slice(start, start + AT_ONCE)
        found = settled(root.c, root.blocks, order[at, None], W[at], TURNS, GOAL)
        good = np.isfinite(found).all(axis=(1, 2))
        W[at][good] = found[good]
        g = refitter.gradients(deletions(order[at, None]), W[at])
        rough = start + np.flatnonzero(~(np.linalg.norm(g.reshape(len(g), -1), axis=1) < ROUGH))
        W[rough] = refitter.newton(deletions(order[rough, None]), W[rough], GOAL, check)
    return W


def singles(root: Metric, refitter: Refitter, order: Whole, W: Array, lines: Lines, lengths: Array,
            pairs: Pairs | None = None) -> Singles:
    """What slabs need of them.

    Args:
        root: the matrix at the refit without any change.
        refitter: of the head.
        order: `(f,)` the rows; `W` `(f, k, p)` about the refits.
        lines: the evaluation rows in question.
        lengths: `(N, k − 1)` of all evaluation rows in the norm of the inverse, infinite where nothing is asked.
        pairs: what sums of two steps leave, where that is known.
    """
    head, place = lines.head, np.full(lines.head.n, -1)
    place[order] = np.arange(len(order))
    steps, gaps = steps_of(head, W, refitter.V0), np.full((len(order), len(lengths)), -np.inf)
    for start in range(0, len(order), AT_ONCE):
        gaps[start : start + AT_ONCE, lines.at] = lines.gaps(steps.delta[start : start + AT_ONCE]).min(axis=-1)
    return Singles(head, root, refitter, order, place, W, steps, lengths, gaps, pairs)
