"""D20, Lemmas 2 and 3 of the checker, number by number: against gradients, curvatures and refits of small heads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.theorems.head.rows.boxes.fixed_rows import sums
from certify.check.theorems.head.rows.boxes.leaves import base
from certify.check.theorems.head.rows.boxes.trap import centre
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.label_sums import bound as bounding
from certify.check.theorems.head.rows.label_sums.bound import Bound, bound, lengths_of
from certify.check.theorems.head.rows.label_sums.choices import falling, most, reaching
from certify.check.theorems.head.rows.label_sums.refits import TURNS, Refits
from certify.check.theorems.head.rows.label_sums.settings import Setting, seen, settings
from certify.check.theorems.head.rows.label_sums.steps import Steps, steps
from certify.systems.head.rows.change import RowChange
from tests.families.label_heads import KINDS, as_checked, label_head
from tests.families.logistic_heads import refit

Array = np.ndarray
ALMOST = 1 + 1e-7


def floats(M: arb_mat) -> Array:
    return np.array([[float(x.mid()) for x in row] for row in M.tolist()])


@dataclass(frozen=True)
class Numbers:
    """A setting in floats, with the bound of the checker."""

    setting: Setting
    found: Bound
    w: Array
    S: Array
    c: Array
    after: Array
    decay: Array

    def terms(self, which: tuple[int, ...]) -> tuple[Array, Array]:
        """Signs of the rows and what they count after a choice of changes."""
        y, c = np.ones(len(self.S)), self.c.copy()
        for i in (self.setting.rows[u] for u in which):
            y[i], c[i] = -1.0, self.after[i]
        return y, c

    def gradient(self, which: tuple[int, ...], w: Array) -> Array:
        y, c = self.terms(which)
        return self.decay * w - (c * y / (1 + np.exp(y * (self.S @ w)))) @ self.S

    def refit(self, which: tuple[int, ...]) -> Array:
        y, c = self.terms(which)
        return refit(self.S * y[:, None], c, self.decay)

    def sum(self, which: tuple[int, ...]) -> Array:
        return self.w + floats(self.found.steps.delta)[:, list(which)].sum(axis=1)

    @property
    def A(self) -> Array:
        return floats(self.found.A)

    def star(self, v: Array) -> float:
        return float(np.sqrt(v @ np.linalg.solve(self.A, v)))

    def choices(self) -> Iterator[tuple[int, ...]]:
        for r in range(1, self.setting.k + 1):
            yield from combinations(range(len(self.setting.rows)), r)


@cache
def numbers(seed: int, weights: str, count: int, n: int = 30) -> tuple[Numbers, ...]:
    """Every setting of a drawn head of which twelve labels may change, some of them in long rows."""
    head = label_head(seed, weights, n=n, d=2, decay=0.3)
    change = RowChange(True, count, tuple(range(0, n, 3)))
    with ctx.workprec(BITS):
        found = [made(setting) for setting in settings(as_checked(head, change), "here").values()]
    return tuple(one for one in found if one is not None)


def made(setting: Setting, must: bool = True, away: float = 1e-4) -> Numbers | None:
    s = setting.sums
    assert s.weights is not None
    c, after, decay = (np.array([float(x.mid()) for x in some]) for some in (s.weights, setting.after, s.decay))
    S = np.array(s.rows)
    w = refit(S, c, decay) + away
    b = base(centre(s, [], w.tolist()))
    st = None if b is None else steps(setting, b)
    found = None if st is None else bound(st)
    assert found is not None or not must
    return found and Numbers(setting, found, w, S, c, after, decay)


CASES = [(seed, weights, count) for weights in KINDS for seed, count in ((0, 1), (1, 2), (2, 3))]


@pytest.mark.parametrize("case", CASES)
def test_the_gradient_at_a_sum_of_steps_is_no_longer_than_is_said(case: tuple[int, str, int]) -> None:
    largest = 0.0
    for it in numbers(*case):
        for which in it.choices():
            part = it.star(it.gradient(which, it.sum(which))) / (it.found.far(which) * it.found.kept)
            assert part < ALMOST
            largest = max(largest, part)
    assert largest > 0.25, largest


@pytest.mark.parametrize("case", CASES)
def test_refits_are_as_near_to_sums_as_is_said(case: tuple[int, str, int]) -> None:
    for it in numbers(*case):
        for which in it.choices():
            away = it.refit(which) - it.sum(which)
            assert np.sqrt(away @ it.A @ away) < it.found.far(which) * ALMOST


@pytest.mark.parametrize("case", CASES)
def test_all_choices_at_once_are_at_least_each(case: tuple[int, str, int]) -> None:
    nearest = 0.0
    for it in numbers(*case):
        for which in it.choices():
            said = sum(it.found.rho[u] for u in which) + it.found.fixed
            assert it.found.far(which) < said * ALMOST and said < it.found.reach
            nearest = max(nearest, it.found.far(which) / said)
    assert nearest > 0.95


@pytest.mark.parametrize("weights", KINDS)
def test_a_centre_far_from_the_minimum_is_within_reach(weights: str) -> None:
    """What the gradient at the centre adds once is most of how far refits are from sums."""
    head, most_part = label_head(1, weights, n=30), 0.0
    with ctx.workprec(BITS):
        for setting in settings(as_checked(head, RowChange(True, 1, (0, 1, 2))), "here").values():
            for away in (0.03, 0.1, 0.3):
                it = made(setting, must=False, away=away)
                if it is not None:
                    said = max(it.found.rho) + it.found.fixed
                    assert said < it.found.reach
                    most_part = max(most_part, it.found.fixed / said)
    assert most_part > 0.6


@pytest.mark.parametrize("case", CASES)
def test_moves_of_margins_hold_the_largest_sums(case: tuple[int, str, int]) -> None:
    for it in numbers(*case):
        st, k = it.found.steps, it.setting.k
        tau = it.S @ floats(st.delta)
        for sign, said in ((1.0, st.forth), (-1.0, st.back)):
            truth = np.sort(np.maximum(sign * tau, 0.0), axis=1)[:, -k:].sum(axis=1)
            assert (truth <= np.array(said) * ALMOST).all() and (np.array(said) < truth * 1.001 + 1e-6).all()
        for u, i in enumerate(it.setting.rows):
            assert abs(tau[i, u]) <= st.own[u] * ALMOST
            others = np.sort(np.abs(np.delete(tau[i], u)))[::-1][: k - 1].sum()
            assert st.across[u] >= others / ALMOST if st.gain[u] else st.across[u] == 0.0
            which = tuple(range(u, min(u + k, len(tau[0]))))
            assert st.others(which, u) >= np.abs(tau[i, list(which[1:])]).sum() / ALMOST


@pytest.mark.parametrize("case", CASES)
def test_the_matrix_lies_below_the_curvature_within_reach(case: tuple[int, str, int]) -> None:
    rng, least = np.random.default_rng(1), 9.0
    for it in numbers(*case):
        A, root = it.A, np.linalg.inv(np.linalg.cholesky(it.A)).T
        for which in it.choices():
            v = root @ rng.normal(size=len(A))
            v *= it.found.reach / np.sqrt(v @ A @ v)
            at = it.sum(which)
            change = (it.gradient(which, at + v) - it.gradient(which, at)) @ v / (v @ A @ v)
            assert change > it.found.kept / ALMOST
            least = min(least, change / it.found.kept)
    assert least < 3.0, least


def test_what_a_lighter_label_takes_of_the_matrix_is_counted() -> None:
    """Rows of a small head that count a hundredth as their new label: without them less than A is left."""
    below = 0
    for seed in range(4):
        head = label_head(seed, "labels", n=12, decay=0.1)
        with ctx.workprec(BITS):
            setting, = settings(as_checked(head, RowChange(True, 1, tuple(range(12)))), "here").values()
            it = made(replace(setting, after=[x / 100 for x in setting.sums.weights or []]), must=False)
        root = None if it is None else np.linalg.inv(np.linalg.cholesky(it.A))
        for which in it.choices() if it is not None and root is not None else ():
            y, c = it.terms(which)
            p = 1 / (1 + np.exp(y * (it.S @ it.sum(which))))
            H = (it.S.T * (c * p * (1 - p))) @ it.S + np.diag(it.decay)
            left = np.linalg.eigvalsh(root @ H @ root.T)[0]
            assert left > it.found.kept / ALMOST
            below += int(left < 1.0)
    assert below


@pytest.mark.parametrize("times", [4, 8, 16, 64])
def test_what_a_heavier_label_bends_is_counted(times: int) -> None:
    """Rows that count many times as much as their new label."""
    found = 0
    for seed in range(3):
        head = label_head(seed, "rows", n=60, d=2, decay=0.3)
        with ctx.workprec(BITS):
            setting, = settings(as_checked(head, RowChange(True, 1, tuple(range(0, 60, 5)))), "here").values()
            it = made(replace(setting, after=[x * times for x in setting.sums.weights or []]), must=False)
        for which in it.choices() if it is not None else ():
            assert it.star(it.gradient(which, it.sum(which))) < it.found.far(which) * it.found.kept * ALMOST
            found += 1
    assert found or times > 8


def test_what_a_new_weight_bends_by_itself_is_counted() -> None:
    """A row that hardly counts, and a hundred times as much as its new label, with a column nearly of its own."""
    rows = [[1.0, 1.0], *[[0.0, 1.0]] * 314, *[[0.0, -1.0]] * 86]
    with ctx.workprec(BITS):
        weights, after = [arb(0.01), *[arb(1)] * 400], [arb(1)] * 401
        it = made(Setting(sums(rows, [arb(5), arb(0)], True, weights), after, [0], 1, [[([0], 1)]]), away=0.0)
    assert it is not None
    far = it.found.far((0,)) * it.found.kept
    assert far / 2 < it.star(it.gradient((0,), it.sum((0,)))) < far * ALMOST


@pytest.mark.parametrize("weights", KINDS)
def test_curvatures_and_their_slopes_hold_wherever_sums_lead(weights: str) -> None:
    for it in numbers(1, weights, 2):
        rows = bounding._rows(it.found.steps)
        assert rows is not None
        for j, t in enumerate(it.S @ it.w):
            m = np.linspace(t - it.found.steps.back[j], t + it.found.steps.forth[j], 400)
            p = 1 / (1 + np.exp(m))
            D = p * (1 - p)
            assert rows.least[j] <= it.c[j] * D.min() * ALMOST and rows.most[j] >= D.max() / ALMOST
            assert rows.second[j] >= (D * np.abs(1 - 2 * p)).max() / ALMOST and rows.heavy[j] >= it.c[j]


@pytest.mark.parametrize("weights", KINDS)
def test_rows_of_little_curvature_are_counted_by_their_length(weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounding, "SMALL", 1.0)
    for it in numbers(1, weights, 2):
        with ctx.workprec(BITS):
            found = bound(it.found.steps)
        other = Numbers(it.setting, found or it.found, *(getattr(it, x) for x in ("w", "S", "c", "after", "decay")))
        assert found is not None and found.bend != it.found.bend
        for which in it.choices():
            assert other.star(it.gradient(which, it.sum(which))) < found.far(which) * found.kept * ALMOST


@pytest.mark.parametrize("weights", KINDS)
def test_weights_near_a_refit_are_as_near_as_is_said(weights: str) -> None:
    rng = np.random.default_rng(2)
    for it in numbers(1, weights, 2):
        looked, k = Refits(it.found, it.w.tolist(), None, []), it.setting.k  # type: ignore[arg-type]
        for which in list(combinations(range(len(it.setting.rows)), k))[::4]:
            truth, start = it.refit(which), [arb(x) for x in it.sum(which).tolist()]
            for size in (1e-6, 0.1, 0.5):
                v = rng.normal(size=len(truth))
                V = truth + size * it.found.reach * v / np.sqrt(v @ it.A @ v)
                with ctx.workprec(BITS):
                    _, far = looked._distance(which, arb_mat([[x] for x in V.tolist()]), start)
                    _, away = looked._distance(which, arb_mat([[x] for x in (V + 99.0 * it.found.reach).tolist()]),
                                               start)
                assert np.sqrt((V - truth) @ it.A @ (V - truth)) <= far * ALMOST and away == np.inf
            for place in range(len(TURNS)):
                with ctx.workprec(BITS):
                    (w, far), = looked._looked([which], place)
                gap = floats(w)[:, 0] - truth
                assert np.sqrt(gap @ it.A @ gap) <= far * ALMOST + 1e-13 and far < (1e-2 if place == 0 else 1e-4)


@pytest.mark.parametrize("x", [1e-12, 1e-3, 0.3, 1.0, 2.0, 5.0, 40.0, 250.0, 1e3, 1e300])
def test_what_rows_keep_on_the_way_to_a_refit(x: float) -> None:
    truth = 1.0 if x < 1e-9 else x / np.expm1(x) if x < 700 else 0.0
    assert bounding._least_part(x) <= truth
    assert x > 300 or bounding._least_part(x) > 0.6 * truth


@pytest.mark.parametrize("case", CASES)
def test_a_distance_counts_what_rows_keep_and_what_changes_take(case: tuple[int, str, int]) -> None:
    """At the sum itself: the gradient's length over both."""
    for it in numbers(*case):
        looked, which = Refits(it.found, it.w.tolist(), None, []), (0,)  # type: ignore[arg-type]
        w = it.sum(which)
        with ctx.workprec(BITS):
            _, far = looked._distance(which, arb_mat([[x] for x in w.tolist()]), [arb(x) for x in w.tolist()])
        x = it.found.reach * max(it.star(row) for row in it.S)
        assert far * ALMOST > it.star(it.gradient(which, w)) / (it.found.kept * it.found.phi)
        assert 0.0 < it.found.phi <= x / np.expm1(x) * ALMOST


