"""The paper's Algorithm 1: the derivative at one change of the data, the estimated set, its distance as stability.

What the paper computes is an estimate. For fully connected interpolation and critical problems what is proved about the
same change stands beside it: the first-order distance (N3, M5e), and the distance of the new solution set itself (Q7,
F1).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from certify.format.errors import InputError, SpecError
from certify.format.quantities import DISTANCE, FIRST_ORDER_DISTANCE
from certify.format.question import Domain, Question
from certify.format.support import applying
from certify.format.words import Map, Rigour, Set, WeightNorm
from certify.problem.bound import Bound
from certify.problem.problem import Problem

if TYPE_CHECKING:
    from certify.estimation import ModuleProblem

Array = NDArray[np.float64]

_MEANT = Domain(map=(Map.INTERPOLATION, Map.CRITICAL), set=Set.GIVEN, weight_norm=WeightNorm.EUCLIDEAN)
"""What of the loaded problems Algorithm 1 is about."""


@dataclass(frozen=True, eq=False)
class EstimatedSet:
    """`w̄ + DS(ū|w̄)(u)`, the set of solutions after the change, to first order.

    Attributes:
        stability: distance of the set from w̄, the length of its shortest member; estimated.
        shortest: `(p,)` that member less w̄.
        members: `(count, p)` random members less w̄.
        residual: the part of the right-hand side that no direction reaches; where it is not about 0 the set is empty.
        proved: `first_order_distance` and `distance` of the same change, where the problem allows a proof.
    """

    stability: float
    shortest: Array
    members: Array
    residual: float
    proved: tuple[Bound, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For machines; members by their distances from w̄."""
        bounds = [{"quantity": b.quantity, "theorem": b.theorem, "lower": b.lower, "upper": b.upper, "reason": b.reason}
                  for b in self.proved]  # fmt: skip
        return {"rigour": Rigour.ESTIMATED.value, "stability": self.stability, "residual": self.residual,
                "members": [float(v) for v in np.linalg.norm(self.members, axis=1)], "proved": bounds}  # fmt: skip

    def as_lines(self) -> list[str]:
        """For a reader."""
        lines = [f"stability {self.stability:.6g}: distance of the estimated set from the weights (estimated; "
                 f"{self.residual:.1e} of the equations is out of its reach)"]
        if len(self.members):
            far = ", ".join(f"{v:.6g}" for v in np.linalg.norm(self.members, axis=1))
            lines.append(f"members of the set, their distances: {far}")
        for b in self.proved:
            ends = b.reason if b.lower is None and b.upper is None else f"[{b.lower}, {b.upper}]"
            lines.append(f"{b.quantity} (proved, {b.theorem}): {ends}")
        return lines


def algorithm_1(
    problem: Problem | ModuleProblem, u: Any = None, rows: Any = None, members: int = 5, seed: int = 0
) -> EstimatedSet:
    """Algorithm 1 for one change of the data.

    Args:
        problem: a fully connected interpolation or critical problem with set ``"given"`` (its change is used), or any
            torch module (:meth:`certify.Problem.from_module`).
        u: of a module: `(len(rows), …)`, the change of those rows.
        rows: of a module: the rows that change; None: all.
        members: random members, moved along the kernel by up to the stability.
        seed: of the members.

    Raises:
        InputError: another map or set, no member, or members that do not exist.

    >>> from certify.network.network import Network
    >>> net = Network((np.array([[1.0, 2.0]]),), (None,), "identity")
    >>> X, u = np.array([[3.0, 4.0]]), np.array([[0.0, 0.5]])
    >>> found = algorithm_1(Problem(net, X, None, "features", (0,), set="given", change=u))
    >>> round(found.stability, 6), [b.quantity for b in found.proved]  # |2·0.5|/|x|
    (0.2, ['first_order_distance', 'distance'])
    """
    if members < 0:
        raise InputError("members", f"{members}", "give a number from 0 on")
    if not isinstance(problem, Problem):
        return _of_module(problem, u, rows, members, seed)
    if _apart(problem.map, problem.set, problem.weight_norm):
        raise InputError("algorithm 1", f"map {problem.map}, set {problem.set}, norm {problem.weight_norm}",
                         'use the interpolation or critical map, set = "given" and the Euclidean norm, or any torch '
                         "module")
    if u is not None or rows is not None:
        raise InputError("algorithm 1", "a change beside that of the problem", "give it with set = 'given'")
    from certify.prove.derivative import GraphicalDerivative
    from certify.prove.prover import prover

    assert problem.change is not None
    directions = GraphicalDerivative.of(problem)(problem.change[list(problem.rows)])
    length = float(np.linalg.norm(directions.member))
    others = np.zeros((0, len(directions.member)))
    if members and not directions.empty:
        others = directions.random_members(members, length, seed)
    proof = prover(problem)
    # the distance is built at the exact solution itself: that given, or for critical points the one proved nearby
    built = [quantity for quantity in (FIRST_ORDER_DISTANCE, DISTANCE) if applying(Question(
        quantity.name, problem.map, problem.base, set=problem.set, change=True, parameter=problem.parameter))]
    return EstimatedSet(length, directions.member, others, directions.outside,
                        tuple(proof.bound(quantity.name) for quantity in built))


def _apart(map: str, set: str, weight_norm: str) -> tuple[str, ...]:
    """In what a question is none for Algorithm 1."""
    return _MEANT.differs(Question(FIRST_ORDER_DISTANCE.name, map, set=set, weight_norm=weight_norm))


def _of_module(problem: ModuleProblem, u: Any, rows: Any, members: int, seed: int) -> EstimatedSet:
    from certify.estimation import estimate

    if u is None:
        raise InputError("algorithm 1", "no change", "give u, and the rows it moves")
    found = estimate(problem, u, rows, damping=0.0, corrector_steps=0)  # the paper's set, to first order
    flat = lambda step: step.detach().cpu().double().numpy()  # noqa: E731
    sampled = found.sample_members(members, seed=seed) if members else []
    others = np.array([flat(m.step) for m in sampled]).reshape(len(sampled), problem.p)
    step = flat(found.step)
    return EstimatedSet(float(np.linalg.norm(step)), step, others, found.residual)


def run_algorithm_1(spec: Path, members: int = 5, seed: int = 0) -> EstimatedSet:
    """Algorithm 1 of a spec: one that `certify run` can prove, else one for `certify estimate`.

    Raises:
        SpecError: the spec is for neither, or asks for another set than ``"given"``.
    """
    from certify.cli.estimates import load
    from certify.problem.load import load_problem
    from certify.spec import load_spec

    try:
        asked = load_spec(spec)
    except SpecError:
        load_spec(spec, "estimate")  # what it says is wrong, if it is for neither
        asked = None
    apart = () if asked is None else _apart(asked.solution.map, asked.perturbation.set, asked.weights.norm)
    if asked is not None and "map" not in apart and asked.model.widths:
        if "set" in apart:
            raise SpecError(f"{spec.name}: perturbation.set", f'"{asked.perturbation.set}"',
                            'Algorithm 1 is about one change: use set = "given" with a file')
        return algorithm_1(load_problem(spec), members=members, seed=seed)
    read = load(spec)
    return algorithm_1(read.problem, read.u, read.rows, members, seed)
