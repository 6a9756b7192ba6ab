"""D1c for a deleted and a relabelled row, derived again: against every refit of small heads; and what is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx, fmpz_mat
from safetensors.numpy import load_file, save_file

from certify.check.main import check
from certify.check.theorems.head.rows.both_pairs import method as checker
from certify.check.theorems.head.rows.both_pairs.sums import PairSums
from certify.check.theorems.head.rows.changes.base import DELETED, Labels
from certify.check.theorems.head.rows.changes.both import Both
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.losses.base import row_loss
from certify.check.theorems.head.rows.refitted import last
from certify.check.theorems.head.rows.refitted.block import Block
from certify.check.theorems.head.rows.refitted.held import averages_of
from certify.check.theorems.head.rows.refitted.packed import HALF, SLOPE, Packed, V, numbers
from certify.check.theorems.head.rows.refitted.packed_held import PULL, PackedHeld
from certify.format.methods import UNCHECKED, status_of
from certify.format.refusal import Invalid
from certify.theorems.head.rows.searches.methods import CHECKED
from certify.theorems.head.rows.survey import survey
from tests.containment.heads_pairs_both import checked_pairs_both
from tests.effort import FULL
from tests.families.once import once
from tests.families.pairs_both import PairsHead, pairs_head
from tests.forgeries.specimens import by_method
from tests.unit.check.theorems.head.rows.test_row_kinds import resealed
from tests.unit.check.theorems.head.test_claims import NONE, forge

START, NEAR = "stable_predictions.rows", 1e-9


@pytest.mark.parametrize("seed", range(40 if FULL else 10))
def test_nothing_false_is_said_of_drawn_heads(seed: int) -> None:
    assert checked_pairs_both(np.random.default_rng([51, seed])) in ("decided", "refused")


@cache
def some() -> tuple[PairsHead, dict[str, Any], np.ndarray]:
    """A head some of whose points stay, the arrays of its certificate, and these points."""
    for seed in range(99):
        one = pairs_head(np.random.default_rng([3, seed]))
        part = one.part()
        if part.proved.sum() >= 4 and len(part.arrays["moved"]) > 2 and len(one.rows) > 5:
            return one, dict(part.arrays), part.proved
    raise AssertionError("none was drawn")


def test_each_choice_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """No change, single ones, and each pair: at a sum, corrected, or by itself."""
    one, arrays, proved = some()
    met: list[tuple[tuple[int, int], ...]] = []
    keep, after = PackedHeld.keep, checker.Balls.after

    def held(self: PackedHeld, block: Block, which: Sequence[int], reaches: Any, elsewhere: Any) -> list[bool]:
        found = keep(self, block, which, reaches, elsewhere)
        met.extend(c for c, number, ok in zip(block.changes, block.numbers, found, strict=True)
                   if ok and number not in elsewhere)
        return found

    def alone(self: checker.Balls, changes: Any, weights: Any, stays: Any) -> list[bool]:
        met.extend(changes)
        return after(self, changes, weights, stays)

    monkeypatch.setattr(PackedHeld, "keep", held)
    monkeypatch.setattr(checker.Balls, "after", alone)
    assert one.accepted(arrays, proved) == proved.tolist()
    label = one.head.label
    assert label is not None
    gone, new = [(row, DELETED) for row in one.rows], [(row, 1 - int(label[row])) for row in one.rows]
    every = [(), *((x,) for x in (*gone, *new)), *((x, y) for x in gone for y in new if x[0] != y[0])]
    assert sorted(met) == sorted(every)


def test_a_pull_is_that_of_the_rows_that_are_left() -> None:
    """The slope of a deleted row is 0 and it has no curvature in the block, another label's slope is one less."""
    rng = np.random.default_rng(0)
    for seed in range(8):
        one = pairs_head(np.random.default_rng([4, seed]))
        head, twin = one.head, one.twin
        assert head.label is not None
        items = [(row, DELETED) for row in one.rows] + [(row, 1 - int(head.label[row])) for row in one.rows]
        changes = [(items[a], items[b]) for a, b in rng.integers(0, len(items), (40, 2)).tolist()
                   if items[a][0] != items[b][0] and items[a][1] == DELETED != items[b][1]]
        if not changes:
            continue
        W = np.trunc((head.V + rng.normal(size=(len(changes), head.m)) * 0.3) * 2.0**V) / 2.0**V
        with ctx.workprec(BITS):
            packed = Packed(twin)
            columns = [sum(int(x * 2.0**V) << 64 * b for b, x in enumerate(column)) for column in W.T]
            block, held = Block(list(range(len(changes))), changes, columns), PackedHeld(packed, [[0] * head.n])
            found = held.pulls(block, fmpz_mat([[x] for x in columns]), arb(block.longest()) / 2**V, twin.mu(), ())
        gone = {row for change in changes for row, code in change if code == DELETED}
        S = head.phi * head.Y
        p = 1 / (1 + np.exp(W @ S.T))
        for i in range(head.n):
            curvature = float((p[:, i] * (1 - p[:, i])).min())
            assert found.least[i] == 0 if i in gone else 0 < found.least[i] <= curvature * 2.0**SLOPE * (1 + 2.0**-12)
        for b, ((out, _), (other, _)) in enumerate(changes):
            slopes = p[b].copy()
            slopes[out], slopes[other] = 0.0, slopes[other] - 1.0
            g = np.where(head.decayed, head.weight_decay * head.n, 0.0) * W[b] - S.T @ slopes
            bias = HALF * sum(1 << 64 * a for a in range(len(changes)))
            told = [(numbers(x + bias, len(changes))[b] - HALF) / 2.0**PULL for x in found.across]
            assert np.linalg.norm(g - told) <= float(found.error)


