"""D24 of motions: how far outputs and weights of a logistic head move under any few changes, by one box of all of them.

The box bounds `e·w_M` from below for every e, hence outputs both ways. Of weights the changed rows' pulls are a sum of
few vectors (D31), and what rows bend is bounded for all directions at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from certify.finders.head.boxes import minimiser
from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array
from certify.systems.head.rows.boxes.trap import centre
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.bent_box.image import TINY, Bent
from certify.theorems.head.rows.bent_box.method import LARGEST, WIDEST
from certify.theorems.head.rows.bent_box.search import box
from certify.theorems.head.rows.bent_box.spectra import largest as largest_share
from certify.theorems.head.rows.box_tree import oriented, refusal, unscalable
from certify.theorems.head.rows.moves.few_vectors import Vectors, largest, longest_sum


@dataclass(frozen=True, eq=False)
class Ways:
    """How far outputs go down and up at most, `(N,)` each; infinite where the time was up."""

    falls: Array
    rises: Array


def able(head: Head, change: Change) -> str:
    """Whether it is any rows of a logistic head of one output, few enough columns; else why not, in words."""
    if not isinstance(change, RowChange):
        return "any few rows change, and no groups or named rows"
    if why := refusal(replace(head, threshold=0.0), change) or unscalable(head):
        return why
    if head.m > WIDEST:
        return f"it is for {WIDEST} columns and fewer, and there are {head.m}"
    return "" if float(head.n) ** 2 * head.m**2 <= LARGEST else f"{head.n} rows of {head.m} columns are too many for it"


def box_of(head: Head, change: RowChange, left: Callable[[], float]) -> Bent | None:
    """The box that holds every refit; None where none is found, or the time is up.

    Args:
        head, change: of which :func:`able` says nothing.
        left: seconds left.
    """
    with np.errstate(all="ignore"):
        try:
            s, _ = oriented(replace(head, threshold=0.0), change)
            c = centre(s, s.whole, minimiser(s, s.whole, head.V[0]))
            found = box(c, np.array(change.rows, np.int64), change.count, left)
        except EnclosureError:  # no float holds a number that it needs
            return None
    return None if found is None else found[0]


def outputs_bent(b: Bent, points: Array, left: Callable[[], float]) -> Ways:
    """How far `e·w` goes from today's refit, for some rows e.

    Args:
        b: a box that holds.
        points: `(N, p)` of them, exactly.
        left: seconds left.
    """
    falls, rises = np.full((2, len(points)), np.inf)
    for part in b.parts(len(points)):
        if left() <= 0.0:
            break
        with np.errstate(all="ignore"):
            try:
                both = b.taken(points[part], True)
            except EnclosureError:  # no float holds a number that it needs
                continue
        if both is None:
            continue
        for one, other, out in zip(both, both[::-1], (falls, rises), strict=True):
            ends = (one.most(b.at.k) + other.fixed) * RAISE  # today's refit lies the other way, within what is fixed
            out[part] = np.where(np.isfinite(ends), ends, np.inf)
    return Ways(falls, rises)


def weights_bent(b: Bent) -> float:
    """An upper bound of the distance between refits; infinite where none is proved."""
    with np.errstate(all="ignore"):
        try:
            found = _weights(b)
        except EnclosureError:
            return np.inf
    return found if np.isfinite(found) else np.inf


def _weights(b: Bent) -> float:
    at, s = b.at, b.at.c.sums
    p, X, size = s.S.shape[1], at.X, fp.frobenius(at.X)
    u = s.S @ X
    off = fp.dot_unit(p) * size * s.norms * RAISE + fp.FLOOR
    length = (fp.row_norms(u) + off) * RAISE
    away = fp.frobenius(at.H @ X - np.eye(p)) + (fp.dot_unit(p + 2) * fp.frobenius(at.H) + at.H_off) * size
    bends = length * (np.abs(b.mid) + b.half) * (RAISE * RAISE)
    share = largest_share(b.rows, (bends @ b.rows.products)[None, :],
                          np.array([float(bends @ b.rows.rounding) * fp.sum_up(2 * len(s.S))]))
    if share is None:
        return np.inf
    lam = float(share[0]) * RAISE
    rough = float(length @ (at.c.kept * at.c.at.D_off * b.far)) * fp.sum_up(len(s.S))
    fixed = (0.5 * lam * (1.0 + 1.0 / TINY) * b.rest * b.rest + size * at.c.gradient + rough
             + away * RAISE * b.reach) * RAISE
    moved = 0.5 * lam * (1.0 + TINY) * largest(b.rho, at.k) * RAISE
    pulls = b.size if s.relabels else np.stack([b.size, -b.back * b.size], axis=1)
    vectors = Vectors(np.reshape(pulls, (len(at.free), -1, 1)), u[at.free])
    lost = largest(b.size * max(1.0, b.back) * (off + 8 * fp.U * length)[at.free] * RAISE, at.k)
    return float((longest_sum(vectors, at.k) + lost + moved + 2.0 * fixed) * RAISE * RAISE)
