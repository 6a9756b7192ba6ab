"""D16 in the checker: nothing is proved that a refit moves, what does not follow is refused, and malformed arrays."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.limits.shares import among
from certify.check.theorems.head.rows.losses.base import row_loss
from certify.check.theorems.head.rows.softmax_pairs import aside, proved
from certify.check.theorems.head.rows.softmax_pairs import bound as bound_module
from certify.check.theorems.head.rows.softmax_pairs import leaves as leaves_module
from certify.check.theorems.head.rows.softmax_pairs import steps as steps_module
from certify.check.theorems.head.rows.softmax_pairs import tree as tree_module
from certify.check.theorems.head.rows.softmax_pairs.children.child import Children
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget, Part
from certify.theorems.head.rows.softmax_pairs import tree
from certify.theorems.head.rows.softmax_pairs.method import SoftmaxPairs
from tests.effort import FULL
from tests.families.class_heads import as_checked
from tests.unit.check.theorems.head.rows.softmax_pairs.proposals import Arrays, Refits, drawn, longest, proposed, stored


def check(head: Head, arrays: Arrays, count: int = 2, **other: object) -> list[bool]:
    with ctx.workprec(64):
        twin = as_checked(head, tuple(range(head.n)), count, False)
        twin = replace(twin, **other)  # type: ignore[arg-type]
        return proved(twin, stored(arrays), "claim", [True] * len(head.points))


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize(("count", "hot", "part"), [(1, 0, 0.7), (1, 1, 0.7), (2, 0, 0.5), (2, 3, 0.7)])
def test_nothing_is_proved_that_a_refit_moves(free: bool, count: int, hot: int, part: float) -> None:
    said = true = 0
    for seed in range(5):
        head, refits = drawn(seed, free)
        some = longest(refits, 5)
        leaves = [T for T in combinations(sorted(some), 2)] if count == 2 else []
        found, stays = np.array(check(head, proposed(refits, some[:hot], leaves), count)), refits.stays(count)
        assert not (found & ~stays).any()
        said, true = said + int(found.sum()), true + int(stays.sum())
    assert said > part * true > 0


def test_with_every_row_hot_and_every_pair_a_leaf_all_that_stays_is_proved() -> None:
    head, refits = drawn(1, False)
    arrays = proposed(refits, range(head.n), list(combinations(range(head.n), 2)))
    assert (np.array(check(head, arrays)) == refits.stays(2)).all()


def searched(seed: int, free: bool) -> tuple[Head, Refits, Part]:
    """What a search with many hot rows proves."""
    head, refits = drawn(seed, free, 12, 0.3 if seed % 2 else 0.1)
    patch = pytest.MonkeyPatch()
    patch.setattr(tree, "HOT", (2, 4, 6))
    patch.setattr(tree, "LEAVES", 3)
    part = SoftmaxPairs().prove(head, RowChange(False, 2, tuple(range(head.n))), head.today >= 0, Budget())
    patch.undo()
    assert part is not None
    return head, refits, part


@pytest.mark.parametrize("free", [False, True])
def test_all_that_the_search_proves_is_followed(free: bool) -> None:
    """What its slabs say of hot rows the checker finds by other bounds."""
    said = hot = 0
    for seed in range(6):
        if said > 10 and hot > 5 and not FULL:
            break
        head, refits, part = searched(seed, free)
        if not part.proved.any():
            continue
        found = np.array(check(head, dict(part.arrays)))
        assert (found >= part.proved).all() and not (found & ~refits.stays(2)).any()
        said, hot = said + int(part.proved.sum()), hot + len(part.arrays["hot"])
    assert said > 10 and hot > 5


@pytest.mark.forks
def test_any_number_of_processes_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where children leave points open, and where one has numbers beyond doubles; steps and pairs are shared."""
    for module in (bound_module, steps_module):
        monkeypatch.setattr(module, "AT_ONCE", 2)
    rng = np.random.default_rng(7)
    head, _, part = searched(1, False)
    size = head.V.size
    arrays = dict(part.arrays)
    moved = arrays["child_weights"].reshape(-1, size) + np.linspace(0.0, 2.0, len(arrays["hot"]))[:, None] * (
        rng.standard_normal(size))
    beyond = moved.copy()
    beyond[0] *= 2.0**505
    sets: list[list[bool]] = []
    for weights in (arrays["child_weights"], moved, beyond):
        found = []
        for jobs in (1, 2, 3):
            with among(jobs):
                found.append(check(head, arrays | {"child_weights": np.ravel(weights)}))
        assert found[0] == found[1] == found[2]
        sets.append(found[0])
    assert any(sets[0]) and not any(sets[2]) and sum(sets[1]) < sum(sets[0])


