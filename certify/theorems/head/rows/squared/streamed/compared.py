"""D4a by parts of the rows: what others may add to every row, found from a few of their products.

`ξ > 0` with `D_iξ_i > T_{m−1}(|K_il|(|x_l| + ξ_l))` for every row, `D = 1 − K_ii`, `x = r/D`: then deleting any m rows
M takes at most the sum over M of `c_ix_i + |c_i|ξ_i` from a contrast (Lemma 2). Entries of K are formed in rows and
columns of the longest rows alone, and `|K_il| ≤ √K_ii√K_ll` bounds all others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.ridge import Ridge
from certify.systems.head.rows.stored.tally import PerRow
from certify.theorems.head.rows.squared.contrasts import Contrast, Ints
from certify.theorems.head.rows.squared.majorant import Majorant, entry_error
from certify.theorems.head.rows.squared.outputs import Outputs
from certify.theorems.head.rows.squared.streamed.crossed import Crossed
from certify.theorems.head.rows.squared.streamed.own import Own

LONGEST, KEPT, ENTRIES = 1024, 48, 2**23
"""Rows in whose rows and columns the hat matrix is formed, entries of each row that are kept of it, and of all rows:
as many as a checker keeps, which has to find as much."""

EACH = 64
"""Bytes for each entry that is kept, with its column, while parts are put together."""

SPARE, LEFT = 1.0 + 2.0**-6, 1.0 + 2.0**-7
"""Factor by which more is looked for than needed, and by which more is proved at least.

A checker adds one part in 256 at each of its steps, which begin at 0: they never exceed what is proved with more than
that to spare.
"""

FEW = 64
"""Rows that may go at most: a checker looks at no more."""

INNER, OUTER, LARGEST = 400, 24, 1e3
"""Steps of the iteration among long rows, steps over all rows, and how large a comparison is given up, against x."""

CLOSE = 1e-4
"""Relative change at which an iteration ends."""


@dataclass(frozen=True, eq=False)
class Compared:
    """A comparison that was proved.

    Attributes:
        xi: `(n,)`.
        kappa: the largest `K_ii`.
        least: below it is no `1 − K_ii` less the others' share: `K_MM ⪯ (1 − least)I` for every M.
    """

    xi: Array
    kappa: float
    least: float


def divided(off: tuple[float, float], rounded: float, kappa: float) -> tuple[float, float]:
    """What `r_i/(1 − K_ii)` is off, each and together: `(|r − r̂| + |r̂/D̂||D − D̂|)/D`, `D ≥ 1 − κ`."""
    left = (1.0 - kappa) * (1.0 - 4 * U)
    return (off[0] + rounded) / left * RAISE, off[1] / left * RAISE


def compared(system: Ridge, outputs: Outputs, Y: PerRow, kinds: list[Contrast], lengths: tuple[float, float, float],
             count: int, room: int) -> Compared | None:
    """A comparison for any `count` deletions, at least two; None where none is found and proved.

    Args:
        system, outputs: of all rows.
        Y: `(n, k)` targets.
        kinds: contrasts that are asked about.
        lengths: the largest `K_ii` at most, what one errs by as it is computed, and what a row errs by in length.
        count: how many rows go.
        room: bytes for entries that are kept.
    """
    kappa, wrong_d, wrong = lengths
    n = system.n
    kept = min(KEPT, LONGEST, n, max(1, ENTRIES // n), room // (EACH * n))
    if kept < 1 or count > FEW:
        return None
    own = system.rows.tallied(Own(system.R, outputs.refit.u, Y))
    d, r = own.rows()
    low = (1.0 - d - wrong_d) * (1.0 - 4 * U)
    if not (low > 1e-6).all():
        return None
    errors = [outputs.residual_errors(kind, float(r.max()) * RAISE, own.residual * RAISE) for kind in kinds]
    off_r = max(sum(one) for one in errors)
    x = (r * RAISE + off_r) / low * RAISE  # at least |r_i|/(1 − K_ii) of every contrast
    at = np.sort(np.argsort(-d, kind="stable")[:LONGEST])
    found = system.rows.tallied(Crossed(system.R, system.rows[at] @ system.R.T, at.astype(np.float64), kept))
    hat = _majorant(system, (d, wrong_d, wrong), at, found.entries())
    xi = _found(hat, x, low, at, count - 1)
    return None if xi is None else _judged(hat, x, low, xi, (count - 1, kappa))


def _majorant(system: Ridge, own: tuple[Array, float, float], at: Ints, entries: tuple[Ints, Array, Array]) -> Majorant:
    """Bounds of all entries of K off the diagonal."""
    d, wrong_d, wrong = own
    ids, values, bars = entries
    roots = np.sqrt((d + wrong_d) * RAISE) * RAISE
    error = entry_error(system, wrong, float(roots.max()) + wrong)
    roots = np.maximum(roots, 1e-150)  # not 0, which says that a row is long
    roots[at] = 0.0
    return Majorant(ids, (values + error) * RAISE, (bars + error) * RAISE, roots)


def _found(hat: Majorant, x: Array, low: Array, at: Ints, s: int) -> Array | None:
    """A fixed point of `ξ = T_s(|K_il|(x_l + ξ_l))/D_i`, in which long rows are moved most of the time; not trusted."""
    xi, limit = np.zeros(len(x)), LARGEST * float(x.max())
    for _ in range(OUTER):
        for _ in range(INNER):
            old = xi[at]
            xi[at] = (SPARE * hat.sums(x + xi, s, at) / low)[at]
            if not xi.max() <= limit:
                return None
            if (np.abs(xi[at] - old) <= CLOSE * xi[at]).all():
                break
        new = SPARE * hat.sums(x + xi, s) / low
        if not new.max() <= limit:
            return None
        moved, xi = np.abs(new - xi), new
        if (moved <= CLOSE * xi).all():
            break
    return xi + 1e-290


def _judged(hat: Majorant, x: Array, low: Array, xi: Array, by: tuple[int, float]) -> Compared | None:
    """The comparison where it holds, as small as its own sums say."""
    s, kappa = by
    taken = hat.sums((x + xi) * RAISE, s) * RAISE
    if not (low * xi * (1 - 4 * U) > taken * LEFT).all():
        return None
    # T_s(|K|(x + ξ)) ≤ taken: what is between that and ξ holds too, as sums of less are no larger
    smaller = np.minimum(xi, taken / low * (1 + 8 * U) * RAISE * SPARE + 1e-290)
    share = float((hat.sums(xi, s) / (low * xi)).max()) * RAISE * RAISE
    return Compared(smaller, kappa, max(0.0, (1.0 - share) * (1.0 - kappa) * (1.0 - 8 * U)))
