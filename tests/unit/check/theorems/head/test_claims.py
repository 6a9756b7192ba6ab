"""Certificates about a strongly convex last layer: re-derived as they are, refused where anything says more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from certify import theorems
from certify.auditing.spec_run import run_audit
from certify.certificate.canonical import canonical_bytes, seal
from certify.check.main import check
from certify.format.refusal import Invalid
from certify.format.theorems import D1, D1_MOVES, D22, Q6_LABELS, Q6_OUTPUTS, Theorem
from certify.theorems.head import claims
from certify.theorems.head.claims import Moves, OutputMoves
from tests.families.once import once
from tests.unit.theorems.head.test_motion import fitted

GATES = {"distance": "max = 9.0", "stable_predictions": "min = 3", "prediction_change": "max = 9.0"}
SPEC = """version = 1
[model]
file = "model.safetensors"
widths = [2, 3, {k}]
activation = "tanh"
[data]
file = "data.npz"
features = "X"
targets = "y"
[training]
loss = "{loss}"
weight_decay = 0.125
[solution]
map = "critical"
base = "nearby"
layer = 2
[perturbation]
parameter = "{parameter}"
{budget}
[evaluation]
file = "more.npz"
"""
NONE = {role: None for role in ("spec", "model", "graph", "data", "reference", "change", "evaluation", "witness")}
BUDGETS = {
    "deleted": ("cross_entropy", "sample_weights", 'set = "sparse"\ncount = 1\nradius = 1.0'),
    "fallen": ("cross_entropy", "sample_weights", 'set = "sparse"\ncount = 2\nradius = 1.0\ndirection = "down"'),
    "fallen signs": ("logistic", "sample_weights", 'set = "total"\nradius = 0.5\ndirection = "down"'),
    "weighted": ("logistic", "sample_weights", 'set = "total"\nradius = 0.5\nrows = [0, 3, 4]'),
    "moved": ("cross_entropy", "features", 'set = "per_sample"\nradius = 0.002'),
    "scaled": ("squared", "features", 'set = "sparse"\ncount = 1\nradius = 0.05\nscale = { 0 = 2.0 }'),
    "flipped": ("cross_entropy", "labels", 'set = "sparse"\ncount = 1'),
    "signs": ("logistic", "labels", 'set = "sparse"\ncount = 1\nrows = [0, 3, 4]'),
    "shifted": ("logistic", "features", 'set = "total"\nradius = 0.03'),
    "targets": ("squared", "targets", 'set = "per_sample"\nradius = 0.2'),
}


class BothMoves(Moves, OutputMoves):
    """Q6 of both quantities, as before outputs had a row of their own."""


def by_balls(patch: pytest.MonkeyPatch) -> dict[Theorem, str]:
    """The rule that measures by Q6 how far changed rows move a head."""
    patch.setattr(claims, "BothMoves", BothMoves, raising=False)
    return {D1_MOVES: "head.claims:BothMoves"}


@pytest.fixture(autouse=True, scope="module")
def _earlier() -> Iterator[None]:
    """Labels and targets, as certificates of before D1 and D22 count and measure what they do: by Q6."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(theorems, "RULES", {**theorems.RULES, D1: theorems.RULES[Q6_LABELS], **by_balls(patch),
                                          D22: theorems.RULES[Q6_OUTPUTS]})
        theorems.rule_of.cache_clear()
        yield
    theorems.rule_of.cache_clear()


def made(folder: Path, kind: str = "deleted") -> dict[str, Any]:
    """Files, certificate and report in the folder."""
    loss, parameter, budget = BUDGETS[kind]
    t = fitted(1, loss, n=80 if kind in ("flipped", "fallen") else 20)
    net = t.network
    arrays = {}
    for h in (0, 1):
        bias = net.biases[h]
        assert bias is not None
        arrays |= {f"{h}.weight": net.weights[h], f"{h}.bias": bias}
    save_file(arrays, folder / "model.safetensors")
    np.savez(folder / "data.npz", X=t.X, y=np.array(t.targets if t.labels is None else t.labels))
    np.savez(folder / "more.npz", X=np.vstack([t.X + 0.05, t.X - 0.3]))
    gates = "".join(f'[[gate]]\nquantity = "{name}"\n{bar}\nseverity = "warn"\n' for name, bar in GATES.items())
    text = SPEC.format(loss=loss, parameter=parameter, budget=budget, k=len(net.weights[1])) + gates
    (folder / "spec.toml").write_text(text, encoding="utf-8")
    return run_audit(folder / "spec.toml")


