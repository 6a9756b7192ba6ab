"""Train the network of this report; write `model.safetensors` and `data.npz`.

Fixed before anything was certified: scikit-learn's digits, pixels divided by 16 (exact in float16), labels 0 … 9; the
first 1500 rows are trained on, the other 297 are the evaluation rows. tanh 64-64-10, torch's default initialisation,
seed 0, float64; 300 full-batch Adam steps, learning rate 1e-3, on mean cross-entropy + (weight decay 1e-2)/2 times the
square of all parameters. Then the hidden layer is frozen, and Newton's method on the last layer (weights and bias, the
same loss) runs until the gradient no longer falls.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools"))
import training  # noqa: E402

WIDTHS, ACTIVATION = (64, 64, 10), "tanh"
STEPS, RATE, DECAY, ROWS = 300, 1e-3, 1e-2, 1500


def load_data() -> tuple[np.ndarray, np.ndarray]:
    """Features `(1797, 64)` float16 in [0, 1] and labels `(1797,)`."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return (bunch.data / 16).astype(np.float16), bunch.target.astype(np.uint8)


def newton(P: np.ndarray, y: np.ndarray, V: np.ndarray, weights: np.ndarray, decay: float) -> np.ndarray:
    """Minimise `(1/n) Σ weights_i ℓ_i(V φ_i) + (decay/2)|V|²` over V `(k, m)` by damped Newton steps, n = len(P)."""
    n, m = P.shape
    k = len(V)
    onehot = np.eye(k)[y]

    def value(V: np.ndarray) -> float:
        f = P @ V.T
        top = f.max(1)
        loss = top + np.log(np.exp(f - top[:, None]).sum(1)) - f[np.arange(n), y]
        return float(weights @ loss / n + decay / 2 * (V**2).sum())

    least = np.inf
    for _ in range(60):
        f = P @ V.T
        p = np.exp(f - f.max(1)[:, None])
        p /= p.sum(1)[:, None]
        g = ((p - onehot) * weights[:, None]).T @ P / n + decay * V
        size = float(np.linalg.norm(g))
        if size >= 0.5 * least and size < 1e-12:
            break
        least = min(least, size)
        H = np.zeros((k, m, k, m))
        for a in range(k):
            for b in range(a + 1):
                M = weights * ((p[:, a] if a == b else 0.0) - p[:, a] * p[:, b])
                H[a, :, b, :] = P.T @ (M[:, None] * P) / n
                H[b, :, a, :] = H[a, :, b, :].T
        H = H.reshape(k * m, k * m)
        H[np.arange(k * m), np.arange(k * m)] += decay
        step = np.linalg.solve(H, g.ravel()).reshape(k, m)
        t, now = 1.0, value(V)
        while t > 1e-6 and value(V - t * step) > now + 1e-14:
            t /= 2
        V = V - t * step
    return V


def features(weights: dict[str, np.ndarray], X: np.ndarray) -> np.ndarray:
    """`φ̃ = (tanh(W₁x + b₁), 1)` of every row."""
    return np.hstack([np.tanh(X.astype(float) @ weights["0.weight"].T + weights["0.bias"]), np.ones((len(X), 1))])


def build() -> training.Files:
    import torch
    from safetensors.numpy import save

    X, y = load_data()
    net = training.network(WIDTHS, ACTIVATION, double=True)
    inputs = torch.from_numpy(X[:ROWS].astype(np.float64))
    labels = torch.from_numpy(y[:ROWS].astype(np.int64))

    def loss() -> torch.Tensor:
        decay = sum((p**2).sum() for p in net.parameters())
        return torch.nn.functional.cross_entropy(net(inputs), labels) + DECAY / 2 * decay

    training.adam(net, loss, STEPS, RATE)
    state = training.state(net)
    V = np.hstack([state["2.weight"], state["2.bias"][:, None]])
    V = newton(features(state, X[:ROWS]), y[:ROWS].astype(int), V, np.ones(ROWS), DECAY)
    state |= {"2.weight": np.ascontiguousarray(V[:, :-1]), "2.bias": V[:, -1].copy()}
    return {
        "model.safetensors": save(state),
        "data.npz": training.npz_bytes(X=X[:ROWS], y=y[:ROWS], X_eval=X[ROWS:], y_eval=y[ROWS:]),
    }


if __name__ == "__main__":
    sys.exit(training.main(HERE, build))
