"""What is not claimed, and what the words of a report mean, each for the kind of problem at hand."""

from __future__ import annotations

from collections.abc import Collection

from certify.certificate.schema import Problem
from certify.report import critical
from certify.report.digits import as_given
from certify.report.first_order import LENGTHS
from certify.report.moves import NOUN
from certify.report.statements import Entry, say
from certify.report.words import POINTWISE

AS_IT_RUNS = (
    "The claims are about the exact real-number function given by the parameters and data in the files. Rounding in "
    "the program that runs the network, in single or half precision for instance, is not covered."
)

FOLDED = (
    "The network is reparameterised: in the file, or on reading it, a normalisation was folded into the layer beside "
    "it. The claim is about the folded parameters (rounded to float64), not about those of the network before export. "
    "The folded numbers define the network that is examined; distances between weights are distances between them."
)


def not_claimed(problem: Problem, quantities: Collection[str], found: bool) -> tuple[Entry, ...]:
    """What a reader may expect and the certificate does not say.

    Args:
        problem: the problem.
        quantities: what the claims bound.
        found: whether the solution that the claims are about is known to exist.
    """
    fits = problem.map == "interpolation"
    pointwise = any(quantity in POINTWISE for quantity in quantities)
    entries: list[tuple[str, str]] = []
    if pointwise:
        alone = "By itself it says nothing" if "persistence_radius" in quantities else "Nothing is said"
        text = f"The modulus is the limit for ever smaller moves. {alone} about what a move of, say, δ = 0.01 does."
        entries.append(("Moves of a given size", text))
    if "persistence_radius" in quantities:
        entries.append((
            "Larger moves",
            "The persistence radius is about the given weights as they are. Where a larger move lifts their training "
            "loss above the level, other weights may still reach it.",
        ))  # fmt: skip
    if problem.reparameterised:
        entries.append(("The network before export", FOLDED))
    sized = {"first_order_distance", "distance", "stable_predictions", "prediction_change"}
    uses = problem.set != "given" and bool(sized & set(quantities))
    if problem.radius is not None and not uses:
        why = "the modulus is a limit and says nothing about moves of that size" if pointwise else ""
        if "persistence_radius" in quantities:
            why += f"{'; ' if why else ''}the persistence radius is found, whatever the specification says"
        text = f"The specification gives a radius of {as_given(problem.radius).text}. The quantities asked for do not "
        entries.append(("The radius in the specification", f"{text}use it: {why}."))
    entries.append(("The network as it runs", AS_IT_RUNS))
    if problem.map == "critical":
        near = pointwise or bool({"first_order_distance", "distance"} & set(quantities))
        entries += critical.scope(problem, found) if near else []
    solutions = "exact fits exist" if fits else "weights with so low a training loss exist"
    if pointwise and problem.map != "critical":
        entries.append((
            "What training would find",
            f"The claims are about which {solutions}. Whether a training procedure, run again on the moved data, ends "
            "near any of them is another question.",
        ))  # fmt: skip
        many = "exact fits" if fits else "weights with so low a training loss"
        near = "the exact fit examined" if problem.base == "nearby" else "the given weights"
        entries.append((
            "Other solutions",
            f"In general there are infinitely many {many}. The claims concern those closest to {near}, not all of "
            "them.",
        ))  # fmt: skip
    if problem.base == "nearby" and found and fits:
        entries.append((
            "The closest exact fit",
            "Today’s exact fit lies within the distance given; that no other lies closer to the given weights is not "
            "claimed.",
        ))  # fmt: skip
    examined = "Neither its accuracy nor its behaviour on data outside the training set is examined."
    entries.append(("Quality of the network", examined))
    if problem.rows != "all":
        text = f"Rows that are not listed keep their {NOUN[problem.parameter]}; nothing is said about moving them."
        entries.append(("The other rows", text if problem.parameter != "sample_weights" else
                        "Rows that are not listed keep their sample weight; nothing is said about changing it."))
    if problem.layer != "all" and pointwise:
        text = f"Only layer {problem.layer} may adjust. With every layer free the factor can only be the same or "
        text += "smaller."
        entries.append(("The other layers", text))
    return tuple(Entry(term, say(text)) for term, text in entries)


