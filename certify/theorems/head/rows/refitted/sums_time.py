"""How long sums of the weights of smaller changes take (:class:`~certify.theorems.head.rows.refitted.walk.Walk`)."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.refitted.judge_pairs import judge_of
from certify.theorems.head.rows.refitted.last import BLOCK
from certify.theorems.head.rows.refitted.walk import Walk
from certify.theorems.jobs import among

FEW, OPEN = 24, (6.0, 2.5)
"""Rows whose sums are tried for their time, and how many times longer a sum takes that leaves a point open: with one
output, and with several, which are moved thousands at a time."""


def seconds_of_sums(head: Head, change: RowChange) -> float:
    """About the time of all sums: from a block of them, how many of a few leave a point open, and their families."""
    rows = np.sort(np.random.default_rng(0).choice(len(change.rows), size=min(FEW, len(change.rows)), replace=False))
    few = replace(change, rows=tuple(change.rows[i] for i in rows))
    walk = Walk(head, few, head.today >= 0, Budget(), sums=True)
    with among(1):
        arrays = walk.all()
    open_ = (len(arrays["moved"]) + len(arrays.get("again", ()))) / few.choices(head, few.count)
    judge, B = judge_of(head, walk.refitter.V0), BLOCK
    some = Choices(np.tile(np.array(few.rows[: few.count]), (B, 1)), np.zeros((B, few.count), dtype=np.int64))
    started = time.monotonic()
    judge.keeps(some, np.repeat(walk.refitter.V0[None], B, axis=0), np.flatnonzero(head.today >= 0))
    each = (time.monotonic() - started) / B
    families = walk.summing / few.choices(head, few.count - 1) * change.choices(head, change.count - 1)
    return each * (1 + OPEN[head.k > 1] * open_) * change.choices(head, change.count) + families
