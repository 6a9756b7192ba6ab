"""Rows that may take most, and what no other row exceeds: what is proved of few rows holds after every deletion."""

from __future__ import annotations

import math
from array import array
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import given
from hypothesis import strategies as st

from certify.check.stored import beside, conditions, deletions, largest, some
from certify.check.stored.single import heaviest
from certify.format.refusal import Invalid
from tests.effort import examples
from tests.families.stored_rows import Small, accepted, written
from tests.unit.check.stored.test_deletions import crowd, drawn, made, tried


def known(roots: list[int], widest: list[int]) -> beside.Beside:
    """Of rows with these `√K_ii`, in units of `2^−20`."""
    return beside.Beside((array("q", widest),), array("q", widest), (arb(0),), array("q", [x * x for x in roots]), 0)


@given(st.lists(st.tuples(st.integers(1, 2**20), st.integers(1, 2**55)), min_size=2, max_size=12), st.integers(1, 6),
       st.integers(1, 2**40), st.tuples(st.integers(1, 2**12), st.integers(0, 2**12), st.integers(0, 2**12)))
def test_no_row_that_is_left_out_exceeds_the_bar(rows: list[tuple[int, int]], count: int, energy: int,
                                                 by: tuple[int, int, int]) -> None:
    """Exactly: `|c| = √K_ii|e|` is the largest that an influence may be, and `e` is `energy·2^−20`."""
    roots, widest = [x for x, _ in rows], [x for _, x in rows]
    with ctx.workprec(128):
        found = heaviest.heaviest(known(roots, widest), (count,))
        assert len(found) == (count < len(rows))
        for one in found:
            assert one.rows is not None and len(one.rows) == count
            bar = one.bar(arb(energy) * arb(2) ** -20, arb(2) ** -30, by)
            assert bar is not None
            for i in set(range(len(rows))) - set(one.rows):
                a = Fraction(roots[i] * energy, 2**10)  # in units of 2^−30
                r = Fraction(widest[i], 2**10)
                assert by[0] * a * r + by[1] * a * a + by[2] * r * r <= bar
            kept = min(roots[i] * widest[i] for i in one.rows)
            assert all(roots[i] * widest[i] <= kept for i in set(range(len(rows))) - set(one.rows))


def test_what_is_left_out_is_bounded_by_itself_and_not_by_much_more() -> None:
    with ctx.workprec(128):
        one, = heaviest.heaviest(known([2**10, 2**18, 2**12], [2**30, 2**38, 2**31]), (1,))
        assert one.rows == [1]
        assert one.bar(arb(1), arb(2) ** -30, (1, 0, 0)) == 2**22 * 2**21
        assert one.bar(arb(1), arb(2) ** -30, (0, 1, 0)) == 2**44
        assert one.bar(arb(1), arb(2) ** -30, (0, 0, 1)) == (2**21 + 1) ** 2
        one, = heaviest.heaviest(known([2**18, 2**17, 2**5], [2**38, 2**30, 2**36]), (1,))
        assert one.rows == [0]  # of the others one has the longer row, and the other one the larger residual
        assert one.bar(arb(1), arb(2) ** -30, (0, 1, 0)) == 2**54
        assert one.bar(arb(1), arb(2) ** -30, (0, 0, 1)) == (2**26 + 1) ** 2
        assert heaviest.Heaviest().bar(arb("nan"), arb(1), (1, 1, 1)) == 0  # no row is left out


