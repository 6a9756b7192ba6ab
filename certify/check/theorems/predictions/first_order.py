"""First-order changes of predictions at critical points and exact fits, in balls (P1).

Critical points: prediction j has the gradient g_j, and the changes u_i of the rows change it by `−Σ⟨C_iᵀy_j, u_i⟩`,
`y_j = A⁻¹g_j`. With `‖XA − I‖ ≤ ε` that is `Xg_j` up to `ε/(1−ε)|Xg_j|`, A being symmetric.
Exact fits: `−Σ⟨G_iᵀy_ji, u_i⟩`, `y_j = K⁻¹Jg_j`, with `K⁻¹ = Rᵀ(I + E)⁻¹R` and `‖E‖ ≤ δ`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from flint import arb, arb_mat, ctx, fmpz_mat

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.hessian import extended, pulled
from certify.check.enclosure.network import Backward, Forward, NotSmooth, Parameters, backward, forward
from certify.check.linalg.balls import ONE, ZERO, largest, norm, root, squares
from certify.check.linalg.fixed import Fixed, enclosed, product
from certify.check.reading.subject import Problem
from certify.check.systems.critical import Stationary, Unproved

Rows = list[list[arb]]


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
        _require_smooth(problem, passed)
        J = pulled(problem, at.parameters, passed)
        Y = product(enclosed(J, at.width), at.X.turned, at.width)
        error = at.inverse.error
        lost = [(norm(row) * error / (1 - error)).upper() for row in Y.balls().tolist()]
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
        if problem.set == "given":
            return self._of_one(Y, lost)
        return supremum(problem, len(lost), ((S, [e * size for e in lost]) for S, size in self._effects(Y)))

    def _effects(self, Y: Fixed) -> Iterator[tuple[Rows, arb]]:
        """`Y_jC_i` of every moving row, all j, and `|C_i|_F`."""
        at, problem = self.at, self.problem
        if problem.parameter == "features":
            for i in problem.moving:
                C = enclosed(at.curvature.feature_block(i), at.width)
                yield product(Y, C, at.width).balls().tolist(), (C.size + C.radius).upper()
            return
        q, C = at.width_of_row, at.columns
        S = product(Y, C, at.width).balls().tolist()
        columns = C.turned.mid.tolist()
        for start in range(0, len(columns), q):
            own = Fixed(fmpz_mat(columns[start:start + q]), C.bits, C.radius)
            yield [row[start:start + q] for row in S], (own.size + C.radius).upper()

    def _of_one(self, Y: Fixed, lost: Sequence[arb]) -> list[arb]:
        """`|⟨y_j, Cu⟩|` of the one given change."""
        at, problem = self.at, self.problem
        assert problem.change is not None
        change = {row: [arb(v) for v in u] for row, u in problem.change.items()}
        if problem.parameter == "features":
            image = arb_mat(problem.parameters, 1)
            for row, u in change.items():
                image = image + at.curvature.feature_image(row, u)
            moved = enclosed(image, at.width)
        else:
            step = arb_mat([[v] for row in problem.moving for v in change[row]])
            moved = product(at.columns, enclosed(step, at.width), at.width)
        size = (moved.size + moved.radius).upper()
        values = product(Y, moved, at.width).balls().entries()
        return [(abs(v) + arb(0, (e * size).upper())).max(ZERO) for v, e in zip(values, lost, strict=True)]


class FitPredictions:
    """The same at exact fits (attributes as of :class:`Predictions`).

    Args:
        problem: with the interpolation map and evaluation rows.
        parameters: weights and biases.
        passed, adjoint: the passes over the kept rows, which are all.
        R, defect: of K.
    """

    def __init__(self, problem: Problem, parameters: Parameters, passed: Forward, adjoint: Backward, R: arb_mat,
                 defect: arb) -> None:
        self.problem, self.R, k = problem, R, problem.outputs
        there = forward(problem, parameters, list(problem.evaluation))
        _require_smooth(problem, there)
        own = backward(replace(problem, kept=tuple(range(there.outputs.nrows()))), parameters, there)
        across, squared = _gradient_products(problem, there, own.adjoints, passed, adjoint.adjoints)
        images = (across * R.transpose()).tolist()
        sizes = [norm(a) for a in images]
        self.gradients = adjoint.gradients.tolist()
        off = [(size * defect / (1 - defect)).upper() for size in sizes]
        every = self._changes((arb_mat(images) * R).tolist(), off)
        self.changes = [largest(every[j:j + k]) for j in range(0, len(every), k)]
        trained = set(problem.features)
        self.agreed = [x in trained for x in problem.evaluation]
        outside = [bool(g > a ** 2 / (1 - defect)) for g, a in zip(squared, sizes, strict=True)]
        self.free = [any(outside[j:j + k]) for j in range(0, len(outside), k)]

    def _changes(self, y: Rows, off: Sequence[arb]) -> list[arb]:
        problem = self.problem
        if problem.set != "given":
            return supremum(problem, len(y), (part for _, *part in self._effects(y, off)))
        assert problem.change is not None
        totals = [ZERO] * len(y)
        for row, S, wide in self._effects(y, off):
            u = [arb(v) for v in problem.change[row]]
            for j, s in enumerate(S):
                error = arb(0, (wide[j] * norm(u)).upper())
                totals[j] += sum((a * b for a, b in zip(s, u, strict=True)), ZERO) + error
        return [abs(total) for total in totals]

    def _effects(self, y: Rows, off: Sequence[arb]) -> Iterator[tuple[int, Rows, list[arb]]]:
        """Row number, `G_iᵀy_ji` for all j, and how far each may be off, for every moving row."""
        k, R = self.problem.outputs, self.R.transpose().tolist()
        for i in self.problem.moving:
            at = slice(i * k, i * k + k)
            size = norm(x for column in R[at] for x in column)
            if self.problem.parameter == "targets":
                yield i, [row[at] for row in y], [size * e for e in off]
                continue
            G = arb_mat(self.gradients[at])
            length = norm(G.entries())
            yield i, (arb_mat([row[at] for row in y]) * G).tolist(), [size * e * length for e in off]


def _gradient_products(
    problem: Problem, there: Forward, own: Sequence[arb_mat], passed: Forward, adjoints: Sequence[arb_mat],
) -> tuple[arb_mat, list[arb]]:
    """`⟨g_j, J_i⟩` of all predictions and equations, and `|g_j|²`, in Hadamard form (M3)."""
    k = problem.outputs
    total = arb_mat(there.outputs.nrows() * k, passed.outputs.nrows() * k)
    squared = [ZERO] * total.nrows()
    for h in problem.free:
        A, T = extended(problem, h, there), extended(problem, h, passed)
        inner, B = (A * T.transpose()).tolist(), own[h - 1]
        outer = (B * adjoints[h - 1].transpose()).tolist()
        total = total + arb_mat([[x * inner[j // k][i // k] for i, x in enumerate(row)] for j, row in enumerate(outer)])
        lengths = [squares(row) for row in A.tolist() for _ in range(k)]
        squared = [v + squares(row) * x for v, row, x in zip(squared, B.tolist(), lengths, strict=True)]
    return total, squared


def supremum(problem: Problem, count: int, effects: Iterable[Sequence[Any]]) -> list[arb]:
    """`sup |Σ⟨s_ji, u_i⟩|` over the budget (not `given`) of `count` predictions.

    Args:
        problem: its set, norm, count and radius.
        count: how many predictions there are.
        effects: of every moving row the vectors `s_j`, and how far in Euclidean length each may be off.
    """
    total = problem.set == "total"
    found: Rows = [[] for _ in range(count)]
    sums = [ZERO] * count
    for S, wide in effects:
        for j, row in enumerate(S):
            value = norm(row) if total else _dual(row, problem.norm)
            error = wide[j] * (ONE if total or problem.norm != "inf" else arb(len(row)).sqrt())
            value = (value + arb(0, error.upper())).max(ZERO)
            if problem.set == "sparse":
                found[j].append(value)
            else:
                sums[j] += value ** 2 if total else value
    assert problem.radius is not None  # the spec was checked
    if problem.set == "sparse":
        sums = [_most(values, problem.at_once) for values in found]
    return [(root(v) if total else v) * arb(problem.radius) for v in sums]


def _require_smooth(problem: Problem, passed: Forward) -> None:
    """Raise `NotSmooth` where an input of a unit may be 0 and the activation has a kink there."""
    if not ACTIVATIONS[problem.activation].kinked:
        return
    for h, before in enumerate(passed.before, 1):
        width = problem.layers[h - 1].outputs
        for place, z in enumerate(before):
            if not (z > 0 or z < 0):
                raise NotSmooth(f"the input of unit {place % width} of layer {h} at evaluation row {place // width}",
                                bool(z == 0))


def _agreed(at: Stationary, passed: Forward) -> list[bool]:
    """Whether every field leaves the outputs alone: units that are dead or linear at the data are so at the row."""
    problem, rows = at.problem, passed.outputs.nrows()
    if at.fields.found == 0:
        return [True] * rows
    if problem.loss == "cross_entropy" and len(problem.layers) in problem.free:
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


def _dual(values: Sequence[arb], q: int | str) -> arb:
    """`|v|_{q*}`."""
    sizes = [abs(v) for v in values]
    return root(squares(values)) if q == 2 else largest(sizes) if q == 1 else sum(sizes, ZERO)


def _most(values: list[arb], count: int) -> arb:
    """A ball that holds the sum of the `count` largest, by both ends of every value."""
    if not all(v.is_finite() for v in values):
        return arb(0, arb("inf"))
    low = sum(sorted((v.lower() for v in values), reverse=True)[:count], ZERO)
    high = sum(sorted((v.upper() for v in values), reverse=True)[:count], ZERO)
    return low.union(high)
