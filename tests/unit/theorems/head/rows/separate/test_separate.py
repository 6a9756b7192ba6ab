"""D34: rows deleted or relabelled of one-vs-rest heads, against every refit; wrong versions are found out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

import certify
from certify.systems.head.rows.change import DELETED, RowChange
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.separate import outputs, tree
from certify.theorems.head.rows.separate.ends import Ends
from certify.theorems.head.rows.separate.joint import touched
from certify.theorems.head.rows.separate.method import Separate
from certify.theorems.head.rows.separate.outputs import centre_of
from certify.theorems.head.rows.survey import survey
from tests.containment.heads_separate import changed_rows_separate, drawn, held_outputs, judged
from tests.containment.rigor import Violation
from tests.effort import FULL
from tests.families.other_heads import other_head
from tests.oracles.separate_refits import least, refitted

SEEDS = range(60 if FULL else 8)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_false_is_said_of_drawn_heads(seed: int) -> None:
    assert changed_rows_separate(np.random.default_rng([34, seed])) in ("decided", "refused")


@pytest.mark.parametrize("loss", ["one_vs_rest", "squared_hinge"])
@pytest.mark.parametrize("relabels", [False, True])
def test_most_that_stays_is_proved_where_single_rows_do_little(loss: str, relabels: bool) -> None:
    rng, proved, there = np.random.default_rng(2), 0, 0
    for count in (1, 1, 2):
        head = other_head(rng, loss, 11, 1, 24, k=3, free=False, decay=0.5)
        change = RowChange(relabels, count, tuple(range(head.n)))
        _, W = refitted(head, change)
        proved += judged(head, change, W)
        there += int((least(head, W, head.points, head.today) > 1e-9).sum())
    assert there >= 10 and proved >= 0.9 * there


def forgets(module: Any, name: str, changed: Callable[..., Any]) -> Callable[[pytest.MonkeyPatch], None]:
    own = getattr(module, name)
    return lambda patch: patch.setattr(module, name, lambda *args: changed(own, *args))


def shorter(own: Any, *args: Any) -> Ends:
    found = own(*args)
    return Ends(found.low, 0.5 * found.high)


def helpful(own: Any, *args: Any) -> Ends:
    found = own(*args)
    return Ends(found.high, found.high)


WRONG: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "one change fewer": forgets(tree, "_least", lambda own, room, gain, k, h: own(room, gain, k - 1, h) if k > 1 else
                                np.where(room > 0, h, h + gain.shape[1] + 1)),
    "rows take from the first output alone": forgets(
        tree, "gains", lambda own, up, down, kinds: own(up, replace(down, gain=0.0 * down.gain), kinds)),
    "rows take from the second output alone": forgets(
        tree, "gains", lambda own, up, down, kinds: own(replace(up, gain=0.0 * up.gain), down, kinds)),
    "what helps one output is counted twice": forgets(
        tree, "gains", lambda own, up, down, kinds: own(up, down, kinds) - 0.3 * np.abs(up.gain)),
    "hot rows stay": forgets(tree.Tree, "_children", lambda own, it, node, at, order, points, need: points),
    "refits are not looked at": forgets(tree.Tree, "_leaves", lambda own, it, node, at, order, points, open_: points),
    "boxes of other nodes serve whatever is changed": forgets(tree.Tree, "_reached", lambda own, it, node, a: ()),
    "a centre that flips": forgets(tree, "clear", lambda own, up, down: own(up, down) + 0.4),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_versions_are_found_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    WRONG[name](monkeypatch)
    with pytest.raises(Violation):
        for seed in range(400):
            head, change, _, W = drawn(np.random.default_rng([35, seed]))
            judged(head, change, W)


BENT: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "deleted rows pull half as much": forgets(outputs, "deleted", shorter),
    "relabelled rows pull half as much": forgets(outputs, "relabelled", shorter),
    "deleted rows always pull their most": forgets(outputs, "deleted", helpful),
    "rows with weights pull as others": forgets(
        outputs, "_first", lambda own, c, trap, its, rows, k, alone: own(
            c, trap, Ends(its.low, its.high * np.minimum(c.kept[rows], 1.0)), rows, k, alone)),
}


@pytest.mark.parametrize("name", BENT)
def test_wrong_pulls_are_found_out_in_single_outputs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BENT[name](monkeypatch)
    with pytest.raises(Violation):
        for seed in range(300):
            head, change, every, W = drawn(np.random.default_rng([36, seed]))
            held_outputs(head, change, every, W)


def test_rows_reach_the_outputs_of_their_labels() -> None:
    head = other_head(np.random.default_rng(0), "one_vs_rest", 9, 1, 3, k=4)
    rows = np.arange(9)
    both = touched(head, RowChange(False, 2, tuple(range(9))), rows, 0, 2)
    assert list(both) == [(True, True)] and both[True, True].all()
    kinds = touched(head, RowChange(True, 2, tuple(range(9))), rows, 0, 2)
    mine, other = head.label == 0, head.label == 2
    assert (kinds[True, True] == (mine | other)).all()
    assert (kinds[True, False] == ~other).all() and (kinds[False, True] == ~mine).all()


@pytest.mark.parametrize("relabels", [False, True])
def test_ends_hold_what_rows_pull_with(relabels: bool) -> None:
    """One row changes altogether: its pull, from the slopes at both refits, lies between its ends."""
    looked = 0
    for seed in range(12):
        rng = np.random.default_rng([37, seed])
        head = other_head(rng, ["one_vs_rest", "squared_hinge"][seed % 2], 9, 1, 4, k=3, free=False, decay=1.0,
                          weights="rows" if seed % 3 == 0 else "")
        change = RowChange(relabels, 1, tuple(range(9)))
        every, W = refitted(head, change)
        for a in range(3):
            c = centre_of(head, relabels, a)
            one = tree.held(c, np.arange(9), 1, lambda: 1.0)
            if one is None:
                continue
            its = _ends(c, relabels)
            for choice, V in zip(every, W[:, a], strict=True):
                for i, code in choice:
                    if code == DELETED or head.codes[code, a] != head.Y[i, a]:
                        pull = _pull(c, i, np.asarray(V, float), relabels)
                        assert its.low[i] - 1e-9 <= pull <= its.high[i] + 1e-9
                        looked += 1
    assert looked >= 60


def _ends(c: Any, relabels: bool) -> Ends:
    box = outputs.Tree(c.sums, np.zeros((0, c.sums.S.shape[1])), lambda: 1.0).box(c, np.arange(9), 0, 1)
    slabs = outputs.Slabs(*outputs.decoded(box.codes))
    return (outputs.relabelled if relabels else outputs.deleted)(c, np.arange(9), slabs)


def _pull(c: Any, i: int, V: Any, relabels: bool) -> float:
    """`p̂` of a row that changed: of a deleted one `c(p(t) − Dτ)`; of a new label `c(p(t) + p(−t − τ)) − Dτ`, with the
    number D between the secants of a row that stays that is nearest to its own."""
    s, t = c.sums, float(c.sums.S[i] @ c.w)
    tau = float(s.S[i] @ V) - t

    def p(x: float) -> float:
        return float(s.loss.margins(np.array([x]), np.zeros(1)).p[0])

    if not relabels:
        return float(c.kept[i] * (p(t) - c.at.D[i] * tau))
    box = outputs.Tree(s, np.zeros((0, s.S.shape[1])), lambda: 1.0).box(c, np.arange(9), 0, 1)
    slabs = outputs.Slabs(*outputs.decoded(box.codes))
    sec = s.loss.secants(c.at, slabs.lo, slabs.hi)
    own = (p(-t) - p(-t - tau)) / -tau if tau else 0.0
    D = min(max(own, float(sec.least[i])), float(sec.most[i]))
    return float(c.kept[i] * (p(t) + p(-t) + (own - D) * tau))


def test_a_tie_is_not_proved() -> None:
    """Two outputs with the same rows and targets: no point's largest output is known to be either."""
    head = other_head(np.random.default_rng(1), "one_vs_rest", 10, 2, 6, k=3, free=False, decay=1.0)
    Y = head.Y.copy()
    Y[:, 1] = Y[:, 0]
    head = replace(head, Y=Y, V=head.V[[0, 0, 2]])
    change = RowChange(False, 2, tuple(range(10)))
    part = Separate().prove(head, change, np.ones(6, bool), Budget())
    assert part is not None
    largest = (head.points @ head.V.T).argmax(axis=1)
    assert (largest != 2).any() and not part.proved[largest != 2].any()


