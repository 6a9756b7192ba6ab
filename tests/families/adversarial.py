"""Adversarial matrices, networks and problems, drawn from a seeded generator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from certify.format.errors import InputError
from certify.network.network import Network
from certify.problem.norms.function import Reference
from certify.problem.problem import Problem, equal_rows
from certify.rigor.activation import ACTIVATIONS

Rng = np.random.Generator
Array = np.ndarray


def shape(rng: Rng, largest: int = 6) -> tuple[int, int]:
    """A small shape; single rows and columns are frequent."""
    n, m = rng.integers(1, largest + 1, 2)
    return (1, int(m)) if rng.random() < 0.1 else (int(n), 1) if rng.random() < 0.1 else (int(n), int(m))


def powers(rng: Rng, size: int | tuple[int, ...], low: int, high: int) -> Array:
    """Random powers of two."""
    return np.ldexp(1.0, rng.integers(low, high + 1, size))


def gaussian(rng: Rng, n: int, m: int) -> Array:
    return rng.standard_normal((n, m))


def integers(rng: Rng, n: int, m: int) -> Array:
    return rng.integers(-9, 10, (n, m)).astype(float)


def graded(rng: Rng, n: int, m: int) -> Array:
    s = int(rng.choice([4, 12, 30, 60, 200]))
    return powers(rng, (n, 1), -s, s) * rng.standard_normal((n, m)) * powers(rng, (1, m), -s // 2, s // 2)


def lauchli(rng: Rng, n: int, m: int) -> Array:
    eps = float(rng.choice([1.0544543879449973e-08, 1e-4, 1e-7, 2.0**-26, 2.0**-27, 2.0**-30, 1e-12]))
    return np.hstack([np.ones((n, 1)), eps * np.eye(n)])


def low_rank(rng: Rng, n: int, m: int) -> Array:
    r = int(rng.integers(0, min(n, m) + 1))
    return (rng.integers(-5, 6, (n, r)) @ rng.integers(-5, 6, (r, m))).astype(float)


def duplicated_rows(rng: Rng, n: int, m: int) -> Array:
    A = rng.standard_normal((n, m))
    A[rng.integers(n)] = A[rng.integers(n)]
    return A


def nearly_equal_rows(rng: Rng, n: int, m: int) -> Array:
    A = duplicated_rows(rng, n, m)
    i, j = rng.integers(n), rng.integers(m)
    A[i, j] = np.nextafter(A[i, j], np.inf)
    return A


def subnormal(rng: Rng, n: int, m: int) -> Array:
    return rng.integers(-4, 5, (n, m)) * 2.0**-1074


def tiny(rng: Rng, n: int, m: int) -> Array:
    return rng.standard_normal((n, m)) * 2.0 ** -int(rng.choice([300, 400, 401, 537, 540, 1000, 1030]))


def huge(rng: Rng, n: int, m: int) -> Array:
    return np.clip(rng.standard_normal((n, m)), -1.7, 1.7) * float(rng.choice([1e100, 1e200, 1e300, 1e308]))


def tiny_and_huge(rng: Rng, n: int, m: int) -> Array:
    return rng.standard_normal((n, m)) * np.where(rng.random((n, m)) < 0.5, 1e-300, 1e290)


def conditioned(rng: Rng, n: int, m: int) -> Array:
    r = min(n, m)
    U, V = np.linalg.qr(rng.standard_normal((n, r)))[0], np.linalg.qr(rng.standard_normal((m, r)))[0]
    return (U * np.logspace(0, -float(rng.uniform(0, 16)), r)) @ V.T


def hilbert(rng: Rng, n: int, m: int) -> Array:
    return 1.0 / (np.arange(n)[:, None] + np.arange(m)[None, :] + 1.0 + int(rng.integers(3)))


def vandermonde(rng: Rng, n: int, m: int) -> Array:
    return np.vander(rng.integers(-4, 9, n) / 4.0, m)


def zeros(rng: Rng, n: int, m: int) -> Array:
    return np.zeros((n, m))


def zero_row(rng: Rng, n: int, m: int) -> Array:
    A = rng.standard_normal((n, m))
    A[rng.integers(n)] = 0.0
    return A


def nearly_ones(rng: Rng, n: int, m: int) -> Array:
    return 1.0 + rng.integers(-2, 3, (n, m)) * 2.0 ** -int(rng.choice([52, 53, 40, 26]))


def counting(rng: Rng, n: int, m: int) -> Array:
    return np.arange(1.0, n * m + 1).reshape(n, m)


def triangular(rng: Rng, n: int, m: int) -> Array:
    return np.triu(-np.ones((n, m)), 1) + np.eye(n, m)


def hadamard(rng: Rng, n: int, m: int) -> Array:
    H = np.array([[1.0, 1.0], [1.0, -1.0]])
    return np.kron(H, np.kron(H, H))[:n, :m] * float(powers(rng, 1, -30, 30)[0])


MATRICES: tuple[Callable[[Rng, int, int], Array], ...] = (
    gaussian, integers, graded, lauchli, low_rank, duplicated_rows, nearly_equal_rows, subnormal, tiny, huge,
    tiny_and_huge, conditioned, hilbert, vandermonde, zeros, zero_row, nearly_ones, counting, triangular, hadamard,
)

ORDINARY: tuple[Callable[[Rng, int, int], Array], ...] = (
    gaussian, integers, graded, low_rank, duplicated_rows, nearly_equal_rows, tiny, conditioned, hilbert, zeros,
    zero_row, nearly_ones, triangular, subnormal,
)
"""Families whose entries stay within `fp.RANGE`."""


def _fitted(A: Array, n: int, m: int) -> Array:
    """A cropped or filled with zeros to `(n, m)`: some families have a shape of their own."""
    B = np.zeros((n, m))
    B[: len(A), : A.shape[1]] = A[:n, :m]
    return B


def any_matrix(rng: Rng, n: int | None = None, m: int | None = None, ordinary: bool = False) -> Array:
    """A matrix of a random family, sometimes scaled by a power of two."""
    rows, columns = shape(rng)
    kinds = ORDINARY if ordinary else MATRICES
    A = kinds[rng.integers(len(kinds))](rng, n or rows, m or columns)
    A = _fitted(A, n or len(A), m or A.shape[1])
    if not ordinary and rng.random() < 0.2:
        with np.errstate(over="ignore"):
            B = A * 2.0 ** int(rng.integers(-900, 900))
        A = B if np.isfinite(B).all() else A
    return np.ascontiguousarray(A)


def _arrow(rng: Rng, n: int) -> Array:
    """An arrow matrix whose last pivot is nearly 0."""
    A = np.diag(np.full(n, float(n)))
    A[-1, :-1] = A[:-1, -1] = np.sqrt(float(n)) * float(rng.choice([1.0, 0.5, 3.0]))
    A[-1, -1] = float((A[-1, :-1] ** 2 / n).sum()) * (1 + 2.0**-52 * int(rng.integers(-4, 5)))
    return A


def _gram_of(rng: Rng, n: int) -> Array:
    A = any_matrix(rng, n, int(rng.integers(1, 8)), ordinary=True)
    G = A @ A.T
    return np.tril(G) + np.tril(G, -1).T


def _integer_gram(rng: Rng, n: int) -> Array:
    """Exactly singular or definite integers, sometimes pushed below by one unit."""
    A = rng.integers(-6, 7, (n, int(rng.integers(1, n + 2)))).astype(float)
    G = A @ A.T
    if rng.random() < 0.4:
        i = rng.integers(n)
        G[i, i] -= float(rng.choice([1.0, 2.0**-40, 2.0**-44]))
    return G


def _sum_with_transpose(rng: Rng, n: int) -> Array:
    A = any_matrix(rng, n, n)
    return A / 2 + A.T / 2


def _nudged_gram(rng: Rng, n: int) -> Array:
    """A float Gram matrix shifted to the edge of definiteness."""
    G = _gram_of(rng, n)
    i = np.arange(n)
    G[i, i] -= float(np.linalg.eigvalsh(G)[0]) * (1 + 1e-15 * int(rng.integers(-9, 10)))
    return G


def _scaled_gram(rng: Rng, n: int) -> Array:
    """`D G D` with wild powers of two: easy only after Jacobi scaling."""
    s = powers(rng, n, -200, 200)
    G = s[:, None] * _gram_of(rng, n) * s
    return np.tril(G) + np.tril(G, -1).T  # where products are subnormal, their order matters


def _known_false_cholesky(rng: Rng, n: int) -> Array:
    """2 × 2 with a float Cholesky although exactly indefinite."""
    x = 1.0 + 2.0**-27
    G = np.eye(n)
    G[:2, :2] = np.array([[1.0, x], [x, x * x]])[: min(n, 2), : min(n, 2)]
    return G


def _definite(rng: Rng, n: int) -> Array:
    """Well inside the cone, of any scale."""
    A = rng.standard_normal((n, n + 2))
    G = A @ A.T + float(rng.choice([1.0, 1e-3, 1e-6])) * np.eye(n)
    return (np.tril(G) + np.tril(G, -1).T) * float(powers(rng, 1, -400, 400)[0])


SYMMETRIC: tuple[Callable[[Rng, int], Array], ...] = (
    _arrow, _gram_of, _integer_gram, _sum_with_transpose, _nudged_gram, _scaled_gram, _known_false_cholesky,
    _definite, _definite,
)


def any_symmetric(rng: Rng, n: int | None = None) -> Array:
    """A symmetric matrix of a random family."""
    size = n or int(rng.integers(1, 7))
    return np.ascontiguousarray(SYMMETRIC[rng.integers(len(SYMMETRIC))](rng, size))


def radius_for(rng: Rng, A: Array) -> Array | float | None:
    """None, one number or an array, from far below to far above the entries."""
    size = min(float(np.abs(A).max()) * float(rng.choice([1e-16, 1e-12, 1e-8, 1e-4, 1e-1, 2.0])), 1e308)
    choice = rng.integers(4)
    if choice == 0:
        return None
    if choice == 1:
        return size
    return rng.random(A.shape) * size * (rng.random(A.shape) < 0.7)


NAMES = ("tanh", "relu", *ACTIVATIONS)
"""Activations to draw from: tanh and relu twice as often."""

WEIGHTS = ("normal", "integer", "saturated", "zero", "dead", "tiny", "small", "large", "duplicate units", "cancelling")


def _weight(rng: Rng, kind: str, out: int, width: int) -> Array:
    W = rng.standard_normal((out, width))
    if kind == "integer":
        return rng.integers(-3, 4, (out, width)).astype(float)
    if kind == "saturated":
        return W * 40.0
    if kind == "zero":
        return np.zeros((out, width))
    if kind == "tiny":
        return W * 2.0**-540
    if kind in ("small", "large"):
        return W * 2.0 ** (-30 if kind == "small" else 40)
    if kind == "duplicate units":
        W[:] = W[0]
    if kind == "dead":
        W[rng.integers(out)] = 0.0
    if kind == "cancelling" and width > 1:
        W[:, -1] = -W[:, :-1].sum(axis=1)
    return W


def network(rng: Rng, activation: str | None = None, widths: tuple[int, ...] | None = None) -> Network:
    """A small network: 1 to 3 layers, 1 to 3 outputs, biases or none, weights of mixed kinds."""
    if widths is None:
        depth = int(rng.choice([1, 2, 2, 3]))
        widths = (int(rng.integers(1, 5)), *rng.integers(1, 7, depth - 1).tolist(), int(rng.choice([1, 1, 2, 3])))
    weights, biases = [], []
    plain = rng.random() < 0.6
    for width, out in zip(widths[:-1], widths[1:], strict=True):
        kind = "normal" if plain else str(rng.choice(WEIGHTS))
        weights.append(_weight(rng, kind, out, width))
        bias = None if rng.random() < 0.3 else rng.standard_normal(out) * float(rng.choice([1.0, 1.0, 0.0, 1e6, 1e-6]))
        if bias is not None and kind == "dead":
            bias -= 30.0
        biases.append(bias)
    return Network(tuple(weights), tuple(biases), activation or str(rng.choice(NAMES)))


def data(rng: Rng, n: int, d: int) -> Array:
    """Rows that may repeat, nearly repeat, cancel, vanish or be graded."""
    X = rng.standard_normal((n, d))
    kind = rng.integers(8)
    if kind == 0:
        X[rng.integers(n)] = X[rng.integers(n)]
    if kind == 1:
        X[rng.integers(n)] = X[rng.integers(n)] * (1 + 2.0**-40)
    if kind == 2:
        X = rng.integers(-2, 3, (n, d)).astype(float)
    if kind == 3:
        X *= powers(rng, (1, d), -20, 20)
    if kind == 4:
        X *= 1000.0
    return X


def problem(rng: Rng, activation: str | None = None) -> Problem:
    """A small interpolation problem; rank-deficient ones and duplicated rows are frequent."""
    net = network(rng, activation)
    n = int(rng.choice([1, 2, 2, 3, 4, 5]))
    X = data(rng, n, net.widths[0])
    rows = tuple(range(n))
    groups = equal_rows(X)
    merge = bool(groups) and rng.random() < 0.4
    if merge:
        rows = tuple(i for i in rows if not any(i in g[1:] for g in groups))
    if rng.random() < 0.3:
        rows = tuple(sorted(rng.choice(rows, int(rng.integers(1, len(rows) + 1)), replace=False).tolist()))
    y = None if rng.random() < 0.2 else rng.standard_normal((n, net.widths[-1]))
    layer = "all" if rng.random() < 0.7 else int(rng.integers(1, net.depth + 1))
    parameter = "features" if rng.random() < 0.7 else "targets"
    return Problem(net, X, y, parameter, rows, layer, merge, groups, scale=scale(rng, net.widths[0]))


def normed(rng: Rng, problem: Problem) -> Problem | None:
    """The problem with another norm of the weights; None where it has none (a layer of zeros)."""
    if rng.random() < 0.4:
        try:
            return replace(problem, weight_norm="relative")
        except InputError:
            return None
    kind = rng.integers(3)
    n, d = problem.X.shape
    rows = problem.X[: int(rng.integers(1, n + 1))] if kind == 0 else data(rng, int(rng.integers(1, 4)), d)
    rows = np.vstack([rows, rows[:1]]) if kind == 1 else rows
    tau = float(rng.choice([2.0**-20, 2.0**-10, 2.0**-10, 0.1, 1.0, 30.0]))
    return replace(problem, weight_norm="function", reference=Reference(rows, tau))


def scale(rng: Rng, d: int) -> Array | None:
    """Units of the features: none, powers of two, any, some of them 0."""
    if rng.random() < 0.6:
        return None
    units = powers(rng, d, -3, 3) if rng.random() < 0.5 else rng.random(d) * 3.0
    return units * (rng.random(d) < 0.8)
