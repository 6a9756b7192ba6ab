"""What nobody said of the training: refused by the name of the option, with the values that fit the data best."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, NoReturn

import numpy as np

from certify.format.errors import InputError
from certify.format.words import Loss
from certify.inputs.targets import TARGETS
from certify.network.graph.graph import GraphNetwork
from certify.network.loss.losses import loss_named
from certify.network.network import Network
from certify.problem.fit import percent
from certify.problem.fitting import fit
from certify.rigor.activation import activation
from certify.rigor.fp import Array
from certify.spec.vocabulary import ACTIVATIONS

SHOWN: Final = 9
TRIED: Final = (Loss.CROSS_ENTROPY, Loss.LOGISTIC, Loss.SQUARED)
"""Losses that are tried on data, the likelier first."""
ROWS: Final = 4096


@dataclass(frozen=True)
class Unsaid:
    """What nobody said.

    Attributes:
        activation, loss, decay: whether it is that.
    """

    activation: bool
    loss: bool
    decay: bool


def refuse(unsaid: Unsaid, network: Network | GraphNetwork, X: Array, raw: Array | None, loss: str | None,
           bias_decay: bool) -> NoReturn:
    """Refuse a training of which something was not said: the options, and the values that fit the data best.

    Args:
        unsaid: what is missing.
        network: with any activation where that is not known.
        X: `(n, d)` training features.
        raw: the targets as the file has them, or None.
        loss: the one that was said or that alone takes such targets; None: not known.
        bias_decay: whether biases carry the weight decay.

    Raises:
        InputError: always.
    """
    found = [("--activation", _activations(network, X, raw, loss))] if unsaid.activation else []
    if unsaid.loss:
        found.append(("--loss", _losses(network, X, raw, unsaid.activation)))
    if unsaid.decay:
        known = None if unsaid.activation else loss or _likely(network, X, raw)
        hint = "" if known is None else decay_hint(network, X, raw, known, bias_decay)
        found.append(("--weight-decay", "X of the penalty X/2·|w|² in the mean loss, 0 where there is none (AdamW's is "
                      f"none; scikit-learn's is 1/(nC) or alpha/n){hint}"))
    them = ("it", "it is") if len(found) == 1 else ("them", "they are")
    raise InputError(" ".join(option for option, _ in found), f"no file says {them[0]}, and {them[1]} not guessed",
                     "give what it was trained with: " + "; ".join(f"{option}: {words}" for option, words in found))


def _activations(network: Network | GraphNetwork, X: Array, raw: Array | None, loss: str | None) -> str:
    """The activations under which the network fits its targets best."""
    assert isinstance(network, Network)
    found = []
    for word in ACTIVATIONS:
        made = next((made for name in ((loss,) if loss else TRIED)
                     if (made := _fit(replace(network, activation=word), X, raw, name)) is not None), None)
        if made is not None:
            found.append((made[0], f"{word} {made[0]:.3g}"))
    best = ", ".join(words for _, words in sorted(found)[:SHOWN])
    return f"today's training loss with each would be: {best}" if best else f"one of {', '.join(ACTIVATIONS)}"


def _losses(network: Network | GraphNetwork, X: Array, raw: Array | None, any_activation: bool) -> str:
    """The losses that take the targets, with today's training loss under each."""
    found = [(name, made) for name in TRIED if (made := _fit(network, X, raw, name)) is not None]
    if not found:
        return "none of the losses takes these targets"
    if any_activation:
        return f"these take the targets: {', '.join(name for name, _ in found)}"
    return "today it would be " + ", ".join(f"{name} {made[0]:.3g}{made[1]}" for name, made in found)


def _likely(network: Network | GraphNetwork, X: Array, raw: Array | None) -> str | None:
    """The likeliest loss that takes the targets, for a hint alone."""
    return next((name for name in TRIED if _fit(network, X, raw, name) is not None), None)


def decay_hint(network: Network | GraphNetwork, X: Array, raw: Array | None, loss: str, bias_decay: bool) -> str:
    """In words, which decay makes the last layer's gradient smallest, and how much of the gradient is left with it."""
    taken = _targets(raw, loss, network.widths[-1])
    if not isinstance(network, Network) or taken is None:
        return ""
    (y, labels), of = taken, loss_named(loss)
    a = X[:ROWS]
    phi = activation(network.activation)
    for h, (W, b) in enumerate(zip(network.weights, network.biases, strict=True), 1):
        z = a @ W.T + (0.0 if b is None else b)
        if h < network.depth:
            a = phi.enclose(z, 0)[0].mid
    aims = of.aims(None if y is None else y[:ROWS], None if labels is None else labels[:ROWS], network.widths[-1])
    with np.errstate(all="ignore"):
        slopes = of.rough_slopes(z, aims)
    if not np.isfinite(slopes).all():
        return ""
    W, b = network.weights[-1], network.biases[-1]
    gradient, weight = [slopes.T @ a / len(a)], [W]
    if b is not None and bias_decay:
        gradient, weight = [*gradient, slopes.mean(axis=0)], [*weight, b]
    g, w = (np.concatenate([part.ravel() for part in parts]) for parts in (gradient, weight))
    with np.errstate(all="ignore"):
        best, length = float(-(g @ w) / (w @ w)), float(np.linalg.norm(g))
        left = float(np.linalg.norm(g + max(best, 0.0) * w)) / length if length > 0 else math.nan
    if not (math.isfinite(best) and math.isfinite(left)) or best <= 0:
        return "; the last layer is nearest to a minimum with none"
    return (f"; the last layer is nearest to a minimum of the {loss} loss with about {best:.3g}, where "
            f"{100 * left:.0f} % of its gradient is left")


def _targets(raw: Array | None, loss: str, outputs: int) -> tuple[Array | None, Array | None] | None:
    """Targets and labels as a loss takes them; None where it does not."""
    if raw is None:
        return None
    kind = TARGETS[loss]
    if not kind.are_labels(raw):
        y = np.asarray(raw, dtype=np.float64).reshape(len(raw), -1)
        return (y, None) if y.shape[1] == outputs and not Loss(loss).outputs_by_class else None
    if raw.ndim > 1 and raw.shape[1:] != (1,):
        return None
    labels = np.asarray(raw, dtype=np.float64).reshape(-1)
    if outputs == 1:
        known = set(np.unique(labels).tolist()) <= ({0.0, 1.0} if (labels >= 0).all() else {-1.0, 1.0})
        return (None, labels) if known and not Loss(loss).outputs_by_class else None
    known = bool((labels == np.floor(labels)).all() and labels.min() >= 0 and labels.max() < outputs)
    return (None, labels) if known and not Loss(loss).one_output else None


def _fit(network: Network | GraphNetwork, X: Array, raw: Array | None, loss: str) -> tuple[float, str] | None:
    """Training loss and accuracy in words; None where the loss does not take such targets or outputs."""
    taken = _targets(raw, loss, network.widths[-1])
    if taken is None:
        return None
    made = fit(network, X, loss, *taken, most=ROWS)
    if made.value is None:
        return None
    return made.value, "" if made.right is None else f", accuracy {percent(made.right, made.rows)}"
