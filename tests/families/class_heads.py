"""Small heads with labels: logistic of one output, cross-entropy of several, the intercept with or without decay."""

from __future__ import annotations

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray

from certify.check.linalg.balls import norm
from certify.check.theorems.head.rows import head as checked
from certify.check.theorems.head.rows.codes import Codes
from certify.check.theorems.head.rows.losses.base import row_loss
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses.cross_entropy import CrossEntropyHead
from certify.systems.head.rows.losses.logistic import LogisticHead

Array = NDArray[np.float64]


def class_head(
    rng: np.random.Generator,
    n: int,
    k: int,
    points: int = 5,
    decay: float | None = None,
    free: bool | None = None,
    apart: float | None = None,
) -> Head:
    """A drawn head; its given weights come from a few gradient steps and are no exact refit."""
    p = int(rng.integers(1, 4))
    classes = 2 if k == 1 else k
    label = np.append(np.arange(classes), rng.integers(0, classes, n - classes)).astype(np.int64)
    centre = rng.standard_normal((classes, p)) * (float(rng.uniform(0.5, 4.0)) if apart is None else apart)
    phi = np.c_[np.round(centre[label] + rng.standard_normal((n, p)), int(rng.integers(1, 6))), np.ones(n)]
    codes = np.array([[-1.0], [1.0]]) if k == 1 else np.eye(k)
    decayed = np.array([True] * p + [not (bool(rng.random() < 0.5) if free is None else free)])
    weight_decay = float(10.0 ** rng.uniform(-2.5, 0.0)) if decay is None else decay
    V = refit(phi, codes[label], n * weight_decay, decayed)
    e = np.c_[centre[rng.integers(0, classes, points)] + rng.standard_normal((points, p)), np.ones(points)]
    loss = LogisticHead() if k == 1 else CrossEntropyHead()
    return Head(
        phi, np.zeros(n), codes[label], codes, label, loss, V, weight_decay, decayed, False, e, np.zeros(points)
    )


def refit(phi: Array, Y: Array, mu: float, decayed: NDArray[np.bool_], steps: int = 300) -> Array:
    """Weights `(k, m)` near the minimiser, by damped Newton steps in floats."""
    k, m = Y.shape[1], phi.shape[1]
    V, ridge = np.zeros((k, m)), np.where(decayed, mu, 0.0)

    def value(V: Array) -> float:
        Z = phi @ V.T
        if k == 1:
            return float(np.logaddexp(0, -Y * Z).sum() + 0.5 * (ridge * V * V).sum())
        top = Z.max(1)
        lost = np.log(np.exp(Z - top[:, None]).sum(1)) + top - (Y * Z).sum(1)
        return float(lost.sum() + 0.5 * (ridge * V * V).sum())

    def derivatives(V: Array) -> tuple[Array, Array]:
        Z = phi @ V.T
        if k == 1:
            q = 1 / (1 + np.exp(Y * Z))
            return -(Y * q).T @ phi + ridge * V, (phi.T * (q * (1 - q))[:, 0]) @ phi + np.diag(ridge)
        E = np.exp(Z - Z.max(1, keepdims=True))
        S = E / E.sum(1, keepdims=True)
        M = S[:, :, None] * (np.eye(k) - S[:, None, :])
        H = M.reshape(len(phi), -1).T @ (phi[:, :, None] * phi[:, None, :]).reshape(len(phi), -1)
        H = H.reshape(k, k, m, m).transpose(0, 2, 1, 3).reshape(k * m, k * m)
        return (S - Y).T @ phi + ridge * V, H + np.diag(np.tile(ridge, k))

    now = value(V)
    for _ in range(steps):
        g, H = derivatives(V)
        step = np.linalg.lstsq(H, g.ravel(), rcond=None)[0].reshape(k, m)
        length, largest = 1.0, float(np.abs(step).max())
        if largest > 1e-6:  # rounding decides nothing near it
            while (there := value(V - length * step)) > now and length > 1e-8:
                length /= 2
            now = there
        V = V - length * step
        if largest < 1e-12:
            break
    return V


