"""What is known at an exact fit: equal rows, the solution nearby, and linearisations of rising cost."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from certify.format.theorems import System
from certify.format.words import Map
from certify.network.network import Network
from certify.problem.bound import Hypothesis
from certify.problem.cost import Cost
from certify.problem.limits import Limits
from certify.problem.problem import Problem
from certify.problem.progress import Progress, silent
from certify.rigor.arithmetic import Arithmetic, Binary64, DoubleDouble, SlicedProducts
from certify.systems.interpolation.base_point import base_point
from certify.systems.interpolation.contrasts import contrasted
from certify.systems.interpolation.cost import DIRECT_FROM, solution_cost
from certify.systems.interpolation.equal_rows import refuting_pair
from certify.systems.interpolation.linearisation import Linearisation, linearise
from certify.systems.interpolation.nearby import Solution, prove_nearby
from certify.systems.interpolation.streamed import Streamed
from certify.systems.point import Answer, Point
from certify.systems.remedies import fewer_rows


@dataclass(frozen=True)
class Tier:
    """One way of linearising.

    Attributes:
        arithmetic: of the kernel.
        passes: of the passes.
        jacobian: whether J is formed.
        direct: whether the congruence is left out.
        streamed: whether the kernel is made as it is factorised.
    """

    arithmetic: Arithmetic
    passes: Arithmetic
    jacobian: bool = False
    direct: bool = False
    streamed: bool = False


TIERS: Final[dict[str, Tier]] = {
    "direct": Tier(Binary64(), Binary64(), direct=True), "finer direct": Tier(Binary64(), DoubleDouble(), direct=True),
    "streamed": Tier(Binary64(), SlicedProducts(), streamed=True),
    "finer streamed": Tier(Binary64(), DoubleDouble(), streamed=True),
    "congruence": Tier(Binary64(), Binary64()), "double-double": Tier(DoubleDouble(), DoubleDouble()),
    "Jacobian": Tier(DoubleDouble(), DoubleDouble(), jacobian=True),
}


@dataclass(frozen=True)
class _Reason:
    """Why no exact solution was proved."""

    words: str


class InterpolationPoint(Point):
    """An exact fit."""

    system, map = System.FITS, Map.INTERPOLATION

    def __init__(
        self, problem: Problem, answer: Answer, progress: Progress = silent, limits: Limits | None = None,
        contrasts: bool = False,
    ) -> None:
        """Keep a problem; nothing is computed.

        Args:
            problem: an interpolation problem.
            answer, progress, limits: as of :class:`certify.systems.point.Point`.
            contrasts: whether the equations are the k − 1 differences of the outputs of every row (M5a, cross-entropy).
        """
        super().__init__(problem, answer, progress, limits)
        self.contrasts = contrasts
        self._linearised: dict[Tier, Linearisation] = {}

    @cached_property
    def pair(self) -> tuple[int, int] | None:
        """Two equal rows that cannot move apart; None where there are none, or one change may leave them equal."""
        if self.problem.nearby or self.problem.change is not None:
            return None
        pair = self.limits.attempt("the search for equal rows", lambda: refuting_pair(self.problem))
        return None if isinstance(pair, str) else pair

    @cached_property
    def found(self) -> Solution | str | None:
        """Base `nearby`: the exact solution, or in words why there is none; base `given`: None."""
        if not self.problem.nearby:
            return None
        cost, = able = solution_cost(self.problem)

        def prove() -> Solution | _Reason:
            self.progress("an exact solution nearby", 0.0)
            found = prove_nearby(self.problem, self.limits.check)
            return _Reason(found) if isinstance(found, str) else found

        if refused := self.limits.refusal(cost):
            return f"{refused}: {self.remedy(able)}"
        found = self.attempt(cost.name, prove)
        return found.words if isinstance(found, _Reason) else found

    @property
    def solution(self) -> Solution | None:
        """Base `nearby`: the ball that holds the exact solution."""
        return self.found if isinstance(self.found, Solution) else None

    def base(self) -> dict[str, Any]:
        """The base point: how far it, or the problem, was moved; upper bounds."""
        self.progress("size of the shift", 0.95)
        return base_point(self.problem, self.solution)

    def full_rank(self) -> bool:
        """Whether the Jacobian of the equations is proved to have full row rank, by any bound with an upper end."""
        return self.bound("modulus").upper is not None

    def linearised(self, tier: Tier) -> Linearisation:
        """Kernel, perturbation and congruence of a tier."""
        if tier not in self._linearised:
            if self.problem.kernel_size >= DIRECT_FROM:
                self.forget()  # one large kernel at a time
            found = linearise(self.problem, tier.arithmetic, self.progress, tier.jacobian, self.solution, tier.passes)
            tau = self.problem.measure.tau
            self._linearised[tier] = contrasted(found, self.problem.outputs, tau) if self.contrasts else found
        return self._linearised[tier]

    def kept(self) -> tuple[Linearisation, ...]:
        """The linearisations that were computed and are still there."""
        return tuple(self._linearised.values())

    def forget(self) -> None:
        """Give back the memory of all linearisations."""
        self._linearised.clear()

    def remedy(self, able: tuple[Cost, ...]) -> str:
        """What would fit into the limits, in words."""
        p = self.problem
        return fewer_rows(able, self.limits, lambda share: int(p.equations * share**0.5) // p.outputs)

    def counting(self) -> tuple[Hypothesis, ...]:
        """Whether there are enough free parameters."""
        p = self.problem
        equations = p.equations - p.n if self.contrasts else p.equations
        statement = f"there are at least as many free parameters as equations ({p.parameters} and {equations})"
        return (Hypothesis("counting", statement, p.parameters - equations, equations <= p.parameters),)

    def hypotheses(self, lin: Linearisation | Streamed, sigma: float | None, full_rank: bool) -> tuple[Hypothesis, ...]:
        """The hypotheses of M1 with their verified values.

        Args:
            lin: the linearised problem.
            sigma: the smallest singular value of the Jacobian is at least this; None: no number is known.
            full_rank: whether full row rank is proved.
        """
        p, passed = self.problem, lin.passed
        if passed.margin is None:
            assert isinstance(p.network, Network)  # a graph has the sublevel map alone
            kind = p.network.activation if p.network.depth > 1 else "no activation"
            smooth = Hypothesis("smooth", f"the network is continuously differentiable everywhere ({kind})", None, True)
        else:
            statement = "no pre-activation lies at a kink of the activation: smallest distance from one"
            smooth = Hypothesis("smooth", statement, max(passed.margin, 0.0), passed.kinks[0] == 0)
        proved = full_rank and smooth.holds
        words = f"the Jacobian of all outputs{p.measure.by_layer} has full row rank"
        if sigma is not None:
            words += ": its smallest singular value is at least"
        elif proved:
            words += ", by the upper end"
        rank = Hypothesis("rank", words, sigma if proved else None, proved)
        found = () if self.solution is None else (Hypothesis(
            "solution", "an exact solution was proved; its distance from the weights in the file is at most",
            self.solution.distance, True),)
        return (*self.counting(), *found, smooth, rank)
