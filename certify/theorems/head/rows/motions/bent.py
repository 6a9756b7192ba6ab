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
from certify.theorems.head.rows.bent_box.image import LIFT, TINY, Bent, Image
from certify.theorems.head.rows.bent_box.method import LARGEST, WIDEST
from certify.theorems.head.rows.bent_box.search import ROOM, box
from certify.theorems.head.rows.bent_box.spectra import largest as largest_share
from certify.theorems.head.rows.box_tree import oriented, refusal, unscalable
from certify.theorems.head.rows.motions.few_vectors import Vectors, largest, longest_sum


@dataclass(frozen=True, eq=False)
class Ways:
    """How far outputs go down and up at most, `(N,)` each, infinite where the time was up; and λ, `(2, N)`."""

    falls: Array
    rises: Array
    shares: Array


def able(head: Head, change: Change) -> str:
    """Whether it is any rows of a logistic head of one output, few enough columns; else why not, in words."""
    if not isinstance(change, RowChange):
        return "any few rows change, and no groups or named rows"
    if why := refusal(replace(head, threshold=0.0), change) or unscalable(head) or head.beyond:
        return why
    if head.m > WIDEST:
        return f"it is for {WIDEST} columns and fewer, and there are {head.m}"
    return "" if float(head.n) ** 2 * head.m**2 <= LARGEST else f"{head.n} rows of {head.m} columns are too many for it"


def box_of(head: Head, change: RowChange, left: Callable[[], float]) -> tuple[Bent, Image] | None:
    """The box that holds every refit, and what it falls back into; None where none is found, or the time is up.

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
    return found


def outputs_bent(b: Bent, points: Array, left: Callable[[], float]) -> Ways:
    """How far `e·w` goes from today's refit, for some rows e.

    Args:
        b: a box that holds.
        points: `(N, p)` of them, exactly.
        left: seconds left.
    """
    shares = np.full((2, len(points)), -1.0)
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
        for one, other, out, share in zip(both, both[::-1], (falls, rises), shares, strict=True):
            share[part] = one.share
            ends = (one.most(b.at.k) + other.fixed) * RAISE  # today's refit lies the other way, within what is fixed
            out[part] = np.where(np.isfinite(ends), ends, np.inf)
    return Ways(falls, rises, shares)


def weights_bent(b: Bent) -> tuple[float, float]:
    """An upper bound of the distance between refits, infinite where none is proved, and its λ."""
    with np.errstate(all="ignore"):
        try:
            found, share = _weights(b)
        except EnclosureError:
            return np.inf, -1.0
    return (found, share) if np.isfinite(found) else (np.inf, -1.0)


def _weights(b: Bent) -> tuple[float, float]:
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
        return np.inf, -1.0
    lam = (float(share[0]) * LIFT + float(bends @ b.room)) * RAISE
    rough = float(length @ (at.c.kept * at.c.at.D_off * b.far)) * fp.sum_up(len(s.S))
    fixed = (0.5 * lam * (1.0 + 1.0 / TINY) * b.rest * b.rest + size * at.c.gradient + rough
             + away * RAISE * b.reach) * RAISE
    moved = 0.5 * lam * (1.0 + TINY) * largest(b.rho, at.k) * RAISE
    pulls = b.size if s.relabels else np.stack([b.size, -b.back * b.size], axis=1)
    vectors = Vectors(np.reshape(pulls, (len(at.free), -1, 1)), u[at.free])
    lost = largest(b.size * max(1.0, b.back) * (off + 8 * fp.U * length)[at.free] * RAISE, at.k)
    return float((longest_sum(vectors, at.k) + lost + moved + 2.0 * fixed) * RAISE * RAISE), lam


def stated(head: Head, change: Change, points: Array | None, left: Callable[[], float],
           ) -> tuple[float, dict[str, Array]] | None:
    """An upper end with what a checker needs, of outputs at some rows, or of weights; None where none is proved.

    Args:
        head, change: what may happen.
        points: `(N, p)`; None: the weights are meant.
        left: seconds left.
    """
    if head.weights is not None or able(head, change) or not isinstance(change, RowChange):
        return None
    found = box_of(head, change, left)
    if found is None:
        return None
    b, image = found
    arrays = {"weights": b.at.c.w, "slabs": b.slabs.all()[: 2 if change.relabels else 4], "rows": image.shares}
    if points is None:
        upper, share = weights_bent(b)
        arrays["share"] = np.array([share])
    else:
        ways = outputs_bent(b, points, left)
        upper = float(np.maximum(ways.falls, ways.rises).max(initial=0.0))
        arrays["points"] = ways.shares
    return (upper * ROOM, arrays) if np.isfinite(upper) else None