@pytest.mark.parametrize("energy", [arb("nan"), arb("inf"), arb(1, "inf")])
def test_where_no_length_is_known_nothing_is(energy: arb) -> None:
    one, = heaviest.heaviest(known([1, 2, 3], [3, 2, 1]), (1,))
    assert one.bar(energy, arb(1), (1, 1, 1)) is None
    assert heaviest.rounded_up(energy) is None


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is decided by lengths, and nothing from all rows: what is proved is so from few of them."""
    monkeypatch.setattr(some.Taken, "most", lambda *_: arb(1e9))
    monkeypatch.setattr(deletions, "HEAVIEST", (1, 2, 5))
    whole = some.screened
    monkeypatch.setattr(deletions, "screened", lambda *given: whole(*given) if given[-1].rows is not None
                        else [False] * len(given[3]))


@pytest.mark.parametrize("seed", range(examples(25)))
def test_what_is_proved_from_few_rows_holds_after_every_deletion(few: None, seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng([20261130, 7, seed])
    problem = drawn(rng)
    tried(tmp_path, replace(problem, penalty=problem.penalty * float(rng.choice([1, 30]))), 1 + seed % 2)


@pytest.mark.parametrize(("heavy", "count"), [(2.0, 1), (2.0, 4), (0.0, 4)])
def test_few_rows_prove_less_than_all_and_do_prove(heavy: float, count: int, tmp_path: Path,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    """By leverages, of one row, and by a comparison."""
    monkeypatch.setattr(deletions, "HEAVY", heavy)
    monkeypatch.setattr(some.Taken, "most", lambda *_: arb(1e9))
    problem = crowd(np.random.default_rng(4), 3)
    problem = replace(problem, new=problem.new[:8] * 0.5)
    every = [j for j in range(8) if accepted(written(tmp_path, problem, "deletions", count, [j], [], []))]
    whole = some.screened
    monkeypatch.setattr(deletions, "HEAVIEST", (8, 100))
    monkeypatch.setattr(deletions, "screened", lambda *given: whole(*given) if given[-1].rows is not None
                        else [False] * len(given[3]))
    less = [j for j in range(8) if accepted(written(tmp_path, problem, "deletions", count, [j], [], []))]
    assert less and set(less) <= set(every)
    monkeypatch.setattr(heaviest.Heaviest, "bar", lambda *_: None)
    assert not [j for j in range(8) if accepted(written(tmp_path, problem, "deletions", count, [j], [], []))]


@pytest.mark.parametrize("heavy", [2.0, 0.0])
def test_the_rest_of_the_rows_is_counted(heavy: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At many margins, in one column, where the bound of an influence is the influence itself.

    Few rows prove nothing more than all do; with nothing known of the others they would.
    """
    rng, count = np.random.default_rng(2), 5
    X = rng.uniform(0.5, 1.0, (60, 1)) * rng.choice([-1.0, 1.0], (60, 1))
    y = (X[:, 0] + 0.3 * rng.standard_normal(60) > 0).astype(int)
    X[:3], y[:3] = 4.0, 0
    problem = Small(X, y, np.ones((1, 1)), 2, 1.0, False)
    monkeypatch.setattr(deletions, "HEAVY", heavy)
    seen = made(written(tmp_path, problem, "deletions", count, [], [], []), monkeypatch)
    (stays, taken), H = seen.ways[0], float(X[:, 0] @ X[:, 0] + 1.0)
    first = sum(sorted((abs(x) / H * v * 2.0**-40 for x, v in zip(X[:, 0], stays.widest, strict=True)))[-count:])
    with ctx.workprec(128):
        few, = heaviest.heaviest(stays, (3,))
        condition, = conditions.conditions_of(0, seen.ground.counts)  # what rows 0 to 2 speak for
        solution, = seen.ground.system.solutions([[1.0]])
        points = [some.Open(0, [conditions.Margin(condition, arb(first * t / 100), solution.off, solution.length)],
                            largest.point_of(solution), arb(1 / math.sqrt(H) * (1 + 1e-12))) for t in range(1, 500)]
        every, less, wrong = (sum(some.screened(seen.ground, stays, taken, points, count, 60, largest.SHARP, among))
                              for among in (heaviest.Heaviest(), few, replace(few, root=arb(0), wide=0, both=arb(0))))
    assert few.rows == [0, 1, 2]
    assert 0 < less <= every < wrong  # those of the largest margins


def test_rows_that_are_picked_are_those_of_a_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In any order of parts; and another file is refused there too."""
    problem = crowd(np.random.default_rng(3), 3)
    rows = made(written(tmp_path, problem, "deletions", 1, [], [], []), monkeypatch).ground.rows
    shifts, p = [3, 3, 3, 1], 4
    every = next(rows.parts(shifts, 30))[1]
    monkeypatch.setattr("certify.check.stored.ground.AT_ONCE", 28)
    for wanted in ([0], [399], [5, 6, 7, 8, 250, 251], list(range(400)), list(range(3, 400, 29)), None):
        parts = list(rows.picked(shifts, 30, wanted))
        assert [i for numbers, _ in parts for i in numbers] == (list(range(400)) if wanted is None else wanted)
        for numbers, part in parts:
            assert part == [x for i in numbers for x in every[i * p:(i + 1) * p]]
        assert len(parts) >= math.ceil(len(wanted or range(400)) / 14)
    raw = bytearray(rows.features.path.read_bytes())
    raw[-1] ^= 1
    rows.features.path.write_bytes(raw)
    with pytest.raises(Invalid, match="its bytes have another"):
        list(rows.picked(shifts, 30, [0, 1]))
