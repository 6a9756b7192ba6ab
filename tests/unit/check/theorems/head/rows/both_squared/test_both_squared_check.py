"""D32, derived again: what the checker says of small heads, against every refit in fractions; and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flint import arb
from safetensors.numpy import load_file, save_file

from certify.check.main import check
from certify.check.theorems.head.rows.both_squared import method as checker
from certify.check.theorems.head.rows.both_squared import sets
from certify.check.theorems.head.rows.both_squared.sets import reaching
from certify.check.theorems.head.rows.losses.base import row_loss
from certify.format.methods import FIRST, METHODS, status_of
from certify.format.refusal import Invalid
from certify.systems.head.rows.changes.both import BothChange
from certify.theorems.head.rows.both_squared.method import BothSquared
from certify.theorems.head.rows.method import Budget
from tests.containment.heads_both_checked import checked_rows_both
from tests.effort import FULL
from tests.families.both_heads import BothHead, both_head, edges
from tests.families.heads import drawn_head
from tests.families.once import once
from tests.forgeries.specimens import BY_METHOD, question
from tests.unit.check.theorems.head.rows.test_row_kinds import resealed
from tests.unit.check.theorems.head.test_claims import NONE, forge

START = "stable_predictions.rows"


@pytest.mark.parametrize("seed", range(30 if FULL else 10))
def test_nothing_false_is_said_of_drawn_heads(seed: int) -> None:
    assert checked_rows_both(np.random.default_rng([41, seed])) in ("decided", "refused")


def test_it_follows_the_prover_and_knows_both_sides_of_the_worst_choice() -> None:
    followed = told = 0
    for seed in range(40 if FULL else 20):
        one = both_head(np.random.default_rng([1, seed]))
        part = BothSquared().prove(one.head, one.change, one.head.today >= 0, Budget())
        assert part is not None
        found = np.array(one.accepted())
        assert found[part.proved].all() and one.accepted(part.proved.tolist()) == part.proved.tolist()
        followed += int(part.proved.sum())
        both = edges(one, seed % 4, 1e-9) if one.head.k == 1 else None
        if both is not None:
            assert [x.accepted() for x in both] == [[True], [False]]
            told += 1
    assert followed >= 10 and told >= 4


def test_sets_that_reach_a_sum_are_listed() -> None:
    rng = np.random.default_rng(0)
    values = sorted(rng.integers(0, 9, 7).tolist(), reverse=True)
    for size in range(4):
        for need in (1, 5, 12, 30):
            assert list(reaching(values, size, need)) == [
                some for some in combinations(range(7), size) if not size or sum(values[i] for i in some) >= need]


@pytest.fixture(scope="module")
def one() -> BothHead:
    """A head some of whose points stay, with two outputs' worth of nothing special about it."""
    for seed in range(100):
        found = both_head(np.random.default_rng([2, seed]), labels=2)
        if sum(found.accepted()) >= 2 and found.change.deleted == 2:
            return found
    raise AssertionError("none was drawn")


@pytest.mark.parametrize(("other", "message"), [
    ({"loss": row_loss("logistic")}, "another loss"), ({"kind": None, "moving": (0, 1), "count": 1}, "another loss"),
    ({"weights": [arb(1)] * 10}, "carry weights")])
def test_it_is_for_one_question_alone(other: dict[str, Any], message: str, one: BothHead) -> None:
    with pytest.raises(Invalid, match=message):
        one.accepted(**other)
    with pytest.raises(Invalid, match="there are arrays"):
        one.accepted(arrays={"order": None})


def test_what_is_too_large_or_has_no_refit_is_left_open(one: BothHead, monkeypatch: pytest.MonkeyPatch) -> None:
    found = one.accepted()
    assert one.accepted([False] * len(found)) == [False] * len(found)
    assert one.accepted(today=[-1] * len(found)) == [False] * len(found)  # labels that are not known today
    near = [x for j in range(len(found)) for x in (edges(one, j, 1e-3) or ())[:1]]
    assert near and all(any(x.accepted()) for x in near)
    monkeypatch.setattr(sets, "DEEPEST", 1)  # two rows are deleted
    alone = [any(x.accepted()) for x in near]
    assert not all(alone)
    monkeypatch.undo()
    monkeypatch.setattr(checker, "SETS", 0)
    assert alone == [any(x.accepted()) for x in near]
    assert not all(any(x.accepted()) for x in near)  # single sets of deletions are not looked at
    monkeypatch.setattr(checker, "ROWS", len(one.change.rows) - 1)
    assert not any(one.accepted())
    two = drawn_head(np.random.default_rng(0), "squared", n=3, d=1, N=2, free=True)
    phi = np.c_[np.zeros(3), np.ones(3)]  # an intercept without decay: without rows it has no refit
    for rows, deleted, stays in (((0, 1, 2), 3, False), ((0, 1), 2, True), ((0, 1, 2), 1, True)):
        Y = np.ones((3, 1))
        bare = replace(two, phi=phi, Y=Y, label=np.ones(3, dtype=np.int64), V=np.array([[0.0, 1.0]]), threshold=-9.0)
        assert BothHead(bare, BothChange(deleted, 1, rows)).accepted() == [stays] * 2


