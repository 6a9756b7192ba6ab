"""D18 for changed labels: the checker derives what a run states, refuses what is not so, and bounds every refit."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.reading.arrays import Array as Stored
from certify.check.theorems.head.rows import softmax_labels as checker
from certify.check.theorems.head.rows.head import Head as BallHead
from certify.check.theorems.head.rows.softmax_labels import candidates, margins, matrix, method
from certify.check.theorems.head.rows.softmax_labels.margins import Margins
from certify.check.theorems.head.rows.softmax_pairs.centre import centre
from certify.check.theorems.head.rows.softmax_pairs.data import in_numbers
from certify.check.theorems.head.rows.softmax_pairs.gradients import Gradients
from certify.format.refusal import Invalid
from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.softmax_labels import search
from tests.containment import heads_softmax_labels as attack
from tests.containment.heads_softmax_by_choice import NEAR, without, worst
from tests.families.class_heads import as_checked, class_head
from tests.families.logistic_heads import stored


def drawn(seed: int, free: bool, n: int = 14, points: int = 20) -> tuple[Head, RowChange]:
    rng = np.random.default_rng([seed, free, 41])
    head = class_head(rng, n, 2 + seed % 3, points, float(10.0 ** rng.uniform(-1.5, 0.3)), free, 2.0)
    return head, RowChange(True, 1, tuple(range(n - seed % 2)))


def ran(head: Head, change: RowChange) -> tuple[Array, dict[str, Stored]]:
    """What a run states, and its arrays."""
    s = search.Search(head, change, lambda: float("inf"))
    with np.errstate(all="ignore"):
        good = s.run(head.today >= 0)
    return good, stored(s.arrays())


def asked(head: Head, change: RowChange, arrays: dict[str, Stored], which: list[bool]) -> list[bool]:
    with ctx.workprec(64):
        return checker.proved(as_checked(head, change.rows, 1), arrays, "here", which)


def least_of(head: Head, change: RowChange) -> Array:
    each = attack.choices_of(head, change.rows)
    return np.asarray(np.min([worst(head, attack.relabelled(head, int(i), int(c)))
                              for (i,), (c,) in zip(each.rows, each.codes, strict=True)], axis=0))


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_stated_is_derived_by_the_matrices_alone(monkeypatch: pytest.MonkeyPatch, seed: int, free: bool,
                                                         ) -> None:
    """Of all points in question the checker proves what the run does, and none that a wrong label moves."""
    head, change = drawn(seed, free)
    good, arrays = ran(head, change)
    least = least_of(head, change)
    found = np.array(asked(head, change, arrays, [True] * len(good)))
    assert found[good].all() and good.any() and not (found & (least < -NEAR)).any()
    monkeypatch.setattr(method, "labels_after", lambda head, changes, V: [[-1] * len(good)] * len(changes))
    alone = np.array(asked(head, change, arrays, [True] * len(good)))
    assert alone.sum() > 0.7 * good.sum() and not (alone & ~found).any()


def test_a_run_that_was_cut_off_states_what_the_checker_derives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever that was: what is proved rests on the weights as they are then."""
    monkeypatch.setattr(search, "BATCH", 450)
    head = class_head(np.random.default_rng(18), 14, 3, 30, 0.05, True, 1.5)
    change, calls = RowChange(True, 1, tuple(range(14))), 0

    def until(last: float) -> tuple[search.Search, Array]:
        nonlocal calls
        calls = 0

        def left() -> float:
            nonlocal calls
            calls += 1
            return last - calls

        s = search.Search(head, change, left)
        with np.errstate(all="ignore"):
            return s, s.run(head.today >= 0)

    _, all_of_them = until(float("inf"))
    every, counts = calls, set()
    for share in (0.3, 0.5, 0.7, 0.9):
        s, good = until(share * every)
        assert s.why == "its time was up"
        counts.add(int(good.sum()))
        if good.any():
            assert asked(head, change, stored(s.arrays()), good.tolist()) == good.tolist()
    assert len(counts) > 1 and 0 < max(counts) <= all_of_them.sum()


@pytest.mark.parametrize("seed", range(4))
def test_every_refit_lies_within_what_a_matrix_says(seed: int) -> None:
    """Candidates near refits, far from them and at the centre, in matrices with all curvature, little and drawn."""
    head, change = drawn(seed, seed > 1, 12, 8)
    each, rng = attack.choices_of(head, change.rows), np.random.default_rng(seed)
    V, checked = without(head, ()), as_checked(head, change.rows, 1)
    chosen = np.sort(rng.choice(len(each), 8, replace=False))
    some = Choices(each.rows[chosen], each.codes[chosen])
    W = np.array([attack.relabelled(head, int(i), int(c)) for (i,), (c,) in zip(some.rows, some.codes, strict=True)])
    away = W + 10.0 ** rng.uniform(-4.0, -0.5, 8)[:, None, None] * rng.standard_normal(W.shape)
    away[0] = V
    known = 0
    with ctx.workprec(64):
        c = centre(in_numbers(checked, "here"), V.ravel().tolist(), None)
        assert c is not None
        gradients = Gradients(replace(c, tie=0.0))
        changes = [((int(i), int(d)),) for (i,), (d,) in zip(some.rows, some.codes, strict=True)]
        at = candidates.Candidates(gradients, changes, [one.ravel().tolist() for one in away],
                                   margins.Margins(c, list(range(8))))
        for h in (np.ones(12), np.full(12, 0.01), rng.random(12) ** 4):
            m = matrix.matrix(c, h.tolist(), list(range(8)))
            assert m is not None
            S = np.array(c.s).T
            H = sum(x * np.kron(np.diag(s) - np.outer(s, s), np.outer(p, p)) for x, s, p in zip(h, S, head.phi,
                                                                                              strict=True))
            H = H + np.kron(np.eye(head.k), np.diag(head.n * head.weight_decay * head.decayed))
            lengths = m.M.lengths([one.g for one in at.known], [one.size for one in at.known])
            for one, length in zip(at.known, lengths, strict=True):
                r = m.distance(one, length + m.M.root * one.off)
                v = W[one.at] - V - np.array(one.cut.step).reshape(V.shape)
                if head.free_intercept:
                    v[:, -1] -= v[:, -1].mean()
                assert np.sqrt(max(v.ravel() @ H @ v.ravel(), 0.0)) <= r * (1.0 + 1e-6) + NEAR
                known += r < np.inf
            open_ = m.open(at, [set(range(8))] * 8)
            for b, one_open in enumerate(open_):
                assert not any(worst(head, W[b])[j] < -NEAR for j in range(8) if j not in one_open)
    assert known > 6


