"""What rows that leave, or count less, do to the gradient and to curvature (Q6c)."""

from __future__ import annotations

from functools import cached_property
from importlib import import_module

from flint import arb, arb_mat, ctx

from certify.check.linalg.balls import ZERO, norm, root
from certify.check.theorems.head.layer import GRAM, WHOLE, Effect, Layer
from certify.check.theorems.head.norms import Rows, circles, top_of_gram, top_of_product, total_of


class InBalls:
    """The rows `y_i = R(g_i ⊗ φ_i)`, each number with a radius of its own."""

    def __init__(self, g: arb_mat, phi: arb_mat, R: arb_mat) -> None:
        self.R, self.Y = R, arb_mat([[x * y for x in u for y in v] for u, v in zip(
            g.tolist(), phi.tolist(), strict=True)]) * R.transpose()

    @cached_property
    def across(self) -> arb_mat:
        """In columns."""
        return self.Y.transpose()

    @cached_property
    def sizes(self) -> list[arb]:
        """By every row's entries."""
        return [norm(row) for row in self.Y.tolist()]

    def beside(self, falling: bool, count: int) -> list[arb]:
        """With half of the bits, as they are only added up."""
        with ctx.workprec(ctx.prec // 2):
            return [total_of([x.max(ZERO) if falling else abs(x) for j, x in enumerate(row) if j != i], count)
                    for i, row in enumerate((self.Y * self.Y.transpose()).tolist())]

    def top(self) -> arb:
        """By the trace of a high power."""
        return top_of_gram(self.Y.transpose() * self.Y)

    def along(self, phi: list[arb]) -> Rows:
        """By the columns of R that belong to each a."""
        m, q, rows = len(phi), self.R.nrows(), self.R.tolist()
        column = arb_mat(m, 1, phi)
        images = [(arb_mat([row[at:at + m] for row in rows]) * column).entries() for at in range(0, q, m)]
        return (arb_mat(images) * self.across).tolist()


def _sample_weights(layer: Layer) -> Effect:
    """Q6c: `(1/n) Σ u_i g_i ⊗ φ_i`, and the curvature that may go with the rows; of one sign if weights only fall."""
    problem, count, moving = layer.problem, layer.count, layer.problem.moving
    assert problem.radius is not None
    held = []
    for i in moving:
        found, G = top_of_product(layer.curves[i], layer.grams[i]), layer.grams[i]
        held.append(((found.min(circles(G)) if layer.loss.quadratic else found) * layer.scale ** 2).upper())
    phi, g = layer.phi.tolist(), layer.slopes.tolist()
    pulls = layer.pulls = (import_module(WHOLE).Whole if layer.whole else InBalls)(
        arb_mat([g[i] for i in moving]), arb_mat([phi[i] for i in moving]), layer.factor)
    first = layer.top(pulls.sizes)
    if 1 < count and len(moving) <= GRAM:
        rho = [size * size + more for size, more in zip(
            pulls.sizes, pulls.beside(problem.direction is not None, count - 1), strict=True)]
        first = first.min(root(layer.top(rho)))
    share, joint = layer.radius / layer.n, problem.budget.joint
    def together() -> arb:
        return (share * root(pulls.top() * count) * layer.scale).upper()
    return Effect(together() if joint else (share * first * layer.scale).upper(),
                  (layer.theta * share * layer.together(held)).upper(),
                  closer=together if count > 1 and not joint else None)


EFFECTS = {"sample_weights": _sample_weights}
"""By what moves."""
