"""The Lipschitz modulus, of all rows together and of each row alone."""

from __future__ import annotations

from typing import Final

from certify.certificate.schema import Claim, Problem
from certify.report.digits import as_given, lower_end, upper_end
from certify.report.glance.scales import factors
from certify.report.maps import MAPS
from certify.report.phrases.moves import small_move
from certify.report.phrases.network import named_layer
from certify.report.phrases.norms import WEIGHT_NORMS
from certify.report.phrases.words import OPENING
from certify.report.quantities.quantity import DIGITS, Quantity, Terms
from certify.report.statements import Phrase, Rows, say

_UNUSED: Final = "the modulus is a limit and says nothing about moves of that size"


def inside(claim: Claim, problem: Problem) -> bool:
    """Whether a modulus is 0 because the weights lie inside the sublevel set.

    Args:
        claim: a claim on a modulus.
        problem: the problem; only the sublevel map has a level.
    """
    return problem.level is not None and (claim.lower, claim.upper) == (0, 0)


def _together(claim: Claim, problem: Problem, rows: Rows | None) -> Phrase:
    """All rows that may move do so together."""
    return _sentence(claim, problem, rows, alone=False)


def _alone(claim: Claim, problem: Problem, rows: Rows | None) -> Phrase:
    """One row moves and the others stay."""
    return _sentence(claim, problem, rows, alone=True)


def _sentence(claim: Claim, problem: Problem, rows: Rows | None, alone: bool) -> Phrase:
    if inside(claim, problem):
        return _inside(claim, problem, alone)
    return _on_the_boundary(claim, problem, rows, alone)


def _on_the_boundary(claim: Claim, problem: Problem, rows: Rows | None, alone: bool) -> Phrase:
    """A modulus on the boundary of its solution set."""
    lower, upper, solutions = claim.lower, claim.upper, MAPS[problem.map]
    near = "" if problem.layer == "all" else f", reached by adjusting {named_layer(problem)} alone"
    origin = solutions.origin(problem) + WEIGHT_NORMS[problem.weight_norm].measure
    which = ""
    if rows and rows.most is not None:
        which = "for row {row}, the most sensitive, " if rows.most_proved else "for row {row} "
    within = f"{solutions.solution(problem)} {solutions.exist} within about {{upper}}·δ of {origin}{{near}}"
    if upper is None and lower is None:
        template = solutions.unbounded(problem, origin)
    elif upper is None:
        template = which + f"no factor below {{lower}} bounds how far from {origin} {solutions.nearest(problem)}. "
        template += solutions.no_upper
    elif lower is None:
        template = within + ". How small the factor could be was not proved."
    else:
        template = within + ", and " + which + "no factor below {lower} would do."
    return say(
        "{start} {mover}, " + template,
        start=OPENING[claim.rigour],
        mover=small_move(problem, alone),
        near=near,
        row=rows.most if rows and rows.most is not None else "",
        lower="" if lower is None else lower_end(lower, DIGITS),
        upper="" if upper is None else upper_end(upper, DIGITS),
    )


def _inside(claim: Claim, problem: Problem, alone: bool) -> Phrase:
    """A level above the loss: nothing has to move."""
    return say(
        "{start} {mover}, the given weights themselves keep the training loss at or below {level}, as long as δ is "
        "small enough. They need not adjust at all: the factor is {zero}.",
        start=OPENING[claim.rigour],
        mover=small_move(problem, alone),
        level=as_given(problem.level or 0.0),
        zero=as_given(0.0),
    )


def _terms(problem: Problem) -> Terms:
    return [(
        "Lipschitz modulus",
        f"the smallest factor between the size of a small move of the data and the distance to the nearest "
        f"{MAPS[problem.map].kind}, in the worst direction and in the limit of small moves; infinite if there is no "
        "such factor",
    )]  # fmt: skip


MODULUS = Quantity("modulus", "Lipschitz modulus of the solution map", _together, pointwise=True, nearest=True,
                   unused=_UNUSED, terms=_terms, scale=factors,
                   wonders="by what factor does the nearest solution follow")
SAMPLE_MODULUS = Quantity(
    "sample_modulus", "Lipschitz modulus when one row moves alone", _alone, pointwise=True, nearest=True,
    wonders="by what factor does the nearest solution follow, row by row", scale=factors,
    unused=_UNUSED, terms=_terms,
    equal="Not every row has a finite factor. Training rows {i} and {j} have exactly the same features, and moving "
    "one of them alone is enough to part them.",
    boxed={
        "upper": "upper end, row by row, by an ellipsoid around the changes of the row (theorem N4)",
        "lower": "lower end by one change of every row (the witness)",
    },  # where the norm is inf and there are too many signs to try them all
)
