"""The persistence radius: the size up to which no move lifts the training loss above the level."""

from __future__ import annotations

from certify.certificate.schema import Claim, Problem
from certify.report.digits import as_given, lower_end, upper_end
from certify.report.glance.scales import radii
from certify.report.phrases.listing import in_units
from certify.report.phrases.moves import shared
from certify.report.phrases.parameters import PARAMETERS
from certify.report.phrases.sets import SETS
from certify.report.quantities.quantity import DIGITS, Quantity, Terms
from certify.report.statements import Phrase, Rows, say

BUDGET_OPENING = {
    "proved": "However",
    "conditional": "Under a hypothesis that was not proved: however",
    "estimated": "By an estimate, without proof: however",
}


def _sentence(claim: Claim, problem: Problem, rows: Rows | None) -> Phrase:
    """The persistence radius: what is proved to hold, what is proved to fail, and what is open between."""
    lower, upper = claim.lower, claim.upper
    row, level = PARAMETERS[problem.parameter], as_given(problem.level or 0.0)
    if lower is None and upper is None:
        template = "No bound was proved on how far the {noun} may {move} before the training loss of the given weights "
        return say(template + "exceeds {level}.", noun=row.noun, move=row.verb, level=level)
    mover: Phrase = ()
    if lower is not None and lower > 0:
        template = "{start} {mover}, the given weights themselves keep the " + row.loss + " at or below {level}."
        budget = ", up to {lower}" + shared(problem) + in_units(problem)
        moves = SETS[problem.set].moving(problem, False, budget, budget).replace(" ,", ",")
        mover = say(moves, lower=lower_end(lower, DIGITS))
    else:
        template = "{none}No size above 0 was proved up to which the given weights keep the " + row.loss
        template += " at or below {level}."
    return say(
        template + _beyond(claim, problem),
        none="" if claim.rigour == "proved" else BUDGET_OPENING[claim.rigour].removesuffix("however"),
        start=BUDGET_OPENING[claim.rigour],
        mover=mover,
        level=level,
        upper="" if upper is None else upper_end(upper, DIGITS),
    )


def _beyond(claim: Claim, problem: Problem) -> str:
    """What is known of larger moves."""
    lower, upper = claim.lower or 0.0, claim.upper
    move = PARAMETERS[problem.parameter].verb
    if upper is None:
        return f" No {move} that lifts it higher was found, so what larger ones do is open."
    size = "{upper}" + shared(problem)
    if claim.witness.array is None:
        known = f" Beyond {size}, there are {move}s that lift it higher."
    else:
        lifts = "is proved to lift" if claim.rigour == "proved" else "lifts"
        known = f" A {move} of at most {size} was found that {lifts} it higher."
    if upper - lower <= 1e-3 * upper:
        return known
    return known + (" What happens in between is open." if lower > 0 else " What smaller ones do is open.")


def _terms(_: Problem) -> Terms:
    return [
        ("persistence radius", "the size up to which every move leaves the given weights with a training loss at "
         "or below the level"),
        ("attack", "a move found by search that lifts the training loss above the level"),
    ]  # fmt: skip


PERSISTENCE_RADIUS = Quantity(
    "persistence_radius", "Persistence radius of the given weights", _sentence, at_size="The persistence radius",
    names_size=True, unused="the persistence radius is found, whatever the specification says", terms=_terms,
    gauge=True, wonders="how large may such a move be with the given weights still good enough", scale=radii,
    beyond=((
        "Larger moves",
        "The persistence radius is about the given weights as they are. Where a larger move lifts their training "
        "loss above the level, other weights may still reach it.",
    ),),
)
