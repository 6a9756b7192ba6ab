"""What every moving row does to predictions, proposed by another process and judged by one pass (W6).

With `Y = JX`, a row y_j for each prediction, `S_i ≈ YC_i` is proposed for every row. Along `w = Yᵀu` one pass gives all
`C_iᵀw`, so `uᵀ(YC_i − S_i)`; of random u these bound how far every S_i is from the truth. The most that a budget makes
of sizes is a norm of these, so that what they are off by counts once for each prediction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import nlargest
from math import isqrt
from operator import mul

from flint import arb, arb_mat, fmpz_mat

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.hessian import Curvature
from certify.check.enclosure.network import first_weights
from certify.check.kernel import CHANCE
from certify.check.linalg.balls import ZERO, largest, norm, root
from certify.check.linalg.fixed import Fixed, scale
from certify.check.linalg.probes import MATRICES, ROOM, drawn, may_draw, together
from certify.check.probed.answer import Effects, asked_effects
from certify.check.probed.lanes import MOST, sums
from certify.check.probed.products import products
from certify.check.reading.subject import Problem
from certify.check.systems.critical import Stationary
from certify.check.words.row_norms.base import RowNorm

LEAST, LARGEST = 10**9, 1 << 31
"""Products of two numbers for all rows from which it takes less time, and bytes beyond which nothing is asked."""

SHARES, ENOUGH = (10, 5), arb(2) ** -32
"""Of the largest entry some vector sees `2^−10` of any direction; where that leaves more of some change open than so
much of it, more vectors see `2^−5`."""


def changes(at: Stationary, Y: Fixed, lost: Sequence[arb]) -> list[arb | None]:
    """The largest change of every prediction over the budget; None where products with C have to decide.

    That is everywhere if nothing is proposed or this is not for the problem, and of predictions that change so little
    beside others that what the vectors leave open is not small beside their own change.

    `C_iᵀA⁻¹g_j` lies within `e_i + |A⁻¹g_j − y_j||C_i|` of `S_i^j`.

    Args:
        at: a point where features move.
        Y: the vectors y_j, a row each.
        lost: for each at least `|A⁻¹g_j − y_j|`.
    """
    said, problem, objective = CHANCE.get(), at.problem, at.curvature.objective
    nothing: list[arb | None] = [None] * Y.shape[0]
    if said is None or not _suited(problem, Y.shape[0]):
        return nothing
    told = asked_effects(problem, at.parameters, at.passed, objective, Y)
    if told is None:
        return nothing
    found, top = _sizes(problem, told), max(told.bits)
    longest = problem.row_norm.longest(len(problem.features[0]))
    of_rows = _most(problem, [longest * size for size in sizes_of_rows(at.curvature, problem.moving)])
    off = arb("inf")
    for share in SHARES:
        if not may_draw(Y.shape[0]):
            return nothing
        said.append("S − YC")  # both are fixed now
        away = bounded(at, Y, told, share)
        off = _most(problem, [e * longest + scale(bits) for e, bits in zip(away, told.bits, strict=True)])
        sharp = [bool(off < v * scale(top) * ENOUGH) for v in found]
        if all(sharp):
            break
    assert problem.radius is not None  # the spec was checked
    each = [off + (x + Y.radius) * of_rows for x in lost]
    return [(v * scale(top) + arb(0, e.upper())).max(ZERO) * arb(problem.radius) if enough and e.is_finite() else None
            for v, e, enough in zip(found, each, sharp, strict=True)]


def _suited(problem: Problem, count: int) -> bool:
    """Whether the pass is for the problem, and takes less time than products with C."""
    numbers = len(problem.moving) * len(problem.features[0]) * count
    return (problem.moves.inputs and problem.graph is None and problem.lengths.plain and count <= MOST
            and ACTIVATIONS[problem.activation].third is not None and 0 < len(problem.moving) < MATRICES
            and may_draw(count) and numbers * problem.parameters > LEAST and 8 * numbers <= LARGEST)


def _most(problem: Problem, sizes: Sequence[arb]) -> arb:
    """What the budget of radius 1 makes of the sizes of all rows, from above."""
    return problem.budget.shared(sizes, problem.at_once).upper()


def _sizes(problem: Problem, told: Effects) -> list[arb]:
    """For every vector what the budget makes of its numbers, in units of the most bits, of sizes rounded down by one.

    A size lacks less than one unit of its row, which is counted with what the row is off.
    """
    d, top, found, dual = len(problem.features[0]), max(told.bits), [], dual_of(problem.row_norm)
    places = [(at * d, top - bits) for at, bits in enumerate(told.bits)]
    for j in range(told.count):
        values = told.of(j).cast("q").tolist()
        found.append(most_of(problem, [dual(values[start:start + d]) << shift for start, shift in places]))
    return found


def dual_of(q: RowNorm) -> Callable[[Sequence[int]], int]:
    """`|v|_{q*}` of integers, or less than 1 below it."""
    if q.boxed:
        return lambda values: sum(map(abs, values))
    return (lambda values: max(map(abs, values))) if q.cross else lambda values: isqrt(sum(map(mul, values, values)))


def most_of(problem: Problem, sizes: Sequence[int]) -> arb:
    """What the budget of radius 1 makes of integers: the root of their squares' sum, or the sum of all or of some."""
    if problem.budget.joint:
        return arb(sum(map(mul, sizes, sizes))).sqrt()
    return arb(sum(nlargest(problem.at_once, sizes) if problem.budget.counted else sizes))


