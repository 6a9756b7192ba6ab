"""D12: the hot rows as the certificate has them, then the other free rows, those with the longest steps first."""

from __future__ import annotations

from collections.abc import Sequence

from flint import fmpz_mat

from certify.check.theorems.head.rows.boxes.fixed_rows import few
from certify.check.theorems.head.rows.boxes.leaves import Base
from certify.check.theorems.head.rows.pair_tree.numbers import up

MOST, SPARE, ALIKE = 1024, 512, 48
"""Rows with steps of their own where there are more free ones, how many more may be, and of how many products are
formed."""
LEVERAGE, LIKE = 0.45, 20
"""A sum of leverages that counts as much as the step of the LIKE-th row."""


def in_order(b: Base, hot: Sequence[int], free: Sequence[int], size: Sequence[float]) -> tuple[list[int], int]:
    """The free rows in an order that serves, and how many of them have steps of their own; nothing is proved of it.

    Args:
        b: the inverse at the centre.
        hot, free: the hot rows, and all.
        size: lengths of rows in the norm of the inverse.
    """
    c, s = b.c, b.c.sums
    if not free:
        return [], 0
    own = {i: min(up(c.D[i]) * size[i] * size[i], 1.0 - 2.0**-10) for i in free}
    heat = {i: up(c.p[i]) / (1.0 - own[i]) * size[i] for i in free}
    like = max(sorted(heat.values(), reverse=True)[min(LIKE, len(heat) - 1)], 2.0**-500)
    by_heat = sorted(free, key=heat.__getitem__, reverse=True)
    some = sorted({*by_heat[:ALIKE], *sorted(free, key=own.__getitem__, reverse=True)[:ALIKE]})
    coarse = few(b.X, s.p)
    whole = fmpz_mat([s.short.rows[i] for i in some])
    root = [up(c.D[i]) ** 0.5 * 2.0 ** s.short.unit[i] for i in some]
    key = {i: x / like for i, x in heat.items()}
    for i, x, row in zip(some, root, (whole * coarse.mat * whole.transpose()).tolist(), strict=True):
        line = sorted([abs(float(int(v))) * y for v, y in zip(row, root, strict=True)])
        key[i] = max(key[i], sum(line[-3:]) * x * 2.0**coarse.unit / LEVERAGE)
    first = list(hot)
    there = set(first)
    order = first + sorted((i for i in free if i not in there), key=key.__getitem__, reverse=True)
    return order, len(order) if len(order) <= MOST + SPARE else max(MOST, len(first))
