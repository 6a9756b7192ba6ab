"""Attacks on D14: logistic regressions of odd scales, points put where a label is just lost, and refits that try to."""

from __future__ import annotations

import numpy as np

from certify.format.errors import CertifyError
from certify.systems.head.rows.stored.rows import Held, Rows
from certify.theorems.head.rows.lengths.answered import answered
from certify.theorems.head.rows.lengths.centre import scaled, settled
from certify.theorems.head.rows.lengths.reach import reach
from certify.theorems.head.rows.squared.streamed.deletions import FLIPS, STAYS
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation

TRIED = 30
"""Random choices of rows."""

CLEAR = 1e-9
"""Part of the sizes of its terms from which on the sign of an output in floats is believed."""


def refit(phi: np.ndarray, sign: np.ndarray, keep: np.ndarray, decay: np.ndarray, V: np.ndarray) -> np.ndarray | None:
    """Weights of the minimum from a start, by damped Newton; None where floats do not come near."""
    def value(w: np.ndarray) -> float:
        return float((np.logaddexp(0.0, -sign * (phi @ w)) * keep).sum() + 0.5 * decay @ (w * w))

    for _ in range(60):
        p = np.exp(-np.logaddexp(0.0, sign * (phi @ V)))
        g = phi.T @ (-sign * p * keep) + decay * V
        H = (p * (1 - p) * keep * phi.T) @ phi + np.diag(decay)
        step = np.linalg.solve(H, g)
        if abs(float(g @ step)) < 1e-26:
            return V
        t = 1.0
        while t > 1e-6 and not value(V - t * step) <= value(V) + 1e-14 * abs(value(V)):
            t /= 2
        V = V - t * step
    return V if abs(float(g @ step)) < 1e-20 else None


def drawn(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, labels, and decay with or without the intercept."""
    n, d = int(rng.integers(40, 300)), int(rng.integers(1, 4))
    X = rng.standard_normal((n, d)) * 10.0 ** rng.uniform(-3, 3, d)
    if rng.random() < 0.3:
        X *= 1.0 + 4.0 * (rng.random((n, 1)) < 0.05)  # a few rows that are long
    y = np.where(X @ (rng.standard_normal(d) / np.abs(X).max(axis=0)) + 0.5 * rng.standard_normal(n) > 0, 1.0, -1.0)
    y[:2] = 1.0, -1.0
    phi = np.c_[X.astype(np.float32), np.ones(n)].astype(np.float64)
    decay = np.full(d + 1, 10.0 ** rng.uniform(-2, 2))
    if rng.random() < 0.7:
        decay[-1] = 0.0
    return phi, y, decay


@attack("rows_by_lengths", "D14", slow=10)
def by_lengths(rng: np.random.Generator) -> Outcome:
    """No choice of rows contradicts what is proved of a label, those of the largest terms among them."""
    phi, y, decay = drawn(rng)
    (n, p), relabel = phi.shape, bool(rng.random() < 0.5)
    count, penalty = int(rng.integers(1, 4)), float(decay[0])
    try:
        base = refit(phi, y, np.ones(n), decay, np.zeros(p))
    except np.linalg.LinAlgError:
        return "refused"
    if base is None:
        return "refused"
    given = base * (1.0 + 10.0 ** rng.uniform(-12, -2) * rng.standard_normal(p))
    slopes = -y * np.exp(-np.logaddexp(0.0, y * (phi @ base)))
    pull = y if relabel else -slopes
    tries = [rng.choice(n, int(rng.integers(1, count + 1)), replace=False) for _ in range(TRIED)]
    tries += [np.argsort(-np.abs(pull) * np.abs(phi @ rng.standard_normal(p)))[:count] for _ in range(4)]
    refits = []
    for some in tries:
        sign, keep = y.copy(), np.ones(n)
        (sign if relabel else keep)[some] *= -1.0 if relabel else 0.0
        refits.append(refit(phi, sign, keep, decay, base))
    known = [w for w in refits if w is not None]
    points = np.c_[phi[rng.integers(0, n, 12), :-1], np.ones(12)]
    if known:  # moved along a column to where one of the refits just loses the label, or just keeps it
        w = known[int(rng.integers(0, len(known)))]
        j = int(np.argmax(np.abs(w[:-1]) * np.abs(phi[:, :-1]).max(axis=0)))
        aim = np.abs(points @ (w - base)) * rng.choice([-1e-6, 1e-6, 0.02, -0.02, 0.3], 12)
        points[:, j] -= (points @ w - aim) / w[j]
    if not np.isfinite(points).all():
        return "refused"
    try:
        rows = scaled(Rows(Held(phi), np.ones(p)), penalty, decay > 0)
        at = settled(rows, rows.per_row(y[:, None]), decay * rows.scale**2, 0.0, given / rows.scale)
        reached = reach(at, count, relabel)
        if isinstance(reached, str):
            return "refused"
        side = np.where(points @ base > 0, 1.0, -1.0)
        found = answered(at, reached, points * side[:, None], count, relabel)
    except CertifyError:
        return "refused"
    sizes = np.abs(points) @ np.abs(base)
    for w in known:
        if (side * (points @ w) < -CLEAR * sizes)[found.status == STAYS].any():
            raise Violation(f"a label that stays is lost: n {n}, p {p}, count {count}, relabel {relabel}")
    for j in np.flatnonzero(found.status == FLIPS):
        changed = list(found.rows[j])
        sign, keep = y.copy(), np.ones(n)
        (sign if relabel else keep)[changed] *= -1.0 if relabel else 0.0
        w = refit(phi, sign, keep, decay, base)
        if w is not None and side[j] * (points[j] @ w) > CLEAR * sizes[j]:
            raise Violation(f"a label that is flipped stays: n {n}, p {p}, rows {changed}, relabel {relabel}")
    return "decided" if ((found.status == STAYS) | (found.status == FLIPS)).any() else "refused"
