"""What a fitted estimator is, in the words of a problem, and what all its readers share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.format.errors import InputError
from certify.format.words import Activation, Normalization
from certify.inputs.given import given_numbers
from certify.network.network import Network
from certify.rigor.fp import Array

FEW = 5
"""Labels that are named in a message."""


@dataclass(frozen=True, eq=False)
class Linear:
    """What an estimator is, in the words of a problem: a linear one, or one that is linear in what stands before it.

    Attributes:
        weights: `(k, d)`, of the last layer.
        bias: `(k,)`, or None without an intercept.
        loss: the loss of one row.
        weight_decay: λ of `(1/n)Σ ℓ + (λ/2)|w|²`, the float nearest to what the estimator means.
        bias_decay: whether the intercept carries it too.
        labels: `(n,)` class numbers, or None.
        targets: `(n, k)` real targets, or None.
        normalization: whether the estimator's loss is a mean, so that rows that are left out leave its n too.
        by_label: weights of the labels; None: all 1.
        balanced: whether they are balanced.
        hidden: weights and biases of the layers before the last.
        activation: between the layers.
        features: name and function of what is done to rows before, made from the training rows; None: nothing.
        said: what a caller has to be told.
        mean: of every output, what its targets and predictions are more than here; empty: nothing.
    """

    weights: Array
    bias: Array | None
    loss: str
    weight_decay: float
    bias_decay: bool
    labels: Array | None
    targets: Array | None
    normalization: str = Normalization.FIXED
    by_label: Array | None = None
    balanced: bool = False
    hidden: tuple[tuple[Array, Array], ...] = ()
    activation: str = Activation.IDENTITY
    features: tuple[str, Any] | None = None
    said: str = ""
    mean: tuple[float, ...] = ()

    @property
    def network(self) -> Network:
        """All its layers."""
        layers = (*self.hidden, (self.weights, self.bias))
        return Network(tuple(W for W, _ in layers), tuple(b for _, b in layers), self.activation)


def refuse(params: Mapping[str, Any], **known: tuple[Any, ...]) -> None:
    """Refuse options that change the mathematics.

    Raises:
        InputError: with the value that is known.
    """
    for name, values in known.items():
        if name in params and not any(params[name] is v or params[name] == v for v in values):
            raise InputError(name, f"{params[name]!r}", f"fit with {name}={values[0]!r}")


def strength(name: str, value: Any) -> float:
    """A penalty, which has to be one finite number above 0."""
    if np.ndim(value):
        raise InputError(name, f"{np.size(value)} numbers", f"fit with one {name} for all targets")
    number = float(value)
    if not (number > 0 and math.isfinite(number)):
        use = "fit with a finite C" if name == "C" else f"fit with an {name} above 0"
        raise InputError(name, f"{number!r}", f"{use}: without a penalty the solution need not be stable")
    return number


def numbers(estimator: Any, y: Array) -> Any:
    """The class number of every row.

    Raises:
        InputError: labels that are not those of the estimator.
    """
    classes = np.asarray(estimator.classes_)
    flat = y.ravel()
    if flat.dtype.kind == "f" and not np.isfinite(flat).all():
        at = int(np.flatnonzero(~np.isfinite(flat))[0])
        raise InputError(f"y, entry {at}", f"{flat[at]}", "give the targets it was fitted to")
    try:
        places = np.searchsorted(classes, flat)
    except TypeError:  # words beside numbers have no order
        raise _unknown(classes, flat) from None
    if not (places < len(classes)).all() or not (classes[np.minimum(places, len(classes) - 1)] == flat).all():
        raise _unknown(classes, flat)
    if len(np.unique(places)) < len(classes):
        raise InputError("y", f"{len(np.unique(places))} of the {len(classes)} labels that the estimator was fitted to",
                         "give the targets it was fitted to")
    return places


def _unknown(classes: Array, labels: Array) -> InputError:
    """The first label that is none of the classes, with its row."""
    known = set(classes.tolist())
    row = next((i for i, label in enumerate(labels.tolist()) if label not in known), 0)
    more = ", …" if len(classes) > FEW else ""
    return InputError("y", f"labels that the estimator was not fitted to, first {labels[row]!s:.40} in row {row}",
                      f"give the targets it was fitted to: {', '.join(map(repr, classes[:FEW].tolist()))}{more}")


def layer(estimator: Any) -> tuple[Array, Array | None]:
    """Weights and intercepts."""
    W = np.atleast_2d(np.asarray(estimator.coef_, dtype=np.float64))
    if not estimator.get_params()["fit_intercept"]:
        return W, None
    return W, np.broadcast_to(np.asarray(estimator.intercept_, dtype=np.float64).ravel(), (len(W),)).copy()


def real_targets(y: Array, n: int, k: int) -> Array:
    """Targets as numbers, one for every output."""
    targets = given_numbers(y, "y").reshape(n, -1)
    if targets.shape[1] != k:
        raise InputError("y", f"{targets.shape[1]} targets a row", f"the estimator was fitted to {k}")
    return targets


def by_label(estimator: Any, params: Mapping[str, Any], single: bool = True) -> tuple[Array | None, bool]:
    """The weights of the classes, and whether they are balanced.

    Args:
        estimator: with its classes.
        params: its options.
        single: whether one weight a row says it; where each class stands against the rest every output has its own.

    Raises:
        InputError: it does not, or weights that are none.
    """
    given = params.get("class_weight")
    if given is None:
        return None, False
    if not single:
        raise InputError("class_weight", f"{given!r} with each class against the rest, where every class weighs rows "
                         "in its own way", "fit with class_weight=None, and give weights to fit and from_sklearn")
    if isinstance(given, str):
        refuse(params, class_weight=("balanced",))
        return None, True
    found = np.array([float(given.get(c, 1.0)) for c in np.asarray(estimator.classes_).tolist()])
    if not (np.isfinite(found) & (found > 0)).all():
        raise InputError("class_weight", f"{given!r}", "fit with finite weights above 0")
    return found, False
