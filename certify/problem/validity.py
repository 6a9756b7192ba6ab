"""Whether a problem read from files can have an answer, and what would give it one."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from certify.format.errors import SpecError
from certify.format.labels import COUNTED, STABLE, TOLERATED
from certify.format.quantities import PERSISTENCE_RADIUS
from certify.format.words import Map
from certify.problem.cost import JACOBIAN_LIMIT
from certify.problem.fitting import training_loss

if TYPE_CHECKING:
    from certify.problem.problem import Problem


def require_problem(problem: Problem) -> None:
    """Refuse a problem that cannot have an answer: more equations than parameters, labels without a meaning.

    Args:
        problem: network and data of a spec that passed :func:`certify.spec.validity.require_spec`.

    Raises:
        SpecError: with what would work.
    """
    _require_level(problem)
    if problem.count is not None and problem.together is None and problem.count > len(problem.rows):
        raise SpecError(f"perturbation.count = {problem.count}", f"only {len(problem.rows)} rows may move",
                        f'give a count of at most {len(problem.rows)}, or use set = "per_sample" (every row at once)')
    if problem.nearby and problem.y is None and not problem.solutions.trains:
        raise SpecError('solution.base = "nearby"', "the targets are class labels, which no network output equals",
                        'use base = "given", or real targets')
    require_labels_counted(problem)
    size = problem.kernel_size
    rows = problem.measure.rows
    if problem.solutions.levels and rows and size * (problem.parameters + size) > JACOBIAN_LIMIT:
        fit = JACOBIAN_LIMIT // (2 * problem.parameters * problem.outputs)
        raise SpecError("weights.reference", f"{rows} rows, too many for the sublevel map",
                        f"use about {fit} rows" if fit else 'use norm = "relative"')
    if problem.equations > problem.parameters:
        where = "the network" if problem.layer == "all" else f"layer {problem.layer}"
        merged = " after merging" if problem.merge_duplicates else ""
        raise SpecError(
            'solution.map = "interpolation"',
            f"n·k = {problem.equations} equations{merged} for p = {problem.parameters} parameters of {where}, "
            "so the Jacobian cannot have full row rank",
            " or ".join(_remedies(problem)),
        )


def _require_level(problem: Problem) -> None:
    """Refuse a persistence radius without a level, with today's loss: nobody knows a level without it."""
    gates = () if problem.spec is None else problem.spec.gate
    if problem.level is not None or all(gate.quantity != PERSISTENCE_RADIUS.name for gate in gates):
        return
    today = training_loss(problem)
    half = " (the squared loss is the mean of ½|f − y|²)" if problem.row_loss.quadratic else ""
    known = "" if today is None else f", which is about {today:.4g} today{half}"
    raise SpecError("solution.level", "missing, and persistence_radius needs a level above the training loss at the "
                    f"weights{known}", "give solution.level")


def _remedies(problem: Problem) -> list[str]:
    """Changes of the spec, or of what it names, under which equations ≤ parameters."""
    remedies = []
    everything = problem.network.parameters("all")
    if problem.layer != "all" and problem.equations <= everything:
        remedies.append(f'use layer = "all" (p = {everything})')
    dropped = sum(len(group) - 1 for group in problem.groups or ())
    merged = (problem.n - dropped) * problem.outputs
    if not problem.merge_duplicates and dropped and merged <= problem.parameters:
        remedies.append(f"use --merge-duplicates ({merged} equations)")
    fit = problem.parameters // problem.outputs
    if fit:
        remedies.append(f"keep at most {fit} rows")
    if problem.layer == "all":
        remedies.append(f"train a wider network, e.g. widths = {list(wide_enough(problem))}")
    remedies.append(f'use map = "{Map.SUBLEVEL}"')
    return remedies


def wide_enough(problem: Problem) -> tuple[int, ...]:
    """Widths of the narrowest network with equal hidden layers, as many as now, that has p ≥ nk."""
    widths = problem.network.widths
    hidden = max(len(widths) - 2, 1)
    width = max((*widths[1:-1], 1))
    while True:
        candidate = (widths[0], *[width] * hidden, widths[-1])
        if sum(a * b + b for a, b in pairwise(candidate)) >= problem.equations:
            return candidate
        width += 1


def require_labels_counted(problem: Problem) -> None:
    """Refuse to count labels that have no meaning, and gates on more rows than there are or on all whatever happens.

    With several outputs a label is the largest of them, with one the side of the threshold, and without a threshold the
    sign: with the logistic loss the likelier class, with the squared one the nearer target where all are −1 or 1.

    Args:
        problem: read from files.

    Raises:
        SpecError: with what would work.
    """
    gates = () if problem.spec is None else tuple(gate for gate in problem.spec.gate if gate.quantity in COUNTED)
    if not gates or problem.evaluation is None:
        return
    _require_meaning(problem)
    for gate in gates:
        rows = gate.quantity == TOLERATED
        most = (problem.count or 0) if rows else len(problem.evaluation)
        found = f"at most {most} rows change" if rows else f"there are {most} evaluation rows"
        if gate.min is not None and gate.min > most:
            raise SpecError(f"gate on {gate.quantity}: min = {gate.min!r}",
                            f"{found}, so no outcome meets this gate",
                            f"give a min of at most {most}, the {'count' if rows else 'number of rows'}")
        if gate.max is not None and gate.max >= most:
            raise SpecError(f"gate on {gate.quantity}: max = {gate.max!r}",
                            f"{found}, so every outcome meets this gate, which is an empty promise",
                            f"give min, the {'changed rows to be survived' if rows else 'labels that must stay'}")


def _require_meaning(problem: Problem) -> None:
    evaluation = None if problem.spec is None else problem.spec.evaluation
    threshold = None if evaluation is None else evaluation.threshold
    if problem.outputs > 1 or threshold is not None or not problem.row_loss.slides or problem.functionals is not None:
        return
    targets = problem.y if problem.y is not None else problem.labels
    if targets is not None and np.isin(targets, (-1, 1)).all():
        return
    found = "the data names no targets" if targets is None else "the targets are not all -1 and 1"
    raise SpecError(f"gate on {STABLE}", f"the network has one output with the squared loss, and {found}, so nothing "
                    "says what the label of a row is",
                    "give evaluation.threshold: the label is then the side of it that the output lies on, e.g. "
                    "threshold = 0.5 for targets 0 and 1, threshold = 0.0 for the sign")
