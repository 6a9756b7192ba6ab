"""Specs about coefficients and linear functionals of a small head, and every refit of it in floats, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from certify.auditing.spec_run import run_audit
from tests.families.once import once

Array = Any
NAMES = ("age", "dose", "sex")
FUNCTIONALS = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, -2.0], [1.0, -1.0, 0.0], [0.0, 0.0, 0.0],
                        [0.3, 0.2, 0.1]])
INTERCEPTS = np.array([0.0, 0.0, 0.0, 0.0, 1.0, -3.0])
FILE = 'file = "more.npz"\nfeatures = "X"\nintercept = "t"'
SPEC = """version = 1
[model]
file = "model.safetensors"
widths = [3, 1]
activation = "identity"
[data]
file = "data.{ending}"
features = {features}
targets = "y"
[training]
loss = "{loss}"
weight_decay = {decay}
bias_decay = {bias_decay}
[solution]
map = "critical"
base = "nearby"
[perturbation]
parameter = "{parameter}"
set = "sparse"
count = {count}
[evaluation]
{evaluation}
"""
GATE = '[[gate]]\nquantity = "{}"\n{} = {!r}\n'


@dataclass(frozen=True)
class Asked:
    """A question about a head of three named features on ten rows.

    Attributes:
        loss, parameter, count, bias_decay: as in the spec.
        evaluation: the lines of that section.
        gates: quantity, side and threshold of each.
        shift: what is added to the features: far from the origin a free intercept is counted from their middle.
        csv: whether the data is a table with names.
    """

    loss: str = "logistic"
    parameter: str = "deletions"
    count: int = 2
    bias_decay: bool = False
    evaluation: str = 'coefficients = "all"'
    gates: tuple[tuple[str, str, float], ...] = (
        ("stable_predictions", "min", 1), ("tolerated_changes", "min", 1), ("prediction_change", "max", 1e3))
    shift: float = 0.0
    csv: bool = True
    decay: float = 0.05

    @property
    def data(self) -> tuple[Array, Array]:
        """Features and labels −1 and 1."""
        rng = np.random.default_rng(5)
        X = rng.normal(size=(10, 3)).round(3)
        score = X @ [1.0, -0.4, 0.15] + 0.3 * rng.normal(size=10)
        return X + self.shift, np.where(score > np.median(score), 1.0, -1.0)

    def fit(self, X: Array, y: Array, n: int) -> Array:
        """The minimiser for these rows, the losses divided by n."""
        c = X.mean(axis=0) if not self.bias_decay else np.zeros(3)  # nothing but the intercept sees the middle
        phi, w = np.hstack([X - c, np.ones((len(X), 1))]), np.zeros(4)
        ridge = n * self.decay * np.diag([1.0, 1.0, 1.0, float(self.bias_decay)])

        def energy(v: Array) -> float:
            z = phi @ v
            loss = 0.5 * (z - y) ** 2 if self.loss == "squared" else np.logaddexp(0.0, -y * z)
            return float(loss.sum() + 0.5 * v @ ridge @ v)

        for _ in range(100):
            z = phi @ w
            p = 1 / (1 + np.exp(y * z))
            g, h = (z - y, np.ones(len(X))) if self.loss == "squared" else (-y * p, p * (1 - p))
            step, t = np.linalg.solve(phi.T @ (h[:, None] * phi) + ridge, phi.T @ g + ridge @ w), 1.0
            while t > 1e-6 and energy(w - t * step) > energy(w):
                t *= 0.5
            w = w - t * step
        return np.append(w[:3], w[3] - w[:3] @ c)

    def refits(self, count: int) -> Iterator[Array]:
        """Weights and intercept after every choice of at most so many rows."""
        X, y = self.data
        for m in range(count + 1):
            for rows in map(list, combinations(range(len(X)), m)):
                if self.parameter == "deletions":
                    yield self.fit(np.delete(X, rows, axis=0), np.delete(y, rows), len(X))
                else:
                    other = y.copy()
                    other[rows] *= -1
                    yield self.fit(X, other, len(X))

    @property
    def rows(self) -> Array:
        """The functionals, the intercept's number last."""
        if "intercept" in self.evaluation:
            return np.hstack([FUNCTIONALS, INTERCEPTS[:, None]])
        return np.eye(4)[:3]

    def values(self, count: int) -> Array:
        """Of every refit the value of every functional; the first is today's."""
        return np.array([self.rows @ w for w in self.refits(count)])

    def write(self, folder: Path) -> Path:
        """The spec and its files."""
        X, y = self.data
        w = self.fit(X, y, len(X))
        save_file({"0.weight": w[None, :3].copy(), "0.bias": w[3:].copy()}, folder / "model.safetensors")
        np.savez(folder / "data.npz", X=X, y=y)
        lines = [",".join((*NAMES, "y")), *(",".join(map(repr, (*x, t))) for x, t in zip(
            X.tolist(), y.tolist(), strict=True))]
        (folder / "data.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        np.savez(folder / "more.npz", X=FUNCTIONALS, t=INTERCEPTS)
        text = SPEC.format(
            ending="csv" if self.csv else "npz", features=str(list(NAMES)).replace("'", '"') if self.csv else '"X"',
            loss=self.loss, decay=self.decay, bias_decay=str(self.bias_decay).lower(), parameter=self.parameter,
            count=self.count, evaluation=self.evaluation)
        text += "".join(GATE.format(*gate) for gate in self.gates)
        (folder / "spec.toml").write_text(text, encoding="utf-8")
        return folder / "spec.toml"

    def run(self, folder: Path) -> dict[str, Any]:
        """The certificate."""
        return _run(folder, self)


@once
def _run(folder: Path, asked: Asked) -> dict[str, Any]:
    return run_audit(asked.write(folder))
