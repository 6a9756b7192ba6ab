"""What a report says of the critical map: weights at which the gradient of the training loss vanishes."""

from __future__ import annotations

from collections.abc import Sequence

from certify.certificate.schema import Base, Claim, Problem
from certify.report import words
from certify.report.digits import as_given, upper_end
from certify.report.sections import predictions
from certify.report.statements import Entry, Phrase, code, say

NAMES = {"distance": "Distance to the nearest critical point of the changed loss"}
"""Names of quantities where they differ from those of exact fits."""

ENDS = {
    ("M5a", "upper"): "near these weights the gradient vanishes only where every row’s loss has today’s slope, so the "
    "interpolation theorems apply; upper end by a verified factorisation",
    ("M5a", "lower"): "lower end by a verified vector (the witness)",
    ("M5b", "upper"): "the symmetries found explain the whole kernel of the Hessian; upper end by a verified inverse",
    ("M5b", "lower"): "lower end by a verified vector (the witness)",
    ("M5c", "upper"): "the Hessian is proved nonsingular; upper end by a verified inverse",
    ("M5c", "lower"): "lower end by a verified vector (the witness)",
    ("Q7", "upper"): "upper end by a critical point of the changed loss, proved to exist (theorem Q2)",
    ("Q7", "lower"): "lower end by a direction (the witness) along which the gradient cannot change fast enough to "
    "vanish (theorem F1)",
    ("M5d", "lower"): "lower end by a verified vector (the witness), whatever the rank of the Hessian",
}
"""How an end is known, by theorem and side."""


def solution(problem: Problem) -> str:
    """What the claim says to exist."""
    data = "under the changed sample weights" if problem.parameter == "sample_weights" else "on the moved data"
    return f"weights at which the gradient of the training loss {data} vanishes"


def origin(base: str) -> str:
    """Where the distance is counted from."""
    return "today’s critical point" if base == "nearby" else "the given weights"


def lead(base: Base, problem: Problem) -> Phrase:
    """What has to be known before the claims are read."""
    if problem.base == "nearby":
        if base.distance is None:
            return say("The claims would be about weights near the given ones at which the gradient of the training "
                       "loss vanishes. No such weights were proved to exist.")
        return say(
            "“Today’s critical point” stands for weights at which the gradient of the training loss is exactly zero. "
            "They are proved to exist, within {d} of the given weights.", d=upper_end(base.distance, 3))
    if base.tilt is None:
        return say("The given weights could not be made an exact critical point, so nothing is claimed.")
    tilt = "through the outputs of the network" if base.tilt == "output" else "in the space of the weights"
    norm = "" if base.shift_norm is None else upper_end(base.shift_norm, 3)
    return say("The claims are about the training loss after a linear term was added that makes the given weights an "
               "exact critical point. The term acts {tilt}; its length is at most {norm}.", tilt=tilt, norm=norm)


def meaning(problem: Problem) -> str:
    """What the training loss is, and that it is tilted."""
    weighted = ", each times its sample weight" if problem.parameter == "sample_weights" else ""
    decay = ""
    if problem.weight_decay:
        decay = f", plus {as_given(problem.weight_decay).text}/2 times the squared length of the weights and biases"
    tilt = " “Training loss” includes the linear term named above." if problem.base == "given" else ""
    average = f"the average over all training rows of {words.LOSSES[problem.loss]}{weighted}"
    return f"“Training loss” means: {average}{decay}.{tilt} "


def point(base: Base, problem: Problem, one: bool = False) -> tuple[tuple[Phrase, ...], tuple[Entry, ...]]:
    """The critical point examined in words, and its distances as lines of a table."""
    entries = []
    if base.residual is not None:
        size = say("at most {r}", r=upper_end(base.residual))
        entries.append(Entry("length of the gradient at the given weights", size))
    if problem.base == "nearby":
        return _only(base, entries, problem.layer == "all") if one else _nearby(base, entries)
    first = say("Training hardly ever ends where the gradient is exactly zero. The claims here use base {g}: a linear "
                "term is added to the training loss, which makes the gradient zero at the given weights.",
                g=code("given"))
    if base.tilt is None:
        return (first, say("No such term that the theorems allow was found.")), tuple(entries)
    if base.tilt == "output":
        text = {"squared": "It is the same as a shift of the targets.",
                "cross_entropy": "It is the same as a shift of the class probabilities aimed at."}
        second = text.get(problem.loss, "It changes the slope of every row’s loss by a constant.")
        if problem.loss == "cross_entropy" and problem.weight_decay:
            second = "It changes the slopes of every row’s loss by constants."
    else:
        second = ("It acts on the weights themselves, which is allowed only because the Hessian was proved "
                  "nonsingular.")
    entries += _shift(base)
    return (first, say(second)), tuple(entries)


def _shift(base: Base) -> list[Entry]:
    """The size of the tilt."""
    entries = []
    if base.shift_norm is not None:
        whole = "length of the whole shift" if base.tilt == "output" else "length of the linear term"
        entries.append(Entry(whole, say("at most {r}", r=upper_end(base.shift_norm))))
    if base.shift_worst is not None:
        where = "" if base.shift_worst_row is None else f", at row {base.shift_worst_row}"
        entries.append(Entry("largest shift of one row", say("at most {r}{w}", r=upper_end(base.shift_worst), w=where)))
    if base.shift_loss is not None:
        entries.append(Entry("change of the training loss by it", say("at most {r}", r=upper_end(base.shift_loss))))
    return entries


