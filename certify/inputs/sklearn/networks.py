"""Networks of scikit-learn: MLPClassifier and MLPRegressor, whose penalty is a share of a batch's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from certify.format.errors import InputError
from certify.format.words import Activation, Loss, Normalization
from certify.inputs.sklearn.read import Linear, numbers, real_targets, refuse, strength
from certify.rigor.fp import Array


def _classifier(estimator: Any, y: Array, n: int) -> Linear:
    """The mean log loss: logistic of one output for two classes, softmax of several."""
    labels = numbers(estimator, y).astype(np.float64)
    loss = Loss.LOGISTIC if estimator.n_outputs_ == 1 else Loss.CROSS_ENTROPY
    return _network(estimator, loss, n, labels=labels)


def _regressor(estimator: Any, y: Array, n: int) -> Linear:
    """Half the mean of the squares, which are added up over the outputs.

    What scikit-learn prints as loss takes their mean over the outputs; what it descends along is the gradient of their
    sum, and the weights come from that.
    """
    loss = estimator.get_params().get("loss", "squared_error")
    if loss not in OF_REGRESSORS:
        raise InputError("loss", f"{loss!r}", f"fit with loss={' or '.join(map(repr, OF_REGRESSORS))}")
    k = int(estimator.n_outputs_)
    if OF_REGRESSORS[loss].counts and k > 1:
        raise InputError("loss", f"{loss!r} of {k} outputs", "fit one estimator for each")
    return _network(estimator, OF_REGRESSORS[loss], n, targets=real_targets(y, n, k))


def _network(estimator: Any, loss: str, n: int, labels: Array | None = None, targets: Array | None = None) -> Linear:
    p = estimator.get_params()
    refuse(p, early_stopping=(False,))
    if p["activation"] not in ACTIVATIONS:
        raise InputError("activation", f"{p['activation']!r}", f"fit with one of {', '.join(ACTIVATIONS)}")
    alpha = 0.0 if p["alpha"] == 0 else strength("alpha", p["alpha"])
    steps = _steps(p, n)
    seen = int(getattr(estimator, "t_", 0))
    if p["solver"] in DESCENTS and seen % n:
        raise InputError("X", f"{n} rows, and the estimator was fitted to another number of them",
                         "give the rows it was fitted to")
    *hidden, (W, b) = [(np.array(w.T, dtype=np.float64, order="C"), np.array(c, dtype=np.float64))
                       for w, c in zip(estimator.coefs_, estimator.intercepts_, strict=True)]
    said = ("" if steps == 1 else (
        f"it met its penalty {steps} times a round, once a batch: weight_decay is alpha·{steps}"
        f"/{n}, that of the loss it prints; with solver='lbfgs' it is alpha/{n}; ")) + LAST
    return Linear(W, b, loss, alpha * steps / n, False, labels, targets,
                  Normalization.FIXED if steps == 1 else Normalization.REMAINING, hidden=tuple(hidden),
                  activation=ACTIVATIONS[p["activation"]], said=said)


def _steps(p: Mapping[str, Any], n: int) -> int:
    """How many batches a round over the rows has."""
    if p["solver"] not in DESCENTS:
        return 1
    batch = min(200, n) if p["batch_size"] == "auto" else min(max(int(p["batch_size"]), 1), n)
    return -(-n // batch)


LAST: Final = ("answers about rows are about refits of its last layer alone, and the others stay as they are: of a "
               "training of all layers nothing is said")
"""What a caller has to be told: its fit anew would train them all."""

DESCENTS: Final = ("sgd", "adam")
"""Solvers that take a step a batch."""

OF_REGRESSORS: Final[Mapping[str, Loss]] = MappingProxyType({"squared_error": Loss.SQUARED, "poisson": Loss.POISSON})
"""The loss of MLPRegressor by its option."""

ACTIVATIONS: Final[Mapping[str, str]] = MappingProxyType({
    "relu": Activation.RELU, "tanh": Activation.TANH, "logistic": Activation.SIGMOID, "identity": Activation.IDENTITY})
"""By the option `activation`."""

READERS: Final[Mapping[str, Callable[[Any, Array, int], Linear]]] = MappingProxyType({
    "MLPClassifier": _classifier, "MLPRegressor": _regressor})
"""By the name of the class."""
