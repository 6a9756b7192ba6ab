"""D24, derived again: refits lie in slabs that the checker holds, it follows honest arrays, and it refuses others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.theorems.head.rows import bent_box
from certify.check.theorems.head.rows.bent_box import forms, linear, method, taken
from certify.check.theorems.head.rows.boxes.stated import oriented
from certify.check.theorems.head.rows.boxes.trap import centre
from certify.check.theorems.head.rows.head import BITS
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.weights import RowWeights
from certify.theorems.head.rows.bent_box import method as prover
from certify.theorems.head.rows.bent_box.method import BentBox
from certify.theorems.head.rows.method import Budget
from tests.families.logistic_heads import as_checked, logistic_head, margins, refit, stored

N, POINTS = 10, 24
ROWS = tuple(range(N))
SHARES = (0.0, *(1e-4 * 2.0**i for i in range(18)))


def drawn(seed: int, decay: float, weighed: bool = False) -> Head:
    """A head at its refit."""
    rng = np.random.default_rng([seed, 29])
    head = logistic_head(rng, N, POINTS, decay)
    c = np.round(rng.uniform(0.3, 1.0, N), 2) if weighed else np.ones(N)
    w = refit(head.phi * head.Y, c, np.full(head.m, head.mu()[0]))
    return replace(head, decayed=np.ones(head.m, bool), V=w[None], weights=RowWeights(c) if weighed else None)


def twin_of(head: Head, count: int, relabels: bool) -> Any:
    """The checker's head."""
    twin = as_checked(head, ROWS, count, relabels)
    return twin if head.weights is None else replace(twin, weights=[arb(x) for x in head.weights.rows.tolist()])


def followed(head: Head, count: int, relabels: bool, arrays: dict[str, Any], asked: np.ndarray, **other: Any,
             ) -> np.ndarray:
    """Which points the checker proves."""
    with ctx.workprec(BITS):
        twin = replace(twin_of(head, count, relabels), **other)
        return np.array(bent_box.proved(twin, stored(arrays), "claim", asked.tolist()))


