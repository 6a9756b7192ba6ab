"""D9 in the checker: it agrees with the prover, and refuses what does not follow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import ctx

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.losses.base import row_loss
from certify.check.theorems.head.rows.softmax_box import proved
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget, Part
from certify.theorems.head.rows.softmax_box import SoftmaxBox
from tests.families.class_heads import as_checked, class_head, refit

BITS = 64
Arrays = dict[str, np.ndarray]


def case(seed: int, relabels: bool, count: int, k: int = 3) -> tuple[Head, Part | None]:
    decay = (4.0 if relabels else 1.5) * count**2
    head = class_head(np.random.default_rng([seed, k]), 9, k, 30, decay, seed % 3 == 2, 2.0)
    change = RowChange(relabels, count, tuple(range(head.n)))
    return head, SoftmaxBox().prove(head, change, head.today >= 0, Budget())


def found(relabels: bool, count: int) -> tuple[Head, Part, Arrays]:
    for seed in range(30):
        head, part = case(seed, relabels, count)
        if part is not None and part.proved.any():
            return head, part, dict(part.arrays)
    raise AssertionError


def check(head: Head, arrays: Arrays, part: Part, relabels: bool, count: int, **other: object) -> list[bool]:
    stored = {name: Array(a.shape, tuple(a.ravel().tolist()), "f") for name, a in arrays.items()}
    with ctx.workprec(BITS):
        twin = replace(as_checked(head, tuple(range(head.n)), count, relabels), **other)  # type: ignore[arg-type]
        return proved(twin, stored, "claim", part.proved.tolist())


@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize(("count", "k"), [(1, 2), (1, 3), (2, 3), (1, 4)])
def test_prover_and_checker_agree(relabels: bool, count: int, k: int) -> None:
    some = 0
    for seed in range(4):
        head, part = case(seed, relabels, count, k)
        if part is not None and part.proved.any():
            some += 1
            assert check(head, dict(part.arrays), part, relabels, count) == part.proved.tolist()
    assert some > 0


@pytest.mark.parametrize("relabels", [False, True])
def test_slabs_that_are_too_small_prove_nothing(relabels: bool) -> None:
    head, part, arrays = found(relabels, 2)
    for name in {"outside", "inside"} & set(arrays):
        assert not any(check(head, {**arrays, name: arrays[name] * 0.5}, part, relabels, 2))
    one = arrays["outside"].copy()
    one[0, 0] = 1e-9
    assert not any(check(head, {**arrays, "outside": one}, part, relabels, 2))


@pytest.mark.parametrize("relabels", [False, True])
def test_more_changes_or_another_centre_are_not_proved_by_the_same_slabs(relabels: bool) -> None:
    head, part, arrays = found(relabels, 1)
    assert not any(check(head, arrays, part, relabels, 4))
    assert not any(check(head, {**arrays, "weights": arrays["weights"] + 0.3}, part, relabels, 1))
    if relabels:
        return
    assert not any(check(head, {**arrays, "shifts": arrays["shifts"] * 4 + 2 * np.arange(len(arrays["shifts"]))},
                         part, relabels, 1))


def test_a_label_that_is_not_todays_is_not_proved() -> None:
    head, part, arrays = found(False, 1)
    twin = [(a + 1) % 3 for a in head.today.tolist()]
    assert not any(check(head, arrays, part, False, 1, today=twin))


def test_what_is_malformed_or_not_meant_is_refused() -> None:
    head, part, arrays = found(False, 1)
    for name in arrays:
        with pytest.raises(Invalid):
            check(head, {key: a for key, a in arrays.items() if key != name}, part, False, 1)
        with pytest.raises(Invalid):
            check(head, {**arrays, name: arrays[name].ravel()[:-1]}, part, False, 1)
        for bad in (np.nan, np.inf):
            some = arrays[name].copy()
            some.flat[0] = bad
            with pytest.raises(Invalid):
                check(head, {**arrays, name: some}, part, False, 1)
    for name in ("outside", "inside"):
        some = arrays[name].copy()
        some.flat[0] = 0.0
        with pytest.raises(Invalid):
            check(head, {**arrays, name: some}, part, False, 1)
    for other in ({"remaining": True}, {"loss": row_loss("squared")}, {"moving": ()}):
        with pytest.raises(Invalid):
            check(head, arrays, part, False, 1, **other)
    with pytest.raises(Invalid):  # every row may go
        check(head, arrays, part, False, head.n)
    with pytest.raises(Invalid):  # shifts of other targets
        check(head, arrays, part, True, 1)


@pytest.mark.parametrize("relabels", [False, True])
def test_points_that_a_change_turns_are_proved_at_no_scale(relabels: bool) -> None:
    """What rows do to outputs underflows as a double, where margins are balls."""
    head, _, arrays = found(relabels, 1)
    rng, mu, all_of = np.random.default_rng(1), head.n * head.weight_decay, np.arange(head.n)
    points = rng.standard_normal((4000, head.m))
    changed = [(head.phi[all_of != i], head.Y[all_of != i]) for i in range(head.n)]
    if relabels:
        changed = [(head.phi, np.where((all_of == i)[:, None], np.eye(head.k)[c], head.Y))
                   for i in range(head.n) for c in range(head.k)]
    today = (points @ head.V.T).argmax(axis=1)
    turned = np.any([(points @ refit(*one, mu, head.decayed).T).argmax(axis=1) != today for one in changed], axis=0)
    some = np.flatnonzero(turned)[:40]
    assert len(some) > 20
    for S, e in ((0, 0), (100, -1000)):
        part = replace(head, phi=np.ldexp(head.phi, S), V=np.ldexp(head.V, -S), points=np.ldexp(points[some], e),
                       points_rad=np.zeros(len(some)), weight_decay=float(np.ldexp(head.weight_decay, 2 * S)))
        scaled = {**arrays, "weights": np.ldexp(arrays["weights"], -S)}
        stored = {name: Array(a.shape, tuple(a.ravel().tolist()), "f") for name, a in scaled.items()}
        with ctx.workprec(BITS), np.errstate(all="ignore"):
            twin = replace(as_checked(part, tuple(range(head.n)), 1, relabels), today=today[some].tolist())
            assert not any(proved(twin, stored, "claim", [True] * len(some)))
