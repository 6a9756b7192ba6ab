"""D18: never more than the truth, most of it on small problems, whatever time there is, and what it is not for."""

from __future__ import annotations

import dataclasses
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from certify.format.errors import EnclosureError
from certify.problem.limits import OutOfTime
from certify.rigor.fp import Array
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows import softmax_box
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.softmax.centre import centre
from certify.theorems.head.rows.softmax_by_choice import candidates, method, metric, search, slab, sums
from certify.theorems.head.rows.softmax_by_choice.method import SoftmaxByChoice
from certify.theorems.head.rows.softmax_by_choice.metric import Metric
from certify.theorems.head.rows.survey import survey
from tests.containment import heads_softmax_by_choice as attack
from tests.containment.rigor import Violation
from tests.effort import FULL

Wrong = list[tuple[object, str, Any]]
_left, _kept, _level, _sums = candidates.left_of, metric.kept, metric.level, slab.Slab._sums
_needed, _top_two, _alone = search.needed, search.top_two, slab.Slab._alone


def _no_rows(m: Any, e: Array, a: Array, out: Array) -> Array:
    return _kept(m, e, a, np.zeros((len(a), 0), dtype=np.int64))


WRONG: dict[str, Wrong] = {
    "half of the gradient": [(candidates, "left_of", lambda *given: 0.5 * _left(*given)),
                             (slab, "left_of", lambda *given: 0.5 * _left(*given))],
    "moves take no curvature": [(metric, "kept", lambda m, e, a, out: _kept(m, np.ones_like(e), a, out))],
    "rows that are out take none": [(metric, "kept", _no_rows)],
    "nothing is lost on the way": [(metric, "mean_least", lambda r: np.ones_like(r))],
    "nothing is lost": [(metric, "level", lambda y, lever: 0.0 * y[0])],
    "levels without their rows": [(metric, "level", lambda y, lever: _level(np.minimum(y, 0.3), lever))],
    "a row without a step takes none": [(metric, "without_steps", lambda m, e, left, beside, out: _without(
        m, e, left, 0.0 * beside, out))],
    "rows keep what their classes do in the mean": [(sums, "_shared", lambda base, g, e, least, rows, new=None: _shared(
        base, g, e, g.sum(axis=0) / base.centre.sum(axis=0), rows, new))],
    "deleted rows are in the gradient": [(sums, "_shared", lambda base, g, e, least, rows, new=None: _shared(
        base, g, e, least, rows[:0], new))],
    "a far look costs nothing": [(metric, "kept", lambda m, e, a, out: _kept(m, e, 1e-6 * a, out))],
}
_without, _shared = metric.without_steps, sums._shared
FIRST = {"a row without a step takes none": 14}
"""The first seed that shows it, where it is not 0."""

