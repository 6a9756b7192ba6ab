"""Q6, P4: a strongly convex last layer at finite size: distance, change of predictions, predictions that stay."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from certify.format.quantities import DISTANCE, PREDICTION_CHANGE, STABLE_PREDICTIONS
from certify.format.theorems import Q6, Q6_LABELS, Q6_OUTPUTS
from certify.format.words import Loss, Parameter, Rigour
from certify.network.network import Network
from certify.problem.bound import Bound, SideArray
from certify.problem.cost import Cost
from certify.problem.problem import Problem
from certify.systems.head.cost import last_layer_cost
from certify.systems.head.last_layer import LastLayer, last_inputs
from certify.systems.head.point import HeadPoint, hypotheses
from certify.theorems.head.motion import THETAS, Moved, enclose_motion
from certify.theorems.head.predictions import Predictions, enclose_predictions
from certify.theorems.head.reached import Points, Reached, find_reached
from certify.theorems.rule import Rule

Seen = tuple[Moved, Predictions]

NOTHING = "no ball was found that the solution cannot leave within this budget"


class HeadRule(Rule[HeadPoint]):
    """A theorem about a strongly convex last layer."""

    def cost(self, problem: Problem) -> tuple[Cost, ...]:
        """The metrics of the last layer."""
        return (last_layer_cost(problem),)

    def bound(self, at: HeadPoint, quantity: str) -> Bound:
        """Bound on a quantity of the row; where memory or time run out, what was proved by then counts."""
        self.require(at.problem)
        return self.open(at, quantity, at.layer) if isinstance(at.layer, str) else super().bound(at, quantity)

    def stated(
        self, at: HeadPoint, quantity: str, lower: float, upper: float | None, moved: Moved | None, reason: str,
    ) -> Bound:
        """A bound with the metric that proves it."""
        witness = {} if moved is None else {"theta": float(moved.metric.theta), "reach": float(moved.reach)}
        return Bound(quantity, self.theorem.label, Rigour.PROVED, lower, upper, at.unit(quantity),
                     hypotheses(layer_at(at)), witness, reason)


class _Motions(HeadRule):
    """Q6, of how far something moves."""

    def _above(
        self, at: HeadPoint, quantity: str, upper: float | None, moved: Moved | None, why: str, points: Points | None
    ) -> Bound:
        """The upper end, and below it one change of the budget that leads some way (Q6e)."""

        def work() -> Reached | None:
            at.progress("a change that leads far", 0.6)
            return find_reached(at.problem, layer_at(at), at.change, at.limits.check, points)

        reached = at.attempt("change", work)
        why = joined(why, reached) if isinstance(reached, str) else why
        if not isinstance(reached, Reached):
            return self.stated(at, quantity, 0.0, upper, moved, why)
        found = self.stated(at, quantity, reached.lower, upper, moved, why)
        below: dict[str, Any] = {"z": reached.weights.tolist(), "array": SideArray("change", reached.change)}
        return replace(found, witness=dict(found.witness) | below)


class Moves(_Motions):
    """Q6, of the solution."""

    theorem = Q6

    def distance(self, at: HeadPoint) -> Bound:
        """Of the solution."""
        found, why = motion(at)
        best = found[0] if found else None
        return self._above(at, DISTANCE.name, None if best is None else best.distance, best, why, None)


class OutputMoves(_Motions):
    """Q6, of outputs."""

    theorem = Q6_OUTPUTS

    def prediction_change(self, at: HeadPoint) -> Bound:
        """Of the outputs at the evaluation rows."""
        found, why = motion(at)
        points = points_at(at)
        if isinstance(points, str):
            return self.stated(at, PREDICTION_CHANGE.name, 0.0, None, None, joined(why, points))
        seen, late = seen_at(at, found, points)
        change, moved = min(((float(p.change.max()), m) for m, p in seen), key=lambda pair: pair[0],
                            default=(None, None))
        return self._above(at, PREDICTION_CHANGE.name, change, moved, joined(why, late), points)


class Labels(HeadRule):
    """Q6, of labels."""

    theorem = Q6_LABELS

    def stable_predictions(self, at: HeadPoint) -> Bound:
        """The best of the metrics alone: a claim names one of them."""
        found, why = motion(at)
        points, quantity = points_at(at), STABLE_PREDICTIONS.name
        seen, late = ([], points) if isinstance(points, str) else seen_at(at, found, points)
        why = joined(why, late)
        if not seen:
            assert at.problem.evaluation is not None
            return self.stated(at, quantity, 0.0, float(len(at.problem.evaluation)), None, why)
        moved, most = max(seen, key=lambda pair: int(pair[1].stable.sum()))
        count, N = int(most.stable.sum()), len(most.stable)
        reason = "" if count else (
            f"no margin of a label is wider than what the outputs may change by: {helps(at.problem)}")
        return self.stated(at, quantity, float(count), float(N), moved, joined(reason, why))


def helps(problem: Problem) -> str:
    """What would leave less to the change: only what may be smaller is named.

    Args:
        problem: whose change has a radius, a count, or both.
    """
    ways = [*(["a smaller radius"] if Parameter(problem.parameter).sized else []),
            *(["a smaller count"] if (problem.count or 1) > 1 else [])]
    give = f"give {' or '.join(ways)}, or " if ways else ""
    return f"{give}train with more weight decay"


def layer_at(at: HeadPoint) -> LastLayer:
    """The last layer, which was enclosed."""
    assert isinstance(at.layer, LastLayer)
    return at.layer


def motion(at: HeadPoint) -> tuple[tuple[Moved, ...], str]:
    """What was proved about the motion, the least distance first; and in words why nothing, or not all, was."""

    def proved() -> tuple[tuple[Moved, ...], str]:
        found: list[Moved] = []
        layer = layer_at(at)

        def work() -> None:
            at.progress("how far the solution moves", 0.1)
            for theta in _SHARES.get(Loss(layer.loss), THETAS):
                found.extend(enclose_motion(layer, at.change, (theta,), at.limits.check))

        why = at.attempt("last layer", work) or ("" if found else f"{NOTHING}: {helps(at.problem)}")
        return tuple(sorted(found, key=lambda moved: moved.distance)), why

    return at.shared("motion", proved)


_SHARES = {Loss.SQUARED: THETAS[:1]}
"""Shares of the curvature that are tried, where one is as good as all."""


def points_at(at: HeadPoint) -> Points | str:
    """Inputs of the last layer at the evaluation rows."""
    net, points = at.problem.network, at.problem.evaluation
    assert isinstance(net, Network) and points is not None and at.problem.functionals is None
    return at.attempt("predictions", lambda: last_inputs(net, points))


def seen_at(at: HeadPoint, found: tuple[Moved, ...], points: Points) -> tuple[list[Seen], str]:
    """What every metric says of the evaluation rows; where not all of them were asked, why in words."""
    seen: list[Seen] = []
    threshold = at.problem.threshold or 0.0

    def work() -> None:
        at.progress("predictions", 0.8)
        for moved in found:
            at.limits.check()
            seen.append((moved, enclose_predictions(layer_at(at), (moved,), points, threshold)))

    return seen, at.attempt("predictions", work) or ""


def joined(*words: str) -> str:
    """Reasons that are not empty, each once."""
    return "; ".join(dict.fromkeys(filter(None, words)))
