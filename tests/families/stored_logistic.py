"""A logistic regression of rows on disk with a certificate about it, written without the product's prover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from certify.certificate.canonical import canonical_bytes, seal
from tests.families.stored_rows import FILES, record, resealed

WITNESS = "witness.safetensors"
ROLES = FILES | {"witness": WITNESS}
Array = np.ndarray
Choice = tuple[int, ...]


@dataclass(frozen=True)
class Logistic:
    """Rows, classes 0 and 1, rows to predict, the penalty of the sum form, and whether there is a free intercept."""

    X: Array
    y: Array
    new: Array
    penalty: float
    free: bool

    def with_ones(self, rows: Array) -> Array:
        return np.hstack([rows, np.ones((len(rows), 1))]) if self.free else np.asarray(rows, dtype=float)

    @property
    def mu(self) -> Array:
        return np.array([self.penalty] * self.X.shape[1] + [0.0] * self.free)

    def minima(self, signs: Array, kept: Array) -> Array:
        """The minimum of each row of signs and weights, by Newton's steps that are cut where they lead away."""
        phi, mu = self.with_ones(self.X), self.mu

        def loss(w: Array) -> Array:
            return (kept * np.logaddexp(0.0, -signs * (w @ phi.T))).sum(axis=1) + 0.5 * (mu * w * w).sum(axis=1)

        w = np.zeros((len(signs), phi.shape[1]))
        for _ in range(60):
            p = 1.0 / (1.0 + np.exp(signs * (w @ phi.T)))
            g = mu * w - (kept * signs * p) @ phi
            H = np.einsum("kn,ni,nj->kij", kept * p * (1.0 - p), phi, phi) + np.diag(mu)
            step, share = np.linalg.solve(H, g[..., None])[..., 0], np.ones(len(w))
            for _ in range(20):
                worse = loss(w - share[:, None] * step) > loss(w) + 1e-12
                share = np.where(worse, 0.5 * share, share)
            w = w - share[:, None] * step
            if np.abs(step).max() < 1e-13:
                break
        return w

    def weights(self) -> Array:
        return self._kept

    @cached_property
    def _kept(self) -> Array:
        return self.minima(np.where(self.y == 1, 1.0, -1.0)[None], np.ones((1, len(self.y))))[0]

    def near(self, outputs: Array) -> Logistic:
        """With evaluation rows that are moved so far that they have these outputs."""
        w = self.weights()
        own, d = self.with_ones(self.new) @ w, self.X.shape[1]
        along = w[:d] * self.X.var(axis=0)
        return replace(self, new=self.new + np.outer(outputs - own, along) / (w[:d] @ along))

    def refits(self, change: str, count: int) -> tuple[list[Choice], Array]:
        """Every choice of at most `count` rows, and the minimum after it."""
        choices = [M for k in range(count + 1) for M in combinations(range(len(self.y)), k)]
        signs = np.tile(np.where(self.y == 1, 1.0, -1.0), (len(choices), 1))
        kept = np.ones(signs.shape)
        for t, M in enumerate(choices):
            if change == "labels":
                signs[t, list(M)] *= -1.0
            else:
                kept[t, list(M)] = 0.0
        return choices, self.minima(signs, kept)

    def margins(self, w: Array) -> Array:
        """Of every evaluation row for every minimum: positive where it has today's label."""
        out = self.with_ones(self.new) @ np.atleast_2d(w).T
        return out * np.sign(self.with_ones(self.new) @ self.weights())[:, None]

    def witness(self, change: str, count: int) -> dict[str, Array]:
        """Floats near what D14 starts from; the distance has a thousandth to spare."""
        w, phi = self.weights(), self.with_ones(self.X)
        t = np.where(self.y == 1, 1.0, -1.0) * (phi @ w)
        p = 1.0 / (1.0 + np.exp(t))
        K = (phi * (p * (1.0 - p))[:, None]).T @ phi + np.diag(self.mu)
        K = 0.5 * (K + K.T)
        z = np.sqrt(np.einsum("ni,ij,nj->n", phi, np.linalg.inv(K), phi))
        deletes = change == "deletions"
        P = np.sort(z * p if deletes else z)[-count:].sum()
        kappa = np.sort(z * z * p * (1.0 - p))[-count:].sum() if deletes else 0.0
        a = next((a for a in P * np.geomspace(1.002, 50.0, 3000)
                  if P * 1.001 < (-np.expm1(-a * z.max()) / (a * z.max()) - kappa) * a), 2.0 * P)
        return {"centre": w, "curvature": K, "distance": np.array([a])}


def crowd(rng: np.random.Generator, n: int = 60, free: bool = True, evaluated: int = 24) -> Logistic:
    """Rows of two columns whose labels are noisy, and rows to predict of which many are near the boundary."""
    scale = 2.0 ** rng.integers(-6, 7, 2)
    X = rng.standard_normal((n, 2))
    y = (X[:, 0] + 0.7 * rng.logistic(size=n) > 0.2).astype(int)
    y[:4] = 0, 1, 0, 1
    new = rng.standard_normal((evaluated, 2))
    new[evaluated // 2:, 0] = 0.3 * new[evaluated // 2:, 0]
    return Logistic(X * scale, y, new * scale, float(rng.choice([1.0, 4.0]) * scale.min() ** 2), free)


def written(folder: Path, problem: Logistic, change: str, count: int, stays: Sequence[int], flips: Sequence[int] = (),
            changed: Sequence[Sequence[int]] = (), given: Array | None = None) -> Path:
    """The files of a problem with a certificate that states these evaluation rows; the path of the certificate."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / FILES["data"], problem.X)
    np.save(folder / FILES["labels"], problem.y)
    np.save(folder / FILES["evaluation"], problem.new)
    W, d = problem.weights() if given is None else given, problem.X.shape[1]
    bias = {"bias": W[d:].copy()} if problem.free else {}
    save_file({"weight": W[None, :d].copy()} | bias, folder / FILES["model"])
    save_file(problem.witness(change, count), folder / WITNESS)
    top = {
        "format": "certify-rows/1", "certify_version": "0", "created": "2026-01-01T00:00:00Z", "environment": {},
        "subject": {role: record(folder / name) for role, name in ROLES.items()},
        "problem": {"loss": "logistic", "penalty": problem.penalty, "intercept": "free" if problem.free else "none",
                    "change": change, "count": count, "rows": len(problem.X), "columns": d,
                    "evaluation_rows": len(problem.new), "classes": 2},
        "claim": {"quantity": "stable_predictions", "theorem": "D14", "lower": len(stays),
                  "upper": len(problem.new) - len(flips), "stays": list(stays), "flips": list(flips),
                  "changed": [list(rows) for rows in changed]}}
    path = folder / "certificate.json"
    path.write_bytes(canonical_bytes(seal(top)))
    return path


def with_witness(path: Path, **arrays: Array) -> Path:
    """The certificate with other arrays in its witness file; None: without that array."""
    file = path.parent / WITNESS
    found = load_file(file) | arrays
    save_file({name: np.ascontiguousarray(x) for name, x in found.items() if x is not None}, file)
    return bound_again(path, "witness")


def bound_again(path: Path, role: str) -> Path:
    """The certificate about a file as it is now."""
    return resealed(path, lambda top: top["subject"].update({role: record(path.parent / ROLES[role])}))
