"""P2 as a claim: how many labels every network within a proved distance of the given one gives alike."""

from __future__ import annotations

from certify.format.digits import at_most
from certify.format.errors import EnclosureError
from certify.format.quantities import DISTANCE, STABLE_PREDICTIONS
from certify.format.theorems import P2
from certify.format.words import Rigour
from certify.network.network import Network
from certify.problem.bound import Bound, SideArray
from certify.problem.cost import Cost
from certify.problem.problem import Problem
from certify.systems.interpolation.point import InterpolationPoint
from certify.theorems.distance.cost import distance_cost
from certify.theorems.fits import FitRule
from certify.theorems.predictions.within_distance import labels_within

ROOM = 1.0 + 2.0**-9
"""A change has to fit into its margin so many times over: left for the norms a checker computes by itself."""

_PROOFS = ("layer", "sigma", "constants")
"""What a witness of a distance has for its upper end, beside the array of a solution."""


class LabelsWithin(FitRule):
    """P2."""

    theorem = P2

    def cost(self, problem: Problem) -> tuple[Cost, ...]:
        """That of the distance."""
        return distance_cost(problem)

    def doubt(self, problem: Problem) -> str:
        """Equal rows are no obstacle to an exact fit."""
        return ""

    def at_equal_rows(self, at: InterpolationPoint, quantity: str, i: int, j: int) -> None:
        """There an exact fit may exist all the same."""

    def stable_predictions(self, at: InterpolationPoint) -> Bound:
        """The number of evaluation rows whose label is the same for every network within the upper end R of a distance.

        Without R nothing is said; with it, the upper end of the count is the number of rows. What proves R is taken
        over into the witness, beside R itself (`reach`).
        """
        problem, distance, quantity = at.problem, at.bound(DISTANCE.name), STABLE_PREDICTIONS.name
        reach, points = distance.upper, problem.evaluation
        if reach is None:
            return self.open(at, quantity, distance.reason, distance.hypotheses)
        assert isinstance(problem.network, Network) and points is not None  # what is asked was looked at
        try:
            found = labels_within(problem.network, points, reach, problem.layer, problem.layer_scale, ROOM,
                                  problem.threshold or 0.0)
        except EnclosureError as error:
            return self.open(at, quantity, error.reason, distance.hypotheses)
        witness = {"reach": reach} | {name: distance.witness[name] for name in _PROOFS if name in distance.witness}
        array = distance.witness.get("array")
        witness |= {"array": array} if isinstance(array, SideArray) and array.of else {}
        reason = "" if found.stable.all() else (
            f"of the other labels at least one margin is no wider than what networks within {at_most(reach)} of "
            "these weights may change it by: give a smaller change of the data, or a network with a smaller distance")
        return Bound(quantity, self.theorem.label, Rigour.PROVED, float(found.stable.sum()), float(len(found.stable)),
                     at.unit(quantity), distance.hypotheses, witness, reason)
