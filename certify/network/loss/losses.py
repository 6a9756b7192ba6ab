"""Losses of single samples and their derivatives with respect to the network's outputs, enclosed (L1)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import flint

from certify.format.errors import InputError
from certify.network.loss.base import Loss, LossTerms
from certify.network.loss.cross_entropy import CrossEntropy
from certify.network.loss.logistic import Logistic
from certify.network.loss.of_heads import Gamma, Huber, OneVsRest, Poisson, SquaredHinge
from certify.network.loss.squared import Squared
from certify.rigor.arithmetic import Arithmetic
from certify.rigor.ball import Balls
from certify.rigor.fp import Array

LOSSES: Final[Mapping[str, Loss]] = MappingProxyType({
    loss.name: loss for loss in (
        Squared(), CrossEntropy(), Logistic(), OneVsRest(), SquaredHinge(), Huber(), Poisson(), Gamma())})
"""By its word."""


def loss_named(word: str) -> Loss:
    """The loss that a spec names.

    Raises:
        InputError: there is none of that name.

    >>> loss_named("squared").slides, loss_named("logistic").alphabets(1)
    (True, ({0, 1}, {1, -1}))
    """
    if word not in LOSSES:
        raise InputError("loss", f"'{word}'", f"use one of {', '.join(LOSSES)}")
    return LOSSES[word]


def enclose_losses(
    loss: str, output: Balls, targets: Array | None, labels: Array | None, arithmetic: Arithmetic
) -> LossTerms:
    """Enclose losses and slopes of every sample at its output ball.

    ``squared``: `½|f − y|²`, `c = f − y`. ``logistic`` with sign s: `log(1 + e^(−sf))`, `c = −s/(1 + e^(sf))`.
    ``cross_entropy`` with weights q (a unit vector for a label): `(Σq)·log Σ e^f − q·f`, `c = (Σq)·softmax f − q`.

    Args:
        loss: name of the loss.
        output: `(n, k)` balls around the outputs.
        targets: `(n, k)` real targets (squared) or probabilities (cross-entropy), or None.
        labels: `(n,)` labels: 0/1 or −1/1 (logistic), 0 … k − 1 (cross-entropy), or None.
        arithmetic: what computes the squared loss' slopes.
    """
    return loss_named(loss).terms(output, targets, labels, arithmetic)


def loss_ball(
    loss: str, f: list[flint.arb], target: Array | None, label: int | None
) -> tuple[flint.arb, list[flint.arb]]:
    """`ℓ` and `∂ℓ/∂f` of one sample in balls, at the current precision (L1).

    Args:
        loss: name of the loss.
        f: the outputs.
        target: real target or probabilities, or None.
        label: class label, or None.
    """
    return loss_named(loss).ball(f, target, label)
