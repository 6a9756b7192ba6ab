"""The rules of the critical map for budgets of single rows and for one given change (V24 to V28, critical; M5e).

All are about `max |A⁻¹Cu|`. Each row's change lies in `{u : |u|_q ≤ 1}`, which the ellipsoid `√τ_i·E_i^½B` contains.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from flint import arb, arb_mat

from certify.check.enclosure.units import by_units
from certify.check.kernel import Finding, expect
from certify.check.linalg.balls import ONE, ZERO, largest, root
from certify.check.linalg.definite import Truth, definiteness
from certify.check.reading.arrays import Array
from certify.check.reading.certificate import Claim
from certify.check.reading.subject import Problem
from certify.check.rule import Rule, Side, Test, modulus
from certify.check.systems.critical import stationary
from certify.check.systems.critical_cases import HYPOTHESES, in_turn, nonsingular, theorem_of
from certify.check.systems.point import Ladder, Point
from certify.check.theorems.modulus.ellipsoids import Ellipsoid, ellipsoid, largest_sum, top_eigenvalue
from certify.check.theorems.modulus.set_quantities import Summands, check_change, check_member, radius_of, shape_of
from certify.check.words.row_norms.base import RowNorm

SLACKS = (44, 30, 20)
"""Binary digits to which the motion of one row alone is bounded, one after the other."""


def check_form(claim: Claim[Summands], problem: Problem) -> None:
    """V8: member and dual, an array where the ellipsoids need one, and z with a lower end above 0; of a change nothing.

    Raises:
        Invalid: the claim has another form.
    """
    z = not problem.budget.single and bool(claim.lower)
    check_member(claim, problem, z=z, length=problem.parameters)


def check_ends(claim: Claim[Summands], ladder: Ladder, side: Side) -> None:
    """Both ends, each by its rule.

    Raises:
        Invalid: one cannot be re-derived.
    """
    if ladder.problem.budget.single:
        check_change(claim, ladder, lambda low, high: partial(change, low=low, high=high))
        return
    radius = radius_of(claim, ladder.problem)
    if claim.upper is not None:
        expect(f"{claim.where}.upper", claim.upper, _upper(claim, ladder.problem, radius, side), ladder)
    if claim.lower and claim.witness.z is not None:
        rule = partial(lower, least=claim.lower, radius=radius, z=claim.witness.z)
        expect(f"{claim.where}.lower", claim.lower, rule, ladder)


def _upper(claim: Claim[Summands], problem: Problem, radius: float, side: Side) -> Test:
    assert claim.upper is not None
    witness = claim.witness
    shape = None if witness.array is None else shape_of(claim, problem, side)
    if witness.member == "weights":
        assert witness.dual is not None
        return partial(by_weights, most=claim.upper, radius=radius, dual=witness.dual, shape=shape)
    return partial(by_rows if witness.member == "rows" else by_pairs, most=claim.upper, radius=radius, shape=shape)


def lower(point: Point, least: float, radius: float, z: Sequence[float]) -> Finding:
    """V24: `radius·σ ≥ least·|Hz|`, σ > 0 the sum of the m largest `|C_iᵀz|_{q*}`, whatever the rank of H.

    `Hv = −Cu` gives `⟨Cᵀz, u⟩ ≤ |Hz||v|`, and some u of the set has `⟨Cᵀz, u⟩ = radius·σ`.
    """
    problem, at = point.problem, point.of(stationary)
    place = by_units(problem, [arb(v) for v in z])
    forms, energy = point.once(("critical lower", tuple(z)), lambda: at.along(place))  # of claims of two sizes one
    found = sorted(map(problem.row_norm.dual, forms), key=lambda v: v.mid(), reverse=True)
    sigma = sum(found[:problem.at_once], ZERO) * arb(radius)
    if sigma > 0 and sigma ** 2 >= arb(least) ** 2 * energy:
        return Finding(Truth.PROVED, "the witness proves it")
    wrong = sigma == 0 or sigma ** 2 < arb(least) ** 2 * energy
    value = (sigma ** 2 / energy).max(ZERO).sqrt().str(17, radius=False) if energy > 0 else "any number"
    return Finding(Truth.DISPROVED if wrong else Truth.UNDECIDED, f"the witness gives {value}")


def by_weights(
    point: Point, most: float, radius: float, dual: Sequence[float], shape: Array | None,
) -> Finding:
    """V25: `A² − Σ C_iE_iC_iᵀ/d_i ≻ 0`, and radius² times the sum of the m largest `τ_id_i` is at most most²."""
    problem = point.problem
    around, parts, weights = _around(point, shape), [], []
    for row, body in around.items():
        d = arb(dual[row])
        if not d > 0:
            return Finding(Truth.DISPROVED, f"the weight of row {row} is {dual[row]!r}, and it has to be above 0")
        parts.append(body.stretch * d)
        weights.append(body.E * (1 / d))
    total = largest_sum(parts, problem.at_once) * arb(radius) ** 2
    if not total <= arb(most) ** 2:
        return Finding(Truth.DISPROVED if total > arb(most) ** 2 else Truth.UNDECIDED,
                       f"the weights give {total.sqrt().str(17, radius=False)}")
    definite = nonsingular(point)
    if definite.truth is not Truth.PROVED:
        return definite
    at = point.of(stationary)
    key = ("critical by_weights", tuple(dual), shape)  # two claims may differ in the radius alone
    found = point.once(key, lambda: at.within(weights))
    words = {Truth.PROVED: "the weights prove it", Truth.DISPROVED: "A² − Σ C_iE_iC_iᵀ/d_i takes a negative value",
             Truth.UNDECIDED: f"A² − Σ C_iE_iC_iᵀ/d_i ≻ 0 is not proved at {point.precision} bits"}
    return Finding(Truth.PROVED if found is Truth.PROVED else Truth.UNDECIDED, words[found])


def by_rows(point: Point, most: float, radius: float, shape: Array | None) -> Finding:
    """V26: radius times the sum of the m largest `κ_i`, the motion that row i can cause alone, is at most `most`."""
    definite = nonsingular(point)
    if definite.truth is not Truth.PROVED:
        return definite
    problem, at, around = point.problem, point.of(stationary), _around(point, shape)

    def judge(grams: list[arb_mat]) -> Finding:
        parts = []
        for body, G in zip(around.values(), grams, strict=True):
            parts.append(root(_alone(G, body, problem.row_norm) / (1 - at.measured.defect)))
        total = largest_sum(parts, problem.at_once) * arb(radius)
        return Finding(Truth.PROVED if total <= arb(most) else Truth.UNDECIDED,
                       f"the rows add up to {total.str(17, radius=False)}")

    return in_turn(at.grams(), judge)


def by_pairs(point: Point, most: float, radius: float, shape: Array | None) -> Finding:
    """V27: radius² times the sum of the m largest ρ_i is at most most², ρ_i the sum of row i's m largest `|M_ij|`.

    `M_ij = (XC_i)ᵀXC_j` errs by `‖(XAAᵀXᵀ)⁻¹ − I‖ ≤ δ/(1 − δ)` times both sizes. Norm 1 measures it by its largest
    entry, the others by `√(τ_iτ_j)‖E_i^½M_ijE_j^½‖_F`.
    """
    definite = nonsingular(point)
    if definite.truth is not Truth.PROVED:
        return definite
    problem, at = point.problem, point.of(stationary)
    around, m = list(_around(point, shape).values()), problem.at_once
    spread = at.measured.defect / (1 - at.measured.defect)
    M, q = at.products.tolist(), at.data.each
    plain = problem.row_norm.cross
    tau = [ONE if plain else root(body.stretch) for body in around]
    E = [None if plain else body.E for body in around]

    def block(i: int, j: int) -> arb_mat:
        return arb_mat([row[j * q:j * q + q] for row in M[i * q:i * q + q]])

    size = [root(_trace(block(i, i), E[i])) for i in range(len(around))]
    rho = []
    for i in range(len(around)):
        entries = []
        for j in range(len(around)):
            B = block(i, j)
            left, right = E[i], E[j]
            if left is None or right is None:
                value = largest([abs(x) for x in B.entries()])
            elif q == 1:
                value = abs(B[0, 0]) * root(left[0, 0] * right[0, 0])
            else:
                value = root(_trace(left * B * right * B.transpose(), None))
            entries.append((value + spread * size[i] * size[j]) * tau[i] * tau[j])
        rho.append(largest_sum(entries, m))
    total = largest_sum(rho, m) * arb(radius) ** 2
    return Finding(Truth.PROVED if total <= arb(most) ** 2 else Truth.UNDECIDED,
                   f"the pairs add up to {total.max(ZERO).sqrt().str(17, radius=False)}")


def change(point: Point, low: float | None, high: float | None) -> Finding:
    """V28: `|XCu|² ≤ high²(1 − ε)` and `≥ low²(1 + ε)` for the one given change u."""
    definite = nonsingular(point)
    if definite.truth is not Truth.PROVED:
        return definite
    problem, at = point.problem, point.of(stationary)
    assert problem.change is not None
    square = at.response({row: [arb(v) for v in u] for row, u in problem.change.items()})
    defect = at.measured.defect
    right = (high is None or square <= arb(high) ** 2 * (1 - defect)) and (
        low is None or square >= arb(low) ** 2 * (1 + defect))
    return Finding(Truth.PROVED if right else Truth.UNDECIDED,
                   f"it is {square.max(ZERO).sqrt().str(17, radius=False)} up to a factor 1 ± {defect.str(2)}")


def _around(point: Point, shape: Array | None) -> dict[int, Ellipsoid]:
    """An ellipsoid around the unit ball of each row that may move, by row."""
    problem, q = point.problem, point.of(stationary).data.each
    unit = [[ONE if a == b else ZERO for b in range(q)] for a in range(q)]
    return {row: ellipsoid(unit, problem.row_norm, row, shape) for row in problem.moving}


def _alone(G: arb_mat, body: Ellipsoid, q: RowNorm) -> arb:
    """Upper bound of `max {uᵀGu : |u|_q ≤ 1}` for `G = (XC_i)ᵀRC_i`: sharp to a few digits, else the largest row sum.

    Motions far below the unit of fixed point are rounding alone, of which nothing sharp is known: `λ_max(S) ≤ |S|_∞`
    whatever stands in the balls.
    """
    d = G.nrows()
    if q.cross:
        return largest([G[a, a] for a in range(d)])
    if d == 1:
        return G[0, 0] * body.E[0, 0] * body.stretch
    w = [root(body.E[a, a]) if q.boxed else ONE for a in range(d)]
    S = arb_mat([[G[a, b] * w[a] * w[b] for b in range(d)] for a in range(d)])
    guess = top_eigenvalue(S.mid())
    if all(x == 0 for x in S.entries()):
        return ZERO
    for digits in SLACKS:
        most = (guess * (1 + arb(2) ** -digits)).upper()
        rows = [[(most if a == b else ZERO) - S[a, b] for b in range(d)] for a in range(d)]
        if definiteness(arb_mat(rows)).truth is Truth.PROVED:
            return most * body.stretch
    return largest([sum((abs(x) for x in row), ZERO) for row in S.tolist()]).upper() * body.stretch


def _trace(A: arb_mat, E: arb_mat | None) -> arb:
    """`tr(AE)`, `tr A` without E."""
    B = A if E is None else A * E
    return sum((B[a, a] for a in range(B.nrows())), ZERO)


RULE = Rule(theorem_of, modulus, check_form, check_ends, lambda claim, problem: HYPOTHESES, Summands)
