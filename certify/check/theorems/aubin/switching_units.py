"""Units of relu and leaky relu that may change sign, one hidden layer (Q1): what they do to `XJQᵀ` and to `XG_u`.

J is compared with the Jacobian of the network whose slopes are kept as they are at the data.
"""

from __future__ import annotations

from flint import arb, arb_mat, ctx

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.tangents import Point
from certify.check.linalg.balls import ONE, ZERO, norm, squares
from certify.check.lipschitz.along_paths import PRECISION
from certify.check.lipschitz.of_reduced_jacobian import SQUARINGS, spectral
from certify.check.reading.subject import Problem

TINY = arb(2) ** -300
"""Keeps what balances a vector that is 0, as of a unit that no row uses, above 0."""

LARGEST = 4096
"""Most pairs of a row and a unit that may change sign."""


class Gates:
    """Pairs of a row r (of a point i and an output a) and a hidden unit j.

    Args:
        problem: a problem whose network has one hidden layer of relu or leaky relu.
        point: the passes; no pre-activation is 0.
        X: exact.
        pushed: for each row Q_l of Q as a direction, what it does to the pre-activations: `(N, m)`.
    """

    def __init__(self, problem: Problem, point: Point, X: arb_mat, pushed: list[arb_mat]) -> None:
        self.jump, self.X, self.rows = ACTIVATIONS[problem.activation].jump, X, point.rows
        self.before = [[abs(z).lower() for z in row] for row in point.before[0]]
        self.columns = X.transpose().tolist()
        self.pushed = [rows.tolist() for rows in pushed]
        v, k = point.weights[1].tolist(), problem.outputs
        self.outer = [v[r % k] for r in range(self.rows)]
        with ctx.workprec(PRECISION):
            self.inner = [norm(row).upper() for row in point.weights[0].tolist()]
            self.lengths = [norm(row).upper() for row in point.inputs[0].tolist()]
            self.sizes = arb_mat([[abs(x) for x in row] for row in X.tolist()])

    def _open(self, row: int, t: arb, rho: arb) -> list[tuple[int, arb]]:
        """Units of a row that may change sign, and how far their pre-activations move: `(|w_j| + ρ)t + ρ|x̃|`."""
        still = rho * self.lengths[row]
        moved = [(inner + rho) * t + still for inner in self.inner]
        return [(j, m) for j, (m, z) in enumerate(zip(moved, self.before[row], strict=True)) if not m < z]

    def turned(self, moves: list[arb], rho: arb, size: arb) -> arb:
        """Upper bound of `‖X(J − J̃)Qᵀ‖` over `|u_i| ≤ t_i`, `|Δw| ≤ ρ`; infinity where too many units may turn.

        Args:
            moves: t of every row.
            rho: how far the weights move.
            size: of Q.
        """
        found = [self._open(row, t, rho) for row, t in enumerate(moves)]
        pairs = [(row, j) for row, units in enumerate(found) for j, _ in units]
        if not pairs:
            return ZERO
        if len(pairs) > LARGEST:
            return arb("inf")
        left, right = [], []
        for row, j in pairs:
            column, m = self.columns[row], [self.outer[row][j] * rows[row][j] for rows in self.pushed]
            alpha = _balance(column, m)
            left.append([x * alpha for x in column])
            right.append([x / alpha for x in m])
        main = spectral(arb_mat(left), SQUARINGS) * spectral(arb_mat(right), SQUARINGS)
        with ctx.workprec(PRECISION):
            e = [self._left(row, units, t, rho) for row, (units, t) in enumerate(zip(found, moves, strict=True))]
            rest = norm((self.sizes * arb_mat(self.rows, 1, e)).entries()).upper()
        return self.jump * main + size * self.jump * rest

    def steeper(self, row: int, t: arb, rho: arb) -> arb:
        """Upper bound of what units that change sign add to a row of `∂f/∂x`."""
        return self.jump * sum(((abs(self.outer[row][j]) + rho) * (self.inner[j] + rho)
                                for j, _ in self._open(row, t, rho)), ZERO)

    def _left(self, row: int, units: list[tuple[int, arb]], t: arb, rho: arb) -> arb:
        """Of the difference of two rows, by the jump, what the pairs do not say."""
        far = rho * (self.lengths[row] + t)
        return squares([*(m for _, m in units), *(far + abs(self.outer[row][j]) * t for j, _ in units)]).sqrt().upper()


def _balance(column: list[arb], m: list[arb]) -> arb:
    """An exact number near `√(|m|/|column|)`; any above 0 would do."""
    wide, long = norm(m).upper(), norm(column).upper()
    found = ((wide + TINY) / (long + TINY)).sqrt().mid()
    return found if found > 0 else ONE
