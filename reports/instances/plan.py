"""Which instances there are: sizes, changes, places and thresholds, fixed before anything was asked of a prover.

Every set draws from a generator that is seeded by its name; a row to predict is chosen by its place among twelve drawn
ones, ordered by margin (0: the thinnest, 11: the widest); a threshold is a share of the true value, where it is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PLACES: Final = (0, 4, 11)


@dataclass(frozen=True)
class Labels:
    """Heads with rows to predict: does a label stay after any `m` rows are deleted or relabelled?

    Attributes:
        name: of the set, and its seed.
        known: who knows the answer: `refits` (all of them), `linear` (closed form), `line` (closed form), or `flip`
            (a change that flips it, where one is found; else nobody).
    """

    name: str
    loss: str
    kind: str
    n: int
    d: int
    m: tuple[int, ...]
    known: str
    classes: int = 2
    decay: float = 0.05
    places: tuple[int, ...] = PLACES
    noise: float = 1.0
    bias: bool = True


HEADS: Final = (
    Labels("squared-deleted-12", "squared", "deletions", 12, 2, (2,), "refits"),
    Labels("squared-deleted-16", "squared", "deletions", 16, 2, (3,), "refits"),
    Labels("squared-deleted-20", "squared", "deletions", 20, 3, (2,), "refits"),
    Labels("squared-relabelled-30", "squared", "labels", 30, 2, (1,), "linear"),
    Labels("squared-relabelled-60", "squared", "labels", 60, 4, (3,), "linear"),
    Labels("squared-relabelled-150", "squared", "labels", 150, 6, (10,), "linear"),
    Labels("logistic-deleted-12", "logistic", "deletions", 12, 2, (1, 2), "refits"),
    Labels("logistic-deleted-14", "logistic", "deletions", 14, 3, (3,), "refits"),
    Labels("logistic-relabelled-12", "logistic", "labels", 12, 2, (1, 2), "refits"),
    Labels("softmax-deleted-12", "cross_entropy", "deletions", 12, 2, (1, 2), "refits", 3),
    Labels("softmax-relabelled-9", "cross_entropy", "labels", 9, 2, (1, 2), "refits", 3),
    Labels("line-logistic-deleted-80", "logistic", "deletions", 80, 3, (2, 5, 10), "line", places=(0,), bias=False),
    Labels("line-logistic-relabelled-80", "logistic", "labels", 80, 3, (2, 5, 10), "line", places=(0,), bias=False),
    Labels("line-squared-deleted-200", "squared", "deletions", 200, 3, (2, 5, 10), "line", places=(0,), bias=False),
    Labels("logistic-deleted-60", "logistic", "deletions", 60, 5, (3, 6), "flip"),
    Labels("logistic-relabelled-60", "logistic", "labels", 60, 5, (3,), "flip"),
    Labels("softmax-deleted-45", "cross_entropy", "deletions", 45, 3, (3,), "flip", 3),
)

HARDER: Final = (
    Labels("logistic-deleted-200", "logistic", "deletions", 200, 10, (5, 15), "flip"),
    Labels("softmax-relabelled-90", "cross_entropy", "labels", 90, 5, (2, 5), "flip", 3),
    Labels("line-logistic-deleted-400", "logistic", "deletions", 400, 3, (20, 60, 120), "line", places=(0,),
           bias=False),
    Labels("line-logistic-relabelled-400", "logistic", "labels", 400, 3, (20, 60), "line", places=(0,), bias=False),
)
"""Written after certify had answered the sets above, for it left hardly any of their labels open."""


@dataclass(frozen=True)
class Bound:
    """Is a quantity at most its true value times `shares`?"""

    name: str
    quantity: str
    parameter: str
    shares: tuple[float, ...]


MOVED: Final = (
    Bound("squared-moved-distance", "distance", "targets", (0.5, 0.99, 1.01, 2.0)),
    Bound("squared-moved-output", "prediction_change", "targets", (0.5, 0.99, 1.01, 2.0)),
)
"""Squared heads, 20 rows of 3 features; the targets move by 0.5 in all."""
NOISE: Final = Bound("logistic-noise-output", "prediction_change", "features", (0.5, 0.9, 1.5, 3.0))
"""A logistic head, 20 rows of 2 features that move by 0.2 in all; shares of the motion to first order."""
MOTIONS: Final = Bound("logistic-motion", "distance", "deletions", (0.99, 1.01, 2.0))
"""A logistic head, 12 rows of 2 features, one of which is deleted."""
FITS: Final = (
    (Bound("relu-fit-5", "modulus", "features", (0.5, 0.999999999, 1.000000001, 2.0)), (2, 6, 1), 5),
    (Bound("relu-fit-5-rows", "sample_modulus", "features", (0.999, 1.001)), (2, 6, 1), 5),
    (Bound("relu-fit-8", "modulus", "features", (0.99, 1.01)), (3, 8, 8, 1), 8),
    (Bound("relu-fit-equal-rows", "modulus", "features", (1000.0,)), (2, 6, 1), 5),
)
"""Exact fits of relu networks: widths and rows. Of equal rows the modulus is infinite, whatever the threshold."""
CRITICAL: Final = (
    Bound("ridge-critical", "modulus", "targets", (0.999, 1.001)),
    Bound("ridge-critical", "modulus", "sample_weights", (0.999, 1.001)),
    Bound("tanh-critical", "modulus", "targets", (0.99, 1.01)),
    Bound("tanh-critical", "modulus", "sample_weights", (0.99, 1.01)),
)
"""Critical points near the given weights: a ridge regression (15 rows, 3 features), a tanh network (12 rows, 2-3-1)."""
EACH: Final = Bound("squared-each-output", "prediction_change", "targets", (0.5, 0.99, 1.01, 2.0))
"""A squared head, 20 rows of 3 features; every target moves by at most 0.05. Of the second list, as `HARDER`."""
UNASKED: Final = (
    Bound("tanh-any-row", "distance", "deletions", (0.5, 2.0)),
    Bound("tanh-noise", "distance", "features", (2.0,)),
)
"""What nobody answers: how far critical points of a network move at finite size, whichever row goes or moves."""

RUN_LIMIT, TIME_LIMIT = 60, 120
"""Seconds that the specs give certify for a proof, and that any program has for an instance."""
