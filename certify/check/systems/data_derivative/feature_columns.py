"""The columns of C where features move, `C_i = ∂_x∇_w L · diag(scale)`, of many rows at once in fixed point.

At the parameter (r, s) of layer h and the feature j it is `δ̇_h[r, j] ã[s] + δ_h[r] ȧ[s, j]`: for a row and a feature
two products of vectors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flint import arb, arb_mat, fmpz_mat

from certify.check.enclosure.hessian import Curvature, Tangents
from certify.check.linalg.fixed import Fixed, enclosed
from certify.check.linalg.outer import facings
from certify.check.systems.data_derivative.base import together


def parts(curvature: Curvature) -> Iterator[tuple[list[int], Fixed]]:
    """Places of some moving rows, and `C_iᵀ` of these one under the other; the largest rows first."""
    problem = curvature.problem
    each = problem.parameters * problem.layers[0].inputs
    for some in together([curvature.length(i) for i in problem.moving], each):
        rows = [problem.moving[place] for place in some]
        with curvature.at_width():
            moves = [curvature.feature_tangents(i) for i in rows]
            found = facings([_layer(curvature, h, rows, moves) for h in problem.free], curvature.width)
        yield some, found


def _layer(curvature: Curvature, h: int, rows: Sequence[int], moves: Sequence[Tangents]) -> list[tuple[Fixed, Fixed]]:
    """`δ̇` with `ã`, and `δ` with `ȧ`, a row for each row and feature."""
    (inputs, deltas), d = curvature.factors(h, rows), moves[0].inputs[h].ncols()
    adjoints, motions = (enclosed(arb_mat([row for M in side for row in M.transpose().tolist()]), curvature.width)
                         for side in ([m.adjoints[h] for m in moves], [m.inputs[h] for m in moves]))
    return [(adjoints, _repeated(inputs, d)), (_repeated(deltas, d), motions)]


def _repeated(M: Fixed, times: int) -> Fixed:
    """Every row so many times."""
    rows = [row for row in M.mid.tolist() for _ in range(times)]
    return Fixed(fmpz_mat(rows), M.bits, (M.radius * arb(times).sqrt()).upper())
