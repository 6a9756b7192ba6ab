"""Fitted linear classifiers and regressions of scikit-learn as problems about their one layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from certify.format.errors import InputError
from certify.format.words import Loss
from certify.inputs.given import given_numbers
from certify.rigor.fp import Array


@dataclass(frozen=True, eq=False)
class Linear:
    """What a linear estimator is, in the words of a problem.

    Attributes:
        weights: `(k, d)`.
        bias: `(k,)`, or None without an intercept.
        loss: the loss of one row.
        weight_decay: λ of `(1/n)Σ ℓ + (λ/2)|w|²`, the float nearest to what the estimator means.
        bias_decay: whether the intercept carries it too.
        labels: `(n,)` class numbers, or None.
        targets: `(n, k)` real targets, or None.
    """

    weights: Array
    bias: Array | None
    loss: str
    weight_decay: float
    bias_decay: bool
    labels: Array | None
    targets: Array | None


def linear(estimator: Any, y: Any, n: int) -> Linear:
    """Read a fitted estimator.

    Args:
        estimator: LogisticRegression, RidgeClassifier or Ridge.
        y: the targets it was fitted to.
        n: number of training rows.

    Raises:
        InputError: another estimator, one that is not fitted, or options that are not known here.
    """
    name = type(estimator).__name__
    if name not in READERS:
        raise InputError("estimator", name, f"use one of {', '.join(READERS)}")
    if not hasattr(estimator, "coef_"):
        raise InputError("estimator", f"{name} that is not fitted", "call fit first")
    return READERS[name](estimator, np.asarray(y), n)


def _logistic(estimator: Any, y: Array, n: int) -> Linear:
    p = estimator.get_params()
    _refuse(p, class_weight=(None,), dual=(False,), warm_start=(False, True))
    if p.get("penalty") not in ("l2", "deprecated") or p.get("l1_ratio") not in (None, 0, 0.0):
        raise InputError("penalty", f"{p.get('penalty')!r}, l1_ratio {p.get('l1_ratio')!r}", "fit with the l2 penalty")
    if not (p["C"] > 0 and math.isfinite(p["C"])):
        raise InputError("C", f"{p['C']!r}", "fit with a finite C: without a penalty the solution need not be stable")
    liblinear = p["solver"] == "liblinear"
    if liblinear and (p["intercept_scaling"] != 1 or len(estimator.classes_) > 2):
        raise InputError("solver", "liblinear with a scaled intercept or several classes", "use lbfgs")
    kind = p.get("multi_class", "auto")  # of older versions: each class against the rest is another loss
    if kind not in ("auto", "deprecated") and (kind != "multinomial") == (len(estimator.classes_) > 2):
        raise InputError("multi_class", f"{kind!r} with {len(estimator.classes_)} classes", "fit without multi_class")
    labels = _numbers(estimator, y)
    k = len(estimator.coef_)
    W, b = _layer(estimator)
    return Linear(W, b, Loss.LOGISTIC if k == 1 else Loss.CROSS_ENTROPY, 1.0 / (n * p["C"]), liblinear,
                  labels.astype(np.float64), None)


def _ridge_classifier(estimator: Any, y: Array, n: int) -> Linear:
    p = estimator.get_params()
    _refuse(p, class_weight=(None,), positive=(False,))
    labels = _numbers(estimator, y)
    c = len(estimator.classes_)
    codes = np.array([[-1.0], [1.0]]) if c == 2 else 2.0 * np.eye(c) - 1.0
    W, b = _layer(estimator)
    return Linear(W, b, Loss.SQUARED, _alpha(p) / n, False, None, codes[labels])


def _ridge(estimator: Any, y: Array, n: int) -> Linear:
    p = estimator.get_params()
    _refuse(p, positive=(False,))
    W, b = _layer(estimator)
    targets = given_numbers(y, "y").reshape(n, -1)
    if targets.shape[1] != len(W):
        raise InputError("y", f"{targets.shape[1]} targets a row", f"the estimator was fitted to {len(W)}")
    return Linear(W, b, Loss.SQUARED, _alpha(p) / n, False, None, targets)


def _alpha(params: Mapping[str, Any]) -> float:
    """The penalty, which has to be one number."""
    if np.ndim(params["alpha"]):
        raise InputError("alpha", f"{np.size(params['alpha'])} numbers", "fit with one alpha for all targets")
    alpha = float(params["alpha"])
    if not (alpha > 0 and math.isfinite(alpha)):
        raise InputError("alpha", f"{alpha!r}",
                         "fit with an alpha above 0: without a penalty the solution need not be stable")
    return alpha


def _refuse(params: Mapping[str, Any], **known: tuple[Any, ...]) -> None:
    for name, values in known.items():
        if name in params and params[name] not in values:
            raise InputError(name, f"{params[name]!r}", f"fit with {name}={values[0]!r}")


def _numbers(estimator: Any, y: Array) -> Any:
    """The class number of every row."""
    classes = np.asarray(estimator.classes_)
    at = np.searchsorted(classes, y.ravel())
    if not (at < len(classes)).all() or not (classes[np.minimum(at, len(classes) - 1)] == y.ravel()).all():
        raise InputError("y", "labels that the estimator was not fitted to", "give the targets it was fitted to")
    if len(np.unique(at)) < len(classes):
        raise InputError("y", f"{len(np.unique(at))} of the {len(classes)} labels that the estimator was fitted to",
                         "give the targets it was fitted to")
    return at


def _layer(estimator: Any) -> tuple[Array, Array | None]:
    W = np.atleast_2d(np.asarray(estimator.coef_, dtype=np.float64))
    if not estimator.get_params()["fit_intercept"]:
        return W, None
    return W, np.broadcast_to(np.asarray(estimator.intercept_, dtype=np.float64).ravel(), (len(W),)).copy()


READERS: Final[Mapping[str, Callable[[Any, Array, int], Linear]]] = MappingProxyType({
    "LogisticRegression": _logistic, "RidgeClassifier": _ridge_classifier, "Ridge": _ridge})
"""By the name of the class."""
