"""What a label that claims about critical points may state says of the point (M5, Q6, D1)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One of the cases; what it says is proved before a number that rests on it.

    Attributes:
        convex: whether the loss is strongly convex in the free weights, with one solution.
        by_row: whether the critical points nearby are the solutions of equations `f(x_i, w) = …`, row by row.
        symmetric: whether a symmetry field of the network leaves the loss alone (False: none does; None: either).
        lower: whether lower ends alone rest on it.
        silent: whether no number does.
        several: whether its claims name the beginning of the names of several arrays.
    """

    convex: bool = False
    by_row: bool = False
    symmetric: bool | None = None
    lower: bool = False
    silent: bool = False
    several: bool = False


CASES = {"M5": Case(silent=True), "M5a": Case(by_row=True), "M5b": Case(symmetric=True), "M5c": Case(symmetric=False),
         "M5d": Case(lower=True), "Q6": Case(convex=True), "D22": Case(convex=True),
         "D1": Case(convex=True, several=True)}
"""By the label."""


def by_row(label: str) -> bool:
    """Whether a label says that critical points are the solutions of an interpolation system.

    >>> by_row("M5a"), by_row("M5b"), by_row("M2")
    (True, False, False)
    """
    return label in CASES and CASES[label].by_row
