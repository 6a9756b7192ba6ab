"""P2 as a claim: how many labels every network within a proved distance of the given one gives alike."""

from __future__ import annotations

from typing import Final

from certify.format.digits import at_most
from certify.format.errors import EnclosureError
from certify.format.labels import label_unit
from certify.format.words import Rigour
from certify.network.network import Network
from certify.problem.bound import Bound
from certify.problem.problem import Problem
from certify.theorems.predictions.within_distance import labels_within

QUANTITY: Final = "stable_predictions"
AT_SIZE: Final = ("distance", QUANTITY)
"""Quantities of the interpolation map about changes as large as they are, without a window."""

THEOREM: Final = "P2"

ROOM = 1.0 + 2.0**-9
"""A change has to fit into its margin so many times over: left for the norms a checker computes by itself."""

_PROOFS = ("centre", "layer", "sigma", "constants")
"""What a witness of a distance has for its upper end."""


def label_bound(problem: Problem, distance: Bound) -> Bound:
    """The number of evaluation rows whose label is the same for every network within the upper end of a distance.

    Without an upper end R nothing is said; with one, the upper end of the count is the number of rows.

    Args:
        problem: interpolation, base `given`, with evaluation rows.
        distance: the bound on its distance; what proves R is taken over into the witness, beside R itself (`reach`).
    """
    if distance.upper is None:
        return _bound(problem, distance, None, None, {}, distance.reason)
    assert isinstance(problem.network, Network) and problem.evaluation is not None  # what is asked was checked
    try:
        found = labels_within(problem.network, problem.evaluation, distance.upper, problem.layer,
                              problem.layer_scale, ROOM, problem.threshold or 0.0)
    except EnclosureError as error:
        return _bound(problem, distance, None, None, {}, error.reason)
    witness = {name: distance.witness[name] for name in _PROOFS if name in distance.witness}
    reason = "" if found.stable.all() else (
        f"of the other labels at least one margin is no wider than what networks within {at_most(distance.upper)} of "
        "these weights may change it by: give a smaller change of the data, or a network with a smaller distance")
    return _bound(problem, distance, float(found.stable.sum()), float(len(found.stable)),
                  {"reach": distance.upper} | witness, reason)


def _bound(
    problem: Problem, distance: Bound, lower: float | None, upper: float | None, witness: dict[str, object],
    reason: str,
) -> Bound:
    unit = label_unit(problem.outputs, problem.threshold)
    return Bound(QUANTITY, THEOREM, Rigour.PROVED, lower, upper, unit, distance.hypotheses, witness, reason)
