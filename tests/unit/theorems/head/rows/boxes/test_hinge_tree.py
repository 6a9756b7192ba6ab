"""Trees for heads with the squared hinge: every refit of small heads, what a checker follows, what either refuses."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from flint import ctx
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

import certify
from certify.check.theorems.head.rows import box_tree as checked
from certify.check.theorems.head.rows.boxes.ends.flat import FlatEnd
from certify.format.refusal import Invalid
from certify.systems.head.rows.boxes.trap import centre
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.box_tree import BoxTree, oriented
from certify.theorems.head.rows.boxes import flat_tree
from certify.theorems.head.rows.boxes.flat_leaves import Refit, distances, pulling, refits
from certify.theorems.head.rows.boxes.flat_tree import FlatTree
from certify.theorems.head.rows.method import Budget
from tests.families.hinge_heads import hinge_head, least_margins, minimum, twin
from tests.families.other_heads import other_head
from tests.families.row_heads import stored

Arrays = dict[str, np.ndarray]
KINDS = [(False, 2), (False, 3), (True, 2)]


def followed(head: Head, change: RowChange, arrays: Arrays, asked: np.ndarray) -> list[bool]:
    with ctx.workprec(64):
        return checked.proved(twin(head, change), stored(arrays), "claim", asked.tolist())


@cache
def some(relabels: bool, count: int, weights: bool = False) -> tuple[Head, RowChange, Arrays, np.ndarray, np.ndarray]:
    """The first head drawn of which a tree with children and leaves proves some points, and how far refits lie."""
    for seed in range(60):
        head = hinge_head(np.random.default_rng([seed, count, 7]), weights)
        change = RowChange(relabels, count, tuple(range(head.n)))
        part = BoxTree().prove(head, change, head.today >= 0, Budget())
        if part is None or not part.proved.any():
            continue
        arrays = dict(part.arrays)  # with leaves that no box stands for
        bare = arrays["hot_count"] > 0 if relabels else arrays["box_count"] == 0
        if len(arrays["parent"]) > 2 and (arrays["leaf_count"] * bare > 0).any():
            return head, change, arrays, part.proved, least_margins(head, change)
    raise AssertionError("no such head was drawn")


@pytest.mark.parametrize(("relabels", "count"), KINDS)
@pytest.mark.parametrize("weights", [False, True])
def test_every_refit_keeps_what_is_proved_and_a_checker_follows(relabels: bool, count: int, weights: bool) -> None:
    head, change, arrays, proved, least = some(relabels, count, weights)
    assert (least[proved] > 0).all()
    assert followed(head, change, arrays, proved) == proved.tolist()


def test_it_proves_all_that_is_so() -> None:
    """Where every row that pulls is hot a tree is a refit of every choice that counts."""
    for seed in range(12):
        head = hinge_head(np.random.default_rng([seed, 70]))
        change = RowChange(False, 2, tuple(range(head.n)))
        least = least_margins(head, change)
        s, points = oriented(head, change)
        found = FlatTree(s, points, lambda: 60.0)
        assert (found.run(2, head.today >= 0) >= (least > 1e-9)).all()
        assert set(found.flips) >= set(np.flatnonzero((least < -1e-9) & (head.today >= 0)).tolist())


def test_distances_hold_minimisers_and_rows_that_do_not_pull_leave_them_alone() -> None:
    for seed in range(30):
        rng = np.random.default_rng([seed, 71])
        head = hinge_head(rng, weights=bool(seed % 2))
        s, _ = oriented(head, change := RowChange(bool(seed % 3), 1, tuple(range(head.n))))
        rows = np.arange(head.n)
        mu = float(s.decay.max())

        def refit(counts: np.ndarray, S: np.ndarray, mu: float = mu) -> np.ndarray:  # ¼ of the loss, with ¼ of μ
            return minimum(S, counts, 4.0 * mu)

        w = refit(s.whole, s.S)
        c = centre(s, s.whole, w.astype(float))
        near = refits(c, rows)
        for i in rows:
            t, kept = s.after([i])
            true = refit(kept, t.S)
            for W in (near[i], near[i] + 10.0 ** rng.uniform(-12, 0) * rng.normal(size=len(w))):
                far = distances(Refit(s, s.whole, rows[i : i + 1]), W[None, :])[0]
                assert np.linalg.norm(true - W) <= far * (1 + 1e-9)
            assert np.abs(true - near[i]).max() < 1e-9 * (1 + np.abs(true).max())
            if not change.relabels and not pulling(c)[i]:
                assert np.abs(true - w).max() < 1e-12
        far = np.argsort(s.S @ w)[head.n // 2 :]
        if not change.relabels and not pulling(c)[far].any():
            kept = s.whole.copy()
            kept[far] = 0.0
            assert np.abs(refit(kept, s.S) - w).max() < 1e-12


def test_a_tree_that_takes_rows_that_pull_for_still_ones_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong version proves what is not so, and a checker does not follow."""
    lied = 0
    for seed in range(12):
        head = hinge_head(np.random.default_rng([seed, 72]))
        change = RowChange(False, 2, tuple(range(head.n)))
        with monkeypatch.context() as patch:
            patch.setattr(flat_tree, "pulling", lambda c: np.zeros(len(c.at.t), bool))
            part = BoxTree().prove(head, change, head.today >= 0, Budget())
        assert part is not None
        wrong = part.proved & (least_margins(head, change) < 0)
        lied += int(wrong.sum())
        if wrong.any():
            assert not (np.array(followed(head, change, dict(part.arrays), part.proved)) & wrong).any()
    assert lied


