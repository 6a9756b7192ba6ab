"""Second derivatives of the losses with respect to the network's outputs, enclosed (H2)."""

from __future__ import annotations

from certify.network.layers.stacks import Stack
from certify.network.loss.losses import LossTerms, loss_named
from certify.rigor.arithmetic import Arithmetic
from certify.rigor.fp import Array


def enclose_loss_hessians(
    loss: str, terms: LossTerms, targets: Array | None, labels: Array | None, arithmetic: Arithmetic
) -> Stack:
    """`∇²_f ℓ_i` at every output of the balls that `terms` was computed from.

    ``squared``: I. ``logistic``: `|c|(1 − |c|)`. ``cross_entropy``: `diag(t) − ttᵀ/W`, `t = c + q`, `W = Σq`.

    Args:
        loss: name of the loss.
        terms: its slopes c.
        targets: `(n, k)` probabilities q of cross-entropy, or None.
        labels: `(n,)` labels, or None.
        arithmetic: what computes the midpoints.

    Returns:
        `(n, k, k)` stack.
    """
    return loss_named(loss).curvatures(terms, targets, labels, arithmetic)
