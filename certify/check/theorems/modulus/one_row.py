"""The rules for `sample_modulus` where one row's change is measured in the norm 1 or inf (V53, V54; N4).

Over `|u|_q ≤ 1`: interpolation, and M5a, `κ_i² = max uᵀG_iᵀ(K⁻¹)_iiG_iu`; the critical map else `max |A⁻¹C_iu|²`.
Both forms are convex, so the largest value is at a vertex of the ball: the unit vectors, or all sign vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from flint import arb, arb_mat

from certify.check.linalg.balls import ONE, ZERO, largest
from certify.check.linalg.definite import Truth, definiteness
from certify.check.reading.arrays import Array
from certify.check.reading.subject import Problem
from certify.check.systems.evidence import Evidence, Finding
from certify.check.theorems.modulus.critical import nonsingular
from certify.check.theorems.modulus.kernel import kernel_definite

FEW = 6
"""Numbers of one row up to which all sign vectors are gone through."""

Vectors = list[list[arb]]


def movable(problem: Problem) -> list[int]:
    """The numbers of one row that may change: features with a unit, all targets, the one sample weight."""
    if problem.parameter == "features":
        units = problem.scale or (1.0,) * problem.layers[0].inputs
        return [a for a, unit in enumerate(units) if unit]
    return list(range(problem.outputs if problem.parameter == "targets" else 1))


def needs_array(problem: Problem, by_hessian: bool) -> bool:
    """Whether signs and weights have to be stated: norm inf, more than `FEW` numbers, and no formula.

    Args:
        problem: the problem.
        by_hessian: whether the claim rests on the Hessian; else one equation a row leaves a formula.
    """
    return problem.norm == "inf" and len(movable(problem)) > FEW and (by_hessian or problem.block > 1)


def row_upper(evidence: Evidence, at: int, upper: float, shape: Array | None) -> Finding:
    """V53, interpolation: `κ_i ≤ upper` for the kept row at that position; needs K ≻ 0.

    With P and ε as in V12: every vertex u has `|G_iu|_P² ≤ upper²(1 − ε)`; or, with the weights w,
    `upper²(1 − ε)P − PG_i diag(τw²)G_iᵀP ≻ 0`, `τ = Σ w_a⁻²`.
    """
    G = evidence.effects[at]
    definite = kernel_definite(evidence)
    if definite.truth is not Truth.PROVED:
        return Finding(Truth.UNDECIDED, definite.found)
    if all(x == 0 for row in G for x in row):
        return Finding(Truth.PROVED, "κ_i = 0")
    P, defect, square = evidence.inverse_block(at), evidence.kernel_definite.defect, arb(upper) ** 2
    if shape is None:
        return _at_most(_values(evidence, at, G, P), square, defect)
    w = _stated(shape, at)
    scaled = arb_mat([[g * v for g, v in zip(row, w, strict=True)] for row in G])
    PQP = P * scaled * scaled.transpose() * P * _stretch(w)
    return _boxed(definiteness(square * (1 - defect) * P - PQP).truth, evidence)


def row_lower(evidence: Evidence, at: int, lower: float, shape: Array | None) -> Finding:
    """V54, interpolation: `κ_i ≥ lower`: some vertex, or the stated signs, has `|G_iu|_P² ≥ lower²(1 + ε)`."""
    if lower == 0:
        return Finding(Truth.PROVED, "κ_i ≥ 0")
    definite = kernel_definite(evidence)
    if definite.truth is not Truth.PROVED:
        return Finding(Truth.UNDECIDED, definite.found)
    P, defect, G = evidence.inverse_block(at), evidence.kernel_definite.defect, evidence.effects[at]
    values = _values(evidence, at, G, P) if shape is None else [_form(P, _times(G, _signs(shape, at)))]
    return _at_least(values, arb(lower) ** 2, defect)


def stationary_upper(evidence: Evidence, number: int, upper: float, shape: Array | None) -> Finding:
    """V53, critical: `κ_i ≤ upper` for the moving row at that place.

    With `G = (XC_i)ᵀ(XC_i)` and ε the defect: every vertex u has `uᵀGu ≤ upper²(1 − ε)`; or, with the weights w,
    `diag(upper²(1 − ε)/(τw²)) − G ≻ 0`.
    """
    definite = nonsingular(evidence)
    if definite.truth is not Truth.PROVED:
        return definite
    problem, at = evidence.problem, evidence.stationary
    G, defect, square = at.row_grams[number], at.measured.defect, arb(upper) ** 2
    if all(x == 0 for x in G.entries()):
        return Finding(Truth.PROVED, "the row has no effect")
    if shape is None:
        return _at_most([_form(G, u) for u in _vertices(problem)], square, defect)
    w = _stated(shape, problem.moving[number])
    each = square * (1 - defect) / _stretch(w)
    rows = [[(each / (w[a] * w[a]) if a == b else ZERO) - x for b, x in enumerate(row)]
            for a, row in enumerate(G.tolist())]
    return _boxed(definiteness(arb_mat(rows)).truth, evidence)


def stationary_lower(evidence: Evidence, number: int, lower: float, shape: Array | None) -> Finding:
    """V54, critical: `κ_i ≥ lower`: some vertex, or the stated signs, has `uᵀGu ≥ lower²(1 + ε)`."""
    if lower == 0:
        return Finding(Truth.PROVED, "a modulus is not negative")
    definite = nonsingular(evidence)
    if definite.truth is not Truth.PROVED:
        return definite
    problem, at = evidence.problem, evidence.stationary
    units = _vertices(problem) if shape is None else [_signs(shape, problem.moving[number])]
    values = [_form(at.row_grams[number], u) for u in units]
    return _at_least(values, arb(lower) ** 2, at.measured.defect)


def _vertices(problem: Problem) -> Vectors:
    """Vertices of the ball, one of each pair ±u, in the numbers that may change; the others stay 0."""
    columns = movable(problem)
    width = {"features": problem.layers[0].inputs, "targets": problem.outputs}.get(problem.parameter, 1)
    found = []
    some = ([[ONE if a == b else ZERO for b in columns] for a in columns] if problem.norm == 1 else
            [[ONE, *map(arb, rest)] for rest in product((1, -1), repeat=len(columns) - 1)])
    for values in some:
        u = [ZERO] * width
        for a, v in zip(columns, values, strict=True):
            u[a] = v
        found.append(u)
    return found


def _values(evidence: Evidence, at: int, G: Vectors, P: arb_mat) -> list[arb]:
    """`|G_iu|_P²` of which the largest counts: with one equation `|g|_{q*}²P`, else at every vertex; once a row."""
    if at not in evidence.alone:
        problem = evidence.problem
        if len(G) == 1:
            sizes = [abs(g) for g in G[0]]
            value = largest(sizes) if problem.norm == 1 else sum(sizes, ZERO)
            evidence.alone[at] = [value * value * P[0, 0]]
        else:
            evidence.alone[at] = [_form(P, _times(G, u)) for u in _vertices(problem)]
    return evidence.alone[at]


def _stated(shape: Array, at: int) -> list[arb]:
    """The weights of a row: the sizes of what is stated."""
    d = shape.shape[1]
    return [abs(arb(v)) for v in shape.values[at * d:at * d + d]]


def _signs(shape: Array, at: int) -> list[arb]:
    """The change of a row: the signs of what is stated."""
    d = shape.shape[1]
    return [ONE if v > 0 else -ONE for v in shape.values[at * d:at * d + d]]


def _stretch(w: Sequence[arb]) -> arb:
    return sum((1 / (v * v) for v in w), ZERO)


def _times(G: Vectors, u: Sequence[arb]) -> list[arb]:
    """`Gu`, without the products by an exact 0."""
    return [sum((g * v for g, v in zip(row, u, strict=True) if v != 0), ZERO) for row in G]


def _form(M: arb_mat, u: Sequence[arb]) -> arb:
    """`uᵀMu`, without the products by an exact 0."""
    at = [a for a, v in enumerate(u) if not v == 0]
    return sum((u[a] * M[a, b] * u[b] for a in at for b in at), ZERO)


def _at_most(values: Sequence[arb], square: arb, defect: arb) -> Finding:
    proved = all(v <= square * (1 - defect) for v in values)
    wrong = any(v > square * (1 + defect) for v in values)
    return _found(proved, wrong, values)


def _at_least(values: Sequence[arb], square: arb, defect: arb) -> Finding:
    proved = any(v >= square * (1 + defect) for v in values)
    wrong = all(v < square * (1 - defect) for v in values)
    return _found(proved, wrong, values)


def _found(proved: bool, wrong: bool, values: Sequence[arb]) -> Finding:
    truth = Truth.PROVED if proved else Truth.DISPROVED if wrong else Truth.UNDECIDED
    return Finding(truth, f"the row's changes give {largest(values).sqrt().str(17, radius=False)}")


def _boxed(truth: Truth, evidence: Evidence) -> Finding:
    """A matrix that is not definite disproves the weights, not the claim."""
    proved = truth is Truth.PROVED
    words = "the weights prove it" if proved else f"the weights do not prove it at {evidence.precision} bits"
    return Finding(Truth.PROVED if proved else Truth.UNDECIDED, words)
