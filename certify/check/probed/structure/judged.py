"""What is proved of the motions of rows where none was proposed: `Y_i = XC_i` itself is near `H⁻¹C_i` (W5)."""

from __future__ import annotations

from functools import cached_property

from flint import arb, arb_mat, ctx, fmpz_mat

from certify.check.enclosure.network import Forward, Parameters
from certify.check.enclosure.objective import Objective
from certify.check.linalg.balls import ZERO, largest, root
from certify.check.linalg.deflated import LARGE, Largest
from certify.check.linalg.fixed import Fixed, enclosed, scale
from certify.check.linalg.large.products import product
from certify.check.probed.answer import Answer, joined, times
from certify.check.probed.rows import PASS, SMALLEST, longest
from certify.check.probed.structure import grams
from certify.check.probed.structure.columns import able, columns
from certify.check.reading.subject import Problem

BITS = 80
"""Of columns, and of sums over all rows."""

MANY = 1 << 25
"""Numbers in all motions below which they are soon read."""


def by_structure(problem: Problem, weights: tuple[object, ...]) -> bool:
    """Whether motions are many, none is weighed by a budget, and S is no large matrix."""
    size = problem.parameters * len(problem.moving) * len(problem.features[0])
    return not weights and size > MANY and problem.parameters <= LARGE and able(problem)


class Structured:
    """The motions `XC_i`, C_i at any point of the balls.

    Args:
        problem, parameters, passed, terms: of the passes there.
        answer: X, and what is near `YYᵀ`.
    """

    def __init__(
        self, problem: Problem, parameters: Parameters, passed: Forward, terms: Objective, answer: Answer,
    ) -> None:
        self._problem, self._answer = problem, answer
        self._reach = problem.row_norm.longest(len(problem.features[0]))
        with ctx.workprec(min(ctx.prec, BITS)):
            self._columns = columns(problem, parameters, passed, terms)

    @cached_property
    def _grams(self) -> tuple[list[arb_mat], list[arb]] | None:
        """`Y_iᵀY_i`, and how far each may be from the true one; None where balls have no bounds."""
        X = Fixed(joined(self._answer.bands), self._answer.bits, ZERO)
        try:
            return grams.grams(self._columns, product(X.turned, X, grams.FINE[0]))
        except grams.NotFinite:
            return None

    def judged(
        self, error: arb, forms: arb_mat, drawn: fmpz_mat, least: arb,
    ) -> tuple[list[arb], list[arb_mat], Largest | None] | None:
        """How far every `Y_i` is from `H⁻¹C_i` at most, `Y_iᵀY_i`, and `YYᵀ` where it was asked for.

        With `XH = I + E`, `‖E‖ ≤ error`, `H⁻¹C = (I + E)⁻¹XC`, which is off from XC by `error/(1 − error)·‖XC‖`. A
        matrix within e of `Y_iᵀY_i` stands for it: :func:`_between`.

        Args:
            error: below 1.
            forms: of the pass along `w = Xᵀu`: row `i·q + c` is `C_iᵀw` of the vector c.
            drawn, least: the vectors u, of which one sees so much of any direction.
        """
        if self._grams is None:
            return None
        found, lost = self._grams
        off = [_off(G, e, error, self._reach) for G, e in zip(found, lost, strict=True)]
        G = self._answer.gram
        if G is None:
            return off, found, None
        rows, q = forms.tolist(), drawn.ncols()
        t = [rows[i * q:(i + 1) * q] for i in self._problem.moving]
        with ctx.workprec(min(ctx.prec, BITS)):
            moved = self._times(grams.image(self._columns, t))
        away = longest(arb_mat(G.mid * drawn) * scale(G.bits) - moved)
        return off, found, Largest(Fixed(G.mid, G.bits, (away / least + arb(2) ** SMALLEST).upper()))

    def _times(self, M: arb_mat) -> arb_mat:
        """`XM`."""
        short, answer = enclosed(M, 2 * PASS), self._answer
        found = arb_mat(times(answer.bands, short.mid)) * scale(short.bits + answer.bits)
        error = arb(0, (answer.size * short.radius).upper())
        return arb_mat([[x + error for x in row] for row in found.tolist()])


def _off(G: arb_mat, lost: arb, error: arb, reach: arb) -> arb:
    """How far a motion may be from what G says of it, for each unit of the length of a change up to `reach`."""
    between = _between(largest([G[j, j] for j in range(G.nrows())]).lower(), lost, reach)
    length = root(G.trace() + G.nrows() * lost) + between  # no eigenvalue of G is below −lost
    return (length * error / (1 - error) + between).upper()


def _between(top: arb, lost: arb, reach: arb) -> arb:
    """`δ` with `|h − κ| ≤ ℓδ` for `κ² = max uᵀTu` and any `h ≥ 0` with `|h² − κ²| ≤ eℓ²`; T has `T_jj ≥ top − e`.

    All u of a ball of changes that are up to ℓ long, the unit vectors among them: κ is at least `√(top − e)`, and
    `|h − κ| ≤ eℓ²/κ`. That is one ℓ more than the length of a change alone: of a corner of a box T may see √d times
    what it sees of a direction.

    Args:
        top: the largest entry of the diagonal of what is known, from below.
        lost: e, how far T is from that in Frobenius norm.
        reach: ℓ.
    """
    return reach * lost / (top - lost).sqrt() if top > lost else root(lost)
