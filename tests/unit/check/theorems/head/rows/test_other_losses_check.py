"""Losses that only heads know: spec, certificate and checker; what is forged, and every other question, is refused."""

from __future__ import annotations

from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flint import arb
from safetensors.numpy import load_file, save_file

from certify.auditing.spec_run import run_audit
from certify.check.main import check
from certify.check.reading.spec import read_spec
from certify.format.errors import InputError, SpecError
from certify.format.refusal import Invalid
from certify.network.loss.losses import LOSSES, enclose_losses
from certify.spec import parse_spec
from tests.families.other_heads import LABELLED, NUMBERS, other_head
from tests.unit.check.theorems.head.test_claims import NONE, forge

SPEC = """version = 1
[model]
file = "model.safetensors"
widths = [2, {k}]
activation = "identity"
[data]
file = "data.npz"
features = "X"
targets = "y"
[training]
loss = "{loss}"
weight_decay = {decay!r}
bias_decay = {bias}
[solution]
map = "critical"
base = "nearby"
[perturbation]
parameter = "{parameter}"
set = "sparse"
count = 1
[evaluation]
file = "more.npz"
{threshold}
[[gate]]
quantity = "stable_predictions"
min = {bar}
"""


def made(folder: Path, loss: str, k: int = 1, parameter: str = "deletions", free: bool = False, seed: int = 2,
         bar: int = 1, count: int = 1, n: int = 10) -> dict[str, Any]:
    """Files and certificate of a head near its minimum."""
    head = other_head(np.random.default_rng(seed), loss, n=n, k=k, free=free, decay=0.1)
    save_file({"0.weight": head.V[:, :2].copy(), "0.bias": head.V[:, 2].copy()}, folder / "model.safetensors")
    y = head.Y if head.label is None else head.label.astype(float)
    np.savez(folder / "data.npz", X=head.phi[:, :2], y=y)
    np.savez(folder / "more.npz", X=head.points[:, :2])
    text = SPEC.format(k=k, loss=loss, decay=head.weight_decay, bias="false" if free else "true", parameter=parameter,
                       threshold=f"threshold = {head.threshold!r}" if k == 1 and loss in NUMBERS else "", bar=bar)
    text = text.replace("count = 1", f"count = {count}")
    (folder / "spec.toml").write_text(text, encoding="utf-8")
    return run_audit(folder / "spec.toml")


@pytest.mark.parametrize("loss", ["one_vs_rest", "squared_hinge"])
def test_two_new_labels_of_three_are_counted_out_in_one_order(tmp_path: Path, loss: str) -> None:
    certificate = made(tmp_path, loss, 3, "labels", count=2, n=24)
    status = load_file(tmp_path / "witness.safetensors")["stable_predictions.rows.status"]
    assert (status > 1).any()
    assert check(tmp_path / "certificate.json", NONE).verdict == certificate["verdict"]


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize(("loss", "k", "parameter"), [
    ("squared_hinge", 1, "deletions"), ("squared_hinge", 1, "labels"), ("squared_hinge", 3, "labels"),
    ("one_vs_rest", 3, "deletions"), ("one_vs_rest", 3, "labels"), ("huber", 1, "deletions"), ("huber", 2, "deletions"),
    ("poisson", 1, "deletions"), ("poisson", 2, "deletions"), ("gamma", 1, "deletions"), ("gamma", 2, "deletions")])
def test_the_checker_derives_what_is_stated(loss: str, k: int, parameter: str, free: bool, tmp_path: Path) -> None:
    certificate = made(tmp_path, loss, k, parameter, free)
    claim, = certificate["claims"]
    assert claim["theorem"] == "D1" and claim["lower"] >= 1 and claim["upper"] >= claim["lower"]
    assert certificate["problem"]["loss"] == loss
    assert check(tmp_path / "certificate.json", NONE).verdict == certificate["verdict"] == "certified"


@pytest.mark.parametrize("loss", [*LABELLED, *NUMBERS])
def test_what_is_forged_is_refused(loss: str, tmp_path: Path) -> None:
    """Weights that are no refits, a prediction more, and a loss of another name."""
    certificate = made(tmp_path, loss, 3 if loss == "one_vs_rest" else 1, seed=4)
    file, spec = tmp_path / "witness.safetensors", tmp_path / "spec.toml"
    honest, text = load_file(file), spec.read_text(encoding="utf-8")

    def stated(path: Path) -> dict[str, Any]:
        data = path.read_bytes()
        return {"path": path.name, "sha256": sha256(data).hexdigest(), "bytes": len(data)}

    moved = {name: x + 1.0 if name.endswith("every_choice.weights") else x for name, x in honest.items()}
    assert any(x is not honest[name] for name, x in moved.items())
    save_file(moved, file)
    forge(tmp_path, certificate, ("subject", "witness"), stated(file))
    with pytest.raises(Invalid):
        check(tmp_path / "certificate.json", NONE)
    save_file(honest, file)
    for end, more in (("lower", 1), ("upper", -1)):
        forge(tmp_path, certificate, ("claims", 0, end), certificate["claims"][0][end] + more)
        with pytest.raises(Invalid):
            check(tmp_path / "certificate.json", NONE)
    other = {"huber": "squared", "poisson": "huber", "gamma": "poisson", "squared_hinge": "logistic",
             "one_vs_rest": "cross_entropy"}[loss]
    spec.write_text(text.replace(f'loss = "{loss}"', f'loss = "{other}"'), encoding="utf-8")
    forge(tmp_path, certificate, ("subject", "spec"), stated(spec))
    with pytest.raises(Invalid):
        check(tmp_path / "certificate.json", NONE)


