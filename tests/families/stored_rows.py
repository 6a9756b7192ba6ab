"""Rows on disk with a certificate about them, written without the product's prover."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from certify.certificate.canonical import canonical_bytes, seal
from certify.check.stored.run import check
from certify.format.refusal import Invalid
from tests.oracles import squared_head as oracle

FILES = {"data": "rows.npy", "labels": "labels.npy", "evaluation": "new.npy", "model": "model.safetensors"}


def accepted(path: Path) -> bool:
    """Whether a check accepts a certificate; one that is refused is so for what it says of a row."""
    try:
        check(path, path.read_bytes(), {}, lambda _: None)
    except Invalid as refusal:
        assert "evaluation row" in str(refusal)
        return False
    return True


@dataclass(frozen=True)
class Small:
    """A ridge classifier of a few rows, and rows to predict.

    Attributes:
        X, y, new: rows, numbers of classes from 0 on, rows to predict.
        classes: how many.
        penalty: of the sum form.
        free: whether there is an intercept without penalty.
    """

    X: np.ndarray
    y: np.ndarray
    new: np.ndarray
    classes: int
    penalty: float
    free: bool

    def with_ones(self, rows: np.ndarray) -> list[list[float]]:
        return (np.hstack([rows, np.ones((len(rows), 1))]) if self.free else np.asarray(rows, float)).tolist()

    @property
    def codes(self) -> list[list[float]]:
        return [[-1.0], [1.0]] if self.classes == 2 else (2.0 * np.eye(self.classes) - 1.0).tolist()

    @property
    def decayed(self) -> list[bool]:
        return [True] * self.X.shape[1] + [False] * self.free

    @property
    def targets(self) -> list[list[float]]:
        codes = self.codes
        return [codes[label] for label in self.y]

    def weights(self) -> np.ndarray:
        """Floats near the minimum, `(k, p)`."""
        phi, Y = np.array(self.with_ones(self.X)), np.array(self.targets)
        H = phi.T @ phi + self.penalty * np.diag(np.array(self.decayed, float))
        return np.linalg.solve(H, phi.T @ Y).T

    def labels(self) -> list[int]:
        """Of the rows to predict, by these weights."""
        out = np.array(self.with_ones(self.new)) @ self.weights().T
        return (out[:, 0] > 0).astype(int).tolist() if self.classes == 2 else out.argmax(axis=1).tolist()

    def tolerated(self) -> list[tuple[int, int]]:
        """Of each row to predict the exact number of changed labels that it tolerates; a tie flips, and does not."""
        may = [[c for c in range(self.classes) if c != own] for own in self.y]
        return [oracle.tolerated_labels(self.with_ones(self.X), self.targets, self.penalty, self.decayed, e, today,
                                        self.codes, may)
                for e, today in zip(self.with_ones(self.new), self.labels(), strict=True)]

    def deleted(self, count: int) -> list[tuple[bool, bool]]:
        """Whether each row to predict stays under every deletion of at most `count` rows, and whether one flips it."""
        phi, found = self.with_ones(self.X), []
        for e, today in zip(self.with_ones(self.new), self.labels(), strict=True):
            worst = [oracle.worst_deletion(phi, self.targets, [self.penalty] * (count + 1), self.decayed, e, today,
                                           range(len(phi)), m) for m in range(count + 1)]
            found.append((all(w is not None and w > 0 for w in worst), any(w is not None and w < 0 for w in worst)))
        return found

    def after(self, labels: Sequence[int], kept: Sequence[int]) -> list[int | None] | None:
        """What rows get whose training kept these rows with these labels, exactly; None of a tie, or of no one model.

        Classes are those that the kept rows have, as scikit-learn finds them: of two one output, of one this one.
        """
        there = sorted({labels[i] for i in kept})
        if len(there) == 1:
            return [there[0]] * len(self.new)
        phi = self.with_ones(self.X)
        codes = [[-1.0], [1.0]] if len(there) == 2 else (2.0 * np.eye(len(there)) - 1.0).tolist()
        W = oracle.refit([phi[i] for i in kept], [codes[there.index(labels[i])] for i in kept], self.penalty,
                         self.decayed)
        if W is None:
            return None
        found = [[a for a in range(len(there)) if oracle.margin(W, e, a) > 0] for e in self.with_ones(self.new)]
        return [there[one[0]] if one else None for one in found]

    def truth(self, change: str, count: int) -> list[tuple[bool, bool]]:
        """Whether each row to predict stays under every change of at most `count` rows, and whether one flips it."""
        n, today = len(self.X), self.labels()
        found = [(True, False)] * len(self.new)
        for m in range(count + 1):
            for rows in combinations(range(n), m):
                for labels in [self.y.tolist()] if change == "deletions" else self._relabelled(rows):
                    kept = [i for i in range(n) if change == "labels" or i not in rows]
                    now = self.after(labels, kept) or [None] * len(found)
                    found = [(stays and b == a, flips or b not in (a, None))
                             for (stays, flips), a, b in zip(found, today, now, strict=True)]
        return found

    def _relabelled(self, rows: Sequence[int]) -> Iterator[list[int]]:
        for new in product(*([c for c in range(self.classes) if c != self.y[i]] for i in rows)):
            labels = self.y.tolist()
            for i, label in zip(rows, new, strict=True):
                labels[i] = label
            yield labels


def small(rng: np.random.Generator, classes: int, n: int = 6, evaluated: int = 4) -> Small:
    """Drawn rows on a grid around the corners of a square, at some scale, every class among them."""
    scale, corners = 2.0 ** float(rng.integers(-8, 9)), np.array([[-4.0, -4.0], [4.0, -3.0], [0.0, 5.0]])
    y = np.arange(n) % classes
    X = (rng.integers(-4, 5, (n, 2)) / 4.0 + corners[y]) * scale
    new = (rng.integers(-8, 9, (evaluated, 2)) / 4.0 + corners[np.arange(evaluated) % classes]) * scale
    return Small(X, y, new, classes, float(rng.choice([0.5, 3.0, 100.0])) * scale**2, bool(rng.random() < 0.6))


def written(folder: Path, problem: Small, change: str, count: int, stays: Sequence[int], flips: Sequence[int],
            changed: list[list[int]] | None = None, kinds: tuple[str, str] = ("f8", "i8")) -> Path:
    """The files of a problem with a certificate that states these evaluation rows; the path of the certificate."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / FILES["data"], problem.X.astype(kinds[0]))
    np.save(folder / FILES["labels"], problem.y.astype(kinds[1]))
    np.save(folder / FILES["evaluation"], problem.new)
    W = problem.weights()
    d = problem.X.shape[1]
    save_file({"weight": np.ascontiguousarray(W[:, :d])} | (
        {"bias": np.ascontiguousarray(W[:, d])} if problem.free else {}), folder / FILES["model"])
    top = {
        "format": "certify-rows/1", "certify_version": "0", "created": "2026-01-01T00:00:00Z", "environment": {},
        "subject": {role: record(folder / name) for role, name in FILES.items()},
        "problem": {"loss": "squared", "penalty": problem.penalty, "intercept": "free" if problem.free else "none",
                    "change": change, "count": count, "rows": len(problem.X), "columns": d,
                    "evaluation_rows": len(problem.new), "classes": problem.classes},
        "claim": {"quantity": "stable_predictions", "theorem": {"labels": "D3", "deletions": "D4"}.get(change, "D3"),
                  "lower": len(stays), "upper": len(problem.new) - len(flips), "stays": list(stays),
                  "flips": list(flips), "changed": changed}}
    path = folder / "certificate.json"
    path.write_bytes(canonical_bytes(seal(top)))
    return path


def record(path: Path) -> dict[str, Any]:
    """A file as a certificate binds it."""
    content = path.read_bytes()
    return {"path": path.name, "sha256": sha256(content).hexdigest(), "bytes": len(content)}


def resealed(path: Path, edit: Callable[[dict[str, Any]], object]) -> Path:
    """The certificate with an edit, and a digest that fits."""
    top = json.loads(path.read_bytes())
    edit(top)
    top.pop("digest")
    path.write_bytes(canonical_bytes(seal(top)))
    return path


def bind_again(path: Path, role: str) -> Path:
    """The certificate about the file as it is now."""
    def edit(top: dict[str, Any]) -> None:
        top["subject"][role] = record(path.parent / FILES[role])

    return resealed(path, edit)