def test_sums_are_exact() -> None:
    rng = np.random.default_rng(1)
    rows, codes = (2, 5, 7), (1, 0, 1)
    weights = np.trunc(rng.normal(size=(7, 4)) * 2.0**V) / 2.0**V
    sums = PairSums(rows, codes, weights.ravel().tolist(), 4)
    blocks = list(sums.blocks())
    assert sums.smaller == 7 and [x for one in blocks for x in one.numbers] == list(range(6))
    for a, block in enumerate(blocks):
        others = [b for b in range(3) if b != a]
        assert block.changes == [((rows[a], DELETED), (rows[b], codes[b])) for b in others]
        assert (np.array(block.lists()).T.astype(float) - float(HALF) != 0).any()
        found = np.array([[x - HALF for x in one] for one in block.lists()]).T / 2.0**V
        assert (found == weights[1 + a] + weights[[4 + b for b in others]] - weights[0]).all()
    assert not list(PairSums((2,), (1,), weights[:3].ravel().tolist(), 4).blocks())


def test_without_a_correction_or_weights_of_its_own_a_choice_is_open() -> None:
    left = 0
    for seed in range(30):
        one = pairs_head(np.random.default_rng([5, seed]))
        part = one.part()
        if part.proved.any() and "again" in part.arrays and part.arrays["again"].size:
            bare = {name: x for name, x in part.arrays.items() if name not in ("again", "exact")}
            found = np.array(one.accepted(bare, part.proved))
            assert not (found & (one.least < -NEAR)).any()
            left += int((part.proved & ~found).sum())
    assert left


def test_only_what_is_asked_is_told() -> None:
    one, arrays, proved = some()
    asked = proved & (np.arange(len(proved)) % 2 == 0)
    assert one.accepted(arrays, asked) == asked.tolist()
    assert not any(one.accepted(arrays, proved, today=[-1] * len(proved)))
    lost = one.least < -NEAR
    assert lost.any() and not np.array(one.accepted(arrays))[lost].any()


def edited(name: str, arrays: dict[str, Any]) -> dict[str, Any]:
    own, f = arrays[name.split(",")[0]], (len(arrays["weights"]) - 1) // 2
    return arrays | {
        "weights, fewer": lambda: {"weights": own[:-1]},
        "weights, none": lambda: {"weights": np.full_like(own, np.nan)},
        "weights, large": lambda: {"weights": own * 1e30},
        "weights, whole": lambda: {"weights": own.astype(np.int64)},
        "shares, fewer": lambda: {"shares": own[:-1]}, "shares, more": lambda: {"shares": own + 1.0},
        "basis, fewer": lambda: {"basis": own[:-1]}, "units, fewer": lambda: {"units": own[:-1]},
        "moved, fewer": lambda: {"moved": own[:-1]}, "moved, turned": lambda: {"moved": own[::-1].copy()},
        "moved, none": lambda: {"moved": np.append(own[:-1], f * (f - 1))},
        "weights, again": lambda: {"again": np.array([0]), "exact": own[:1]},
        "weights, twice": lambda: {"again": np.array([1 + 2 * f] * 2), "exact": own[:2]},
        "moved, again": lambda: {"again": own[:1] + 1 + 2 * f, "exact": arrays["weights"][:1]},
        "weights, beyond": lambda: {"again": np.array([1 + 2 * f + f * (f - 1)]), "exact": own[:1]},
        "weights, foreign": lambda: {"order": own},
    }[name]()


