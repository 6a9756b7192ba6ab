"""The nearest exact solution after one training row has moved, measured in float64.

`S(u) = {w : f(x_i(u), w) = f(x_i, w̄) for all i}`: the weights that give every row, moved or not, the output that the
given weights w̄ gave it (base `given`). :func:`nearest` looks for the point of S(u) nearest to w̄ by iterating

    w ← w̄ + J(w)⁺ (J(w)(w − w̄) − r(w)),    r(w) = f(x(u), w) − f(x, w̄),   J = ∂_w f,

whose fixed points satisfy r = 0 and w − w̄ ∈ range J^T: the first-order conditions of the nearest point. J⁺ is applied
by a QR factorisation of J^T, never by the Gram matrix, whose condition is the square. Everything here is a measurement
(*estimated*), nothing is proved.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.linalg
import scipy.sparse.linalg

UNIT = np.finfo(np.float64).eps
RESIDUAL = 1e-12
STEP_LIMIT = 60
SETTLED = 1e-9
"""A step this short, relative to the distance, ends the iteration."""


@dataclass(frozen=True, eq=False)
class TanhNet:
    """`f(x) = W_H tanh(… tanh(W_1 x + b_1) …) + b_H` with one output; w lists W_1, b_1, W_2, b_2, … in this order.

    Attributes:
        shapes: shapes of W_1, b_1, …, W_H, b_H.
    """

    shapes: tuple[tuple[int, ...], ...]

    def split(self, w: np.ndarray) -> list[np.ndarray]:
        """The arrays W_1, b_1, … as views of w."""
        ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes])
        return [part.reshape(shape) for part, shape in zip(np.split(w, ends[:-1]), self.shapes, strict=True)]

    def _activations(self, w: np.ndarray, X: np.ndarray) -> list[np.ndarray]:
        """Inputs of layers 1 … H and, last, the output `(n, 1)`."""
        parts = self.split(w)
        a = [X]
        for W, b in zip(parts[0:-2:2], parts[1:-2:2], strict=True):
            a.append(np.tanh(a[-1] @ W.T + b))
        return [*a, a[-1] @ parts[-2].T + parts[-1]]

    def outputs(self, w: np.ndarray, X: np.ndarray) -> np.ndarray:
        """f(x_i, w), shape `(n,)`."""
        return self._activations(w, X)[-1][:, 0]

    def jacobians(self, w: np.ndarray, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`∂_w f`, shape `(n, p)`, and `∂_x f`, shape `(n, d)`."""
        weights, a = self.split(w)[0::2], self._activations(w, X)
        back = np.ones((len(X), 1))
        columns: list[np.ndarray] = []
        for h in range(len(weights), 0, -1):
            inputs = a[h - 1]
            columns[:0] = [(back[:, :, None] * inputs[:, None, :]).reshape(len(X), -1), back]
            back = back @ weights[h - 1]
            if h > 1:
                back = back * (1 - inputs**2)
        return np.concatenate(columns, axis=1), back

    def curvature(self, w: np.ndarray, X: np.ndarray, mu: np.ndarray, v: np.ndarray) -> np.ndarray:
        """`Σ_i μ_i ∇²_{ww} f(x_i, w) v`, shape `(p,)`: the derivative of `∂_w f^T μ` in the direction v."""
        weights, tangents, a = self.split(w)[0::2], self.split(v), self._activations(w, X)
        moves = [np.zeros_like(X)]
        for h, W in enumerate(weights[:-1]):
            moves.append((1 - a[h + 1] ** 2) * (moves[h] @ W.T + a[h] @ tangents[2 * h].T + tangents[2 * h + 1]))
        back, move = mu[:, None], np.zeros((len(X), 1))
        columns: list[np.ndarray] = []
        for h in range(len(weights), 0, -1):
            columns[:0] = [(move.T @ a[h - 1] + back.T @ moves[h - 1]).ravel(), move.sum(0)]
            if h > 1:
                slope, through = 1 - a[h - 1] ** 2, back @ weights[h - 1]
                move = slope * (move @ weights[h - 1] + back @ tangents[2 * h - 2])
                move -= 2 * through * a[h - 1] * moves[h - 1]
                back = slope * through
        return np.concatenate(columns)


@dataclass(frozen=True)
class Nearest:
    """A point of S(u) near w̄ and the evidence for it.

    Attributes:
        status: ``"converged"``, or why not, in words.
        distance: |w − w̄|.
        residual: max |f(x_i(u), w) − f(x_i, w̄)|.
        gap: (|residual|₂ + √n u)/σ_min(J): how far an exact solution can be, to first order.
        tangential: |(I − J⁺J)(w − w̄)| / |w − w̄|: 0 at a point that satisfies the first-order conditions.
        convexity: smallest eigenvalue of the Lagrangian's Hessian on ker J: positive at a strict local minimum;
            None where it was not asked for.
        steps: number of iterations.
    """

    status: str
    distance: float
    residual: float
    gap: float
    tangential: float
    convexity: float | None
    steps: int