def refits(phi: Array, Y: Array, left: Array, mu: float, decayed: NDArray[np.bool_], steps: int = 300) -> Array:
    """`(B, k, m)` what :func:`refit` finds of every targets `(B, n, k)` and rows that are left, 1 or 0 `(B, n)`.

    All at once, as one at a time takes many times as long.
    """
    (B, n, k), m = Y.shape, phi.shape[1]
    ridge = np.where(decayed, mu, 0.0)
    outer = (phi[:, :, None] * phi[:, None, :]).reshape(n, m * m)

    def value(V: Array, at: NDArray[np.int64]) -> Array:
        Z = V @ phi.T
        y = Y[at].transpose(0, 2, 1)
        lost = np.logaddexp(0, -y * Z)[:, 0] if k == 1 else np.logaddexp.reduce(Z, axis=1) - (y * Z).sum(1)
        return np.asarray((lost * left[at]).sum(1) + 0.5 * (ridge * V * V).sum(axis=(1, 2)))

    V, active = np.zeros((B, k, m)), np.arange(B)
    now = value(V, active)
    for _ in range(steps):
        Z, y, here = V[active] @ phi.T, Y[active].transpose(0, 2, 1), left[active][:, None, :]
        if k == 1:
            q = 1 / (1 + np.exp(y * Z))
            slope, M = -y * q, (q * (1 - q) * here)[:, :, None]
        else:
            S = np.exp(Z - Z.max(1, keepdims=True))
            S /= S.sum(1, keepdims=True)
            slope, M = S - y, (S * here)[:, :, None] * (np.eye(k)[:, :, None] - S[:, None])
        g = (slope * here) @ phi + ridge * V[active]
        H = (M @ outer).reshape(-1, k, k, m, m).transpose(0, 1, 3, 2, 4).reshape(-1, k * m, k * m)
        inverse = np.linalg.pinv(H + np.diag(np.tile(ridge, k)), rcond=k * m * 2.0**-52, hermitian=True)
        step = (inverse @ g.reshape(-1, k * m, 1)).reshape(g.shape)
        length, largest = np.ones(len(active)), np.abs(step).max(axis=(1, 2))
        wait = largest > 1e-6  # rounding decides nothing near it
        while wait.any():
            there = value(V[active[wait]] - length[wait, None, None] * step[wait], active[wait])
            short = (there > now[active[wait]]) & (length[wait] > 1e-8)
            who = np.flatnonzero(wait)
            now[active[who[~short]]] = there[~short]
            length[who[short]] /= 2
            wait[who[~short]] = False
        V[active] -= length[:, None, None] * step
        active = active[largest >= 1e-12]
        if not len(active):
            break
    return V


def as_checked(head: Head, rows: tuple[int, ...], count: int, relabels: bool = True) -> checked.Head:
    """The checker's twin of a prover's head, whose labels may change, or rows be deleted."""
    phi, points = arb_mat(head.phi.tolist()), arb_mat(head.points.tolist())
    assert head.codes is not None
    assert head.label is not None
    return checked.Head(
        phi=phi,
        rows=phi.tolist(),
        sizes=[norm(r).upper() for r in phi.tolist()],
        targets=head.Y.tolist(),
        codes=Codes(head.codes.tolist(), head.label.tolist(), head.Y.tolist()),
        loss=row_loss(head.loss.name),
        k=head.k,
        m=head.m,
        biased=True,
        bias_decay=bool(head.decayed[-1]),
        decay=arb(head.weight_decay),
        remaining=False,
        evaluated=points,
        lengths=[norm(r).upper() for r in points.tolist()],
        threshold=0.0,
        today=head.today.tolist(),
        moving=rows,
        count=count,
        relabels=relabels,
    )