@pytest.mark.parametrize("name", [
    "weights, fewer", "weights, none", "weights, large", "weights, whole", "shares, fewer", "shares, more",
    "basis, fewer", "units, fewer", "moved, fewer", "moved, turned", "moved, none", "weights, again", "weights, twice",
    "moved, again", "weights, beyond", "weights, foreign"])
def test_arrays_of_another_form_are_refused(name: str) -> None:
    one, arrays, proved = some()
    arrays = {key: x for key, x in arrays.items() if key not in ("again", "exact")}
    with pytest.raises(Invalid):
        one.accepted(edited(name, arrays), proved)


@pytest.mark.parametrize(("other", "said"), [
    ({"loss": row_loss("squared_hinge")}, "logistic"), ({"kind": None}, "one row deleted"),
    ({"kind": (2, 1)}, "one row deleted"), ({"kind": (1, 2)}, "one row deleted"), ({"remaining": True}, "decay"),
    ({"new": 1}, "decay"), ({"threshold": float("inf")}, "finite"), ({"weights": [arb(1)] * 16}, "count the same")])
def test_another_problem_is_refused(other: dict[str, Any], said: str) -> None:
    one, arrays, proved = some()
    if isinstance(other.get("kind"), tuple):
        assert one.head.label is not None
        other = {"kind": Both(Labels(one.head.label.tolist(), 2), *other["kind"], one.rows)}
    with pytest.raises(Invalid, match=said):
        one.accepted(arrays, proved, **other)


def test_runs_that_write_certificates_state_it_and_calls_prove_more() -> None:
    assert "both_pairs" in CHECKED and "both_refits" in UNCHECKED
    one, arrays, proved = some()
    for methods, name in ((CHECKED, "both_pairs"), ((*CHECKED, "both_refits"), "both_refits")):
        found = survey(one.head, one.change, 60.0, methods=tuple(m for m in methods if m != "every_choice"))
        assert found.proved.tolist() == proved.tolist() and set(found.parts) == {name}
    few = survey(one.head, one.change, 60.0)  # of few choices each is refitted
    assert few.proved.tolist() == proved.tolist() and set(few.parts) == {"every_choice"}
    assert averages_of(arrays["shares"].astype(float).ravel().tolist(), one.head.n)
    assert last.SUMS < set(arrays)


@once
def made(folder: Path) -> Any:
    """A small certificate by this method alone."""
    by_method("both_pairs", folder / "new")
    for path in (folder / "new").iterdir():
        path.rename(folder / path.name)
    (folder / "new").rmdir()
    return json.loads((folder / "certificate.json").read_text(encoding="utf-8"))


@pytest.fixture
def honest(tmp_path: Path) -> tuple[Path, Any]:
    return tmp_path, made(tmp_path)


def test_a_certificate_states_what_the_method_proves(honest: tuple[Path, Any]) -> None:
    folder, certificate = honest
    assert check(folder / "certificate.json", NONE).verdict == certificate["verdict"] == "certified"
    arrays = load_file(folder / "witness.safetensors")
    assert (arrays[f"{START}.status"] == status_of("both_pairs")).sum() == certificate["claims"][0]["lower"] > 0
    assert f"{START}.both_pairs.weights" in arrays and f"{START}.every_choice.weights" not in arrays


@pytest.mark.parametrize("name", ["weights", "shares", "basis", "moved", "units"])
def test_a_certificate_with_one_array_or_one_number_less_is_refused(name: str, honest: tuple[Path, Any]) -> None:
    folder, certificate = honest
    arrays = load_file(folder / "witness.safetensors")
    own = arrays.pop(f"{START}.both_pairs.{name}")
    for more in ({}, {f"{START}.both_pairs.{name}": own[:-1]}):
        if more and not len(own):
            continue
        save_file(arrays | more, folder / "witness.safetensors")
        resealed(folder, certificate, "witness")
        with pytest.raises(Invalid):
            check(folder / "certificate.json", NONE)


def test_a_point_that_flips_is_not_said_to_stay(honest: tuple[Path, Any]) -> None:
    folder, certificate = honest
    arrays = load_file(folder / "witness.safetensors")
    status = np.full_like(arrays[f"{START}.status"], status_of("both_pairs"))
    assert (arrays[f"{START}.status"] != status).any()
    arrays = {name: x for name, x in arrays.items() if ".flips." not in name}
    save_file(arrays | {f"{START}.status": status}, folder / "witness.safetensors")
    certificate = resealed(folder, certificate, "witness")
    claim, n = certificate["claims"][0], len(status)
    forge(folder, certificate, ("claims", 0), claim | {
        "lower": n, "upper": n, "witness": claim["witness"] | {"flipped": [], "undecided": [], "changed": []}})
    with pytest.raises(Invalid, match="not proved"):
        check(folder / "certificate.json", NONE)
