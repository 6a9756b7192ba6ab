"""D1d: no refit lies farther than the changed slopes are long, over the decay."""

from __future__ import annotations

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import NONE, Choices, RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.refit import enclose_slopes

SPARE = 1.0 + 2.0**-20
"""A checker has rounding of its own."""


def farthest(head: Head, change: RowChange, today: Array) -> float:
    """An upper bound of `|V(M) − today|` over all changes M; infinite where the intercept carries no decay.

    `|∇G_M(V)| ≤ |∇G(V)| + Σ_M |Δg_i||φ_i| + (μ − μ_M)|V|`, and `G_M` is `μ_M`-strongly convex.
    """
    if head.free_intercept or not head.read_off:
        return np.inf
    nothing = Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))
    slopes = enclose_slopes(head, nothing, today[None])
    g, k = slopes.g[:, 0], head.k
    wrong = np.sqrt(k) * slopes.error + head.loss.lipschitz * slopes.off[:, 0]
    pulls = np.full(head.n, 0.0)
    rows = np.array(change.rows, dtype=np.int64)
    moved = [g] if not change.relabels or head.codes is None else [
        head.loss.moves(head.Y, np.broadcast_to(code, head.Y.shape)) for code in head.codes]
    for step in moved:
        size = np.sqrt(np.einsum("nk,nk->n", step, step)) * fp.sum_up(k) + 8 * U * head.largest * np.sqrt(k)
        pulls[rows] = np.maximum(pulls[rows], ((size + (0.0 if change.relabels else wrong)) * head.phi_norm)[rows])
    count = min(change.count, len(rows))
    top = float(np.sort(pulls)[-count:].sum()) * fp.sum_up(count)
    (mid, off), (least, lost) = head.mu(), head.mu(0 if change.relabels else count)
    shrunk = (mid - least + off + lost) * float(slopes.length[0])
    low = (least - lost) * (1 - 4 * U)
    return float((slopes.size[0] + top + shrunk) * RAISE / low * SPARE) if low > 0 else np.inf