def test_what_it_is_not_for_is_refused_with_a_line() -> None:
    rng, change = np.random.default_rng(4), RowChange(False, 2, tuple(range(8)))
    able = Separate().able
    head = other_head(rng, "one_vs_rest", 8, free=True)
    assert able(head, change) == ""
    assert "several outputs" in able(other_head(rng, "cross_entropy", 8), change)
    assert "1 output," in able(other_head(rng, "squared_hinge", 8), change)
    assert "nothing else holds it" in able(other_head(rng, "squared_hinge", 8, k=3, free=True), change)
    assert "inexact" in able(replace(head, phi_rad=np.full(8, 1e-9)), change)
    assert "decay" in able(replace(head, remaining=True), change)
    assert "neither 1 nor" in able(replace(head, Y=2.0 * head.Y), change)
    assert "follow the labels" in able(other_head(rng, "one_vs_rest", 8, weights="labels"), change)
    assert "every row" in able(head, RowChange(False, 8, tuple(range(8))))
    late = Separate().prove(head, change, head.today >= 0, Budget(0.0))
    assert late is not None and late.late and not late.proved.any()
    broken = Separate().prove(replace(head, phi=head.phi * np.nan), change, np.ones(6, bool), Budget(5.0))
    assert broken is not None and not broken.proved.any()


@pytest.mark.parametrize("seed", range(4))
def test_the_survey_and_the_method_agree_with_every_refit(seed: int) -> None:
    head, change, _, W = drawn(np.random.default_rng([38, seed]))
    found = survey(head, change, 10.0, methods=("separate_boxes",))
    margin = least(head, W, head.points, np.maximum(head.today, 0))
    assert not (found.proved & (margin < -1e-9)).any() and not (found.attacked & (margin > 1e-9)).any()


@pytest.mark.parametrize("model", [OneVsRestClassifier(LogisticRegression()), LinearSVC(tol=1e-8, max_iter=100_000)])
def test_calls_decide_three_deleted_rows_of_iris(model: Any) -> None:
    """From three rows on nothing was proved before."""
    X, y = load_iris(return_X_y=True)
    model.fit(X[::2], y[::2])
    found = certify.stable_predictions(certify.from_sklearn(model, X[::2], y[::2]), X[1::4], delete=3, seconds=40.0)
    assert found.survey.parts["separate_bent"].proved.sum() >= 20
