"""Attacks on D15: softmax regressions of odd scales, points put where a label is just lost, and refits that try to."""

from __future__ import annotations

import numpy as np

from certify.format.errors import CertifyError
from certify.systems.head.rows.stored.rows import Held, Rows
from certify.theorems.head.rows.classes.alone import alone, by_lengths
from certify.theorems.head.rows.classes.answered import asked
from certify.theorems.head.rows.classes.centre import Ground, settled
from certify.theorems.head.rows.classes.per_row import Each
from certify.theorems.head.rows.lengths.centre import scaled
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation

TRIED = 25
"""Choices of rows that are fitted again."""

CLEAR = 1e-8
"""Part of the sizes of its terms from which on the sign of a margin in floats is believed."""


def refit(phi: np.ndarray, y: np.ndarray, keep: np.ndarray, decay: np.ndarray, W: np.ndarray) -> np.ndarray | None:
    """Weights of the minimum from a start, by damped Newton; None where floats do not come near."""
    k, p = W.shape
    free = np.kron(np.ones((k, k)), np.diag((decay == 0).astype(float)))

    def value(V: np.ndarray) -> float:
        Z = phi @ V.T
        top = Z.max(axis=1)
        return float(keep @ (np.log(np.exp(Z - top[:, None]).sum(axis=1)) + top - Z[np.arange(len(y)), y])
                     + 0.5 * (decay * V * V).sum())

    size = np.inf
    for _ in range(80):
        Z = phi @ W.T
        s = np.exp(Z - Z.max(axis=1, keepdims=True))
        s /= s.sum(axis=1, keepdims=True)
        g = ((s - np.eye(k)[y]) * keep[:, None]).T @ phi + decay * W
        A = keep[:, None, None] * (s[:, :, None] * np.eye(k) - s[:, :, None] * s[:, None, :])
        H = np.einsum("nab,np,nq->apbq", A, phi, phi, optimize=True).reshape(k * p, k * p)
        step = np.linalg.solve(H + np.kron(np.eye(k), np.diag(decay)) + free, g.ravel()).reshape(k, p)
        size = abs(float((g * step).sum()))
        if size < 1e-25:
            return W
        t = 1.0
        while t > 1e-6 and not value(W - t * step) <= value(W) + 1e-14 * abs(value(W)):
            t /= 2
        W = W - t * step
    return W if size < 1e-20 else None


