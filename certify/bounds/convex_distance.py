"""Q6, P4: a strongly convex last layer at finite size: distance, stable predictions, change of predictions."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from certify.bounds.convex import Change, Moved, enclose_motion
from certify.bounds.convex_predictions import Predictions, enclose_predictions
from certify.bounds.convex_reached import Points, Reached, find_reached
from certify.bounds.critical_base import CRITICAL_EMPTY
from certify.bounds.last_layer import LastLayer, enclose_last_layer, last_inputs
from certify.cautions import EXPLAINED, FAR
from certify.errors import EnclosureError, SpecError
from certify.labels import label_unit
from certify.limits import Limits, limits_of, named
from certify.network.network import Network
from certify.problem import Problem
from certify.progress import Progress, silent
from certify.rigor.fp import RAISE
from certify.spec.convexity import CONVEX
from certify.verdict import Bound, Hypothesis, Rigour


def convex_parts(problem: Problem) -> tuple[LastLayer, Change]:
    """The last layer and the budget of a problem whose last layer alone is free.

    Args:
        problem: with weight decay, `layer` the last one, and a set total, per_sample or sparse with norm 2.

    Raises:
        SpecError: for another problem, with what would work.
    """
    net = problem.network
    if not isinstance(net, Network) or net.layers(problem.layer) != (net.depth,):
        raise SpecError("solution.layer", f"{problem.layer!r}: the training loss need not be convex in it",
                        "free the last layer alone of a fully connected network")
    sized = problem.parameter != "labels"
    if problem.set == "given" or problem.norm != 2 or (sized and problem.radius is None):
        raise SpecError("perturbation.set", f"'{problem.set}' with norm {problem.norm} and radius {problem.radius}",
                        "give set total, per_sample or sparse with norm 2 and a radius")
    if problem.weight_norm != "euclidean" or problem.merge_duplicates:
        raise SpecError("weights.norm", f"'{problem.weight_norm}' or merged rows", "use the euclidean norm, all rows")
    scale = problem.scale if problem.parameter == "features" else None
    layer = enclose_last_layer(net, problem.X, problem.loss, problem.weight_decay, problem.y, problem.labels, scale)
    size = 1.0 if problem.radius is None else problem.radius
    change = Change(problem.parameter, size, problem.count, problem.set == "total", problem.rows,
                    problem.direction == "down")
    return layer, change


UNITS = {"distance": "weight distance", "prediction_change": "output change"}
WAY_OUT = "give a smaller radius or a smaller count, or train with more weight decay"
NOTHING = "no ball was found that the solution cannot leave within this budget: " + WAY_OUT


class ConvexLayer:
    """Computes the bounds of a problem whose last layer alone is free, sharing the motion between quantities.

    Args:
        problem: as of :func:`convex_parts`, with map `critical`.
        progress: told the stage in words and the fraction done.
        limits: memory and time it may use; default those of the problem.
    """

    solution = None

    def __init__(self, problem: Problem, progress: Progress = silent, limits: Limits | None = None) -> None:
        self.problem = problem
        self._limits = limits or limits_of(problem)
        self._progress = self._limits.watched(progress)
        self._progress("the last layer", 0.0)
        self.layer, self.change = convex_parts(problem)
        self._found: tuple[Moved, ...] | str | None = None

    def base(self) -> dict[str, Any]:
        """The gradient at the weights in the file, and how near the one solution is for it: `|∇F|/λ` (Q6)."""
        near = self.layer.residual / self.layer.decay * RAISE
        return CRITICAL_EMPTY | {"residual": self.layer.residual, "distance": near, "radius": near}

    def bound(self, quantity: str) -> Bound:
        """Bound on `quantity`, with the theorem's hypotheses and their verified values.

        Raises:
            SpecError: for a quantity that is not built.
        """
        if quantity not in CONVEX:
            raise SpecError(f"quantity '{quantity}' over a budget of rows", "not built for the critical map",
                            f"use {', '.join(CONVEX)}")
        points = self.problem.evaluation
        if quantity != "distance" and points is None:
            raise SpecError("evaluation", f"no rows, and {quantity} needs them", "give evaluation rows")
        found = self._motion()
        at = None if points is None or quantity == "distance" else last_inputs(
            self.problem.network, points)  # type: ignore[arg-type]
        if at is None or quantity == "prediction_change":
            return self._moved(quantity, found, at)
        if isinstance(found, str):
            return self._bound(quantity, 0.0, float(len(at[0])), None, found)
        return self._stable(found, at)

    def _moved(self, quantity: str, found: tuple[Moved, ...] | str, at: Points | None) -> Bound:
        """The ball above, and below it one change of the budget that leads some way (Q6e)."""
        self._progress("a change that leads far", 0.6)

        def work() -> Reached | None:
            return find_reached(self.problem, self.layer, self.change, self._limits.check, at)

        reached = self._limits.attempt(named("last layer"), work)
        below = {} if reached is None or isinstance(reached, str) else {
            "z": reached.weights.tolist(), "change": reached.change}
        lower = reached.lower if isinstance(reached, Reached) else 0.0
        if isinstance(found, str):
            return self._bound(quantity, lower, None, None, found, below)
        if at is None:
            return self._bound(quantity, lower, found[0].distance, found[0], "", below)
        most = [float(enclose_predictions(self.layer, (moved,), at).change.max()) for moved in found]
        best = int(np.argmin(most))
        return self._bound(quantity, lower, most[best], found[best], "", below)

    def _stable(self, found: tuple[Moved, ...], at: Points) -> Bound:
        """The best of the metrics alone: a claim names one of them."""
        self._progress("predictions", 0.8)
        threshold = self.problem.threshold or 0.0
        seen: list[tuple[Moved, Predictions]] = [
            (m, enclose_predictions(self.layer, (m,), at, threshold)) for m in found]
        moved, most = max(seen, key=lambda pair: int(pair[1].stable.sum()))
        count, N = int(most.stable.sum()), len(at[0])
        way_out = WAY_OUT.replace("a smaller radius or ", "") if self.problem.parameter == "labels" else WAY_OUT
        reason = "" if count else "no margin of a label is wider than what the outputs may change by: " + way_out
        return self._bound("stable_predictions", float(count), float(N), moved, reason)

    def _motion(self) -> tuple[Moved, ...] | str:
        """What was proved about the motion, or in words why nothing was."""
        if self._found is None:
            self._progress("how far the solution moves", 0.1)

            try:
                self._found = self._limits.attempt(named("last layer"), partial(
                    enclose_motion, self.layer, self.change, check=self._limits.check)) or NOTHING
            except EnclosureError as error:
                self._found = error.reason
        return self._found

    def _bound(
        self, quantity: str, lower: float, upper: float | None, moved: Moved | None, reason: str,
        below: dict[str, Any] | None = None,
    ) -> Bound:
        base = self.base()["distance"]
        hypotheses = (
            Hypothesis("convex", "the training loss is strongly convex in the last layer; the modulus is the weight "
                       "decay", self.layer.decay, True),
            Hypothesis("solution", "the one solution was proved; its distance from the weights in the file is at most",
                       base, True),
        )
        hypotheses += _distant(self.layer, base)
        witness = {} if moved is None else {"theta": float(moved.metric.theta), "reach": float(moved.reach)}
        witness = witness | (below or {})
        unit = UNITS.get(quantity) or label_unit(self.problem.outputs, self.problem.threshold)
        return Bound(quantity, "Q6", Rigour.PROVED, lower, upper, unit, hypotheses, witness, reason)


def _distant(layer: LastLayer, distance: float) -> tuple[Hypothesis, ...]:
    """Where the one solution lies far from the weights in the file: their length, and a cause that explains it."""
    length = layer.length
    if distance <= FAR * length:
        return ()
    found = (Hypothesis("weights", "the weights of the last layer in the file have at least the length", length, True),)
    if not layer.biased or not layer.unexplained <= EXPLAINED * layer.residual:
        return found
    return (*found, Hypothesis("bias", "the gradient at the weights in the file is the weight decay times the biases, "
                               "up to the length", layer.unexplained, True))
