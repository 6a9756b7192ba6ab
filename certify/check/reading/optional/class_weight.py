"""What every row counts where the labels are balanced: `n/(c·n_y)` of n rows, c labels and `n_y` rows of label y."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from flint import arb

from certify.format.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.reading.subject import Problem


def balanced(labels: Sequence[Hashable], codes: int) -> list[arb]:
    """Balls around the exact quotients, row by row.

    Raises:
        Invalid: one of the labels has no row.
    """
    counts = Counter(labels)
    if len(counts) != codes:
        raise Invalid("training.class_weight", f"{len(counts)} of {codes} labels have a row",
                      "a row of every label is needed, as balanced weights have no meaning otherwise")
    shares = {label: arb(len(labels)) / (codes * count) for label, count in counts.items()}
    return [shares[label] for label in labels]


def today(problem: Problem) -> list[arb]:
    """The same of the training rows as they are.

    Raises:
        Invalid: a class has no row, or there are no labels.
    """
    known: Sequence[Hashable] | None = problem.targets if problem.labels is None else problem.labels
    if known is None:
        raise Invalid("training.class_weight", "there are no targets", "labels are needed")
    return balanced(known, len(set(known)) if problem.labels is None else max(problem.outputs, 2))