def drawn(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Rows, classes, decay with or without the intercept, and how many classes."""
    n, d, k = int(rng.integers(30, 200)), int(rng.integers(1, 4)), int(rng.integers(2, 5))
    X = rng.standard_normal((n, d)) * 10.0 ** rng.uniform(-2, 2, d)
    if rng.random() < 0.3:
        X *= 1.0 + 4.0 * (rng.random((n, 1)) < 0.05)  # a few rows that are long
    B = rng.standard_normal((d, k)) / np.abs(X).max(axis=0)[:, None] * 4.0
    y = (X @ B + rng.uniform(0.1, 1.0) * rng.gumbel(size=(n, k))).argmax(axis=1)
    y[:k] = np.arange(k)
    phi = np.c_[X.astype(np.float32), np.ones(n)].astype(np.float64)
    decay = np.full(d + 1, 10.0 ** rng.uniform(-2, 2.5))
    if rng.random() < 0.7:
        decay[-1] = 0.0
    return phi, y, decay, k


def changed(rng: np.random.Generator, y: np.ndarray, k: int, some: np.ndarray, relabel: bool,
            ) -> tuple[np.ndarray, np.ndarray]:
    """Classes and weights of rows after a change."""
    new, keep = y.copy(), np.ones(len(y))
    if relabel:
        new[some] = (new[some] + rng.integers(1, k, len(some))) % k
    else:
        keep[some] = 0.0
    return new, keep


def margins(points: np.ndarray, label: np.ndarray, W: np.ndarray) -> np.ndarray:
    """Least margins of labels."""
    Z = points @ W.T
    gaps = Z[np.arange(len(Z)), label][:, None] - Z
    gaps[np.arange(len(Z)), label] = np.inf
    return np.asarray(gaps.min(axis=1))


def near_edges(rng: np.random.Generator, phi: np.ndarray, base: np.ndarray, W: np.ndarray) -> np.ndarray:
    """Points moved along a column to where a refit just loses the label, or just keeps it."""
    points = np.c_[phi[rng.integers(0, len(phi), 12), :-1], np.ones(12)]
    for j, x in enumerate(points):
        a, b = np.argsort(-(W @ x))[:2]
        w = W[a] - W[b]
        at = int(np.argmax(np.abs(w[:-1]) * np.abs(phi[:, :-1]).max(axis=0)))
        aim = abs(float((W - base)[a] @ x)) * rng.choice([-1e-6, 1e-6, 0.02, -0.02, 0.3])
        points[j, at] -= (w @ x - aim) / w[at] if w[at] else 0.0
    return points


def said(ground: Ground, V: np.ndarray, points: np.ndarray, label: np.ndarray, count: int, relabel: bool,
         ) -> tuple[np.ndarray, np.ndarray]:
    """Which labels stay, and which row takes one away (−1: none)."""
    c = settled(ground, V)
    by = c.measure
    numbers = ground.rows.tallied(Each(c.V, ground.label, by.R, by.size, by.gap)).numbers()
    ask = asked(by, points, label)
    if count == 1 and not relabel:
        found = alone(c, numbers, ask)
        return (found.least > 0.0) & (found.stuck < 0), found.flips
    pull, lost = (float(np.sort(numbers[row])[::-1][:count].sum()) * (1.0 + 1e-12) for row in (1 + relabel, 3))
    distance = by_lengths(c, numbers, pull, 0.0 if relabel else lost)
    stays = np.zeros(len(points), dtype=bool)
    if np.isfinite(distance):
        stays = ask.margins(c.V[None], np.array([distance]))[0][:, 0] > 0.0
    return stays, np.full(len(points), -1)


@attack("rows_by_classes", "D15", slow=20)
def by_classes(rng: np.random.Generator) -> Outcome:
    """No choice of rows contradicts what is proved of a label."""
    phi, y, decay, k = drawn(rng)
    (n, p), relabel = phi.shape, bool(rng.random() < 0.3)
    count, penalty = (1 if rng.random() < 0.6 else 2), float(decay[0])
    try:
        base = refit(phi, y, np.ones(n), decay, np.zeros((k, p)))
    except np.linalg.LinAlgError:
        return "refused"
    if base is None:
        return "refused"
    Z = phi @ base.T
    order = np.argsort(Z[np.arange(n), y] - Z.max(axis=1))  # those that the model is most wrong about first
    tries = [rng.choice(n, int(rng.integers(1, count + 1)), replace=False) for _ in range(TRIED - 8)]
    tries += [order[at : at + count] for at in range(8)]
    refits = [(some, refit(phi, *changed(rng, y, k, some, relabel), decay, base)) for some in tries]
    known = [(some, W) for some, W in refits if W is not None]
    points = near_edges(rng, phi, base, known[int(rng.integers(0, len(known)))][1] if known else base)
    if not np.isfinite(points).all():
        return "refused"
    label = (points @ base.T).argmax(axis=1)
    given = base * (1.0 + 10.0 ** rng.uniform(-12, -3) * rng.standard_normal(base.shape))
    try:
        rows = scaled(Rows(Held(phi), np.ones(p)), penalty, decay > 0)
        ground = Ground(rows, rows.per_row(y), decay * rows.scale**2, 0.0)
        stays, flips = said(ground, (given[:-1] - given[-1]) / rows.scale, points * rows.scale, label, count, relabel)
    except CertifyError:
        return "refused"
    sizes = np.abs(points) @ np.abs(base).max(axis=0)
    for some, W in known:
        if (margins(points, label, W) < -CLEAR * sizes)[stays].any():
            raise Violation(f"a label that stays is lost: n {n}, p {p}, k {k}, rows {some.tolist()}, relabel {relabel}")
    for j in np.flatnonzero(flips >= 0):
        W = refit(phi, *changed(rng, y, k, flips[j : j + 1], False), decay, base)
        if W is not None and margins(points, label, W)[j] > CLEAR * sizes[j]:
            raise Violation(f"a label that is flipped stays: n {n}, p {p}, k {k}, row {flips[j]}")
    return "decided" if stays.any() or (flips >= 0).any() else "refused"