@pytest.mark.usefixtures("_bounds_alone")
@pytest.mark.parametrize("free", [False, True])
def test_rows_of_open_choices_are_looked_at_by_themselves(free: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no hot row, no leaf and no refit; what they prove is so, and a choice that no such row has stays open."""
    monkeypatch.setattr(tree_module, "FORMED", 0)
    said = {(many, most): 0 for many, most in ((1, 0), (1, 64), (4, 64))}
    true = 0
    for seed in range(6):
        if seed >= 2 and said[1, 0] < said[4, 64] and said[1, 64] > 0.7 * true and not FULL:
            break
        head, refits = drawn(seed, free, 12, 0.3)
        stays, arrays = refits.stays(2), proposed(refits, [], [])
        true += int(stays.sum())
        for many, most in said:
            monkeypatch.setattr(aside, "MANY", many)
            monkeypatch.setattr(aside, "MOST", most)
            found = np.array(check(head, arrays))
            assert not (found & ~stays).any()
            said[many, most] += int(found.sum())
    assert said[1, 0] < said[1, 64] and said[1, 0] <= said[4, 64] <= said[1, 64] and said[1, 64] > 0.7 * true


@pytest.mark.parametrize("kind", [OverflowError, ValueError])
def test_numbers_beyond_doubles_at_a_child_prove_nothing(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch,
) -> None:
    head, _, part = searched(1, False)
    honest, last = Children.left, int(part.arrays["hot"][-1])

    def left(self: Children, out: int, *others: Any) -> set[int]:
        if out == last:
            raise kind
        return honest(self, out, *others)

    assert any(check(head, dict(part.arrays)))
    monkeypatch.setattr(Children, "left", left)
    assert not any(check(head, dict(part.arrays)))


@cache
def example() -> tuple[Head, Refits, Arrays, list[int]]:
    """A certificate without whose hot row, or without one of whose leaves, something is not proved by bounds."""
    patch = pytest.MonkeyPatch()
    patch.setattr(leaves_module, "OWN", 0)
    patch.setattr(aside, "MOST", 0)
    for seed in range(60):
        head, refits = drawn(seed, False, 12, 0.1)
        some = longest(refits, 6)
        arrays = proposed(refits, some[:1], list(combinations(sorted(some), 2)))
        found = check(head, arrays)
        if not any(found) or check(head, proposed(refits, [], list(combinations(sorted(some), 2)))) == found:
            continue
        patch.undo()
        return head, refits, arrays, [j for j, ok in enumerate(found) if ok]
    raise AssertionError


@pytest.fixture
def _bounds_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checker makes no refits of its own, and looks at no row that the certificate does not name."""
    monkeypatch.setattr(leaves_module, "OWN", 0)
    monkeypatch.setattr(aside, "MOST", 0)


def without(arrays: Arrays, size: int, a: int) -> Arrays:
    """A certificate without a leaf."""
    return arrays | {"leaf": np.delete(arrays["leaf"], [2 * a, 2 * a + 1]), "leaf_weights": np.delete(
        arrays["leaf_weights"], range(a * size, a * size + size))}


@pytest.mark.usefixtures("_bounds_alone")
def test_a_missing_hot_row_or_leaf_proves_less() -> None:
    head, refits, arrays, good = example()
    size, n, leaves = head.V.size, head.n, len(arrays["leaf"]) // 2
    none = arrays | {"hot": arrays["hot"][:0], "child_weights": arrays["child_weights"][:0],
                     "codes": arrays["codes"][:n]}
    assert sum(check(head, none)) < len(good)
    found = np.array([check(head, without(arrays, size, a)) for a in range(leaves)])
    fewer, stays = found.sum(axis=1), refits.stays(2)
    assert fewer.min() < len(good) and fewer.max() <= len(good)
    assert not (found & ~stays).any()


def test_other_weights_prove_nothing_of_the_true_refits() -> None:
    head, _, arrays, _ = example()
    turned = head.V[::-1].ravel()
    assert not any(check(head, arrays | {"weights": turned}))
    assert not any(check(head, arrays | {"child_weights": turned}))
    assert not any(check(head, arrays | {"weights": arrays["weights"] * 1e200}))
    assert sum(check(head, arrays | {"leaf_weights": arrays["leaf_weights"] + np.linspace(
        0.0, 3.0, len(arrays["leaf_weights"]))})) < len(example()[3])


def test_another_label_and_a_smaller_decay_prove_nothing_that_moves() -> None:
    head, _, arrays, _ = example()
    assert not any(check(head, arrays, today=[(a + 1) % head.k for a in head.today.tolist()]))
    assert not any(check(head, arrays, today=[-1] * len(head.points)))
    low = replace_decay(head, 0.01)
    stays = Refits(low).stays(2)
    assert not (np.array(check(low, arrays)) & ~stays).any()


def replace_decay(head: Head, part: float) -> Head:
    return Head(head.phi, head.phi_rad, head.Y, head.codes, head.label, head.loss, head.V, head.weight_decay * part,
                head.decayed, False, head.points, head.points_rad)


@pytest.mark.usefixtures("_bounds_alone")
def test_codes_are_a_beginning_and_nothing_rests_on_them() -> None:
    head, refits, arrays, _ = example()
    stays = refits.stays(2)
    for code in (0, 1024, 4095):
        found = np.array(check(head, arrays | {"codes": np.full_like(arrays["codes"], code)}))
        assert not (found & ~stays).any()
    assert not any(check(head, arrays | {"codes": np.full_like(arrays["codes"], 4095)}))  # no curvature is left


@pytest.mark.parametrize("other", [
    {"count": 3}, {"relabels": True}, {"remaining": True}, {"moving": ()}, {"loss": row_loss("squared")}, {"count": 12},
    {"weights": [arb(1)] * 12}])
def test_other_problems_are_refused(other: dict[str, object]) -> None:
    head, _, arrays, _ = example()
    with pytest.raises(Invalid):
        check(head, arrays, **other)  # type: ignore[arg-type]


def test_inputs_that_are_not_exact_are_refused() -> None:
    head, _, arrays, _ = example()
    with ctx.workprec(64):
        twin = as_checked(head, tuple(range(head.n)), 2, False)
        rows = [list(row) for row in twin.rows]
        rows[3][0] = arb(rows[3][0], 1e-12)
        with pytest.raises(Invalid):
            proved(replace(twin, rows=rows), stored(arrays), "claim", [True] * len(head.points))


def test_malformed_arrays_are_refused() -> None:
    head, _, arrays, _ = example()
    for name, a in arrays.items():
        for bad in ({key: b for key, b in arrays.items() if key != name}, arrays | {name: a[:-1]},
                    arrays | {name: np.append(a, a[:1])}, arrays | {name: a.astype(
                        np.int64 if a.dtype.kind == "f" else np.float64)}):
            with pytest.raises(Invalid):
                check(head, bad)
        if a.dtype.kind == "f":
            with pytest.raises(Invalid):
                check(head, arrays | {name: np.where(np.arange(len(a)) == 1, np.nan, a)})
    with pytest.raises(Invalid):
        check(head, arrays | {"more": np.zeros(1)})
    with pytest.raises(Invalid):  # pairs where one row is deleted
        check(head, arrays, 1)


@pytest.mark.parametrize(("name", "value"), [("hot", -1), ("hot", 99), ("codes", -1), ("codes", 4096), ("leaf", 99),
                                             ("leaf", -1)])
def test_a_number_out_of_place_is_refused(name: str, value: int) -> None:
    head, _, arrays, _ = example()
    bad = arrays[name].copy()
    bad[-1] = value
    with pytest.raises(Invalid):
        check(head, arrays | {name: bad})


def test_rows_that_stay_and_rows_twice_there_are_refused() -> None:
    head, refits, arrays, _ = example()
    q = int(arrays["hot"][0])
    with pytest.raises(Invalid):
        check(head, arrays, moving=tuple(i for i in range(head.n) if i != q))
    with pytest.raises(Invalid):
        check(head, proposed(refits, [q, q], []))
    for leaves in ([(1, 1)], [(2, 1)], [(1, 2), (1, 2)]):
        with pytest.raises(Invalid):
            check(head, proposed(refits, [q], leaves))