COVER: dict[str, Wrong] = {
    "no pairs": [(slab.Slab, "_sums", lambda self, wanted: _sums(self, np.zeros_like(wanted)))],
    "no single rows": [(slab.Slab, "_alone", lambda self, wanted: np.zeros_like(wanted)),
                       (slab.Slab, "_sums", lambda self, wanted: _sums(self, np.zeros_like(wanted)))],
    "no slabs": [(search, "needed", lambda tails, bear: np.zeros(len(bear), dtype=np.int64))],
    "half of the slabs": [(search, "needed", lambda tails, bear: _needed(tails, bear) // 2)],
    "one row in the tail": [(search, "top_two", lambda x: 0.3 * _top_two(x))],
}


@pytest.mark.parametrize("free", [False, True])
def test_most_of_the_truth_is_found(free: bool) -> None:
    proved = stays = 0
    for seed in range(8):
        if proved > 0.8 * stays > 15 and not FULL:
            break
        rng = np.random.default_rng([seed, free, 18])
        head = attack.class_head(rng, 14, 2 + seed % 2, 16, float(10.0 ** rng.uniform(-1.5, 0.5)), free, 2.0)
        assert head.label is not None
        if free and np.bincount(head.label).min() < 3:  # without two rows there may be no refit
            continue
        with np.errstate(all="ignore"):
            good, true = attack.whole(head, RowChange(False, 2, tuple(range(14))), float("inf"))
        proved, stays = proved + good, stays + true
    assert proved > 0.8 * stays > 15


def test_drawn_heads_are_held() -> None:
    found = [attack.changed_rows_softmax_by_choice(np.random.default_rng([18, i])) for i in range(8 if FULL else 5)]
    assert found.count("decided") > len(found) // 2


@pytest.mark.parametrize(("what", "wrong"), WRONG.items())
def test_wrong_versions_are_caught(monkeypatch: pytest.MonkeyPatch, what: str, wrong: Wrong) -> None:
    for of, name, value in wrong:
        monkeypatch.setattr(of, name, value)
    for seed in range(FIRST.get(what, 0), 30):
        try:
            attack.changed_rows_softmax_by_choice(np.random.default_rng([19, seed]))
        except Violation:
            return
    pytest.fail(what)


@pytest.mark.parametrize(("what", "wrong"), COVER.items())
def test_choices_that_are_left_out_are_missed(monkeypatch: pytest.MonkeyPatch, what: str, wrong: Wrong) -> None:
    for of, name, value in wrong:
        monkeypatch.setattr(of, name, value)
    for seed in range(30):
        rng = np.random.default_rng([20, seed])
        head = attack.class_head(rng, 9, 3, 30, float(10.0 ** rng.uniform(-2.0, 0.0)), None, 1.0)
        try:
            with np.errstate(all="ignore"):
                attack.whole(head, RowChange(False, 2, tuple(range(9))), float("inf"))
        except Violation:
            return
    pytest.fail(what)


@pytest.mark.parametrize("early", [0, 8])
def test_time_that_is_up_at_any_call(monkeypatch: pytest.MonkeyPatch, early: int) -> None:
    """What was not looked at is not proved, and evaluation rows that were put off are looked at later."""
    monkeypatch.setattr(search, "EARLY", early)
    rng, counts = np.random.default_rng(18), []
    head = attack.class_head(rng, 11, 3, 30, 0.05, True, 1.5)
    change = RowChange(False, 2, tuple(range(11)))
    least = np.min([attack.worst(head, attack.without(head, T)) for size in range(3)
                    for T in combinations(range(11), size)], axis=0)
    for last in (1, 3, 6, 10, 20, 40, 80, 10_000):
        calls = 0

        def left(last: int = last) -> float:
            nonlocal calls
            calls += 1
            return float(max(last - calls, 0))

        s = search.Search(head, change, left)
        with np.errstate(all="ignore"):
            good = s.run(head.today >= 0)
        assert not (good & (least <= 0)).any() and not (s.found.flipped & (least > 0)).any()
        assert bool(s.why) == (calls >= last)
        counts.append(int(good.sum()))
    assert counts[0] == 0 and counts == sorted(counts) and counts[-1] > 0


def part(m: Metric, rho: Array, a: float, out: tuple[int, ...], more: float) -> float:
    """`θ(1 − κ)` as the theorem has it, the least over all levels, rows without a step taking `more`."""
    def f(x: Array) -> Array:
        return np.asarray(-np.expm1(-x) / x)

    theta = float(f(np.array([a * m.wide]))[0])
    y = np.maximum(1.0 - np.exp(-rho) * f(a * m.long) / (theta * m.h), 0.0)
    y[list(out)] = 1.0
    levels = np.append(y, 0.0)[:, None]  # the least is at one of these
    return theta * float(1.0 - more - (levels[:, 0] + np.maximum(y - levels, 0.0) @ m.lever).min())


def holds(m: Metric, rho: Array, r: float, left: float, out: tuple[int, ...], more: float = 0.0) -> bool:
    """Whether D18 says a distance: it falls with how far is looked, which is farther than it."""
    return bool(np.isinf(r) or left <= r * part(m, rho, r, out, more) * (1.0 + 1e-6))


@pytest.mark.parametrize("seed", range(10))
def test_each_distance_is_one_that_the_theorem_says(seed: int) -> None:
    """Of candidates looked at one by one, of rows without a step, and of all pairs of the last rows at once."""
    rng = np.random.default_rng([seed, 5])
    head = attack.class_head(rng, 14, int(rng.integers(2, 5)), 5, float(10.0 ** rng.uniform(-1.5, 0.0)), False, 1.0)
    c = centre(head, attack.without(head, ()))
    m = metric.root_metric(metric.as_it_is(c))
    assert m is not None
    rho, left = np.abs(rng.standard_normal((14, 40))) * 0.2, 10.0 ** rng.uniform(-3.0, 0.0, 40)
    out = np.array([rng.choice(14, 1) for _ in range(40)])
    one = metric.distances(m, metric.left_at(rho), left, out)
    assert np.isfinite(one).any()
    for b in range(40):
        assert holds(m, rho[:, b], float(one[b]), float(left[b]), (int(out[b, 0]),))
    other = metric.without_steps(m, metric.left_at(rho[:, 0]), left[:14], m.lever, out[0])
    for b in range(14):
        assert holds(m, rho[:, 0], float(other[b]), float(left[b]), (int(out[0, 0]),), float(m.lever[b]))
    pull, order = 10.0 ** rng.uniform(-4.0, -1.0, 14), rng.permutation(14)
    for h, r in enumerate(search.tail(m, c, order, pull)):
        for i, l in combinations(order[h:].tolist(), 2):
            assert holds(m, np.zeros(14), float(r), float(pull[i] + pull[l]), (), float(m.lever[i] + m.lever[l]))


@pytest.mark.parametrize("ends", [0, 1, 2, 4, 7])
def test_a_point_is_proved_after_its_slabs_and_no_sooner(monkeypatch: pytest.MonkeyPatch, ends: int) -> None:
    """The time ends in the slab `ends`; some evaluation rows are left open by one slab or flipped by another."""
    need, seen = np.array([0, 1, 2, 3, 5, 5, 8, 11]), list[int]()

    class Stub:
        def __init__(self, s: search.Singles, a: int, lines: candidates.Lines, found: Any, check: Any) -> None:
            self.a, self.lines, self.found = a, lines, found

        def open(self) -> Any:
            seen.append(self.a)
            if self.a == ends:
                raise OutOfTime
            return (self.lines.at == 2) & (self.a == 1)

    monkeypatch.setattr(search, "Slab", Stub)
    monkeypatch.setattr(search, "needed", lambda tails, bear: need)
    head = attack.class_head(np.random.default_rng(3), 10, 3, 8, 0.3, False, 2.0)
    s = search.Search(head, RowChange(False, 2, tuple(range(10))), lambda: 1e9)
    with np.errstate(all="ignore"):
        good = s.run(head.today >= 0)
    assert seen == list(range(ends + 1))
    assert good.tolist() == [n <= ends and not (at == 2) for at, n in enumerate(need.tolist())]


def test_what_refits_leave_open_a_slab_leaves_open(monkeypatch: pytest.MonkeyPatch) -> None:
    head = attack.class_head(np.random.default_rng(3), 10, 3, 8, 0.3, False, 2.0)
    made: list[slab.Slab] = []
    monkeypatch.setattr(slab.Slab, "_alone", lambda self, wanted: np.arange(len(wanted)) % 2 == 0)

    class Kept(slab.Slab):
        def open(self) -> Any:
            made.append(self)
            found = super().open()
            assert found[::2].all()
            return found

    monkeypatch.setattr(search, "Slab", Kept)
    monkeypatch.setattr(search, "needed", lambda tails, bear: np.full(len(bear), 2))
    with np.errstate(all="ignore"):
        search.Search(head, RowChange(False, 2, tuple(range(10))), lambda: 1e9).run(head.today >= 0)
    assert made


def test_what_points_bear_leaves_no_margin_below_zero() -> None:
    for seed in range(10):
        head = attack.class_head(np.random.default_rng([seed, 6]), 12, 4, 8, 0.3, False, 1.0)
        m = metric.root_metric(metric.as_it_is(centre(head, attack.without(head, ()))))
        assert m is not None
        lines = candidates.lines_of(head, np.arange(8))
        bear = search.bears(m, lines, lines.lengths(m))
        left = lines.gaps(m.c.V[None])[0] - lines.lengths(m) * bear[:, None]
        assert (left[bear > 0.0] >= 0.0).all() and (left.min(axis=1)[bear > 0.0] < 1e-9).all() and (bear > 0.0).any()


@pytest.mark.parametrize("seed", range(6))
def test_the_level_is_above_the_largest_eigenvalue(seed: int) -> None:
    """Of `Σ y_jB_j` in the norm of `Σ B_j ⪯ 1`, and it is the least over all levels, but for steps of the search."""
    rng = np.random.default_rng([seed, 3])
    F = rng.standard_normal((20, 4, 2)) * 10.0 ** rng.uniform(-1.5, 0.0, 20)[:, None, None]
    B = F @ F.transpose(0, 2, 1)
    B /= np.linalg.eigvalsh(B.sum(axis=0))[-1]
    lever, y = np.linalg.eigvalsh(B)[:, -1], rng.random((20, 5)) ** 3
    found = metric.level(y, lever)
    for b in range(5):
        assert np.linalg.eigvalsh(np.einsum("j,jab->ab", y[:, b], B))[-1] <= found[b]
        t = np.linspace(0.0, 1.0, 2001)[:, None]
        best = (t[:, 0] + np.maximum(y[:, b] - t, 0.0) @ lever).min()
        assert found[b] <= best + 0.02


def test_no_number_is_no_proof() -> None:
    """NaN and infinity in what a distance rests on leave it infinite."""
    head = attack.class_head(np.random.default_rng(1), 10, 3, 5, 0.1, False, 1.0)
    m = metric.root_metric(metric.as_it_is(centre(head, attack.without(head, ()))))
    assert m is not None
    e, out = np.ones((10, 4)), np.zeros((4, 1), dtype=np.int64)
    with np.errstate(all="ignore"):
        r = metric.distances(m, e, np.array([np.nan, np.inf, 1e-3, 1e3]), out)
        assert np.isinf(r[[0, 1, 3]]).all() and np.isfinite(r[2])
        bad = dataclasses.replace(m, lever=np.where(np.arange(10) == 3, np.nan, m.lever))
        assert np.isinf(metric.distances(bad, e, np.full(4, 1e-3), out)).all()
        with pytest.raises(EnclosureError):
            metric.distances(dataclasses.replace(m, long=np.nan * m.long), e, np.full(4, 1e-3), out)
        assert np.isinf(metric.distances(m, 0.0 * e, np.full(4, 1e-3), out)).all()
        assert metric.metric(m.c, np.zeros(10)) is not None  # the decay alone is a matrix
        free = attack.class_head(np.random.default_rng(1), 10, 3, 5, 0.1, True, 1.0)
        c = metric.as_it_is(centre(free, attack.without(free, ())))
        assert metric.metric(c, np.zeros(10)) is None  # but not of an intercept without decay
        lines, nan = candidates.lines_of(head, np.arange(5)), np.full((1, head.k, head.m), np.nan)
        for V in (nan, 0.0 * nan + np.inf, 1e200 * m.c.V[None], 1e4 * m.c.V[None]):
            base, steps = sums.base_of(m, m.c.V), sums.steps_of(head, V, m.c.V)
            assert base is not None and sums.base_of(m, V[0]) is None
            for found in (sums.at_weights(base, out[:1], V), sums.at_sums(base, steps, out[0], out[:1], V)):
                assert not np.isfinite(candidates.long_of(m, found.gradient, found.error)).any()
                assert candidates.look(m, found, out[:1], V, lines, lines.lengths(m)).open.all()


def test_the_method_says_what_it_is_not_for(monkeypatch: pytest.MonkeyPatch) -> None:
    head = attack.class_head(np.random.default_rng(4), 12, 3, 8, 0.3, True, 2.0)
    able = SoftmaxByChoice().able
    two = RowChange(False, 2, tuple(range(12)))
    assert "less than" in able(head, two)
    monkeypatch.setattr(method, "LEAST", 0)
    assert able(head, two) == "" and SoftmaxByChoice().sure(head, two, 9.0)
    assert not SoftmaxByChoice().sure(head, two, 1e-3)  # then the search for flips goes before it
    assert "labels" in able(head, RowChange(True, 2, tuple(range(12))))
    assert "3 rows" in able(head, RowChange(False, 3, tuple(range(12))))
    assert "exactly" in able(dataclasses.replace(head, phi_rad=np.full(12, 0.1)), two)
    for of, name, words in ((softmax_box, "MOST_WEIGHTS", "weights"), (method, "LARGE", "too many")):
        with monkeypatch.context() as small:
            small.setattr(of, name, 1)
            assert words in able(head, two)


def test_it_agrees_with_what_certificates_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(method, "LEAST", 0)
    head: Head = attack.class_head(np.random.default_rng(5), 14, 3, 8, 0.3, False, 2.0)
    change = RowChange(False, 2, tuple(range(14)))
    alone, other = survey(head, change, methods=("softmax_by_choice",)), survey(head, change)
    assert "softmax_by_choice" in alone.parts and "softmax_by_choice" not in other.parts
    assert not (alone.proved & other.attacked).any() and not (alone.attacked & other.proved).any()
    assert any("no certificate states" in reason for reason in alone.reasons)
    part = SoftmaxByChoice().prove(head, change, head.today >= 0, Budget())
    assert part is not None and not part.arrays and (part.proved == alone.proved).all()
