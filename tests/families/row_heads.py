"""Small heads that are hard on claims about changed rows: every loss and option, far scales, thin margins, ties."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray

from certify.check.linalg.balls import norm
from certify.check.reading.arrays import Array as Stored
from certify.check.theorems.head.rows import head as checked
from certify.check.theorems.head.rows.codes import Codes
from certify.check.theorems.head.rows.losses.base import row_loss
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses import HEAD_LOSSES
from tests.oracles.row_refits import GONE, Problem, refit_today, weights

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

CODES = ([[-1.0], [1.0]], [[0.0], [1.0]], [[-0.3], [0.7]])
POINTS, FEW = 5, 8


def row_head(rng: np.random.Generator, loss: str) -> Head:
    """A head whose given weights are near its refit, or off it."""
    k = int(rng.integers(2, 4)) if loss == "cross_entropy" else int(rng.choice([1, 1, 1, 2, 3])) if loss == "squared" \
        else 1
    classes = max(k, 2)
    n, p = int(rng.choice([max(classes, 3), 4, 5, 6, 7])), int(rng.integers(1, 4))
    label = np.append(np.arange(classes), rng.integers(0, classes, n - classes)).astype(np.int64)
    if rng.random() < 0.15:  # single rows of all classes but one
        label = np.append(np.arange(classes), np.full(n - classes, rng.integers(0, classes))).astype(np.int64)
    features, biased = _features(rng, label, p), bool(rng.random() < 0.9)
    phi = np.c_[features, np.ones(n)] if biased else features
    codes, threshold = _codes(rng, loss, k)
    decay = float(10.0 ** (rng.uniform(-12, 3) if rng.random() < 0.35 else rng.uniform(-2.5, 0.5)))
    if rng.random() < 0.4:  # in the units of the features, and mostly large: where bounds prove something
        decay = float(10.0 ** rng.uniform(-2, 1))
        decay = min(max(decay * float((features**2).mean() + 1e-300), 1e-12), 1e3)
    decayed = np.array([True] * p + ([bool(rng.random() < 0.65)] if biased else []))
    Y, remaining = codes[label], bool(rng.random() < 0.15)
    real = loss == "squared" and k == 1 and rng.random() < 0.15
    if real:
        Y = np.round(rng.standard_normal((n, 1)), 2)
    problem = Problem(loss, phi, Y, codes, label, decay, decayed, remaining)
    V = refit_today(problem)
    points = _points(rng, phi, V, biased, threshold)
    if rng.random() < 0.6:
        _to_the_edge(rng, problem, V, points, biased, threshold)
    if rng.random() < 0.25:
        V = V + rng.standard_normal(V.shape) * (np.abs(V) + 1e-3) * 10.0 ** rng.uniform(-6, 0)
    return Head(phi, np.zeros(n), Y, None if real else codes, None if real else label, HEAD_LOSSES[loss], V, decay,
                decayed, remaining, points, np.zeros(len(points)), threshold)


def _features(rng: np.random.Generator, label: NDArray[np.int64], p: int) -> Array:
    """Rows about their classes; copies, constant and equal columns, rows that stick out, columns in other units."""
    n = len(label)
    centre = rng.standard_normal((int(label.max()) + 1, p)) * float(rng.choice([0.0, 0.5, 1.0, 2.0, 5.0]))
    X = np.round(centre[label] + rng.standard_normal((n, p)), int(rng.integers(0, 6)))
    if rng.random() < 0.3:
        X[rng.integers(0, n, 2)] = X[rng.integers(0, n)]
    if rng.random() < 0.2:
        X[rng.integers(0, n)] *= 10.0 ** rng.uniform(0, 3)
    if p > 1 and rng.random() < 0.15:
        X[:, 1] = X[:, 0]
    if rng.random() < 0.15:
        X[:, rng.integers(0, p)] = float(rng.choice([0.0, 1.0, -3.0, 0.1]))
    if rng.random() < 0.3:
        X = X * 10.0 ** rng.uniform(-6, 6, p if rng.random() < 0.5 else 1)
    return np.asarray(X)


def _codes(rng: np.random.Generator, loss: str, k: int) -> tuple[Array, float]:
    """What labels stand for, and the threshold of one output."""
    if k > 1:
        own = np.round(rng.standard_normal((k, k)), 2)
        found = np.eye(k) if loss == "cross_entropy" else [np.eye(k), 2 * np.eye(k) - 1, own][rng.integers(3)]
        return found, 0.0
    codes = np.array(CODES[0] if loss == "logistic" else CODES[rng.integers(3)])
    middle = 0.0 if loss == "logistic" else float(codes.mean())
    return codes, middle + (round(float(rng.standard_normal()), 2) if rng.random() < 0.15 else 0.0)


def _points(rng: np.random.Generator, phi: Array, V: Array, biased: bool, threshold: float) -> Array:
    """Rows near training rows, copies of them, far ones, and some close to a tie of today's outputs."""
    n, m = phi.shape
    size = np.abs(phi).max(axis=0) + 1e-12
    e = phi[rng.integers(0, n, POINTS)] + rng.standard_normal((POINTS, m)) * size * rng.choice([0.0, 0.1, 1.0], (
        POINTS, 1))
    if biased:
        e[:, -1] = 1.0
    normal = V[0] - (V[1] if len(V) > 1 else 0.0)
    across = np.append(normal[:-1], 0.0) if biased else normal
    length = float(across @ across)
    for j in range(int(rng.integers(0, POINTS))):
        if np.isfinite(length) and length > 1e-200:
            gap = float(e[j] @ normal) - (threshold if len(V) == 1 else 0.0)
            e[j] -= across * (gap / length) * (1.0 - 10.0 ** rng.uniform(-9, 0) * rng.choice([-1, 1]))
    return np.asarray(e)


