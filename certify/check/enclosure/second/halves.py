"""Blocks of the Hessian of many rows, where entries are equal or 0: each is made once, or not at all.

With `S_i = ∂²ψ_i/∂z_h²` the block of layer h with itself is `Σ_i S_i[r, t]·ã_s ã_u` at parameters (r, s) and (t, u):
symmetric in r and t, and in s and u. An input of the next layer moves with its own unit alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import mul
from typing import TYPE_CHECKING

from flint import arb, arb_mat, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.linalg.blocks import placed, sides
from certify.check.linalg.fixed import Fixed, cut, enclosed, longest
from certify.check.linalg.large.products import product
from certify.check.linalg.outer import facing, longest_row

if TYPE_CHECKING:
    from certify.check.enclosure.hessian import Curvature, Tangents


def blocks(at: Curvature) -> dict[tuple[int, int], Fixed]:
    """Those of all pairs of layers h ≤ g, without the decay, as `Curvature.hessian` puts them together."""
    found, every, width = {}, range(at.rows), at.width
    for h in at.problem.free:
        t, (A, _), later = at.scale[h], at.factors(h, every), [g for g in at.problem.free if g > h]
        found[h, h] = own_block(halves(at, h, t**2), at.problem.layers[h - 1].outputs, A, width)
        moves = [_onward(at, i, h) for i in every] if any(g > h + 1 for g in later) else []
        for g in later:
            B, F = at.factors(g, every)
            faced = facing(A, F, width)
            if g == h + 1:
                second = turning(at.slopes[h], sides(at.problem, g)[1], faced, t * at.scale[g], width)
                pulled = enclosed(arb_mat(_next(at, h)), width)
            else:
                second = product(faced.turned, at.listed([m.inputs[g].transpose() for m in moves]), width)
                pulled = at.listed([m.adjoints[g].transpose() for m in moves])
            found[h, g] = placed(at.problem, h, g, product(pulled.turned, facing(A, B, width), width), second)
    return found


def _onward(at: Curvature, i: int, h: int) -> Tangents:
    """Row i along the pre-activations of layer h, from the next layer on."""
    slopes = at.slopes[h][i]
    a = arb_mat([[d * at.scale[h] if r == u else ZERO for u in range(len(slopes))] for r, d in enumerate(slopes)])
    return at.swept(i, h + 1, at.parameters.weights[h] * a, a)


def _next(at: Curvature, h: int) -> list[list[arb]]:
    """How the next layer's adjoints move along the pre-activations of layer h, unit after unit: `S W diag(d)`."""
    S, W = at.second(h + 1), at.parameters.weights[h] * (at.scale[h] * at.scale[h + 1])
    k = at.problem.layers[h].outputs
    rows = (arb_mat([row for M in S for row in M.tolist()]) * W).tolist()
    return [[rows[i * k + a][r] * d for r, d in enumerate(D) for a in range(k)] for i, D in enumerate(at.slopes[h])]


def halves(at: Curvature, h: int, unit: arb) -> list[list[arb]]:
    """Of every row the entries `r ≤ t` of S, in so large a unit; below one output without S as a matrix.

    There `S = μww^T` with `w = diag(φ')Wᵀ`, and `diag(φ''(z) ∘ Wᵀδ)` beside it.
    """
    if h == len(at.problem.layers) or at.problem.layers[h].outputs > 1:
        return [[x * unit for r, row in enumerate(S.tolist()) for x in row[r:]] for S in at.second(h)]
    W, found, place = at.parameters.weights[h].entries(), [], [own[r] for r, own in enumerate(_places(
        at.problem.layers[h - 1].outputs))]
    for M, D, bends in zip(at.second(h + 1), at.slopes[h], at.bends(h), strict=True):
        mu, turned = M[0, 0] * unit, list(map(mul, W, D))
        scaled = [mu * x for x in turned]
        own = [x * y for r, x in enumerate(scaled) for y in turned[r:]]
        for at_place, bend in zip(place, bends, strict=True):
            own[at_place] += bend * unit
        found.append(own)
    return found


def own_block(parts: Sequence[Sequence[arb]], m: int, inputs: Fixed, width: int) -> Fixed:
    """That of a layer of m units with itself, of halves of every row's S; what is made stands at up to four places."""
    wide = inputs.shape[1]
    made = product(enclosed(arb_mat([list(row) for row in parts]), width).turned, squared(inputs, width), width)
    rows, units, across = made.mid.tolist(), _places(m), _places(wide)
    found: list[fmpz] = []
    for own in units:
        for places in across:
            for at in own:
                row = rows[at]
                found += [row[place] for place in places]
    return Fixed(fmpz_mat(m * wide, m * wide, found), made.bits, (2 * made.radius).upper())


def squared(A: Fixed, width: int) -> Fixed:
    """Row by row the products of every entry with itself and those after it, as of `facing`.

    A row a within r of â errs by at most `r(2|â| + r)`.
    """
    rows = A.mid.tolist()
    drop = max(0, 2 * longest(A.mid.entries()) - width)
    found = [[x * y >> drop for s, x in enumerate(row) for y in row[s:]] for row in rows]
    shape, bits = (len(rows), len(found[0])), 2 * A.bits - drop
    radius = A.radius * (2 * longest_row(A) + A.radius) + (cut(shape, bits) if drop else arb(0))
    return Fixed(fmpz_mat(found), bits, radius.upper())


def turning(slopes: Sequence[Sequence[arb]], wide: int, faced: Fixed, t: arb, width: int) -> Fixed:
    """`Σ_i faced_i ⊗ N_i` for the motions N_i of the next layer's inputs, `diag(slopes_i)·t`, a row of 0 for a bias.

    Args:
        slopes: of every row's units.
        wide: entries of the next layer's input.
        faced: a row for every row.
        t: by which all of them are multiplied.
        width: bits.
    """
    m = len(slopes[0])
    own = product(faced.turned, enclosed(arb_mat([[d * t for d in row] for row in slopes]), width), width)
    found = [fmpz(0)] * (own.shape[0] * wide * m)
    for at, row in enumerate(own.mid.tolist()):
        found[at * wide * m:(at + 1) * wide * m:wide + 1] = row
    return Fixed(fmpz_mat(own.shape[0], wide * m, found), own.bits, own.radius)


def _places(m: int) -> list[list[int]]:
    """Where the pair of r and t stands among all with `r ≤ t`, row by row."""
    starts = [r * m - r * (r - 1) // 2 for r in range(m)]
    return [[starts[min(r, t)] + abs(r - t) for t in range(m)] for r in range(m)]
