"""What a task finds does not depend on who has taken which parts, to the last bit."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.prove.stored.tasks import TASKS
from certify.rigor import fp
from certify.systems.head.rows.ridge import products_of, unit_of
from certify.systems.head.rows.stored import rows as stored
from certify.systems.head.rows.stored.normal import Normal, Products, Squares
from certify.systems.head.rows.stored.ranks.wire import Message, decoded, encoded
from certify.systems.head.rows.stored.rows import Held, Rows
from certify.systems.head.rows.stored.tally import PerRow, Task
from certify.systems.head.rows.stored.tree import Tree, levels
from certify.theorems.head.rows.classes.pairs import Pairs
from certify.theorems.head.rows.classes.per_row import Each
from certify.theorems.head.rows.classes.stepped import Stepped
from certify.theorems.head.rows.lengths.curved import Curved
from certify.theorems.head.rows.lengths.kept import Kept
from certify.theorems.head.rows.lengths.pulled import Pulled
from certify.theorems.head.rows.lengths.taken import Taken
from certify.theorems.head.rows.squared.contrasts import Contrast
from certify.theorems.head.rows.squared.streamed.crossed import Crossed
from certify.theorems.head.rows.squared.streamed.drops import Drops
from certify.theorems.head.rows.squared.streamed.influences import Influences, as_lines
from certify.theorems.head.rows.squared.streamed.largest import Largest
from certify.theorems.head.rows.squared.streamed.largest_of_each import LargestOfEach
from certify.theorems.head.rows.squared.streamed.own import Own
from certify.theorems.head.rows.squared.streamed.stretched import Stretched
from tests.effort import examples

N, P, SIZE = 90, 4, 6
RNG = np.random.default_rng(3)
PHI = (np.round(RNG.standard_normal((N, P)), 1) * 0.1).astype(np.float32).astype(np.float64)
Y = np.eye(3)[RNG.integers(0, 3, N)]
SIGNS = np.where(Y[:, :1] == 1, 1.0, -1.0)
FACTOR = np.tril(RNG.standard_normal((P, P)))
KINDS = [Contrast(0, 1), Contrast(2, 0)]
LABEL, CENTRE = PerRow("label", np.argmax(Y, axis=1)), RNG.standard_normal((2, P))
ASKED = np.array([[0, 0], [1, 0], [2, 1]])
TASKS_HERE: list[Task] = [
    Squares(), Normal(), Normal(PerRow("Y", Y)), Products(PerRow("Y", Y)),
    Stretched(np.tril(RNG.standard_normal((P, P))), 5),
    Influences(RNG.standard_normal((3, P)), RNG.standard_normal((3, P)), PerRow("Y", Y), as_lines(KINDS), ASKED,
               np.array([0.5, 1.0, 2.0]), 0.25, 4),
    Influences(RNG.standard_normal((3, P)), RNG.standard_normal((3, P)), PerRow("Y", Y), as_lines(KINDS), ASKED,
               np.ones(3), 0.0, 1, np.tril(RNG.standard_normal((P, P)))),
    Curved(RNG.standard_normal(P), PerRow("Y", SIGNS)),
    *(Pulled(RNG.standard_normal(P), PerRow("Y", SIGNS), FACTOR, 1e-13, 1.0, relabel, 5) for relabel in (False, True)),
    Kept(RNG.standard_normal(P), PerRow("Y", SIGNS), FACTOR, 1e-13, 1.0, 1e-12, 0.3),
    *(Taken(RNG.standard_normal(P), PerRow("Y", SIGNS), FACTOR, 1e-13, 1.0, 1e-12, 0.3, relabel,
            RNG.standard_normal((3, P)), 4) for relabel in (False, True)),
    Drops(RNG.standard_normal((3, P)), PerRow("Y", Y), np.eye(3), PerRow("open", Y == 0), as_lines(KINDS), ASKED, 7),
    Pairs(CENTRE, 0, 3), Each(CENTRE, LABEL, np.tril(RNG.standard_normal((2 * P, 2 * P))), 1.0, 1.0),
    Stepped(CENTRE, CENTRE + 0.1 * RNG.standard_normal((3, 2, P)), np.array([-1, 5, 40]), LABEL,
            RNG.uniform(0.0, 0.5, N)),
    Own(FACTOR, RNG.standard_normal((3, P)), PerRow("Y", Y)),
    Crossed(FACTOR, PHI[[2, 7, 41]] @ FACTOR.T, np.array([2, 7, 41]), 2),
]


def found(task: Task, ends: list[int]) -> bytes:
    """What ranks find that end where they are told to, each told to rank 0 in a message."""
    tallies = [task.tally() for _ in ends]
    for tally, start, stop in zip(tallies, [0, *ends], ends, strict=False):
        for number in range(start, stop):
            rows = slice(number * SIZE, (number + 1) * SIZE)
            tally.take(number, number * SIZE, PHI[rows])
    for other in tallies[1:]:
        tallies[0].add(decoded(encoded(Message("told", {}, dict(other.told())))).arrays)
    return encoded(Message("all", {}, dict(tallies[0].told())))


def test_every_task_that_finds_something_to_add_is_here() -> None:
    assert {type(task).__name__ for task in TASKS_HERE} | {"Digests"} == set(TASKS)


@pytest.mark.parametrize("task", TASKS_HERE, ids=lambda task: type(task).__name__)
@settings(max_examples=examples(25), deadline=None)
@given(ends=st.lists(st.integers(0, N // SIZE), max_size=5))
def test_parts_may_be_divided_anywhere(task: Task, ends: list[int]) -> None:
    assert found(task, [*sorted(ends), N // SIZE]) == found(task, [N // SIZE])


@settings(max_examples=60, deadline=None)
@given(values=st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=40), most=st.integers(1, 12),
       cuts=st.lists(st.integers(0, 40), max_size=6))
def test_of_equal_numbers_the_first_are_kept(values: list[float], most: int, cuts: list[int]) -> None:
    kept = Largest(most, 1)
    places = np.arange(len(values), dtype=np.float64)
    ends = sorted({min(cut, len(values)) for cut in cuts} | {0, len(values)})
    for start, stop in zip(ends, ends[1:], strict=False):
        kept.take(np.array(values[start:stop]), places[None, start:stop])
    right = sorted((-value, at) for at, value in enumerate(values) if value > 0)
    assert [(-value, int(at)) for value, at in zip(*map(np.ravel, kept.sorted()), strict=True)] == right[:most]
    assert kept.whole == (len(right) <= most)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 4), most=st.integers(1, 12), n=st.integers(1, 400),
       cuts=st.lists(st.integers(0, 400), max_size=4), ties=st.booleans())
def test_of_sequences_side_by_side_each_keeps_what_it_would_alone(
        seed: int, count: int, most: int, n: int, cuts: list[int], ties: bool) -> None:
    """Of any parts, some of which only some sequences have, and of many numbers that are equal."""
    rng = np.random.default_rng(seed)
    values = rng.integers(-2, 4, (count, n)) / 2 if ties else rng.standard_normal((count, n))
    together, alone = LargestOfEach(count, most, 2), [Largest(most, 2) for _ in range(count)]
    places, ends = np.arange(n, dtype=np.float64), sorted({min(cut, n) for cut in cuts} | {0, n})
    for start, stop in zip(ends, ends[1:], strict=False):
        part = slice(start, stop)
        at = np.flatnonzero(rng.random(count) < 0.8)
        together.take(at, values[at, part], (places[part], 2.0 * values[at, part]))
        for j in at:
            alone[j].take(values[j, part], (places[part], 2.0 * values[j, part]))
    for j, one in enumerate(alone):
        numbers, beside = one.sorted()
        assert together.counts()[j] == len(numbers)
        for found, right in ((together.falling()[j], numbers), *zip(together.beside()[:, j], beside, strict=True)):
            assert found.tolist() == [*right.tolist(), *[0.0] * (most - len(numbers))]


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 60), block=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
def test_the_error_of_a_sum_of_parts_is_within_its_bound(n: int, block: int, seed: int) -> None:
    """Against exact rationals, with numbers whose roundings add up."""
    rng = np.random.default_rng(seed)
    A, B = np.ldexp(1.0 + rng.random((n, 2)), rng.integers(-9, 9, (n, 2))), 1.0 + rng.random((n, 1))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(stored, "BLOCK", block)
        patched.setattr("certify.systems.head.rows.ridge.BLOCK", block)
        patched.setattr(stored, "AT_ONCE", 2 * block)
        rows = Rows(Held(A), np.ones(2))
        sums, unit = products_of(rows, B)
        assert unit == unit_of(rows)
    for a in range(2):
        exact = sum(Fraction(x) * Fraction(y) for x, y in zip(A[:, a].tolist(), B[:, 0].tolist(), strict=True))
        sizes = float(fp.row_norms(A[:, a][None])[0] * fp.row_norms(B[:, 0][None])[0])
        assert abs(Fraction(float(sums[a, 0])) - exact) <= Fraction(unit) * Fraction(sizes)


@given(parts=st.integers(1, 300))
def test_no_term_is_added_more_often_than_levels_say(parts: int) -> None:
    """Each value holds how often its terms were added at most."""
    tree = Tree(lambda left, right: np.maximum(left, right) + 1)
    for number in range(parts):
        tree.take(number, np.zeros(1))
    total = tree.total()
    assert total is not None
    assert total[0] <= levels(parts, 0)
    assert len(tree.told("x")["x.nodes"]) <= parts.bit_length()


def test_nothing_is_the_sum_of_nothing() -> None:
    assert Tree().total() is None
    assert Tree().told("x") == {}