def bounded(at: Stationary, Y: Fixed, told: Effects, share: int) -> list[arb]:
    """For every moving row at least `‖S_i − ŶC_i‖`, Ŷ the middle, by vectors that are drawn here."""
    problem, least, m = at.problem, arb(2) ** (ROOM - share), Y.shape[0]
    d, count = len(problem.features[0]), together(len(problem.moving), share)
    u = drawn(m, count)
    w = arb_mat(Y.mid.transpose() * u) * scale(Y.bits)
    with at.curvature.at_width():
        forms = products(problem, at.parameters, at.passed, at.curvature.objective, w).forms.tolist()
    columns = [[int(x) for x in column] for column in u.transpose().tolist()]
    along = sums((told.of(j) for j in range(m)), columns, d * len(problem.moving))
    found = []
    for number, i in enumerate(problem.moving):
        unit, start = scale(told.bits[number]), number * d
        seen = (arb_mat(fmpz_mat(count, d, [x for own in along for x in own[start:start + d]])) * unit
                - arb_mat(forms[i * count:(i + 1) * count]))
        found.append((largest([length(row) for row in seen.tolist()]) / least).upper())
    return found


def length(row: Sequence[arb]) -> arb:
    """At least the Euclidean length of many numbers: a row times itself."""
    line = arb_mat(1, len(row), row)
    return root((line * line.transpose())[0, 0]).upper()


def sizes_of_rows(curvature: Curvature, rows: Sequence[int]) -> list[arb]:
    """At least `|C_i|_F` of every row, of which the entries in layer h are `δ̇_h[r, j]ã[s] + δ_h[r]ȧ[s, j]`.

    `|δ̇_h| ≤ |∂²ψ_i/∂z_h²||ż_h|`, `|ż_h| ≤ |W_h||ȧ_{h−1}|` and `|ȧ_h| ≤ max|φ'(z_h)||ż_h|`, all of them of Frobenius.
    """
    problem, found = curvature.problem, []
    weights = [norm(W.entries()).upper() for W in curvature.parameters.weights]
    units = norm([arb(s) for s in problem.scale or (1.0,) * problem.layers[0].inputs]).upper()
    first = norm(first_weights(problem, curvature.parameters).entries()).upper()
    for i in rows:
        total, z, a = ZERO, first, units
        for h in range(1, len(problem.layers) + 1):
            if h > 1:
                a = (largest([abs(x).upper() for x in curvature.slopes[h - 1][i]]) * z).upper()
                z = (weights[h - 1] * a).upper()
            if h in problem.free:
                inputs, deltas = curvature.factors(h, [i])
                own = (length(curvature.second(h)[i].entries()) * z * (inputs.size + inputs.radius)
                       + (deltas.size + deltas.radius) * a).upper()
                total += own * own  # a power of a ball around 0 is no number
        found.append(total.sqrt().upper())
    return found