earlier = once(made)
"""The same in this module alone: elsewhere D1 counts the labels."""


def forge(folder: Path, certificate: dict[str, Any], path: tuple[Any, ...], value: object) -> None:
    """The certificate with one member changed, sealed again."""
    changed = json.loads(json.dumps(certificate))
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    changed.pop("digest")
    (folder / "certificate.json").write_bytes(canonical_bytes(seal(changed)))


@pytest.mark.parametrize("kind", BUDGETS)
def test_what_was_proved_is_derived_again(kind: str, tmp_path: Path) -> None:
    """All three quantities of every budget, and the report says what they are about."""
    certificate = earlier(tmp_path, kind)
    distance, stable, change = certificate["claims"]
    assert distance["upper"] > 0 and change["upper"] > 0 and stable["lower"] > 0
    for claim in (distance, change):
        assert (claim["lower"] > 0) == (kind != "scaled") and claim["lower"] <= claim["upper"]
    result = check(tmp_path / "certificate.json", NONE)
    assert result.verdict == certificate["verdict"] and ("witness" in certificate["subject"]) == (kind != "scaled")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "exactly one such point" in page
    assert "evaluation rows the label that the weights in the file give today" in page
    assert ("proved to move it by at least" in page) == (kind != "scaled")
    assert ("proved to change them at one row by at least" in page) == (kind != "scaled")
    assert "theorem Q2" not in page and "<mi>lip</mi>" not in page and "whose label stays" in page


def test_kinks_below_the_last_layer_do_no_harm(tmp_path: Path) -> None:
    """A unit of a fixed layer at its kink for every row: the last layer's loss is as smooth as ever."""
    earlier(tmp_path)
    with safe_open(tmp_path / "model.safetensors", "np") as file:
        arrays = {name: file.get_tensor(name).copy() for name in file.keys()}  # noqa: SIM118 — it is no mapping
    arrays["0.weight"][0] = 0.0
    arrays["0.bias"][0] = 0.0
    save_file(arrays, tmp_path / "model.safetensors")
    text = (tmp_path / "spec.toml").read_text(encoding="utf-8").replace('"tanh"', '"relu"')
    (tmp_path / "spec.toml").write_text(text, encoding="utf-8")
    certificate = run_audit(tmp_path / "spec.toml")
    assert certificate["claims"][0]["upper"] > 0
    assert check(tmp_path / "certificate.json", NONE).verdict == certificate["verdict"]


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("convex")
    return folder, earlier(folder)


def _more(certificate: dict[str, Any], claim: int, member: str, factor: float) -> tuple[tuple[Any, ...], Any]:
    return ("claims", claim, member), certificate["claims"][claim][member] * factor


