"""The loss after one change of the data, and labels that change to others (V43)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from flint import arb, ctx

from certify.check.enclosure.losses.base import loss_of
from certify.check.linalg.balls import EXACT, ONE, ZERO
from certify.check.reading.optional.changed import Changed
from certify.check.reading.subject import Problem
from certify.check.words.losses import LOSSES
from certify.format.canonical import show
from certify.format.refusal import Invalid

Steps = list[Sequence[float | arb]]
"""The change of every row, empty where it stays."""


def changed_problem(problem: Problem) -> Problem:
    """The problem whose loss is the one after the given change (V43).

    Raises:
        Invalid: class labels do not change to class labels.
    """
    assert problem.change is not None
    steps = [problem.change.get(i, ()) for i in range(len(problem.features))]
    with ctx.workprec(EXACT):
        return CHANGES[problem.parameter](problem, steps)


def _weighted(problem: Problem, steps: Steps) -> Problem:
    """Row i counts `1 + u_i` times."""
    return replace(problem, changed=Changed(shares=tuple(ONE + arb(u[0]) if u else ONE for u in steps)))


def _moved(problem: Problem, steps: Steps) -> Problem:
    """The points are `x_i + u_i`."""
    points = tuple(tuple(arb(x) + arb(v) for x, v in zip(row, u, strict=True)) if u else tuple(map(arb, row))
                   for row, u in zip(problem.features, steps, strict=True))
    return replace(problem, changed=Changed(points=points))


def _shifted(problem: Problem, steps: Steps) -> Problem:
    """The targets are `y_i + u_i`; class labels, where the loss has some, become others."""
    if not loss_of(problem).quadratic:
        return _relabelled(problem, steps)
    shifts = tuple(tuple(map(arb, u)) if u else (ZERO,) * problem.outputs for u in steps)
    return replace(problem, changed=Changed(shifts=shifts))


def _relabelled(problem: Problem, steps: Steps) -> Problem:
    """Class labels are those of the changed vectors."""
    return replace(problem, labels=_flipped(problem, steps))


def _flipped(problem: Problem, steps: Steps) -> tuple[float, ...]:
    """The new labels: `old + u` (logistic), or the class of the unit vector `e_old + u` (cross-entropy)."""
    if problem.labels is None:
        raise Invalid("change file", "the targets are probabilities", "class labels, or the squared loss, are needed")
    loss = loss_of(problem)
    found = [loss.relabelled(problem, row, old, tuple(map(float, u)))
             for row, (old, u) in enumerate(zip(problem.labels, steps, strict=True))]
    values = {*problem.labels, *found}
    if not values <= LOSSES[problem.loss].labels(values, problem.outputs):
        raise Invalid("change file", f"it leads to the labels {show(sorted(values)[:5])}", "labels are needed")
    return tuple(found)


CHANGES: dict[str, Callable[[Problem, Steps], Problem]] = {
    "features": _moved, "targets": _shifted, "sample_weights": _weighted, "labels": _relabelled}
"""What the change makes of the loss, by what moves."""
