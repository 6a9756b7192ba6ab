"""A strongly convex last layer (Q6, P4, P4b): changes of the budget, the last layer trained again, claims compared.

A try is one change of the budget. Half of them are drawn at random, half are the worst to first order for a random
linear function of the weights. The one solution is found by Newton's method in float64 to a gradient of 1e-12. It
breaks a claim if the distance or the change of an output exceeds what was proved by more than 1e-9, or if a label
changes that was proved to stay. For comparison each try is held against `1.0001` times the first-order motion of
that very change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.network.network import Network
from certify.systems.head.change import Change
from certify.systems.head.last_layer import enclose_last_layer, last_inputs
from certify.theorems.head.motion import enclose_motion
from certify.theorems.head.predictions import enclose_predictions

CASES = (
    ("cross_entropy", Change("sample_weights", 1.0, 2), 200),
    ("logistic", Change("sample_weights", 0.1, total=True), 16),
    ("cross_entropy", Change("labels", 1.0, 1), 100), ("logistic", Change("labels", 1.0, 2), 60),
    ("squared", Change("targets", 0.2), 16), ("cross_entropy", Change("features", 0.01), 16),
    ("squared", Change("features", 0.05, 2), 16), ("cross_entropy", Change("features", 0.05, total=True), 16),
)
"""Loss, budget, rows."""
WIDTHS, DECAY, BATCH, SLACK = (2, 3), 0.125, 1000, 1e-9
Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Small:
    """A training problem of the last layer, and the moved ones: many at a time, one a leading index."""

    loss: str
    W: Array
    b: Array
    X: Array
    targets: Array
    V: Array

    def phi(self, X: Array) -> Array:
        """Inputs of the last layer, with a 1 for the bias."""
        a = np.tanh(X @ self.W.T + self.b)
        return np.concatenate([a, np.ones((*a.shape[:-1], 1))], axis=-1)

    def slopes(self, f: Array, y: Array) -> tuple[Array, Array]:
        """First and second derivatives of the losses in the outputs."""
        k = f.shape[-1]
        if self.loss == "squared":
            return f - y, np.broadcast_to(np.eye(k), (*f.shape, k))
        if self.loss == "logistic":
            p = 1 / (1 + np.exp(-f))
            return p - y, (p * (1 - p))[..., None]
        p = np.exp(f - f.max(axis=-1, keepdims=True))
        p /= p.sum(axis=-1, keepdims=True)
        return p - y, p[..., None] * np.eye(k) - p[..., None] * p[..., None, :]

    def derivatives(self, V: Array, phi: Array, y: Array, weights: Array) -> tuple[Array, Array]:
        """Gradient `(B, km)` and Hessian of the training loss."""
        g, M = self.slopes(np.einsum("bnm,bkm->bnk", phi, V), y)
        n, size = phi.shape[1], V[0].size
        gradient = np.einsum("bn,bnk,bnm->bkm", weights, g, phi) / n + DECAY * V
        H = np.einsum("bn,bnkl,bni,bnj->bkilj", weights, M, phi, phi, optimize=True).reshape(-1, size, size) / n
        return gradient.reshape(len(V), -1), H + DECAY * np.eye(size)

    def solved(self, X: Array, y: Array, weights: Array) -> Array:
        """The one solution of every moved problem, `(B, k, m)`; Newton's method, halved where the gradient grows."""
        phi = self.phi(X)
        V = np.broadcast_to(self.V, (len(X), *self.V.shape)).copy()
        for _ in range(60):
            g, H = self.derivatives(V, phi, y, weights)
            size = np.linalg.norm(g, axis=1)
            if size.max() < 1e-12:
                return V
            step = np.linalg.solve(H, g[..., None])[..., 0].reshape(V.shape)
            scale = np.ones(len(V))
            for _ in range(30):
                new = np.linalg.norm(self.derivatives(V - scale[:, None, None] * step, phi, y, weights)[0], axis=1)
                worse = new > size * (1 - 1e-3) + 1e-15
                if not worse.any() or size.max() < 1e-11:
                    break
                scale[worse] /= 2
            V = V - scale[:, None, None] * step
        raise SystemExit(f"Newton's method did not end: gradient {size.max():.1e}")


def small(loss: str, seed: int, n: int) -> Small:
    """Drawn from a seed, the last layer at its solution."""
    rng = np.random.default_rng(seed)
    d, h = WIDTHS
    k = 1 if loss == "logistic" else 3
    X = rng.standard_normal((n, d))
    if loss == "squared":
        y = rng.standard_normal((n, k))
    else:
        labels = rng.integers(0, max(k, 2), n)
        y = labels[:, None].astype(float) if k == 1 else np.eye(k)[labels]
    problem = Small(loss, rng.standard_normal((h, d)), rng.standard_normal(h), X, y, np.zeros((k, h + 1)))
    V = problem.solved(X[None], y[None], np.ones((1, n)))[0]
    return Small(loss, problem.W, problem.b, X, y, V)


