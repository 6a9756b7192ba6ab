"""What every row counts by its label: a number of each, or balanced: `n/(c·n_y)` of n rows, c labels, `n_y` of y."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from flint import arb, ctx

from certify.format.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.reading.data import Data

BITS = 128
"""Precision of quotients that many bounds rest on."""


class Balanced(tuple[arb, ...]):
    """Weights that follow how many rows of each label are left: those of today."""


class Labelled(tuple[arb, ...]):
    """Weights by the label that a row has: those of today; `of` are those of every label, in the order of codes."""

    of: tuple[arb, ...]


def labelled(rows: Data, outputs: int, of: Sequence[float]) -> Labelled:
    """What the rows count today, by numbers of the labels; a row of targets is of the class that it marks.

    Raises:
        Invalid: there are no labels, or another number of them.
    """
    known: Sequence[float | Sequence[float]] | None = rows.targets if rows.labels is None else rows.labels
    names = sorted(set(known or ()))  # type: ignore[type-var]
    if rows.labels is not None:
        names = list(range(outputs)) if outputs > 1 else [-1.0 if -1.0 in names else 0.0, 1.0]
    if known is None or len(names) != len(of):
        raise Invalid("training.class_weight", f"{len(of)} numbers are stated", f"one for each of {len(names)} labels "
                      "is needed")
    several = isinstance(names[0], Sequence) and len(names[0]) > 1  # codes ascend where the outputs that they mark fall
    each = {name: arb(x) for name, x in zip(names, of[::-1] if several else of, strict=True)}
    found = Labelled(each[y] for y in known)
    found.of = tuple(each.values())
    return found


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


def today(rows: Data, outputs: int) -> Balanced:
    """The same of the training rows as they are.

    Args:
        rows: with their labels, or targets that stand for some.
        outputs: of the network.

    Raises:
        Invalid: a label has no row, or there are no targets.
    """
    known: Sequence[Hashable] | None = rows.targets if rows.labels is None else rows.labels
    if known is None:
        raise Invalid("training.class_weight", "there are no targets", "labels are needed")
    with ctx.workprec(BITS):
        return Balanced(balanced(known, len(set(known)) if rows.labels is None else max(outputs, 2)))