@once
def made(folder: Path) -> Any:
    """A certificate, as a user asks for it."""
    question(BY_METHOD["both_squared"], folder / "new")
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
    assert (arrays[f"{START}.status"] == status_of("both_squared")).sum() == certificate["claims"][0]["lower"] > 0
    assert not [name for name in arrays if "both_squared" in name or "every_choice" in name]


@pytest.mark.parametrize("edit", ["smaller decay", "one deletion more", "many labels more", "no labels"])
def test_another_question_is_refused(edit: str, honest: tuple[Path, Any]) -> None:
    """With the digest of the changed spec, and where it has one its number in the certificate's problem."""
    folder, certificate = honest
    old, new, problem = {
        "smaller decay": ("weight_decay = 0.05", "weight_decay = 0.001", {}),
        "one deletion more": ("count = 1", "count = 9", {}),
        "many labels more": ("relabelled = 1", "relabelled = 9", {"relabelled": 9}),
        "no labels": ("relabelled = 1\n", "", {"relabelled": None})}[edit]
    spec = folder / "spec.toml"
    text = spec.read_text(encoding="utf-8")
    assert old in text
    spec.write_text(text.replace(old, new), encoding="utf-8")
    certificate = resealed(folder, certificate, "spec")
    if problem:
        whole = {k: v for k, v in (certificate["problem"] | problem).items() if v is not None}
        forge(folder, certificate, ("problem",), whole)
    with pytest.raises(Invalid):
        check(folder / "certificate.json", NONE)


@pytest.mark.parametrize("edit", ["foreign", "open", "another method", "no method", "NaN", "shape", "no status",
                                  "centre"])
def test_forged_arrays_are_refused(edit: str, honest: tuple[Path, Any]) -> None:
    folder, certificate = honest
    arrays = load_file(folder / "witness.safetensors")
    status = arrays[f"{START}.status"].copy()
    stays = int(np.flatnonzero(status == status_of("both_squared"))[0])
    if edit == "foreign":
        arrays[f"{START}.both_squared.comparison"] = np.ones(3)
    elif edit in ("open", "another method", "no method"):
        status[stays] = {"open": 0, "another method": status_of("squared_labels"),
                         "no method": FIRST + len(METHODS)}[edit]
    elif edit in ("NaN", "shape"):
        status = np.full(len(status), np.nan) if edit == "NaN" else status[:-1]
    elif edit == "centre":
        arrays[f"{START}.centre"] = np.full_like(arrays[f"{START}.centre"], np.nan)
    else:
        del arrays[f"{START}.status"]
    if edit != "no status":
        arrays[f"{START}.status"] = status
    save_file(arrays, folder / "witness.safetensors")
    resealed(folder, certificate, "witness")
    with pytest.raises(Invalid):
        check(folder / "certificate.json", NONE)


def test_a_point_that_flips_is_not_said_to_stay(honest: tuple[Path, Any]) -> None:
    """Nor one that is open: whatever the certificate says of it, it is not proved."""
    folder, certificate = honest
    arrays = load_file(folder / "witness.safetensors")
    status, flips = arrays[f"{START}.status"].copy(), arrays[f"{START}.flips.point"].copy()
    turned = np.flatnonzero(status != status_of("both_squared"))
    assert len(turned)
    status[turned], flips[turned] = status_of("both_squared"), -1
    save_file(arrays | {f"{START}.status": status, f"{START}.flips.point": flips}, folder / "witness.safetensors")
    certificate = resealed(folder, certificate, "witness")
    claim = certificate["claims"][0]
    n = len(status)
    forge(folder, certificate, ("claims", 0), claim | {
        "lower": n, "upper": n, "witness": claim["witness"] | {"flipped": [], "undecided": [], "changed": []}})
    with pytest.raises(Invalid, match=r"both_squared.*|not proved"):
        check(folder / "certificate.json", NONE)
