"""Weights near the refits after one more change each, output by output: a finder, nothing is promised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import numpy as np

from certify.finders.head.plain import PlainRefits
from certify.format.words import Loss
from certify.rigor.fp import Array
from certify.systems.head.rows.change import DELETED, Choices
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses import HEAD_LOSSES

ONE: Final[Mapping[str, str]] = MappingProxyType({
    Loss.ONE_VS_REST: Loss.LOGISTIC, Loss.SQUARED_HINGE: Loss.SQUARED_HINGE})
"""The loss of one output alone, by that of the head."""

TURNS, NEAR = 8, 1e-10
"""Steps with the inverse at the node; and the gradient that is near enough, as a part of all rows' lengths."""

SIGNS = np.array([[-1.0], [1.0]])


def output_of(head: Head, a: int) -> Head:
    """Output a as a head of its own, with two labels."""
    return replace(head, Y=head.Y[:, a : a + 1], V=head.V[a : a + 1], codes=SIGNS,
                   label=(head.Y[:, a] > 0.0).astype(np.int64), loss=HEAD_LOSSES[ONE[head.loss.name]])


def refits(head: Head, choices: Choices, W: Array, check: Callable[[], None]) -> Array:
    """`(B, k, m)` weights near the refits of a head.

    Args:
        head: the head as it is where they begin.
        choices: B changes.
        W: `(k, m)` weights near its minimum.
        check: raises when the time is up.
    """
    goal, found = NEAR * float(head.phi_norm.sum()), np.empty((len(choices), *W.shape))
    for a in range(head.k):
        check()
        plain, own = PlainRefits(output_of(head, a)), choices
        if head.codes is not None:
            signs = (head.codes[np.maximum(choices.codes, 0), a] > 0.0).astype(np.int64)
            own = Choices(choices.rows, np.where(choices.codes == DELETED, DELETED, signs))
        start = np.repeat(W[None, a : a + 1], len(choices), axis=0)
        near = plain.chords(own, start, plain.inverse(W[a : a + 1]), TURNS)
        near = np.where(np.isfinite(near).all(axis=(1, 2), keepdims=True), near, start)
        found[:, a] = plain.newton(own, near, goal, check)[:, 0]
    return found
