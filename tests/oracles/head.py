"""The solution of a strongly convex last layer, solved for and enclosed in 200-bit balls; it knows no bound.

Newton's method proposes; `|w − w(u)| ≤ |∇F_u(w)|/λ` encloses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import arb, arb_mat, ctx

from certify.network.network import Network

Array = np.ndarray
BITS = 200


@dataclass(frozen=True, eq=False)
class Training:
    """Rows, targets and losses of a last layer: labels with cross-entropy and logistic loss, targets with squared."""

    network: Network
    X: Array
    loss: str
    decay: float
    labels: Array | None = None
    targets: Array | None = None
    weights: Array | None = None

    @property
    def n(self) -> int:
        return len(self.X)


class Unsolved(Exception):
    """The balls around Newton's step grew too wide: nothing is known of the solution, and nothing is tested."""


def inputs(net: Network, x: Sequence[float | arb]) -> list[arb]:
    """Input of the last layer at a point, with a 1 for the bias."""
    phi = {"tanh": arb.tanh, "relu": lambda z: z.max(arb(0)), "identity": lambda z: z}[net.activation]
    a = [arb(v) for v in x]
    for W, b in zip(net.weights[:-1], net.biases[:-1], strict=True):
        a = [phi(sum((arb(w) * v for w, v in zip(row, a, strict=True)), arb(0 if b is None else b[j])))
             for j, row in enumerate(W.tolist())]
    return a if net.biases[-1] is None else [*a, arb(1)]


def slopes(t: Training, i: int, f: list[arb]) -> tuple[list[arb], list[list[arb]]]:
    """`∇ℓ_i` and `∇²ℓ_i` at outputs f, from the definitions."""
    k = len(f)
    if t.loss == "squared":
        assert t.targets is not None
        c = [x - arb(y) for x, y in zip(f, t.targets[i].tolist(), strict=True)]
        return c, [[arb(int(a == b)) for b in range(k)] for a in range(k)]
    assert t.labels is not None
    if t.loss == "logistic":
        s = 1 if t.labels[i] > 0 else -1
        e = (-s * f[0]).exp()
        return [-s * e / (1 + e)], [[e / (1 + e) ** 2]]
    e = [x.exp() for x in f]
    total = sum(e, arb(0))
    p = [x / total for x in e]
    return ([x - int(a == t.labels[i]) for a, x in enumerate(p)],
            [[(x if a == b else 0) - x * y for b, y in enumerate(p)] for a, x in enumerate(p)])


def solve(t: Training, start: Array) -> tuple[list[arb], arb]:
    """Weights `(km,)` and a proved bound of their distance from the solution."""
    with ctx.workprec(BITS):
        phi = [inputs(t.network, row) for row in t.X.tolist()]
        u = [arb(1)] * t.n if t.weights is None else [1 + arb(v) for v in t.weights.tolist()]
        k, m = start.shape
        w = [arb(v) for v in start.ravel().tolist()]
        for _ in range(60):
            g, H = _derivatives(t, phi, u, w, k, m)
            size = length_above(g)
            if size < arb(2) ** -160:
                break
            try:
                step = H.solve(arb_mat([[x] for x in g])).entries()
            except ZeroDivisionError:
                raise Unsolved from None
            decrement = sum((x * y for x, y in zip(g, step, strict=True)), arb(0)).sqrt()
            damp = 1 / (1 + 6 * decrement.mid()) if decrement > 0.01 else arb(1)
            w = [(x - damp * s).mid() for x, s in zip(w, step, strict=True)]
        g, _ = _derivatives(t, phi, u, w, k, m)
        error = (length_above(g) / arb(t.decay)).upper()
        assert error.is_finite()  # a NaN would satisfy every comparison that is not made
        return w, error


def length_above(x: Sequence[arb]) -> arb:
    """Upper bound of a length, also where the balls hold 0 and their squares reach below it."""
    return sum((v.abs_upper() ** 2 for v in x), arb(0)).sqrt()


def length_below(x: Sequence[arb]) -> arb:
    """Lower bound of a length."""
    return sum((v.abs_lower() ** 2 for v in x), arb(0)).sqrt()


def _derivatives(
    t: Training, phi: list[list[arb]], u: list[arb], w: list[arb], k: int, m: int
) -> tuple[list[arb], arb_mat]:
    decay, X = arb(t.decay), arb_mat(phi)
    turned = X.transpose()
    found = [slopes(t, i, f) for i, f in enumerate((X * arb_mat(k, m, w).transpose()).tolist())]
    pulls = turned * arb_mat([[v * x / t.n for x in c] for v, (c, _) in zip(u, found, strict=True)])
    g = [decay * w[a * m + j] + pulls[j, a] for a in range(k) for j in range(m)]
    H = arb_mat([[decay if i == j else arb(0) for j in range(k * m)] for i in range(k * m)])
    for a in range(k):
        for b in range(k):
            block = turned * arb_mat([[v * M[a][b] / t.n * y for y in x]
                                      for v, (_, M), x in zip(u, found, phi, strict=True)])
            for j in range(m):
                for h in range(m):
                    H[a * m + j, b * m + h] += block[j, h]
    return g, H
