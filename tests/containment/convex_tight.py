"""Containment of Q6 where it is attained: problems whose worst change is known and fills the barrier almost.

A random problem moves its solution by a tenth of what is proved, and a constant that is half of what it should be would
never be seen on one. Here every part of the bound in turn is the only one that counts, and the change that attains it
is written down: `|w(u) − w̄|_B` is then above 9/10 of the proved reach.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from flint import ctx

from certify.network.network import Network
from certify.systems.head.change import Change
from certify.theorems.head.motion import enclose_motion
from tests.containment.convex import enclosed
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.oracles.head import BITS, Training, solve

Rng = np.random.Generator
Array = np.ndarray
Case = tuple[Training, Change, Training]
"""The problem, the budget, and the problem after its worst change."""

ROOM = 1e-6
"""What floats of this file may lose."""

SHORT = 1.0 - 2.0**-40
"""Factor on the changes: they lie within the budget, not on its boundary."""


def head(V: Array, X: Array, loss: str, decay: float, y: Array) -> Training:
    """A layer alone, without biases; y holds targets or labels."""
    net = Network((V,), (None,), "identity")
    return Training(net, X, loss, decay, *((None, y) if loss == "squared" else (y, None)))


def turned(rng: Rng, d: int) -> Array:
    """A random orthogonal matrix."""
    return np.linalg.qr(rng.standard_normal((d, d)))[0]


def slopes_that_move(rng: Rng) -> Case:
    """The output of a row that the weights do not see today grows along the weights: the first part of features."""
    Q, decay = turned(rng, 2), 2.0**-20
    wide, small, v = rng.uniform(1.0, 9.0), rng.uniform(1.0, 3.0), rng.uniform(0.5, 2.0)
    X = np.array([[wide, 0.0], [0.0, small]])
    # the first row's target is such that v is the solution
    y = np.array([[v * (wide + 2 * decay / wide)], [0.0]])
    r = 1e-3 * np.sqrt(decay) * rng.uniform(0.1, 1.0)
    moved = X + np.array([[0.0, 0.0], [r * SHORT, 0.0]])
    t = head(np.array([[v, 0.0]]) @ Q, X @ Q, "squared", decay, y)
    return t, Change("features", float(r), count=1, rows=(1,)), replace(t, X=moved @ Q)


def inputs_that_move(rng: Rng) -> Case:
    """Rows at the origin, of which nothing is learnt, move against their residuals: the third part of features."""
    n, d, decay = int(rng.integers(1, 6)), int(rng.integers(1, 4)), float(2.0 ** rng.integers(-3, 4))
    y = rng.choice([-1.0, 1.0], n) * rng.uniform(0.5, 3.0)
    r = 1e-3 * np.sqrt(decay)
    along = turned(rng, d)[0]
    total = bool(rng.random() < 0.5)
    size = r / np.sqrt(n) if total else r
    moved = np.sign(y)[:, None] * along * size * SHORT
    t = head(np.zeros((1, d)), np.zeros((n, d)), "squared", decay, y[:, None])
    return t, Change("features", float(r), total=total), replace(t, X=moved)


def labels_whose_inputs_move(rng: Rng) -> Case:
    """The same with slopes of a half or of classes, at weights 0."""
    loss, n, d = str(rng.choice(["logistic", "cross_entropy"])), int(rng.integers(1, 6)), int(rng.integers(2, 4))
    k, decay = (1 if loss == "logistic" else 2), float(2.0 ** rng.integers(-1, 4))
    labels = rng.integers(0, 2, n)
    r = 1e-3 * np.sqrt(decay)
    along = turned(rng, d)[0]
    moved = np.where(labels > 0, 1.0, -1.0)[:, None] * along * r * SHORT
    t = head(np.zeros((k, d)), np.zeros((n, d)), loss, decay, labels)
    return t, Change("features", float(r)), replace(t, X=moved)


def targets(rng: Rng) -> Case:
    """Rows that are all the same, whose targets all grow."""
    n, d, decay = int(rng.integers(1, 6)), int(rng.integers(1, 4)), 2.0**-12
    x = turned(rng, d)[0] * rng.uniform(1.0, 4.0)
    total, y = bool(rng.random() < 0.5), rng.standard_normal() * np.ones((n, 1))
    r = float(10.0 ** rng.uniform(-3, 1))
    V = (y[0, 0] / (x @ x + decay)) * x[None]
    t = head(V, np.tile(x, (n, 1)), "squared", decay, y)
    return t, Change("targets", r, total=total), replace(t, targets=y + (r / np.sqrt(n) if total else r) * SHORT)


def one_label(rng: Rng) -> Case:
    """One short row, whose label turns at weights 0 beside another that balances it."""
    loss, d, decay = str(rng.choice(["logistic", "cross_entropy"])), int(rng.integers(1, 4)), float(rng.uniform(1, 4))
    x = turned(rng, d)[0] * 2.0**-6
    X, labels = np.stack([x, x]), np.array([0, 1])
    t = head(np.zeros((1 if loss == "logistic" else 2, d)), X, loss, decay, labels)
    return t, Change("labels", count=1, rows=(0,)), replace(t, labels=np.array([1, 1]))


def one_weight(rng: Rng) -> Case:
    """One short row of two that balance each other, left out."""
    loss, d, decay = str(rng.choice(["logistic", "squared"])), int(rng.integers(1, 4)), float(rng.uniform(1, 4))
    x = turned(rng, d)[0] * 2.0**-6
    y = np.array([0, 1]) if loss == "logistic" else np.array([[-1.0], [1.0]])
    t = head(np.zeros((1, d)), np.stack([x, x]), loss, decay, y)
    return t, Change("sample_weights", 1.0, count=1), replace(t, weights=np.array([-1.0, 0.0]))


def all_weights(rng: Rng) -> Case:
    """Short rows with one slope, all of which lose as much weight: together, by one norm of all slopes."""
    n, d, decay = int(rng.integers(2, 6)), int(rng.integers(1, 4)), float(rng.uniform(1, 4))
    x = turned(rng, d)[0] * 2.0**-8
    size = float(2.0 ** -rng.integers(6, 9))
    total = bool(rng.random() < 0.5)
    y = np.ones((n, 1))
    V = (1 / (x @ x + decay)) * x[None]
    t = head(V, np.tile(x, (n, 1)), "squared", decay, y)
    lost = -(size / np.sqrt(n) if total else size) * SHORT
    return t, Change("sample_weights", size, total=total), replace(t, weights=np.full(n, lost))


CASES: dict[str, Callable[[Rng], Case]] = {case.__name__: case for case in (
    slopes_that_move, inputs_that_move, labels_whose_inputs_move, targets, one_label, one_weight, all_weights)}


def filled(case: Case) -> float:
    """The largest share of a proved reach that the change attains."""
    t, change, after = case
    found = enclose_motion(enclosed(t), change)
    V, share = t.network.weights[-1], 0.0
    with ctx.workprec(BITS):
        solution = solve(after, V)[0]
        gap = np.array([float(x - y) for x, y in zip(solution, V.ravel().tolist(), strict=True)])
        base = np.array([float(x - y) for x, y in zip(solve(t, V)[0], V.ravel().tolist(), strict=True)])
    for moved in found:
        size = _length(t, moved.metric.theta, gap)
        share = max(share, size / moved.reach)
        if size > moved.reach * (1 + ROOM):
            raise Violation(f"{change}: |w(u) − w̄|_B = {size}, {moved.reach} was proved")
        if np.linalg.norm(gap - base) > moved.distance * (1 + ROOM):
            raise Violation(f"{change}: moved by {np.linalg.norm(gap - base)}, {moved.distance} was proved")
    return share


def _length(t: Training, theta: float, v: Array) -> float:
    """`|v|_B`, `B = θ(∇²F − λ) + λ`, from the definition."""
    V, X = t.network.weights[-1], t.X
    k, f = len(V), X @ V.T
    if t.loss == "squared":
        M = np.tile(np.eye(k), (t.n, 1, 1))
    elif t.loss == "logistic":
        p = 1 / (1 + np.exp(-f[:, 0]))
        M = (p * (1 - p))[:, None, None]
    else:
        q = np.exp(f - f.max(axis=1, keepdims=True))
        q /= q.sum(axis=1, keepdims=True)
        M = q[:, :, None] * np.eye(k) - q[:, :, None] * q[:, None, :]
    H = np.einsum("iab,ij,il->ajbl", M, X, X).reshape(v.size, v.size) / t.n
    return float(np.sqrt(v @ (theta * H + t.decay * np.eye(v.size)) @ v))


@attack("convex_tight", "Q6", slow=2)
def tight(rng: Rng) -> Outcome:
    filled(CASES[str(rng.choice(list(CASES)))](rng))
    return "decided"