@pytest.mark.parametrize("weights", KINDS)
def test_lengths_of_points_are_those_of_the_inverse(weights: str) -> None:
    head = label_head(1, weights, n=30, d=2, decay=0.3)
    change = RowChange(True, 2, tuple(range(0, 30, 3)))
    for it in numbers(1, weights, 2):
        with ctx.workprec(BITS):
            e = seen(as_checked(head, change), list(range(60)), "here")
            said = lengths_of(it.found, e.forms(it.found.M, (it.found.big + it.found.off).upper()), e.norms)
        truth = np.array([it.star(row) for row in np.array(e.rows)])
        assert (truth <= np.array(said) * ALMOST).all() and (np.array(said) < 1.001 * truth).all()
        sign = np.where(head.today == 1, 1.0, -1.0)
        assert np.array_equal(np.array(e.rows), head.points * sign[:, None])


def test_settings_of_balanced_labels_have_the_weights_that_these_have_then() -> None:
    """In units of the decay, exactly: 21 rows of which 9 have label 1."""
    head = label_head(0, "balanced", n=21)
    assert head.label is not None
    label = np.where(np.arange(21) % 8 < 3, 1, 0)
    twin = as_checked(replace(head, label=label, Y=2.0 * label[:, None] - 1.0), RowChange(True, 3, (0, 2, 5, 6, 8, 11)))
    with ctx.workprec(BITS):
        every = settings(twin, "here")
    ones = {row for row in twin.moving if label[row]}
    assert sorted(every) == sorted(f"{a}-{b}" for a in range(4) for b in range(4) if 1 <= a + b <= 3) and len(ones) == 3
    for name, setting in every.items():
        first, second = map(int, name.split("-"))
        counts = [12 - first + second, 9 - second + first]
        for i, y in enumerate(label.tolist()):
            for weights, own in ((setting.sums.weights or [], y), (setting.after, 1 - y)):
                said = weights[i] / setting.sums.decay[0]
                assert said.overlaps(1 / (2 * counts[own] * twin.decay)) and said.rad() < 1e-15
        assert setting.k == first + second and len(setting.kinds) == 1
        told = [({label[setting.rows[a]] for a in places}, len(places), size) for places, size in setting.kinds[0]]
        assert told == [({y}, 3, size) for y, size in enumerate((first, second)) if size]
        assert {setting.rows[a] for places, _ in setting.kinds[0] for a in places} == {
            row for row in twin.moving if (first, second)[label[row]]}


