"""N4 for the critical map: how far a critical point moves when one row changes by 1 in the norm 1 or inf (M5e)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from certify.finders.one_row import propose_signs_and_weights
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.rigor.inverse import Block, Blocks, Inverse, applied, enclose_row_ends
from certify.theorems.modulus.one_row import OneRowEnds, stretch, vertices


def enclose_critical_rows(inverse: Inverse, C: Blocks, norm: int | str, columns: NDArray[np.intp]) -> OneRowEnds:
    """Enclose `κ_i = max {|A⁻¹C_iu| : |u|_q ≤ 1}` for every row that may move (N4, W2).

    By all vertices of the ball where there are few (norm 1: the columns of C_i). Else, norm inf: from below by one sign
    vector, from above by `√τ·‖A⁻¹C_i diag(w)‖`, `τ = Σ w_a⁻²`, as in
    :func:`certify.theorems.modulus.one_row.enclose_one_row`.

    Args:
        inverse: of A.
        C: the rows' blocks.
        norm: 1 or ``"inf"``.
        columns: numbers of a row that may change.
    """
    q = next(iter(C())).mid.shape[2]
    some = vertices(norm, columns, q)
    if some is not None:
        low, high = (ends.reshape(-1, len(some)).max(axis=1) for ends in enclose_row_ends(inverse, pushed(C, some)))
        return OneRowEnds(low, high, None)
    found = [propose_signs_and_weights(Y) for Y, _, _ in applied(inverse.X, C)]
    signs, weights = (np.concatenate(part) for part in zip(*found, strict=True))
    lower = enclose_row_ends(inverse, _each(C, signs))[0]
    upper = enclose_row_ends(inverse, _boxed(C, weights))[1]
    return OneRowEnds(lower, fp.require_finite(upper * stretch(weights) * RAISE, "row moduli"), signs * weights)


def pushed(C: Blocks, changes: Array) -> Blocks:
    """The columns `C_iu` for every change u, as blocks of one column: row by row, change by change.

    A unit vector picks a column, exactly; of another u with entries 0 and ±1 a sum errs by `c_q‖C_i‖_F|u|` (R2).

    Args:
        C: the rows' blocks, q columns each.
        changes: `(c, q)` with entries 0, 1 and −1.
    """
    plain = (np.abs(changes).sum(axis=1) == 1).all()
    lengths = fp.row_norms(changes)

    def make() -> list[Block]:
        found = []
        for block in C():
            m, p, q = block.mid.shape
            mid = np.matmul(block.mid, changes.T)
            size = fp.row_norms(block.mid.reshape(m, -1))
            radius = block.radius[:, None] * lengths
            if not plain:
                radius = (radius + fp.dot_unit(q) * size[:, None] * lengths + fp.FLOOR) * RAISE
            columns = np.ascontiguousarray(mid.swapaxes(1, 2)).reshape(-1, p, 1)
            found.append(Block(fp.require_finite(columns, "changes of a row"), radius.ravel()))
        return found

    return make


def _each(C: Blocks, u: Array) -> Blocks:
    """The one column `C_iu_i` of every row, u_i with entries 1 and −1; radii as in :func:`pushed`."""

    def make() -> list[Block]:
        found, start = [], 0
        for block in C():
            m, _, q = block.mid.shape
            own = u[start:start + m]
            start += m
            mid = fp.require_finite(np.einsum("mpq,mq->mp", block.mid, own), "changes of a row")
            size, lengths = fp.row_norms(block.mid.reshape(m, -1)), fp.row_norms(own)
            radius = ((block.radius + fp.dot_unit(q) * size) * lengths + fp.FLOOR) * RAISE
            found.append(Block(mid[:, :, None], radius))
        return found

    return make


def _boxed(C: Blocks, w: Array) -> Blocks:
    """The blocks `C_i diag(w_i)`: each entry is rounded once."""

    def make() -> list[Block]:
        found, start = [], 0
        for block in C():
            m = len(block.mid)
            own = w[start:start + m]
            start += m
            mid = fp.require_finite(block.mid * own[:, None, :], "weighted blocks")
            radius = own.max(axis=1) * block.radius + 2.0 * U * fp.row_norms(mid.reshape(m, -1)) + fp.FLOOR
            found.append(Block(mid, fp.require_finite(radius * RAISE, "weighted blocks")))
        return found

    return make
