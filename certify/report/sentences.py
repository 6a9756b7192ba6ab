"""Each claim as one plain sentence, and how its ends are known."""

from __future__ import annotations

from collections.abc import Sequence

from certify.certificate.schema import Claim, Problem
from certify.report import words
from certify.report.digits import as_given, lower_end, upper_end
from certify.report.moves import NOUN, in_units, moving, shared, small_move
from certify.report.sections import critical, labels, predictions
from certify.report.sections import head as convex
from certify.report.sections.finite_size import aubin_sentence, distance_sentence
from certify.report.sections.first_order import first_order_sentence
from certify.report.sections.window import window_sentence
from certify.report.statements import Phrase, Rows, say, visible
from certify.spec.window import QUANTITIES as ON_A_WINDOW

SENTENCE_DIGITS = 4
OPENING = {
    "proved": "If",
    "conditional": "Under a hypothesis that was not proved: if",
    "estimated": "By an estimate, without proof: if",
}
BUDGET_OPENING = {
    "proved": "However",
    "conditional": "Under a hypothesis that was not proved: however",
    "estimated": "By an estimate, without proof: however",
}


def sentence(claim: Claim, problem: Problem, rows: Rows | None) -> Phrase:
    """The claim as one plain sentence."""
    if claim.witness.equal_rows is not None:
        return _equal_sentence(claim.quantity, claim.witness.equal_rows, problem)
    if convex.about(claim):
        return convex.convex_sentence(claim, problem, OPENING[claim.rigour])
    if predictions.about(claim):
        return predictions.prediction_sentence(claim, problem, OPENING[claim.rigour])
    if labels.about(claim):
        return labels.label_sentence(claim, problem, OPENING[claim.rigour])
    if claim.quantity == "persistence_radius":
        return _radius_sentence(claim, problem)
    if claim.quantity == "first_order_distance":
        return first_order_sentence(claim, problem, OPENING[claim.rigour])
    if claim.quantity == "distance":
        return distance_sentence(claim, problem, OPENING[claim.rigour])
    if claim.quantity == "aubin":
        return aubin_sentence(claim, problem, OPENING[claim.rigour])
    if claim.quantity in ON_A_WINDOW:
        return window_sentence(claim, problem, OPENING[claim.rigour])
    if interior(claim, problem):
        return _interior_sentence(claim, problem)
    return _modulus_sentence(claim, problem, rows)


def interior(claim: Claim, problem: Problem) -> bool:
    """Whether a modulus is 0 because the weights lie inside the sublevel set."""
    inside = problem.map == "sublevel" and problem.level is not None and claim.quantity in words.POINTWISE
    return inside and (claim.lower, claim.upper) == (0, 0)


def _equal_sentence(quantity: str, equal: Sequence[int], problem: Problem) -> Phrase:
    """Why no factor exists when two rows have the same features."""
    if quantity == "sample_modulus":
        template = (
            "Not every row has a finite factor. Training rows {i} and {j} have exactly the same features, and moving "
        )
        return say(template + "one of them alone is enough to part them.", i=equal[0], j=equal[1])
    what = "bound" if quantity == "first_order_distance" else "factor"
    template = "No finite {what} works. Training rows {i} and {j} have exactly the same features. {why}"
    return say(template, what=what, i=equal[0], j=equal[1], why=words.WHY_EQUAL[problem.parameter])


def _modulus_sentence(claim: Claim, problem: Problem, rows: Rows | None) -> Phrase:
    """A modulus on the boundary of its solution set."""
    lower, upper = claim.lower, claim.upper
    near = "" if problem.layer == "all" else f", reached by adjusting layer {problem.layer} alone"
    solution, origin = _solution(problem), _origin(problem) + words.MEASURE[problem.weight_norm]
    which = ""
    if rows and rows.most is not None:
        which = "for row {row}, the most sensitive, " if rows.most_proved else "for row {row} "
    within = f"{solution} exist{'s' * (problem.map == 'interpolation')} within about {{upper}}·δ of {origin}{{near}}"
    if upper is None and lower is None and problem.base == "nearby" and problem.map == "interpolation":
        template = "no bound was proved on how far from an exact fit of today’s data the nearest one of the moved data "
        template += "lies."
    elif upper is None and lower is None:
        template = f"no bound was proved on how far from {origin} {_nearest(problem)}."
    elif upper is None:
        template = which + f"no factor below {{lower}} bounds how far from {origin} {_nearest(problem)}. " + (
            "No upper end was proved: there may be no exact fit nearby at all."
            if problem.map == "interpolation" else "No upper end was proved."
        )
    elif lower is None:
        template = within + ". How small the factor could be was not proved."
    else:
        template = within + ", and " + which + "no factor below {lower} would do."
    return say(
        "{start} {mover}, " + template,
        start=OPENING[claim.rigour],
        mover=small_move(problem, claim.quantity == "sample_modulus"),
        near=near,
        row=rows.most if rows and rows.most is not None else "",
        lower="" if lower is None else lower_end(lower, SENTENCE_DIGITS),
        upper="" if upper is None else upper_end(upper, SENTENCE_DIGITS),
    )


