"""First-order changes of predictions at exact fits, in balls (P1).

They are `−Σ⟨G_iᵀy_ji, u_i⟩`, `y_j = K⁻¹Jg_j`, with `K⁻¹ = Rᵀ(I + E)⁻¹R` and `‖E‖ ≤ δ`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from flint import arb, arb_mat

from certify.check.enclosure.network import Backward, Forward, Parameters, backward, forward
from certify.check.enclosure.units import extended
from certify.check.kernel import Unproved
from certify.check.linalg.balls import ZERO, largest, norm, squares
from certify.check.reading.subject import Problem
from certify.check.systems.interpolation import Interpolation
from certify.check.systems.point import Point
from certify.check.theorems.predictions.supremum import Rows, require_smooth, supremum


def predictions(point: Point) -> FitPredictions:
    """First-order changes; raises `NotSmooth`, `Unproved`."""
    found = point.of(Interpolation).definite
    if found.R is None or not found.defect < 1:
        raise Unproved(f"K ≻ 0 is not proved at {point.precision} bits")
    return FitPredictions(point.problem, point.parameters, point.forward, point.backward, found.R, found.defect)


class FitPredictions:
    """The same at exact fits (attributes as of :class:`certify.check.theorems.predictions.critical.Predictions`).

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
        require_smooth(problem, there)
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
        if not problem.budget.single:
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
            if self.problem.moves.outer:
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
