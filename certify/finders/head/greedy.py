"""Finder: choices of any kind of change that flip evaluation rows, by first order, over and over; none is trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from certify.finders.head.changed import Changed
from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices
from certify.systems.head.rows.changes.base import Change, Choice, batches
from certify.systems.head.rows.head import Head

TURNS, RIVALS = 4, 2
"""How often the worst choice is sought at the refit of the one before; other labels that a point is pushed to."""


def greedy(
    head: Head, change: Change, points: Sequence[int], left: Callable[[], float],
) -> Iterator[tuple[Choices, Array]]:
    """Choices with weights near their refits, for whoever proves that they flip.

    Args:
        head: the head.
        change: what may change.
        points: numbers of the evaluation rows that stand.
        left: seconds.
    """
    solver = Changed(head)
    P = solver.inverse()
    if not np.isfinite(P).all():
        return
    for j in points:
        for b in rivals(head, solver.V0, j):
            V, tried = solver.V0, set[Choice]()
            direction = _towards(head, P, j, b)
            for _ in range(TURNS):
                if left() <= 0:
                    return
                choice = change.gains(head, *taken(head, V, direction))
                if choice in tried or not choice[0]:
                    break
                tried.add(choice)
                one = next(batches([choice], 1))
                found = solver.solve(one, 0.0)
                yield one, found
                V = found[0]


def rivals(head: Head, V: Array, j: int) -> list[int]:
    """The labels nearest to beating that of a point; of one output the other side of the threshold."""
    if head.k == 1:
        return [-1]
    f, today = V @ head.points[j], int(head.today[j])
    return [b for b in np.argsort(-f, kind="stable").tolist() if b != today][:RIVALS]


def _towards(head: Head, P: Array, j: int, b: int) -> Array:
    """`(k, m)` the inverse Hessian times the gradient of the margin over b."""
    e, today = np.zeros((head.k, head.m)), int(head.today[j])
    if b < 0:
        e[0] = head.points[j] if today == 1 else -head.points[j]
    else:
        e[today], e[b] = head.points[j], -head.points[j]
    return np.asarray((P @ e.ravel()).reshape(head.k, head.m))


def taken(head: Head, V: Array, direction: Array) -> tuple[Array, Array]:
    """What every row's deletion, and its becoming each code, takes from a margin, to first order at weights V."""
    Z, C = head.phi @ V.T, head.phi @ direction.T
    old = head.loss.guess_slopes(Z, head.Y)
    gone = -np.einsum("nk,nk->n", C, old)
    if head.codes is None:
        return gone, np.full((head.n, 1), -np.inf)
    worth = np.stack([np.einsum("nk,nk->n", C, head.loss.guess_slopes(Z, np.broadcast_to(code, Z.shape)) - old)
                      for code in head.codes], axis=1)
    assert head.label is not None
    worth[np.arange(head.n), head.label] = -np.inf
    return gone, worth
