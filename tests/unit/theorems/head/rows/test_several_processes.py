"""Proofs by several processes: the same bytes for any number of them, by every method that shares its work."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from importlib import import_module

import numpy as np
import pytest
from flint import ctx

from certify.check.limits import shares
from certify.format.errors import ProcessLost
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows import survey
from certify.theorems.head.rows.by_choice import tree as choices
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Budget, Part
from certify.theorems.head.rows.pair_tree import tree as pairs
from certify.theorems.head.rows.refitted import far, walk
from certify.theorems.head.rows.softmax_by_choice import search
from certify.theorems.head.rows.softmax_pairs import tree as softmax_pairs
from certify.theorems.jobs import among
from tests.effort import FULL, some
from tests.families.class_heads import class_head
from tests.families.head_changes import KINDS
from tests.families.heads import any_rows, drawn_head
from tests.families.logistic_heads import as_checked, logistic_head, stored
from tests.oracles.head_rows import stays

pytestmark = pytest.mark.forks
Case = tuple[Head, Change]


def logistic(count: int, relabels: bool = False, n: int = 14, decay: float = 3.0) -> Callable[[int], Case]:
    return lambda seed: (logistic_head(np.random.default_rng([seed, 31]), n, 8, decay),
                         RowChange(relabels, count, tuple(range(n))))


def softmax(count: int, relabels: bool = False, decay: float = 3.0) -> Callable[[int], Case]:
    return lambda seed: (class_head(np.random.default_rng([seed, 32]), 13, 3, 8, decay, False, 2.0),
                         RowChange(relabels, count, tuple(range(13))))


def groups(seed: int) -> Case:
    rng = np.random.default_rng([seed, 33])
    head = class_head(rng, 12, 3, 8, 1.0, False, 2.0)
    return head, KINDS["groups"](rng, head, False)[0]


def far_labels(seed: int) -> Case:
    """A head of so many weights that its refits are found without a Hessian of each."""
    rng = np.random.default_rng([seed, 34])
    head = drawn_head(rng, "cross_entropy", n=30, N=20, d=52, apart=0.1, decay=0.03, free=True, classes=3)
    change = any_rows(head, 1, True)
    assert far.far(head, change)
    return head, change


CASES: dict[str, tuple[str, Callable[[int], Case]]] = {
    "boxes, deletions": ("box_tree", logistic(3)), "boxes, labels": ("box_tree", logistic(2, True, decay=8.0)),
    "pairs": ("pair_tree", logistic(3)), "choices": ("by_choice", logistic(3, decay=10.0)),
    "pairs of classes": ("softmax_pairs", softmax(2)), "choices of classes": ("softmax_by_choice", softmax(2)),
    "boxes of classes": ("softmax_tree", softmax(2, decay=10.0)),
    "energies": ("energy", logistic(2, True)), "energies of classes": ("energy", softmax(2, True)),
    "groups": ("every_choice", groups), "refits": ("enumeration", logistic(3)),
    "refits of labels": ("enumeration", softmax(2, True)), "sums": ("enumeration", logistic(2, True, 26, 8.0)),
    "far labels": ("enumeration", far_labels), "labels of classes": ("softmax_labels", far_labels),
}


def bytes_of(part: Part | None) -> list[bytes]:
    """All that a method returns."""
    if part is None:
        return []
    flips = part.flips
    more = [] if flips is None else [flips.point, flips.rows, flips.codes, flips.weights]
    named = [one for name in sorted(part.arrays) for one in (np.frombuffer(name.encode(), np.uint8), part.arrays[name])]
    return [np.ascontiguousarray(one).tobytes() for one in (part.proved, *named, *more)]


def proved(name: str, case: Case, jobs: int) -> Part | None:
    head, change = case
    with among(jobs), np.errstate(all="ignore"):
        return survey._method(name).prove(head, change, head.today >= 0, Budget())


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trees with more nodes than they need on so few rows."""
    for module, name, value in ((choices, "OPEN", 30), (choices, "LESS", 0.0), (choices, "BEAR", {2: 0.0, 3: 0.0}),
                                (choices, "OWN", {2: 14, 3: 14}), (pairs, "FIRST", 4), (softmax_pairs, "LEAVES", 3),
                                (softmax_pairs, "HOT", (4, 6)), (walk, "TOGETHER", 3), (walk, "MANY", 300)):
        monkeypatch.setattr(module, name, value)


@pytest.mark.parametrize("what", CASES)
def test_any_number_of_processes_gives_the_same_bytes(what: str) -> None:
    name, case_of = CASES[what]
    any_proved = False
    for seed in range(3):
        if any_proved and not FULL:
            break
        case = case_of(seed)
        found = [proved(name, case, jobs) for jobs in ((1, 2, 3) if seed == 0 else (1, 2 + seed % 2))]
        assert all(bytes_of(one) == bytes_of(found[0]) != [] for one in found)
        any_proved |= found[0] is not None and bool(found[0].proved.any())
    assert any_proved


