"""D9 where columns are combinations of others, as one column for each of some kinds is: boxes hold, checks follow."""

from __future__ import annotations

import numpy as np
import pytest
from flint import ctx

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.softmax import centre as at_centre
from certify.check.theorems.head.rows.softmax import trap as box
from certify.check.theorems.head.rows.softmax_box import proved
from certify.rigor import fp
from certify.systems.head.rows.boxes import inverses
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses.cross_entropy import CrossEntropyHead
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.softmax import trap
from certify.theorems.head.rows.softmax.centre import centre, changes_of
from certify.theorems.head.rows.softmax_box import SoftmaxBox
from tests.families.class_heads import as_checked, refit

COUNT, KINDS = 2, 4


def one_column_for_each_kind(n: int, scale: float) -> Head:
    """A number with a long tail, and KINDS columns of 0 and 1 that add up to the free intercept's column."""
    rng = np.random.default_rng(5)
    x, kind = rng.standard_normal(n), rng.integers(0, KINDS, n)
    phi = np.c_[x * scale, np.eye(KINDS)[kind], np.ones(n)]
    out = np.outer(x, [1.0, 0.0, -1.0]) + np.outer(kind - 1, [0.5, -0.5, 0.0]) + rng.gumbel(size=(n, 3))
    label = out.argmax(axis=1)
    decayed = np.arange(KINDS + 2) < KINDS + 1
    V = refit(phi, np.eye(3)[label], 1.0, decayed)
    e = np.c_[rng.standard_normal(20) * scale, np.eye(KINDS)[rng.integers(0, KINDS, 20)], np.ones(20)]
    return Head(phi, np.zeros(n), np.eye(3)[label], np.eye(3), label.astype(np.int64), CrossEntropyHead(), V, 1.0 / n,
                decayed, False, e, np.zeros(20))


def test_boxes_hold_where_the_decay_alone_holds_a_direction() -> None:
    head = one_column_for_each_kind(900, 300.0)
    change = RowChange(False, COUNT, tuple(range(head.n)))
    part = SoftmaxBox().prove(head, change, head.today >= 0, Budget())
    assert part is not None
    assert part.proved.sum() >= 15
    V, now = head.V, head.points @ head.V.T
    gap = np.sort(now, axis=1)
    S = np.exp(head.phi @ V.T)
    S /= S.sum(axis=1)[:, None]
    pulls = np.argsort(-np.abs(S - head.Y).sum(axis=1) * np.linalg.norm(head.phi, axis=1))
    for j in np.flatnonzero(part.proved)[:6]:  # two of the rows that pull most, and those of them like this one
        like = [i for i in pulls if (head.phi[i, 1:5] == head.points[j, 1:5]).all()]
        for gone in (pulls[:COUNT], np.array(like[:COUNT])):
            kept = np.delete(np.arange(head.n), gone)
            again = refit(head.phi[kept], head.Y[kept], 1.0, head.decayed, 40)
            assert (head.points[j] @ again.T).argmax() == head.today[j]
    assert (gap[part.proved, -1] > gap[part.proved, -2]).all()


def test_the_check_follows_with_these_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    head = one_column_for_each_kind(300, 300.0)
    change = RowChange(False, 1, tuple(range(head.n)))
    part = SoftmaxBox().prove(head, change, head.today >= 0, Budget())
    assert part is not None
    assert part.proved.sum() >= 15

    def followed() -> list[bool]:
        stored = {name: Array(a.shape, tuple(a.ravel().tolist()), "f") for name, a in part.arrays.items()}
        with ctx.workprec(64):
            twin = as_checked(head, change.rows, change.count, False)
            return proved(twin, stored, "claim", part.proved.tolist())

    assert followed() == part.proved.tolist()
    for module in (at_centre, box):
        monkeypatch.setattr(module, "FINE", 64)
    assert not any(followed())


def test_both_ends_count_their_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ends lie beyond the true inverses by a share that is wrong on purpose here, a hundredth."""
    head = one_column_for_each_kind(60, 3.0)
    c = centre(head, head.V)
    changes = changes_of(head, RowChange(False, 1, tuple(range(head.n))))
    none = np.zeros((head.n, 6))

    def ends() -> tuple[np.ndarray, np.ndarray, float]:
        M = trap.matrices(c, none)
        assert M is not None
        size = head.k * head.m
        return (M.mean + M.half).reshape(size, size), (M.mean - M.half).reshape(size, size), M.off

    true = np.linalg.inv(trap.hessian(c, c.kept))
    above, below, off = ends()
    slack = 4.0 * off + 1e-12 * np.linalg.norm(true)
    assert np.linalg.eigvalsh(above - true).min() >= -slack
    assert np.linalg.eigvalsh(true - below).min() >= -slack
    assert len(changes.rows) == head.n
    monkeypatch.setattr(trap, "judged", lambda *given: (lambda f: f and (f[0], 0.01, f[2]))(inverses.judged(*given)))
    above, below, _ = ends()
    assert np.linalg.eigvalsh(above - true / 0.995).min() >= 0.0
    assert np.linalg.eigvalsh(true / 1.005 - below).min() >= 0.0


def test_what_floats_are_off_by_is_asked_for_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    head, asked = one_column_for_each_kind(60, 3.0), []

    def spied(H: np.ndarray, unsure: float, proved: bool) -> tuple[np.ndarray, float, float] | None:
        asked.append((H, unsure))
        return inverses.judged(H, unsure, proved)

    monkeypatch.setattr(trap, "judged", spied)
    M = trap.matrices(centre(head, head.V), np.zeros((head.n, 6)))
    assert M is not None
    size = head.k * head.m
    ends = (M.mean + M.half).reshape(size, size), (M.mean - M.half).reshape(size, size)
    assert M.off >= 8 * fp.dot_unit(size) * sum(np.linalg.norm(end) for end in ends) * (1 - 1e-9)
    assert len(asked) == 2
    for H, unsure in asked:  # sums of so many products, of a matrix that is at least this long
        assert unsure >= fp.dot_unit(head.n) * np.linalg.norm(H, 2)
