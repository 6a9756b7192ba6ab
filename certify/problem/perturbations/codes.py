"""The targets that a label stands for: what a row may be given instead of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from certify.format.errors import InputError
from certify.format.words import Loss
from certify.rigor.fp import Array

CODES: Final = ((0.0, 1.0), (-1.0, 1.0))
"""What entries of a row of targets may be, where every row marks one output."""


class Targeted(Protocol):
    """What has targets: a problem."""

    @property
    def loss(self) -> str: ...  # noqa: D102
    @property
    def y(self) -> Array | None: ...  # noqa: D102
    @property
    def labels(self) -> Array | None: ...  # noqa: D102
    @property
    def outputs(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, eq=False)
class Codes:
    """The targets that labels stand for, as the loss takes them.

    Attributes:
        codes: `(c, k)` float64, distinct rows.
        label: `(n,)` which of them every row has.
    """

    codes: Array
    label: NDArray[np.int64]


def codes_of(problem: Targeted) -> Codes:
    """What a row may be given instead of its target, and what every row has.

    With cross-entropy that are the unit vectors of all classes, with the logistic loss −1 and 1, with the squared loss
    the distinct targets of the training data (:func:`code_rows`).

    Raises:
        InputError: the targets stand for no labels.
    """
    return _OF_LOSS[problem.loss](problem)


def code_rows(y: Array) -> Codes:
    """The distinct targets of a squared loss as codes of labels.

    One output: exactly two distinct targets. Several outputs: every row has one entry 1 and all others 0, or all
    others −1; two of these rows or more are there.

    Args:
        y: `(n, k)` targets.

    Raises:
        InputError: targets that are no codes.

    >>> found = code_rows(np.array([[0.5], [-1.0], [0.5]]))
    >>> found.codes.tolist(), found.label.tolist()
    ([[-1.0], [0.5]], [1, 0, 1])
    """
    codes, label = np.unique(y, axis=0, return_inverse=True)
    remedy = 'use parameter = "targets", which moves them by a radius'
    if len(codes) < 2:
        raise InputError("parameter", "labels, and all targets are the same", "give targets of two labels or more")
    if y.shape[1] == 1:
        if len(codes) > 2:
            raise InputError("parameter", f"labels, and one output has {len(codes)} distinct targets, so that they are "
                             "no labels", f"give two, e.g. -1 and 1, or {remedy}")
    elif not any(_marks_one(codes, low, high) for low, high in CODES):
        raise InputError("parameter", "labels, and the rows of targets do not each mark one output, so that they are "
                         "no labels", f"give 1 at the label and 0, or -1, everywhere else, or {remedy}")
    return Codes(codes, label.reshape(-1).astype(np.int64))


def _marks_one(codes: Array, low: float, high: float) -> bool:
    """Whether every row has one entry `high` and otherwise `low`."""
    return bool(((codes == low) | (codes == high)).all() and ((codes == high).sum(axis=1) == 1).all())


def _squared(problem: Targeted) -> Codes:
    if problem.y is None:
        raise InputError("parameter", "labels, of a problem without targets", "give targets")
    return code_rows(problem.y)


def _logistic(problem: Targeted) -> Codes:
    return Codes(np.array([[-1.0], [1.0]]), (_labels(problem) > 0).astype(np.int64))


def _cross_entropy(problem: Targeted) -> Codes:
    return Codes(np.eye(problem.outputs), _labels(problem).astype(np.int64))


def _against(problem: Targeted) -> Codes:
    """1 at the class, −1 at every other; of one output −1 and 1."""
    if problem.outputs == 1:
        return _logistic(problem)
    return Codes(2.0 * np.eye(problem.outputs) - 1.0, _labels(problem).astype(np.int64))


def _numbers(problem: Targeted) -> Codes:
    raise InputError("parameter", f"labels, and the targets of the {problem.loss} loss are numbers, of which none is a "
                     "label", "ask which predictions stay when rows are deleted")


def _labels(problem: Targeted) -> Array:
    if problem.labels is None:
        raise InputError("parameter", "labels, of a problem without class labels", "give labels, or use targets")
    return np.asarray(problem.labels).ravel()


_OF_LOSS: Final[Mapping[str, Callable[[Targeted], Codes]]] = MappingProxyType({
    Loss.SQUARED: _squared, Loss.LOGISTIC: _logistic, Loss.CROSS_ENTROPY: _cross_entropy,
    Loss.ONE_VS_REST: _against, Loss.SQUARED_HINGE: _against, **{loss: _numbers for loss in Loss if loss.counts}})
"""By the word of the loss."""
