"""First-order changes of predictions at critical points, in balls (P1).

Prediction j has the gradient g_j, and the changes u_i of the rows change it by `−Σ⟨C_iᵀy_j, u_i⟩`, `y_j = A⁻¹g_j`. With
`‖XA − I‖ ≤ ε` that is `Xg_j` up to `ε/(1−ε)|Xg_j|`, A being symmetric.
"""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb, ctx, fmpz_mat

from certify.check.enclosure.losses.base import loss_of
from certify.check.enclosure.network import Forward, forward
from certify.check.enclosure.units import pulled
from certify.check.kernel import CHANCE, Unproved
from certify.check.linalg.balls import ZERO, largest
from certify.check.linalg.fixed import Fixed, enclosed, squares
from certify.check.linalg.large.products import product
from certify.check.systems.critical import Stationary, stationary
from certify.check.systems.point import Point
from certify.check.theorems.predictions.supremum import require_smooth, supremum


def predictions(point: Point) -> Predictions:
    """First-order changes; raises `NotSmooth`, `Unproved`."""
    return Predictions(point.of(stationary))


class Predictions:
    """What the rules look at.

    Args:
        at: the critical point, of a problem with evaluation rows.

    Attributes:
        changes: of every evaluation row the largest first-order change of an output over the budget.
        agreed, free: of every evaluation row whether all critical points nearby are proved to share its change, or
            its change is proved to take every value, by the critical point.

    Raises:
        NotSmooth: an evaluation row is not proved away from a kink.
        Unproved: A is not proved nonsingular.
    """

    def __init__(self, at: Stationary) -> None:
        self.problem, self.at = at.problem, at
        if at.inverse.X is None:
            raise Unproved(f"A = H + TTᵀ is not proved nonsingular at {ctx.prec} bits")
        problem, k = self.problem, self.problem.outputs
        passed = forward(problem, at.parameters, list(problem.evaluation))
        require_smooth(problem, passed)
        J = pulled(problem, at.parameters, passed)
        Y = product(enclosed(J, at.width), at.X.turned, at.width)
        error = at.inverse.error
        part = error / (1 - error)
        lost = [((squares(row, Y.bits).sqrt() + Y.radius) * part).upper() for row in Y.mid.tolist()]
        every = self._changes(Y, lost)
        self.changes = [largest(every[j:j + k]) for j in range(0, len(every), k)]
        self.agreed = _agreed(at, passed)
        self.free = [False] * len(self.changes)
        if at.fields.columns is not None:
            along = [any(x != 0 for x in row) for row in (J * at.fields.columns).tolist()]
            self.free = [any(along[j:j + k]) for j in range(0, len(along), k)]

    def _changes(self, Y: Fixed, lost: Sequence[arb]) -> list[arb]:
        """The largest change of every prediction; `lost_j` bounds `|y_j − Y_j|`."""
        problem = self.problem
        if problem.budget.single:
            return self._of_one(Y, lost)
        if self.at.data.each == 1 and not self.at.data.structured:
            from certify.check.theorems.predictions.one_column import changes as by_columns

            return by_columns(self.at, Y, lost)
        found: list[arb | None] = [None] * len(lost)
        if CHANCE.get() is not None and problem.moves.inputs:
            from certify.check.probed.effects import changes

            found = changes(self.at, Y, lost)
        left, rows = [j for j, x in enumerate(found) if x is None], Y.mid.tolist()
        if not left:
            return [x for x in found if x is not None]
        rest = Y if len(left) == len(found) else Fixed(fmpz_mat([rows[j] for j in left]), Y.bits, Y.radius)
        own = iter(supremum(problem, len(left), ((S, [lost[j] * size for j in left])
                                                 for S, size in self.at.data.through(rest))))
        return [next(own) if x is None else x for x in found]

    def _of_one(self, Y: Fixed, lost: Sequence[arb]) -> list[arb]:
        """`|⟨y_j, Cu⟩|` of the one given change."""
        at, problem = self.at, self.problem
        assert problem.change is not None
        change = {row: [arb(v) for v in u] for row, u in problem.change.items()}
        moved = at.data.image(change)
        size = (moved.size + moved.radius).upper()
        values = product(Y, moved, at.width).balls().entries()
        return [(abs(v) + arb(0, (e * size).upper())).max(ZERO) for v, e in zip(values, lost, strict=True)]


def _agreed(at: Stationary, passed: Forward) -> list[bool]:
    """Whether every field leaves the outputs alone: units that are dead or linear at the data are so at the row."""
    problem, rows = at.problem, passed.outputs.nrows()
    if at.fields.found == 0:
        return [True] * rows
    if loss_of(problem).invariant and len(problem.layers) in problem.free:
        return [False] * rows  # one number more for every output is a field
    found = [True] * rows
    if problem.activation == "identity":
        return found
    for h in range(1, len(problem.layers)):
        m, trained = problem.layers[h - 1].outputs, at.passed.before[h - 1]
        for j in range(m):
            signs = {bool(z > 0) if z > 0 or z < 0 else None for z in trained[j::m]}
            if len(signs) > 1 or None in signs:
                continue  # neither dead nor linear: rescaled alone, everywhere
            alive = True in signs
            if not alive and problem.activation != "relu":
                continue  # on one branch, but not the one where a unit is its pre-activation: rescaled alone
            for i, z in enumerate(passed.before[h - 1][j::m]):
                found[i] = found[i] and bool(z > 0 if alive else z < 0)
    return found
