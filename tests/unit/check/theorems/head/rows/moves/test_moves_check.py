"""Certificates about how far refits move: accepted as written, refused where anything says more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx
from safetensors.numpy import load_file, save_file

from certify.auditing.spec_run import run_audit
from certify.check.main import check
from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.changes.base import DELETED, Labels
from certify.check.theorems.head.rows.changes.both import Both
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.moves import measures
from certify.check.theorems.head.rows.moves.counted import check_all
from certify.check.theorems.head.rows.moves.packed import PackedMoves
from certify.check.theorems.head.rows.refitted.refit import distance, distances
from certify.finders.head.refits import Refitter
from certify.format.errors import SpecError
from certify.format.refusal import Invalid
from certify.format.words import By
from certify.systems.head.rows.change import Choices
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.moves import claims, counted
from certify.theorems.head.rows.moves.measures import Distance, Outputs
from tests.effort import some
from tests.families.heads import any_rows, ball_head, drawn_head
from tests.families.once import once
from tests.unit.check.theorems.head.rows import test_claims as rows
from tests.unit.check.theorems.head.rows.test_row_kinds import resealed
from tests.unit.check.theorems.head.test_claims import NONE, forge

QUANTITIES = ("distance", "prediction_change")
GATES = "".join(f'[[gate]]\nquantity = "{name}"\nmax = 9.0\n' for name in QUANTITIES)
KINDS = {
    "deleted": ("deletions", 2, ""), "relabelled": ("labels", 2, ""), "free": ("deletions", 1, "bias_decay = false"),
    "free labels": ("labels", 1, "bias_decay = false"), "remaining": ("deletions", 2, 'normalization = "remaining"')}


def made(folder: Path, kind: str, gates: str = GATES) -> dict[str, Any]:
    """Files and certificate."""
    parameter, count, more = KINDS[kind]
    rows.made(folder, parameter, count)
    text = rows.SPEC.format(parameter=parameter, count=count, bar=1)
    text = text[: text.index("[[gate]]")].replace("weight_decay = 0.125", f"weight_decay = 0.125\n{more}") + gates
    if "prediction_change" not in gates:
        text = text.replace('[evaluation]\nfile = "more.npz"\n', "")
    (folder / "spec.toml").write_text(text, encoding="utf-8")
    return run_audit(folder / "spec.toml")


plain = once(made)
"""The same where no test has patched how it is proved."""


@pytest.fixture(scope="module", params=KINDS)
def honest(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("moves")
    return folder, plain(folder, request.param)


def test_both_ends_meet_and_are_derived_again(honest: tuple[Path, dict[str, Any]]) -> None:
    folder, certificate = honest
    for claim in certificate["claims"]:
        assert claim["theorem"] == "D1" and claim["witness"]["by"] == "counted" and claim["witness"]["changed"]
        assert 0 < claim["lower"] <= claim["upper"] <= claim["lower"] * 1.00001
    forge(folder, certificate, ("claims",), certificate["claims"])
    assert check(folder / "certificate.json", NONE).verdict == certificate["verdict"] == "certified"
    assert "each refitted and verified" in (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("what", ["lower", "upper", "negative", "no lower", "by", "no by", "word", "changed", "none"])
def test_ends_and_members_that_say_more_are_refused(
    honest: tuple[Path, dict[str, Any]], place: int, what: str,
) -> None:
    folder, certificate = honest
    claim = certificate["claims"][place]
    true, half = claim["witness"], claim["lower"] * 0.999
    path, value = {
        "lower": (("lower",), claim["upper"] * (1 + 2**-20)), "upper": (("upper",), half), "negative": (
            ("lower",), -1.0), "no lower": (("lower",), None), "by": (("witness", "by"), "norms"), "no by": (
            ("witness",), {k: v for k, v in true.items() if k != "by"}), "word": (("witness", "by"), "guessed"),
        "changed": (("witness", "changed"), [*true["changed"], 7]), "none": (("witness", "changed"), [])}[what]
    if what == "upper":  # an upper end below the lower one is refused by itself
        lowered = claim | {"lower": half / 2, "upper": half}
        path, value = (), lowered
    if what == "by" and claim["upper"] is not None:
        assert "counted.weights" in str(list(load_file(folder / "witness.safetensors")))
    forge(folder, certificate, ("claims", place, *path), value)
    with pytest.raises(Invalid):
        check(folder / "certificate.json", NONE)


@pytest.mark.parametrize("what", ["fewer", "more", "wrong", "nan", "rows", "codes", "weights", "today", "gone", "same"])
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_arrays_that_prove_something_else_are_refused(what: str, quantity: str, tmp_path: Path) -> None:
    certificate = plain(tmp_path, "relabelled", f'[[gate]]\nquantity = "{quantity}"\nmax = 9.0\n')
    file, start = tmp_path / "witness.safetensors", f"{quantity}.rows."
    arrays = load_file(file)
    key = f"{start}counted.weights"
    W = arrays[key]
    change = {
        "fewer": {key: W[:-1]}, "more": {key: np.vstack([W, W[-1:]])}, "nan": {key: np.where(W == W[3], np.nan, W)},
        "wrong": {key: np.vstack([W[:1], W[:-1]])}, "rows": {f"{start}reached.rows": np.array([0, 9])},
        "codes": {f"{start}reached.codes": arrays[f"{start}reached.codes"] ^ 1},
        "weights": {f"{start}reached.weights": arrays[f"{start}reached.weights"] + 1e-3},
        "today": {f"{start}today": arrays[f"{start}today"] + 0.1}, "gone": {key: None},
        "same": {f"{start}reached.rows": arrays[f"{start}reached.rows"][[0, 0]]}}[what]
    save_file({name: np.ascontiguousarray(a) for name, a in {**arrays, **change}.items() if a is not None}, file)
    resealed(tmp_path, certificate, "witness")
    with pytest.raises(Invalid):
        check(tmp_path / "certificate.json", NONE)


def test_more_rows_than_were_asked_about_are_refused(tmp_path: Path) -> None:
    certificate = made(tmp_path, "deleted")
    spec = tmp_path / "spec.toml"
    spec.write_text(spec.read_text(encoding="utf-8").replace("count = 2", "count = 3"), encoding="utf-8")
    certificate = resealed(tmp_path, certificate, "spec")
    forge(tmp_path, certificate, ("problem", "count"), 3)
    with pytest.raises(Invalid, match="choices|a choice"):
        check(tmp_path / "certificate.json", NONE)


def test_norms_are_derived_again_and_refused_where_they_do_not_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(counted, "LEAVES", 1)
    monkeypatch.setattr(counted, "ONE_BY_ONE", 1)
    for measure in (Distance, Outputs):
        monkeypatch.setattr(measure, "boxed", lambda *_: None)
        monkeypatch.setattr(measure, "bent", lambda *_: None)
    for kind in ("deleted", "remaining", "free"):
        folder = tmp_path / kind
        folder.mkdir()
        certificate = made(folder, kind)
        by = [claim["witness"].get("by") for claim in certificate["claims"]]
        assert by == ([None, None] if kind == "free" else ["norms", "norms"])
        assert all((claim["upper"] is None) == (kind == "free") for claim in certificate["claims"])
        forge(folder, certificate, ("claims",), certificate["claims"])
        assert check(folder / "certificate.json", NONE).verdict == certificate["verdict"]
        if kind == "free":
            forge(folder, certificate, ("claims", 0), certificate["claims"][0] | {"upper": 1e9, "witness": {
                **certificate["claims"][0]["witness"], "by": "norms"}})
        else:
            forge(folder, certificate, ("claims", 0, "upper"), certificate["claims"][0]["upper"] * (1 - 2**-10))
        with pytest.raises(Invalid):
            check(folder / "certificate.json", NONE)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_boxes_are_derived_again_and_forged_ones_refused(
    quantity: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(counted, "LEAVES", 1)
    monkeypatch.setattr(counted, "ONE_BY_ONE", 1)
    for measure in (Distance, Outputs):
        monkeypatch.setattr(measure, "bent", lambda *_: None)  # one box says more here
    certificate = made(tmp_path, "deleted", f'[[gate]]\nquantity = "{quantity}"\nmax = 9.0\n')
    claim = certificate["claims"][0]
    assert claim["witness"]["by"] == "boxes" and claim["lower"] < claim["upper"]
    forge(tmp_path, certificate, ("claims", 0), claim)
    assert check(tmp_path / "certificate.json", NONE).verdict == certificate["verdict"] == "certified"
    forge(tmp_path, certificate, ("claims", 0, "upper"), claim["lower"] + 0.5 * (claim["upper"] - claim["lower"]))
    with pytest.raises(Invalid):
        check(tmp_path / "certificate.json", NONE)
    file, start = tmp_path / "witness.safetensors", f"{quantity}.rows.boxes."
    arrays = load_file(file)
    changes: list[dict[str, Any]] = [
        {"level": arrays[f"{start}level"] * 0 + 50.0}, {"level": arrays[f"{start}level"][:-1]},
        {"column": arrays[f"{start}column"] * 1.01}, {"column": -arrays[f"{start}column"]}, {"tree.weights": None},
        {"tree.weights": arrays[f"{start}tree.weights"] + 1.0}, {"other": arrays[f"{start}column"]}]
    if quantity == "distance":
        basis, bounds = arrays[f"{start}basis"], arrays[f"{start}bounds"]
        changes += [{"bounds": 0.9 * bounds}, {"basis": 2.0 * basis}, {"basis": basis[:1].repeat(2, axis=0)},
                    {"bounds": -bounds}, {"basis": None}, {"bounds": 2.0 * bounds}]
    for change in changes:
        kept = {**arrays, **{start + name: a for name, a in change.items()}}
        save_file({name: np.ascontiguousarray(a) for name, a in kept.items() if a is not None}, file)
        resealed(tmp_path, certificate, "witness")
        with pytest.raises(Invalid):
            check(tmp_path / "certificate.json", NONE)


def test_groups_have_no_distance(tmp_path: Path) -> None:
    rows.made(tmp_path, "deletions", 1)
    text = (tmp_path / "spec.toml").read_text(encoding="utf-8")
    text = text[: text.index("[[gate]]")].replace("count = 1", 'count = 1\nrelabelled = 1') + GATES
    (tmp_path / "spec.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match="stable_predictions"):
        run_audit(tmp_path / "spec.toml")


@pytest.mark.parametrize("relabels", [False, True])
def test_whole_numbers_say_no_more_than_balls(relabels: bool) -> None:
    said, seeds = 0, some((1, 0, 2, 3, 5, 4), 3)  # those first in which 1 % too much shows
    for seed in seeds:
        rng = np.random.default_rng([seed, 19])
        head = drawn_head(rng, "logistic", n=9, N=3, free=bool(seed % 2), decay=0.3)
        change = any_rows(head, 2, relabels)
        with ctx.workprec(BITS):
            ball = ball_head(head, change)
            flat = head.V.ravel().tolist()
            near = distance(ball, (), flat, ball.outputs(flat))
            for kind, quantity in ((Distance, "distance"), (Outputs, "prediction_change")):
                found = claims.reach(head, change, kind, Budget(60.0))
                assert found is not None and found.by is By.COUNTED
                W = found.arrays["counted.weights"]
                measure = measures.MEASURES[quantity](ball, flat, near)
                V = [W[len(W) - 1 - i].tolist() for i in range(12)]
                last = list(ball.change.every())[::-1][:12]
                highs = [measure.ends(v, r)[1] for v, r in zip(V, distances(ball, last, V), strict=True)]
                for most in (0.3 * found.upper, 0.7 * found.upper, found.upper * 1.01):
                    kept = PackedMoves(measure, most).within(last, V)
                    assert all(high <= most for ok, high in zip(kept, highs, strict=True) if ok)
                    said += sum(kept)
    assert said > 16 * len(seeds)


@pytest.mark.parametrize("seed", range(3))
def test_a_relabelled_row_beside_a_deleted_one_is_no_deleted_one(seed: int) -> None:
    """Whole numbers know one kind of change: refits without both rows once bounded those of another change."""
    head = drawn_head(np.random.default_rng(seed), "logistic", n=12, d=2, N=3, free=False, decay=0.3, apart=1.0)
    refitter = Refitter(head)
    with ctx.workprec(BITS):
        ball = ball_head(head, any_rows(head, 1, False))
        ball = replace(ball, kind=Both(Labels(ball.codes.label, 2), 1, 1, tuple(range(12))))
        measure = measures.Distance(ball, head.V.ravel().tolist(), arb(2) ** -30)
        every = [tuple(one) for one in ball.change.every()]

        def weights(becomes: Callable[[int], int]) -> tuple[Array, float]:
            found = []
            for choice in every:
                rows, codes = [row for row, _ in choice], [becomes(code) for _, code in choice]
                found.append(refitter.newton(Choices(np.array([rows], dtype=np.int64).reshape(1, -1),
                                                     np.array([codes], dtype=np.int64).reshape(1, -1)),
                                             refitter.V0[None])[0].ravel())
            far = max(float(measure.ends(v.tolist(), arb(2) ** -30)[1]) for v in found)
            return Array((len(every), head.m), tuple(np.ravel(found).tolist()), "f"), far

        true, sup = weights(lambda code: code)
        lie, said = weights(lambda code: DELETED)
        assert said * 1.05 < sup
        check_all(measure, sup * 1.001, {"weights": true}, "c")
        with pytest.raises(Invalid, match="to bound its motion"):
            check_all(measure, said * 1.05, {"weights": lie}, "c")
