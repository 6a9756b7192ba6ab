"""Q6, P4: a strongly convex last layer at finite size: distance, stable predictions, change of predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from certify.format.errors import EnclosureError, SpecError
from certify.format.labels import label_unit
from certify.format.words import Rigour
from certify.network.network import Network
from certify.problem.bound import Bound, Hypothesis
from certify.problem.limits import Limits, limits_of, named
from certify.problem.problem import Problem
from certify.problem.progress import Progress, silent
from certify.prove.costs import last_layer_cost, remedy
from certify.rigor.fp import RAISE
from certify.spec.convexity import CONVEX
from certify.systems.critical.point import CRITICAL_EMPTY
from certify.systems.head.change import Change
from certify.systems.head.last_layer import LastLayer, enclose_last_layer, last_inputs
from certify.systems.head.nearness import EXPLAINED, FAR
from certify.theorems.head.motion import THETAS, Moved, enclose_motion
from certify.theorems.head.predictions import Predictions, enclose_predictions
from certify.theorems.head.reached import Points, Reached, find_reached

T = TypeVar("T")
Seen = tuple[Moved, Predictions]


def change_of(problem: Problem) -> Change:
    """The budget of a problem whose last layer alone is free.

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
    size = 1.0 if problem.radius is None else problem.radius
    return Change(problem.parameter, size, problem.count, problem.set == "total", problem.rows,
                  problem.direction == "down")


