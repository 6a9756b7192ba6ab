"""D16 in the checker: lengths of evaluation rows whose squares underflow, and of rows beside very long ones."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from flint import ctx

from certify.check.theorems.head.rows.softmax_pairs import data as data_module
from certify.check.theorems.head.rows.softmax_pairs import proved
from certify.check.theorems.head.rows.softmax_pairs.centre import centre
from certify.check.theorems.head.rows.softmax_pairs.data import data_of
from certify.check.theorems.head.rows.softmax_pairs.metric import metric
from certify.format.refusal import Invalid
from certify.rigor.fp import Array
from certify.systems.head.rows.head import Head
from tests.families.class_heads import as_checked, class_head
from tests.unit.check.theorems.head.rows.softmax_pairs.proposals import Refits, proposed, stored

LOST = 2.0**-499


def at_scale(head: Head, S: int, points: Array) -> Head:
    """The same problem in another unit: training rows times `2^S`, and other evaluation rows."""
    return replace(head, phi=np.ldexp(head.phi, S), V=np.ldexp(head.V, -S),
                   weight_decay=float(np.ldexp(head.weight_decay, 2 * S)), points=points,
                   points_rad=np.zeros(len(points)))


@pytest.mark.parametrize("S", [-95, 0, 300, 430])
def test_lengths_of_evaluation_rows_hold_at_every_scale(S: int) -> None:
    """Against the inverse in floats at scale 1; rows of all sizes stand beside each other."""
    rng = np.random.default_rng(3)
    head = class_head(rng, 12, 3, 2, 0.3, False, 2.0)
    sizes = [e for x in (0, 10, 100, 300, 480, 508, 540, 1000) for e in (-x, x)]
    head = at_scale(head, 0, rng.standard_normal((len(sizes), head.m)))
    scaled = at_scale(head, S, np.ldexp(head.points, np.array(sizes)[:, None]))
    with ctx.workprec(64), np.errstate(all="ignore"):
        data = data_of(as_checked(scaled, tuple(range(12)), 2, False), "here")
        c = centre(data, scaled.V.ravel().tolist(), None)
        assert c is not None
        M = metric(c, [0.5] * 12)
        assert M is not None
        blocks = M.blocks(data.points)
    A = np.kron(np.eye(head.k), np.diag(12 * head.weight_decay * head.decayed))
    for j, x in enumerate(head.phi):
        s = np.array([column[j] for column in c.s])
        A = A + 0.5 * np.kron(np.diag(s) - np.outer(s, s), np.outer(x, x))
    inverse = np.linalg.inv(A)
    for j, x in enumerate(data.points.rows):
        assert 0.5 <= np.abs(x).max() < 1.0 and np.allclose(np.cross(x, head.points[j]) if head.m == 3 else 0.0, 0.0)
        for a, b in combinations(range(head.k), 2):
            v = np.kron(np.eye(head.k)[a] - np.eye(head.k)[b], x)
            true = np.ldexp(np.sqrt(v @ inverse @ v), -S)
            assert true * (1.0 - 1e-9) <= blocks.seen(j, a, b) <= true * (1.0 + 1e-6) + LOST


def turning(seed: int) -> tuple[Head, Refits]:
    """Points that two deleted rows turn, and neither one row nor the sum of two single steps."""
    rng = np.random.default_rng(seed)
    head = class_head(rng, 10, 3, 4000, 0.3, False, 2.0)
    refits = Refits(head)
    V = refits()

    def least(weights: list[Array]) -> Array:
        found = np.full(len(head.points), np.inf)
        for W in weights:
            F = head.points @ W.T
            own = np.take_along_axis(F, head.today[:, None], 1)
            rest = np.where(np.arange(head.k) == head.today[:, None], -np.inf, F)
            found = np.minimum(found, own[:, 0] - rest.max(axis=1))
        return found

    pairs = list(combinations(range(10), 2))
    straight = least([V, *(refits(i) for i in range(10)), *(refits(i) + refits(l) - V for i, l in pairs)])
    some = np.flatnonzero((least([refits(*T) for T in pairs]) < -1e-3) & (straight > 1e-3))[:12]
    assert len(some)
    return at_scale(head, 0, head.points[some]), refits


def accepted(head: Head, refits: Refits, S: int, e: int) -> list[bool]:
    """Which points the checker proves from single refits alone, in other units."""
    scaled = at_scale(head, S, np.ldexp(head.points, e))
    there = Refits.__new__(Refits)
    there.head, there.known = scaled, {T: np.ldexp(W, -S) for T, W in refits.known.items()}
    with ctx.workprec(64), np.errstate(all="ignore"):
        checked = replace(as_checked(scaled, tuple(range(10)), 2, False), today=head.today.tolist())
        return proved(checked, stored(proposed(there, [], [])), "here", [True] * len(head.points))


def test_points_that_two_rows_turn_are_proved_at_no_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if tiny rows had no length, sums of steps would prove them: so they do with rows as they are."""
    head, refits = turning(0)
    for S, e in ((0, 0), (-10, -508), (-40, -530)):
        assert not any(accepted(head, refits, S, e))
    monkeypatch.setattr(data_module, "_of_one", lambda row, where: row)
    assert not any(accepted(head, refits, -40, -530))  # lengths hold where rows are not brought to one


def test_a_long_row_takes_nothing_from_the_others() -> None:
    rng = np.random.default_rng(7)
    head = class_head(rng, 40, 3, 20, 0.1, False, 3.0)
    refits = Refits(head)
    alone = accepted(head, refits, 0, 0)
    assert sum(alone) > 8
    for size in (1e8, 1e150, 1e-60):
        longer = at_scale(head, 0, np.r_[head.points, [size * head.points[0]]])
        assert accepted(longer, refits, 0, 0) == [*alone, alone[0]]


def test_entries_too_far_apart_are_refused() -> None:
    rng: Any = np.random.default_rng(5)
    head = class_head(rng, 8, 2, 2, 0.3, False, 2.0)
    head.points[1, 0], head.points[1, -1] = 2.0**600, 3.0 * 2.0**-1070
    with ctx.workprec(64), np.errstate(all="ignore"), pytest.raises(Invalid, match="too far apart"):
        data_of(as_checked(head, tuple(range(8)), 2, False), "here")


@pytest.mark.parametrize("none", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_no_centre(none: float) -> None:
    """Whichever one it is: the largest of some outputs passes over what is no number, wherever it stands."""
    head = class_head(np.random.default_rng(3), 12, 3, 2, 0.3, False, 2.0)
    with ctx.workprec(64):
        data = data_of(as_checked(head, tuple(range(12)), 2, False), "here")
        assert centre(data, head.V.ravel().tolist(), None) is not None
        for place in range(head.V.size):
            V = head.V.ravel().copy()
            V[place] = none
            assert centre(data, V.tolist(), None) is None
