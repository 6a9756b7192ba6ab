"""D9: every refit lies in the box and keeps the margins; what is a little too small is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest

from certify.systems.head.rows.change import DELETED, RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.softmax.centre import Centre, Changes, centre, changes_of, mean_least, mean_most
from certify.theorems.head.rows.softmax.drops import drops
from certify.theorems.head.rows.softmax.finder import ranges
from certify.theorems.head.rows.softmax.trap import pairs_of, trap
from certify.theorems.head.rows.softmax_box import SoftmaxBox
from tests.effort import FULL
from tests.families.class_heads import class_head, refit

Found = tuple[Centre, Changes, np.ndarray, np.ndarray, np.ndarray]


def every(head: Head, change: RowChange) -> Iterator[tuple[tuple[int, ...], tuple[int, ...], np.ndarray]]:
    """Every choice of rows and codes, and the refit after it."""
    mu = head.n * head.weight_decay
    for size in range(change.count + 1):
        for rows in combinations(change.rows, size):
            for codes in product(*(change.alternatives(head, i) for i in rows)):
                Y, left = head.Y.copy(), np.ones(head.n, dtype=bool)
                for i, code in zip(rows, codes, strict=True):
                    if code == DELETED:
                        left[i] = False
                    else:
                        Y[i] = head.codes[code]  # type: ignore[index]
                yield rows, codes, refit(head.phi[left], Y[left], mu, head.decayed, 25)


def boxed(seed: int, relabels: bool, count: int, n: int = 8, k: int = 3) -> Found | None:
    """A head, a centre that is a little off its minimiser, and slabs."""
    rng = np.random.default_rng([seed, relabels, count])
    head = class_head(rng, n, k, decay=float(rng.uniform(0.7, 2.0)) * count ** (3 if relabels else 2), apart=1.5)
    V = refit(head.phi, head.Y, head.n * head.weight_decay, head.decayed)
    c = centre(head, V + (1e-9 if seed % 2 else 1e-6) * rng.standard_normal(V.shape))
    rows = tuple(range(n - seed % 3))
    changes = changes_of(head, RowChange(relabels, count, rows))
    found = ranges(c, changes)
    return None if found is None else (c, changes, *found)


@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize("count", [1, 2])
def test_refits_lie_within_and_margins_hold(relabels: bool, count: int) -> None:
    seen, used = 0, 0.0
    for seed in range(9):
        found = boxed(seed, relabels, count, 8 if count == 1 else 6)
        if found is None:
            continue
        c, changes, R, x, shift = found
        t = trap(c, changes, R, x, shift)
        if t is None or not ((t.outside < R).all() and (t.inside < x).all()):
            continue
        seen += 1
        head, rows = c.head, changes.rows.tolist()
        at = np.flatnonzero(head.today >= 0)
        least = drops(c, t, at, np.zeros(len(head.points))).least(changes.count)
        a, b = pairs_of(head.k)
        change = RowChange(relabels, count, tuple(rows))
        for M, codes, V in every(head, change):
            dz = head.phi @ (V - c.V).T
            stay = ~np.isin(np.arange(head.n), M) | relabels
            assert (dz[stay][:, a] - dz[stay][:, b] <= R[stay]).all()
            used = max(used, float(((dz[stay][:, a] - dz[stay][:, b]) / R[stay]).max()))
            for i, code in zip(M, codes, strict=True):
                place = rows.index(i)
                option = list(change.alternatives(head, i)).index(code)
                xi, s = dz[i] - shift[place, option], c.S[i]
                assert relabels or (s * xi * xi).sum() - (s @ xi) ** 2 <= x[place] ** 2
            F = head.points[at] @ V.T
            mine = F[np.arange(len(at)), head.today[at]]
            F[np.arange(len(at)), head.today[at]] = -np.inf
            assert (mine - F.max(axis=1) >= least - 1e-10).all()
    assert seen >= 3
    assert used > 0.5


@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize(("count", "k"), [(1, 3), (2, 3), (2, 2), (1, 4)])
def test_no_point_proved_is_moved_by_any_choice(relabels: bool, count: int, k: int) -> None:
    proved = 0
    for seed in range(4):
        n, decay = (9, 4.0) if count == 1 else (7, 12.0)
        head = class_head(np.random.default_rng([seed, k]), n, k, 30, decay if relabels else decay / 3, seed == 3, 2.0)
        change = RowChange(relabels, count, tuple(range(n if count == 1 else 4)))
        part = SoftmaxBox().prove(head, change, head.today >= 0, Budget())
        if part is None:
            continue
        proved += int(part.proved.sum())
        for _, _, V in every(head, change):
            assert ((head.points @ V.T).argmax(axis=1) == head.today)[part.proved].all()
    assert proved > 0


def test_slabs_a_little_too_small_are_refused() -> None:
    refused = 0
    for seed in range(8):
        if refused > 8 and not FULL:
            break
        for relabels in (False, True):
            found = boxed(seed, relabels, 2)
            if found is None:
                continue
            c, changes, R, x, shift = found
            for _ in range(80):  # down to the least fixed point, from above
                t = trap(c, changes, R, x, shift)
                assert t is not None
                R, x = np.maximum(t.outside, 1e-9), np.maximum(t.inside, 1e-9)
            for small in ((R * (1 - 1e-3), x), *([] if relabels else [(R, x * (1 - 1e-3))])):
                t = trap(c, changes, *small, shift)
                assert t is None or not ((t.outside < small[0]).all() and (t.inside < small[1]).all())
                refused += 1
    assert refused > 8


def test_what_is_no_number_is_refused() -> None:
    c, changes, R, x, shift = next(f for f in (boxed(seed, True, 1) for seed in range(9)) if f is not None)
    for bad in (np.nan, np.inf):
        for place in range(3):
            some = [R.copy(), x.copy(), shift.copy()]
            some[place].flat[0] = bad
            with np.errstate(all="ignore"):
                t = trap(c, changes, *some)
            assert t is None or not ((t.outside < some[0]).all() and (t.inside < some[1]).all())


def test_means_of_exponentials_are_bounds() -> None:
    r = np.concatenate([[0.0], 10.0 ** np.linspace(-12, 2.5, 400)])
    with np.errstate(over="ignore"):
        most, least = np.expm1(np.maximum(r, 1e-300)) / np.maximum(r, 1e-300), -np.expm1(-r) / np.maximum(r, 1e-300)
    assert (mean_most(r) >= most).all() and (mean_least(r)[1:] <= least[1:]).all()
    near = r < 300
    assert (mean_most(r)[near] <= most[near] * 1.002).all() and (mean_least(r)[1:] >= least[1:] * 0.998).all()
    assert np.isinf(mean_most(np.array([1e4])))[0]


def test_what_the_method_is_not_for() -> None:
    head = class_head(np.random.default_rng(0), 6, 3)
    method, change = SoftmaxBox(), RowChange(True, 1, (0, 1))
    assert method.able(head, change) == ""
    assert "no row" in method.able(head, RowChange(False, 1, ()))
    assert "every row" in method.able(head, RowChange(False, 6, (0,)))
    assert "exactly" in method.able(replace(head, phi_rad=np.full(6, 1e-9)), change)
    assert "weight decay" in method.able(replace(head, remaining=True), RowChange(False, 1, (0,)))
    assert method.able(replace(head, remaining=True), change) == ""
    one = class_head(np.random.default_rng(0), 6, 1)
    assert "cross-entropy" in method.able(one, change)
    assert method.prove(head, change, head.today >= 0, Budget(-1.0)) is None