def _nearby(base: Base, entries: Sequence[Entry]) -> tuple[tuple[Phrase, ...], tuple[Entry, ...]]:
    first = say("Training hardly ever ends where the gradient is exactly zero. The claims here use base {n}: they are "
                "about weights close to the given ones where it is.", n=code("nearby"))
    if base.distance is None:
        return (first, say("That there are such weights was not proved.")), tuple(entries)
    second = say("Nobody knows these weights digit for digit. A small ball is known that holds them (theorem Q2; its "
                 "centre is in the side file), and every claim was proved for the whole ball.")
    where = Entry("distance from the given weights", say("at most {d}", d=upper_end(base.distance)))
    radius = () if base.radius is None else (Entry("radius of the ball", say("at most {r}", r=upper_end(base.radius))),)
    return (first, second), (*entries, where, *radius)


def _only(base: Base, entries: Sequence[Entry], whole: bool) -> tuple[tuple[Phrase, ...], tuple[Entry, ...]]:
    """The one solution of a strongly convex training loss; `whole`: the last layer is all of the network."""
    first = say("Training hardly ever ends where the gradient is exactly zero. The claims here use base {n}: they "
                "are about the one point where it is.", n=code("nearby"))
    convex = ("With a weight decay the training loss of this one layer is strongly convex" if whole else
              "With the other layers as they are and a weight decay the training loss is strongly convex in the last "
              "layer")
    second = say("{convex}: there is exactly one such point, for today’s data and for any changed data, and training "
                 "{it} to its end finds it. It lies no further from the given weights than the length of the gradient "
                 "there divided by the weight decay (theorem Q6).", convex=convex,
                 it="it" if whole else "the last layer")
    where = Entry("distance from the given weights", say("at most {d}", d=upper_end(base.distance or 0.0)))
    return (first, second), (*entries, where)


def facts(problem: Problem) -> list[tuple[str, str]]:
    """The solution map, and what defines it."""
    return [
        ("solution map", f"critical: gradient of the training loss = 0, {problem.equations} equations, base "
         f"{problem.base}"),
        ("loss of a row", f"{problem.loss.replace('_', '-')}: {words.LOSSES[problem.loss]}"),
        ("weight decay", as_given(problem.weight_decay).text if problem.weight_decay else "none"),
    ]


def scope(problem: Problem, found: bool, convex: bool = False) -> list[tuple[str, str]]:
    """What is not claimed of critical points; of a strongly convex last layer there is one, the minimum."""
    if convex:
        before = [("Layers before the last", "They keep their weights. What training all layers again would give is "
                   "not claimed.")]
        return [
            *([] if problem.layer == "all" else before),
            ("Training that stops early", "The claims are about the one minimum of the training loss in this layer. A "
             "procedure that stops before it ends elsewhere."),
        ]
    if problem.set == "given":
        found = False  # the distance counts from the point examined, and no other enters
    entries = [
        ("Minima", "A critical point need not be a minimum; whether it is one is not examined."),
        ("What training would find", "The claims are about which critical points exist. Whether a training procedure, "
         "run again on the moved data, ends near any of them is another question."),
        ("Other solutions", "A network has many critical points. The claims concern those closest to "
         + ("the one examined" if problem.base == "nearby" else "the given weights") + ", not all of them."),
    ]
    if problem.base == "nearby" and found:
        entries.append(("The closest critical point", "Today’s critical point lies within the distance given; that no "
                        "other lies closer to the given weights is not claimed."))
    return entries


def terms() -> list[tuple[str, str]]:
    """The terms that only a report on critical points uses."""
    return [
        ("critical point", "weights at which the gradient of the training loss is zero, as it is at every minimum"),
        ("solution map S (critical)", "the set of all critical points, as it depends on the training data"),
        ("Hessian", "the matrix of second derivatives of the training loss with respect to the weights"),
        ("symmetry", "a way to change the weights that leaves the network’s function alone, or the loss; along it the "
         "Hessian is zero"),
    ]


def how(claim: Claim, problem: Problem, side: str) -> str:
    """How an end is known."""
    exact = claim.theorem in ("M5b", "M5c")
    if claim.theorem == "P1":
        return predictions.HOW
    if claim.theorem == "M5a" and problem.parameter == "sample_weights":
        return ("near these weights the gradient vanishes only at exact fits, and these stay exact fits under any "
                "sample weights; both ends are 0")
    if problem.set == "given" and claim.theorem == "M5a":
        return "from an enclosure of the inverse of the tangent kernel"
    if claim.witness.member and side == "upper":
        member = words.MEMBERS[claim.witness.member]
        return ENDS[claim.theorem, "upper"].replace("upper end by a verified inverse", member).replace(
            "upper end by a verified factorisation", member)
    if problem.set == "given" and exact:
        return ENDS[claim.theorem, "upper"].replace("upper end by", "both ends by")
    if claim.quantity == "sample_modulus" and exact:
        return ENDS[claim.theorem, "upper"].replace("upper end by", "both ends, row by row, by")
    if claim.quantity == "sample_modulus" and claim.theorem == "M5a":
        return "from an enclosure of the inverse of the tangent kernel, row by row"
    return ENDS.get((claim.theorem, side), "")


def quantity_name(quantity: str) -> str:
    """What a quantity is called where solutions are critical points."""
    return NAMES.get(quantity, words.QUANTITIES[quantity].replace("exact fit", "critical point"))
