"""The checker follows honest trees of choices, and refuses those that cover less than they say (D17)."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.theorems.head.rows import by_choice
from certify.check.theorems.head.rows.boxes.codes import TABLE
from certify.check.theorems.head.rows.by_choice import judge, pieces
from certify.check.theorems.head.rows.by_choice import tree as checked
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.box_tree import oriented
from certify.theorems.head.rows.by_choice import tree
from tests.families.logistic_heads import as_checked, logistic_head, margins, stored

Arrays = dict[str, np.ndarray]
N = 12
ROWS = tuple(range(N))


def drawn(seed: int, of: int, decay: float) -> Head:
    """A head with decay of the intercept, too: else one label may be left, and no refit."""
    head = logistic_head(np.random.default_rng([seed, of]), N, decay=decay)
    return dataclasses.replace(head, decayed=np.ones(head.m, bool))


def proved(head: Head, count: int, own: int, open_: int = 0) -> tuple[Arrays, np.ndarray]:
    """A tree and the points that it proves; few choices may be open before a row is set apart."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("OWN", {2: own, 3: own}), ("OPEN", open_), ("LESS", 0.0), ("BEAR", {2: 0.0, 3: 0.0})):
            patch.setattr(tree, name, value)
        s, points = oriented(head, RowChange(False, count, ROWS))
        found = tree.ChoiceTree(s, points, lambda: 100.0)
        good = found.run(count, head.today >= 0, np.array(ROWS))
        return found.arrays(good, count), good


@cache
def example(count: int) -> tuple[Head, Arrays, tuple[bool, ...]]:
    """A tree with children."""
    for seed in range(60):
        head = drawn(seed, 21, 6.0)
        arrays, good = proved(head, count, N)
        if good.sum() > 2 and len(arrays["parent"]) > 2 and arrays["hot_count"][0]:
            return head, arrays, tuple(good.tolist())
    raise AssertionError("no such example was drawn")


def found(head: Head, arrays: Arrays, count: int, asked: tuple[bool, ...], relabels: bool = False) -> list[bool]:
    with ctx.workprec(64):
        twin = as_checked(head, ROWS, count, relabels)
        return by_choice.proved(twin, stored(arrays), "claim", list(asked))


@pytest.mark.parametrize("count", [2, 3])
def test_the_honest_tree_is_accepted(count: int) -> None:
    head, arrays, asked = example(count)
    assert found(head, arrays, count, asked) == list(asked)


@pytest.mark.parametrize(("count", "own"), [(2, 6), (3, 8)])
def test_most_of_what_provers_prove_is_followed(monkeypatch: pytest.MonkeyPatch, count: int, own: int) -> None:
    """Far rows among them: few have steps of their own, on both sides."""
    monkeypatch.setattr(checked, "OWN", {2: own, 3: own})
    said = followed = 0
    for seed in range(8):
        head = drawn(seed, 22, 10.0 * count)
        arrays, good = proved(head, count, own, 60 * (seed % 2))
        if good.any():
            answer = np.array(found(head, arrays, count, tuple(good.tolist())))
            least = np.min(list(margins(head, ROWS, count).values()), axis=0)
            assert not (answer & (least <= 0.0)).any()
            said, followed = said + int(good.sum()), followed + int((answer & good).sum())
    assert followed > 0.9 * said > 5


@pytest.mark.parametrize("count", [2, 3])
def test_what_is_missing_or_moved_is_not_proved_wrongly(count: int) -> None:
    """Every array moved, number by number: refused, or what holds is true."""
    head, arrays, _ = example(count)
    least = np.min(list(margins(head, ROWS, count).values()), axis=0)
    rng, kept, refused = np.random.default_rng(count), 0, 0
    for name, array in arrays.items():
        for value in (array + 1, array - 1, 0 * array, array[:-1], rng.permutation(array)):
            try:
                answer = np.array(found(head, {**arrays, name: np.ascontiguousarray(value, array.dtype)}, count,
                                        (True,) * len(least)))
            except Invalid:
                refused += 1
                continue
            assert not (answer & (least <= 0.0)).any(), name
            kept += int(answer.any())
    assert refused > 15 and kept > 5


@pytest.mark.parametrize("count", [2, 3])
def test_a_missing_child_leaves_open_what_rests_on_it(count: int) -> None:
    head, arrays, asked = example(count)
    hot = int(arrays["hot_count"][0])
    least = np.min(list(margins(head, ROWS, count).values()), axis=0)
    fewer = {**arrays, "numbers": arrays["numbers"].copy()}
    fewer["numbers"][1:][:] = -1 if count > 2 else fewer["numbers"][1:]
    fewer["branch"] = np.where(arrays["branch"] == 0, hot, arrays["branch"])  # a branch that no hot row has
    with pytest.raises(Invalid):
        found(head, fewer, count, asked)
    swapped = {**arrays, "branch": np.where(arrays["branch"] == 0, -1, arrays["branch"])}
    with pytest.raises(Invalid):
        found(head, swapped, count, asked)
    said = {**arrays, "numbers": np.maximum(arrays["numbers"], 0)}
    answer = np.array(found(head, said, count, (True,) * len(least)))
    assert not (answer & (least <= 0.0)).any()


