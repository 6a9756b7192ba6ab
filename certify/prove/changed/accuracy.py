"""How many evaluation rows are labelled rightly and stay so under every change of rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from certify.format.errors import InputError
from certify.format.words import LOGARITHMS
from certify.inputs.given import given_numbers
from certify.prove.changed.axes import new_axes
from certify.prove.label_words import numbered
from certify.rigor.fp import Array
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.labels import labels_of
from certify.theorems.head.rows.survey import Survey

COLOURS: Final[Mapping[str, str]] = MappingProxyType({
    "stay right": "#1e6b4a", "undecided": "#b98300", "made wrong": "#9c2b27", "wrong today": "#b9b4a8"})
"""Of the parts of a bar."""

UNKNOWN = -1
"""In the place of a label: today's is too near a tie to tell."""


@dataclass(frozen=True, eq=False)
class Accuracy:
    """The share of evaluation rows whose label is right today and the same after every change.

    Row by row, as the literature counts certified accuracy: one change need not spoil all the rows that some change
    spoils.

    Attributes:
        rows: how many evaluation rows there are.
        today: numbers of those that the given weights label rightly, proved.
        kept: numbers of those that every change leaves right, proved.
        lost: numbers of those right today that some change makes wrong, proved.
        lower, upper: shares: proved to be kept, and all but those that are wrong today or lost.
    """

    rows: int
    today: Whole
    kept: Whole
    lost: Whole
    lower: float
    upper: float

    def __repr__(self) -> str:
        start = f"Accuracy(today {len(self.today)} of {self.rows} labels right; under every change"
        most = round(self.upper * self.rows)
        if most and not len(self.kept):  # 0 would read as if labels were known to change
            return f"{start} at most {most}: {self.upper:.4f} from above, nothing is proved from below)"
        return (f"{start} {len(self.kept)} proved to stay right, at most {most}: {self.lower:.4f} to "
                f"{self.upper:.4f})")

    def parts(self) -> dict[str, int]:
        """How many labels are proved to stay right, undecided, made wrong by some change, and wrong today."""
        most = round(self.upper * self.rows)
        return {"stay right": len(self.kept), "undecided": most - len(self.kept), "made wrong": len(self.lost),
                "wrong today": self.rows - most - len(self.lost)}

    def plot(self, axes: Any = None) -> Any:
        """A bar of these parts, and a line at today's accuracy.

        Args:
            axes: of matplotlib; None: new ones.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        axes = new_axes(7.2, 1.9) if axes is None else axes
        low, high = math.floor(1000 * len(self.kept) / self.rows) / 10, math.ceil(1000 * self.upper) / 10
        begin = 0
        for name, size in self.parts().items():
            axes.barh(0, size, left=begin, color=COLOURS[name], label=f"{size} {name}")
            begin += size
        axes.axvline(len(self.today), color="black", linewidth=1, linestyle=":", label=f"{len(self.today)} right today")
        axes.set_yticks([])
        axes.set_xlim(0, self.rows)
        axes.set_xlabel("predictions")
        axes.legend(ncols=5, loc="lower left", bbox_to_anchor=(0, 1), frameon=False, borderpad=0, alignment="left",
                    fontsize="small", title=f"certified accuracy {low:.1f} % to {min(high, 100.0):.1f} %")
        return axes


def accuracy_of(head: Head, survey: Survey, y_eval: Any, classes: Sequence[Any] | None = None,
                mean: Sequence[float] = ()) -> Accuracy:
    """Both ends of the accuracy under every change that was surveyed.

    Args:
        head: the head.
        survey: what became of every evaluation row.
        y_eval: the right labels (:func:`labels_of`), or in the words of y.
        classes: what y calls them; None: numbers.
        mean: what they are more than the targets of the head, of every output; empty: nothing.

    Raises:
        InputError: labels that are none, or outputs that are logarithms of what is right.
    """
    if head.loss.name in LOGARITHMS:
        raise InputError("accuracy", f"the output of the loss {head.loss.name} is the logarithm of what y_eval is",
                         "no threshold says which labels are right: use found.proved, which labels stay")
    numbers = None if classes is None else numbered(classes, y_eval, "y_eval")
    given = less_mean(given_numbers(y_eval, "y_eval"), mean) if numbers is None else _as_targets(head, numbers)
    right = labels_of(head, given, "y_eval") == head.today
    N, unknown = len(head.today), head.today == UNKNOWN
    kept, lost = right & survey.proved, right & survey.attacked
    upper = int((right & ~survey.attacked).sum() + (unknown & ~survey.attacked).sum())
    today, stays, breaks = (np.flatnonzero(which) for which in (right, kept, lost))
    return Accuracy(N, today, stays, breaks, int(kept.sum()) / N, upper / N)


def less_mean(targets: Array, mean: Sequence[float]) -> Array:
    """Targets as those of a problem whose outputs are without the mean.

    >>> less_mean(np.array([3.0, 5.0]), (4.0,)).tolist(), less_mean(np.array([3.0]), ()).tolist()
    ([-1.0, 1.0], [3.0])
    """
    return targets - (np.asarray(mean) if targets.ndim == 2 else mean[0]) if len(mean) else targets


def _as_targets(head: Head, numbers: Whole) -> Array:
    """Class numbers as :func:`labels_of` takes them: of one output as the targets on either side of the threshold."""
    found = numbers.astype(np.float64)
    return np.asarray(2.0 * found - 1.0 + head.threshold) if head.k == 1 else found