def test_a_checker_that_takes_them_for_still_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    head, change, arrays, proved, _ = some(False, 2)
    bare = arrays | {name: arrays[name][:1] for name in ("parent", "branch", "weights")} | {
        "hot_count": np.zeros(1, np.int64), "hot": arrays["hot"][:0], "numbers": np.where(proved, 0, -1)[None, :],
        "box_count": np.zeros(1, np.int64), "box": arrays["box"][:0], "slabs": arrays["slabs"][:0],
        "second": arrays["second"][:0], "leaf_count": np.zeros(1, np.int64), "leaf": arrays["leaf"][:0],
        "leaf_weights": arrays["leaf_weights"][:0]}
    bare.pop("wide", None)
    assert not any(followed(head, change, bare, proved))
    monkeypatch.setattr(FlatEnd, "pulling", lambda self, free: [])
    assert followed(head, change, bare, proved) == proved.tolist()


@pytest.mark.parametrize(("relabels", "count"), KINDS)
def test_what_a_checker_refuses(relabels: bool, count: int) -> None:
    head, change, arrays, proved, _ = some(relabels, count)

    def refuses(new: Arrays, of: RowChange = change) -> bool:
        try:
            return followed(head, of, arrays | new, proved) != proved.tolist()
        except Invalid:
            return True

    assert refuses({}, replace(change, count=count + 1)) and refuses({}, replace(change, relabels=not relabels))
    assert refuses({"leaf_weights": arrays["leaf_weights"] + 1.0})
    assert refuses({"leaf": np.roll(arrays["leaf"], 1)})
    assert refuses({"weights": arrays["weights"] * 1.5})
    last = len(arrays["leaf"]) - 1
    counts = arrays["leaf_count"].copy()
    counts[np.flatnonzero(counts)[-1]] -= 1
    assert refuses({"leaf": arrays["leaf"][:last], "leaf_weights": arrays["leaf_weights"][:last], "leaf_count": counts})
    if len(arrays["hot"]):
        assert refuses({"numbers": np.minimum(arrays["numbers"], 0)}) or (arrays["box"] == 0).any()
    assert refuses({"second": np.zeros((len(arrays["second"]) or 1, len(proved)))})


def test_a_free_intercept_several_outputs_and_other_losses_are_refused() -> None:
    rng, change = np.random.default_rng(0), RowChange(False, 2, (0, 1, 2))
    assert "nothing else holds it" in BoxTree().able(other_head(rng, "squared_hinge", free=True), change)
    assert "one output" in BoxTree().able(other_head(rng, "one_vs_rest"), change)
    head, own, arrays, proved, _ = some(False, 2)
    with pytest.raises(Invalid, match="nothing else holds it"):
        followed(replace(head, decayed=np.append(np.ones(head.phi.shape[1] - 1, bool), False)), own, arrays, proved)


def test_linear_svc_of_breast_cancer_bears_three_deleted_rows() -> None:
    """No box holds all rows there, and before there was a tree nothing was proved."""
    X, y = load_breast_cancer(return_X_y=True)
    a, b, c, _ = train_test_split(X, y, train_size=150, random_state=0)
    scale = StandardScaler().fit(a)
    model = LinearSVC(tol=1e-8, max_iter=1_000_000).fit(scale.transform(a), c)
    problem = certify.from_sklearn(model, scale.transform(a), c)
    answer = certify.stable_predictions(problem, scale.transform(b), delete=3, seconds=60.0)
    assert len(answer.proved) >= 370 and not len(answer.undecided)
