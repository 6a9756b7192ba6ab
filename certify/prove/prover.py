"""From a problem to what bounds it: one class a solution map."""

from __future__ import annotations

from certify.format.errors import SpecError
from certify.network.graph.graph import GraphNetwork
from certify.problem.bound import Bound
from certify.problem.convexity import concerns_convexity
from certify.problem.limits import Limits
from certify.problem.problem import Problem
from certify.problem.progress import Progress, silent
from certify.prove.critical import Critical
from certify.prove.head import ConvexLayer
from certify.prove.interpolation import Interpolation
from certify.prove.sublevel import Sublevel
from certify.rigor.environment import require_sound
from certify.spec.convexity import CONVEX, asks_for_convexity
from certify.theorems.modulus.exact import require_exact


def prover(
    problem: Problem, progress: Progress | None = None, limits: Limits | None = None, quantity: str = ""
) -> Interpolation | Critical | Sublevel | ConvexLayer:
    """What computes the bounds of a problem, sharing work between quantities (`.bound(quantity)`).

    Args:
        problem: the problem.
        progress: told the stage in words and the fraction done.
        limits: memory and time it may use; default those of the problem's spec.
        quantity: what will be asked for, where the problem has no gates that say it.

    Raises:
        EnvironmentRefused: this machine, or this thread, does not compute as the rounding theorems assume.
        SpecError: a direction where no theorem knows one.
    """
    if problem.arithmetic == "exact":
        require_exact(problem)
    net = problem.network
    constants = tuple(net.tensors.values()) if isinstance(net, GraphNetwork) else net.arrays
    reference = None if problem.reference is None else problem.reference.X
    require_sound(*constants, problem.X, problem.y, problem.scale, problem.change, reference, problem.evaluation)
    if concerns_convexity(problem) or asks_for_convexity(problem.map, (quantity,), problem.set):
        return ConvexLayer(problem, progress or silent, limits)
    if problem.direction is not None:
        raise SpecError(f"direction '{problem.direction}' with quantity '{quantity}'",
                        "limits here are for changes both ways, and one given change has its own",
                        f"leave it out, or ask for {', '.join(CONVEX)}")
    kinds = {"sublevel": Sublevel, "critical": Critical, "interpolation": Interpolation}
    return kinds[problem.map](problem, progress or silent, limits)


def bound(problem: Problem, quantity: str, progress: Progress | None = None) -> Bound:
    """Two-sided, proved bound on a quantity of a problem.

    Args:
        problem: from :func:`certify.load_problem`.
        quantity: ``"modulus"``, ``"sample_modulus"``, ``"distance"``, ``"persistence_radius"`` and others (README).
        progress: told the stage in words and the fraction done.

    Returns:
        A :class:`certify.problem.bound.Bound`: ends, theorem, hypotheses with verified values, witness.

    Raises:
        EnvironmentRefused: this machine, or this thread, does not compute as the rounding theorems assume.
        SpecError: a quantity that is not built.
    """
    return prover(problem, progress, quantity=quantity).bound(quantity)
