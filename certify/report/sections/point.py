"""The point examined: which solution the claims are about, and how far it is from the weights in the file."""

from __future__ import annotations

from collections.abc import Sequence

from certify.certificate.schema import Base, Claim, Problem
from certify.report import words
from certify.report.digits import Number, as_given, upper_end
from certify.report.moves import in_units, still_features
from certify.report.normalization import fixed_note
from certify.report.sections import critical
from certify.report.statements import Entry, Phrase, code, say


def lead(base: Base, problem: Problem) -> Phrase:
    """What has to be known before the claims are read; nothing where they are about the given weights."""
    if problem.map == "critical":
        return critical.lead(base, problem)
    if problem.base != "nearby":
        return ()
    if base.distance is None:
        return say("The claims would be about an exact fit of the targets in the data file, near the given weights. No "
                   "such fit was proved to exist.")  # fmt: skip
    return say(
        "“Today’s exact fit” stands for weights that give every training row exactly its target in the data file. They "
        "are proved to exist, within {d} of the given weights.",
        d=upper_end(base.distance, 3),
    )


def meaning(problem: Problem, claims: Sequence[Claim]) -> Phrase:
    """What an exact fit or the training loss means, and how moves and weights are measured."""
    still = ""
    if problem.parameter == "labels":
        return say(critical.meaning(problem) + "A change of labels has no size δ. The distance between weights is "
                   "Euclidean.")
    if problem.set in ("per_sample", "sparse"):
        length = {1: "1-norm", "inf": "max-norm"}.get(problem.norm, "Euclidean length")
        largest = f"{length} of the largest move of a row"
        largest = "largest change of a sample weight" if problem.parameter == "sample_weights" else largest
        lengths = f"δ is the {largest}, and the distance between weights is {words.WEIGHT_NORMS[problem.weight_norm]}."
    elif problem.weight_norm == "euclidean":
        lengths = "δ and the distance between weights are Euclidean lengths."
    else:
        lengths = "δ is a Euclidean length. The distance between weights is counted "
        lengths += f"{words.WEIGHT_NORMS[problem.weight_norm]}."
    if problem.scale is not None:
        counted = "Moves are counted in the unit set for each feature" if in_units(problem) else ""
        lengths += f" {counted}." if counted else ""
        still = still_features(problem)
        if still:
            still, lengths = f"{still[0].upper()}{still[1:]}", lengths + " {still} may not move."
    if problem.map == "critical":
        return say(critical.meaning(problem) + _divided(problem, claims) + lengths, still=still)
    if problem.map == "sublevel":
        return say(_loss_meaning(problem) + lengths, today=_loss(claims) or "", still=still)
    own = "the target in the data file" if problem.base == "nearby" else "the output that the given network gives today"
    plus = "" if problem.parameter == "features" else ", plus the move of that row’s target"
    return say("“Fits exactly” means: gives, on every training row, {what}. " + lengths, what=own + plus,
               still=still)


def _divided(problem: Problem, claims: Sequence[Claim]) -> str:
    """That n stays where rows are left out."""
    note = fixed_note(dict(problem), {claim.quantity for claim in claims})
    return f"Where rows are left out, {note}. " if note else ""


def _loss_meaning(problem: Problem) -> str:
    weighted = ", each times its sample weight" if problem.parameter == "sample_weights" else ""
    decay = ""
    if problem.weight_decay:
        decay = f", plus {as_given(problem.weight_decay).text}/2 times the squared length of all weights and biases"
    today = " Today’s is at most {today}." if problem.level is None else ""
    average = f"the average over all training rows of {words.LOSSES[problem.loss]}{weighted}"
    return f"“Training loss” means: {average}{decay}.{today} "


def _loss(claims: Sequence[Claim]) -> Number | None:
    """The training loss at the given weights as the claims bound it from above."""
    values = [h.value for claim in claims for h in claim.hypotheses if h.name == "loss" and h.holds]
    numbers = [value for value in values if isinstance(value, int | float)]
    return upper_end(min(numbers)) if numbers else None


def point(base: Base, problem: Problem, claims: Sequence[Claim]) -> tuple[tuple[Phrase, ...], tuple[Entry, ...]]:
    """The solution examined in words, and its distances as lines of a table."""
    if problem.map == "critical":
        return critical.point(base, problem, any(claim.theorem == "Q6" for claim in claims))
    if problem.map == "sublevel":
        return _sublevel(problem, claims)
    return _nearby(base) if problem.base == "nearby" else _given(base)


def _given(base: Base) -> tuple[tuple[Phrase, ...], tuple[Entry, ...]]:
    first = say(
        "Trained weights hardly ever fit their targets exactly. The claims here use base {g}: the targets are the "
        "network’s own outputs on the training rows. The given weights are then an exact fit, at distance 0, and how "
        "they were trained plays no part.",
        g=code("given"),
    )
    second = say("The price is a shift of the targets, away from those in the data file:")
    if base.residual is None:
        missing = "The data file holds no numeric targets to compare with, so the size of the shift cannot be stated."
        second = say(missing)
    entries = []
    if base.residual is not None:
        entries.append(Entry("length of the whole shift", say("at most {r}", r=upper_end(base.residual))))
    if base.shift_worst is not None:
        where = "" if base.shift_worst_row is None else f", at row {base.shift_worst_row}"
        entries.append(Entry("largest shift of one row", say("at most {r}{w}", r=upper_end(base.shift_worst), w=where)))
    entries.append(Entry("distance to the exact fit", say("{d}", d=upper_end(base.distance or 0.0))))
    return (first, second), tuple(entries)


def _nearby(base: Base) -> tuple[tuple[Phrase, ...], tuple[Entry, ...]]:
    first = say(
        "Trained weights hardly ever fit their targets exactly. The claims here use base {n}: the targets stay those "
        "in the data file, and the claims are about weights close to the given ones that fit them exactly.",
        n=code("nearby"),
    )
    misfit = () if base.residual is None else (
        Entry("misfit of the given weights", say("length at most {r}", r=upper_end(base.residual))),
    )  # fmt: skip
    if base.distance is None:
        second = say("That there are such weights was not proved.")
        return (first, second), misfit
    second = say(
        "Nobody knows these weights digit for digit. A small ball is known that holds them (theorem Q2; its centre "
        "is in the side file), and every claim was proved for the whole ball."
    )
    where = Entry("distance from the given weights", say("at most {d}", d=upper_end(base.distance)))
    radius = () if base.radius is None else (
        Entry("radius of the ball", say("at most {r}", r=upper_end(base.radius))),
    )  # fmt: skip
    return (first, second), (*misfit, where, *radius)


def _sublevel(problem: Problem, claims: Sequence[Claim]) -> tuple[tuple[Phrase, ...], tuple[Entry, ...]]:
    loss = _loss(claims)
    entries = [] if loss is None else [Entry("training loss of the given weights", say("at most {v}", v=loss))]
    if problem.level is None:
        text = "The level is the training loss of the given weights themselves. They lie on the boundary of the "
        text += "solution set, at distance 0, and neither targets nor features are shifted."
        return (say(text),), tuple(entries)
    entries.append(Entry("level", say("{v}", v=as_given(problem.level))))
    if not any(h.name == "interior" and h.holds for claim in claims for h in claim.hypotheses):
        return (say("Whether the given weights belong to the solution set was not decided."),), tuple(entries)
    text = "The given weights belong to the solution set as they are, inside it: their training loss is below the "
    return (say(text + "level. Neither targets nor features are shifted."),), tuple(entries)
