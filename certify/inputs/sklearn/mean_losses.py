"""Estimators whose loss is a mean over the rows, which are divided by the rows that are left: GLMs, SGD."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from certify.format.errors import InputError
from certify.format.words import Loss, Normalization
from certify.inputs.sklearn.read import Linear, by_label, layer, numbers, real_targets, refuse, strength
from certify.rigor.fp import Array


def _poisson(estimator: Any, y: Array, n: int) -> Linear:
    """Half the mean deviance and `α|w|²/2`: `e^z − yz` up to a constant, z the logarithm of the mean."""
    W, b = layer(estimator)
    return Linear(W, b, Loss.POISSON, strength("alpha", estimator.get_params()["alpha"]), False, None,
                  real_targets(y, n, 1), Normalization.REMAINING)


def _gamma(estimator: Any, y: Array, n: int) -> Linear:
    """Half the mean deviance and `α|w|²/2`: `ye^(−z) + z` up to a constant, z the logarithm of the mean."""
    W, b = layer(estimator)
    return Linear(W, b, Loss.GAMMA, strength("alpha", estimator.get_params()["alpha"]), False, None,
                  real_targets(y, n, 1), Normalization.REMAINING)


def _tweedie(estimator: Any, y: Array, n: int) -> Linear:
    """Powers 0, 1 and 2 are the squared, the Poisson and the Gamma loss."""
    p = estimator.get_params()
    power, link = p["power"], p["link"]
    known = {(0, "identity"): Loss.SQUARED, (1, "log"): Loss.POISSON, (2, "log"): Loss.GAMMA}
    loss = known.get((power, ("identity" if power <= 0 else "log") if link == "auto" else link))
    if loss is None:
        raise InputError("power", f"{power!r} with link={link!r}, whose loss is none that anything is proved about",
                         "fit with power=0, link='identity' (squares), or power=1 (Poisson) or 2 (Gamma), link='log'")
    W, b = layer(estimator)
    return Linear(W, b, loss, strength("alpha", p["alpha"]), False, None, real_targets(y, n, 1),
                  Normalization.REMAINING)


def _sgd_classifier(estimator: Any, y: Array, n: int) -> Linear:
    """`(1/n) Σ ℓ + α|w|²/2`; its squared hinge is twice the one with a half."""
    p = estimator.get_params()
    known = {"log_loss": (Loss.LOGISTIC, Loss.ONE_VS_REST, 1.0), "squared_hinge": (
        Loss.SQUARED_HINGE, Loss.SQUARED_HINGE, 0.5)}
    if p["loss"] not in known:
        raise InputError("loss", f"{p['loss']!r}", f"fit with loss={' or '.join(map(repr, known))}")
    refuse(p, penalty=("l2",), early_stopping=(False,))  # which trains on a part of the rows alone
    one, several, share = known[p["loss"]]
    own, balanced = by_label(estimator, p, len(estimator.classes_) == 2)
    labels, (W, b) = numbers(estimator, y), layer(estimator)
    return Linear(W, b, one if len(W) == 1 else several, strength("alpha", p["alpha"]) * share, False,
                  labels.astype(np.float64), None, Normalization.REMAINING, own, balanced)


def _sgd_regressor(estimator: Any, y: Array, n: int) -> Linear:
    p = estimator.get_params()
    known = {"squared_error": (Loss.SQUARED, False), "huber": (Loss.HUBER, True)}
    if p["loss"] not in known:
        raise InputError("loss", f"{p['loss']!r}", f"fit with loss={' or '.join(map(repr, known))}")
    refuse(p, penalty=("l2",), early_stopping=(False,))  # which trains on a part of the rows alone
    loss, cut = known[p["loss"]]
    if cut and p["epsilon"] != 1.0:
        raise InputError("epsilon", f"{p['epsilon']!r}", "divide y by it and fit with epsilon=1.0: that is the same")
    W, b = layer(estimator)
    return Linear(W, b, loss, strength("alpha", p["alpha"]), False, None, real_targets(y, n, 1),
                  Normalization.REMAINING)


READERS: Final[Mapping[str, Callable[[Any, Array, int], Linear]]] = MappingProxyType({
    "PoissonRegressor": _poisson, "GammaRegressor": _gamma, "TweedieRegressor": _tweedie,
    "SGDClassifier": _sgd_classifier, "SGDRegressor": _sgd_regressor})
"""By the name of the class."""
