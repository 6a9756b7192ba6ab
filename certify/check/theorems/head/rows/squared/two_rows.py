"""D4g in integers: what at most two deleted rows take from a contrast, by lengths, or by pairs where these are long.

For `M = {i, l}`, `x = r/D`, `y = c/D` and `ρ = K_il²/(D_iD_l)`: `(1 − ρ)·c_Mᵀ(I − K_MM)⁻¹r_M = c_ix_i + c_lx_l +
K_il(y_ix_l + y_lx_i)`, and `|K_il| ≤ √(K_iiK_ll)`.
"""

from __future__ import annotations

from collections.abc import Collection
from math import isqrt

from certify.check.theorems.head.rows.squared.node import BITS, ONE, State, above, divided, lows

PAIRS = 20_000
"""Pairs that are looked at one by one: of more all of K is formed."""

HALF = ONE >> 1
"""Rows of which `K_ii/D_i` is no less are looked at with every other one."""


def two_stay(node: State, apart: Collection[int]) -> bool:
    """Whether the contrast is proved to stay positive whichever one or two rows go, those of `apart` left out.

    Args:
        node: the state.
        apart: numbers of rows.
    """
    low = lows(node)
    at = [i for i, row in enumerate(node.rows) if row not in apart]
    if low is None or not node.least > 0:
        return False
    one = Rows(node, low)
    part = [above(a * a, b) for a, b in zip(one.g, low, strict=True)]
    if not max((one.own[i] for i in at), default=0) < node.least:
        return False
    held = [i for i in at if part[i] >= HALF]
    short = [i for i in at if part[i] < HALF]
    if len(held) * len(at) > PAIRS * 4 or not all(one.stay(i, [l for l in at if l != i]) for i in held):
        return False
    far = max((one.g[i] * (abs(one.x[i]) + one.ex) for i in short), default=0)
    largest = max((part[i] for i in short), default=0)
    # v_i u_l + v_l u_i, and ρ ≤ ½(part_i + part_l)·largest
    w = [(max(one.own[i] + above(one.g[i] * (abs(one.y[i]) + one.ey) * far, ONE * ONE * ONE), 0)
          + above(node.least * part[i] * largest, 2 * ONE * ONE), i) for i in short]
    w.sort(reverse=True)
    looked = 0
    for place, (long, i) in enumerate(w):
        end = place + 1
        while end < len(w) and long + w[end][0] >= node.least:
            end += 1
        looked += end - place - 1
        if looked > PAIRS or not one.stay(i, [l for _, l in w[place + 1:end]]):
            return False
        if end == place + 1:
            break
    return True


class Rows:
    """What single rows of a state take.

    Attributes:
        x, y: residuals and influences over D, off by at most `ex`, `ey`.
        own: what each takes at most by itself.
        g: `√K_ii` at least.

    Args:
        node: the state.
        low: at most `1 − K_ii`.
    """

    def __init__(self, node: State, low: list[int]) -> None:
        self.node, self.low = node, low
        self.x, self.ex = divided(node, node.r, node.er, low)
        self.y, self.ey = divided(node, node.c, node.ec, low)
        x, y = (max(map(abs, some), default=0) for some in (self.x, self.y))
        slack = above(node.ec * (x + self.ex) + max(map(abs, node.c), default=0) * self.ex, ONE) + 1
        self.own = [(c * v >> BITS) + slack for c, v in zip(node.c, self.x, strict=True)]
        self.g = [isqrt(max(d + node.eK, 0) << BITS) + 1 for d in node.d]
        self.each = 2 * (above(node.eK * (x + self.ex) * (y + self.ey), ONE * ONE)
                         + above(self.ey * (x + self.ex) + y * self.ex, ONE))

    def stay(self, i: int, others: list[int]) -> bool:
        """Whether the contrast stays positive where a row goes together with any one of some others."""
        node, x, y, low, own, least = self.node, self.x, self.y, self.low, self.own, self.node.least
        a, b, first, d, eK = x[i], y[i], own[i] + self.each, low[i], node.eK
        for l, k in zip(others, node.line(i, others), strict=True):
            rho = above((abs(k) + eK) ** 2 << BITS, d * low[l])
            taken = first + own[l] + above(k * (b * x[l] + y[l] * a), ONE * ONE)
            if not (rho < ONE and taken + above(least * rho, ONE) < least):
                return False
        return True