def glossary(problem: Problem, quantities: Collection[str]) -> tuple[Entry, ...]:
    """The terms that a report on this problem uses."""
    fits = problem.map == "interpolation"
    entries = [
        ("row", "one training example; rows are counted from 0, in the order of the data file"),
        ("weights", "the numbers that training has set: the weights and biases of the layers"),
    ]
    if problem.parameter == "sample_weights":
        entries.append((
            "sample weight",
            "the factor with which a row’s loss enters the training loss: 1 today, 1 + u after a change; 0 leaves the "
            "row out",
        ))  # fmt: skip
    if problem.map == "critical":
        entries += critical.terms()
    elif fits:
        entries += [
            ("exact fit (interpolation)", "the network gives exactly the target value on every training row"),
            ("solution map S", "the set of all weights that fit exactly, as it depends on the training data"),
        ]
    else:
        entries += [
            ("level", "the training loss that must not be exceeded"),
            ("solution map S (sublevel)", "the set of all weights whose training loss is at or below the level, as it "
             "depends on the training data"),
        ]  # fmt: skip
    length = "taken over all rows that may move together"
    if problem.set in ("per_sample", "sparse"):
        length = "of the row that moves furthest"
    what = "the sample weights" if problem.parameter == "sample_weights" else "the training data"
    entries.append(("move (perturbation) u", f"a change of {what}; δ is its {LENGTHS[problem.norm]}, {length}"))
    if any(quantity in POINTWISE for quantity in quantities):
        nearest = "exact fit" if fits else "weights with a training loss at or below the level"
        nearest = "critical point" if problem.map == "critical" else nearest
        entries.append((
            "Lipschitz modulus",
            f"the smallest factor between the size of a small move of the data and the distance to the nearest "
            f"{nearest}, in the worst direction and in the limit of small moves; infinite if there is no such factor",
        ))  # fmt: skip
    if "aubin" in quantities:
        entries.append((
            "explicit radii (Aubin property)",
            "how far data may move and weights may lie for one factor to bound how far exact fits follow; the modulus "
            "is the smallest such factor as both radii shrink to 0",
        ))  # fmt: skip
    if {"excess", "hausdorff"} & set(quantities):
        entries.append((
            "excess e(C, D)",
            "the largest distance from a point of C to the nearest point of D; here C is cut by the window, the ball B "
            "around the given weights, and D is not. The Hausdorff distance on the window is the larger of both ways",
        ))  # fmt: skip
    if "first_order_distance" in quantities:
        entries.append((
            "first order",
            "the network replaced by its linearisation at the data and the weights; what is left out vanishes faster "
            "than the move",
        ))  # fmt: skip
    if "persistence_radius" in quantities:
        entries += [
            ("persistence radius", "the size up to which every move leaves the given weights with a training loss at "
             "or below the level"),
            ("attack", "a move found by search that lifts the training loss above the level"),
        ]  # fmt: skip
    entries += [
        ("lower and upper end", "two bounds with the true value between them; shown digits are rounded outward"),
        ("gate", "a threshold in the specification, which the quantity has to meet"),
        ("witness", "numbers kept with the certificate with which anyone can repeat the decisive step of a proof"),
    ]
    if fits:
        entries.append((
            "tangent kernel K",
            "the matrix of inner products of the outputs’ derivatives with respect to the weights, over all pairs of "
            "rows",
        ))  # fmt: skip
    entries.append((
        "proved",
        "follows from a theorem whose hypotheses were verified by computation, with all rounding errors enclosed",
    ))  # fmt: skip
    return tuple(Entry(term, say(text)) for term, text in entries)
