"""Small logistic heads whose rows carry weights and whose labels change: prover's, checker's, and every refit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

import numpy as np
from flint import arb, arb_mat

from certify.check.linalg.balls import norm
from certify.check.reading.optional.class_weight import balanced
from certify.check.theorems.head.rows import head as checked
from certify.check.theorems.head.rows.codes import Codes
from certify.check.theorems.head.rows.losses.base import row_loss
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from tests.families.logistic_heads import refits
from tests.families.other_heads import other_head, weights_of

KINDS = ("rows", "labels", "balanced")
"""How rows get their weights: each its own, by label, balanced."""


def label_head(seed: int, weights: str, n: int = 24, d: int = 1, points: int = 60, decay: float = 0.4) -> Head:
    """A head of few rows, with points evenly around its border."""
    rng = np.random.default_rng([77, seed])
    head = other_head(rng, "logistic", n=n, d=d, N=1, free=seed % 2 == 0, weights=weights, decay=decay)
    w = head.V[0]
    phi = rng.normal(size=(points, d)) * 3.0
    phi -= np.outer((phi @ w[:-1] + w[-1]) / float(w[:-1] @ w[:-1]), w[:-1])
    phi += np.outer(5.0 * np.linspace(-1.0, 1.0, points) ** 3, w[:-1]) / float(np.linalg.norm(w[:-1]))
    return replace(head, points=np.hstack([phi, np.ones((points, 1))]), points_rad=np.zeros(points))


def as_checked(head: Head, change: RowChange) -> checked.Head:
    """The checker's twin."""
    assert head.label is not None and head.weights is not None
    label, own = head.label.tolist(), head.weights
    labelled = None if own.labels is None else tuple(arb(x) for x in own.labels.tolist())
    weights = balanced(label, 2) if own.balanced else (
        [labelled[y] for y in label] if labelled else [arb(x) for x in own.rows.tolist()])
    phi, points = arb_mat(head.phi.tolist()), arb_mat(head.points.tolist())
    return checked.Head(
        phi=phi, rows=phi.tolist(), sizes=[norm(r).upper() for r in phi.tolist()], targets=head.Y.tolist(),
        codes=Codes([[-1.0], [1.0]], label, head.Y.tolist()), loss=row_loss("logistic"), k=1, m=head.m, biased=True,
        bias_decay=bool(head.decayed[-1]), decay=arb(head.weight_decay), remaining=False, evaluated=points,
        lengths=[norm(r).upper() for r in points.tolist()], threshold=head.threshold, today=head.today.tolist(),
        moving=change.rows, count=change.count, relabels=True, weights=weights, balanced=own.balanced,
        labelled=labelled)


def choices(head: Head, rows: tuple[int, ...], count: int) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Every choice of at most so many rows, and the weights of its refit to many digits."""
    assert head.label is not None
    decay = np.where(head.decayed, head.weight_decay * head.n, 0.0)
    every = [which for size in range(count + 1) for which in combinations(rows, size)]
    own = [weights_of(head, [], {i: 1 - int(head.label[i]) for i in which}) for which in every]
    signs = np.array([np.where(np.isin(np.arange(head.n), which), -1.0, 1.0) for which in every])
    yield from zip(every, refits(head.phi * head.Y, signs, np.array(own), decay), strict=True)


def least_margins(head: Head, rows: tuple[int, ...], count: int) -> np.ndarray:
    """The least of what every point's outputs lie on today's side of the threshold, over all choices."""
    sign = np.where(head.today == 1, 1.0, -1.0)
    return np.min([sign * (head.points @ w - head.threshold) for _, w in choices(head, rows, count)], axis=0)
