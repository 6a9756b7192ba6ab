"""From a problem to its bounds: the question, the theorem that answers it, its rule, at the point that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from certify.format.errors import SpecError
from certify.format.support import applying
from certify.format.theorems import System
from certify.network.graph.graph import GraphNetwork
from certify.problem.bound import Bound
from certify.problem.limits import Limits
from certify.problem.problem import Problem
from certify.problem.progress import Progress, silent
from certify.problem.question import answering, question_of
from certify.rigor.environment import require_sound
from certify.systems.critical.point import CriticalPoint
from certify.systems.head.point import HeadPoint
from certify.systems.interpolation.point import InterpolationPoint
from certify.systems.point import Point
from certify.systems.sublevel.point import SublevelPoint
from certify.theorems import rule_of
from certify.theorems.modulus.exact import require_exact

if TYPE_CHECKING:
    from certify.spec.literals import Bounded

POINTS: Final[dict[System, type[Point]]] = {
    kind.system: kind for kind in (InterpolationPoint, CriticalPoint, SublevelPoint, HeadPoint)}
"""What is known, by what is solved."""


def prover(
    problem: Problem, progress: Progress | None = None, limits: Limits | None = None, quantity: str = ""
) -> Point:
    """What is known of a problem, shared between its quantities (`.bound(quantity)`).

    Args:
        problem: the problem.
        progress: told the stage in words and the fraction done.
        limits: memory and time it may use; default those of the problem's spec.
        quantity: what will be asked for, where the problem has no gates that say it.

    Raises:
        EnvironmentRefused: this machine, or this thread, does not compute as the rounding theorems assume.
        SpecError: no theorem bounds `quantity`.
    """
    if problem.rational:
        require_exact(problem)
    if quantity:
        answering(problem, quantity)
    net = problem.network
    constants = tuple(net.tensors.values()) if isinstance(net, GraphNetwork) else net.arrays
    require_sound(*constants, problem.X, problem.y, problem.scale, problem.change, problem.measure.points,
                  problem.evaluation)
    return POINTS[system_of(problem, quantity)](problem, answer, progress or silent, limits)


def system_of(problem: Problem, quantity: str = "") -> System:
    """What is solved at the point of a problem: a last layer's one solution where that is asked for."""
    gates = () if problem.spec is None else tuple(gate.quantity for gate in problem.spec.gate)
    asked = {theorem.system for name in (*gates, quantity) for theorem in applying(question_of(problem, name))}
    return System.HEAD if System.HEAD in asked else System(problem.map)


def answer(at: Point, quantity: str) -> Bound:
    """The bound on a quantity at a point, by the theorem that applies.

    Raises:
        SpecError: there is none, or it is about another point.
    """
    theorem = answering(at.problem, quantity)
    if theorem.system is not at.system:
        raise SpecError(f"quantity '{quantity}'", f"it is about the system '{theorem.system}', and others asked for "
                        f"are about '{at.system}'", "put it into a spec of its own")
    return rule_of(theorem).bound(at, quantity)


def bound(problem: Problem, quantity: Bounded, progress: Progress | None = None) -> Bound:
    """Two-sided, proved bound on a quantity of a problem.

    Args:
        problem: from :func:`certify.load_problem`.
        quantity: ``"modulus"``, ``"sample_modulus"``, ``"distance"``, ``"persistence_radius"`` and others
            (docs/reference/quantities.md).
        progress: told the stage in words and the fraction done.

    Returns:
        A :class:`certify.problem.bound.Bound`: ends, theorem, hypotheses with verified values, witness.

    Raises:
        EnvironmentRefused: this machine, or this thread, does not compute as the rounding theorems assume.
        SpecError: a quantity that is not built.
    """
    return prover(problem, progress, quantity=quantity).bound(quantity)
