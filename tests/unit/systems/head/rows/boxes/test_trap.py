"""D5: every refit lies in the box, whole rows or parts of them; what is a little too small is refused."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from certify.finders.head import boxes
from certify.systems.head.rows.boxes.inverses import inverse
from certify.systems.head.rows.boxes.trap import Centre, Slabs, centre, drops, top_sums, trap
from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.box_tree import oriented
from tests.effort import FULL
from tests.families.logistic_heads import logistic_head, refit


def changed(c: Centre, M: list[int], part: float) -> np.ndarray:
    """The minimiser where a part of the rows' loss is left out, or a part of it is that of the other label."""
    s, kept, turned = c.sums, c.kept.copy(), np.zeros(len(c.kept))
    kept[M] *= 1 - part
    turned[M] = part * s.relabels
    return refit(np.vstack([s.S, -s.S]), np.r_[kept, turned], s.decay)


def boxed(seed: int, k: int, relabels: bool = False, n: int = 10) -> tuple[Centre, Slabs, np.ndarray] | None:
    head = logistic_head(np.random.default_rng([seed, k]), n, decay=(30.0 if relabels else 4.0) * k * k)
    s, points = oriented(head, RowChange(relabels, k, tuple(range(n))))
    s, kept = s.after([] if seed % 2 else [n - 1])
    w = boxes.minimiser(s, kept, np.zeros(head.m))
    # a centre that is a little off the minimiser has a residual, which the box must hold too
    c = centre(s, kept, w + (1e-6 if seed % 3 else 1e-3))
    free = np.arange(n - 1)
    found = boxes.slabs(c, free, k)
    return None if found is None else (c, found, points)


@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_refits_lie_within_and_margins_hold(k: int, relabels: bool) -> None:
    seen = 0
    for seed in range(40):
        if seen == 12 and not FULL:
            break
        found = boxed(seed, k, relabels)
        if found is None:
            continue
        c, slabs, points = found
        s, free = c.sums, np.arange(len(c.kept) - 1)
        t = trap(c, slabs, free, k)
        if t is None or not t.inside(slabs):
            continue
        seen += 1
        margin, pushes, fixed = drops(c, t, free, k, points)
        least = margin - top_sums(pushes, k)[0] - fixed
        rng = np.random.default_rng(seed)
        for size in range(k + 1):
            for M in combinations(free.tolist(), size):
                for part in (1.0, float(rng.random())):
                    w = changed(c, list(M), part)
                    tau = s.S @ (w - c.w)
                    stay = (c.kept > 0) & ~np.isin(np.arange(len(c.kept)), M)
                    assert (tau[stay] >= -slabs.lo[stay]).all() and (tau[stay] <= slabs.hi[stay]).all()
                    at = list(M)
                    assert (tau[at] >= -slabs.il[at]).all() and (tau[at] <= slabs.ih[at]).all()
                    assert (points @ w >= least - 1e-12).all()
    assert seen >= 10


@pytest.mark.parametrize("relabels", [False, True])
def test_slabs_a_little_too_small_are_refused(relabels: bool) -> None:
    refused = 0
    for seed in range(30):
        if refused == 7 and not FULL:
            break
        found = boxed(seed, 2, relabels)
        if found is None:
            continue
        c, slabs, _ = found
        free = np.arange(len(c.kept) - 1)
        t = trap(c, slabs, free, 2)
        assert t is not None
        if not t.inside(slabs):
            continue  # a residual that the proposal does not know of
        at = slabs.all()
        for _ in range(60):  # down to the least fixed point, from above
            t = trap(c, Slabs(*at), free, 2)
            assert t is not None
            at = np.maximum(t.image, 1e-9)
        small = Slabs(*(at * (1 - 1e-3)))
        t = trap(c, small, free, 2)
        assert t is None or not t.inside(small)
        refused += 1
    assert refused > 5


def test_what_is_no_number_is_refused() -> None:
    found = next(f for f in (boxed(seed, 1) for seed in range(20)) if f is not None)
    c, slabs, _ = found
    free = np.arange(len(c.kept) - 1)
    t = trap(c, slabs, free, 1)
    assert t is not None and t.inside(slabs)
    for row in range(4):
        at = slabs.all().copy()
        at[row, 0] = np.nan
        assert not t.inside(Slabs(*at))
    image = t.image.copy()
    image[0, 0] = np.nan
    assert not type(t)(image, *(getattr(t, name) for name in list(t.__dataclass_fields__)[1:])).inside(slabs)


def test_an_inverse_of_a_singular_matrix_is_refused() -> None:
    H = np.array([[1.0, 1.0], [1.0, 1.0 + 1e-15]])
    assert inverse(H, 0.0) is None
    assert inverse(np.eye(2), 0.9) is None
    assert inverse(np.array([[np.nan, 0.0], [0.0, 1.0]]), 0.0) is None
    found = inverse(np.eye(2), 1e-12)
    assert found is not None and 1e-12 <= found[1] < 1e-11


def test_the_sums_of_the_largest() -> None:
    rng = np.random.default_rng(0)
    for k in range(1, 7):
        v = rng.random((5, 5))
        both, less = top_sums(v, k)
        order = np.sort(v, axis=1)[:, ::-1]
        assert (both >= order[:, :k].sum(axis=1)).all() and (less >= order[:, : k - 1].sum(axis=1) - 1e-15).all()
        assert (both <= order[:, :k].sum(axis=1) * (1 + 1e-10)).all()
