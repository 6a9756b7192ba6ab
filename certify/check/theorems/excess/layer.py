"""A last layer before and after one change of the data, by matrices of the rows alone (S14).

`Aδ = 0` holds for the steps δ from the given weights to exact fits of today's data, `Bδ = R` for those of the changed.
"""

from __future__ import annotations

from flint import arb, arb_mat

from certify.check.enclosure.network import Forward, Parameters, forward
from certify.check.kernel import Unproved
from certify.check.linalg.balls import ONE, ZERO
from certify.check.reading.subject import Problem
from certify.check.systems.equations import changed


class LayerWindow:
    """Both sets, at the present precision.

    Args:
        problem: interpolation, base and set `given`; the last layer is free.
        parameters: the given weights.
        passed: the forward pass over the kept rows.

    Attributes:
        A, B: `(n, q)` inputs of the layer, with a last column of ones where it has a bias.
        R: `(n, k)`.
        far: `|c|²`, the squared distance to the nearest exact fit of the changed data.

    Raises:
        Unproved: A or B is not proved to have full row rank.
    """

    def __init__(self, problem: Problem, parameters: Parameters, passed: Forward) -> None:
        system, bias = changed(problem), problem.layers[-1].biases is not None
        after = forward(problem, parameters, system.points)
        self.A, self.B = (_inputs(one, bias) for one in (passed, after))
        k = problem.outputs
        self.R = arb_mat(len(problem.kept), k, list(system.targets)) - after.outputs
        self.M = self.B * self.A.transpose()
        self.K, self.L = self.A * self.A.transpose(), self.B * self.B.transpose()
        through = solved(self.K, self.M.transpose())
        nearest = solved(self.L, self.R)
        if through is None or nearest is None:
            raise Unproved("full row rank of the layer's inputs is not proved, before or after the change")
        self.through, self.nearest = self.M * through, nearest
        self.far = inner(self.R, nearest)

    def difference(self, multiplier: arb) -> arb_mat:
        """`D = MK⁻¹Mᵀ − (1 − λ)L`, with `K = AAᵀ`, `L = BBᵀ`, `M = BAᵀ`."""
        return self.through - self.L * (ONE - multiplier)

    def out(self, point: arb_mat, square: arb, after: bool) -> arb_mat | None:
        """A point made a step along one of the sets, `|y|² ≤ square`: `Ay = 0`, or `By = 0`; None: that fails."""
        rows, gram = (self.B, self.L) if after else (self.A, self.K)
        part = solved(gram, rows * point)
        if part is None:
            return None
        y = point - rows.transpose() * part
        size = inner(y, y)
        if size <= square:
            return y
        scale = (square.lower() / size.upper()).sqrt().lower()
        return y * scale if scale.is_finite() else None

    def beyond_today(self, y: arb_mat) -> arb | None:
        """`d(w̄ + c + y, S(ū))²` for a y with `By = 0`: `sᵀK⁻¹s`, `s = MᵀL⁻¹R + Ay`."""
        s = self.M.transpose() * self.nearest + self.A * y
        part = solved(self.K, s)
        return None if part is None else inner(s, part)

    def beyond_changed(self, y: arb_mat) -> arb | None:
        """`d(w̄ + y, S(u))²`: `sᵀL⁻¹s`, `s = R − By`."""
        s = self.R - self.B * y
        part = solved(self.L, s)
        return None if part is None else inner(s, part)


def _inputs(passed: Forward, bias: bool) -> arb_mat:
    rows = passed.inputs[-1].tolist()
    return arb_mat([[*row, ONE] for row in rows] if bias else rows)


def solved(M: arb_mat, right: arb_mat) -> arb_mat | None:
    """`M⁻¹·right`; None where M is not proved nonsingular."""
    try:
        return M.solve(right)
    except ZeroDivisionError:
        return None


def inner(M: arb_mat, N: arb_mat) -> arb:
    """The sum of the products of the entries."""
    return sum((x * y for x, y in zip(M.entries(), N.entries(), strict=True)), ZERO)
