"""M6: the sublevel map `S(u) = {w : L(u, w) ≤ ℓ}`: modulus on its boundary, 0 inside, persistence radius."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np

from certify.format.errors import EnclosureError, SpecError
from certify.format.words import Rigour
from certify.network.graph.balls import descend_in_balls
from certify.network.graph.gradients import descend_graph
from certify.network.graph.graph import GraphNetwork
from certify.network.layers.gradients import Norm, loss_adjoints, row_norm_ends, total_norm, weight_gradient_norm
from certify.network.layers.passes import Forward, Kink, forward, known_weights
from certify.network.loss.losses import LossTerms, enclose_losses
from certify.problem.bound import Bound, Hypothesis
from certify.problem.limits import Limits, limits_of, named
from certify.problem.problem import Problem
from certify.problem.progress import Progress
from certify.problem.units import WEIGHT_DISTANCE
from certify.prove.costs import costs, remedy
from certify.prove.tiers import better
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Binary64, DoubleDouble
from certify.rigor.fp import Array
from certify.spec.aubin import asked_radii
from certify.systems.sublevel.point import Descent, loss_ends
from certify.theorems.aubin.sublevel import aubin_bound, enclose_sublevel_aubin, require_built
from certify.theorems.modulus.function_dual_norm import function_dual_norm
from certify.theorems.persistence.radius import persistence_bound, persistence_unit

GAP = 1e-6
"""Relative gap of two ends above which the double-double tier is tried."""

QUANTITIES = ("modulus", "sample_modulus", "persistence_radius", "aubin")


def descend(
    problem: Problem, arithmetic: Arithmetic | None, tell: Callable[[float], None] = lambda _: None
) -> Descent:
    """Enclose loss and gradients by one forward and one backward pass; `tell` hears the fraction done of a graph.

    The arithmetic None stands for balls of python-flint, which only graphs need.
    """
    net = problem.network
    if isinstance(net, GraphNetwork):
        return _descend_graph(problem, net, arithmetic, tell)
    if arithmetic is None:
        raise SpecError("passes in balls", "a fully connected network", "use an arithmetic")
    weights = known_weights(net)
    passed = forward(net, weights, problem.X, arithmetic, keep_pre=True)
    terms = enclose_losses(problem.loss, passed.output, problem.y, problem.labels, arithmetic)
    adjoints = loss_adjoints(net, weights, passed, terms, arithmetic)
    layers, decay = net.layers(problem.layer), problem.weight_decay
    if problem.reference is None or problem.level is not None:  # with a level no norm of the weights enters
        weight_norm = weight_gradient_norm(net, passed, adjoints, layers, decay, arithmetic, problem.layer_scale)
    else:
        weight_norm, passed = function_dual_norm(net, passed, adjoints, layers, decay, problem.reference, arithmetic)
    features = problem.parameter == "features"
    lower, upper = row_norm_ends(adjoints[0], problem.scale) if features else _other_gradients(problem, terms)
    return _descent(problem, passed, terms, weight_norm, lower, upper)


def _descend_graph(
    problem: Problem, net: GraphNetwork, arithmetic: Arithmetic | None, tell: Callable[[float], None]
) -> Descent:
    """The same through a graph, rows in chunks."""
    data = (problem.X, problem.loss, problem.y, problem.labels, problem.weight_decay, problem.scale)
    found = (descend_in_balls(net, *data, GAP, tell) if arithmetic is None
             else descend_graph(net, *data, arithmetic, tell))
    lower, upper = found.input_lower, found.input_upper
    if problem.parameter != "features":
        lower, upper = _other_gradients(problem, found.terms)
    return _descent(problem, Forward((), (), (), found.output, found.kinks, found.margin, ()), found.terms,
                    found.weight_norm, lower, upper)


def _descent(
    problem: Problem, passed: Forward, terms: LossTerms, weight_norm: Norm, lower: Array, upper: Array
) -> Descent:
    still = ~np.isin(np.arange(problem.n), np.array(problem.rows))
    return Descent(passed, terms, loss_ends(problem, terms), weight_norm, np.where(still, 0.0, lower),
                   np.where(still, 0.0, upper))


def _other_gradients(problem: Problem, terms: LossTerms) -> tuple[Array, Array]:
    """Ends of `n·|∇_{u_i} L|` where features do not move: `|∂ℓ_i/∂y_i|` (squared loss), or `ℓ_i` (sample weights)."""
    if problem.parameter == "targets":
        if problem.loss != "squared":
            raise SpecError("targets", f"with the {problem.loss} loss", 'use parameter = "features"')
        return row_norm_ends(terms.slopes, None)
    low = np.maximum(terms.value - terms.value_error * fp.RAISE, 0.0) * (1 - 2.0**-50)
    return low, (np.abs(terms.value) + terms.value_error) * fp.RAISE


def _kink_words(kinks: tuple[int, tuple[Kink, ...]], n: int) -> str:
    """Why there is no derivative, and at which unit first; rows from n on are those of the reference."""
    first = kinks[1][0]
    row = f"row {first.row}" if first.row < n else f"reference row {first.row - n}"
    where = f"{row}, {'layer' if isinstance(first.layer, int) else 'node'} {first.layer}, unit {first.unit}"
    return (f"a ReLU pre-activation could not be proved different from 0, or a maximum from a tie ({where}), so L is "
            "not differentiable: change these rows or weights slightly" if isinstance(first.layer, str) else
            f"a ReLU pre-activation could not be proved different from 0 ({where}), so L is not differentiable: change "
            "these rows or weights slightly")


def _smooth_words(problem: Problem) -> str:
    """The hypothesis that the network has no kink."""
    words, net = "no ReLU pre-activation is 0", problem.network
    if isinstance(net, GraphNetwork):
        words += ", except where none of the moves can change it,"
        words += " and no maximum is tied" if "max_pool" in net.operations else ""
    return words


class Sublevel:
    """Computes the bounds of one sublevel problem.

    Args:
        problem: a problem with the sublevel map.
        progress: told the stage in words and the fraction done.
        limits: memory and time it may use; default those of the problem.
    """

    def __init__(self, problem: Problem, progress: Progress, limits: Limits | None = None) -> None:
        if problem.map != "sublevel":
            raise SpecError(f"solution map '{problem.map}'", "not a sublevel problem", "use certify.bound")
        self.problem = problem
        self._limits = limits or limits_of(problem)
        self._progress = self._limits.watched(progress)
        self._tiers: dict[str, Descent] = {}

    def bound(self, quantity: str) -> Bound:
        """Two-sided bound on `quantity`; what did not fit the limits is named in its reason.

        Raises:
            SpecError: for a quantity that is not built, or a level below the loss at the given weights.
        """
        if quantity not in QUANTITIES:
            raise SpecError(f"quantity '{quantity}' of the sublevel map", "not built", f"use {', '.join(QUANTITIES)}")
        if quantity == "aubin":
            return self._aubin()
        graph = isinstance(self.problem.network, GraphNetwork)
        if quantity == "persistence_radius" and graph and self.problem.parameter == "features":
            raise SpecError("persistence_radius for features", "not built for a network given by a graph",
                            "ask for modulus, or let targets or sample weights move")
        best = self._within(quantity, "radius" if quantity == "persistence_radius" else "passes", Binary64())
        if isinstance(best, str):
            return self._bound(quantity, None, None, (), best)
        if quantity == "persistence_radius":
            return best
        finer: list[tuple[str, Arithmetic | None]] = [("double-double", DoubleDouble())]
        for name, arithmetic in [*finer, ("balls", None)] if graph else finer:
            if best.upper is not None and best.lower is not None and best.upper - best.lower <= GAP * best.upper:
                break
            found = self._within(quantity, name, arithmetic)
            if isinstance(found, str):
                return replace(best, reason="; ".join(filter(None, (best.reason, found))))
            best = better(best, found)
        return best

    def _aubin(self) -> Bound:
        """Q5: κ for the radii that the spec asks for, or the largest found; from below the modulus."""
        require_built(self.problem)
        modulus = self.bound("modulus")
        cost = next(cost for cost in costs(self.problem) if cost.name == "aubin")
        refused = self._limits.refusal(cost)
        if refused or modulus.upper is None:
            reason = f"{refused}: {remedy(self.problem, 'aubin', self._limits)}" if refused else modulus.reason
            return replace(modulus, quantity="aubin", theorem="Q5", upper=None, reason=reason)
        self._progress("explicit radii", 0.3)
        asked, upper = asked_radii(self.problem.spec), Fraction(modulus.upper)
        found = self._limits.attempt(named("aubin"), lambda: enclose_sublevel_aubin(
            self.problem, upper, *asked, self._limits.check))
        return aubin_bound(found, modulus)

    def _within(self, quantity: str, name: str, arithmetic: Arithmetic | None) -> Bound | str:
        """The bound of one tier, or in words why the limits do not allow it."""
        cost = next((cost for cost in costs(self.problem) if cost.name == name), costs(self.problem)[0])
        refused = self._limits.refusal(cost)
        if refused:
            return f"{refused}: {remedy(self.problem, quantity, self._limits)}"
        return self._limits.attempt(named(cost.name), partial(self._attempt, quantity, arithmetic))

    def _descent(self, arithmetic: Arithmetic | None) -> Descent:
        name = "balls" if arithmetic is None else arithmetic.name
        if name not in self._tiers:
            self._progress(f"loss and gradients ({name})", 0.1)
            self._tiers[name] = descend(self.problem, arithmetic, self._stage(name))
        return self._tiers[name]

    def _stage(self, name: str) -> Callable[[float], None]:
        """Progress of the passes of one arithmetic; may end them when the time is up."""
        def tell(fraction: float) -> None:
            self._progress(f"loss and gradients ({name})", 0.1 + 0.8 * fraction)

        return tell

    def _attempt(self, quantity: str, arithmetic: Arithmetic | None) -> Bound:
        try:
            d = self._descent(arithmetic)
            inside = self._inside(d)
            if quantity == "persistence_radius":
                self._progress("persistence radius", 0.3)
                return persistence_bound(self.problem, d, inside, self._limits)
            return self._modulus(quantity, d, inside)
        except EnclosureError as error:
            return self._bound(quantity, None, None, (), error.reason)

    def _inside(self, d: Descent) -> bool:
        """Whether the level is above the loss (interior) rather than at it (boundary).

        Raises:
            SpecError: if the level is proved to lie below the loss.
            EnclosureError: if rounding leaves it open.
        """
        level = self.problem.level
        if level is None:
            return False
        if Fraction(level) > d.loss.upper:
            return True
        if Fraction(level) < d.loss.lower:
            below = f"{level} is below the loss {float(d.loss.lower):.6g} at the given weights"
            raise SpecError("solution.level", below,
                            "the weights are then no member of S; raise the level, or leave it out")
        raise EnclosureError("solution.level", "equal to the loss up to rounding", "leave it out, or raise it slightly")

    def _modulus(self, quantity: str, d: Descent, inside: bool) -> Bound:
        p = self.problem
        hypotheses = self._hypotheses(d, inside)
        rows = p.rows
        if inside:
            zeros = (0.0,) * len(rows) if quantity == "sample_modulus" else ()
            return self._bound(quantity, 0.0, 0.0, hypotheses, "", rows if zeros else (), zeros, zeros)
        if d.passed.kinks[0]:
            return self._bound(quantity, None, None, hypotheses, _kink_words(d.passed.kinks, p.n))
        if d.weight_norm.lower <= 0:
            return self._bound(quantity, None, None, hypotheses, "the loss gradient with respect to the weights could "
                               f"not be proved different from 0 (at most {fp.shown(d.weight_norm.upper)}): the weights "
                               "are close to a stationary point; set a level above the loss, or train less far")
        low, high = d.row_lower[list(rows)], d.row_upper[list(rows)]
        if quantity == "modulus":
            total = total_norm(low, high) if p.set == "total" else Norm(fp.total(low.tolist()), fp.total(high.tolist()))
            return self._bound(quantity, self._ratio(total.lower, d.weight_norm.upper, down=True),
                               self._ratio(total.upper, d.weight_norm.lower), hypotheses, "")
        lows = tuple(self._ratio(Fraction(x), d.weight_norm.upper, down=True) for x in low.tolist())
        highs = tuple(self._ratio(Fraction(x), d.weight_norm.lower) for x in high.tolist())
        return self._bound(quantity, max(lows), max(highs), hypotheses, "", rows, lows, highs)

    def _ratio(self, data: Fraction, weights: Fraction, down: bool = False) -> float:
        value = data / self.problem.n / weights
        return fp.down(value) if down else fp.up(value)

    def _hypotheses(self, d: Descent, inside: bool) -> tuple[Hypothesis, ...]:
        loss = Hypothesis("loss", "the training loss at the given weights is at most", fp.up(d.loss.upper), True)
        if inside:
            statement = "the level exceeds the training loss by at least"
            gap = Fraction(self.problem.level or 0.0) - d.loss.upper
            return loss, Hypothesis("interior", statement, fp.down(gap), True)
        if d.passed.margin is None:
            smooth = Hypothesis("smooth", "the network is continuously differentiable everywhere", None, True)
        else:
            statement = f"{_smooth_words(self.problem)} at the data: smallest distance from a kink"
            smooth = Hypothesis("smooth", statement, max(d.passed.margin, 0.0), d.passed.kinks[0] == 0)
        proved = d.weight_norm.lower > 0 and smooth.holds
        statement = "the loss gradient with respect to the weights is not 0: its norm is at least"
        value = fp.down(d.weight_norm.lower) if proved else None
        return loss, smooth, Hypothesis("gradient", statement, value, proved)

    def _bound(
        self, quantity: str, lower: float | None, upper: float | None, hypotheses: tuple[Hypothesis, ...], reason: str,
        rows: tuple[int, ...] = (), low: tuple[float, ...] = (), high: tuple[float, ...] = (),
    ) -> Bound:
        if quantity == "persistence_radius":
            unit = persistence_unit(self.problem)
            return Bound(quantity, "M6", Rigour.PROVED, lower, upper, unit, hypotheses, {}, reason)
        moved = {"features": "feature change", "targets": "target change"}.get(self.problem.parameter, "weight change")
        moved = "change of the sample weights" if self.problem.parameter == "sample_weights" else moved
        unit = f"{WEIGHT_DISTANCE[self.problem.weight_norm]} per unit of {moved}"
        return Bound(quantity, "M6", Rigour.PROVED, lower, upper, unit, hypotheses, {}, reason, rows, low, high)
