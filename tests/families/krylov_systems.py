"""Systems of every kind with their exact answers, in float64 from numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class System:
    """A matrix, right-hand sides (rows), pseudo-inverse solutions and whether b lies in the range."""

    matrix: np.ndarray
    b: np.ndarray
    want: np.ndarray
    consistent: bool


def orthogonal(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.linalg.qr(rng.standard_normal((n, n)))[0]


def symmetric(seed: int, eigenvalues: np.ndarray, consistent: bool, count: int = 3) -> System:
    rng = np.random.default_rng(seed)
    q = orthogonal(rng, len(eigenvalues))
    a = (q * eigenvalues) @ q.T
    a = (a + a.T) / 2
    inverse = np.divide(1.0, eigenvalues, out=np.zeros(len(eigenvalues)), where=eigenvalues != 0)
    b = rng.standard_normal((count, len(a)))
    if consistent:
        b = (b @ q * (eigenvalues != 0)) @ q.T
    return System(a, b, (b @ q * inverse) @ q.T, consistent or bool((eigenvalues != 0).all()))


def rectangular(seed: int, rows: int, columns: int, values: np.ndarray, consistent: bool, count: int = 3) -> System:
    rng = np.random.default_rng(seed)
    k = len(values)
    u, v = orthogonal(rng, rows)[:, :k], orthogonal(rng, columns)[:, :k]
    b = rng.standard_normal((count, rows))
    if consistent:
        b = b @ u @ u.T
    return System((u * values) @ v.T, b, (b @ u / values) @ v.T, consistent or k == rows)


def tensors(system: System, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(system.matrix, dtype=dtype), torch.tensor(system.b, dtype=dtype)


def error(got: torch.Tensor, want: np.ndarray) -> float:
    """The largest relative error of a row."""
    size = np.linalg.norm(want, axis=1)
    return float(np.max(np.linalg.norm(got.double().numpy() - want, axis=1) / np.where(size == 0, 1.0, size)))
