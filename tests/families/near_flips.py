"""Heads whose points lie just on either side of where some choice of changed rows would flip them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses import HEAD_LOSSES
from tests.families.heads import drawn_head

HALVINGS = 60


def cornered(rng: np.random.Generator, loss: str, n: int, N: int, decay: float, remaining: bool = False) -> Head:
    """A head with three labels, whose rows lie about the corners of a triangle; of the squared loss with two codes."""
    head = drawn_head(rng, "cross_entropy", n=n, d=2, N=N, decay=decay, free=None if loss == "squared" else False,
                      remaining=remaining)
    codes, phi = head.codes, head.phi.copy()
    phi[:, :2] += 4.0 * np.array([[0.0, 1.0], [-0.9, -0.5], [0.9, -0.5]])[head.label]
    if loss == "squared":
        codes = codes * (1 + (rng.random() < 0.5)) - float(rng.random() < 0.5)
    head = replace(head, loss=HEAD_LOSSES[loss], phi=phi, codes=codes, Y=codes[head.label])
    return replace(head, V=Refitter(head).V0)


def margins_of(head: Head, W: Array, points: Array, own: Array) -> Array:
    """`(B, N)` the least margin of some points by which a label exceeds the others, at weights `(B, k, m)`."""
    F = np.einsum("nm,bkm->bnk", points, W)
    if head.k == 1:
        return np.asarray((F[..., 0] - head.threshold) * np.where(own == 1, 1.0, -1.0))
    at = np.arange(len(points))
    gap = F[:, at, own][..., None] - F
    gap[:, at, own] = np.inf
    return np.asarray(gap.min(axis=2))


def thin(rng: np.random.Generator, head: Head, W: Array, shares: Array) -> tuple[Head, Array]:
    """The head with points between one whose label bears every choice and another label's, near where a choice flips.

    Args:
        rng: the draws.
        head: a head.
        W: `(B, k, m)` weights of the refits after every choice.
        shares: `(N,)` what the least margin of a point over these becomes, as a share of its margin today.

    Returns:
        The head, and of which points that succeeded.
    """
    some = np.concatenate([head.phi, head.phi * np.where(np.arange(head.m) < head.m - 1, 3.0, 1.0), head.points])
    labels = max(head.k, 2)
    least = np.array([margins_of(head, W, some, np.full(len(some), y)).min(axis=0) for y in range(labels)])
    own = np.arange(len(shares)) % labels
    first = some[least.argmax(axis=1)[own]]
    last = np.array([rng.permutation(some[margins_of(head, head.V[None], some, np.full(len(some), y))[0] < 0])[0]
                     for y in own])
    low, high = np.zeros(len(own)), np.ones(len(own))
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        points = first + middle[:, None] * (last - first)
        today = margins_of(head, head.V[None], points, own)[0]
        reached = margins_of(head, W, points, own).min(axis=0) > shares * np.abs(today)
        low, high = np.where(reached, middle, low), np.where(reached, high, middle)
    found = replace(head, points=first + low[:, None] * (last - first))
    today = margins_of(found, head.V[None], found.points, own)[0]
    off = np.abs(margins_of(found, W, found.points, own).min(axis=0) - shares * today)
    return found, np.asarray((found.today == own) & (off <= 0.01 * np.abs(shares) * today))
