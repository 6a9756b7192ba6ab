"""N4 for the critical map: how far a critical point moves when one row changes by 1 in the norm 1 or inf (M5e)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from certify.finders.one_row import propose_signs_and_weights
from certify.format.quantities import SAMPLE_MODULUS
from certify.format.theorems import M5_ROWS
from certify.format.words import Rigour
from certify.problem.bound import Bound, SideArray
from certify.problem.cost import Cost
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.rigor.inverse import Block, Blocks, Ends, Inverse, applied, enclose_ends, enclose_row_ends
from certify.systems.critical.cost import hessian_cost, mixed_cost
from certify.systems.critical.point import CriticalPoint
from certify.systems.critical.words import critical_hypotheses
from certify.theorems.critical import CriticalRule, at_exact_fit, settled_at
from certify.theorems.modulus.one_row import OneRowEnds, spread, stretch, vertices


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


NOTHING = 2.0**-48
"""Of the largest modulus of a row: what a row of zeros, which has none, is said to have at most."""


class CriticalRows(CriticalRule):
    """M5 and its cases, of every row alone."""

    theorem = M5_ROWS

    def cost(self, problem: Problem) -> tuple[Cost, ...]:
        """The base point, and the product with the mixed derivative."""
        return hessian_cost(problem), mixed_cost(problem)

    def sample_modulus(self, at: CriticalPoint) -> Bound:
        """Both ends of every row."""
        quantity = SAMPLE_MODULUS.name
        found = at_exact_fit(self, at, quantity)
        if found is not None:
            return found
        cost = mixed_cost(at.problem)
        return self.within(at, quantity, settled_at(at).theorem, cost, partial(self._ends, at, quantity))

    def _ends(self, at: CriticalPoint, quantity: str) -> Bound:
        """W2; N4 where one row is measured in the norm 1 or inf."""
        settled, problem = settled_at(at), at.problem
        inverse, C = at.motion()
        if inverse is None:
            return self.stated(at, quantity, settled.theorem, settled.reason)
        at.progress("mixed derivative", 0.4)
        if problem.norm == 2:
            both = both_ends(at, inverse, C)
            return _of_rows(at, quantity, both.row_lower, both.row_upper)
        ends = enclose_critical_rows(inverse, C, problem.norm, problem.movable)
        found = _of_rows(at, quantity, ends.lower, ends.upper)
        if ends.shape is None:
            return found
        shape = SideArray("shape", spread(ends.shape, np.array(problem.rows), problem.n))
        return replace(found, witness={"array": shape})


def both_ends(at: CriticalPoint, inverse: Inverse, C: Blocks) -> Ends:
    """Both ends of the whole and of every row: the rows cost little beside the whole."""
    return at.shared("both ends", lambda: enclose_ends(inverse, C))


def _of_rows(at: CriticalPoint, quantity: str, lower: Array, upper: Array) -> Bound:
    """Both ends; of a row that does next to nothing what a checker's numbers tell from nothing beside other rows."""
    settled, problem = settled_at(at), at.problem
    upper = np.maximum(upper, NOTHING * upper.max(initial=0.0))
    return Bound(quantity, settled.theorem, Rigour.PROVED, float(lower.max()), float(upper.max()), at.unit(quantity),
                 critical_hypotheses(problem, settled), {}, "", problem.rows, tuple(lower.tolist()),
                 tuple(upper.tolist()))