@pytest.mark.parametrize(("path", "value"), [
    (("claims", 0, "upper"), 0.999), (("claims", 0, "lower"), 1.0001), (("claims", 0, "upper"), 1e-3),
    (("claims", 0, "lower"), 0.0), (("claims", 0, "witness", "array"), "distance.centre"),
    (("claims", 1, "witness", "z"), [1.0]), (("claims", 2, "lower"), 1.0001), (("claims", 2, "lower"), 0.0),
    (("claims", 2, "witness", "z"), [1.0]), (("claims", 2, "witness", "array"), "distance.change"),
    (("claims", 1, "lower"), 2.0), (("claims", 1, "lower"), 41.0), (("claims", 1, "upper"), 50.0),
    (("claims", 1, "lower"), 2.5), (("claims", 2, "upper"), 0.999), (("claims", 2, "lower"), None),
    (("claims", 0, "witness", "reach"), 0.9), (("claims", 0, "witness", "reach"), 0.0),
    (("claims", 1, "witness", "reach"), 1e-6), (("claims", 0, "witness", "theta"), 1.0),
    (("claims", 0, "witness", "theta"), -0.5), (("claims", 0, "witness"), {}),
    (("claims", 1, "witness"), {"theta": 0.5}),
    (("claims", 0, "witness", "z"), [1.0]), (("claims", 0, "theorem"), "M5c"), (("claims", 0, "theorem"), "Q4"),
    (("claims", 1, "unit"), "weight distance"), (("claims", 0, "hypotheses", 0, "value"), 0.25),
    (("claims", 0, "hypotheses", 1, "value"), 0.0), (("claims", 0, "hypotheses", 0, "name"), "rank"),
    (("base", "distance"), 0.0), (("base", "distance"), 1.0), (("base", "radius"), 0.0), (("base", "residual"), 0.0),
    (("base", "residual"), None), (("base", "distance"), None), (("base", "tilt"), "output"),
    (("problem", "evaluation_rows"), 39), (("problem", "count"), 2), (("problem", "radius"), 0.5),
    (("problem", "weight_decay"), 0.25), (("claims", 0, "quantity"), "modulus"),
    (("subject", "evaluation"), None), (("subject", "evaluation", "sha256"), "0" * 64),
])
def test_a_member_that_says_more_is_refused(honest: tuple[Path, dict[str, Any]], path: tuple[Any, ...],
                                            value: Any) -> None:
    folder, certificate = honest
    if path[-1] in ("upper", "reach", "theta") and path[1] != 1 and isinstance(value, float) and 0 < value < 1:
        old = certificate["claims"][path[1]]
        value = (old["witness"] if path[-2] == "witness" else old)[path[-1]] * value
    if path in (("claims", 0, "lower"), ("claims", 2, "lower")) and value is not None:
        value = certificate["claims"][path[1]]["lower"] * value
    if path == ("claims", 1, "lower") and value == 2.0:
        value = certificate["claims"][1]["lower"] + 1.0
    forge(folder, certificate, path, value)
    with pytest.raises(Invalid):
        check(folder / "certificate.json", NONE)


