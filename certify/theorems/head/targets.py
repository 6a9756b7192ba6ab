"""D22: how far a squared-loss head's predictions move when every target is off by its own amount: both ends.

`z(e) = Σ_i h_i y_i` with `h = ΦH⁻¹e` is linear in the targets, so the largest change over `|u_i| ≤ r_i` is
`Σ_i |h_i| r_i`, and the change by `r_i` along the sign of each `h_i` is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from certify.format.errors import EnclosureError, InputError
from certify.format.quantities import PREDICTION_CHANGE
from certify.format.theorems import D22, Theorem
from certify.format.words import Rigour
from certify.problem.bound import Bound, Hypothesis
from certify.problem.cost import BASE_MEMORY, Cost
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.point import HeadPoint
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.ridge import ridge, solve
from certify.theorems.head.rows.claims import DECAYED, FREE, UNKNOWN
from certify.theorems.rule import Rule

ROOM: Final = 2.0**-30
"""Share by which ends are moved outward: a checker has rounding of its own."""

WIDER: Final = 64
"""How often their own distance they are moved outward too: a checker keeps solutions in fewer bits."""

CHUNK: Final = 2**22
"""Influences that are held at a time."""


@dataclass(frozen=True, eq=False)
class Ends:
    """`lower ≤ Σ_i |h_i| r_i ≤ upper` of every evaluation row.

    Attributes:
        lower, upper: `(N,)`.
    """

    lower: Array
    upper: Array


def ends_of(head: Head, radii: Array) -> Ends | str:
    """Both ends of the largest change of every prediction of a squared-loss head, or in words why there are none.

    With `q̂ = Φu` computed: each `|h_i|` is off by at most `each` for the product, and h by `off` in length (D3), so
    that the sum is off by `each·Σ r_i + off·|r|₂` (Cauchy–Schwarz), and by its own rounding (R1, R2).

    Args:
        head: the head.
        radii: `(n,)` how far each target may be off, from 0 on; each may be a rounded product.

    Raises:
        EnclosureError: overflow.

    >>> from certify import Problem
    >>> from certify.network.network import Network
    >>> from certify.systems.head.rows.of_problem import head_of
    >>> net = Network((np.array([[0.5]]),), (None,), "identity")
    >>> problem = Problem(net, np.array([[1.0], [1.0]]), np.array([[1.0], [1.0]]), "targets", (0, 1), map="critical",
    ...                   base="nearby", loss="squared", weight_decay=1.0, set="per_sample", radius=0.5,
    ...                   evaluation=np.array([[4.0]]))
    >>> found = ends_of(head_of(problem), np.array([0.5, 0.5]))  # h = (1, 1), as H = 2 + 2
    >>> bool(found.lower[0] <= 1.0 <= found.upper[0]), bool(found.upper[0] - found.lower[0] < 1e-9)
    (True, True)
    """
    fp.require_finite(radii, "how far targets may be off")
    if (radii < 0).any():
        raise EnclosureError("targets", "an amount below 0", "give amounts from 0 on")
    system = ridge(head.phi, head.mu(), head.decayed, head.phi_rad)
    if isinstance(system, str):
        return system
    solved, n = solve(system, head.points, head.points_rad), head.n
    unit, rounding = fp.dot_unit(system.p) * system.longest, 2 * (fp.dot_unit(n) + 4 * U)
    total, length = float(radii.sum()) * fp.sum_up(n), float(fp.row_norms(radii[None, :])[0])
    sums, step = np.empty(len(head.points)), max(1, CHUNK // n)
    for start in range(0, len(sums), step):
        influences = np.abs(system.rows.against(solved.u[start:start + step]))
        sums[start:start + step] = fp.require_finite(influences @ radii, "sums of influences")
    slack = (unit * solved.size * total + solved.off * length + fp.FLOOR) * (RAISE * RAISE) + rounding * sums
    slack = fp.require_finite(slack, "sums of influences") * (RAISE * RAISE)
    lower, upper = np.maximum((sums - slack) * (1 - 4 * U), 0.0), (sums + slack) * (RAISE * RAISE)
    return Ends(lower, fp.require_finite(upper, "sums of influences"))


def radii_of(problem: Problem) -> Array:
    """How far each target may be off: 0 in rows that do not move; a share of a target is rounded once."""
    found, rows = np.zeros(problem.n), list(problem.rows)
    found[rows] = float(problem.radius or 0.0)
    if problem.relative:
        assert problem.y is not None
        found[rows] *= np.abs(problem.y[rows, 0])
    return found


class TargetMoves(Rule[HeadPoint]):
    """D22."""

    theorem: ClassVar[Theorem] = D22

    def cost(self, problem: Problem) -> tuple[Cost, ...]:
        """The normal matrix and the influences of some evaluation rows."""
        n, p = problem.n, problem.parameters
        N = 0 if problem.evaluation is None else len(problem.evaluation)
        flops = 2.0 * n * p * (p + N) + 4.0 * p**3
        return (Cost("influences", BASE_MEMORY + 8 * (2 * max(CHUNK, n) + 4 * n * p + 6 * p * p), flops, 0.5,
                     "the influence of every row"),)

    def require(self, problem: Problem) -> None:
        """A share of one number has a meaning; of several outputs each would have its own.

        Raises:
            InputError: several outputs.
        """
        if problem.relative and problem.outputs > 1:
            raise InputError("perturbation.relative", f"true with {problem.outputs} outputs",
                             "give perturbation.radius as an amount, or ask about one output in a model of its own")

    def prediction_change(self, at: HeadPoint) -> Bound:
        """Of the prediction that moves most."""
        quantity = PREDICTION_CHANGE.name
        if isinstance(at.head, str):
            return self.open(at, quantity, at.head)
        if refused := self.refused(at, self.cost(at.problem)[0]):
            return self.open(at, quantity, refused)
        head = at.head
        if at.base()["distance"] is None:  # a certificate without it states no numbers
            return self.open(at, quantity, UNKNOWN)
        at.progress("influences of all rows", 0.5)
        found = at.attempt("influences", lambda: ends_of(head, radii_of(at.problem)))
        if isinstance(found, str):
            return self.open(at, quantity, found)
        more = WIDER * (found.upper - found.lower)
        lower = max(float((found.lower - more).max()) * (1 - ROOM), 0.0)
        each = (found.upper + more) * (1 + ROOM)
        upper = float(each.max())
        convex = Hypothesis("convex", FREE if head.free_intercept else DECAYED, at.problem.weight_decay, True)
        return Bound(quantity, self.theorem.label, Rigour.PROVED, lower, upper, at.unit(quantity), (convex,), {}, "",
                     each=tuple(each.tolist()))