@pytest.mark.parametrize("loss", [*LABELLED, *NUMBERS])
@pytest.mark.parametrize("change", [
    ('parameter = "deletions"\nset = "sparse"\ncount = 1', 'parameter = "features"\nset = "total"\nradius = 0.1'),
    ('map = "critical"', 'map = "sublevel"\nlevel = 9.0'), ('base = "nearby"', 'base = "given"'),
    ('quantity = "stable_predictions"\nmin = 1', 'quantity = "distance"\nmax = 1.0'),
    ("weight_decay = 0.1", "weight_decay = 0.0"),
])
def test_everywhere_else_it_is_refused(loss: str, change: tuple[str, str]) -> None:
    """Prover and checker say so in one line each."""
    text = SPEC.format(k=3, loss=loss, decay=0.1, bias="true", parameter="deletions", threshold="", bar=1)
    assert change[0] in text
    parse_spec(text.encode())
    read_spec(text.encode())
    wrong = text.replace(*change)
    with pytest.raises((SpecError, InputError)) as said:
        parse_spec(wrong.encode())
    assert "\n" not in str(said.value)
    if "weight_decay = 0.0" not in wrong:  # of that the checker says so when it reads the claims
        with pytest.raises(Invalid):
            read_spec(wrong.encode())


@pytest.mark.parametrize("wrong", [0.0, -1.0])
def test_amounts_that_are_not_above_0_are_refused(wrong: float, tmp_path: Path) -> None:
    """A certificate that names data of which one amount is 0 or less, though its row may be any other one's."""
    certificate = made(tmp_path, "gamma")
    data = dict(np.load(tmp_path / "data.npz"))
    data["y"][-1] = wrong
    np.savez(tmp_path / "data.npz", **data)
    raw = (tmp_path / "data.npz").read_bytes()
    forge(tmp_path, certificate, ("subject", "data"), {
        "path": "data.npz", "sha256": sha256(raw).hexdigest(), "bytes": len(raw)})
    with pytest.raises(Invalid, match="amounts above 0 are needed"):
        check(tmp_path / "certificate.json", NONE)


@pytest.mark.parametrize("loss", NUMBERS)
def test_numbers_are_no_labels(loss: str) -> None:
    text = SPEC.format(k=1, loss=loss, decay=0.1, bias="true", parameter="labels", threshold="threshold = 1.0", bar=1)
    with pytest.raises(SpecError, match="its targets are numbers, of which none is a label"):
        parse_spec(text.encode())
    with pytest.raises(Invalid, match="a loss of labels is needed"):
        read_spec(text.encode())


@pytest.mark.parametrize("loss", [*LABELLED, *NUMBERS])
def test_a_network_does_not_know_it(loss: str) -> None:
    with pytest.raises(SpecError, match="known of heads whose rows are left out"):
        enclose_losses(loss, None, None, None, None)  # type: ignore[arg-type]
    f = np.array([[0.5, -1.0, 2.0], [0.1, 0.2, 3.0]])
    y, labels = (None, np.array([0, 2])) if loss in LABELLED else (np.ones((2, 3)), None)
    row = LOSSES[loss]
    values, hits = row.rough(f, row.aims(y, labels, 3))
    assert values.shape == (2,) and (hits == 1) == (loss in LABELLED) and row.ascent(f, row.aims(y, labels, 3))[0] > 0


@pytest.mark.parametrize("name", ["gamma", "poisson"])
def test_the_floor_of_a_curvature_is_that_of_the_least_of_all_outputs(name):
    loss = import_module(f"certify.check.theorems.head.rows.losses.{name}").LOSS
    z = [arb(v) for v in (0.5, -1.0, 2.0)]
    y = [1.5, 2.0, 0.25]
    bends = {"gamma": [b * (-a).exp() for a, b in zip(z, y, strict=True)], "poisson": [a.exp() for a in z]}[name]
    for order in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        some, own = [z[i] for i in order], [y[i] for i in order]
        floor = loss.floor(loss.slope(some, own), own, arb(0))
        assert abs(floor - min(bends, key=float)) < 1e-12
        assert loss.floor(loss.slope(some, own), own, arb(1)) < floor
