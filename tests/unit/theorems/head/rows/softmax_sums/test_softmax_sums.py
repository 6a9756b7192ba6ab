"""D25: points of small heads under any three deleted rows, each choice refitted; what is listed; and cut-off runs."""

from __future__ import annotations

import dataclasses
from functools import cache
from itertools import combinations

import numpy as np
import pytest

from certify.problem.limits import OutOfTime
from certify.rigor.fp import Array
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.softmax_by_choice.candidates import lines_of
from certify.theorems.head.rows.softmax_sums import far as listing
from certify.theorems.head.rows.softmax_sums import judge, search
from certify.theorems.head.rows.softmax_sums.far import Tables, far_choices, listed_far
from certify.theorems.head.rows.softmax_sums.method import SoftmaxSums
from certify.theorems.head.rows.softmax_sums.nearer import not_near
from certify.theorems.head.rows.softmax_sums.table import cubed
from certify.theorems.head.rows.survey import survey
from tests.containment.heads_softmax_by_choice import NEAR, without, worst
from tests.families.class_heads import class_head
from tests.unit.theorems.head.rows.softmax_sums.test_tables import problem

ROWS = tuple(range(8))


@cache
def drawn(seed: int, free: bool = False, n: int = 11) -> Head:
    """A head of which many points bear three rows and some do not: points lie between those of the classes."""
    rng = np.random.default_rng([seed, 61])
    head = class_head(rng, n, int(rng.integers(2, 5)), 120, float(10.0 ** rng.uniform(-0.5, 0.3)), free, 1.5)
    t = np.linspace(0.0, 1.0, 120)[:, None]
    return dataclasses.replace(head, points=t * head.points + (1.0 - t) * head.points[::-1])


@cache
def truth(seed: int, free: bool = False, rows: tuple[int, ...] = ROWS) -> Array:
    """`(N,)` the least margin of today's labels under every choice."""
    head = drawn(seed, free)
    return np.asarray(np.min([worst(head, without(head, T)) for r in range(4) for T in combinations(rows, r)], axis=0))


@pytest.mark.parametrize(("seed", "free"), [(0, False), (3, False), (2, True)])
def test_what_is_proved_stays_and_nothing_is_open(seed: int, free: bool) -> None:
    """Points that no choice moves are proved, and the others flipped."""
    head, low = drawn(seed, free), truth(seed, free)
    part = SoftmaxSums().prove(head, RowChange(False, 3, ROWS), head.today >= 0, Budget())
    assert part is not None and part.flips is not None
    assert part.proved.any() and (low[part.proved] > -NEAR).all()
    flipped = part.flips.point >= 0
    assert flipped.any() and (low[flipped] < NEAR).all()
    assert (part.proved | flipped)[np.abs(low) > 1e-3].mean() > 0.9