def test_a_code_too_small_or_out_of_range() -> None:
    head, arrays, asked = example(2)
    assert not any(found(head, {**arrays, "slabs": 0 * arrays["slabs"]}, 2, asked))
    for code in (len(TABLE), -1):
        with pytest.raises(Invalid):
            found(head, {**arrays, "slabs": np.full_like(arrays["slabs"], code)}, 2, asked)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300, 2.0**505])
def test_weights_that_are_none(value: float) -> None:
    head, arrays, asked = example(2)
    weights = arrays["weights"].copy()
    weights[0, 0] = value
    try:
        assert not any(found(head, {**arrays, "weights": weights}, 2, asked))
    except Invalid:
        assert not np.isfinite(value)


@pytest.mark.parametrize("power", [-560, -505, 505, 509, 513])
def test_points_whose_squares_are_beyond_doubles(power: int) -> None:
    """A positive multiple of a point is on the same side: nothing that flips may be said to stay."""
    head, arrays, _ = example(2)
    least = np.min(list(margins(head, ROWS, 2).values()), axis=0)
    scaled = dataclasses.replace(head, points=np.ldexp(head.points, power))
    said = {**arrays, "numbers": np.maximum(arrays["numbers"], 0)}
    with ctx.workprec(64):
        twin = dataclasses.replace(as_checked(scaled, ROWS, 2), today=head.today.tolist())
        answer = np.array(by_choice.proved(twin, stored(said), "claim", [True] * len(least)))
    assert not (answer & (least <= 0.0)).any()


def test_what_it_is_not_for() -> None:
    head, arrays, asked = example(2)
    for count, relabels in ((2, True), (1, False), (4, False)):
        with pytest.raises(Invalid):
            found(head, arrays, count, asked, relabels)
    with ctx.workprec(64):
        twin = as_checked(head, ROWS, 2)
        for other in (dataclasses.replace(twin, weights=[arb(1)] * N), dataclasses.replace(twin, remaining=True)):
            with pytest.raises(Invalid):
                by_choice.proved(other, stored(arrays), "claim", list(asked))
    with pytest.raises(Invalid):
        found(head, {**arrays, "wide": 0 * arrays["box"]}, 2, asked)
    with pytest.raises(Invalid):
        found(head, {name: x for name, x in arrays.items() if name != "slabs"}, 2, asked)


def test_choices_looked_at_closer_settle_what_few_numbers_leave_open(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []
    for closer in ((), judge.CLOSER):
        monkeypatch.setattr(judge, "CLOSER", closer)
        counts.append(0)
        for seed in range(6):
            head = drawn(seed, 23, 6.0)
            arrays, good = proved(head, 2, N)
            counts[-1] += sum(found(head, arrays, 2, tuple(good.tolist()))) if good.any() else 0
    assert counts[1] > counts[0]


def test_pairs_formed_with_their_signs_settle_more(monkeypatch: pytest.MonkeyPatch) -> None:
    real, counts, formed = judge._signed, [], [0]

    def signed(p: pieces.Pieces, drops: object, pushes: object, hard: list[judge.Hard]) -> list[judge.Hard]:
        before = {T: p.pairs_of(T[0], T[1:])[0] for T, _, _ in hard}
        found = real(p, drops, pushes, hard)  # type: ignore[arg-type]
        assert {T for T, _, _ in found} <= set(before)
        assert all(p.pairs_of(T[0], T[1:])[0] <= r for T, r in before.items())
        formed[0] += len(before) - len(found)
        return found

    monkeypatch.setattr(judge, "CLOSER", ())
    for way in (lambda p, drops, pushes, hard: hard, signed):
        monkeypatch.setattr(judge, "_signed", way)
        counts.append(0)
        for seed in range(6):
            head = drawn(seed, 23, 6.0)
            arrays, good = proved(head, 2, N)
            counts[-1] += sum(found(head, arrays, 2, tuple(good.tolist()))) if good.any() else 0
    assert counts[1] > counts[0] and formed[0] > 0


def test_pairs_of_three_rows_are_formed_where_lengths_leave_them_large(monkeypatch: pytest.MonkeyPatch) -> None:
    head, arrays, asked = example(3)
    real, pairs = pieces.Pieces.form, []

    def form(self: pieces.Pieces, C: object, some: list[tuple[int, int]]) -> None:
        pairs.append(len(some) if self.k > 2 else 0)
        real(self, C, some)  # type: ignore[arg-type]

    monkeypatch.setattr(pieces.Pieces, "form", form)
    counts = []
    for large in (np.inf, 0.0):
        monkeypatch.setattr(pieces, "LARGE", large)
        pairs.clear()
        assert found(head, arrays, 3, asked) == list(asked) or large
        counts.append(sum(pairs))
    assert counts[0] == 0 < counts[1]
