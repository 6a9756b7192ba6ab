"""The rules for perturbation sets in which rows have budgets of their own, and for one given change (V24–V28).

All are about `max |G_w⁺G_uu| = max √(sᵀK⁻¹s)`, `s_i = G_iu_i`, which K ≻ 0 makes finite. `R_i = {G_iu : |u|_q ≤ 1}`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb, arb_mat

from certify.check.linalg.balls import ONE, ZERO, largest, norm, root, squares
from certify.check.linalg.definite import Truth, definiteness
from certify.check.reading.arrays import Array
from certify.check.systems.evidence import Evidence, Finding
from certify.check.theorems.modulus.kernel import kernel_definite

Rows = list[list[arb]]
SLACKS, SQUARINGS = (44, 30, 20), 48
"""Binary digits to which the motion of one row alone is bounded, one after the other; 2^48 steps of power iteration."""


@dataclass(frozen=True)
class Ellipsoid:
    """`R_i ⊂ √stretch·{E^½v : |v| ≤ 1}`; `still` where R_i is {0}, exactly, whatever E is stated to be."""

    E: arb_mat
    stretch: arb
    still: bool


def lower(evidence: Evidence, least: float, radius: float, z: Sequence[float]) -> Finding:
    """V24: `radius·σ(z) ≥ least·√(zᵀKz)`, σ(z) > 0 the sum of the m largest supports `|G_iᵀz_i|_{q*}`.

    `⟨z, s⟩² ≤ (zᵀKz)(sᵀK⁻¹s)`, and some s of the set has `⟨z, s⟩ = radius·σ(z)`; fewer rows give a lower bound too.
    """
    k, q = evidence.problem.block, evidence.problem.norm
    found = []
    for at, G in evidence.effects.items():
        part = [arb(v) for v in z[at * k:at * k + k]]
        y = [sum((c * v for c, v in zip(column, part, strict=True)), ZERO) for column in zip(*G, strict=True)]
        found.append(norm(y) if q == 2 else largest([abs(v) for v in y]) if q == 1 else sum(map(abs, y), ZERO))
    found.sort(key=lambda v: v.mid(), reverse=True)
    sigma = sum(found[:evidence.problem.at_once], ZERO) * arb(radius)
    row = arb_mat([[arb(v) for v in z]])
    energy = (row * evidence.kernel * row.transpose())[0, 0]
    if sigma > 0 and sigma ** 2 >= arb(least) ** 2 * energy:
        return Finding(Truth.PROVED, "the witness proves it")
    wrong = sigma == 0 or sigma ** 2 < arb(least) ** 2 * energy
    value = (sigma ** 2 / energy).max(ZERO).sqrt().str(17, radius=False) if energy > 0 else "any number"
    return Finding(Truth.DISPROVED if wrong else Truth.UNDECIDED, f"the witness gives {value}")


def by_weights(
    evidence: Evidence, most: float, radius: float, dual: Sequence[float], shape: Array | None,
) -> Finding:
    """V25: `K − blkdiag(E_i/d_i) ≻ 0`, and radius² times the sum of the m largest `stretch_i·d_i` is at most most²."""
    k = evidence.problem.block
    around = ellipsoids(evidence, shape)
    rows = evidence.kernel.tolist()
    parts = []
    for at, ellipsoid in around.items():
        d = arb(dual[at])
        if ellipsoid.still:
            continue
        if not d > 0:
            return Finding(Truth.DISPROVED, f"the weight of kept row {at} is {dual[at]!r}, and the row has an effect")
        for a in range(k):
            for b in range(k):
                rows[at * k + a][at * k + b] -= ellipsoid.E[a, b] / d
        parts.append(ellipsoid.stretch * d)
    total = largest_sum(parts, evidence.problem.at_once) * arb(radius) ** 2
    if not total <= arb(most) ** 2:
        return Finding(Truth.DISPROVED if total > arb(most) ** 2 else Truth.UNDECIDED,
                       f"the weights give {total.sqrt().str(17, radius=False)}")
    key = (*dual, None if shape is None else shape.values)
    if key not in evidence.weighted:  # two claims may differ in the radius alone
        evidence.weighted[key] = definiteness(arb_mat(rows), sharp=False).truth
    found = evidence.weighted[key]
    words = {Truth.PROVED: "the weights prove it", Truth.DISPROVED: "K − blkdiag(E_i/d_i) takes a negative value",
             Truth.UNDECIDED: f"K − blkdiag(E_i/d_i) ≻ 0 is not proved at {evidence.precision} bits"}
    return Finding(Truth.PROVED if found is Truth.PROVED else Truth.UNDECIDED, words[found])


def by_rows(evidence: Evidence, most: float, radius: float, shape: Array | None) -> Finding:
    """V26: radius times the sum of the m largest `κ_i`, the motion that row i can cause alone, is at most `most`."""
    definite = kernel_definite(evidence)
    if definite.truth is not Truth.PROVED:
        return definite
    parts = []
    for at, ellipsoid in ellipsoids(evidence, shape).items():
        square = ZERO if ellipsoid.still else _alone(evidence, at, ellipsoid.E)
        if square is None:
            return Finding(Truth.UNDECIDED, f"the motion that kept row {at} causes alone is not bounded")
        parts.append(root(square * ellipsoid.stretch))
    total = largest_sum(parts, evidence.problem.at_once) * arb(radius)
    return Finding(Truth.PROVED if total <= arb(most) else Truth.UNDECIDED,
                   f"the rows add up to {total.str(17, radius=False)}")


def by_pairs(evidence: Evidence, most: float, radius: float, shape: Array | None) -> Finding:
    """V27: radius² times the sum of the m largest `ρ_i` is at most most², ρ_i the sum of row i's m largest `‖M_ij‖_F`.

    `M_ij = E_i^½(K⁻¹)_ijE_j^½`, `‖M_ij‖_F² = tr(E_iBE_jBᵀ)`, `B = R_iᵀR_j` up to the defect.
    """
    definite = kernel_definite(evidence)
    if definite.truth is not Truth.PROVED:
        return definite
    found, m, k = evidence.kernel_definite, evidence.problem.at_once, evidence.problem.block
    assert found.R is not None
    inverse = found.R.transpose() * found.R
    spread = found.defect / (1 - found.defect)
    around = {at: e for at, e in ellipsoids(evidence, shape).items() if not e.still}
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
    total = largest_sum(rho, m) * arb(radius) ** 2
    return Finding(Truth.PROVED if total <= arb(most) ** 2 else Truth.UNDECIDED,
                   f"the pairs add up to {total.max(ZERO).sqrt().str(17, radius=False)}")


def change(evidence: Evidence, low: float | None, high: float | None) -> Finding:
    """V28: `|Rs|² ≤ high²(1 − ε)` and `≥ low²(1 + ε)`, `s_i = G_iu_i` for the one given change."""
    definite = kernel_definite(evidence)
    if definite.truth is not Truth.PROVED:
        return definite
    problem, found = evidence.problem, evidence.kernel_definite
    assert found.R is not None and problem.change is not None
    place, k = {row: at for at, row in enumerate(problem.kept)}, problem.block
    G, s = evidence.effects, [ZERO] * found.R.ncols()  # reference rows follow, which do not move
    for row, u in problem.change.items():
        at = place[row]
        for a in range(k):
            s[at * k + a] = sum((g * arb(v) for g, v in zip(G[at][a], u, strict=True)), ZERO)
    square = squares((found.R * arb_mat([[v] for v in s])).entries())
    right = (high is None or square <= arb(high) ** 2 * (1 - found.defect)) and (
        low is None or square >= arb(low) ** 2 * (1 + found.defect))
    return Finding(Truth.PROVED if right else Truth.UNDECIDED,
                   f"it is {square.max(ZERO).sqrt().str(17, radius=False)} up to a factor 1 ± {found.defect.str(2)}")


def ellipsoids(evidence: Evidence, shape: Array | None) -> dict[int, Ellipsoid]:
    """An ellipsoid around each row's set that may move, by kept position.

    One output: the interval `[−D, D]`, `D = |G_i|_{q*}`. Norm 2, and norm 1 without an array: `{G_iv : |v| ≤ 1}`.
    Norm 1 with an array of factors: `E = CCᵀ`, stretch `max_a |C⁻¹g_a|²` over the columns g_a of G_i. Norm inf with an
    array of weights w: `E = (G_i diag w)(G_i diag w)ᵀ`, stretch `Σ_a w_a⁻²`.
    """
    problem = evidence.problem
    q = 2 if problem.parameter == "sample_weights" else problem.norm  # of one number all norms are equal
    return {at: ellipsoid(G, q, at, shape) for at, G in evidence.effects.items()}


def ellipsoid(G: Rows, q: int | str, at: int, shape: Array | None) -> Ellipsoid:
    """An ellipsoid around `{Gu : |u|_q ≤ 1}` (see :func:`ellipsoids`).

    Args:
        G: k rows.
        q: 1, 2 or `inf`.
        at: the row's place in the array.
        shape: the array of the side file, or None.
    """
    still, k = all(x == 0 for row in G for x in row), len(G)
    if k == 1:
        g = G[0]
        D = norm(g) if q == 2 else largest([abs(v) for v in g]) if q == 1 else sum(map(abs, g), ZERO)
        return Ellipsoid(arb_mat([[D * D]]), ONE, still)
    if shape is None:
        M = arb_mat(G)
        return Ellipsoid(M * M.transpose(), ONE, still)
    if q == "inf":
        d = len(G[0])
        w = [arb(v) for v in shape.values[at * d:at * d + d]]
        M = arb_mat([[g * v for g, v in zip(row, w, strict=True)] for row in G])
        return Ellipsoid(M * M.transpose(), sum((1 / (v * v) for v in w), ZERO), still)
    C = arb_mat(k, k, [arb(v) for v in shape.values[at * k * k:(at + 1) * k * k]])
    return Ellipsoid(C * C.transpose(), _reach(C, arb_mat(G)), still)


def _reach(C: arb_mat, G: arb_mat) -> arb:
    """`max_a |C⁻¹g_a|²`, infinite where C is not proved nonsingular."""
    try:
        T = C.solve(G)
    except ZeroDivisionError:
        return arb("inf")
    return largest([squares(column) for column in T.transpose().tolist()])


def _alone(evidence: Evidence, at: int, E: arb_mat) -> arb | None:
    """Upper bound of `λ_max(E^½(K⁻¹)_iiE^½)`, sharp to a few digits; None where none was proved."""
    P, defect = evidence.inverse_block(at), evidence.kernel_definite.defect
    if E.nrows() == 1:
        return E[0, 0] * P[0, 0] / (1 - defect)
    guess = top_eigenvalue((E * P).mid())
    PEP = P * E * P
    for digits in SLACKS:
        most = (guess * (1 + arb(2) ** -digits)).upper()
        if definiteness(most * P - PEP).truth is Truth.PROVED:
            return most / (1 - defect)
    return None


def top_eigenvalue(M: arb_mat) -> arb:
    """About the largest eigenvalue of a matrix whose eigenvalues are real and not negative, by squaring it."""
    grown = M
    for _ in range(SQUARINGS):
        scale = largest([abs(x) for x in grown.entries()]).mid()
        if not scale > 0:
            return ZERO
        grown = (grown / scale).mid()
        grown = (grown * grown).mid()
    columns = grown.transpose().tolist()
    v = max(columns, key=lambda column: largest([abs(x) for x in column]).mid())
    at = max(range(len(v)), key=lambda a: abs(v[a].mid()))
    return ((M * arb_mat([[x] for x in v]))[at, 0] / v[at]).mid()


def _trace(A: arb_mat, B: arb_mat) -> arb:
    """`tr(AB)`."""
    return sum((x * y for u, v in zip(A.tolist(), B.transpose().tolist(), strict=True)
                for x, y in zip(u, v, strict=True)), ZERO)


def largest_sum(values: list[arb], count: int) -> arb:
    """Upper bound of the sum of the `count` largest; infinite where a value is not known, whatever its rank."""
    if not all(v.is_finite() for v in values):
        return arb("inf")
    return sum(sorted((v.upper() for v in values), reverse=True)[:count], ZERO)
