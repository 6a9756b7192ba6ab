"""How near the refit of the unchanged data is, in numbers of twice the digits: what a checker finds, and no rounding.

Of columns as they come (dollars, millimetres) the gradient near the refit is a small difference of large sums. The
bound of its rounding in float64, stretched by how far the rows are from the origin, is more than a checker takes for
rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from certify.format.errors import EnclosureError
from certify.network.layers.gradients import layer_sum
from certify.network.loss.losses import enclose_losses
from certify.rigor import fp
from certify.rigor.arithmetic import DoubleDouble, Pair, two_sum
from certify.rigor.ball import Balls, affine, known_matrix
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.centred import FAR
from certify.systems.head.rows.change import NONE, Choices
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses.balls import enclosed_slopes
from certify.systems.head.rows.refit import ROOM, TRIES
from certify.systems.head.rows.weights import UNIT

Curved = Callable[[Array], Sequence[Array]]
"""By output, or for all together: lower bounds `(n,)` of what rows curve where their outputs move by `(n,)` at most."""

BALLS = 2.0**-60
"""Of slopes and outputs, what 64-bit balls of a checker may leave open: it knows no weights to be nearer than that."""

SMALL = 1 << 17
"""Entries of the rows up to which this takes no time worth a thought."""


def known_finely(head: Head) -> bool:
    """Whether the intercept is free, and what rows count is known: as they say, or balanced."""
    return head.free_intercept and head.m >= 2 and not (
        head.weights and head.weights.by_label and not head.weights.balanced)


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
    outputs = affine(Balls.make(Pair(head.phi), head.phi_rad, exact), known_matrix(centre), None, exact)
    v, curved = _read_off(head, outputs, exact) if head.loss.read_off else _by_balls(head, outputs, exact)
    now = np.sum(curved(np.zeros(head.n)), axis=0)
    total = float(now.sum())
    if not total > 0:
        return float("inf")
    if head.weights is not None:
        v = _counted(v, *_counts(head), exact)
    x = head.phi[:, :-1]
    far = np.linalg.norm(x.mean(axis=0)) > FAR  # there a checker has 192 bits
    left = 0.0 if far else BALLS * float(head.phi_norm @ (v.norm + _counts(head)[0] * head.phi_norm * fp.frobenius(
        centre)))
    found = _from(head, centre, np.zeros(x.shape[1]), curved, v, exact, left)
    if far:
        found = min(found, _from(head, centre, x.T @ now / total, curved, v, exact, left))  # the mean in any floats
    return found


def _read_off(head: Head, outputs: Balls, exact: DoubleDouble) -> tuple[Balls, Curved]:
    """Slopes, and curvatures that are read off them and fall as outputs move: `e^(−t) ≥ (1 − t/8)₊⁸`."""
    labels = head.Y[:, 0] if head.loss.sigmoid else None
    v = enclose_losses(head.loss.name, outputs, None if head.loss.sigmoid else head.Y, labels, exact).slopes
    error = float((v.rad + _low(v)).max()) * RAISE
    counts, off = _counts(head)
    D = head.loss.curvatures(v.mid.hi, error) * counts * (1 - off - 2 * U)

    def curved(reach: Array) -> Sequence[Array]:
        return (D * np.fmax(1.0 - head.loss.fading * reach * (RAISE / 8), 0.0) ** 8 * (1 - 2.0**-48),)

    return v, curved


def _by_balls(head: Head, outputs: Balls, exact: DoubleDouble) -> tuple[Balls, Curved]:
    """The same of losses that heads alone know: slopes row by row in balls, curvatures of every output by itself."""
    v = enclosed_slopes(head.loss, outputs, head.Y, exact)
    Z, off = outputs.mid.hi, outputs.rad + _low(outputs)
    g, error = head.loss.slopes(Z, head.Y)
    counts, lost = _counts(head)

    def curved(reach: Array) -> Sequence[Array]:
        if not np.isfinite(error):
            return (np.zeros(head.n),)
        return [D * counts * (1 - lost - 2 * U) for D in head.loss.floors(Z, (off + reach) * RAISE, g)]

    return v, curved


def _low(x: Balls) -> Array | float:
    """How long the low parts are."""
    return 0.0 if x.mid.lo is None else fp.row_norms(x.mid.lo)


def _counts(head: Head) -> tuple[Array, float]:
    """What every row counts today, and how far that may be off, relatively: balanced weights are rounded quotients."""
    if head.weights is None:
        return np.ones(head.n), 0.0
    if not head.weights.balanced:
        return head.weights.rows, 0.0
    nothing = Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))
    return head.weights.of(head, nothing)[:, 0], 2 * UNIT


def _from(head: Head, centre: Array, c: Array, curved: Curved, v: Balls, exact: DoubleDouble, left: float) -> float:
    """The distance that is proved of `(U, β + Uc)`, and back, the gradient longer by what is left open."""
    one = head.phi[:, -1:]
    hi, lo = two_sum(head.phi[:, :-1], np.broadcast_to(-c, head.phi[:, :-1].shape))  # x − c without rounding
    rows = Balls.make(Pair(np.hstack([hi, one]), np.hstack([lo, np.zeros_like(one)])), head.phi_rad, exact)
    stretch = (2.0 + float(fp.row_norms(c[None, :])[0])) * RAISE if c.any() else 1.0
    return _held(head, rows, curved, _size(head, centre, rows, v, exact) + left) * stretch * RAISE


def _counted(v: Balls, counts: Array, off: float, exact: DoubleDouble) -> Balls:
    """Slopes times what rows count, which may be off by so much of it."""
    mid = exact.multiply(v.mid, Pair(counts[:, None]))
    rad = ((counts * v.rad) * (1 + off) + (exact.unit + off) * counts * v.norm) * RAISE + fp.FLOOR
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


def _held(head: Head, rows: Balls, curved: Curved, size: float) -> float:
    """`|∇G|/σ` on the smallest of some balls which the refit is proved to lie in; of several outputs the least σ."""
    mid, wrong = head.mu()
    mu = (mid - wrong) * (1 - 4 * U)
    now = curved(np.zeros(head.n))
    found, radius = float("inf"), 0.0
    for _ in range(TRIES):
        # all curvatures at the weights times one share have their mean where it is; or those of the ball as they are
        sigma = min(max(_modulus(rows, mu, D, _share(D, least)), _modulus(rows, mu, least, 1.0))
                    for D, least in zip(now, curved(rows.norm * radius), strict=True))
        if not sigma > 0:
            break
        near = size / sigma * ROOM
        if near < radius:
            found = min(found, near)
        radius = near * 1.5
    return found


def _share(D: Array, least: Array) -> float:
    """A number f with `fD ≤ least`."""
    some = D > 0
    return float((least[some] / D[some]).min(initial=1.0)) * (1 - 4 * U) if some.any() else 0.0


def _modulus(rows: Balls, mu: float, D: Array, share: float) -> float:
    """`μs/(μ + s + s|x̄ − c|²)` of curvatures times a share, which leaves their mean where it is."""
    unit = fp.dot_unit(len(D))
    low = float(D.sum()) * (1 - 2 * unit)
    if not low * share > 0:
        return 0.0
    mean = rows.mid.hi[:, :-1].T @ D
    off = float((rows.norm * unit + rows.rad + _low(rows)) @ D) * fp.sum_up(len(D))
    far = (float(fp.row_norms(mean[None, :])[0]) + off) / low * RAISE
    s = low * share
    return mu * s / ((mu + s + s * far * far) * RAISE) * (1 - 4 * U)
