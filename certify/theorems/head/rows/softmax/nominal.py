"""The head on the floats nearest to inputs that are known up to radii, and what that may cost a margin (D9, radii)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import INEXACT
from certify.theorems.head.rows.softmax.trap import ROOT2

LOG2 = 0.6931471805599454
"""Above log 2; the logarithm of k is at most that many times the least power of two from k on."""

LIPSCHITZ = 0.5
"""Of the slopes `s − y` of the cross-entropy in the outputs; they are at most `√2` long."""


@dataclass(frozen=True, eq=False)
class Nominal:
    """A head whose inputs are exact, and how much smaller the true margins may be.

    Attributes:
        head: the same with radii 0.
        slack: `(N,)` for every choice of changed rows: margins of evaluation rows at the refits of both heads differ by
            at most this.
    """

    head: Head
    slack: Array


def nominal(head: Head) -> Nominal:
    """The head on the midpoints of its inputs.

    With `R² ≥ 2n log k/μ` every refit of that head is at most R long, and the true refit lies within
    `δ = Σ r_i(√2 + R|φ_i|/2)/μ` of it; a margin moves by at most `√2(δ|φ(x)| + R r(x))`.

    Args:
        head: of which :func:`against` says nothing.
    """
    exact = replace(head, phi_rad=np.zeros(head.n), points_rad=np.zeros(len(head.points)))
    if not (head.phi_rad.any() or head.points_rad.any()):
        return Nominal(exact, np.zeros(len(head.points)))
    mid, wrong = head.mu()
    least = (mid - wrong) * (1 - 4 * fp.U)
    if not least > 0:
        return Nominal(exact, np.full(len(head.points), np.inf))
    log_k = LOG2 * (head.k - 1).bit_length()
    longest = float(np.sqrt(2 * head.n * log_k * RAISE / least)) * RAISE
    each = head.phi_rad * (ROOT2 + LIPSCHITZ * longest * head.phi_norm) * RAISE
    far = float(each.sum()) * fp.sum_up(head.n) / least * RAISE
    slack = ROOT2 * (far * head.points_norm + longest * head.points_rad) * RAISE
    return Nominal(exact, np.where(np.isfinite(slack), slack, np.inf))


def against(head: Head) -> str:
    """Why nothing is known of refits of nearby inputs; empty where it is, or inputs are exact."""
    if not (head.phi_rad.any() or head.points_rad.any()):
        return ""
    if head.free_intercept:
        return f"{INEXACT}, or intercepts that carry the decay"
    codes = np.isin(head.Y, (0.0, 1.0)).all() and bool((head.Y.sum(axis=1) == 1.0).all())
    return "" if codes and head.weights is None and not head.new else (
        f"{INEXACT}, or one label a row, and rows that count alike")
