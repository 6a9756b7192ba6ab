"""How far the outputs of a network with one hidden layer can move on balls around the rows, by a dual (Q4).

Floats only propose the dual p and a number; that the eigenvalue stays below it is proved in balls.
"""

from __future__ import annotations

import math
from operator import mul

from flint import arb, arb_mat

from certify.check.enclosure.network import Forward, Parameters, first_weights, layer_slopes
from certify.check.linalg.balls import ZERO, norm
from certify.check.linalg.definite import Truth, definiteness
from certify.check.lipschitz.lipsdp import quotients
from certify.check.reading.subject import Problem

LARGEST = 2**24
"""Most numbers of all matrices together; beyond it nothing is proved here."""

STEPS, POWER, SHARE, FLAT = 12, 2, 0.3, 0.01
ITERATIONS, LADDER = 100, (24, 14, 11, 9, 5)
FAINT = 2.0**-900
"""Least share of a vector: one that is 0 divides nothing."""

Vectors = list[list[float]]


def output_steepness(problem: Problem, parameters: Parameters, passed: Forward, t: arb) -> list[arb] | None:
    """Upper bounds of `|f(x_i + v) − f(x_i)|/|v|` for `0 < |v| ≤ t`, for the moving rows; None where not built.

    The difference of output a is `⟨c + Σ_j e_jb_jw_j, v⟩`, `|e_j| ≤ 1`: c with the midpoints m_ij of intervals that
    hold the difference quotients of φ, `b_j = |v_{aj}|·(their half-widths)`. For any p > 0 it is at most |v| times
    `(Σp·λ_max(ccᵀ/p_0 + Σ_j b_j²w_jw_jᵀ/p_j))^½`.

    Args:
        problem: the problem.
        parameters, passed: at the given weights.
        t: the radius of every moving row.
    """
    W = first_weights(problem, parameters)
    d, moving = W.ncols(), problem.moving
    if len(problem.layers) != 2 or len(moving) * d * d * problem.outputs > LARGEST:
        return None
    place = {row: at for at, row in enumerate(problem.kept)}
    far = [norm(row) * t for row in W.tolist()]
    quotients = _quotients(problem, passed, far, [place[i] for i in moving])
    totals = [ZERO] * len(moving)
    for out in parameters.weights[1].tolist():
        centres = (arb_mat([[m * v for (m, _), v in zip(row, out, strict=True)] for row in quotients]) * W).tolist()
        for at, (row, centre) in enumerate(zip(quotients, centres, strict=True)):
            widths = [(half * abs(v)).upper() for (_, half), v in zip(row, out, strict=True)]
            totals[at] += _square(centre, [(b, w) for b, w in zip(widths, W.tolist(), strict=True) if b > 0])
    return [total.sqrt().upper() if total.is_finite() else arb("inf") for total in totals]


def _quotients(problem: Problem, passed: Forward, far: list[arb], rows: list[int]) -> list[list[tuple[arb, arb]]]:
    """Midpoints and half-widths of intervals of `(φ(z + δ) − φ(z))/δ`, `0 < |δ| ≤ far`, unit by unit."""
    width, before = len(far), passed.before[0]
    slopes = layer_slopes(problem, 1, passed, kinks=True)
    return [[quotients(problem.activation, z, slope, reach) for z, slope, reach in
             zip(before[at * width:(at + 1) * width], slopes[at * width:(at + 1) * width], far, strict=True)]
            for at in rows]


def _square(centre: list[arb], others: list[tuple[arb, list[arb]]]) -> arb:
    """Upper bound of `max_e |c + Σ_j e_jb_jw_j|²`; infinite where none was proved."""
    vectors = [centre, *([b * x for x in w] for b, w in others)]
    floats = [[float(x.mid()) for x in row] for row in vectors]
    if not any(any(row) for row in floats):
        return sum((norm(row) for row in vectors), ZERO) ** 2
    p = [arb(v) for v in _dual(floats)]
    B = arb_mat([[x / v.sqrt() for x in row] for row, v in zip(vectors, p, strict=True)])
    M = (B.transpose() * B).tolist()
    guess = _top([[float(x.mid()) for x in row] for row in M])
    for bits in LADDER if guess > 0 else ():
        square = arb(guess * (1 + 2.0**-bits))
        rows = [[(square if i == j else ZERO) - x for j, x in enumerate(row)] for i, row in enumerate(M)]
        if definiteness(arb_mat(rows), sharp=False).truth is Truth.PROVED:
            return (sum(p, ZERO) * square).upper()
    return arb("inf")


def _dual(vectors: Vectors) -> list[float]:
    """Steps towards `p_l ∝ |⟨a, V_l⟩|`, a the top eigenvector of `Σ V_lV_lᵀ/p_l`; the mean of the later ones."""
    length = [math.hypot(*row) + 1e-300 for row in vectors]
    whole = sum(length)
    base = [max(x / whole, FAINT) for x in length]
    columns = [list(column) for column in zip(*vectors, strict=True)]
    a = [x + 1e-8 * whole for x in vectors[0]]
    p, kept = base, [0.0] * len(base)
    for step in range(STEPS):
        for _ in range(POWER):
            y = [sum(map(mul, row, a)) / v for row, v in zip(vectors, p, strict=True)]
            a = [sum(map(mul, column, y)) for column in columns]
            size = math.hypot(*a) + 1e-300
            a = [x / size for x in a]
        s = [abs(sum(map(mul, row, a))) + 1e-300 for row in vectors]
        size = sum(s)
        p = [(1 - SHARE) * u + SHARE * ((1 - FLAT) * x / size + FLAT * v) for u, x, v in zip(p, s, base, strict=True)]
        if 2 * step >= STEPS:
            kept = [u + v for u, v in zip(kept, p, strict=True)]
    size = sum(kept)
    return [x / size for x in kept]


def _top(M: Vectors) -> float:
    """About the largest eigenvalue, by power iteration."""
    a = [1.0 + 1.0 / (j + 1) for j in range(len(M))]
    found = 0.0
    for _ in range(ITERATIONS):
        size = math.hypot(*a)
        if not 0 < size < math.inf:
            return 0.0
        a = [x / size for x in a]
        image = [sum(map(mul, row, a)) for row in M]
        found = sum(map(mul, image, a))
        a = image
    return found
