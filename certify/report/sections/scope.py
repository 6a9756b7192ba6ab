"""What is not claimed, for the kind of problem at hand."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from certify.certificate.schema import Certificate, Problem
from certify.report.digits import as_given
from certify.report.maps import MAPS
from certify.report.phrases.parameters import PARAMETERS
from certify.report.phrases.sets import SETS
from certify.report.quantities import rows_of
from certify.report.quantities.quantity import Quantity
from certify.report.section import Section
from certify.report.statements import Entry, say

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
    asked = rows_of(quantities)
    entries = _sizes(asked)
    if problem.reparameterised:
        entries.append(("The network before export", FOLDED))
    if problem.radius is not None and (unused := _unused_radius(problem, asked)):
        text = f"The specification gives a radius of {as_given(problem.radius).text}. The quantities asked for do not "
        entries.append(("The radius in the specification", f"{text}use it: {unused}."))
    entries.append(("The network as it runs", AS_IT_RUNS))
    near = any(row.nearest for row in asked)
    entries += MAPS[problem.map].scope(problem, quantities, near, found)
    examined = "Neither its accuracy nor its behaviour on data outside the training set is examined."
    if any(row.evaluated for row in asked):
        examined = "Its accuracy is not examined; its behaviour outside the training set, at the evaluation rows alone."
    entries.append(("Quality of the network", examined))
    entries += _not_moved(problem, any(row.pointwise for row in asked))
    return tuple(Entry(term, say(text)) for term, text in entries)


def _sizes(asked: Sequence[Quantity]) -> list[tuple[str, str]]:
    """What is said of moves of a size."""
    entries: list[tuple[str, str]] = []
    if any(row.pointwise for row in asked):
        alone = "By itself it says nothing" if any(row.at_size for row in asked) else "Nothing is said"
        text = f"The modulus is the limit for ever smaller moves. {alone} about what a move of, say, δ = 0.01 does."
        entries.append(("Moves of a given size", text))
    if any(row.linear for row in asked):
        entries.append(("The network itself at that size", "The claims are about its linearisation. Nothing is said "
                        "about what a move of the size given does to the network itself."))
    return [*entries, *(entry for row in asked for entry in row.beyond)]


def _not_moved(problem: Problem, pointwise: bool) -> list[tuple[str, str]]:
    """What is said of rows that do not move and of layers that do not adjust."""
    entries: list[tuple[str, str]] = []
    if problem.rows != "all":
        entries.append(("The other rows", PARAMETERS[problem.parameter].others))
    if problem.layer != "all" and pointwise:
        text = f"Only layer {problem.layer} may adjust. With every layer free the factor "
        entries.append(("The other layers", text + MAPS[problem.map].other_layers))
    return entries


def _unused_radius(problem: Problem, asked: Sequence[Quantity]) -> str:
    """Why no quantity uses the radius of the perturbation set; empty where one does."""
    if SETS[problem.set].one:
        return "the one change is taken from the file, whatever its size"
    if any(row.sized for row in asked):
        return ""
    return "; ".join(dict.fromkeys(row.unused for row in asked if row.unused))


def _build(opened: Certificate) -> tuple[Entry, ...]:
    quantities = {claim.quantity for claim in opened.claims}
    return not_claimed(opened.problem, quantities, opened.base.distance is not None)


SECTION = Section("scope", "What is not claimed", _build)
