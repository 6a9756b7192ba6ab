"""Each claim as one plain sentence, and how its ends are known."""

from __future__ import annotations

from certify.certificate.schema import Claim, Problem
from certify.report.maps import MAPS
from certify.report.phrases import words
from certify.report.phrases.parameters import PARAMETERS
from certify.report.quantities import QUANTITIES
from certify.report.statements import Phrase, Rows, say, visible
from certify.report.theorems import theorem_of


def sentence(claim: Claim, problem: Problem, rows: Rows | None) -> Phrase:
    """The claim as one plain sentence."""
    row, equal = QUANTITIES[claim.quantity], claim.witness.equal_rows
    if equal is not None:
        return say(row.equal, i=equal[0], j=equal[1], why=PARAMETERS[problem.parameter].equal)
    return row.by_theorem.get(claim.theorem, row.sentence)(claim, problem, rows)


def name(claim: Claim, problem: Problem) -> str:
    """What the quantity is called."""
    row = QUANTITIES[claim.quantity]
    if problem.functionals is not None and row.functional:
        return row.functional
    return row.names.get(claim.theorem) or row.names.get(problem.map) or row.name


def proof(claim: Claim, problem: Problem) -> str:
    """How the ends are known."""
    label = visible(claim.theorem)
    if claim.witness.equal_rows is not None:
        return f"{words.RIGOUR[claim.rigour]}. Theorem {label}, by the two rows named."
    ends = [side for side in ("upper", "lower") if getattr(claim, side) is not None]
    if not ends:
        return f"No bound was proved; theorem {label} was tried."
    how = "; ".join(dict.fromkeys(text for side in ends if (text := _how(claim, problem, side))))
    place = "" if theorem_of(claim, problem).only_point else MAPS[problem.map].point(problem).place
    return f"{words.RIGOUR[claim.rigour]}. Theorem {label}{place}{': ' if how else ''}{how}."


def _how(claim: Claim, problem: Problem, side: str) -> str:
    boxed = QUANTITIES[claim.quantity].boxed
    if boxed and claim.witness.array is not None:
        return boxed[side]
    return theorem_of(claim, problem).how(claim, problem, side)
