"""An interpolation system at its solution: the tangent kernel K, what moving rows do to it, and their hypotheses.

Also where critical points are the solutions of such a system (M3, M5a), then of its contrasts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property, partial
from importlib import import_module
from typing import TYPE_CHECKING

from flint import arb, arb_mat

from certify.check.enclosure.network import tangent_kernel
from certify.check.enclosure.norms import layer_squares
from certify.check.hypotheses import Check, Stated, counting, measured, solution, tilt
from certify.check.kernel import CHANCE, PRECISIONS, Finding, Positive, decide, expect
from certify.check.linalg.balls import gram
from certify.check.linalg.definite import MANY, Definiteness, Truth, definiteness
from certify.check.reading.certificate import Claim
from certify.check.reading.subject import Problem
from certify.check.systems.point import Ladder, Point
from certify.check.systems.smooth import reference, smooth
from certify.format.canonical import show
from certify.format.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.linalg.by_factor import ByFactor
    from certify.check.linalg.by_probes import Found
    from certify.check.linalg.large.whole_factor import WholeFactor
    from certify.check.probed.many_equations import ManyEquations

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
        if self._many is not None:
            return self._many.factored.formed.balls()
        if not problem.reference and not problem.contrasts:
            forward, backward = at.forward, at.backward
            if problem.interpolation_rows >= MANY:
                level = import_module("certify.check.linalg.large.leveled").leveled
                forward = replace(forward, inputs=tuple(map(level, forward.inputs)))
                backward = replace(backward, adjoints=tuple(map(level, backward.adjoints)))
            return tangent_kernel(problem, forward, backward, layer_squares(problem))
        from certify.check.enclosure.effects import kernel

        return kernel(problem, at.forward, at.backward, at.of(reference))

    @cached_property
    def definite(self) -> Definiteness:
        """Whether K ≻ 0, with R such that `K⁻¹ = Rᵀ(I + E)⁻¹R`, `‖E‖ ≤ defect`."""
        if self._proposed is not None:
            return self._proposed.sharpest.definite
        return definiteness(self.kernel) if self.whole is None else self.whole.definite

    @cached_property
    def whole(self) -> WholeFactor | None:
        """The same in whole numbers: of many equations with one output, at the lowest precision."""
        if self.kernel.nrows() < MANY or self.problem.block > 1 or self.problem.nearby or (
                self.point.precision > PRECISIONS[0]):
            return None
        moved = {at: Q[0][0] for at, Q in self.moved.items()}
        factorised = import_module("certify.check.linalg.large.whole_factor").factorised
        found: WholeFactor | None = factorised(self.kernel, moved)
        return found

    @property
    def truth(self) -> Truth:
        """Whether K ≻ 0; of many equations without what R would be exact for."""
        return self.definite.truth if self._proposed is None else Truth.PROVED

    @cached_property
    def _proposed(self) -> Found | None:
        """The same by random probes: of many equations, where the caller lets them decide."""
        if CHANCE.get() is None or self.problem.interpolation_rows <= PROBED:
            return None
        probed, K = import_module("certify.check.linalg.by_probes"), self._many
        found: Found | None = probed.factor_found(self.kernel if K is None else K.factored, self.moved)
        return found

    @cached_property
    def _many(self) -> ManyEquations | None:
        """The kernel of many equations by what it is a sum of; None where it is made in another way."""
        problem = self.problem
        if CHANCE.get() is None or problem.interpolation_rows <= PROBED or problem.reference or problem.contrasts:
            return None
        found: ManyEquations = import_module("certify.check.probed.many_equations").ManyEquations(self.point)
        return found

    def energy(self, z: list[arb]) -> arb:
        """`zᵀKz`."""
        row = arb_mat([z])
        return (row * self.kernel * row.transpose())[0, 0] if self._many is None else self._many.energy(z)

    @cached_property
    def factor(self) -> ByFactor | WholeFactor | None:
        """Asked before other matrices are factorised: where random probes proved K ≻ 0, and at a solution nearby."""
        many = self.problem.nearby and self.problem.interpolation_rows >= MANY
        if not self.moved or (self._proposed is None and not many):
            return self.whole if self.moved else None
        known: ByFactor | None = import_module("certify.check.systems.near.factors").factor_of(self, self._proposed)
        return known

    @property
    def asked(self) -> ByFactor | WholeFactor | None:
        """The same without a factor in whole numbers that nothing else needed."""
        return self.factor if "whole" in vars(self) or self._proposed is not None or self.problem.nearby else None

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

    def kernel_block(self, at: int) -> arb_mat:
        """The diagonal block `K_ii` of the kept row at that position."""
        k = self.problem.block
        at *= k
        return arb_mat([[self.kernel[at + a, at + b] for b in range(k)] for a in range(k)])

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


def require_rank(where: str, ladder: Ladder) -> None:
    """M5a: only where K ≻ 0 are the critical points nearby the solutions of an interpolation system."""
    finding = decide(kernel_definite, ladder)
    if finding.truth is not Truth.PROVED:
        raise Invalid(where, '"M5a" is stated', f"it needs a Jacobian of full row rank: {finding.found}")


def rank(point: Point, least: float) -> Finding:
    """V15, rank: `K − least²·I ≻ 0`, so that the Jacobian has full row rank with `σ(J) > least`."""
    return kernel_definite(point) if least == 0 else point.of(_shifted_definite, least)


def _shifted_definite(point: Point, least: float) -> Finding:
    factor = point.of(Interpolation).asked
    if factor is not None and factor.is_above(least):
        return Finding(Truth.PROVED, f"K − {least!r}²·I ≻ 0 is proved")
    square, rows = arb(least) ** 2, point.of(Interpolation).kernel.tolist()
    for r, row in enumerate(rows):
        row[r] -= square
    return Positive(arb_mat(rows), f"K − {least!r}²·I ≻ 0").judged()


def _check_smooth(stated: Stated) -> None:
    """V15, smooth: a margin where the network has kinks, and nowhere else."""
    kinked = stated.ladder.problem.kinked
    if (stated.value is not None) != kinked:
        raise Invalid(stated.where, f"its value is {show(stated.value)}",
                      "a number is for networks with kinks, null for others")
    expect(stated.where, stated.number, partial(smooth, least=stated.number), stated.ladder)


def _check_rank(stated: Stated) -> None:
    expect(stated.where, stated.number, partial(rank, least=stated.number), stated.ladder)


HYPOTHESES: dict[str, Check] = {"counting": counting, "solution": solution, "smooth": measured(_check_smooth),
                                "rank": measured(_check_rank)}
"""What an interpolation system rests on."""

TILTED = HYPOTHESES | {"tilt": tilt}
"""The same where critical points are its solutions (M5a)."""


def hypotheses(claim: Claim[object], problem: Problem) -> Mapping[str, Check]:
    """Those of the map."""
    return TILTED if problem.solutions.stationary else HYPOTHESES