def _to_the_edge(rng: np.random.Generator, problem: Problem, V: Array, points: Array, biased: bool, threshold: float
                 ) -> None:
    """Some points close to where the worst of a few changes loses their label, in place; most on today's side."""
    n, k = problem.Y.shape
    relabels, some = bool(rng.random() < 0.5), []
    for _ in range(FEW):
        rows = np.sort(rng.choice(n, int(rng.integers(1, min(3, n))), False)).tolist()
        some.append(tuple((i, int((problem.label[i] + rng.integers(1, max(k, 2))) % max(k, 2)) if relabels else GONE)
                          for i in rows))
    some = [c for c in some if problem.unique(c)]
    if not some:
        return
    W = weights(problem, some)
    for j in range(POINTS):
        if rng.random() < 0.5:
            continue
        z = W @ points[j]
        if k == 1:
            side = 1.0 if V[0] @ points[j] > threshold else -1.0
            normals, gaps = side * W[:, 0], side * (z[:, 0] - threshold)
        else:
            a = int(np.argmax(V @ points[j]))
            others = np.where(np.arange(k) == a, -np.inf, z).argmax(axis=1)
            normals = W[:, a] - W[np.arange(len(W)), others]
            gaps = z[:, a] - z[np.arange(len(W)), others]
        b = int(np.argmin(gaps))
        across = np.append(normals[b, :-1], 0.0) if biased else normals[b]
        length = float(across @ across)
        if np.isfinite(length) and length > 1e-200:
            left = 10.0 ** rng.uniform(-9, 0) * rng.choice([1.0, 1.0, 1.0, -1.0])
            points[j] -= across * (gaps[b] / length) * (1.0 - np.sign(gaps[b]) * left)


def blurred(rng: np.random.Generator, head: Head) -> tuple[Head, tuple[Array, Array]]:
    """The head with features known within radii, and some that it may stand for: as far off as they may be."""
    biased = bool((head.phi[:, -1] == 1.0).all())
    size = 10.0 ** rng.uniform(-12, -2)

    def away(X: Array, rad: Array) -> Array:
        step = rng.standard_normal(X.shape) if rng.random() < 0.5 else np.tile(head.V[0], (len(X), 1)) * rng.choice(
            [-1.0, 1.0], (len(X), 1))
        if biased:
            step[:, -1] = 0.0
        length = np.sqrt((step * step).sum(axis=1, keepdims=True))
        return np.asarray(X + step / np.maximum(length, 1e-300) * (rad * 0.999999)[:, None])

    radii = [size * np.sqrt((X * X).sum(axis=1)) for X in (head.phi, head.points)]
    vague = replace(head, phi_rad=radii[0], points_rad=radii[1])
    return vague, (away(head.phi, radii[0]), away(head.points, radii[1]))


def row_change(rng: np.random.Generator, head: Head, relabels: bool, most: int) -> RowChange:
    """Up to `most` of some of the rows, or of all."""
    size = head.n if rng.random() < 0.6 else int(rng.integers(1, head.n + 1))
    rows = tuple(sorted(rng.choice(head.n, size, False).tolist()))
    count = int(rng.choice([1, 2, 3], p=[0.4, 0.35, 0.25]))
    return RowChange(relabels, min(count, most, size), rows)


def as_checked(head: Head, change: RowChange) -> checked.Head:
    """The checker's twin of a prover's head and of what may change."""
    phi, points = arb_mat(head.phi.tolist()), arb_mat(head.points.tolist())
    biased = bool((head.phi[:, -1] == 1.0).all() and ((head.points[:, -1] == 1.0).all() or not head.decayed[-1]))
    labels = Codes([], [], head.Y.tolist()) if head.codes is None or head.label is None else Codes(
        head.codes.tolist(), head.label.tolist(), head.Y.tolist())
    outputs = (points * arb_mat(head.V.tolist()).transpose()).tolist()
    return checked.Head(
        phi=phi, rows=phi.tolist(), sizes=[norm(r).upper() for r in phi.tolist()], targets=head.Y.tolist(),
        codes=labels, loss=row_loss(head.loss.name), k=head.k, m=head.m, biased=biased,
        bias_decay=bool(head.decayed[-1]), decay=arb(head.weight_decay), remaining=head.remaining, evaluated=points,
        lengths=[norm(r).upper() for r in points.tolist()], threshold=head.threshold,
        today=[checked.label(f, head.threshold, arb(0)) for f in outputs], moving=change.rows, count=change.count,
        relabels=change.relabels)


def stored(arrays: dict[str, NDArray[np.generic]]) -> dict[str, Stored]:
    """Arrays as the checker reads them."""
    return {name: Stored(a.shape, tuple(a.ravel().tolist()), "f" if a.dtype.kind == "f" else "i")
            for name, a in arrays.items()}
