"""How near the refit of the unchanged data is, in numbers of twice the digits: what a checker finds, and no rounding.

Of columns as they come (dollars, millimetres) the gradient near the refit is a small difference of large sums. The
bound of its rounding in float64, stretched by how far the rows are from the origin, is more than a checker takes for
rounding.
"""

from __future__ import annotations

import numpy as np

from certify.format.errors import EnclosureError
from certify.network.layers.gradients import layer_sum
from certify.network.loss.losses import enclose_losses
from certify.rigor import fp
from certify.rigor.arithmetic import DoubleDouble, Pair, two_sum
from certify.rigor.ball import Balls, affine, known_matrix
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.centred import FAR
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.refit import ROOM, TRIES

SMALL = 1 << 17
"""Entries of the rows up to which this takes no time worth a thought."""


def known_finely(head: Head) -> bool:
    """Whether the intercept is free and the slopes of the loss are known in twice the digits."""
    return head.free_intercept and head.m >= 2 and head.loss.read_off and not (head.weights and head.weights.by_label)


def nearest(head: Head, centre: Array) -> float:
    """Upper bound of the distance from weights to the refit of the unchanged data (D1b).

    From the origin and, where a checker does so too, from the middle of the rows: it would not find a smaller one.

    Args:
        head: a head that is known finely.
        centre: `(k, m)` weights V̂.

    Returns:
        The distance, infinite where nothing is proved; of a shifted loss that to one of the refits.
    """
    try:
        with np.errstate(all="ignore"):
            found = _nearest(head, centre)
    except EnclosureError:
        return float("inf")
    return found if np.isfinite(found) else float("inf")


def _nearest(head: Head, centre: Array) -> float:
    exact = DoubleDouble()
    v = _slopes(head, centre, exact)
    error = float((v.rad + (0.0 if v.mid.lo is None else fp.row_norms(v.mid.lo))).max()) * RAISE
    counts = np.ones(head.n) if head.weights is None else head.weights.rows
    D = head.loss.curvatures(v.mid.hi, error) * counts * (1 - 2 * U)
    total = float(D.sum())
    if not total > 0:
        return float("inf")
    if head.weights is not None:
        v = _counted(v, counts, exact)
    x = head.phi[:, :-1]
    found = _from(head, centre, np.zeros(x.shape[1]), D, v, exact)
    if np.linalg.norm(x.mean(axis=0)) > FAR:
        found = min(found, _from(head, centre, x.T @ D / total, D, v, exact))  # the mean by curvature in any floats
    return found


def _from(head: Head, centre: Array, c: Array, D: Array, v: Balls, exact: DoubleDouble) -> float:
    """The distance that is proved of `(U, β + Uc)`, and back."""
    one = head.phi[:, -1:]
    hi, lo = two_sum(head.phi[:, :-1], np.broadcast_to(-c, head.phi[:, :-1].shape))  # x − c without rounding
    rows = Balls.make(Pair(np.hstack([hi, one]), np.hstack([lo, np.zeros_like(one)])), head.phi_rad, exact)
    stretch = (2.0 + float(fp.row_norms(c[None, :])[0])) * RAISE if c.any() else 1.0
    return _held(head, rows, D, _size(head, centre, rows, v, exact)) * stretch * RAISE


def _slopes(head: Head, centre: Array, exact: DoubleDouble) -> Balls:
    """The slopes of all rows at the outputs of the weights."""
    outputs = affine(Balls.make(Pair(head.phi), head.phi_rad, exact), known_matrix(centre), None, exact)
    labels = head.Y[:, 0] if head.loss.sigmoid else None
    return enclose_losses(head.loss.name, outputs, None if head.loss.sigmoid else head.Y, labels, exact).slopes


def _counted(v: Balls, counts: Array, exact: DoubleDouble) -> Balls:
    """Slopes times what rows count."""
    mid = exact.multiply(v.mid, Pair(counts[:, None]))
    rad = (counts * v.rad + exact.unit * counts * v.norm) * RAISE + fp.FLOOR
    return Balls.make(mid, rad, exact)


def _size(head: Head, centre: Array, rows: Balls, v: Balls, exact: DoubleDouble) -> float:
    """Upper bound of the gradient in `(U, β + Uc)`: `Σ g_i ⊗ (x_i − c) + μU` beside `Σ g_i`."""
    M, lost = layer_sum(rows, v, None, head.n, exact)
    mid, wrong = head.mu()
    held = np.where(head.decayed, centre, 0.0)
    pull = exact.multiply(Pair(held), Pair(np.full((1, 1), mid)))
    length = fp.frobenius(held)
    whole = exact.add(M, pull)
    # a product errs by the unit of its size, a sum by that of both of its terms, low parts in RAISE
    rounded = exact.unit * (2 * mid * length + fp.frobenius(M.hi)) * RAISE
    low = 0.0 if whole.lo is None else fp.frobenius(whole.lo)
    return (fp.frobenius(whole.hi) + low + rounded + wrong * length + fp.up(lost)) * RAISE + fp.FLOOR


def _held(head: Head, rows: Balls, D: Array, size: float) -> float:
    """`|∇G|/σ` on the smallest of some balls which the refit is proved to lie in; D: the curvatures at the weights."""
    x = rows.mid.hi[:, :-1]
    rad = rows.rad + (0.0 if rows.mid.lo is None else fp.row_norms(rows.mid.lo))
    mid, wrong = head.mu()
    mu = (mid - wrong) * (1 - 4 * U)

    def modulus(now: Array, share: float) -> float:
        """`μs/(μ + s + s|x̄ − c|²)` of curvatures times a share, which leaves their mean where it is."""
        low = float(now.sum()) * (1 - 2 * fp.dot_unit(head.n))
        if not low * share > 0:
            return 0.0
        mean = x.T @ now
        off = float((rows.norm * fp.dot_unit(head.n) + rad) @ now) * fp.sum_up(head.n)
        far = (float(fp.row_norms(mean[None, :])[0]) + off) / low * RAISE
        s = low * share
        return mu * s / ((mu + s + s * far * far) * RAISE) * (1 - 4 * U)

    found, radius = float("inf"), 0.0
    for _ in range(TRIES):
        falls = np.fmax(1.0 - head.loss.fading * rows.norm * radius * (RAISE / 8), 0.0)
        left = falls**8 * (1 - 2.0**-48)  # e^(−t) ≥ (1 − t/8)₊⁸
        sigma = max(modulus(D, float(left.min())), modulus(D * left * (1 - 2 * U), 1.0))
        if not sigma > 0:
            break
        near = size / sigma * ROOM
        if near < radius:
            found = min(found, near)
        radius = near * 1.5
    return found
