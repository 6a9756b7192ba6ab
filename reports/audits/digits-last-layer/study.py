"""What is proved of the digits net's last layer, beside what attacks find; writes `table.csv`.

    python reports/audits/digits-last-layer/study.py                  # everything
    python reports/audits/digits-last-layer/study.py sample_weights   # its lines alone; the others are kept

Attacks: rows chosen greedily, each the one that to first order moves the solution furthest from where the rows chosen
before it have moved it (deletions and label flips), and features moved along the direction that to first order moves
the solution most; then the last layer is trained again to a gradient of 1e-12. Nothing an attack says is proved, and
a better attack may exist.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import recipe  # noqa: E402

from certify.network.network import Network  # noqa: E402
from certify.systems.head.change import Change  # noqa: E402
from certify.systems.head.last_layer import enclose_last_layer, last_inputs  # noqa: E402
from certify.theorems.head.motion import enclose_motions, global_modulus  # noqa: E402
from certify.theorems.head.predictions import enclose_predictions  # noqa: E402

ROWS, FLIPS = (1, 5, 8, 20), (1, 2, 3, 5, 8, 20)
RADII = (0.1, 0.05, 0.03, 0.02, 0.015, 0.0125, 0.01, 0.005, 0.002)


def load() -> tuple[dict[str, np.ndarray], Network, dict[str, np.ndarray]]:
    """Weights by name, the network, the data."""
    from safetensors.numpy import load_file

    s = load_file(HERE / "model.safetensors")
    with np.load(HERE / "data.npz") as file:
        data = {name: file[name] for name in file.files}
    net = Network((s["0.weight"], s["2.weight"]), (s["0.bias"], s["2.bias"]), recipe.ACTIVATION)
    return s, net, data


class Attacks:
    """First-order effects of the rows, and training again."""

    def __init__(self, s: dict[str, np.ndarray], X: np.ndarray, y: np.ndarray) -> None:
        self.s, self.X, self.y = s, X.astype(float), y.astype(int)
        self.P = recipe.features(s, X)
        self.V = np.hstack([s["2.weight"], s["2.bias"][:, None]])
        self.n, self.k = len(X), len(self.V)
        f = self.P @ self.V.T
        p = np.exp(f - f.max(1)[:, None])
        self.p = p / p.sum(1)[:, None]
        self.g = self.p - np.eye(self.k)[self.y]
        m = self.P.shape[1]
        A = np.zeros((self.k, m, self.k, m))
        for a in range(self.k):
            for b in range(self.k):
                M = (self.p[:, a] if a == b else 0.0) - self.p[:, a] * self.p[:, b]
                A[a, :, b, :] = self.P.T @ (M[:, None] * self.P) / self.n
        self.A = A.reshape(self.k * m, -1) + recipe.DECAY * np.eye(self.k * m)

    def effects(self, c: np.ndarray) -> np.ndarray:
        """`A⁻¹(c_i ⊗ φ_i)/n` of every row."""
        Y = np.einsum("ia,ij->iaj", c, self.P).reshape(self.n, -1) / self.n
        return np.linalg.solve(self.A, Y.T).T

    def greedy(self, E: np.ndarray, count: int) -> list[int]:
        """Rows, each the one that to first order leads furthest."""
        chosen: list[int] = []
        v = np.zeros(E.shape[1])
        square = (E * E).sum(1)
        for _ in range(count):
            gain = square + 2 * E @ v
            gain[chosen] = -np.inf
            chosen.append(int(np.argmax(gain)))
            v = v + E[chosen[-1]]
        return chosen

    def again(self, P: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
        """How far the solution has moved."""
        return float(np.linalg.norm(recipe.newton(P, y, self.V, weights, recipe.DECAY) - self.V))

    def deleted(self, E: np.ndarray, count: int) -> float:
        weights = np.ones(self.n)
        weights[self.greedy(E, count)] = 0.0
        return self.again(self.P, self.y, weights)

    def flipped(self, count: int) -> float:
        """The label that the net thinks least likely."""
        worst = np.where(np.eye(self.k)[self.y] > 0, np.inf, self.p).argmin(1)
        rows = self.greedy(self.effects(np.eye(self.k)[worst] - np.eye(self.k)[self.y]), count)
        y = self.y.copy()
        y[rows] = worst[rows]
        return self.again(self.P, y, np.ones(self.n))

    def features(self, radius: float) -> float:
        """Every row moved by the radius, along a direction found by a power iteration on the first-order motion."""
        W, m = self.s["0.weight"], self.P.shape[1] - 1
        slope = 1 - self.P[:, :-1] ** 2

        def pull(Z: np.ndarray) -> np.ndarray:
            """Gradient of `⟨Z, (1/n) Σ g_i ⊗ φ_i⟩` in every row's features."""
            out = self.P @ Z.T
            Mz = self.p * out - self.p * (self.p * out).sum(1)[:, None]
            return ((Mz @ self.V[:, :m] + self.g @ Z[:, :m]) * slope) @ W / self.n

        def push(u: np.ndarray) -> np.ndarray:
            """First-order change of the gradient."""
            d = (u @ W.T) * slope
            f = d @ self.V[:, :m].T
            Mf = self.p * f - self.p * (self.p * f).sum(1)[:, None]
            G = Mf.T @ self.P
            G[:, :m] += self.g.T @ d
            return G / self.n

        z = np.random.default_rng(0).standard_normal(self.V.shape)
        for _ in range(60):
            u = pull(np.linalg.solve(self.A, z.ravel()).reshape(z.shape))
            u /= np.linalg.norm(u, axis=1, keepdims=True)
            z = np.linalg.solve(self.A, push(u).ravel()).reshape(z.shape)
        return self.again(recipe.features(self.s, self.X + radius * u), self.y, np.ones(self.n))


