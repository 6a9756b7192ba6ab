"""Certificates of motions by one box (D24): derived again against every refit, and refused where they say more."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from certify import load_problem
from certify.check.main import check
from certify.finders.head.changed import Changed
from certify.format.refusal import Invalid
from certify.systems.head.rows.of_problem import change_of_rows, head_of
from tests.forgeries.specimens import DELETED, LABELS, OUTPUTS, TWO, in_one_box
from tests.unit.check.theorems.head.rows.test_row_kinds import resealed
from tests.unit.check.theorems.head.test_claims import NONE, forge

ASKED = {f"{quantity}-{kind}": replace(asked, change=change + "2", decay=0.6)
         for quantity, asked in (("weights", TWO), ("outputs", OUTPUTS))
         for kind, change in (("labels", LABELS), ("deleted", DELETED))}


@pytest.fixture(scope="module", params=ASKED)
def honest(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("bent") / "made"
    in_one_box(ASKED[request.param], folder)
    return folder, json.loads((folder / "certificate.json").read_bytes())


def truth(folder: Path, quantity: str) -> float:
    """The farthest of all refits."""
    problem = load_problem(folder / "spec.toml")
    head, change = head_of(problem), change_of_rows(problem)
    solver, most = Changed(head), 0.0
    for choices in change.every(head):
        D = (solver.settled(choices, solver.solve(choices)) - solver.V0)[:, 0]
        far = np.linalg.norm(D, axis=1) if quantity == "distance" else np.abs(D @ head.points.T).max(axis=1)
        most = max(most, float(far.max()))
    return most


def test_no_refit_lies_beyond_it(honest: tuple[Path, dict[str, Any]]) -> None:
    folder, certificate = honest
    (claim,) = certificate["claims"]
    assert claim["witness"]["by"] == "bent"
    forge(folder, certificate, ("claims",), certificate["claims"])
    assert check(folder / "certificate.json", NONE).verdict == "certified"
    exact = truth(folder, claim["quantity"])
    assert claim["lower"] <= exact * (1 + 1e-9) <= claim["upper"] <= 1.5 * exact


@pytest.mark.parametrize("what", ["truth", "little", "by", "count"])
def test_what_says_more_is_refused(honest: tuple[Path, dict[str, Any]], what: str) -> None:
    folder, certificate = honest
    (claim,) = certificate["claims"]
    path, value = {
        "truth": (("claims", 0), claim | {"lower": 0.9 * claim["lower"], "upper": 0.999 * claim["lower"]}),
        "little": (("claims", 0, "upper"), claim["upper"] * 0.999),
        "by": (("claims", 0, "witness", "by"), "norms"), "count": (("problem", "count"), 3)}[what]
    forge(folder, certificate, path, value)
    with pytest.raises(Invalid):
        check(folder / "certificate.json", NONE)


@pytest.mark.parametrize("what", ["slabs", "rows", "share", "none", "nan", "gone", "other"])
def test_arrays_that_prove_less_are_refused(honest: tuple[Path, dict[str, Any]], what: str, tmp_path: Path) -> None:
    folder, certificate = honest
    for name in ("model.safetensors", "data.npz", "more.npz", "spec.toml", "certificate.json"):
        if (folder / name).exists():
            (tmp_path / name).write_bytes((folder / name).read_bytes())
    arrays = load_file(folder / "witness.safetensors")
    names = {name.rpartition(".")[2]: name for name in arrays if ".bent." in name}
    share = names.get("share") or names["points"]
    change = {
        "slabs": {names["slabs"]: 0.5 * arrays[names["slabs"]]}, "rows": {names["rows"]: 0.5 * arrays[names["rows"]]},
        "share": {share: 0.5 * arrays[share]}, "none": {share: -arrays[share]}, "nan": {share: np.nan * arrays[share]},
        "gone": {share: None}, "other": {share + "s": arrays[share]}}[what]
    save_file({name: np.ascontiguousarray(a) for name, a in {**arrays, **change}.items() if a is not None},
              tmp_path / "witness.safetensors")
    resealed(tmp_path, certificate, "witness")
    with pytest.raises(Invalid):
        check(tmp_path / "certificate.json", NONE)