@pytest.mark.parametrize("what", ["groups", "refits", "far labels"])
def test_a_flip_that_another_process_finds_is_in_the_answer(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the first process finds none itself: the change of no row flips nothing."""
    name, case_of = CASES[what]
    take, first, flips = Found.take, os.getpid(), 0
    for seed in range(3):
        case = case_of(seed)
        alone = proved(name, case, 1)
        with monkeypatch.context() as patched:
            patched.setattr(Found, "take", lambda self, *some: None if os.getpid() == first else take(self, *some))
            among_two = proved(name, case, 2)
        assert bytes_of(among_two) == bytes_of(alone) != []
        flips += alone is not None and alone.flips is not None and int((alone.flips.point >= 0).sum())
    assert flips


@pytest.mark.parametrize("seed", range(3))
def test_far_labels_by_several_processes_are_those_of_every_refit(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(far, "LEAST", 1)
    monkeypatch.setattr(far, "BATCH", 200)  # several batches
    head = drawn_head(np.random.default_rng(seed), "cross_entropy", n=9, N=12, apart=2.0, decay=0.1, classes=3)
    change = any_rows(head, 1, True)
    part, truth = proved("enumeration", (head, change), 2), stays(head, change)
    assert part is not None and part.flips is not None and not truth.all()
    assert (part.proved == truth).all() and ((part.flips.point >= 0) == ~truth).all()


@pytest.mark.parametrize("what", ["boxes, deletions", "boxes, labels", "pairs"])
def test_any_number_of_processes_accepts_and_refuses_the_same(what: str) -> None:
    """Honest trees, and trees whose numbers of hot rows are less than they need."""
    name, case_of = CASES[what]
    accepted = refused = 0
    for seed in range(3):
        head, change = case_of(seed)
        assert isinstance(change, RowChange)
        part = proved(name, (head, change), 1)
        assert part is not None
        if not part.proved.any():
            continue
        forged = dict(part.arrays)
        forged["numbers"] = np.minimum(forged["numbers"], 0)
        twin = as_checked(head, change.rows, change.count, change.relabels)
        module = import_module(f"certify.check.theorems.head.rows.{name}")
        for arrays in (dict(part.arrays), forged):
            answers = []
            for jobs in (1, 2 + seed % 2):
                with ctx.workprec(64), shares.among(jobs):
                    answers.append(module.proved(twin, stored(arrays), "claim", part.proved.tolist()))
            assert answers[0] == answers[1]
            accepted += answers[0] == part.proved.tolist()
            refused += answers[0] != part.proved.tolist()
    assert accepted and refused


@pytest.mark.parametrize("name", ["enumeration", "every_choice"])
def test_a_wrong_refit_of_one_group_of_choices_counts_after_all_later_ones(
    name: str, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rows that an earlier group leaves open stay open, whatever a later one says."""
    module = import_module(f"certify.check.theorems.head.rows.{name}")
    monkeypatch.setattr(module, "AT_ONCE", 4)
    monkeypatch.setattr(module, "TOGETHER", 12 if name == "enumeration" else 3)  # changes, and groups of them
    head, change = logistic(2)(0)
    assert isinstance(change, RowChange)
    part = proved(name, (head, change), 1)
    assert part is not None and part.proved.any() and set(part.arrays) == {"weights"}
    weights, twin = part.arrays["weights"], as_checked(head, change.rows, change.count, change.relabels)
    assert len(weights) > 4 * 3 * 3
    for at, wrong in enumerate(some((None, 0, 3, len(weights) // 2, len(weights) - 1), 2)):
        forged = weights.copy()
        if wrong is not None:
            forged[wrong] = 1e3
        with ctx.workprec(64), shares.among(1 + at % 2):
            found = module.proved(twin, stored({"weights": forged}), "claim", part.proved.tolist())
        assert found == (part.proved if wrong is None else part.proved & False).tolist()


@pytest.mark.parametrize("what", ["boxes, deletions", "pairs of classes", "boxes of classes", "refits"])
def test_what_is_not_finished_in_time_is_not_proved(what: str) -> None:
    """However many answers are on their way then."""
    name, case_of = CASES[what]
    for head, change in map(case_of, range(3)):
        whole = proved(name, (head, change), 1)
        if whole is not None and whole.proved.any():
            break
    else:
        pytest.fail("nothing is proved with all the time")
    for seconds in (0.0, 0.02, 0.1):
        with among(2), np.errstate(all="ignore"):
            part = survey._method(name).prove(head, change, head.today >= 0, Budget(seconds))
        assert part is None or not (part.proved & ~whole.proved).any()


@pytest.mark.parametrize(("what", "kind", "at"), [("pairs of classes", softmax_pairs.Slab, "open"),
                                                  ("choices of classes", search.Slab, "open")])
def test_a_process_that_is_killed_ends_a_proof_and_is_told(
    what: str, kind: type, at: str, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No search takes it for a number that overflows."""
    name, case_of = CASES[what]
    first, honest = os.getpid(), getattr(kind, at)

    def killed(self: object, *some: object) -> object:
        if os.getpid() != first:
            os.kill(os.getpid(), signal.SIGKILL)
        return honest(self, *some)

    monkeypatch.setattr(kind, at, killed)
    assert proved(name, case_of(0), 1) is not None
    with pytest.raises(ProcessLost, match="one of 2 processes was ended by signal 9"):
        proved(name, case_of(0), 2)
