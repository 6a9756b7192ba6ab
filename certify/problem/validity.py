"""Whether a problem read from files can have an answer, and what would give it one."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from certify.format.errors import SpecError
from certify.problem.cost import JACOBIAN_LIMIT
from certify.spec.vocabulary import BUILT

if TYPE_CHECKING:
    from certify.problem.problem import Problem


def require_problem(problem: Problem) -> None:
    """Refuse a problem that cannot have an answer: more equations than parameters, labels that no output equals.

    Args:
        problem: network and data of a spec that passed :func:`certify.spec.validity.require_spec`.

    Raises:
        SpecError: with what would work.
    """
    if problem.count is not None and problem.count > len(problem.rows):
        raise SpecError(f"perturbation.count = {problem.count}", f"only {len(problem.rows)} rows may move",
                        f'give a count of at most {len(problem.rows)}, or use set = "per_sample" (every row at once)')
    if problem.base == "nearby" and problem.y is None and problem.map == "interpolation":
        raise SpecError('solution.base = "nearby"', "the targets are class labels, which no network output equals",
                        'use base = "given", or real targets')
    size = problem.kernel_size
    if problem.map == "sublevel" and problem.reference is not None and (
            size * (problem.parameters + size) > JACOBIAN_LIMIT):
        fit = JACOBIAN_LIMIT // (2 * problem.parameters * problem.outputs)
        raise SpecError("weights.reference", f"{len(problem.reference.X)} rows, too many for the sublevel map",
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


def _remedies(problem: Problem) -> list[str]:
    """Changes of the spec, or of what it names, under which equations ≤ parameters."""
    remedies = []
    everything = problem.network.parameters("all")
    if problem.layer != "all" and problem.equations <= everything:
        remedies.append(f'use layer = "all" (p = {everything})')
    dropped = sum(len(group) - 1 for group in problem.groups)
    merged = (problem.n - dropped) * problem.outputs
    if not problem.merge_duplicates and dropped and merged <= problem.parameters:
        remedies.append(f"use --merge-duplicates ({merged} equations)")
    fit = problem.parameters // problem.outputs
    if fit:
        remedies.append(f"keep at most {fit} rows")
    if problem.layer == "all":
        remedies.append(f"train a wider network, e.g. widths = {list(wide_enough(problem))}")
    if "sublevel" in BUILT["solution.map"]:
        remedies.append('use map = "sublevel"')
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