def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No choice is looked at by itself: each that is listed leaves its points open."""
    monkeypatch.setattr(judge.Judge, "_look", lambda self, T, numbers: self._live.fill(False))


@pytest.mark.parametrize("least", [0.05, 0.5])
def test_points_stay_by_sums_alone(least: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """By one number for most choices, whichever that is, and lists of the others."""
    monkeypatch.setattr(listing, "LEVELS", np.array([least]))
    alone(monkeypatch)
    proved = 0
    for seed in (0, 2):
        head, low = drawn(seed), truth(seed)
        part = SoftmaxSums().prove(head, RowChange(False, 3, ROWS), head.today >= 0, Budget())
        assert part is not None and (low[part.proved] > -NEAR).all()
        proved += int(part.proved.sum())
    assert proved > 10


@pytest.mark.parametrize("name", ["single", "pair", "third", "lost"])
def test_tables_without_a_part_say_too_much(name: str) -> None:
    """Distances of what is listed rest on all of it."""
    p = problem(0)
    t = dataclasses.replace(p.tables[0], **{name: 0.0 * getattr(p.tables[0], name)})
    every = np.array(list(combinations(range(p.head.n), 3)))
    one, other = t.distances(every), p.tables[0].distances(every)
    assert (one <= other).all() and (one < other)[np.isfinite(other)].any()


def tables_of(seed: int) -> Tables:
    """Tables of a small head, with the lengths of its points."""
    p = problem(seed)
    lines = lines_of(p.head, np.flatnonzero(p.head.today >= 0))
    long = [lines.lengths(t.m) for t in p.tables]
    scale = np.array([np.median(one / long[0]) for one in long])
    whole = np.max([one / x for one, x in zip(long, scale, strict=True)], axis=0) * (1.0 + 1e-12)
    return Tables(p.tables, cubed(p.s), scale, whole)


def every_choice(f: int) -> Array:
    """All of at most three, with f for no row."""
    return np.array([T + (f,) * (3 - len(T)) for r in range(4) for T in combinations(range(f), r)], dtype=np.int64)


@pytest.mark.parametrize("seed", range(3))
def test_every_choice_that_is_far_is_listed(seed: int) -> None:
    tables = tables_of(seed)
    f = len(tables.each[0].single) - 1
    every = every_choice(f)
    r = tables.far(every, sharp=True)
    finite = np.sort(r[np.isfinite(r)])
    apart = np.flatnonzero(np.diff(finite) > 1e-6 * finite[1:])  # between two: an order of sums decides no case
    for at in (apart[len(apart) // 4], apart[-len(apart) // 10]):
        least = float(0.5 * (finite[at] + finite[at + 1]))
        found = listed_far(tables, least, lambda: None)
        assert found is not None and (found.r >= least).all() and (np.diff(found.r[np.isfinite(found.r)]) <= 0).all()
        listed = {tuple(sorted(T)) for T in found.T.tolist()}
        assert len(listed) == len(found.T)
        assert listed == {tuple(T) for T in every[r >= least].tolist()}


@pytest.mark.parametrize("seed", range(2))
def test_what_no_list_names_leaves_points(seed: int) -> None:
    """Of every point the choices that are not listed, each by its refit; and few are."""
    p, tables = problem(seed), tables_of(seed)
    lines = lines_of(p.head, np.flatnonzero(p.head.today >= 0))
    f, refits = p.head.n, {}
    far = far_choices(tables, lambda: None)
    assert far is not None
    for T in every_choice(f).tolist():
        W = without(p.head, tuple(i for i in T if i < f))
        refits[tuple(T)] = worst(p.head, W)[lines.at]
    takes, gap = search.takes_of(lines, p.W, p.c.V)
    named = seen = 0
    for place in range(len(lines.at)):
        T = search.opened(tables, far, takes[:, place], gap[place], tables.lengths[place])
        if T is None:
            continue
        seen += 1
        listed = {tuple(one) for one in T.tolist()}
        named += len(listed)
        assert all(low[place] > -NEAR for one, low in refits.items() if one not in listed)
    assert seen and named < 0.7 * seen * len(refits)


@pytest.mark.parametrize("after", [0, 2, 40, 90, 140, 190])
def test_runs_that_are_cut_off(after: int) -> None:
    """Wherever the time ends, what is proved stays."""
    head, low, calls = drawn(0), truth(0), [0]

    def check() -> None:
        calls[0] += 1
        if calls[0] > after:
            raise OutOfTime

    run = search.Search(head, RowChange(False, 3, ROWS), check)
    with np.errstate(all="ignore"):
        proved = run.run(head.today >= 0)
    assert run.late and run.why and (low[proved] > -NEAR).all()


@pytest.mark.parametrize("seed", [0, 2])
def test_refits_of_which_nothing_is_known_prove_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor do they flip a point: what they alone could decide stays open."""
    head, low = drawn(seed), truth(seed)
    monkeypatch.setattr(judge, "enclose_refits", lambda head, choices, W: np.full(len(W), np.inf))
    part = SoftmaxSums().prove(head, RowChange(False, 3, ROWS), head.today >= 0, Budget())
    assert part is not None and part.flips is not None and (part.flips.point < 0).all()
    assert (low < -NEAR).any() and (low[part.proved] > -NEAR).all()


@pytest.mark.parametrize("rows", [(2,), (1, 4)])
def test_fewer_rows_than_may_go(rows: tuple[int, ...]) -> None:
    """One row has no pair, and two have no triple."""
    head, low = drawn(0), truth(0, rows=rows)
    part = SoftmaxSums().prove(head, RowChange(False, 3, rows), head.today >= 0, Budget())
    assert part is not None and part.proved.any() and (low[part.proved] > -NEAR).all()


def test_points_are_judged_by_their_own_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What steps take of a margin, the margin and its lengths are those of one point."""
    opened, own = search.opened, set[bytes]()

    def asked(tables: Tables, far: listing.Far, takes: Array, gap: Array, lengths: Array) -> Array | None:
        own.add(gap.tobytes() + takes.tobytes() + lengths.tobytes())
        return opened(tables, far, takes, gap, lengths)

    def judged(T: Array, r: Array, takes: Array, gap: Array, lengths: Array) -> Array:
        assert gap.tobytes() + takes.tobytes() + lengths.tobytes() in own
        return not_near(T, r, takes, gap, lengths)

    monkeypatch.setattr(search, "opened", asked)
    monkeypatch.setattr(search, "not_near", judged)
    part = SoftmaxSums().prove(drawn(3), RowChange(False, 3, ROWS), drawn(3).today >= 0, Budget())
    assert part is not None and part.proved.any() and len(own) > 10


def test_other_questions_are_refused() -> None:
    head = drawn(0)
    for change in (RowChange(True, 3, ROWS), RowChange(False, 2, ROWS), RowChange(False, 4, ROWS)):
        assert SoftmaxSums().able(head, change)
    assert not SoftmaxSums().able(head, RowChange(False, 3, ROWS))
    unsure = dataclasses.replace(head, phi_rad=np.full(head.n, 0.1))
    assert SoftmaxSums().able(unsure, RowChange(False, 3, ROWS))
    assert SoftmaxSums().able(dataclasses.replace(head, remaining=True), RowChange(False, 3, ROWS))


def test_the_survey_takes_it_where_no_certificate_is_asked_for() -> None:
    head, low = drawn(3), truth(3)
    found = survey(head, RowChange(False, 3, ROWS), 60.0, methods=("softmax_sums",))
    assert found.parts["softmax_sums"].proved.any() and (low[found.proved] > -NEAR).all()
    assert not found.undecided[np.abs(low) > 1e-3].any()
