"""What each loss takes as targets: labels or numbers, which labels, and which rows of numbers."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final

import numpy as np

from certify.format.errors import InputError
from certify.format.words import Loss

Array = np.ndarray[Any, Any]


class Targets(ABC):
    """The targets of one loss.

    Attributes:
        loss: its word.
        hint: what a column of numbers may have been meant as, to end a message about its shape.
        least: the least number that is meant as a target of it.
    """

    loss: ClassVar[Loss]
    least: ClassVar[float] = -np.inf
    hint: ClassVar[str] = '; class numbers take training.loss = "cross_entropy"'

    def are_labels(self, raw: Array) -> bool:
        """Whether an array as it is stored holds class labels."""
        return False

    def allowed(self, values: Array, outputs: int) -> tuple[Array, str]:
        """Which of the labels are labels of this loss, and what these are, in words."""
        raise NotImplementedError

    def taken(self, y: Array, name: str) -> Array:
        """Numbers, as they are.

        Raises:
            InputError: a row of them is no target.
        """
        return y

    def flat(self, y: Array) -> Array:
        """Targets as an estimate takes them."""
        return y


class Squared(Targets):
    """Numbers."""

    loss = Loss.SQUARED


class Logistic(Targets):
    """Two labels, in whatever type they are stored."""

    loss = Loss.LOGISTIC

    def are_labels(self, raw: Array) -> bool:
        """Always."""
        return True

    def allowed(self, values: Array, outputs: int) -> tuple[Array, str]:
        """−1 and 1, or 0 and 1."""
        low = -1 if (values < 0).any() else 0
        return (values == low) | (values == 1), "-1 and 1, or 0 and 1"


class CrossEntropy(Targets):
    """Integers in a list or a column are class numbers; everything else is rows of probabilities."""

    loss = Loss.CROSS_ENTROPY
    hint = "; class numbers have to be integers"

    def are_labels(self, raw: Array) -> bool:
        """Integers in a list or a column."""
        column = raw.ndim == 1 or raw.shape[1:] == (1,)
        return raw.dtype.kind in "iub" and column

    def allowed(self, values: Array, outputs: int) -> tuple[Array, str]:
        """One for each output."""
        words = f"0 … {outputs - 1}, one for each output"
        words += '; a network with one output takes loss = "logistic"' if outputs == 1 else ""
        return (values >= 0) & (values < outputs), words

    def taken(self, y: Array, name: str) -> Array:
        """Rows of probabilities."""
        off = (y < 0).any(axis=1) | (np.abs(y.sum(axis=1) - 1) > 1e-6)
        if off.any():
            raise InputError(
                f"{name}, row {int(np.argmax(off))}", "no row of probabilities",
                'give integer labels, rows of probabilities, or training.loss = "squared"',
            )
        return y

    def flat(self, y: Array) -> Array:
        """Class numbers in a column as a list."""
        return y[:, 0] if y.dtype.kind == "i" and y.ndim == 2 and y.shape[1] == 1 else y


class Classes(Targets):
    """Two labels of one output, or a class number for every output; in whatever type they are stored."""

    def are_labels(self, raw: Array) -> bool:
        """Always."""
        return True

    def allowed(self, values: Array, outputs: int) -> tuple[Array, str]:
        """−1 and 1, or 0 and 1; of several outputs as with cross-entropy."""
        return Logistic().allowed(values, outputs) if outputs == 1 else CrossEntropy().allowed(values, outputs)


class OneVsRest(Classes):
    """A class number for every output."""

    loss = Loss.ONE_VS_REST


class SquaredHinge(Classes):
    """Either."""

    loss = Loss.SQUARED_HINGE


class Huber(Squared):
    """Numbers."""

    loss = Loss.HUBER


class Poisson(Squared):
    """Numbers, counts most of all."""

    loss = Loss.POISSON
    least = 0.0


class Gamma(Squared):
    """Amounts above 0."""

    loss = Loss.GAMMA

    def taken(self, y: Array, name: str) -> Array:
        """Above 0."""
        off = ~(y > 0).all(axis=1)
        if off.any():
            at = int(np.argmax(off))
            raise InputError(f"{name}, row {at}", f"{y[at].min():g}, and the gamma loss is of amounts above 0",
                             'give amounts above 0, or use training.loss = "poisson", which takes 0')
        return y


TARGETS: Final[Mapping[str, Targets]] = MappingProxyType({
    kind.loss: kind for kind in (
        Squared(), CrossEntropy(), Logistic(), OneVsRest(), SquaredHinge(), Huber(), Poisson(), Gamma())})
"""By the word of the loss."""
