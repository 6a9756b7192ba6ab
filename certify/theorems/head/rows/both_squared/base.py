"""D32: what is known of a squared-loss head before any row changes, and a comparison for deletions and new labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.changes.both import BothChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.ridge import ridge
from certify.theorems.head.rows.pair_tree.bound import top
from certify.theorems.head.rows.squared.contrasts import Contrast, Ints, Swing, swing
from certify.theorems.head.rows.squared_tree.root import Root, root_of

LEAST = 1e-6
"""What `1 − K_ii` has to exceed."""

ROUNDS, CLOSE, LARGEST = 60, 1e-2, 8.0
"""Steps of the iteration that proposes a comparison, the relative change at which it ends, and how far it may grow."""


@dataclass(frozen=True, eq=False)
class Base:
    """One weight decay. n rows may change, N points, P contrasts.

    Attributes:
        root: factor of the hat matrix, residuals, influences and contrasts.
        rows: `(n,)` the rows.
        K: `(n, n)` hat matrix in floats, every entry within `root.factor.error`.
        deleted, relabelled: how many at most.
        swings: by (a, b, sign) what new targets take of a contrast, of these rows.
        low: `(n,)` at most `1 − K_ii`, above `LEAST`.
        omega: `(n,)` the comparison; None where none is proved.
        x_error: of every `r_i/(1 − K_ii)`.
    """

    root: Root
    rows: Ints
    K: Array
    deleted: int
    relabelled: int
    swings: dict[tuple[int, int, float], Swing]
    low: Array
    omega: Array | None
    x_error: float

    @property
    def pair_error(self) -> float:
        """Of the residual of a contrast."""
        return pair_error(self.root)

    def swing_of(self, contrast: int) -> Swing:
        """That of one contrast."""
        pairs = self.root.pairs
        return self.swings[int(pairs.a[contrast]), int(pairs.b[contrast]), float(pairs.sign[contrast])]


def pair_error(root: Root) -> float:
    """Of the contrast of two residuals, or of the residual of one output."""
    if root.R.shape[1] == 1:
        return root.er
    return float((2 * root.er + 4 * U * np.abs(root.R).max(initial=0.0)) * RAISE)


def base_of(head: Head, change: BothChange, deleted: int, points: Ints, late: Callable[[], bool]) -> Base | None:
    """That for up to so many deletions, with the weight decay after exactly so many; None where nothing is proved."""
    rows = np.array(sorted(change.rows), dtype=np.int64)
    system = ridge(head.phi, head.mu(deleted), head.decayed)
    if isinstance(system, str):
        return None
    root = root_of(head, system, rows, points, late, 1)
    if root is None:
        return None
    A, error = root.factor.A, root.factor.error
    K = fp.require_finite(A @ A.T, "hat matrix")
    low = (1.0 - np.diagonal(K) - error) * (1 - 4 * U)
    if not (low > LEAST).all():
        return None
    swings = swings_of(head, rows, root)
    residual = np.abs(root.R[:, 0]) if root.R.shape[1] == 1 else root.R.max(axis=1) - root.R.min(axis=1)
    x = (residual * (1 + 4 * U) + pair_error(root)) / low * RAISE
    moved = np.max([np.maximum(np.abs(one.high), np.abs(one.low)) + one.coarse for one in swings.values()], axis=0)
    omega = comparison(np.abs(K) + error, low, x, moved * RAISE, deleted, change.relabelled)
    most = float(x.max(initial=0.0))
    x_error = ((pair_error(root) + most * error) / float(low.min(initial=1.0)) + 8 * U * most) * RAISE
    return Base(root, rows, K, deleted, change.relabelled, swings, low, omega, x_error)


def swings_of(head: Head, rows: Ints, root: Root) -> dict[tuple[int, int, float], Swing]:
    """What new targets take of every kind of contrast of a root."""
    assert head.codes is not None
    pairs, open_ = root.pairs, RowChange(True, 1, tuple(rows.tolist())).open_codes(head)[rows]
    kinds = sorted(set(zip(pairs.a.tolist(), pairs.b.tolist(), pairs.sign.tolist(), strict=True)))
    return {(a, b, sign): swing(Contrast(a, b, sign), head.Y[rows], head.codes, open_) for a, b, sign in kinds}


def comparison(K: Array, low: Array, x: Array, moved: Array, deleted: int, relabelled: int) -> Array | None:
    """`ω ≥ 0` with `D_iω_i > T_{k−1}(|K_il|x_l) + T_{m₂}(|K_il|Δ_l) + T_{k−1}(|K_il|ω_l)` over `l ≠ i`; None if none.

    Args:
        K: `(n, n)` at least `|K_il|`.
        low: `(n,)` at most `D_i`, above 0.
        x: `(n,)` at least the sizes of `r_l/D_l`.
        moved: `(n,)` at least how far a target goes, `Δ_l`.
        deleted, relabelled: k and m₂.
    """
    others = K.copy()
    np.fill_diagonal(others, 0.0)

    def most(v: Array, k: int) -> Array:
        return top(others * v, 0.0, k) * fp.sum_up(max(k, 1)) if k > 0 else np.zeros(len(v))

    if deleted == 0:
        return np.zeros(len(low))
    base = (most(x, deleted - 1) + most(moved, relabelled)) * RAISE
    omega, limit = base / low, LARGEST * max(float((base / low).max(initial=0.0)), 1e-300)
    for _ in range(ROUNDS if deleted > 1 else 0):
        new = (base + most(omega, deleted - 1)) / low
        still = bool((new <= omega * (1 + CLOSE)).all())
        omega = np.maximum(omega, new)
        if not float(omega.max(initial=0.0)) <= limit:
            return None
        if still:
            break
    omega = omega * (1 + 4 * CLOSE) + 1e-290
    right = (base + most(omega, deleted - 1)) * (RAISE * RAISE)
    return omega if (low * omega * (1 - 4 * U) > right).all() else None