def test_settings_of_other_weights_ask_about_every_number_of_changes() -> None:
    head = label_head(0, "labels", n=12)
    with ctx.workprec(BITS):
        setting, = settings(as_checked(head, RowChange(True, 3, (1, 4, 7, 10))), "here").values()
    assert setting.kinds == [[([0, 1, 2, 3], size)] for size in (0, 1, 2, 3)] and setting.k == 3
    assert setting.rows == [1, 4, 7, 10]


def test_a_step_that_is_no_linear_one_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any θ may stand in a step: what it leaves is in `off`."""
    it, = numbers(1, "labels", 2)
    st = it.found.steps
    theta = [1.3 * x for x in st.scale]
    g = [float(it.after[i] - (it.after[i] - it.c[i]) / (1 + np.exp(it.S[i] @ it.w))) for i in it.setting.rows]
    off = [abs(x - 1.3 * x) for x in g]
    moved: Steps = replace(st, delta=st.delta * arb("1.3"), scale=theta, off=[1.001 * x for x in off],
                           own=[1.3 * x for x in st.own], forth=[1.3 * x for x in st.forth],
                           back=[1.3 * x for x in st.back], across=[1.3 * x for x in st.across],
                           lines=[type(line)("d", [1.69 * x for x in line]) for line in st.lines])
    with ctx.workprec(BITS):
        found = bound(moved)
    assert found is not None
    one = replace(it, found=found)
    assert all(one.star(one.gradient(which, one.sum(which))) < found.far(which) * found.kept * ALMOST
               for which in one.choices())


@pytest.mark.parametrize("sizes", [(1,), (2,), (3,), (1, 1), (2, 1), (0, 2)])
def test_all_choices_that_reach_a_sum_are_listed_once(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(sum(sizes))
    for _ in range(30):
        each = np.round(rng.normal(size=9), 1)
        places = [list(range(9))] if len(sizes) == 1 else [[0, 2, 4, 6, 8], [1, 3, 5, 7]]
        groups = [(falling(each.tolist(), own), size) for own, size in zip(places, sizes, strict=True)]
        every = [sum(one, ()) for one in _product([list(combinations(own, size)) for own, size in zip(
            places, sizes, strict=True)])]
        sums = {tuple(sorted(which)): float(sum(each[list(which)])) for which in every}
        assert most(groups) == pytest.approx(max(sums.values()))
        need = float(rng.choice(list(sums.values()))) - 0.05
        found = [tuple(sorted(which)) for which in reaching(groups, need)]
        assert len(found) == len(set(found)) and set(found) == {which for which, x in sums.items() if x >= need}


def _product(lists: list[list[tuple[int, ...]]]) -> Iterator[list[tuple[int, ...]]]:
    if not lists:
        yield []
        return
    for first in lists[0]:
        for rest in _product(lists[1:]):
            yield [first, *rest]
