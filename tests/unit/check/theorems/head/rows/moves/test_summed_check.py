"""Certificates of sums of few vectors (D31): derived again from the data, refused where they say more."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flint import ctx, fmpz
from safetensors.numpy import save_file

from certify.auditing.spec_run import run_audit
from certify.check.main import check
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.moves import few_vectors
from certify.check.theorems.head.rows.moves.few_vectors import Vectors, longest_sum
from certify.check.theorems.head.rows.moves.measures import Distance, Outputs
from certify.check.theorems.head.rows.moves.summed import _few, check_summed
from certify.check.theorems.head.rows.refitted.refit import distance
from certify.format.refusal import Invalid
from tests.families.squared_heads import as_checked, as_head, small_head
from tests.unit.check.theorems.head.test_claims import NONE, forge
from tests.unit.theorems.head.rows.moves.test_summed import Vectors as Floats
from tests.unit.theorems.head.rows.moves.test_summed import squares

SPEC = """version = 1
[model]
file = "model.safetensors"
widths = [2, {outputs}]
activation = "identity"
[data]
file = "data.npz"
features = "X"
targets = "y"
[training]
loss = "squared"
weight_decay = 0.05
bias_decay = false
[solution]
map = "critical"
base = "nearby"
[perturbation]
parameter = "{parameter}"
set = "sparse"
count = 3
{evaluation}
[[gate]]
quantity = "{quantity}"
max = 4000.0
"""
ROWS = 60
KINDS = [("labels", "prediction_change", 1), ("labels", "prediction_change", 3), ("labels", "distance", 3),
         ("deletions", "distance", 1), ("deletions", "distance", 3)]


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: "-".join(map(str, kind)))
def honest(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A head with too many choices of three rows to refit each."""
    parameter, quantity, k = request.param
    folder, rng = tmp_path_factory.mktemp("summed"), np.random.default_rng(11)
    X, points = rng.normal(size=(ROWS, 2)), rng.normal(size=(4, 2))
    y = np.eye(k)[(X[:, :1] @ rng.normal(size=(1, k)) + rng.normal(size=(ROWS, k))).argmax(axis=1)] if k > 1 else (
        np.where(X[:, :1] + rng.normal(size=(ROWS, 1)) > 0, 1.0, -1.0))
    phi = np.c_[X, np.ones(ROWS)]
    w = np.linalg.solve(phi.T @ phi + 0.05 * ROWS * np.diag([1.0, 1.0, 0.0]), phi.T @ y).T
    save_file({"0.weight": w[:, :2].copy(), "0.bias": w[:, 2].copy()}, folder / "model.safetensors")
    np.savez(folder / "data.npz", X=X, y=y if k > 1 else y[:, 0])
    np.savez(folder / "more.npz", X=points)
    evaluation = '[evaluation]\nfile = "more.npz"' if quantity == "prediction_change" else ""
    (folder / "spec.toml").write_text(SPEC.format(outputs=k, parameter=parameter, quantity=quantity,
                                                  evaluation=evaluation), encoding="utf-8")
    return folder, run_audit(folder / "spec.toml")


def test_the_upper_end_is_derived_again(honest: tuple[Path, dict[str, Any]]) -> None:
    folder, certificate = honest
    (claim,) = certificate["claims"]
    assert claim["theorem"] == "D1"
    assert claim["witness"]["by"] == "sums"
    assert 0 < claim["lower"] <= claim["upper"] <= claim["lower"] * 1.6
    forge(folder, certificate, ("claims",), certificate["claims"])
    assert check(folder / "certificate.json", NONE).verdict == certificate["verdict"] == "certified"
    assert "(theorem D31)" in (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("what", ["upper", "by", "no by", "count"])
def test_what_says_more_is_refused(honest: tuple[Path, dict[str, Any]], what: str) -> None:
    folder, certificate = honest
    (claim,) = certificate["claims"]
    true = claim["witness"]
    path, value = {
        "upper": (("claims", 0), claim | {"upper": claim["lower"] * (1 - 2.0**-20)}),
        "by": (("claims", 0, "witness", "by"), "counted"), "count": (("problem", "count"), 4),
        "no by": (("claims", 0, "witness"), {name: v for name, v in true.items() if name != "by"})}[what]
    forge(folder, certificate, path, value)
    with pytest.raises(Invalid):
        check(folder / "certificate.json", NONE)


@pytest.mark.parametrize("seed", range(40))
def test_no_sum_of_whole_vectors_is_longer(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng([seed, 31, 1])
    r, kinds, s, k, p = (int(rng.integers(1, most)) for most in (7, 3, 4, 4, 4))
    steps, of = rng.integers(-9, 10, size=(kinds, s, k)), rng.integers(0, kinds, size=r)
    u = rng.integers(-9, 10, size=(r, p)) * 10 ** rng.integers(0, 3, size=(r, 1))
    vectors, floats = Vectors(u.tolist(), of.tolist(), steps.tolist()), Floats(
        steps[of].astype(float), u.astype(float))
    for m in (1, 2, 3):
        exact = squares(floats, m)
        for few in (512, 2, 1):
            monkeypatch.setattr(few_vectors, "FEW", few)
            found = longest_sum(vectors, m)
            assert Fraction(found) ** 2 >= exact
        assert found <= sum(sorted(vectors.lengths)[-m:])
    assert longest_sum(vectors, 0) == 0


def test_rows_of_either_sign_are_kept() -> None:
    q = [fmpz(x) for x in (9, 8, 7, -6, -5, 4)]
    assert sorted(_few(q, [0, 0, 0, 0, 0, 1], 2)) == [0, 1, 3, 4, 5]


def test_other_questions_are_refused() -> None:
    small = small_head(np.random.default_rng(3), 8, 1)
    head, rows = as_head(small), tuple(range(8))
    flat = np.ravel(head.V).tolist()

    def asked(relabels: bool, kind: type, count: int = 2, **more: object) -> None:
        with ctx.workprec(BITS):
            twin = replace(as_checked(small, head, rows, count, relabels), **more)  # type: ignore[arg-type]
            check_summed(kind(twin, flat, distance(twin, (), flat, twin.outputs(flat))), 1e30, "claim")

    for relabels, kind in ((True, Distance), (True, Outputs), (False, Distance)):
        asked(relabels, kind)
    asked(True, Distance, remaining=True)
    for relabels, kind, more in ((False, Outputs, {}), (False, Distance, {"remaining": True}), (
            True, Distance, {"weights": [1.0] * 8}), (True, Distance, {"moving": ()}), (
            True, Distance, {"balanced": True}), (True, Distance, {"labelled": (1.0, 2.0)})):
        with pytest.raises(Invalid, match="needed"):
            asked(relabels, kind, **more)
    with pytest.raises(Invalid, match="needed"):
        asked(False, Distance, 129)