def load(folder: Path) -> tuple[TanhNet, np.ndarray, np.ndarray, np.ndarray]:
    """The network, its weights w̄ `(p,)`, the features and the targets from the files of this report."""
    from safetensors.numpy import load_file

    tensors = load_file(folder / "model.safetensors")
    layers = sorted({int(key.split(".")[0]) for key in tensors})
    parts = [tensors[f"{layer}.{kind}"] for layer in layers for kind in ("weight", "bias")]
    with np.load(folder / "train.npz", allow_pickle=False) as data:
        X, y = data["X"], data["y"]
    return TanhNet(tuple(part.shape for part in parts)), np.concatenate([part.ravel() for part in parts]), X, y


def row_moduli(J: np.ndarray, g: np.ndarray) -> np.ndarray:
    """`κ_i = |g_i| |J⁺ e_i|` in float64, from a QR factorisation; J of full rank.

    With at least as many columns as rows this is M4, `|g_i| √((JJ^T)^{-1})_ii`. With fewer, it is the modulus
    `‖H^{-1}C‖` of the least-squares solution at residual 0 (M5(c); there is no interpolation modulus then).
    """
    n, p = J.shape
    Q, R = scipy.linalg.qr(J.T if p >= n else J, mode="economic")
    inverse = scipy.linalg.solve_triangular(R, np.eye(len(R)))
    norms = np.linalg.norm(inverse, axis=1) if p >= n else np.linalg.norm(inverse @ Q.T, axis=0)
    return np.linalg.norm(g, axis=1) * norms


def nearest(net: TanhNet, w0: np.ndarray, X: np.ndarray, moved: np.ndarray, convexity: bool = False) -> Nearest:
    """The point of S(u) nearest to w̄ = `w0`, where u moves the features X to `moved` (see the module's docstring)."""
    targets = net.outputs(w0, X)
    w, status = w0, f"no convergence in {STEP_LIMIT} steps"
    for step in range(1, STEP_LIMIT + 1):
        J = net.jacobians(w, moved)[0]
        Q, R = scipy.linalg.qr(J.T, mode="economic")
        sigma = scipy.linalg.svdvals(R)
        if sigma[-1] <= len(w) * UNIT * sigma[0]:
            return _nowhere("J is rank deficient to working precision", step)
        residual = net.outputs(w, moved) - targets
        after = w0 + Q @ scipy.linalg.solve_triangular(R, J @ (w - w0) - residual, trans="T")
        change, w = np.linalg.norm(after - w), after
        if not np.isfinite(change):
            return _nowhere("the iterates left the finite numbers", step)
        if change <= max(SETTLED * np.linalg.norm(w - w0), np.sqrt(len(X)) * UNIT / sigma[-1]):
            status = "converged"
            break
    J = net.jacobians(w, moved)[0]
    Q, R = scipy.linalg.qr(J.T, mode="economic")
    residual, v = net.outputs(w, moved) - targets, w - w0
    if status == "converged" and abs(residual).max() > RESIDUAL:
        status = f"settled at a residual above {RESIDUAL}"
    return Nearest(
        status=status,
        distance=float(np.linalg.norm(v)),
        residual=float(abs(residual).max()),
        gap=float((np.linalg.norm(residual) + np.sqrt(len(X)) * UNIT) / scipy.linalg.svdvals(R)[-1]),
        tangential=float(np.linalg.norm(v - Q @ (Q.T @ v)) / np.linalg.norm(v)),
        convexity=_convexity(net, w, moved, v, Q, R) if convexity else None,
        steps=step,
    )


def _nowhere(status: str, steps: int) -> Nearest:
    """No point at all, and why."""
    return Nearest(status, np.inf, np.inf, np.inf, np.inf, None, steps)


def _convexity(net, w, X, v, Q, R) -> float:
    """Smallest eigenvalue on ker J of `I + Σ μ_i ∇²f_i`, where `v + J^T μ = 0`, by Lanczos."""
    mu = -scipy.linalg.solve_triangular(R, Q.T @ v)

    def flat(z):
        return z - Q @ (Q.T @ z)

    def product(z):
        inside = flat(z)
        return flat(inside + net.curvature(w, X, mu, inside)) + 2 * (z - inside)

    operator = scipy.sparse.linalg.LinearOperator((len(w), len(w)), matvec=product, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(len(w))
    return float(scipy.sparse.linalg.eigsh(operator, 1, which="SA", tol=1e-4, v0=start, return_eigenvectors=False)[0])
