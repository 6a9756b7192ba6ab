"""An interpolation system at its solution: the tangent kernel K, what moving rows do to it, and their hypotheses.

Also where critical points are the solutions of such a system (M3, M5a), then of its contrasts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import import_module
from typing import TYPE_CHECKING

from flint import arb, arb_mat

from certify.check.enclosure.network import tangent_kernel
from certify.check.enclosure.norms import layer_squares
from certify.check.hypotheses import Check, Stated, counting, measured
from certify.check.kernel import CHANCE, Finding, expect
from certify.check.linalg.balls import gram
from certify.check.linalg.definite import MANY, Definiteness, Truth, definiteness
from certify.check.reading.certificate import Claim, Pair, T, Witness, stated, two_rows
from certify.check.reading.subject import Problem
from certify.check.rule import Rule, Side, modulus
from certify.check.systems.point import Ladder, Point
from certify.check.systems.smooth import smooth
from certify.format.canonical import show
from certify.format.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.linalg.by_factor import ByFactor
    from certify.check.linalg.large.whole_factor import WholeFactor
    from certify.check.systems.near.many import Many

Block = list[list[arb]]

PROBED = 800
"""Equations from which random probes take less time than products."""


class Interpolation:
    """What is known at a point, each computed when it is first asked for.

    Args:
        point: the passes, at one precision.
    """

    def __init__(self, point: Point) -> None:
        self.point, self.problem = point, point.problem

    @cached_property
    def kernel(self) -> arb_mat:
        """The tangent kernel K in the norm of the weights; function norm: with the reference rows.

        Of the contrasts where critical points of the cross-entropy are solutions of an interpolation system (M5a).
        """
        problem, at = self.problem, self.point
        if not problem.reference and not problem.contrasts:
            return tangent_kernel(problem, at.forward, at.backward, layer_squares(problem)) if self.many is None else (
                self.many.kernel)
        from certify.check.enclosure.effects import kernel
        from certify.check.systems.near.reference import reference

        return kernel(problem, at.forward, at.backward, at.of(reference))

    @cached_property
    def many(self) -> Many | None:
        """What takes less time with many equations; None with few."""
        rows = self.problem.interpolation_rows
        if rows < min(MANY, PROBED):
            return None
        probed = CHANCE.get() is not None and rows > PROBED
        module = import_module("certify.check.systems.near." + ("factors" if probed else "many"))
        found: Many = (module.Probed if probed else module.Many)(self)
        return found

    @cached_property
    def definite(self) -> Definiteness:
        """Whether K ≻ 0, with R such that `K⁻¹ = Rᵀ(I + E)⁻¹R`, `‖E‖ ≤ defect`."""
        return definiteness(self.kernel) if self.many is None else self.many.definite

    @property
    def truth(self) -> Truth:
        """Whether K ≻ 0; of many equations without what R would be exact for."""
        return Truth.PROVED if self.many is not None and self.many.proposed is not None else self.definite.truth

    def energy(self, z: list[arb]) -> arb:
        """`zᵀKz`."""
        row, summed = arb_mat([z]), None if self.many is None else self.many.summed
        return (row * self.kernel * row.transpose())[0, 0] if summed is None else summed.energy(z)

    @cached_property
    def factor(self) -> ByFactor | WholeFactor | None:
        """Asked before other matrices are factorised; None where rows do not move, or that takes longer."""
        return self.many.factor if self.many is not None and self.moved else None

    @cached_property
    def moved(self) -> dict[int, Block]:
        """The diagonal blocks `G_iG_iᵀ` of Q that are not zero by definition, by kept position (:attr:`effects`)."""
        return {at: gram(arb_mat(G)).tolist() for at, G in self.effects.items()}

    @cached_property
    def effects(self) -> dict[int, Block]:
        """`G_i`, what a change of the row does to its equations, of each kept position that may move.

        Function norm: τ times that, as the kernel is τ² times too large (S2). Critical map: of M5a.
        """
        problem, at = self.problem, self.point
        if problem.moves.inputs and not problem.contrasts and problem.tau is None:
            G, k = at.backward.gradients.tolist(), problem.outputs
            return {place: G[place * k:place * k + k] for place in self.places}
        from certify.check.enclosure.effects import effects

        return effects(problem, at.forward, at.backward, self.places)

    @property
    def places(self) -> list[int]:
        """The kept positions of the rows that may move."""
        place = {row: at for at, row in enumerate(self.problem.kept)}
        return [place[row] for row in self.problem.moving]

    @cached_property
    def inverse_columns(self) -> Block:
        """Columns of R of :attr:`definite`, which must have been proved."""
        R = self.definite.R
        assert R is not None
        return R.transpose().tolist()

    def inverse_block(self, at: int) -> arb_mat:
        """`P = R_iᵀR_i`, R_i the columns of R that belong to that row: `(K⁻¹)_ii` up to the defect.

        `P/(1 + defect) ⪯ (K⁻¹)_ii ⪯ P/(1 − defect)`.
        """
        k = self.problem.block
        columns = [self.inverse_columns[at * k + a][at * k:] for a in range(k)]
        return gram(arb_mat(columns))


def kernel_definite(point: Point) -> Finding:
    """K ≻ 0."""
    found = point.of(Interpolation).truth
    words = {Truth.PROVED: "K ≻ 0 is proved", Truth.DISPROVED: "a vector v with vᵀKv < 0 was found",
             Truth.UNDECIDED: f"K ≻ 0 is not proved at {point.precision} bits"}
    return Finding(found, words[found])


def rank(point: Point, least: float) -> Finding:
    """V15, rank: `K − least²·I ≻ 0`, so that the Jacobian has full row rank with `σ(J) > least`."""
    return kernel_definite(point) if least == 0 else point.of(_shifted_definite, least)


def _shifted_definite(point: Point, least: float) -> Finding:
    many, factor = point.of(Interpolation).many, None
    if many is not None and many.known:
        factor = point.of(Interpolation).factor
    if factor is not None and factor.is_above(least):
        return Finding(Truth.PROVED, f"K − {least!r}²·I ≻ 0 is proved")
    found: Finding = import_module("certify.check.systems.near.in_balls").above(point.of(Interpolation).kernel, least)
    return found


def _check_smooth(stated: Stated) -> None:
    """V15, smooth: a margin where the network has kinks, and nowhere else."""
    kinked = stated.ladder.problem.kinked
    if (stated.value is not None) != kinked:
        raise Invalid(stated.where, f"its value is {show(stated.value)}",
                      "a number is for networks with kinks, null for others")
    expect(stated.where, stated.number, partial(smooth, least=stated.number), stated.ladder)


def _check_rank(stated: Stated) -> None:
    expect(stated.where, stated.number, partial(rank, least=stated.number), stated.ladder)


HYPOTHESES: dict[str, Check] = {"counting": counting, "smooth": measured(_check_smooth), "rank": measured(_check_rank)}
"""What an interpolation system rests on."""


def hypotheses(claim: Claim[object], problem: Problem) -> Mapping[str, Check]:
    """Those, and of solutions that are not those of the files where they are: nearby, or of a tilted loss (M5a)."""
    if not problem.nearby and not problem.solutions.stationary:
        return HYPOTHESES
    known: dict[str, Check] = import_module("certify.check.systems.near.in_base").HYPOTHESES
    return HYPOTHESES | known


@dataclass(frozen=True)
class Refutable(Witness):
    """Two equal rows prove that the modulus is infinite."""

    equal_rows: Pair | None = stated(two_rows)

    @property
    def infinite(self) -> Pair | None:
        """The two rows."""
        return self.equal_rows


def theorem(label: str, claim: Claim[object], ladder: Ladder) -> str:
    """The label; M5a where critical points are solutions of the system, which is proved beside a number."""
    if not ladder.problem.solutions.stationary:
        return label
    if (claim.lower, claim.upper, claim.rows) != (None, None, ()):
        import_module("certify.check.systems.near.full_rank").require_rank(f"{claim.where}.theorem", ladder)
    return "M5a"


def rule(
    label: str, check_form: Callable[[Claim[T], Problem], None], check_ends: Callable[[Claim[T], Ladder, Side], None],
    witness: type[T],
) -> Rule[T]:
    """A rule about moduli of these systems."""
    return Rule(partial(theorem, label), modulus, check_form, check_ends, hypotheses, witness)


def check_refutable(claim: Claim[Refutable], problem: Problem) -> None:
    """Two equal rows are stated where they can refute; raises `Invalid`."""
    if claim.witness.equal_rows is not None and (
            not problem.solutions.by_row or problem.nearby or problem.budget.single):
        raise Invalid(f"{claim.where}.witness", "equal_rows is stated", "it is for interpolation with base given")
