"""A budget that all rows share (P3): never below what rows can grow, and only rows that need it are cut finely."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certify.check.lipschitz import reach as growth
from certify.check.reading.spec import read_spec
from certify.check.reading.subject import build_problem
from certify.check.systems.point import Point
from certify.check.systems.sublevel import descent_of
from tests.effort import examples
from tests.families.check_cases import seeds
from tests.families.prover_cases import sublevel


class Rows:
    """Rows whose losses grow by exactly `min(at + ½(q + rt)t², c)`, on `[0, t]` no more than `q + rt` says."""

    def __init__(self, rows: np.ndarray, asked: list[int] | None = None) -> None:
        self.rows, self.asked = rows, [] if asked is None else asked

    def of(self, some: list[int]) -> Rows:
        return Rows(self.rows[some], self.asked)

    def bounds(self, t: arb) -> list:
        self.asked.append(len(self.rows))
        return [([(arb(a), arb(q) + arb(r) * t)], arb(c)) for a, q, r, c in self.rows.tolist()]

    def grown(self, t: np.ndarray) -> np.ndarray:
        a, q, r, c = self.rows.T
        return np.minimum(a * t + (q + r * t) * t * t / 2, c)


def drawn(seed: int, n: int) -> Rows:
    """Slopes and bends of many sizes, some 0."""
    rng = np.random.default_rng(seed)
    rows = 10.0 ** rng.uniform(-6, 2, size=(n, 4)) * (rng.random((n, 4)) > 0.1)
    rows[:, 3] = np.where(rng.random(n) > 0.5, 1e300, rows[:, 3])
    return Rows(rows)


def shared(rows: Rows, radius: float, room: float) -> arb:
    with ctx.workprec(64):
        return growth._shared(rows, arb(radius), arb(room))


def most_found(rows: Rows, radius: float, seed: int) -> float:
    """What some ways to share the budget give: at random, all in one row, and as multipliers say."""
    rng, best, n = np.random.default_rng(seed), 0.0, len(rows.rows)
    grid = np.linspace(0, radius, 200)
    values = np.array([rows.grown(np.full(n, t)) for t in grid])
    for mu in (*10.0 ** np.linspace(-6, 8, 60), *[None] * 20):
        t = np.abs(rng.normal(size=n)) if mu is None else grid[np.argmax(values - mu * grid[:, None]**2 / 2, axis=0)]
        size = np.linalg.norm(t)
        t = t * (radius * (1 - 1e-12) / size) if mu is None else t * min(1.0, radius * (1 - 1e-12) / max(size, 1e-300))
        best = max(best, rows.grown(t).sum())
    return max(best, values[-1].max() * (1 - 1e-9))


QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck))


@settings(QUIET, max_examples=examples(120))
@given(seed=st.integers(0, 10**9), n=st.integers(1, 6), size=st.floats(1e-4, 1e3), share=st.floats(0.2, 1.5))
def test_no_way_to_share_the_budget_gives_more(seed, n, size, share):
    """Whatever the room is, so that none, some or all rows are cut finely."""
    rows = drawn(seed, n)
    whole = float(shared(rows, size, 1e300))
    bound = shared(rows, size, share * whole)
    assert not bound < most_found(rows, size, seed) * (1 - 1e-9)
    assert not bound > whole * (1 + 1e-6)


def wrong_ends(grids, reach, radius, rows, right=growth._refine):
    """Every interval with the bounds of its lower end."""
    right(grids, reach, radius, rows)
    for i in rows:
        grids[i] = [(low, high, after[2]) for (low, high, _), after in
                    zip(grids[i], [*grids[i][1:], grids[i][-1]], strict=True)]


def wrong_cover(grids, reach, radius, rows, right=growth._refine):
    """The topmost interval is forgotten."""
    right(grids, reach, radius, rows)
    for i in rows:
        del grids[i][0]


def wrong_rows(grids, reach, radius, rows, right=growth._refine):
    """A row has the bounds of another."""
    right(grids, Rows(reach.rows[::-1]), radius, rows)


@pytest.mark.parametrize("wrong, growths", [
    (wrong_ends, [[1.0, 0.0, 400.0, 1e300], [1e-3, 1.0, 0.0, 1e300]]),
    (wrong_cover, [[1.0, 0.0, 400.0, 1e300], [1e-3, 1.0, 0.0, 1e300]]),
    (wrong_rows, [*[[1.0, 0.0, 0.0, 1e300]] * 4, [1e-6, 0.0, 0.0, 1e300]])])
def test_a_wrong_grid_is_seen(wrong, growths, monkeypatch):
    rows = Rows(np.array(growths))
    truth = most_found(rows, 1.0, 0)
    assert shared(rows, 1.0, 0.0) >= truth
    monkeypatch.setattr(growth, "_refine", wrong)
    monkeypatch.setattr(growth, "_heavy", lambda grids, each, most: [0] if len(grids[0]) == 1 else [])
    assert shared(rows, 1.0, 0.0) < truth


def test_only_rows_that_need_it_are_cut_finely():
    """Five rows that share the budget and bend more at its end, beside sixty that hardly grow."""
    rows = Rows(np.array([*[[1.0, 0.0, 1.0, 1e300]] * 5, *[[1e-6, 0.1, 0.0, 1e300]] * 60]))
    whole = float(shared(rows, 1.0, 1e300))
    assert rows.asked == [65]
    finest = float(shared(rows, 1.0, 0.0))
    assert finest < 0.99 * whole
    rows.asked.clear()
    room = 0.5 * (finest + whole)
    assert shared(rows, 1.0, room) <= room
    assert rows.asked == [65, *[5] * (growth.LEVELS - 1)]


@pytest.mark.parametrize("low, high", [(0.0, 1.0), (0.5, 0.75), (2.0, 4.0)])
@pytest.mark.parametrize("mu", [0.0, 0.25, 8.0])
def test_growth_that_is_nearly_constant_loses_what_the_lower_end_costs(mu, low, high):
    """Of a row that grows by 3 at once, and at the lower end takes the least of the budget."""
    assert growth._most(([(arb(1e9), arb(0))], arb(3)), arb(mu), arb(low), arb(high)) == 3 - mu * low**2 / 2


class Unknown(Rows):
    """Of rows with the constant −1 it is not known how steep they are, or how bent."""

    def __init__(self, rows: np.ndarray, x: arb, steep: bool) -> None:
        super().__init__(rows)
        self.x, self.steep = x, steep

    def of(self, some: list[int]) -> Unknown:
        return Unknown(self.rows[some], self.x, self.steep)

    def bounds(self, t: arb) -> list:
        return [([(self.x, q) if self.steep else (a, self.x)], arb(1e300)) if c == -1 else (pairs, c)
                for pairs, c in super().bounds(t) for a, q in pairs]


@pytest.mark.parametrize("x", [arb("nan"), arb("inf"), arb(0, "inf")])
@pytest.mark.parametrize("steep", [True, False])
@pytest.mark.parametrize("place", [0, 2])
def test_of_a_row_that_is_not_known_nothing_is_said(x, steep, place):
    rows = drawn(3, 3).rows
    with ctx.workprec(64):
        assert shared(Rows(rows), 1.0, 1e200) <= 1e200
        rows[place, 3] = -1
        assert not shared(Unknown(rows, x, steep), 1.0, 1e200) <= 1e200


@settings(QUIET, max_examples=examples(20))
@given(seed=seeds, size=st.floats(1e-3, 3.0))
def test_some_rows_have_the_bounds_that_they_have_among_all(seed, size, tmp_path):
    sublevel(seed, tmp_path, level=1.0, parameter="features")
    spec = read_spec((tmp_path / "spec.toml").read_bytes())
    data, model = ((tmp_path / name).read_bytes() for name in ("data.npz", "model.safetensors"))
    problem = build_problem(spec, model, data, merge=False)
    with ctx.workprec(128):
        point = Point(problem, 128)
        reach = growth.Reach(problem, point.parameters, point.forward, point.of(descent_of))
        reach.bend = [(1 + x) * (2 + at) for at, x in enumerate(reach.bend)]  # else all the same
        whole, some = reach.bounds(arb(size)), list(range(len(problem.moving)))[::-2]
        for i, (pairs, constant) in zip(some, reach.of(some).bounds(arb(size)), strict=True):
            for x, y in zip([constant, *sum(pairs, ())], [whole[i][1], *sum(whole[i][0], ())], strict=True):
                assert x.overlaps(y) and abs(x.mid() - y.mid()) <= 1e-20 * y.abs_upper()
