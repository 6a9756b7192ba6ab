"""Scaled dot-product attention of several heads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Final

import numpy as np

from certify.network.graph.sequences.base import Entries, Operation, Place, Pulled, entries, matrix
from certify.network.graph.windows import Shape
from certify.rigor.fp import Array

WEIGHT: Final = 100
"""Products of a matrix product in the time of one weight: an exponential, a quotient and their way into Python."""


class Attention(Operation):
    """`softmax(c QKᵀ)V` for each of `heads` equal parts of the channels, side by side (G8).

    Inputs q `(t, e)`, k `(s, e)`, v `(s, e')`. c is `scale`, or `1/√(e/heads)` where it is null: the exact root. With
    `causal` token i sees the tokens up to i alone.
    """

    word: ClassVar[str] = "attention"
    members: ClassVar[tuple[str, ...]] = ("heads", "scale", "causal")
    optional: ClassVar[tuple[str, ...]] = ("scale",)
    arity: ClassVar[int] = 3

    def shape(self, at: Place) -> Shape:
        """`(t, e')`."""
        q, k, v = at.before
        if not len(q) == len(k) == len(v) == 2 or q[1] != k[1] or k[0] != v[0]:
            at.refuse(f"inputs of shapes {q}, {k} and {v}", "give (t, e), (s, e) and (s, e')")
        if q[1] % at.node.heads or v[1] % at.node.heads:
            at.refuse(f"{at.node.heads} heads for {q[1]} and {v[1]} channels", "give a number that divides them")
        if at.node.causal and q[0] != k[0]:
            at.refuse(f"{q[0]} tokens that look at the first of {k[0]}", "causal takes as many of both")
        return (q[0], v[1])

    def floats(self, at: Place, inputs: Sequence[Array]) -> Array:
        """As written, with the largest score taken off."""
        q, k, v = (_heads(x, at.node.heads) for x in inputs)
        scale = at.node.scale if at.node.scale is not None else 1.0 / math.sqrt(q.shape[-1])
        scores = scale * (q @ k.swapaxes(-1, -2))
        if at.node.causal:
            scores = np.where(np.tril(np.ones(scores.shape[-2:], dtype=bool)), scores, -np.inf)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        y = (weights / weights.sum(axis=-1, keepdims=True)) @ v
        return np.asarray(y.swapaxes(1, 2).reshape(len(y), y.shape[2], -1))

    def products(self, at: Place) -> int:
        """For scores and for their sums; a weight is as much as `WEIGHT` products."""
        (t, e), (s, _), (_, after) = at.before
        return t * s * (e + after + WEIGHT * at.node.heads)

    def value(self, at: Place, inputs: Sequence[Entries]) -> tuple[Entries, Any]:
        """Head by head; of each row of scores one number, the same for all, is taken off before the exponential."""
        parts, kept = [], []
        for q, k, v in zip(*(np.split(x, at.node.heads, axis=1) for x in inputs), strict=True):
            Q, K, V = matrix(q), matrix(k), matrix(v)
            weights = matrix(_softmax(entries(Q * K.transpose()) * _scale(at), at.node.causal))
            parts.append(entries(weights * V))
            kept.append((Q, K, V, weights))
        return np.concatenate(parts, axis=1).ravel(), kept

    def pull(self, at: Place, v: Entries, kept: Any) -> Pulled:
        """`∂V = PᵀG`, `∂P = GVᵀ`, `D = P∘(∂P − rowsum(P∘∂P))`, `∂Q = cDK`, `∂K = cDᵀQ` for the adjoint G of a head."""
        adjoints = np.split(v.reshape(at.before[0][0], -1), at.node.heads, axis=1)
        found: tuple[list[Entries], list[Entries], list[Entries]] = ([], [], [])
        for part, (Q, K, V, weights) in zip(adjoints, kept, strict=True):
            G, P = matrix(part), entries(weights)
            of_weights = P * entries(G * V.transpose())
            D = matrix((of_weights - P * of_weights.sum(axis=1)[:, None]) * _scale(at))
            for known, M in zip(found, (D * K, D.transpose() * Q, weights.transpose() * G), strict=True):
                known.append(entries(M))
        return Pulled([np.concatenate(parts, axis=1).ravel() for parts in found])


def _heads(x: Array, heads: int) -> Array:
    """`(n, t, e)` as `(n, heads, t, e/heads)`."""
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def _scale(at: Place) -> Any:
    from flint import arb

    return arb(at.before[0][1] // at.node.heads).rsqrt() if at.node.scale is None else arb(at.node.scale)


def _softmax(scores: Entries, causal: bool) -> Entries:
    """`e^(s_j − c)/Σ e^(s_j − c)` of every row, c a float near its largest entry; 0 where nothing is seen."""
    from flint import arb

    rows = []
    for i, row in enumerate(scores):
        seen = row[: i + 1] if causal else row
        top = max(float(s.mid()) for s in seen)
        powers = [(s - top).exp() for s in seen]
        total = sum(powers, arb(0))
        rows.append([p / total for p in powers] + [arb(0)] * (len(row) - len(seen)))
    return np.array(rows, dtype=object)
