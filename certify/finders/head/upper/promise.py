"""Finder: the margins that a change of rows may turn, by first order about the trained head. Nothing is trusted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from certify.finders.head.moves import Change, Lanes, scores
from certify.finders.head.newton import Newton, Sets
from certify.finders.head.upper.own import Trained

RIVALS = 3
"""Other outputs that are tried to overtake, of those that first order brings closest."""
FAR, SOLVED = 0.2, 0.05
"""Share of its margin that first order must take from a row for the row to be tried; and with outputs solved, which
take less: those are nearer to the truth, so that margins are ordered by them."""


def promising(newton: Newton, change: Change, known: Trained, chunk: int, over: Callable[[], bool]) -> Lanes:
    """The margins to lower, those of which first order takes the largest share first.

    Those that are not looked at before it is `over` are left out.
    """
    head, every = newton.head, _every(newton)
    z = (newton.centre @ head.points.T)[None]
    margin, taken = every.margins(head, z)[0], np.zeros(len(every))
    for low in range(0, len(every), chunk):
        if over():
            break
        part = every.at(slice(low, low + chunk))
        none = np.full((len(part), change.count), -1)
        V = np.broadcast_to(newton.centre, (len(part), *newton.centre.shape))
        score = scores(newton, change, part, Sets(none, none), V, True, known, True)
        top = -np.partition(-score.worth, change.count - 1, axis=1)[:, : change.count]
        taken[low : low + chunk] = np.maximum(top, 0).sum(axis=1)
    promise = taken / np.maximum(margin, 1e-300)
    far = FAR if known.pulls is None else SOLVED
    rank, keep = np.zeros(len(head.points), int), list[int]()
    for t in np.argsort(-promise, kind="stable"):
        if promise[t] > far and rank[every.point[t]] < RIVALS:
            rank[every.point[t]] += 1
            keep.append(int(t))
    return every.at(np.array(keep, int))


def _every(newton: Newton) -> Lanes:
    head = newton.head
    if head.k == 1:
        zero = np.zeros(len(head.points), int)
        return Lanes(np.arange(len(head.points)), zero, zero, np.where(head.today > 0, 1.0, -1.0))
    point, up = np.nonzero(np.arange(head.k)[None, :] != head.today[:, None])
    return Lanes(point, up, head.today[point], np.ones(len(point)))
