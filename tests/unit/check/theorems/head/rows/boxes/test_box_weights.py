"""D5 and D6 with weights: what boxes and trees prove of rows that count differently holds of every refit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flint import arb, arb_mat, ctx
from safetensors.numpy import load_file, save_file

from certify.auditing.spec_run import run_audit
from certify.check.main import check
from certify.check.theorems.head.rows import box as checked_box
from certify.check.theorems.head.rows import box_tree as checked_tree
from certify.check.theorems.head.rows.boxes.leaves import base, leaves
from certify.check.theorems.head.rows.boxes.margins import points as points_of
from certify.check.theorems.head.rows.boxes.stated import oriented
from certify.check.theorems.head.rows.boxes.trap import centre
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.refitted.refit import distance
from certify.format.methods import status_of
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses import HEAD_LOSSES
from certify.systems.head.rows.weights import RowWeights
from certify.theorems.head.rows import box
from certify.theorems.head.rows.box import Box
from certify.theorems.head.rows.box_tree import BoxTree, unscalable
from certify.theorems.head.rows.box_tree import oriented as oriented_by_prover
from certify.theorems.head.rows.boxes import leaves as prover
from certify.theorems.head.rows.method import Budget, Part
from tests.families.row_heads import as_checked, stored
from tests.oracles.weighted_refits import changes, label_of, refit
from tests.unit.check.theorems.head.rows.test_row_kinds import resealed
from tests.unit.check.theorems.head.rows.test_weights import GATE, Case
from tests.unit.check.theorems.head.test_claims import NONE

CODES = np.array([[-1.0], [1.0]])


def drawn(seed: int, relabels: bool, k: int, spread: float = 1.0, n: int = 22) -> tuple[Head, RowChange]:
    """A head of few rows with weights near its refit, and any k of them."""
    rng = np.random.default_rng(seed)
    label = np.append([0, 1], rng.integers(0, 2, n - 2)).astype(np.int64)
    phi = np.hstack([np.round(rng.normal(size=(n, 2)) + label[:, None], 3), np.ones((n, 1))])
    c = np.round(np.exp(rng.uniform(-spread, spread, n)), 3)
    free, decay = bool(seed % 2), float(rng.uniform(0.3, 1.0))
    decayed = np.array([True, True, not free])
    V = refit("logistic", phi, label, c, n * decay, decayed, 1, ())
    points = np.hstack([rng.normal(size=(40, 2)) * 1.5 + 0.5, np.ones((40, 1))])
    head = Head(phi, np.zeros(n), CODES[label], CODES, label, HEAD_LOSSES["logistic"], V, decay, decayed, False, points,
                np.zeros(40), 0.0, RowWeights(c))
    return head, RowChange(relabels, k, tuple(range(n)))


def truth(head: Head, change: RowChange) -> tuple[np.ndarray, np.ndarray]:
    """Labels today, and which points keep them under every change, by the oracle."""
    assert head.label is not None and head.weights is not None
    every = [label_of(refit("logistic", head.phi, head.label, head.weights.rows, head.n * head.weight_decay,
                            head.decayed, 1, one), head.points, 0.0)
             for one in changes(head.n, head.label, 2, change.count, change.relabels)]
    return every[0], np.all([labels == every[0] for labels in every], axis=0)


METHODS = {"box": (Box, checked_box), "box_tree": (BoxTree, checked_tree)}


def follows(head: Head, change: RowChange, part: Part, asked: np.ndarray) -> np.ndarray:
    """Which points the checker proves with these arrays."""
    with ctx.workprec(BITS):
        seen = as_checked(head, change)
        if head.weights is not None:
            seen = replace(seen, weights=[arb(c) for c in head.weights.rows.tolist()])
        return np.array(METHODS[part.method][1].proved(seen, stored(dict(part.arrays)), part.method, asked.tolist()))


@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize(("k", "seeds", "method"), [(1, 6, "box"), (2, 3, "box"), (1, 6, "box_tree"),
                                                    (2, 3, "box_tree")])
def test_what_a_box_proves_holds_of_every_refit(relabels: bool, k: int, seeds: int, method: str) -> None:
    proved = stays = 0
    for seed in range(seeds):
        head, change = drawn(seed, relabels, k)
        part = METHODS[method][0]().prove(head, change, head.today >= 0, Budget())
        assert part is not None
        today, kept = truth(head, change)
        assert (head.today == today).all() and not (part.proved & ~kept).any()
        if part.proved.any():
            assert (follows(head, change, part, part.proved) == part.proved).all()
        proved, stays = proved + int(part.proved.sum()), stays + int(kept.sum())
    assert proved > (0.9 if method == "box_tree" else 0.5 if k == 1 else 0.2) * stays  # it says something


@pytest.mark.parametrize("method", ["box", "box_tree"])
@pytest.mark.parametrize("relabels", [False, True])
def test_arrays_of_other_weights_prove_what_is_true_of_these(relabels: bool, method: str) -> None:
    """Arrays are proposals: the checker's own numbers decide."""
    seen = 0
    for seed in range(8 if method == "box" else 4):
        head, change = drawn(seed, relabels, 1, spread=2.5)
        _, kept = truth(head, change)
        for other in (None, RowWeights(np.ones(head.n)), RowWeights(head.weights.rows[::-1].copy())):  # type: ignore[union-attr]
            part = METHODS[method][0]().prove(replace(head, weights=other), change, head.today >= 0, Budget())
            if part is None or not part.proved.any():
                continue
            arrays = {name: array if name != "second" else np.full_like(array, -1.0)
                      for name, array in part.arrays.items() if name != "second" or method == "box_tree"}
            found = follows(head, change, replace(part, arrays=arrays), part.proved)
            assert not (found & ~kept).any()
            seen += int((part.proved & ~kept).sum())
    assert seen > 0  # of equal weights the box proved what is wrong of these


