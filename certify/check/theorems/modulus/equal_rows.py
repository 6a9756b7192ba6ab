"""Two equal rows that may move prove that the solution map is not Lipschitz-like (V14)."""

from __future__ import annotations

from dataclasses import replace

from certify.check.kernel import Finding, decide, judged
from certify.check.linalg.definite import Truth
from certify.check.reading.certificate import Claim, Witness
from certify.check.systems.interpolation import Interpolation
from certify.check.systems.point import Ladder, Point
from certify.format.refusal import Invalid


def check_equal_rows(claim: Claim[Witness], ladder: Ladder) -> None:
    """V14: S is not Lipschitz-like, because two equal rows cannot move apart.

    Raises:
        Invalid: they are not such rows.
    """
    assert claim.witness.infinite is not None
    where, (i, j), problem = f"{claim.where}.witness.equal_rows", claim.witness.infinite, ladder.problem
    stated = f"rows {i} and {j} are stated"
    if i == j or max(i, j) >= len(problem.features) or problem.features[i] != problem.features[j]:
        raise Invalid(where, stated, "they are not two equal rows of the data")
    if i not in problem.kept or j not in problem.kept:
        raise Invalid(where, stated, "equal rows are merged into one")
    if i not in problem.moving and j not in problem.moving:
        raise Invalid(where, stated, "neither may move")
    if problem.moves.inputs:
        finding = decide(effect, Ladder(replace(problem, kept=(i,), moving=(i,))))
        if finding.truth is not Truth.PROVED:
            raise Invalid(where, stated, finding.found)


def effect(point: Point) -> Finding:
    """V14, last step, for a problem cut down to one row: moving that row moves the outputs, `Q_i ≠ 0`."""
    entries = [x for Q in point.of(Interpolation).moved.values() for row in Q for x in row]
    proved, wrong = any(x != 0 for x in entries), all(x == 0 for x in entries)
    return judged(proved, wrong, "moving it has no effect" if wrong else
                  "moving it changes the outputs" if proved else "its effect is not proved nonzero")
