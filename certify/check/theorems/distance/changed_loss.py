"""The loss after one change of the data, and labels that change to others (V43)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flint import arb, ctx

from certify.check.enclosure.losses.base import loss_of
from certify.check.linalg.balls import EXACT, ONE, ZERO
from certify.check.reading.optional.changed import Changed
from certify.check.reading.subject import Problem
from certify.format.canonical import show
from certify.format.refusal import Invalid


def changed_problem(problem: Problem) -> Problem:
    """The problem whose loss is the one after the given change (V43).

    Raises:
        Invalid: class labels do not change to class labels.
    """
    assert problem.change is not None
    steps = [problem.change.get(i, ()) for i in range(len(problem.features))]
    with ctx.workprec(EXACT):
        if problem.parameter == "sample_weights":
            shares = tuple(ONE + arb(u[0]) if u else ONE for u in steps)
            return replace(problem, changed=Changed(shares=shares))
        if problem.parameter == "features":
            points = tuple(tuple(arb(x) + arb(v) for x, v in zip(row, u, strict=True)) if u else tuple(map(arb, row))
                           for row, u in zip(problem.features, steps, strict=True))
            return replace(problem, changed=Changed(points=points))
        if loss_of(problem).quadratic:
            shifts = tuple(tuple(map(arb, u)) if u else (ZERO,) * problem.outputs for u in steps)
            return replace(problem, changed=Changed(shifts=shifts))
    return replace(problem, labels=_flipped(problem, steps))


def _flipped(problem: Problem, steps: list[Sequence[float | arb]]) -> tuple[float, ...]:
    """The new labels: `old + u` (logistic), or the class of the unit vector `e_old + u` (cross-entropy)."""
    if problem.labels is None:
        raise Invalid("change file", "the targets are probabilities", "class labels, or the squared loss, are needed")
    loss = loss_of(problem)
    found = [loss.relabelled(problem, row, old, tuple(map(float, u)))
             for row, (old, u) in enumerate(zip(problem.labels, steps, strict=True))]
    values = {*problem.labels, *found}
    if problem.loss == "logistic" and not (values <= {0.0, 1.0} or values <= {-1.0, 1.0}):
        raise Invalid("change file", f"it leads to the labels {show(sorted(values)[:5])}", "labels are needed")
    return tuple(found)