@pytest.mark.parametrize("relabels", [False, True])
def test_weights_of_one_number_are_a_smaller_decay(relabels: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the second order, which weights do not have, a box says the same of both."""
    monkeypatch.setattr(box, "_second", lambda found, points, open_, budget: np.full(len(points), -1.0))
    for seed, factor in ((0, 1.0), (1, 4.0), (2, 0.5)):
        head, change = drawn(seed, relabels, 1)
        plain = replace(head, weights=None)
        heavy = replace(head, weights=RowWeights(np.full(head.n, factor)), weight_decay=head.weight_decay * factor)
        one, other = (Box()._part(*boxed(either, change)) for either in (plain, heavy))
        assert (one.proved == other.proved).all() and one.proved.any() and one.arrays.keys() == other.arrays.keys()


def boxed(head: Head, change: RowChange) -> tuple:
    """What `Box._part` takes."""
    from certify.finders.head.boxes import minimiser
    from certify.systems.head.rows.boxes.trap import WIDE, centre
    from certify.theorems.head.rows.box_tree import oriented

    s, points = oriented(head, change)
    c = centre(s, s.whole, minimiser(s, s.whole, head.V[0]))
    return c, change, points, head.today >= 0, Budget(), WIDE


def test_weights_that_follow_labels_or_are_too_far_apart_are_refused() -> None:
    head, change = drawn(0, True, 1)
    ones = np.ones(head.n)
    for weights in (RowWeights(ones, np.array([1.0, 2.0])), RowWeights(ones, None, True)):
        assert "follow the labels" in unscalable(replace(head, weights=weights))
        assert Box().able(replace(head, weights=weights), change)
    far = ones.copy()
    far[0] = 5e-324
    far[1] = 1e300
    assert "too different sizes" in unscalable(replace(head, weights=RowWeights(far)))
    assert unscalable(head) == "" == unscalable(replace(head, weights=None))


@pytest.mark.parametrize("parameter", ["deletions", "labels"])
def test_a_certificate_rests_on_a_box_and_forged_ones_are_refused(parameter: str, tmp_path: Path) -> None:
    case = Case(tmp_path, parameter=parameter, count=4, bias=True, seed=1, n=250)  # too many choices to count out
    (tmp_path / "spec.toml").write_text(case.spec + GATE.format(quantity="stable_predictions", side="min", bar=1),
                                        encoding="utf-8")
    certificate = run_audit(tmp_path / "spec.toml")
    claim, file = certificate["claims"][0], tmp_path / "witness.safetensors"
    arrays = load_file(file)
    status = arrays["stable_predictions.rows.status"]
    assert claim["lower"] == int((status == status_of("box")).sum()) > 0
    assert check(tmp_path / "certificate.json", NONE).verdict == "certified"
    second = np.where(status == status_of("box"), 1.0, -1.0)
    save_file({**arrays, "stable_predictions.rows.box.second": second}, file)
    resealed(tmp_path, certificate, "witness")
    with pytest.raises(Invalid, match="second order"):
        check(tmp_path / "certificate.json", NONE)
    small = arrays["stable_predictions.rows.box.slabs"] * 0
    save_file({**arrays, "stable_predictions.rows.box.slabs": small}, file)
    resealed(tmp_path, certificate, "witness")
    with pytest.raises(Invalid, match="stated to stay, by box"):
        check(tmp_path / "certificate.json", NONE)


@pytest.mark.parametrize("parameter", ["deletions", "labels"])
def test_a_certificate_rests_on_a_tree_and_forged_ones_are_refused(parameter: str, tmp_path: Path) -> None:
    case = Case(tmp_path, parameter=parameter, count=3, seed=2, n=120)
    (tmp_path / "spec.toml").write_text(case.spec + GATE.format(quantity="stable_predictions", side="min", bar=1),
                                        encoding="utf-8")
    certificate = run_audit(tmp_path / "spec.toml")
    file, name = tmp_path / "witness.safetensors", "stable_predictions.rows.box_tree"
    arrays = load_file(file)
    assert (arrays["stable_predictions.rows.status"] == status_of("box_tree")).any()
    assert check(tmp_path / "certificate.json", NONE).verdict == "certified"
    for key, change, words in (("second", lambda a: np.ones_like(a), "second order"),
                               ("leaf_weights", lambda a: a + 0.5, "box_tree"),
                               ("slabs", lambda a: a * 0, "box_tree")):
        if not arrays[f"{name}.{key}"].size:
            continue
        save_file({**arrays, f"{name}.{key}": change(arrays[f"{name}.{key}"])}, file)
        certificate = resealed(tmp_path, certificate, "witness")
        with pytest.raises(Invalid, match=words):
            check(tmp_path / "certificate.json", NONE)


@pytest.mark.parametrize("relabels", [False, True])
def test_a_leaf_is_judged_by_the_weights(relabels: bool) -> None:
    """At the refit with weights it proves points by itself; at that without them, and further off than |∇|/r, none."""
    head, change = drawn(3, relabels, 1, spread=2.0)
    assert head.weights is not None and head.label is not None
    i, mu = int(np.argmax(head.weights.rows)), head.n * head.weight_decay
    one = ((i, int(1 - head.label[i])),) if relabels else ((i, -1),)
    true, wrong = (refit("logistic", head.phi, head.label, c, mu, head.decayed, 1, one)
                   for c in (head.weights.rows, np.ones(head.n)))
    with ctx.workprec(BITS):
        seen = replace(as_checked(head, change), weights=[arb(c) for c in head.weights.rows.tolist()])
        s, e = oriented(seen, "")
        assert s.weights is not None
        c = centre(s, [], head.V[0].tolist())
        b = base(c)
        assert b is not None
        everyone = list(range(len(e.rows)))
        clear = [j for j in everyone if (e.exact * arb_mat([[x] for x in true[0].tolist()]))[j, 0] > 1e-6]
        found = next(leaves(b, [i], [true[0].tolist()], e, [clear]))
        assert clear and all(found)
        assert not any(next(leaves(b, [i], [wrong[0].tolist()], e, [everyone])))
        if relabels:
            return
        # points whose margin is between what |∇|/r would be without row i's share of the curvature, and with it
        line = arb_mat([[arb(x) for x in s.rows[i]]])
        own = float((c.counts(i) * c.D[i] * (line * b.X * line.transpose())[0, 0]).mid())
        assert 0.15 < own < 1.0
        W, S = true[0] + 1e-8 * np.array([1.0, 0.0, 0.0]), head.phi * head.Y
        counts = np.array([float(x) for x in s.weights]) * (np.arange(head.n) != i)
        g = np.array([float(d.mid()) for d in s.decay]) * W - (counts / (1 + np.exp(S @ W))) @ S
        X = np.array([[float(x.mid()) for x in row] for row in b.X.tolist()])
        lost = np.delete(np.abs(S @ W) - np.abs(np.array([float(t.mid()) for t in c.t])), i).max()
        least = np.exp(max(lost, 0.0) + 0.5) * np.sqrt(g @ X @ g)
        on, across = np.array([W[1], -W[0], 0.0]) / np.hypot(W[0], W[1]), W / np.linalg.norm(W)
        for share, held in ((1.05 / (1.0 - own), True), (0.5 + 0.5 / (1.0 - own), False)):
            point = on + across * share * least / (across @ W)
            for _ in range(20):  # the margin that such a share of the point's own length asks for
                point = on + across * (share * least * np.sqrt(point @ X @ point)) / (across @ W)
            assert next(leaves(b, [i], [W.tolist()], points_of([point.tolist()], 3), [[0]])) == [held]


@pytest.mark.parametrize("relabels", [False, True])
def test_a_leaf_of_the_prover_is_judged_by_the_weights(relabels: bool) -> None:
    head, change = drawn(3, relabels, 1, spread=2.0)
    assert head.weights is not None and head.label is not None
    i, mu, c = int(np.argmin(head.weights.rows)), head.n * head.weight_decay, head.weights.rows
    one = ((i, int(1 - head.label[i])),) if relabels else ((i, -1),)
    heavy = np.where(np.arange(head.n) == i, c.max(), c)
    true, wrong = (refit("logistic", head.phi, head.label, each, mu, head.decayed, 1, one) for each in (c, heavy))
    at, points = oriented_by_prover(head, change)
    b = prover.base(boxed(head, change)[0])
    assert b is not None and at.weights is not None
    clear = points @ true[0] > 1e-6
    assert clear.any() and prover.stays(b, np.array([i]), true, points[clear]).all()
    if relabels:  # what is left out counts nothing, however heavy
        assert not prover.stays(b, np.array([i]), wrong, points).any()


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize("factor", [2.0**-12, 1.0, 2.0**12])
def test_a_refit_is_as_near_as_with_a_smaller_decay(free: bool, factor: float) -> None:
    """D1a, D1b: gradient and curvature are both that many times as large."""
    head, change = drawn(5 if free else 4, False, 1)
    plain = replace(head, weights=None)
    assert head.label is not None
    V = refit("logistic", head.phi, head.label, np.ones(head.n), head.n * head.weight_decay, head.decayed, 1, ())
    v = (V + 1e-6).ravel().tolist()
    with ctx.workprec(BITS):
        one = as_checked(plain, change)
        other = replace(one, weights=[arb(factor)] * head.n, decay=one.decay * factor)
        near = [float(distance(at, (), v, at.outputs(v))) for at in (one, other)]
    assert np.isfinite(near[0]) and near[1] == pytest.approx(near[0], rel=1e-9)