def turned(one: Stored) -> Stored:
    """Every choice with the weights of the one after it."""
    size = one.shape[1]
    return Stored(one.shape, one.values[size:] + one.values[:size], one.kind)


def with_value(one: Stored, at: int, value: float) -> Stored:
    return Stored(one.shape, (*one.values[:at], value, *one.values[at + 1 :]), one.kind)


def test_other_weights_prove_less() -> None:
    head, change = drawn(2, False)
    good, arrays = ran(head, change)
    for other in (turned(arrays["weights"]), with_value(arrays["weights"], 3 * arrays["weights"].shape[1], 1e300),
                  with_value(arrays["weights"], 3 * arrays["weights"].shape[1], float("nan"))):
        assert sum(asked(head, change, arrays | {"weights": other}, good.tolist())) < good.sum()


TAMPERED: dict[str, Any] = {
    "part": lambda a: a | {"parts": with_value(a["parts"], 2, 1.0 + 2.0**-52)},
    "is not from 0": lambda a: a | {"parts": with_value(a["parts"], 2, float("nan"))},
    "numbers of each matrix": lambda a: a | {"parts": Stored((1, 2), (0.5, 0.5), "f")},
    "choice 0 is missing": lambda a: a | {"again": Stored((0,), (), "i"), "exact": Stored((0, a["exact"].shape[1]), (),
                                                                                         "f")},
    "it names choice": lambda a: a | {"again": Stored(a["again"].shape, (*a["again"].values[:-1], 10**6), "i")},
    "its shape is": lambda a: a | {"weights": Stored((1, a["weights"].shape[1]), a["weights"].values[: a["weights"]
                                                                                                .shape[1]], "f")},
    "its arrays are": lambda a: {name: one for name, one in a.items() if name != "parts"},
}


@pytest.mark.parametrize("words", TAMPERED)
def test_arrays_that_do_not_fit_are_refused(words: str) -> None:
    head, change = drawn(0, True)
    good, arrays = ran(head, change)
    with pytest.raises(Invalid, match=words):
        asked(head, change, TAMPERED[words](arrays), good.tolist())


def test_it_is_for_one_wrong_label_of_classes() -> None:
    head, change = drawn(0, True)
    good, arrays = ran(head, change)
    checked = as_checked(head, change.rows, 1)
    others: list[tuple[BallHead, str]] = [
        (as_checked(head, change.rows, 2), "one label"), (as_checked(head, change.rows, 1, False), "one label"),
        (replace(checked, weights=[1] * head.n), "count the same"),
        (replace(checked, targets=[[0.5] * head.k] * head.n), "unit vector"),
        (replace(checked, codes=replace(checked.codes, rows=[[0.5] * head.k] * head.k)), "unit vector")]
    for other, words in others:
        with ctx.workprec(64), pytest.raises(Invalid, match=words):
            checker.proved(other, arrays, "here", good.tolist())


WRONG: dict[str, tuple[object, str, Any]] = {
    "labels as they were": (candidates, "_changed", lambda c, choice, g: list(g)),
    "moves take no curvature": (matrix.Matrix, "kept", lambda self, e, a: _kept(self, [1.0] * len(e), a)),
    "nothing is lost on the way": (matrix, "fading", lambda x: 1.0),
    "half of the gradient": (matrix.Matrix, "distance", lambda self, one, left: _distance(self, one, 0.5 * left)),
    "steps move no margin": (margins.Margins, "at", lambda self, cut: self.room),
    "nothing is lost": (matrix.Matrix, "kept", lambda self, e, a: 1.0),
}
_kept, _distance = matrix.Matrix.kept, matrix.Matrix.distance


@pytest.mark.parametrize("what", WRONG)
def test_wrong_versions_are_caught(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Some refit lies farther, or some point moves, than what a wrong version of the theorem says."""
    monkeypatch.setattr(*WRONG[what])
    for seed in range(12):
        try:
            test_every_refit_lies_within_what_a_matrix_says(seed)
        except AssertionError:
            return
    pytest.fail(what)


def test_the_room_of_a_wide_ball_is_at_its_lower_end():
    line = [arb(3, 0.25), arb(1, 0.25), arb(5)]
    assert 1.5 - 1e-9 < Margins._room(line, 0, 1) < 1.5
    assert Margins._room(line, 0, 0) == inf and Margins._room(line, 0, 2) < -2.25