def resealed(folder: Path, certificate: dict[str, Any], u: np.ndarray, z: list[float] | None = None,
             claim: int = 0) -> None:
    """The certificate with another change of one claim in its side file, or other weights."""
    with safe_open(folder / "witness.safetensors", "numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(arrays | {f"{certificate['claims'][claim]['quantity']}.change": u}, folder / "witness.safetensors")
    content = (folder / "witness.safetensors").read_bytes()
    record = {"path": "witness.safetensors", "sha256": sha256(content).hexdigest(), "bytes": len(content)}
    changed = json.loads(json.dumps(certificate))
    changed["subject"]["witness"] = record
    changed["claims"][claim]["witness"]["z"] = certificate["claims"][claim]["witness"]["z"] if z is None else z
    changed.pop("digest")
    (folder / "certificate.json").write_bytes(canonical_bytes(seal(changed)))


@pytest.mark.parametrize("claim", [0, 2])
@pytest.mark.parametrize("kind", ["deleted", "weighted", "moved", "flipped", "signs", "shifted", "targets"])
def test_a_change_that_is_not_of_the_budget_is_refused(kind: str, claim: int, tmp_path: Path) -> None:
    """Too large, of too many or other rows, no label, of another shape, or not the one whose solution is stated."""
    certificate = earlier(tmp_path, kind)
    with safe_open(tmp_path / "witness.safetensors", "numpy") as file:
        u = file.get_tensor(f"{certificate['claims'][claim]['quantity']}.change")
    resealed(tmp_path, certificate, u, claim=claim)
    assert check(tmp_path / "certificate.json", NONE).verdict == certificate["verdict"]
    wrong = [(1 + 1e-6) * u, 0.9 * u, 0 * u, u[:-1], np.hstack([u, u]), np.roll(u, 1, axis=0)]
    if kind in ("deleted", "flipped", "signs"):  # one more row, changed as that one is
        more = u.copy()
        more[3 if u[0].any() else 0] = u[np.flatnonzero(u.any(axis=1))[0]]
        wrong.append(more)
    for other in wrong:
        resealed(tmp_path, certificate, np.ascontiguousarray(other), claim=claim)
        with pytest.raises(Invalid):
            check(tmp_path / "certificate.json", NONE)
    z = certificate["claims"][claim]["witness"]["z"]
    for weights in ([1.5 * v for v in z], [*z, 0.0], z[::-1]):
        resealed(tmp_path, certificate, u, weights, claim)
        with pytest.raises(Invalid):
            check(tmp_path / "certificate.json", NONE)


@pytest.mark.parametrize("kind", ["fallen", "fallen signs"])
def test_a_direction_that_is_left_out_or_not_kept_is_refused(kind: str, tmp_path: Path) -> None:
    certificate = earlier(tmp_path, kind)
    assert certificate["problem"]["direction"] == "down"
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "fall, by at most" in page or "fall by at most" in page
    forge(tmp_path, certificate, ("problem", "direction"), None)
    with pytest.raises(Invalid):
        check(tmp_path / "certificate.json", NONE)
    with safe_open(tmp_path / "witness.safetensors", "numpy") as file:
        u = file.get_tensor("distance.change")
    assert (u <= 0).all() and u.any()
    resealed(tmp_path, certificate, -u)
    with pytest.raises(Invalid, match="may only fall"):
        check(tmp_path / "certificate.json", NONE)
    both = certificate | {"problem": {k: v for k, v in certificate["problem"].items() if k != "direction"}}
    spec = (tmp_path / "spec.toml").read_text(encoding="utf-8").replace('direction = "down"\n', "")
    (tmp_path / "spec.toml").write_text(spec, encoding="utf-8")
    content = spec.encode()
    both = both | {"subject": certificate["subject"] | {"spec": {
        "path": "spec.toml", "sha256": sha256(content).hexdigest(), "bytes": len(content)}}}
    resealed(tmp_path, both, u)
    with pytest.raises(Invalid, match="label|barrier|proved"):  # what was proved of deletions alone
        check(tmp_path / "certificate.json", NONE)


@pytest.mark.parametrize("kind", ["deleted", "fallen", "flipped", "signs", "moved", "scaled", "shifted", "targets"])
def test_a_label_that_stays_in_its_direction_alone(kind: str, tmp_path: Path) -> None:
    """P4b counts more labels than the ball does; and one more than it counts is refused."""
    certificate = earlier(tmp_path, kind)
    from certify.problem.load import load_problem
    from certify.theorems.head.directions import Steer

    stable = certificate["claims"][1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Steer, "of", lambda *_: None)
        from certify.prove.prover import answer
        from certify.systems.head.point import HeadPoint

        plain = HeadPoint(load_problem(tmp_path / "spec.toml"), answer).bound("stable_predictions")
    assert plain.lower is not None and plain.lower < stable["lower"]
    forge(tmp_path, certificate, ("claims", 1, "lower"), stable["lower"] + 1.0)
    with pytest.raises(Invalid):
        check(tmp_path / "certificate.json", NONE)


def test_a_modulus_cannot_hide_behind_the_theorem(tmp_path: Path) -> None:
    """Q6 has no rule for `modulus`: a claim that names it is refused whatever else it says."""
    certificate = earlier(tmp_path)
    text = (tmp_path / "spec.toml").read_text(encoding="utf-8")
    text = text[: text.index("[evaluation]")].replace('set = "sparse"\ncount = 1', 'set = "total"')
    (tmp_path / "spec.toml").write_text(text, encoding="utf-8")
    plain = run_audit(tmp_path / "spec.toml")
    assert plain["claims"][0]["theorem"] == "M5c"
    forged = json.loads(json.dumps(plain))
    forged["base"] = certificate["base"]
    forged["claims"] = [forged["claims"][0] | {
        "theorem": "Q6", "lower": 0.0, "upper": 1e-9, "unit": "", "hypotheses": [], "witness": {},
        "verdict": "certified"}]
    forged["verdict"] = "certified"
    forged["subject"].pop("witness", None)
    forged.pop("digest")
    (tmp_path / "certificate.json").write_bytes(canonical_bytes(seal(forged)))
    with pytest.raises(Invalid, match="theorem"):
        check(tmp_path / "certificate.json", NONE)


def test_other_evaluation_rows_are_refused(tmp_path: Path) -> None:
    earlier(tmp_path)
    np.savez(tmp_path / "more.npz", X=np.zeros((40, 2)))
    with pytest.raises(Invalid, match="evaluation file"):
        check(tmp_path / "certificate.json", NONE)


def test_labels_are_counted_at_the_rows_of_the_file(tmp_path: Path) -> None:
    """A row whose outputs tie has no label that stays."""
    from certify.problem.load import load_problem

    earlier(tmp_path)
    problem = load_problem(tmp_path / "spec.toml")
    assert problem.evaluation is not None and problem.evaluation.shape == (40, 2)
    with np.load(tmp_path / "more.npz") as file:
        assert np.array_equal(problem.evaluation, file["X"])
