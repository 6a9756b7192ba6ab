"""What is not claimed, for the kind of problem at hand."""

from __future__ import annotations

from collections.abc import Collection

from certify.certificate.schema import Certificate, Problem
from certify.report.digits import as_given
from certify.report.moves import NOUN
from certify.report.section import Section
from certify.report.sections import critical
from certify.report.sections.limit import FINITE
from certify.report.statements import Entry, say
from certify.report.words import POINTWISE
from certify.spec.convexity import FIRST_ORDER, asks_for_convexity

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
    linear = bool({"first_order_distance", FIRST_ORDER} & set(quantities))
    entries: list[tuple[str, str]] = []
    if pointwise:
        alone = "By itself it says nothing" if set(FINITE) & set(quantities) else "Nothing is said"
        text = f"The modulus is the limit for ever smaller moves. {alone} about what a move of, say, δ = 0.01 does."
        entries.append(("Moves of a given size", text))
    if linear:
        entries.append(("The network itself at that size", "The claims are about its linearisation. Nothing is said "
                        "about what a move of the size given does to the network itself."))
    if "persistence_radius" in quantities:
        entries.append((
            "Larger moves",
            "The persistence radius is about the given weights as they are. Where a larger move lifts their training "
            "loss above the level, other weights may still reach it.",
        ))  # fmt: skip
    if problem.reparameterised:
        entries.append(("The network before export", FOLDED))
    if problem.radius is not None and (unused := _unused_radius(problem, quantities)):
        text = f"The specification gives a radius of {as_given(problem.radius).text}. The quantities asked for do not "
        entries.append(("The radius in the specification", f"{text}use it: {unused}."))
    entries.append(("The network as it runs", AS_IT_RUNS))
    if problem.map == "critical":
        convex = asks_for_convexity(problem.map, quantities, problem.set)
        near = pointwise or convex or bool({"first_order_distance", "distance", FIRST_ORDER} & set(quantities))
        entries += critical.scope(problem, found, convex) if near else []
    solutions = "exact fits exist" if fits else "weights with so low a training loss exist"
    nearest = bool({"distance", "stable_predictions"} & set(quantities))
    if (pointwise or linear or nearest) and problem.map != "critical":
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
    if {"stable_predictions", "prediction_change", FIRST_ORDER} & set(quantities):
        examined = "Its accuracy is not examined; its behaviour outside the training set, at the evaluation rows alone."
    entries.append(("Quality of the network", examined))
    entries += _not_moved(problem, pointwise)
    return tuple(Entry(term, say(text)) for term, text in entries)


def _not_moved(problem: Problem, pointwise: bool) -> list[tuple[str, str]]:
    """What is said of rows that do not move and of layers that do not adjust."""
    entries: list[tuple[str, str]] = []
    if problem.rows != "all":
        text = f"Rows that are not listed keep their {NOUN[problem.parameter]}; nothing is said about moving them."
        text = {
            "sample_weights": "Rows that are not listed keep their sample weight; nothing is said about changing it.",
            "labels": "Rows that are not listed keep their labels; nothing is said about changing them.",
        }.get(problem.parameter, text)
        entries.append(("The other rows", text))
    if problem.layer != "all" and pointwise:
        more = "can only be the same or smaller."
        if problem.map == "critical":  # ‖H⁻¹C‖ of the whole and of a layer's block are not ordered
            more = "may be smaller or larger: all layers together solve another system."
        text = f"Only layer {problem.layer} may adjust. With every layer free the factor {more}"
        entries.append(("The other layers", text))
    return entries


def _unused_radius(problem: Problem, quantities: Collection[str]) -> str:
    """Why no quantity uses the radius of the perturbation set; empty where one does."""
    if problem.set == "given":
        return "the one change is taken from the file, whatever its size"
    if {"first_order_distance", "distance", "stable_predictions", "prediction_change", FIRST_ORDER} & set(quantities):
        return ""
    reasons = {
        "modulus": "the modulus is a limit and says nothing about moves of that size",
        "sample_modulus": "the modulus is a limit and says nothing about moves of that size",
        "persistence_radius": "the persistence radius is found, whatever the specification says",
        "aubin": "the factor holds within the radii named with it",
    }
    return "; ".join(dict.fromkeys(reasons[quantity] for quantity in reasons if quantity in quantities))


def _build(opened: Certificate) -> tuple[Entry, ...]:
    quantities = {claim.quantity for claim in opened.claims}
    return not_claimed(opened.problem, quantities, opened.base.distance is not None)


SECTION = Section("scope", "What is not claimed", _build)