def moved(t: Small, change: Change, rng: np.random.Generator, aimed: bool) -> tuple[Array, Array, Array]:
    """A batch of changes of the budget: features, targets and sample weights `(BATCH, n, …)`."""
    n, k, B = len(t.X), len(t.V), BATCH
    X, y = (np.broadcast_to(a, (B, *a.shape)).copy() for a in (t.X, t.targets))
    weights = np.ones((B, n))
    phi, count = t.phi(t.X), change.count or n
    g, M = t.slopes(phi @ t.V.T, t.targets)
    _, H = t.derivatives(t.V[None], phi[None], t.targets[None], np.ones((1, n)))
    c = rng.standard_normal((B, t.V.size))
    pull = np.linalg.solve(H[0], c.T).T.reshape(B, *t.V.shape)  # the linear function, seen through the Hessian
    seen = np.einsum("bkm,nm->bnk", pull, phi)
    if change.parameter == "sample_weights":
        u = np.einsum("bnk,nk->bn", seen, g)[..., None]
    elif change.parameter == "labels":
        other = rng.integers(1, max(k, 2), (B, n))
        if k == 1:
            new = 1.0 - y
        else:
            new = np.eye(k)[(t.targets.argmax(1) + other) % k]
        u = np.einsum("bnk,bnk->bn", seen, new - y)[..., None]
    elif change.parameter == "targets":
        u = seen
    else:
        slope = 1 - phi[:, :-1] ** 2
        inner = np.einsum("nkl,bnl->bnk", M, seen) @ t.V[:, :-1] + np.einsum("nk,bkm->bnm", g, pull[..., :-1])
        u = (inner * slope) @ t.W
    if not aimed:
        u = rng.standard_normal(u.shape)
    sizes = np.linalg.norm(u, axis=2)
    if change.total:
        u = u / np.linalg.norm(sizes, axis=1)[:, None, None] * change.radius
    else:
        kept = np.zeros((B, n), dtype=bool)
        np.put_along_axis(kept, np.argsort(-sizes, axis=1)[:, :count], True, axis=1)
        u = np.where(kept[..., None], u / sizes[..., None] * change.radius, 0.0)
    if change.parameter == "labels":
        changed = np.abs(u[..., 0]) > 0
        y[changed] = new[changed]
    elif change.parameter == "sample_weights":
        weights += u[..., 0] if rng.random() < 0.5 or change.total else -np.abs(u[..., 0])
    elif change.parameter == "targets":
        y += u
    else:
        X += u
    return X, y, weights


def search(number: int, tries: int) -> dict[str, Any]:
    """Tries on one case: how many broke a claim, and how near they came."""
    loss, change, n = CASES[number]
    t = small(loss, number, n)
    k = len(t.V)
    net = Network((t.W, np.ascontiguousarray(t.V[:, :-1])), (t.b, t.V[:, -1].copy()), "tanh")
    labels = None if loss == "squared" else t.targets[:, 0].astype(int) if k == 1 else t.targets.argmax(1)
    layer = enclose_last_layer(net, t.X, loss, DECAY, t.targets if labels is None else None, labels)
    points = np.random.default_rng(99).standard_normal((40, t.X.shape[1]))
    found = enclose_motion(layer, change)
    if not found:
        raise SystemExit(f"nothing is proved of {loss}, {change}")
    seen, far = enclose_predictions(layer, found, last_inputs(net, points)), found[0].distance
    at, before = t.phi(points), t.phi(t.X)[None]
    _, H = t.derivatives(t.V[None], before, t.targets[None], np.ones((1, len(t.X))))
    broken, beaten, done, worst, outputs, unstable = 0, 0, 0, 0.0, 0.0, np.zeros(len(points), dtype=bool)
    while done < tries:
        rng = np.random.default_rng([number, done])
        X, y, weights = moved(t, change, rng, aimed=done // BATCH % 2 == 1)
        V = t.solved(X, y, weights)
        gap = V - t.V
        size = np.linalg.norm(gap.reshape(BATCH, -1), axis=1)
        df = np.linalg.norm(np.einsum("bkm,pm->bpk", gap, at), axis=2)
        f = np.einsum("bkm,pm->bpk", V, at)
        label = f.argmax(2) if k > 1 else (f[..., 0] > 0).astype(int)
        other = label != seen.labels
        bad = (size > far + SLACK) | (df > seen.change + SLACK).any(1) | (other & seen.stable).any(1)
        # the first-order motion of this very change: its gradient at the old weights through the old Hessian
        e, _ = t.derivatives(np.broadcast_to(t.V, V.shape), t.phi(X), y, weights)
        first = np.linalg.norm(np.linalg.solve(H[0], e.T), axis=0)
        broken, beaten, done = broken + int(bad.sum()), beaten + int((size > 1.0001 * first).sum()), done + BATCH
        worst, outputs = max(worst, float((size / far).max())), max(outputs, float((df / seen.change).max()))
        unstable |= other.any(0)
    budget = f"{change.parameter.replace('_', ' ')}, {'total' if change.total else change.count or 'every row'}"
    return {"claim": "Q6, P4, P4b", "case": f"{loss}; {budget}", "tries": done, "broken": broken,
            "nearest": max(worst, outputs), "beaten": beaten,
            "labels": f"{int(seen.stable.sum())} proved to stay, {int((~unstable).sum())} never seen to change, of 40"}
