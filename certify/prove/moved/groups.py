"""Both ends of how far each prediction moves when any few groups of rows are left out: by the refit of every choice."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from certify.finders.head.refits import Refitter
from certify.problem.progress import Progress
from certify.prove.changed.left.outputs import EnclosedOutputs
from certify.prove.moved.outputs import Moved
from certify.rigor.fp import Array, U
from certify.systems.head.rows.centred import centred
from certify.systems.head.rows.change import DELETED, NONE, Choices
from certify.systems.head.rows.changes.groups import GroupChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget

STAGE: Final = "leaving groups out"
MOST: Final = 1_000_000
"""Choices of groups beyond which none is begun: each has a refit of its own."""
TOLD: Final = 20
"""Batches at least, so that the part that is done is told, and the time is looked at."""
TINY: Final = 2.0**-500
"""Above the root of what squares of numbers lose that are too small."""
PLACES: Final = 1 << 22
"""Most numbers of rows in a batch."""


def able(head: Head, change: GroupChange) -> str:
    """Why nothing is said of each prediction; "" where every choice can be refitted.

    Args:
        head: its loss has to be squared, or logistic with one output: outputs of others are not determined, or are
            logarithms of what is predicted.
        change: of groups that are left out.
    """
    if change.relabels:
        return "other labels of groups, of which it is told which predictions stay"
    if not (head.loss.quadratic or (head.loss.sigmoid and head.k == 1)):
        return "a loss that is neither squared nor logistic with one output"
    if (leaves := change.leaves(head)) > MOST:
        return f"{leaves} choices of groups, each with a refit of its own, where at most {MOST} are looked at"
    return ""


def groups_moved(head: Head, change: GroupChange, budget: Budget, tell: Progress) -> Moved:
    """Both ends for every evaluation row (D1a, D1b, D1e of any set of deleted rows).

    An output that lies in [a, b] today and in [c, d] after a choice falls by at most b − c, rises by at most d − a, and
    moves by at least max(a − d, c − b, 0). Upper ends are infinite unless every choice was enclosed in time.

    Args:
        head, change: of which :func:`able` says nothing.
        budget: the time.
        tell: told the stage and the fraction done; it may raise.
    """
    seen = centred(head)
    head = head if seen is None else seen.head  # the same outputs, from the middle of the rows
    refitter = Refitter(head)
    enclose = EnclosedOutputs.of(head, refitter.V0)
    nothing = Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))
    low0, high0 = (one[0] for one in enclose.ends(nothing, refitter.V0[None]))
    (N, k), leaves = low0.shape, change.leaves(head)
    width = sum(sorted(map(len, change.groups), reverse=True)[:change.count])
    falls, rises, lower, upper = np.zeros((N, k)), np.zeros((N, k)), np.zeros(N), np.zeros(N)
    rows, done = np.full((N, width), NONE), 0
    at_once = max(1, min(refitter.step, (1 << 21) // (head.k * head.m), PLACES // width, -(-leaves // TOLD)))
    for choices in change.every(head, at_once):
        if budget.left() <= 0:
            falls, rises, upper = np.full((N, k), np.inf), np.full((N, k), np.inf), np.full(N, np.inf)
            break
        tell(STAGE, done / leaves)
        V = refitter.from_root(choices, partial(tell, STAGE, done / leaves))
        ends = enclose.ends(choices, V)
        enclose.narrow(choices, ends, partial(_as_found, V))
        low, high = ends
        down, up = np.nextafter(high0 - low, np.inf), np.nextafter(high - low0, np.inf)  # (B, N, k)
        falls, rises = np.maximum(falls, down.max(axis=0)), np.maximum(rises, up.max(axis=0))
        upper = np.maximum(upper, _together(np.maximum(down, up), True).max(axis=0))
        moved = _together(np.maximum(np.nextafter(np.maximum(low0 - high, low - high0), -np.inf), 0.0), False)
        best = moved.argmax(axis=0)  # of (B, N)
        better = np.flatnonzero(moved[best, np.arange(N)] > lower)
        lower[better] = moved[best[better], better]
        rows[better] = NONE
        rows[better, :choices.rows.shape[1]] = choices.rows[best[better]]
        done += len(choices)
    return Moved(lower, upper, falls, rises, rows, np.where(rows == NONE, NONE, DELETED))


def _together(sizes: Array, above: bool) -> Array:
    """A bound of the root of the sum of squares over the last axis; from below what is no finite number counts as 0."""
    k = sizes.shape[-1]
    if k == 1:
        return np.asarray(sizes[..., 0])
    with np.errstate(all="ignore"):
        root = np.sqrt((sizes * sizes).sum(axis=-1))
    if above:
        return np.where(np.isnan(root), np.inf, root * (1 + (k + 8) * U) + np.sqrt(k) * TINY)
    return np.where(np.isfinite(root), np.maximum(root * (1 - (k + 8) * U) - np.sqrt(k) * TINY, 0.0), 0.0)


def _as_found(V: Array, b: int, one: Choices) -> Array:
    """The weights of one choice of a batch, which are as near its refit as they get."""
    return V[b : b + 1]