def convex_parts(problem: Problem) -> tuple[LastLayer, Change]:
    """The last layer and the budget of a problem as of :func:`change_of`.

    Raises:
        SpecError: for another problem, with what would work.
        EnclosureError: NaN or overflow.
    """
    change, net = change_of(problem), problem.network
    assert isinstance(net, Network)
    scale = problem.scale if problem.parameter == "features" else None
    layer = enclose_last_layer(net, problem.X, problem.loss, problem.weight_decay, problem.y, problem.labels, scale)
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
        self.change = change_of(problem)
        self.layer = self._prepared()
        self._found: tuple[tuple[Moved, ...], str] | None = None

    def _prepared(self) -> LastLayer | str:
        """The last layer, or in words why there is none."""
        refused = self._limits.refusal(last_layer_cost(self.problem))
        if refused:
            return f"{refused}: {remedy(self.problem, 'distance', self._limits)}"

        def work() -> LastLayer:
            self._progress("the last layer", 0.0)
            return convex_parts(self.problem)[0]

        return self._attempt("last layer", work)

    def _attempt(self, what: str, work: Callable[[], T]) -> T | str:
        """What `work()` returns, or in words what blocked it or ran out."""
        try:
            return self._limits.attempt(named(what), work)
        except EnclosureError as error:
            return error.reason

    def base(self) -> dict[str, Any]:
        """The gradient at the weights in the file, and how near the one solution is for it: `|∇F|/λ` (Q6)."""
        if isinstance(self.layer, str):
            return dict(CRITICAL_EMPTY)
        near = _near(self.layer)
        return CRITICAL_EMPTY | {"residual": self.layer.residual, "distance": near, "radius": near}

    def bound(self, quantity: str) -> Bound:
        """Bound on `quantity`, with the theorem's hypotheses and their verified values.

        Where memory or time run out, what was proved by then counts, and the reason says what ran out.

        Raises:
            SpecError: for a quantity that is not built.
        """
        if quantity not in CONVEX:
            raise SpecError(f"quantity '{quantity}' over a budget of rows", "not built for the critical map",
                            f"use {', '.join(CONVEX)}")
        if quantity != "distance" and self.problem.evaluation is None:
            raise SpecError("evaluation", f"no rows, and {quantity} needs them", "give evaluation rows")
        layer = self.layer
        if isinstance(layer, str):
            return Bound(quantity, "Q6", Rigour.PROVED, None, None, self._unit(quantity), (), {}, layer)
        found, why = self._motion(layer)
        if quantity == "distance":
            best = found[0] if found else None
            return self._above(layer, quantity, best and best.distance, best, why, None)
        at = self._attempt("predictions", self._points)
        if isinstance(at, str):
            return self._open(layer, quantity, _joined(why, at))
        seen, late = self._seen(layer, found, at)
        why = _joined(why, late)
        if quantity == "stable_predictions":
            return self._stable(layer, seen, why) if seen else self._open(layer, quantity, why)
        change, moved = min(((float(p.change.max()), m) for m, p in seen), key=lambda pair: pair[0],
                            default=(None, None))
        return self._above(layer, quantity, change, moved, why, at)

    def _points(self) -> Points:
        """Inputs of the last layer at the evaluation rows."""
        net = self.problem.network
        assert isinstance(net, Network) and self.problem.evaluation is not None
        return last_inputs(net, self.problem.evaluation)

    def _above(
        self, layer: LastLayer, quantity: str, upper: float | None, moved: Moved | None, why: str, at: Points | None
    ) -> Bound:
        """The upper end, and below it one change of the budget that leads some way (Q6e)."""

        def work() -> Reached | None:
            self._progress("a change that leads far", 0.6)
            return find_reached(self.problem, layer, self.change, self._limits.check, at)

        reached = self._attempt("change", work)
        why = _joined(why, reached) if isinstance(reached, str) else why
        if not isinstance(reached, Reached):
            return self._bound(layer, quantity, 0.0, upper, moved, why)
        below = {"z": reached.weights.tolist(), "change": reached.change}
        return self._bound(layer, quantity, reached.lower, upper, moved, why, below)

    def _seen(self, layer: LastLayer, found: tuple[Moved, ...], at: Points) -> tuple[list[Seen], str]:
        """What every metric says of the evaluation rows; where not all of them were asked, why in words."""
        seen: list[Seen] = []
        threshold = self.problem.threshold or 0.0

        def work() -> None:
            self._progress("predictions", 0.8)
            for moved in found:
                self._limits.check()
                seen.append((moved, enclose_predictions(layer, (moved,), at, threshold)))

        return seen, self._attempt("predictions", work) or ""

    def _stable(self, layer: LastLayer, seen: list[Seen], why: str) -> Bound:
        """The best of the metrics alone: a claim names one of them."""
        moved, most = max(seen, key=lambda pair: int(pair[1].stable.sum()))
        count, N = int(most.stable.sum()), len(most.stable)
        way_out = WAY_OUT.replace("a smaller radius or ", "") if self.problem.parameter == "labels" else WAY_OUT
        reason = "" if count else "no margin of a label is wider than what the outputs may change by: " + way_out
        return self._bound(layer, "stable_predictions", float(count), float(N), moved, _joined(reason, why))

    def _motion(self, layer: LastLayer) -> tuple[tuple[Moved, ...], str]:
        """What was proved about the motion, the least distance first; and in words why nothing, or not all, was."""
        if self._found is None:
            found: list[Moved] = []

            def work() -> None:
                self._progress("how far the solution moves", 0.1)
                for theta in THETAS if layer.loss != "squared" else THETAS[:1]:
                    found.extend(enclose_motion(layer, self.change, (theta,), self._limits.check))

            why = self._attempt("last layer", work) or ("" if found else NOTHING)
            self._found = tuple(sorted(found, key=lambda moved: moved.distance)), why
        return self._found

    def _open(self, layer: LastLayer, quantity: str, why: str) -> Bound:
        """Only what is true of every count or size of changes."""
        count = quantity == "stable_predictions" and self.problem.evaluation is not None
        N = float(len(self.problem.evaluation)) if count else None  # type: ignore[arg-type]
        return self._bound(layer, quantity, 0.0, N, None, why)

    def _bound(
        self, layer: LastLayer, quantity: str, lower: float, upper: float | None, moved: Moved | None, reason: str,
        below: dict[str, Any] | None = None,
    ) -> Bound:
        hypotheses = (
            Hypothesis("convex", "the training loss is strongly convex in the last layer; the modulus is the weight "
                       "decay", layer.decay, True),
            Hypothesis("solution", "the one solution was proved; its distance from the weights in the file is at most",
                       _near(layer), True),
        )
        hypotheses += _distant(layer, _near(layer))
        witness = {} if moved is None else {"theta": float(moved.metric.theta), "reach": float(moved.reach)}
        witness = witness | (below or {})
        return Bound(quantity, "Q6", Rigour.PROVED, lower, upper, self._unit(quantity), hypotheses, witness, reason)

    def _unit(self, quantity: str) -> str:
        return UNITS.get(quantity) or label_unit(self.problem.outputs, self.problem.threshold)


def _near(layer: LastLayer) -> float:
    """Upper bound of the distance of the one solution from the weights in the file."""
    return layer.residual / layer.decay * RAISE


def _joined(*words: str) -> str:
    """Reasons that are not empty, each once."""
    return "; ".join(dict.fromkeys(filter(None, words)))


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