def _solution(problem: Problem) -> str:
    """What the claim says to exist."""
    if problem.map == "critical":
        return critical.solution(problem)
    if problem.map == "interpolation":
        return "a network that fits the moved data exactly"
    if problem.parameter == "sample_weights":
        return "network weights whose training loss under the changed sample weights is no higher than today’s"
    return "weights whose training loss on the moved data is no higher than today’s"


def _origin(problem: Problem) -> str:
    """Where the distance is counted from."""
    if problem.map == "critical":
        return critical.origin(problem.base)
    if problem.base == "nearby":
        return "today’s exact fit"
    return "the given ones" if problem.parameter == "sample_weights" else "these weights"


def _nearest(problem: Problem) -> str:
    if problem.map == "interpolation":
        return "the nearest exact fit lies"
    return f"the nearest {_solution(problem)} lie"


def _interior_sentence(claim: Claim, problem: Problem) -> Phrase:
    """A level above the loss: nothing has to move."""
    return say(
        "{start} {mover}, the given weights themselves keep the training loss at or below {level}, as long as δ is "
        "small enough. They need not adjust at all: the factor is {zero}.",
        start=OPENING[claim.rigour],
        mover=small_move(problem, claim.quantity == "sample_modulus"),
        level=as_given(problem.level or 0.0),
        zero=as_given(0.0),
    )


def _radius_sentence(claim: Claim, problem: Problem) -> Phrase:
    """The persistence radius: what is proved to hold, what is proved to fail, and what is open between."""
    lower, upper = claim.lower, claim.upper
    level = as_given(problem.level or 0.0)
    if lower is None and upper is None:
        template = "No bound was proved on how far the {noun} may {move} before the training loss of the given weights "
        move = "change" if problem.parameter == "sample_weights" else "move"
        return say(template + "exceeds {level}.", noun=NOUN[problem.parameter], move=move, level=level)
    loss = "training loss" + (" under the changed sample weights" if problem.parameter == "sample_weights" else "")
    mover: Phrase = ()
    if lower is not None and lower > 0:
        template = "{start} {mover}, the given weights themselves keep the " + loss + " at or below {level}."
        budget = ", up to {lower}" + shared(problem) + in_units(problem)
        moves = moving(problem, False, budget, budget).replace(" ,", ",")
        mover = say(moves, lower=lower_end(lower, SENTENCE_DIGITS))
    else:
        template = "{none}No size above 0 was proved up to which the given weights keep the " + loss
        template += " at or below {level}."
    return say(
        template + _beyond(claim, problem),
        none="" if claim.rigour == "proved" else BUDGET_OPENING[claim.rigour].removesuffix("however"),
        start=BUDGET_OPENING[claim.rigour],
        mover=mover,
        level=level,
        upper="" if upper is None else upper_end(upper, SENTENCE_DIGITS),
    )


def _beyond(claim: Claim, problem: Problem) -> str:
    """What is known of larger moves."""
    lower, upper = claim.lower or 0.0, claim.upper
    move = "change" if problem.parameter == "sample_weights" else "move"
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


def proof(claim: Claim, problem: Problem) -> str:
    """How the ends are known."""
    theorem = visible(claim.theorem)
    if claim.witness.equal_rows is not None:
        return f"{words.RIGOUR[claim.rigour]}. Theorem {theorem}, by the two rows named."
    ends = [side for side in ("upper", "lower") if getattr(claim, side) is not None]
    if not ends:
        return f"No bound was proved; theorem {theorem} was tried."
    how = "; ".join(dict.fromkeys(text for side in ends if (text := _how(claim, problem, side))))
    kind = "a critical point" if problem.map == "critical" else "an exact fit"
    place = f", at {kind} that theorem Q2 proves" if problem.base == "nearby" and not convex.about(claim) else ""
    return f"{words.RIGOUR[claim.rigour]}. Theorem {theorem}{place}{': ' if how else ''}{how}."


def _how(claim: Claim, problem: Problem, side: str) -> str:
    if claim.theorem == "N2" and side == "upper":
        return words.MEMBERS.get(claim.witness.member or "", "")
    if claim.quantity == "sample_modulus" and claim.witness.array is not None:
        return words.BOXED[side]
    if convex.about(claim):
        return convex.how(claim, side)
    if problem.map == "critical":
        return critical.how(claim, problem, side)
    if claim.theorem == "P1":
        return predictions.FITS
    if claim.theorem == "Q4" and side == "upper" and claim.witness.constants is not None:
        return words.ENDS["Q4", "upper"] + words.ROW_BY_ROW.format(layer=claim.witness.layer)
    if claim.theorem != "M6":
        return words.ENDS.get((claim.theorem, side), "")
    if interior(claim, problem):
        return "the level is proved to exceed the training loss, and the loss is continuous"
    if claim.quantity in words.POINTWISE:
        return "the quotient of two gradients of the loss, by the data and by the weights, both enclosed"
    if problem.parameter != "features":
        return "both ends from a closed formula"
    if side == "lower":
        return "lower end by bounds on how fast every row’s loss can rise (theorem P3)"
    exceeds = "is proved to exceed" if claim.rigour == "proved" else "exceeds"
    return f"upper end by a move whose training loss {exceeds} the level (the attack)"
