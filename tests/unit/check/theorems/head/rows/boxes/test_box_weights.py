"""D5 with weights: what a box proves of rows that count differently holds of every refit, in prover and checker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flint import arb, ctx
from safetensors.numpy import load_file, save_file

from certify.auditing.spec_run import run_audit
from certify.check.main import check
from certify.check.theorems.head.rows import box as checked
from certify.check.theorems.head.rows.head import BITS
from certify.format.methods import status_of
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses import HEAD_LOSSES
from certify.systems.head.rows.weights import RowWeights
from certify.theorems.head.rows import box
from certify.theorems.head.rows.box import Box
from certify.theorems.head.rows.box_tree import unscalable
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


def follows(head: Head, change: RowChange, part: Part, asked: np.ndarray) -> np.ndarray:
    """Which points the checker proves with these arrays."""
    with ctx.workprec(BITS):
        seen = as_checked(head, change)
        if head.weights is not None:
            seen = replace(seen, weights=[arb(c) for c in head.weights.rows.tolist()])
        return np.array(checked.proved(seen, stored(dict(part.arrays)), "box", asked.tolist()))


@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize(("k", "seeds"), [(1, 6), (2, 3)])
def test_what_a_box_proves_holds_of_every_refit(relabels: bool, k: int, seeds: int) -> None:
    proved = stays = 0
    for seed in range(seeds):
        head, change = drawn(seed, relabels, k)
        part = Box().prove(head, change, head.today >= 0, Budget())
        assert part is not None
        today, kept = truth(head, change)
        assert (head.today == today).all() and not (part.proved & ~kept).any()
        if part.proved.any():
            assert (follows(head, change, part, part.proved) == part.proved).all()
        proved, stays = proved + int(part.proved.sum()), stays + int(kept.sum())
    assert proved > (0.5 if k == 1 else 0.2) * stays  # it says something


@pytest.mark.parametrize("relabels", [False, True])
def test_arrays_of_other_weights_prove_what_is_true_of_these(relabels: bool) -> None:
    """Arrays are proposals: the checker's own numbers decide."""
    seen = 0
    for seed in range(8):
        head, change = drawn(seed, relabels, 1, spread=2.5)
        _, kept = truth(head, change)
        for other in (None, RowWeights(np.ones(head.n)), RowWeights(head.weights.rows[::-1].copy())):  # type: ignore[union-attr]
            part = Box().prove(replace(head, weights=other), change, head.today >= 0, Budget())
            if part is None or not part.proved.any():
                continue
            arrays = {name: array for name, array in part.arrays.items() if name != "second"}
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
