"""What an interpolation problem cannot be asked, and why nothing was proved about it, in words."""

from __future__ import annotations

from certify.problem.problem import Problem
from certify.systems.interpolation.congruence import Failure
from certify.systems.interpolation.linearisation import Linearisation
from certify.systems.interpolation.streamed import Streamed


def equal_reason(i: int, j: int) -> str:
    """Why no first-order change of predictions is bounded where two rows are equal."""
    return f"rows {i} and {j} have equal features, and no exact fit follows when they move apart: remove one of them"


def kink_reason(problem: Problem, lin: Linearisation | Streamed) -> str:
    """Which pre-activations may be 0, and what to do."""
    count, first = lin.passed.kinks
    where = ", ".join(f"{_row(problem, k.row)} layer {k.layer} unit {k.unit} ({k.value:.1e})" for k in first)
    return (f"{count} ReLU pre-activations could not be proved different from 0 ({where}): the network is not "
            "differentiable there. Change these rows or these weights slightly, or use a smooth activation")


def rank_reason(p: Problem, lin: Linearisation, failure: Failure) -> str:
    """Why full row rank was not proved, and what to do."""
    parts = [f"full row rank of the Jacobian could not be proved: {failure.reason}"]
    if p.groups and not p.merge_duplicates:
        named = "; ".join(", ".join(map(str, g)) for g in p.groups[:3])
        parts.append(f"rows {named} have equal features: use --merge-duplicates")
    elif failure.rank_gap:
        parts.append(f"about {failure.rank_gap} of {p.equations} directions look lost at float64 precision")
        dead = [f"{c} of layer {h}" for h, c in enumerate(lin.passed.dead, 1) if c]
        if dead:
            parts.append(f"hidden units inactive on every row: {', '.join(dead)}; their weights do not help")
        parts.append("use a wider network, fewer rows, or the sublevel map")
    else:
        limit = "1e14 can be proved, 1e28 where the Jacobian can be formed"
        parts.append(f"the kernel's condition number is about {failure.condition:.1e}; about {limit}")
    return ". ".join(parts)


def _row(problem: Problem, at: int) -> str:
    """The row of a pass: one of the data, or after these one of the reference."""
    kept = problem.kept
    return f"row {kept[at]}" if at < len(kept) else f"reference row {at - len(kept)}"
