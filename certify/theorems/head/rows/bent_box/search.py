"""D24: slabs into which all that they imply falls back, by a monotone iteration; and the points that they prove."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.boxes.trap import Centre, Slabs
from certify.theorems.head.rows.bent_box.image import Bent, Image, bent, linear
from certify.theorems.head.rows.method import Mask

ROUNDS, FARTHEST = 24, 12.0
"""Turns, and the longest slab."""

OUTWARD, LEAST, MOST = 1.01, 2.0**-20, 0.5
"""How much longer than their image slabs are made, at least by how much, and the largest ratio of steps foreseen."""

ROOM = 1.0 + 2.0**-14
"""A checker has bounds of its own: what is proved is to hold with a little to spare."""


FAR = 2.0**250
"""Longest point, and largest λ: squares of sums over many rows have to be doubles for a checker."""


def box(c: Centre, free: Rows, k: int, left: Callable[[], float]) -> tuple[Bent, Image] | None:
    """What slabs say that hold the motion under any k changes of some rows; None where none are found or time is up.

    Args:
        c: the centre, no row changed.
        free: the rows that may change.
        k: how many at most.
        left: seconds left.
    """
    at = linear(c, free, k)
    if at is None:
        return None
    slabs, before = Slabs(*np.zeros((4, len(c.at.t)))), np.inf
    for turn in range(ROUNDS):
        if left() <= 0.0:
            return None
        found = bent(at, slabs)
        image = None if found is None else found.image(left)
        if found is None or image is None or not image.all().max() < FARTHEST:
            return None
        if (image.all() * ROOM < slabs.all()).all():
            return found, image
        more = np.maximum(image.all() - slabs.all(), 0.0)
        ratio = min(float(more.max()) / before, MOST) if turn > 1 else 0.0
        before = max(float(more.max()), LEAST)
        ahead = np.where(more > 0.0, slabs.all() + more / (1.0 - ratio), 0.0)
        slabs = Slabs(*np.maximum(slabs.all(), np.maximum(image.all(), ahead) * OUTWARD + LEAST))
    return None


def stays(b: Bent, points: Array, left: Callable[[], float] = lambda: np.inf) -> tuple[Mask, Array]:
    """`(N,)` for which oriented points e all choices leave a margin, in parts: one that fails loses no other; and λ.

    Args:
        b: a box that holds.
        points: `(N, p)` of them.
        left: seconds left; points that come later are not proved.
    """
    good, shares = np.zeros(len(points), dtype=bool), np.full(len(points), -1.0)
    for part in b.parts(len(points)):
        if left() <= 0.0:
            break
        try:
            good[part], shares[part] = _stay(b, points[part])
        except EnclosureError:  # no float holds a number that it needs
            continue
    return good, shares


def _stay(b: Bent, points: Array) -> tuple[Mask, Array]:
    """The same of points that are taken at once."""
    c = b.at.c
    found = b.taken(points, False)
    if found is None:
        return np.zeros(len(points), dtype=bool), np.full(len(points), -1.0)
    lengths = fp.row_norms(points)
    margin = c.sums.margins(points, lengths, c.w)
    margin -= (4.0 * U * np.abs(margin) + fp.FLOOR) * RAISE
    near = (lengths < FAR) & (found[0].share < FAR)
    return np.asarray(near & (found[0].most(b.at.k) * ROOM < margin)), found[0].share
