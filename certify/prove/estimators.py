"""A problem from a fitted scikit-learn estimator, without files."""

from __future__ import annotations

from typing import Any

import numpy as np

from certify.format.errors import InputError
from certify.format.words import Base, Map, Parameter, Set
from certify.inputs.given import columns_of, given_rows, same_columns
from certify.inputs.sklearn.linear import linear
from certify.network.network import Network
from certify.problem.problem import Problem


def from_sklearn(estimator: Any, X: Any, y: Any) -> Problem:
    """A fitted estimator with its training data as a problem about its rows.

    LogisticRegression (l2), RidgeClassifier and Ridge; their intercept carries no penalty, and C and alpha are weights
    of a sum, so that n stays as it is when rows are deleted.

    Args:
        estimator: fitted; nothing of it is run but `get_params`.
        X, y: the data it was fitted to, without sample weights, as arrays or tables.

    Raises:
        InputError: an estimator or an option that is not known, or data that do not fit it.

    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    >>> problem = from_sklearn(LogisticRegression().fit(X, y), X, y)
    >>> str(problem.loss), problem.weight_decay, problem.bias_decay
    ('logistic', 0.25, False)
    """
    rows = given_rows(X, "X")
    if np.ndim(y) not in (1, 2) or len(rows) != len(y):
        raise InputError("X, y", f"shapes {rows.shape} and {np.shape(y)}", "give (n, d) features and n targets")
    same_columns(X, getattr(estimator, "feature_names_in_", None), "X")
    read = linear(estimator, y, len(rows))
    if read.weights.shape[1] != rows.shape[1]:
        raise InputError("X", f"{rows.shape[1]} columns", f"the estimator was fitted to {read.weights.shape[1]}")
    net = Network((read.weights,), (read.bias,), "identity")
    return Problem(net, rows, read.targets, Parameter.DELETIONS, tuple(range(len(rows))), labels=read.labels,
                   map=Map.CRITICAL, base=Base.NEARBY, loss=read.loss, weight_decay=read.weight_decay,
                   bias_decay=read.bias_decay, set=Set.SPARSE, count=1, names=columns_of(X),
                   classes=tuple(np.asarray(estimator.classes_).tolist()) if hasattr(estimator, "classes_") else None)