def budgets() -> list[Change]:
    """All that the table has a line for."""
    changes = [Change("sample_weights", 1.0, m, down=down) for down in (False, True) for m in ROWS]
    changes += [Change("labels", 1.0, m) for m in FLIPS]
    return changes + [Change("features", r) for r in RADII] + [Change("features", 0.1, m) for m in ROWS]


def main() -> int:
    """Bounds first, then attacks; one line a budget."""
    s, net, data = load()
    X, y = data["X"].astype(float), data["y"].astype(int)
    layer = enclose_last_layer(net, X, "cross_entropy", recipe.DECAY, labels=y)
    evaluation = last_inputs(net, data["X_eval"].astype(float))
    print(f"|gradient| ≤ {layer.residual:.3e}; global modulus ≤ {global_modulus(layer):.4g} a unit of |u|", flush=True)
    only = sys.argv[1:]
    changes = [change for change in budgets() if not only or change.parameter in only]
    attacks = Attacks(s, X, y)
    E = attacks.effects(attacks.g)
    table = []
    for change, found in zip(changes, enclose_motions(layer, changes), strict=True):
        proved = found[0].distance if found else None
        stable = int(enclose_predictions(layer, found, evaluation).stable.sum()) if found else 0
        seen: float | None = None
        if change.parameter == "sample_weights":
            seen = attacks.deleted(E, change.count or 0)
        elif change.parameter == "labels":
            seen = attacks.flipped(change.count or 0)
        elif change.count is None and change.radius in (0.1, 0.01, 0.005):
            seen = attacks.features(change.radius)
        ratio = None if proved is None or seen is None else proved / seen
        row = (change.parameter, "down" if change.down else "", change.radius, change.count or layer.n, proved, seen,
               ratio, stable, found[0].metric.theta if found else None)
        table.append(row)
        print(*row, flush=True)
    lines = [["" if v is None else f"{v:.5g}" if isinstance(v, float) else str(v) for v in row] for row in table]
    with open(HERE / "table.csv", newline="") as file:
        lines += [line for line in list(csv.reader(file))[1:] if only and line[0] not in only]
    places = [change.parameter for change in budgets()]
    with open(HERE / "table.csv", "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(("change", "direction", "radius", "rows", "proved", "found", "ratio", "stable of 297", "theta"))
        out.writerows(sorted(lines, key=lambda line: places.index(line[0])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
