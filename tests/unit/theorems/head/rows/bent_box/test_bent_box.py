"""D24: every refit lies in the box and keeps the margins, in all kinds of heads; wrong versions are found out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from certify.format.errors import EnclosureError
from certify.systems.head.rows.boxes.trap import Slabs, centre
from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows import survey
from certify.theorems.head.rows.bent_box import image, method, spectra
from certify.theorems.head.rows.bent_box.image import Bent, bent
from certify.theorems.head.rows.bent_box.method import FEWEST, BentBox
from certify.theorems.head.rows.bent_box.search import box, stays
from certify.theorems.head.rows.box_tree import oriented
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.searches.methods import CHECKED
from tests.families.bent_boxes import drawn, every, found
from tests.families.logistic_heads import logistic_head, margins, refit

KINDS = [(False, False), (False, True), (True, False), (True, True)]


def worst(b: Bent, points: np.ndarray) -> tuple[float, float]:
    """The largest part of a slab, and of what points may lose, that any refit uses up; above 1: the box is wrong."""
    c, s = b.at.c, b.at.c.sums
    taken = b.taken(points, True)
    assert taken is not None
    least, most = (one.most(b.at.k) for one in taken)
    slab, lost = 0.0, 0.0
    for M, w in every(s, b.at.free, b.at.k):
        tau, moved = s.S @ (w - c.w), points @ (w - c.w)
        out = np.isin(np.arange(len(s.S)), M)
        low, high = np.where(out, b.slabs.il, b.slabs.lo), np.where(out, b.slabs.ih, b.slabs.hi)
        slab = max(slab, float(np.maximum(-tau / low, tau / high).max()))
        lost = max(lost, float(np.maximum(-moved / least, moved / most).max()))
    return slab, lost


def boxes(relabels: bool, weighed: bool, count: int, seeds: int) -> list[Bent]:
    """Those that are found."""
    out = []
    for seed in range(seeds):
        rng = np.random.default_rng([seed, relabels, weighed, count])
        s = drawn(rng, relabels, weighed, decay=(4.0 if relabels else 1.0) * count)
        b = found(s, count, None if seed % 2 else np.arange(7), 1e-6 if seed % 3 else 1e-10)
        out += [] if b is None else [b]
    return out


@pytest.mark.parametrize(("relabels", "weighed"), KINDS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_refit_lies_in_the_box_and_keeps_the_margins(relabels: bool, weighed: bool, count: int) -> None:
    some = boxes(relabels, weighed, count, 5)
    assert len(some) >= 2
    used = [worst(b, np.random.default_rng(count).standard_normal((6, b.at.c.sums.S.shape[1]))) for b in some]
    assert max(max(pair) for pair in used) <= 1.0
    assert max(pair[0] for pair in used) > 0.4
    assert max(pair[1] for pair in used) > 0.4


@pytest.mark.parametrize("wrong", ["no bending", "no growth", "no own rows", "half of the pairs"])
def test_wrong_versions_are_found_out(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if wrong == "no bending":
        monkeypatch.setattr(image, "largest", lambda rows, sums, sizes: np.zeros(len(sums)))
    elif wrong == "no growth":
        def first_only(*given: Any) -> Any:
            got = PULLS(*given)
            return replace(got, forth=got.first, share=np.zeros(len(got.first)))
        PULLS = image._pulls
        monkeypatch.setattr(image, "_pulls", first_only)
    elif wrong == "no own rows":
        def few(values: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
            return TOPS(values, max(k - 1, 1))
        TOPS = image.top_sums
        monkeypatch.setattr(image, "top_sums", few)
    else:
        def half(*given: Any) -> np.ndarray:
            return np.asarray(0.05 * SQUARES(*given))
        SQUARES = image.squares
        monkeypatch.setattr(image, "squares", half)
    caught = False
    for relabels, decay in ((False, 1.0), (True, 3.0)):
        for seed in range(40):
            s = drawn(np.random.default_rng([seed, relabels, 17]), relabels, False, 8, decay)
            b = found(s, 2)
            if b is None:
                continue
            points = np.concatenate([s.S, -s.S, np.random.default_rng(seed).standard_normal((30, s.S.shape[1]))])
            caught |= max(worst(b, points)) > 1.0 + 1e-9
            if caught:
                break
    assert caught


def test_slabs_that_are_too_small_or_no_numbers_hold_nothing() -> None:
    b = boxes(False, False, 2, 2)[0]
    slabs = b.slabs
    for _ in range(60):  # down to the least fixed point, from above
        again = bent(b.at, slabs)
        assert again is not None
        at = again.image()
        assert at is not None
        slabs = Slabs(*np.maximum(at.all(), 1e-12))
    short = Slabs(*(slabs.all() * 0.999))
    small = bent(b.at, short)
    assert small is not None
    inner = small.image()
    assert inner is not None
    assert not (inner.all() < short.all()).all()
    for bad in (np.nan, np.inf):
        broken = slabs.all().copy()
        broken[0, 0] = bad
        with np.errstate(all="ignore"):
            one = bent(b.at, Slabs(*broken))
            into = None if one is None else one.image()
        assert into is None or not (into.all() < broken).all()


def test_what_no_float_holds_finds_no_box() -> None:
    s = drawn(np.random.default_rng(1), False, False)
    w = refit(s.S, s.whole, s.decay)
    c = centre(s, s.whole, w)
    with np.errstate(all="ignore"):
        assert box(c, np.arange(len(s.S)), 1, lambda: -1.0) is None
        for broken in (replace(c, gradient=float("nan")), replace(c, gradient=1e6)):
            assert box(broken, np.arange(len(s.S)), 1, lambda: 1.0) is None


def test_points_that_are_said_to_stay_do() -> None:
    proved = 0
    for seed in range(12):
        head = logistic_head(np.random.default_rng([seed, 3]), 10, 30, 60.0)
        relabels, k = bool(seed % 2), 2
        s_rows = tuple(range(head.n))
        s, points = oriented(head, RowChange(relabels, k, s_rows))
        b = found(s, k)
        if b is None:
            continue
        which = np.flatnonzero(head.today >= 0)
        good = which[stays(b, points[which])[0]]
        proved += len(good)
        for out in margins(head, s_rows, k, relabels).values():
            assert (out[good] > 0).all()
    assert proved > 20


def test_what_the_method_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    head = logistic_head(np.random.default_rng(0), 12)
    rows = tuple(range(12))
    assert BentBox().able(head, RowChange(False, FEWEST, rows)) == ""
    assert "4 changes" in BentBox().able(head, RowChange(False, FEWEST - 1, rows))
    assert BentBox().able(replace(head, threshold=0.5), RowChange(True, FEWEST, rows)) == ""
    bare = replace(head, threshold=0.5, points=2.0 * head.points)
    assert "intercept" in BentBox().able(bare, RowChange(True, FEWEST, rows))
    assert "bent_box" in CHECKED
    monkeypatch.setattr(method, "WIDEST", head.m)
    assert not BentBox().able(head, RowChange(False, FEWEST, rows))
    monkeypatch.setattr(method, "WIDEST", head.m - 1)
    assert "columns" in BentBox().able(head, RowChange(False, FEWEST, rows))
    monkeypatch.undo()
    monkeypatch.setattr(method, "LARGEST", 10.0)
    assert "too many" in BentBox().able(head, RowChange(False, FEWEST, rows))


def test_what_no_float_holds_or_no_time_is_there_for_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    head = logistic_head(np.random.default_rng(0), 12, decay=60.0)
    change = RowChange(False, FEWEST, tuple(range(12)))
    late = BentBox().prove(head, change, head.today >= 0, Budget(-1.0))
    assert late is not None
    assert not late.proved.any()
    assert "time" in late.why

    def overflowing(*given: object) -> None:
        raise EnclosureError("row norms", "overflow", "rescale the data")

    monkeypatch.setattr(method, "box", overflowing)
    assert BentBox().prove(head, change, head.today >= 0, Budget()) is None


def test_the_method_proves_what_a_box_of_the_first_order_does_not() -> None:
    rng = np.random.default_rng(2)
    n, p, k = 400, 6, 9
    X = np.c_[rng.standard_normal((n, p)), np.ones(n)]
    y = np.where(X @ np.r_[rng.standard_normal(p), 0.0] + rng.logistic(size=n) > 0, 1.0, -1.0)
    head = replace(logistic_head(np.random.default_rng(0), 12), phi=X, phi_rad=np.zeros(n), Y=y[:, None],
                   label=((y + 1) // 2).astype(np.int64), V=refit(X * y[:, None], np.ones(n), np.ones(p + 1))[None],
                   weight_decay=1.0 / n, decayed=np.ones(p + 1, bool), points=X[:40] * 1.0, points_rad=np.zeros(40))
    change = RowChange(False, k, tuple(range(n)))
    first = survey._method("box").prove(head, change, head.today >= 0, Budget())
    part = BentBox().prove(head, change, head.today >= 0, Budget())
    assert part is not None
    assert part.proved.sum() > (0 if first is None else first.proved.sum())
    e = head.points * np.where(head.today == 1, 1.0, -1.0)[:, None]
    S, kept = X * y[:, None], np.ones(n)
    at = 1 / (1 + np.exp(S @ head.V[0]))
    heat = (e @ np.linalg.solve((S.T * (at * (1 - at))) @ S + np.eye(p + 1), S.T)) * at
    for j in np.flatnonzero(part.proved)[::5]:
        kept[:] = 1.0
        kept[np.argsort(-heat[j])[:k]] = 0.0
        assert e[j] @ refit(S, kept, np.ones(p + 1)) > 0


def test_largest_eigenvalues_are_bounds() -> None:
    rng = np.random.default_rng(4)
    S = rng.standard_normal((30, 4))
    H = (S.T * 0.3) @ S + np.eye(4)
    L = np.linalg.cholesky(np.linalg.inv(H))
    w = spectra.whitened(S, np.linalg.norm(S, axis=1) * 1.0001, H, 0.0, L)
    assert w is not None
    beta = np.concatenate([rng.standard_normal((20, 30)), -np.abs(rng.standard_normal((5, 30)))])
    lam = spectra.largest(w, beta @ w.products, np.abs(beta) @ w.rounding)
    assert lam is not None
    for b, one in zip(beta, lam, strict=True):
        true = float(np.linalg.eigvals(np.linalg.solve(H, (S.T * b) @ S)).real.max())
        assert max(true, 0.0) <= one <= 1.001 * max(true, 0.0) + 1e-8
    assert spectra.largest(w, np.full((1, 10), np.nan), np.zeros(1)) is None
    assert spectra.whitened(S, np.full(30, 9.0), H, 0.0, 2.0 * L) is None
    with pytest.raises(EnclosureError):
        spectra.whitened(S, np.full(30, 9.0), np.full((4, 4), np.nan), 0.0, L)
