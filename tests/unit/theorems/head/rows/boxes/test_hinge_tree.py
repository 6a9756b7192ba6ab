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
from certify.check.theorems.head.rows.boxes import stated
from certify.check.theorems.head.rows.boxes.ends.flat import FlatEnd, distance
from certify.check.theorems.head.rows.boxes.trap import centre as checked_centre
from certify.check.theorems.head.rows.losses.on_slabs import ON_SLABS as CHECKED
from certify.finders.head import boxes
from certify.format.refusal import Invalid
from certify.rigor.fp import U
from certify.systems.head.rows.boxes.losses import ON_SLABS
from certify.systems.head.rows.boxes.sums import sums
from certify.systems.head.rows.boxes.trap import centre
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.box_tree import BoxTree, oriented
from certify.theorems.head.rows.boxes import flat_tree
from certify.theorems.head.rows.boxes.flat_leaves import Refit, distances, pulling, refits, stays
from certify.theorems.head.rows.boxes.flat_tree import FlatTree
from certify.theorems.head.rows.boxes.nodes import Node
from certify.theorems.head.rows.boxes.turns import Task
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
    with pytest.raises(Invalid, match="so many rows of each kind"):
        checked.proved(twin(head, change), stored(arrays), "claim", proved.tolist(), lambda out, rows: rows)


def test_no_bend_of_another_loss_is_taken_for_that_of_the_hinge() -> None:
    """The second order knows how the logistic loss bends; with it a prediction that changes was proved to stay."""
    rng = np.random.default_rng([87, 55])
    change = RowChange(bool(rng.random() < 0.5), 2, tuple(range(18)))
    head = other_head(rng, "squared_hinge", n=int(rng.integers(8, 20)), d=int(rng.integers(1, 3)), N=300, free=False,
                      decay=float(10.0 ** rng.uniform(-1.5, 0.7)))
    part, least = BoxTree().prove(head, change, head.today >= 0, Budget()), least_margins(head, change)
    assert part is not None and head.n == 18 and (least < 0).any() and len(part.arrays["box"])
    assert part.proved.sum() > 200 and (least[part.proved] > 0).all()
    assert followed(head, change, dict(part.arrays), part.proved) == part.proved.tolist()


def test_rows_of_many_columns_pull_where_a_float_margin_that_is_allowed_lies_above_1() -> None:
    """Margins of a centre may err by more than sums in parts do: a row next to 1 was taken for still by these."""
    p, mu = 2500, 1024.0
    rng = np.random.default_rng(3)
    first = rng.choice([-1.0, 1.0], p) * rng.uniform(0.5, 1.0, p) / 64.0
    square = float(first @ first)
    margin = 0.25 * square / (mu + 0.25 * square)
    S = np.stack([first, first / margin * (1.0 - 500 * U)])
    s = replace(sums(S, np.full(p, mu), weights=np.array([1.0, 2.0**-60])), loss=ON_SLABS["squared_hinge"])
    c = centre(s, s.whole, 0.25 / (mu + 0.25 * square) * first)
    assert 0.0 < 1.0 - c.at.t[1] < 1000 * U
    allowed = replace(c, at=replace(c.at, t=c.at.t + np.array([0.0, 2400 * U])))
    assert (allowed.at.t - c.at.t <= c.at.off).all() and allowed.at.t[1] > 1.0
    assert pulling(allowed).all()


@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize(("big", "decay"), [(1e3, 1e-10), (1e9, 1e-8)])
def test_a_decay_that_floats_lose_beside_the_rows_leaves_points_open(relabels: bool, big: float, decay: float) -> None:
    """Hessians are singular in floats, and that ended in an error."""
    head = replace(
        hinge_head(np.random.default_rng(0)), phi=big * np.array([[1.0, 1.0], [-1.0, -1.0], [2.0, 2.0], [1.0, 0.0]]),
        phi_rad=np.zeros(4), Y=np.array([[1.0], [-1.0], [1.0], [1.0]]), label=np.array([1, 0, 1, 1]),
        V=np.full((1, 2), 0.4 / big), decayed=np.ones(2, bool), points=np.array([[1.0, 1.0], [1.0, 0.5]]),
        points_rad=np.zeros(2), weight_decay=decay)
    for count in (1, 2):
        part = BoxTree().prove(head, RowChange(relabels, count, (0, 1, 2, 3)), head.today >= 0, Budget())
        assert part is not None and not part.proved.any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e308])
def test_weights_that_are_no_numbers_prove_nothing(value: float) -> None:
    """Neither do they end in an error."""
    head, change, *_ = some(False, 2)
    s, points = oriented(head, change)
    W = np.stack([np.full(s.S.shape[1], value), np.zeros(s.S.shape[1])])
    of = Refit(s, s.whole, np.array([0, 1]))
    with np.errstate(invalid="ignore", over="ignore"):
        far, stand = distances(of, W), stays(of, W, points)
    assert np.isinf(far[0]) and np.isfinite(far[1]) and not stand[0].any()


