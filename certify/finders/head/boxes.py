"""Proposals for trapping boxes: slabs by a monotone iteration, a centre by Newton's method. Nothing is proved."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.boxes.sums import Sums
from certify.systems.head.rows.boxes.trap import WIDE, Centre, Slabs, trap

ROUNDS = 40
CAP = 25.0
SLACK = 1.01
WARM = 0.9
NEAR = 0.05
OUTWARD = 1.04

STILL, FALLS = 1e-3, 0.1
"""Squared Newton decrement from which on a Hessian is used again, as long as each is less than such a part of the one
before."""


def minimiser(s: Sums, kept: Array, w: Array, tolerance: float = 1e-20, rounds: int = 60) -> Array:
    """Newton's method with a line search from w on the sum of the kept rows.

    Of a large table a Hessian takes most of the time: it is formed in single precision, and used again near the end.
    """
    S, rough = s.S, s.halved
    H, before, again, still = np.zeros((0, 0)), np.inf, False, np.zeros(len(S))
    for _ in range(rounds):
        t = S @ w
        here = s.loss.margins(t, still, False)
        g = s.decay * w - (kept * here.p) @ S
        if not again:
            weights = (kept * here.p * (1.0 - here.p)) if s.loss.smooth else kept * here.D
            H = _hessian(s, weights) if rough else np.asarray((S.T * weights) @ S)
            H[np.diag_indices(len(H))] += s.decay
        try:
            step = np.linalg.solve(H, -g)
        except np.linalg.LinAlgError:
            step = np.full_like(w, np.nan)
        fall = float(-(g @ step))
        if rough and not 0.0 < fall <= before:  # what lacks half the digits may lead astray
            rough, again = False, False
            continue
        if not fall > 0.0:
            return w
        size = 1.0
        if fall > 1e-2:
            def value(at: Array) -> float:
                return float(s.loss.total(S @ at, kept) + 0.5 * (s.decay * at) @ at)

            start = value(w)
            while value(w + size * step) > start - 0.25 * size * fall and size > 1e-6:
                size /= 2
        w = w + size * step
        if fall < tolerance:
            return w
        again, before = rough and fall < min(STILL, FALLS * before), fall
    return w


def near_inverse(H: Array) -> Array:
    """An inverse in floats, of what has none there one that is not large: rows are put in order by it.

    >>> near_inverse(np.array([[4.0, 4.0], [4.0, 4.0]])).round(6).tolist(), near_inverse(np.array([[4.0]])).tolist()
    ([[0.0625, 0.0625], [0.0625, 0.0625]], [[0.25]])
    """
    try:
        return np.asarray(np.linalg.inv(H))
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(H, hermitian=True))


def _hessian(s: Sums, weights: Array) -> Array:
    """`Σ w_i s_i s_iᵀ` in single precision, from roots: half of the products are enough then."""
    R = s.short * np.sqrt(np.maximum(weights, 0.0)).astype(np.float32)[:, None]
    return np.asarray(R.T @ R, np.float64)


def slabs(c: Centre, free: Rows, k: int, warm: Slabs | None = None, wide: int = WIDE,
          left: Callable[[], float] = lambda: 1.0) -> Slabs | None:
    """Slabs whose image lies inside, by floats: from below, with steps that grow while they still help."""
    n = len(c.sums.S)
    at = np.zeros((4, n)) if warm is None else WARM * warm.all()
    inside = np.zeros(n, bool)
    inside[free] = True
    at[2:, ~inside] = 0.0
    before = np.inf
    for turn in range(ROUNDS):
        if left() <= 0.0:
            return None
        t = trap(c, Slabs(*at), free, k, proved=False, wide=wide)
        if t is None:
            return None
        image = np.maximum(t.image, 0.0)
        if (image * SLACK <= at).all():
            return Slabs(*at)
        most = float(image.max())
        if not most < CAP:
            return None
        more = np.maximum(image - at, 0.0)
        step = float(more.max())
        ratio = step / before if turn and before > 0.0 else 0.0
        if ratio >= 1.0 and turn > 10 and step > 0.02 * most:
            return None
        before = step
        if step < NEAR * most or turn % 4 == 3:
            at = np.maximum(at, image * OUTWARD + 1e-6)
        else:
            grow = 1.0 if turn < 2 else (min(1.0 / (1.0 - ratio), 4.0) if ratio < 0.75 else 3.0)
            at = at + grow * more
    return None
