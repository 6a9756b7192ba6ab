"""Weights of the training rows in the loss: of every row, and of every label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.format.errors import InputError
from certify.problem.perturbations.codes import Targeted, codes_of
from certify.rigor.fp import Array


@dataclass(frozen=True, eq=False)
class SampleWeights:
    """A row counts `s_i·t(y_i)` times in the sum of the losses.

    Attributes:
        rows: `(n,)` the `s_i > 0`, which stay with the rows; None: all 1.
        labels: `(c,)` the `t(y) > 0` of the labels, of classes by their numbers; None: all 1.
        balanced: whether `t(y) = n'/(c·n'_y)` of the rows that are left.
    """

    rows: Array | None = None
    labels: Array | None = None
    balanced: bool = False

    @property
    def by_label(self) -> bool:
        """Whether labels have weights."""
        return self.labels is not None or self.balanced

    def as_fitted(self, problem: Targeted) -> Array:
        """`(n,)` what every row counts today, with the label that it has: as if these were weights of rows alone.

        Args:
            problem: whose weights they are.

        Raises:
            InputError: labels have weights, and the targets stand for no labels, or for another number of them.
        """
        if not self.by_label:
            assert self.rows is not None
            return self.rows
        found = codes_of(problem)
        counts = np.bincount(found.label, minlength=len(found.codes))
        with np.errstate(divide="ignore"):  # a label that no row has
            of_codes = self.of_codes(found.codes)
            by_label = len(found.label) / (len(counts) * counts) if of_codes is None else of_codes
        if len(by_label) != len(counts):
            raise InputError("weights of labels", f"{len(by_label)} of {len(counts)} labels", "give one for each")
        own: Array = by_label[found.label]
        return own if self.rows is None else self.rows * own

    def of_codes(self, codes: Array) -> Array | None:
        """The weights of labels in the order of their codes: of several outputs a code is of the class that it marks.

        >>> SampleWeights(labels=np.array([1.0, 2.0])).of_codes(np.array([[0.0, 1.0], [1.0, 0.0]]))
        array([2., 1.])
        """
        if self.labels is None or codes.shape[1] == 1 or len(self.labels) != len(codes):
            return self.labels
        return np.asarray(self.labels[np.argsort(np.argsort(np.argmax(codes, axis=1)))])

    def require_labels(self, problem: Targeted) -> None:
        """Refuse balanced weights of targets that are no labels, or where a label has no row.

        Raises:
            InputError: with what would work.
        """
        if not self.balanced:
            return
        found = codes_of(problem)
        counts = np.bincount(found.label, minlength=len(found.codes))
        if (counts == 0).any():
            raise InputError("class_weight", f"'balanced', and label {int(np.argmin(counts))} has no row",
                             "leave out labels and outputs that no row has")

    def require(self, n: int) -> None:
        """Refuse numbers that are no weights.

        Raises:
            InputError: another number of them, one that is not finite or not above 0, or two sets for the labels.
        """
        for name, array, count in (("weights of rows", self.rows, n), ("weights of labels", self.labels, None)):
            if array is None:
                continue
            if array.dtype != np.float64 or array.ndim != 1 or (count is not None and len(array) != count):
                raise InputError(name, f"{array.dtype} of shape {array.shape}",
                                 f"give one float64 number for each of the {count} rows" if count else "give a list")
            if not (np.isfinite(array) & (array > 0)).all():
                at = int(np.flatnonzero(~(np.isfinite(array) & (array > 0)))[0])
                raise InputError(f"{name}, entry {at}", f"{array[at]}",
                                 "give finite numbers above 0; leave out rows that do not count")
        if self.balanced and self.labels is not None:
            raise InputError("weights of labels", "numbers, and balanced ones", "give one of them")