def test_a_box_on_which_all_points_rest_is_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where more rows have to be hot for it than pull: it was left out, and no checker followed."""
    head, change, *_ = some(False, 2)
    s, points = oriented(head, change)
    tree = FlatTree(s, points, lambda: 60.0)
    tree.failed, live = np.zeros(len(points), bool), np.arange(len(points))
    c = centre(s, s.whole, boxes.minimiser(s, s.whole, np.zeros(s.S.shape[1])))
    order, after = tree._order(c, np.arange(head.n))
    box = next(found for h in range(head.n) if (found := tree.box(c, order, h, 2)) is not None)
    need = np.full(len(points), max(tree._most(c, order), box.h) + 1)
    assert need[0] <= head.n and tree._most(c, order) < head.n
    monkeypatch.setattr(tree, "_stands", lambda c, points: np.zeros(len(points), bool))
    node = Node(-1, 0, c.w, h=np.full(len(points), -1, np.int32))
    task = Task(-1, 0, (), np.arange(head.n), 2, live, c.w, 0)
    tree._children(node, c, order, live, task, after, [(box, need, np.full(len(points), -1.0))], box.h)
    assert len(node.boxes) == 1 and (node.h == need).all()


def test_weights_beside_the_minimiser_hide_no_row_that_pulls() -> None:
    """Prover and checker: rows below 1 at the minimiser pull wherever the centre lies, and with another label all."""
    loss, hidden = CHECKED[1], 0
    for seed in range(12):
        rng = np.random.default_rng([seed, 73])
        head = hinge_head(rng, weights=bool(seed % 2))
        rows = list(range(head.n))
        s, _ = oriented(head, RowChange(False, 1, tuple(rows)))
        w = minimum(s.S, s.whole, 4.0 * float(s.decay.max())).astype(float)
        below = set(np.flatnonzero(s.S @ w < 1.0 - 1e-9).tolist())
        for size in (0.0, 1e-3, 0.1, 1.0):
            near = w + size * rng.normal(size=len(w))
            hidden += len(below - set(np.flatnonzero(s.S @ near < 1.0).tolist()))
            assert below <= set(np.flatnonzero(pulling(centre(s, s.whole, near))).tolist())
            with ctx.workprec(64):
                for relabels in (False, True):
                    seen = stated.oriented(twin(head, RowChange(relabels, 1, tuple(rows))), "claim", loss)[0]
                    c = checked_centre(seen, [], near.tolist(), loss)
                    assert below <= set(found := FlatEnd(c).pulling(rows)) and (found == rows or not relabels)
                    assert np.linalg.norm(near - w) <= float(distance(c)) * (1 + 1e-9) + 1e-12
    assert hidden > 10


def test_a_row_that_pulls_and_is_hot_for_other_points_alone_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hot rows count as far as a point's number says, whatever else a node holds."""
    monkeypatch.setattr(FlatTree, "box", lambda *args, **names: None)
    head, change, *_ = some(False, 2)
    part = BoxTree().prove(head, change, head.today >= 0, Budget())
    assert part is not None and part.proved.any() and not len(part.arrays["box"])
    arrays = dict(part.arrays)
    assert followed(head, change, arrays, part.proved) == part.proved.tolist()
    for less in (1, int(arrays["numbers"].max())):
        assert not any(followed(head, change, arrays | {"numbers": arrays["numbers"] - less}, part.proved))


def test_leaves_say_nothing_of_no_change_at_all() -> None:
    """Without one row a point stays, and with all of them it lies on the other side, where `V` does not put it."""
    head = replace(
        hinge_head(np.random.default_rng(0)), phi=np.array([[1.0], [-3.0]]), phi_rad=np.zeros(2), Y=np.ones((2, 1)),
        label=np.ones(2, np.int64), V=np.ones((1, 1)), decayed=np.ones(1, bool), points=np.ones((1, 1)),
        points_rad=np.zeros(1), weight_decay=0.5)
    change, none, zero = RowChange(False, 1, (1,)), np.zeros(0, np.int64), np.zeros(1, np.int64)
    arrays: Arrays = {
        "parent": zero - 1, "branch": zero, "weights": np.array([[-2.0 / 11.0]]), "hot_count": zero, "hot": none,
        "numbers": np.zeros((0, 1), np.int64), "box_count": zero, "box": none, "slabs": np.zeros((0, 2), np.int64),
        "leaf_count": zero + 1, "leaf": zero + 1, "leaf_weights": np.array([[0.5]])}
    assert followed(head, change, arrays, np.ones(1, bool)) == [False]
    part = BoxTree().prove(head, change, head.today >= 0, Budget())
    assert part is not None and not part.proved.any()


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
