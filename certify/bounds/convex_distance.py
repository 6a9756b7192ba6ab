"""Q6: `distance` of the critical map with a strongly convex last layer, as a bound on a problem."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from certify.bounds.convex import Change, enclose_motion
from certify.bounds.last_layer import LastLayer, enclose_last_layer
from certify.errors import SpecError
from certify.network.network import Network
from certify.problem import Problem
from certify.rigor.fp import RAISE
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
    if problem.set == "given" or problem.norm != 2 or problem.radius is None:
        raise SpecError("perturbation.set", f"'{problem.set}' with norm {problem.norm} and radius {problem.radius}",
                        "give set total, per_sample or sparse with norm 2 and a radius")
    if problem.weight_norm != "euclidean" or problem.merge_duplicates:
        raise SpecError("weights.norm", f"'{problem.weight_norm}' or merged rows", "use the euclidean norm, all rows")
    layer = enclose_last_layer(net, problem.X, problem.loss, problem.weight_decay, problem.y, problem.labels)
    unit = 1.0
    if problem.parameter == "features" and problem.scale is not None:
        unit = float(np.max(np.abs(problem.scale))) * RAISE
    change = Change(problem.parameter, problem.radius * unit, problem.count, problem.set == "total", problem.rows)
    return layer, change


def convex_distance(problem: Problem, unit: str, check: Callable[[], None] = lambda: None) -> Bound:
    """`sup_{u ∈ U} |w(u) − w*|`, from above; the lower end is 0, as no attack is proved here.

    Args:
        problem: as of :func:`convex_parts`.
        unit: of the bound.
        check: called between the steps; raises when the time is up.
    """
    layer, change = convex_parts(problem)
    hypotheses = (
        Hypothesis("convex", "the training loss is strongly convex in the last layer with modulus", layer.decay, True),
        Hypothesis("nearby", "the exact solution lies within this distance of the weights in the file",
                   layer.residual / layer.decay * RAISE, True),
    )
    found = enclose_motion(layer, change, check=check)
    if not found:
        reason = ("no ball was found that the solution cannot leave within this budget: give a smaller radius or a "
                  "smaller count, or train with more weight decay")
        return Bound("distance", "Q6", Rigour.PROVED, 0.0, None, unit, hypotheses, {}, reason)
    best = found[0]
    witness = {"theta": best.metric.theta, "reach": best.reach}
    return Bound("distance", "Q6", Rigour.PROVED, 0.0, best.distance, unit, hypotheses, witness, "")
