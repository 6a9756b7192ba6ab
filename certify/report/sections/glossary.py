"""What the words of a report mean, for the kind of problem at hand."""

from __future__ import annotations

from collections.abc import Collection

from certify.certificate.schema import Problem
from certify.format.labels import QUANTITY as LABELS
from certify.format.labels import label_meaning
from certify.report.sections import critical
from certify.report.sections.first_order import LENGTHS
from certify.report.statements import Entry, say
from certify.report.words import POINTWISE

Terms = list[tuple[str, str]]


def glossary(problem: Problem, quantities: Collection[str]) -> tuple[Entry, ...]:
    """The terms that a report on this problem uses.

    Args:
        problem: the problem.
        quantities: what the claims bound.
    """
    entries = [
        ("row", "one training example; rows are counted from 0, in the order of the data file"),
        ("weights", "the numbers that training has set: the weights and biases of the layers"),
    ]
    entries += _of_problem(problem) + _of_quantities(problem, quantities)
    entries += [
        ("lower and upper end", "two bounds with the true value between them; shown digits are rounded outward"),
        ("gate", "a threshold in the specification, which the quantity has to meet"),
        ("witness", "numbers kept with the certificate with which anyone can repeat the decisive step of a proof"),
    ]
    if problem.map == "interpolation":
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


def _of_problem(problem: Problem) -> Terms:
    """Words of the solution map and of the perturbation set."""
    entries: Terms = []
    if problem.parameter == "sample_weights":
        entries.append((
            "sample weight",
            "the factor with which a row’s loss enters the training loss: 1 today, 1 + u after a change; 0 leaves the "
            "row out, and the loss is still divided by the number of all rows",
        ))  # fmt: skip
    if problem.map == "critical":
        entries += critical.terms()
    elif problem.map == "interpolation":
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
    size = LENGTHS[problem.norm]
    if problem.parameter == "sample_weights" and problem.set in ("per_sample", "sparse"):
        size = "absolute value"  # a row has one number
    what = "the sample weights" if problem.parameter == "sample_weights" else "the training data"
    if problem.parameter == "labels":
        entries.append(("change (perturbation) u", "other labels for some of the rows that may change; it has no size"))
        return entries
    entries.append(("move (perturbation) u", f"a change of {what}; δ is its {size}, {length}"))
    return entries


def _of_quantities(problem: Problem, quantities: Collection[str]) -> Terms:
    """Words of what the claims bound."""
    entries: Terms = []
    if any(quantity in POINTWISE for quantity in quantities):
        nearest = {"interpolation": "exact fit", "critical": "critical point"}.get(
            problem.map, "weights with a training loss at or below the level")
        entries.append((
            "Lipschitz modulus",
            f"the smallest factor between the size of a small move of the data and the distance to the nearest "
            f"{nearest}, in the worst direction and in the limit of small moves; infinite if there is no such factor",
        ))  # fmt: skip
    if "aubin" in quantities:
        entries.append((
            "explicit radii (Aubin property)",
            "how far data may move and weights may lie for one factor to bound how far "
            + ("weights with today’s training loss" if problem.map == "sublevel" else "exact fits")
            + " follow; the modulus is the smallest such factor as both radii shrink to 0",
        ))  # fmt: skip
    if {"excess", "hausdorff"} & set(quantities):
        entries.append((
            "excess e(C, D)",
            "the largest distance from a point of C to the nearest point of D; here C is cut by the window, the ball B "
            "around the given weights, and D is not. The Hausdorff distance on the window is the larger of both ways",
        ))  # fmt: skip
    if LABELS in quantities:
        entries.append(("label of an evaluation row", label_meaning(problem.outputs, problem.threshold)))
    if {"first_order_distance", "first_order_prediction_change"} & set(quantities):
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
    return entries
