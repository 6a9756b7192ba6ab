"""The largest changes of predictions where a row has one number: sizes are whole numbers, and add up as such (P1).

`|C_iᵀA⁻¹g_j|` lies within `ϱ + λ_j|C_i|` of `|S_ji|`, S the middle of `YC`, known up to ϱ in Frobenius norm, and
`λ_j ≥ |A⁻¹g_j − y_j|`. What a budget makes of sizes is a norm of these, so that what they are off by counts once for
each prediction (W6 of proofs/critical.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb

from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import Fixed, scale, squares
from certify.check.linalg.large.products import product
from certify.check.probed.effects import most_of
from certify.check.systems.critical import Stationary


def changes(at: Stationary, Y: Fixed, lost: Sequence[arb]) -> list[arb]:
    """The largest change of every prediction over the budget.

    Args:
        at: a point whose rows have one column each, and whose budget is not one change.
        Y: the vectors y_j, a row each.
        lost: for each λ_j.
    """
    problem, C = at.problem, at.data.columns
    S = product(Y, C, at.width)
    lengths = [(squares(column, C.bits).sqrt() + C.radius).upper() for column in C.mid.transpose().tolist()]
    of_rows, off = (problem.budget.shared(sizes, problem.at_once).upper()
                    for sizes in (lengths, [S.radius] * len(lengths)))
    assert problem.radius is not None  # the spec was checked
    return [(most_of(problem, [abs(int(x)) for x in row]) * scale(S.bits) + arb(0, (off + x * of_rows).upper())
             ).max(ZERO) * arb(problem.radius) for row, x in zip(S.mid.tolist(), lost, strict=True)]
