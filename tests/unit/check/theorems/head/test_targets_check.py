"""D22 in the checker (V87): honest certificates are derived again, and whatever says more is refused."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from certify.auditing.spec_run import run_audit
from certify.check.main import check
from certify.check.reading.optional.parts import check_consistent
from certify.check.reading.spec import read_spec
from certify.format.errors import CertifyError
from certify.format.refusal import Invalid
from tests.oracles.squared_head import worst_targets
from tests.unit.check.theorems.head.test_claims import NONE, forge

SPEC = """version = 1
[model]
file = "model.safetensors"
widths = [2, 1]
activation = "identity"
[data]
file = "data.npz"
features = "X"
targets = "y"
[training]
loss = "squared"
weight_decay = 0.25
bias_decay = {decayed}
[solution]
map = "critical"
base = "nearby"
[perturbation]
parameter = "targets"
set = "per_sample"
radius = 0.125
relative = {relative}
rows = [0, 1, 2, 4, 6]
[evaluation]
file = "more.npz"
[[gate]]
quantity = "prediction_change"
max = 9.0
severity = "warn"
"""


def made(folder: Path, decayed: bool, relative: bool) -> dict[str, Any]:
    """Files of a least-squares fit, targets about 10, and its certificate."""
    rng = np.random.default_rng(8)
    X, points = np.round(rng.normal(size=(7, 2)), 3), np.round(rng.normal(size=(3, 2)), 3)
    y = np.round(X @ [2.0, -1.0] + 10.0 + rng.normal(size=7), 3)[:, None]
    phi = np.c_[X, np.ones(7)]
    D = np.diag([1.0, 1.0, float(decayed)])
    w = np.linalg.solve(phi.T @ phi + 7 * 0.25 * D, phi.T @ y)[:, 0]
    save_file({"0.weight": w[None, :2].copy(), "0.bias": w[2:].copy()}, folder / "model.safetensors")
    np.savez(folder / "data.npz", X=X, y=y)
    np.savez(folder / "more.npz", X=points)
    text = SPEC.format(decayed=str(decayed).lower(), relative=str(relative).lower())
    (folder / "spec.toml").write_text(text, encoding="utf-8")
    certificate: dict[str, Any] = run_audit(folder / "spec.toml")
    amounts = [Fraction(1, 8) * (abs(Fraction(float(v))) if relative else 1) if i in (0, 1, 2, 4, 6) else Fraction(0)
               for i, v in enumerate(y[:, 0])]
    exact = max(worst_targets(phi.tolist(), y.tolist(), Fraction(7, 4), [True, True, decayed], [*point, 1.0], amounts)
                for point in points.tolist())
    claim = certificate["claims"][0]
    assert Fraction(claim["lower"]) <= exact <= Fraction(claim["upper"])
    return certificate


@pytest.mark.parametrize("decayed", [False, True])
@pytest.mark.parametrize("relative", [False, True])
def test_honest_ones_are_checked_and_others_refused(tmp_path: Path, decayed: bool, relative: bool) -> None:
    certificate = made(tmp_path, decayed, relative)
    (claim,) = certificate["claims"]
    assert claim["theorem"] == "D22" and claim["witness"] == {} and claim["reason"] == ""
    assert certificate["problem"].get("relative") == (True if relative else None)
    assert check(tmp_path / "certificate.json", NONE).gates == "met"
    low, high = claim["lower"], claim["upper"]
    for member, value in (("upper", low * (1 - 1e-8)), ("lower", high * (1 + 1e-8)), ("upper", math.nextafter(low, 9)),
                          ("lower", math.nextafter(high, 0)), ("lower", None), ("upper", None), ("lower", 0.5 * high),
                          ("theorem", "Q6"), ("theorem", "D1"), ("unit", "weight distance")):
        forge(tmp_path, certificate, ("claims", 0, member), value)
        if (member, value) == ("lower", 0.5 * high):
            assert check(tmp_path / "certificate.json", NONE).gates == "met"  # says less
            continue
        with pytest.raises(Invalid):
            check(tmp_path / "certificate.json", NONE)
    for path, value in ((("problem", "relative"), True if not relative else None), (("problem", "radius"), 0.0625),
                        (("claims", 0, "hypotheses", 0, "value"), 0.5), (("base", "distance"), 0.0),
                        (("claims", 0, "witness"), {"theta": 1.0, "reach": 9.0})):
        forge(tmp_path, certificate, path, value)
        with pytest.raises(Invalid):
            check(tmp_path / "certificate.json", NONE)


@pytest.mark.parametrize(("old", "new"), [
    ('parameter = "targets"', 'parameter = "features"'), ('set = "per_sample"', 'set = "total"'),
    ('loss = "squared"', 'loss = "logistic"'), ('base = "nearby"', 'base = "given"'),
    ('quantity = "prediction_change"', 'quantity = "distance"'), ("relative = true", "relative = 1"),
    ("weight_decay = 0.25", "weight_decay = 0.0"),
])
def test_a_share_or_a_free_intercept_goes_with_nothing_else(old: str, new: str) -> None:
    from certify.spec.load import parse_spec
    from certify.spec.supported import require_supported

    text = SPEC.format(decayed="false", relative="true")
    check_consistent(read_spec(text.encode()))
    require_supported(parse_spec(text.encode()))
    with pytest.raises(Invalid):
        check_consistent(read_spec(text.replace(old, new).encode()))
    with pytest.raises(CertifyError) as refused:
        require_supported(parse_spec(text.replace(old, new).encode()))
    assert "remove training.bias_decay" not in str(refused.value) or "weight_decay = 0.0" in new


@pytest.mark.parametrize(("X", "y", "decay", "stated"), [
    ([[1.0, 1.0], [1.0, 1.0 + 1e-7]], [3.0, -4.0], "1e-12", True),  # nothing but 0 is known from below
    ([[0.3, -1.2], [0.7, 0.4]], [-3.0, 4.0], "1e-12", True),
    ([[1e6, 1.0], [-2e6, 2.0], [3e6, 4.0]], [1.0, -2.0, 4.0], "1e-6", True),
    ([[1e4, 1.0], [1e4 + 1.0, 2.0], [1e4, 3.0]], [-1.0, 0.0, -4.0], "1e-3", True),
    ([[1e6, 1.0], [2e6, 2.0], [4e6, 4.0]], [1e100, 2e100, 4e100], "0.25", False),  # the gradient is not enclosed
])
@pytest.mark.parametrize("decayed", ["false", "true"])
def test_near_a_singular_matrix_honest_ends_are_checked_and_false_ones_refused(
        tmp_path: Path, X: Any, y: Any, decay: str, stated: bool, decayed: str) -> None:
    save_file({"0.weight": np.zeros((1, 2)), "0.bias": np.zeros(1)}, tmp_path / "model.safetensors")
    np.savez(tmp_path / "data.npz", X=np.array(X), y=np.array(y)[:, None])
    np.savez(tmp_path / "more.npz", X=np.array(X) * 1.5)
    text = SPEC.format(decayed=decayed, relative="true").replace("rows = [0, 1, 2, 4, 6]\n", "")
    text = text.replace("weight_decay = 0.25", f"weight_decay = {decay}").replace("max = 9.0", "max = 1e300")
    (tmp_path / "spec.toml").write_text(text, encoding="utf-8")
    certificate: dict[str, Any] = run_audit(tmp_path / "spec.toml")
    (claim,) = certificate["claims"]
    assert claim["upper"] is not None or not stated
    check(tmp_path / "certificate.json", NONE)
    if not stated:
        return
    exact = max(worst_targets([[*row, 1.0] for row in X], [[v] for v in y], Fraction(float(decay)) * len(X),
                              [True, True, decayed == "true"], [*(1.5 * v for v in row), 1.0],
                              [abs(Fraction(v)) / 8 for v in y]) for row in X)
    assert Fraction(claim["lower"]) <= exact <= Fraction(claim["upper"])
    for member, value in (("upper", float(exact) * (1 - 2**-52)), ("lower", float(exact) * (1 + 2**-52))):
        assert (Fraction(value) < exact) == (member == "upper")  # false, by as little as can be said
        forge(tmp_path, certificate, ("claims", 0, member), value)
        with pytest.raises(Invalid, match="is found"):
            check(tmp_path / "certificate.json", NONE)