@cache
def example(relabels: bool, count: int = 2) -> tuple[Head, dict[str, Any], np.ndarray]:
    """Arrays of a box by which points are proved, rows bend, and one more change could flip some."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prover, "FEWEST", 1)
        for seed in range(40):
            head = drawn(seed, 60.0 if relabels else 25.0)
            part = BentBox().prove(head, RowChange(relabels, count, ROWS), head.today >= 0, Budget())
            if part is not None and part.proved.sum() > 5 and (part.arrays["rows"] > 1e-3).any():
                return head, dict(part.arrays), part.proved
    raise AssertionError("no such example was drawn")


@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize(("relabels", "count"), [(False, 1), (False, 3), (True, 1), (True, 2)])
def test_honest_arrays_are_followed_and_hold_of_every_refit(relabels: bool, count: int, weighed: bool) -> None:
    seen = 0
    for seed in range(8):
        head = drawn(seed, 20.0 * (1 + relabels) * count, weighed)
        part = BentBox().prove(head, RowChange(relabels, count, ROWS), head.today >= 0, Budget())
        if part is None or not part.proved.any():
            continue
        assert (followed(head, count, relabels, dict(part.arrays), part.proved) == part.proved).all()
        own = np.ones(N) if head.weights is None else head.weights.rows
        least = least_margins(head, own, count, relabels)
        assert (least[part.proved] > 0).all()
        seen += int(part.proved.sum())
    assert seen > 10


@pytest.mark.parametrize("factor", [1.0, 1e3])
@pytest.mark.parametrize("relabels", [False, True])
def test_columns_of_other_sizes_are_followed(relabels: bool, factor: float) -> None:
    """A column of long entries: the checker's inverse is off by more than floats are."""
    rng, n = np.random.default_rng([2, 31]), 150
    x, e = (np.c_[rng.standard_normal((size, 2)) + 1.0, np.ones(size)] for size in (n, 12))
    y = np.where(x @ np.array([2.0, -1.0, 0.5]) + rng.standard_normal(n) > 0, 1.0, -1.0)
    x[:, 0] *= factor
    e[:, 0] *= factor
    head = replace(logistic_head(rng, n), phi=x, phi_rad=np.zeros(n), Y=y[:, None], points=e, points_rad=np.zeros(12),
                   label=((y + 1) // 2).astype(np.int64), weight_decay=60.0 / n, decayed=np.ones(3, bool),
                   V=refit(x * y[:, None], np.ones(n), np.full(3, 60.0))[None])
    part = BentBox().prove(head, RowChange(relabels, 2, tuple(range(n))), head.today >= 0, Budget())
    assert part is not None
    assert part.proved.sum() > 6
    with ctx.workprec(BITS):
        twin = as_checked(head, tuple(range(n)), 2, relabels)
        good = bent_box.proved(twin, stored(dict(part.arrays)), "claim", part.proved.tolist())
    assert (np.array(good) == part.proved).all()


@pytest.mark.parametrize(("factor", "some"), [(1e60, True), (1e200, False), (1e-200, False)])
def test_points_far_out_are_followed_or_not_stated(factor: float, some: bool) -> None:
    head = example(False)[0]
    far = replace(head, points=head.points * factor)
    with np.errstate(all="ignore"):
        part = BentBox().prove(far, RowChange(False, 2, ROWS), far.today >= 0, Budget())
    assert part is not None
    assert bool(part.proved.any()) == some
    if some:
        assert (followed(far, 2, False, dict(part.arrays), part.proved) == part.proved).all()


@pytest.mark.parametrize("relabels", [False, True])
def test_a_row_of_zeros_is_followed(relabels: bool) -> None:
    """Nothing moves its margin, and no form of bending rows is there to be below a share."""
    head = example(relabels)[0]
    phi = np.concatenate([head.phi[:-1], np.zeros((1, head.m))])
    w = refit(phi * head.Y, np.ones(N), np.full(head.m, head.mu()[0]))
    head = replace(head, phi=phi, V=w[None])
    part = BentBox().prove(head, RowChange(relabels, 2, ROWS[:-1]), head.today >= 0, Budget())
    assert part is not None
    assert part.proved.any()
    found = followed(head, 2, relabels, dict(part.arrays), part.proved, moving=ROWS[:-1])
    assert (found == part.proved).all()


def least_margins(head: Head, own: np.ndarray, count: int, relabels: bool) -> np.ndarray:
    """Of every point over all refits."""
    if head.weights is None:
        return np.asarray(np.min(list(margins(head, ROWS, count, relabels).values()), axis=0))
    e = head.points * np.where(head.today == 1, 1.0, -1.0)[:, None]
    return np.asarray(np.min([e @ w for _, w in refits(head, own, count, relabels)], axis=0))


def refits(head: Head, own: np.ndarray, count: int, relabels: bool) -> list[tuple[list[int], np.ndarray]]:
    """After every choice."""
    S, decay = head.phi * head.Y, np.full(head.m, head.mu()[0])
    found = []
    for M in (list(some) for size in range(count + 1) for some in combinations(ROWS, size)):
        turned, left = S.copy(), own.copy()
        if relabels:
            turned[M] *= -1.0
        else:
            left[M] = 0.0
        found.append((M, refit(turned, left, decay)))
    return found


def shares_of(b: linear.Bent, vector: Any, signs: int) -> list[taken.Taken]:
    """What is taken along a vector, and its negative, each with the least λ of a list that holds."""
    found = []
    for sign in range(signs):
        for share in SHARES:
            one = next(taken.taken(b, [(vector[0], vector[1], (share,) * (sign + 1))]))[sign]
            if one is not None:
                found.append(one)
                break
    return found


def least_slabs(head: Head, count: int, relabels: bool) -> tuple[linear.Bent, np.ndarray] | None:
    """Slabs into which the checker's own bounds fall back, hardly longer than they have to be."""
    with ctx.workprec(BITS):
        s, _ = oriented(twin_of(head, count, relabels), "claim")
        c, slabs = centre(s, [], head.V[0].tolist()), np.full((4, N), 1e-6)
        for _ in range(60):
            b = linear.linear(c, list(ROWS), count, slabs.tolist())
            if b is None:
                return None
            image = np.zeros((4, N))
            for j, (row, r) in enumerate(zip(s.rows, s.norms, strict=True)):
                both = shares_of(b, (row, r), 2)
                if len(both) < 2:
                    return None
                falls, rises = both
                own = -1 if relabels else j
                image[:2, j] = method.most_along(b, falls, own), method.most_along(b, rises, own)
                image[2:, j] = image[:2, j] if relabels else (
                    method._falls(b, falls, j, j), method._rises(b, rises, j))
            if not image.max() < 20.0:
                return None
            if (image < slabs).all():
                return b, slabs
            slabs = np.where(image < slabs, slabs, image * 1.002 + 1e-9)
    return None


def escapes(head: Head, slabs: np.ndarray, count: int, relabels: bool) -> bool:
    """Whether a refit lies outside."""
    S = head.phi * head.Y
    for M, w in refits(head, np.ones(N), count, relabels):
        tau, out = S @ (w - head.V[0]), np.isin(np.arange(N), M)
        low, high = np.where(out, slabs[2], slabs[0]), np.where(out, slabs[3], slabs[1])
        if (-tau > low + 1e-10).any() or (tau > high + 1e-10).any():
            return True
    return False


@pytest.mark.parametrize("relabels", [False, True])
def test_refits_lie_in_the_least_slabs(relabels: bool) -> None:
    held = 0
    for seed in range(3):
        head = drawn(seed, 60.0 if relabels else 30.0)
        both = least_slabs(head, 2, relabels)
        if both is not None:
            held += 1
            assert not escapes(head, both[1], 2, relabels)
    assert held


def no_bending(b: Any, form: Any, bends: Any, unit: int, share: float) -> bool:
    return True


def fewer(values: Any, other: float, k: int) -> float:
    return TOP(values, other, max(k - 1, 1))


def few_pulls(c: Any, free: Any, slabs: Any, own: Any, rough: Any) -> Any:
    forth, back = PULLS(c, free, slabs, own, rough)
    return {i: c.counts(i) * c.p[i] * arb(0.8) if not c.sums.relabels else x * arb(0.8) for i, x in forth.items()}, back


TOP, PULLS = method.top, linear._pulls


@pytest.mark.parametrize(("owner", "name", "wrong"), [
    (taken, "below", no_bending), (method, "top", fewer), (linear, "_pulls", few_pulls)])
def test_wrong_versions_are_found_out(owner: Any, name: str, wrong: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, name, wrong)
    for relabels in (False, True):
        for seed in range(16):
            head = drawn(seed, 16.0 + 8.0 * relabels)
            both = least_slabs(head, 2, relabels)
            if both is not None and escapes(head, both[1], 2, relabels):
                return
    raise AssertionError("no refit lies outside")


def changed(arrays: dict[str, Any], name: str, change: Callable[[np.ndarray], np.ndarray]) -> dict[str, Any]:
    return arrays | {name: change(arrays[name].copy())}


@pytest.mark.parametrize("relabels", [False, True])
def test_arrays_that_do_not_hold_prove_nothing(relabels: bool) -> None:
    head, arrays, good = example(relabels)
    assert (followed(head, 2, relabels, arrays, good) == good).all()
    bending = np.argmax(arrays["rows"])
    no_share = changed(arrays, "rows", lambda x: np.where(np.arange(x.size).reshape(x.shape) == bending, 0.0, x))
    for wrong in (changed(arrays, "slabs", lambda x: x * 0.9), changed(arrays, "weights", lambda x: x + 0.3), no_share,
                  changed(arrays, "rows", lambda x: x * np.nan), changed(arrays, "rows", lambda x: x + np.inf),
                  changed(arrays, "rows", lambda x: -x)):
        assert not followed(head, 2, relabels, wrong, good).any()
    for one in range(len(arrays["slabs"])):
        tight = arrays["slabs"].copy()
        tight[one, 3] *= 0.5
        assert not followed(head, 2, relabels, arrays | {"slabs": tight}, good).any()
    for share in (-1.0, np.nan, np.inf):
        assert not followed(head, 2, relabels, arrays | {"points": np.full(POINTS, share)}, good).any()
    assert not followed(head, 4, relabels, arrays, good).any()
    assert not followed(head, 2, relabels, arrays, np.zeros(POINTS, bool)).any()


@pytest.mark.parametrize("relabels", [False, True])
def test_a_point_needs_its_own_share(relabels: bool) -> None:
    head, arrays, good = example(relabels)
    bending = int(np.argmax(np.where(good, arrays["points"], -1.0)))
    assert arrays["points"][bending] > 0.0
    found = followed(head, 2, relabels, changed(
        arrays, "points", lambda x: np.where(np.arange(POINTS) == bending, 0.0, x)), good)
    assert not found[bending]
    assert (np.delete(found, bending) == np.delete(good, bending)).all()


def test_other_forms_and_problems_are_refused() -> None:
    head, arrays, good = example(False)
    for wrong in ({"weights": arrays["weights"]}, arrays | {"wide": np.array([48])},
                  arrays | {"slabs": arrays["slabs"][:2]}, arrays | {"points": arrays["points"][:-1]},
                  arrays | {"rows": arrays["rows"].astype(np.int64)}):
        with pytest.raises(Invalid, match="its arrays are"):
            followed(head, 2, False, wrong, good)
    for bad in (0.0, -1.0, 1e-320, 1e-13, np.nan, np.inf, 64.0, 100.0):
        with pytest.raises(Invalid, match="slabs"):
            followed(head, 2, False, changed(arrays, "slabs", lambda x, bad=bad: np.full_like(x, bad)), good)
    for bad in (np.nan, np.inf):
        with pytest.raises(Invalid, match="weights"):
            followed(head, 2, False, changed(arrays, "weights", lambda x, bad=bad: np.full_like(x, bad)), good)
    with pytest.raises(Invalid, match="shapes"):
        followed(head, 2, True, arrays, good)
    labels = example(True)
    with pytest.raises(Invalid, match="weights go by the labels"):
        followed(labels[0], 2, True, labels[1], labels[2], labelled=(arb(1), arb(2)), weights=[arb(1)] * N)
    with pytest.raises(Invalid, match="no row may change"):
        followed(head, 2, False, arrays, good, moving=())
    with pytest.raises(Invalid, match="fixed decay"):
        followed(head, 2, False, arrays, good, remaining=True)


def made(H: np.ndarray, p: int) -> Any:
    """What `below` looks at, of a matrix that is known, and one row whose products are exact."""
    pairs = [(a, b) for a in range(p) for b in range(a, p)]
    number = {pair: at for at, pair in enumerate(pairs)}
    squares = SimpleNamespace(unit=0, place=[number[min(a, b), max(a, b)] for a in range(p) for b in range(p)])
    near = [[float(x) for x in row[: i + 1]] for i, row in enumerate(H.tolist())]
    whole = float(np.linalg.norm(H)) * 1.01
    c = SimpleNamespace(sums=SimpleNamespace(p=p))
    return SimpleNamespace(
        c=c, squares=squares, doubles=(near, 2.0**-50 * whole, whole), rough=[0.0]), pairs


def test_a_form_just_above_its_share_is_refused() -> None:
    """Around the least λ by which a matrix of whole numbers is below a share of another."""
    rng, kept = np.random.default_rng(7), 0
    for p in (1, 2, 5, 12):
        for _ in range(10):
            A = rng.normal(size=(2 * p, p))
            H, Q = A.T @ A + 0.1 * np.eye(p), rng.integers(-1000, 1000, (p, p))
            Q = Q + Q.T
            b, pairs = made(H, p)
            root = np.linalg.inv(np.linalg.cholesky(H))
            least = float(np.linalg.eigvalsh(root @ Q @ root.T)[-1])
            form = [int(Q[a, c]) for a, c in pairs]
            if least <= 0.0:
                continue
            assert not forms.below(b, form, [0], 0, least * (1 - 1e-9))
            assert forms.below(b, form, [0], 0, least * (1 + 1e-9) + 1e-9)
            assert not forms.below(b, form, [0], 0, float("nan"))
            b.rough = [1.0]
            assert not forms.below(b, form, [1 + int(1e6 * np.linalg.norm(H))], 0, least * (1 + 1e-9) + 1e-9)
            kept += 1
    assert kept > 20
