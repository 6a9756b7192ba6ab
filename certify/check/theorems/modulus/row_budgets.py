"""Perturbation sets in which rows have budgets of their own, all of them or a few at a time (N1, N2; V24–V27).

All is about `max |G_w⁺G_uu| = max √(sᵀK⁻¹s)`, `s_i = G_iu_i`, which K ≻ 0 makes finite. `R_i = {G_iu : |u|_q ≤ 1}`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module

from flint import arb, arb_mat

from certify.check.kernel import Finding, expect
from certify.check.linalg.balls import ZERO, root
from certify.check.linalg.definite import MANY, Truth, definiteness
from certify.check.reading.arrays import Array
from certify.check.reading.certificate import Claim
from certify.check.reading.subject import Problem
from certify.check.rule import Rule, Side, Test, modulus
from certify.check.systems.interpolation import (
    Interpolation,
    Refutable,
    check_refutable,
    hypotheses,
    kernel_definite,
    theorem,
)
from certify.check.systems.near.in_balls import Positive
from certify.check.systems.point import Ladder, Point
from certify.check.theorems.modulus.ellipsoids import Ellipsoid, ellipsoid, largest_sum, top_eigenvalue
from certify.check.theorems.modulus.set_quantities import Summands, check_member, radius_of, shape_of

LABELS = {"per_sample": "N1", "sparse": "N2"}
"""The theorem, by the perturbation set."""

SLACKS = (44, 30, 20)
"""Binary digits to which the motion of one row alone is bounded, one after the other."""


@dataclass(frozen=True)
class Budgets(Summands, Refutable):
    """A bound of the upper end, a vector of the lower one; or two equal rows."""


def check_form(claim: Claim[Budgets], problem: Problem) -> None:
    """V8: member and dual, an array where the ellipsoids need one, and z with a lower end above 0.

    Raises:
        Invalid: the claim has another form.
    """
    check_member(claim, problem, z=bool(claim.lower), length=problem.interpolation_rows)
    check_refutable(claim, problem)


def check_ends(claim: Claim[Budgets], ladder: Ladder, side: Side) -> None:
    """Both ends, each by its rule.

    Raises:
        Invalid: one cannot be re-derived.
    """
    radius = radius_of(claim, ladder.problem)
    if claim.upper is not None:
        expect(f"{claim.where}.upper", claim.upper, _upper(claim, ladder.problem, radius, side), ladder)
    if claim.lower and claim.witness.z is not None:
        rule = partial(lower, least=claim.lower, radius=radius, z=claim.witness.z)
        expect(f"{claim.where}.lower", claim.lower, rule, ladder)


def _upper(claim: Claim[Budgets], problem: Problem, radius: float, side: Side) -> Test:
    assert claim.upper is not None
    witness = claim.witness
    shape = None if witness.array is None else shape_of(claim, problem, side)
    if witness.member == "weights":
        assert witness.dual is not None
        return partial(by_weights, most=claim.upper, radius=radius, dual=witness.dual, shape=shape)
    return partial(by_rows if witness.member == "rows" else by_pairs, most=claim.upper, radius=radius, shape=shape)


def lower(point: Point, least: float, radius: float, z: Sequence[float]) -> Finding:
    """V24: `radius·σ(z) ≥ least·√(zᵀKz)`, σ(z) > 0 the sum of the m largest supports `|G_iᵀz_i|_{q*}`.

    `⟨z, s⟩² ≤ (zᵀKz)(sᵀK⁻¹s)`, and some s of the set has `⟨z, s⟩ = radius·σ(z)`; fewer rows give a lower bound too.
    """
    k, q = point.problem.block, point.problem.row_norm
    found = []
    for at, G in point.of(Interpolation).effects.items():
        part = [arb(v) for v in z[at * k:at * k + k]]
        y = [sum((c * v for c, v in zip(column, part, strict=True)), ZERO) for column in zip(*G, strict=True)]
        found.append(q.dual(y))
    found.sort(key=lambda v: v.mid(), reverse=True)
    sigma = sum(found[:point.problem.at_once], ZERO) * arb(radius)
    row = arb_mat([[arb(v) for v in z]])
    energy = (row * point.of(Interpolation).kernel * row.transpose())[0, 0]
    if sigma > 0 and sigma ** 2 >= arb(least) ** 2 * energy:
        return Finding(Truth.PROVED, "the witness proves it")
    wrong = sigma == 0 or sigma ** 2 < arb(least) ** 2 * energy
    value = (sigma ** 2 / energy).max(ZERO).sqrt().str(17, radius=False) if energy > 0 else "any number"
    return Finding(Truth.DISPROVED if wrong else Truth.UNDECIDED, f"the witness gives {value}")


def by_weights(
    point: Point, most: float, radius: float, dual: Sequence[float], shape: Array | None,
) -> Finding:
    """V25: `K − blkdiag(E_i/d_i) ≻ 0`, and radius² times the sum of the m largest `stretch_i·d_i` is at most most²."""
    k = point.problem.block
    around = ellipsoids(point, shape)
    rows = point.of(Interpolation).kernel.tolist()
    parts = []
    for at, body in around.items():
        d = arb(dual[at])
        if body.still:
            continue
        if not d > 0:
            return Finding(Truth.DISPROVED, f"the weight of kept row {at} is {dual[at]!r}, and the row has an effect")
        for a in range(k):
            for b in range(k):
                rows[at * k + a][at * k + b] -= body.E[a, b] / d
        parts.append(body.stretch * d)
    total = largest_sum(parts, point.problem.at_once) * arb(radius) ** 2
    if not total <= arb(most) ** 2:
        return Finding(Truth.DISPROVED if total > arb(most) ** 2 else Truth.UNDECIDED,
                       f"the weights give {total.sqrt().str(17, radius=False)}")
    key = ("by_weights", tuple(dual), shape)  # two claims may differ in the radius alone
    found = point.once(key, lambda: Positive(arb_mat(rows), "").judged().truth)
    words = {Truth.PROVED: "the weights prove it", Truth.DISPROVED: "K − blkdiag(E_i/d_i) takes a negative value",
             Truth.UNDECIDED: f"K − blkdiag(E_i/d_i) ≻ 0 is not proved at {point.precision} bits"}
    return Finding(Truth.PROVED if found is Truth.PROVED else Truth.UNDECIDED, words[found])


def by_rows(point: Point, most: float, radius: float, shape: Array | None) -> Finding:
    """V26: radius times the sum of the m largest `κ_i`, the motion that row i can cause alone, is at most `most`."""
    definite = kernel_definite(point)
    if definite.truth is not Truth.PROVED:
        return definite
    parts = []
    for at, body in ellipsoids(point, shape).items():
        square = ZERO if body.still else _alone(point, at, body.E)
        if square is None:
            return Finding(Truth.UNDECIDED, f"the motion that kept row {at} causes alone is not bounded")
        parts.append(root(square * body.stretch))
    total = largest_sum(parts, point.problem.at_once) * arb(radius)
    return Finding(Truth.PROVED if total <= arb(most) else Truth.UNDECIDED,
                   f"the rows add up to {total.str(17, radius=False)}")


def by_pairs(point: Point, most: float, radius: float, shape: Array | None) -> Finding:
    """V27: radius² times the sum of the m largest `ρ_i` is at most most², ρ_i the sum of row i's m largest `‖M_ij‖_F`.

    `M_ij = E_i^½(K⁻¹)_ijE_j^½`, `‖M_ij‖_F² = tr(E_iBE_jBᵀ)`, `B = R_iᵀR_j` up to the defect.
    """
    definite = kernel_definite(point)
    if definite.truth is not Truth.PROVED:
        return definite
    found, m, k = point.of(Interpolation).definite, point.problem.at_once, point.problem.block
    assert found.R is not None
    spread = found.defect / (1 - found.defect)
    if k == 1 and found.R.nrows() >= MANY:
        most_of, many = import_module("certify.check.linalg.large.largest_pairs").most_of_bodies, point.of(
            Interpolation).many
        return _said(most_of(found.R, ellipsoids(point, shape), spread, m, many and many.whole), most, radius)
    inverse = found.R.transpose() * found.R
    around = {at: e for at, e in ellipsoids(point, shape).items() if not e.still}
    flat = inverse.tolist()
    blocks = {at: [row[at * k:at * k + k] for row in flat[at * k:at * k + k]] for at in around}
    size = {at: root(_trace(e.E, arb_mat(blocks[at]))) for at, e in around.items()}
    tau = {at: root(e.stretch) for at, e in around.items()}
    rho = []
    for i, left in around.items():
        mine = flat[i * k:i * k + k]
        entries = []
        for j, right in around.items():
            if k == 1:
                value = abs(mine[0][j]) * root(left.E[0, 0] * right.E[0, 0])
            else:
                B = arb_mat([row[j * k:j * k + k] for row in mine])
                value = root(_trace(left.E * B, right.E * B.transpose()))
            entries.append((value + spread * size[i] * size[j]) * tau[i] * tau[j])
        rho.append(largest_sum(entries, m))
    return _said(largest_sum(rho, m), most, radius)


def _said(pairs: arb, most: float, radius: float) -> Finding:
    total = pairs * arb(radius) ** 2
    return Finding(Truth.PROVED if total <= arb(most) ** 2 else Truth.UNDECIDED,
                   f"the pairs add up to {total.max(ZERO).sqrt().str(17, radius=False)}")


def ellipsoids(point: Point, shape: Array | None) -> dict[int, Ellipsoid]:
    """An ellipsoid around each row's set that may move, by kept position.

    One output: the interval `[−D, D]`, `D = |G_i|_{q*}`. Norm 2, and norm 1 without an array: `{G_iv : |v| ≤ 1}`.
    Norm 1 with an array of factors: `E = CCᵀ`, stretch `max_a |C⁻¹g_a|²` over the columns g_a of G_i. Norm inf with an
    array of weights w: `E = (G_i diag w)(G_i diag w)ᵀ`, stretch `Σ_a w_a⁻²`.
    """
    q = point.problem.row_norm
    return {at: ellipsoid(G, q, at, shape) for at, G in point.of(Interpolation).effects.items()}


def _alone(point: Point, at: int, E: arb_mat) -> arb | None:
    """Upper bound of `λ_max(E^½(K⁻¹)_iiE^½)`, sharp to a few digits; None where none was proved."""
    P, defect = point.of(Interpolation).inverse_block(at), point.of(Interpolation).definite.defect
    if E.nrows() == 1:
        return E[0, 0] * P[0, 0] / (1 - defect)
    guess = top_eigenvalue((E * P).mid())
    PEP = P * E * P
    for digits in SLACKS:
        most = (guess * (1 + arb(2) ** -digits)).upper()
        if definiteness(most * P - PEP).truth is Truth.PROVED:
            return most / (1 - defect)
    return None


def _trace(A: arb_mat, B: arb_mat) -> arb:
    """`tr(AB)`."""
    return sum((x * y for u, v in zip(A.tolist(), B.transpose().tolist(), strict=True)
                for x, y in zip(u, v, strict=True)), ZERO)


def _theorem(claim: Claim[object], ladder: Ladder) -> str:
    return theorem(LABELS[ladder.problem.set], claim, ladder)


RULE = Rule(_theorem, modulus, check_form, check_ends, hypotheses, Budgets)
