"""Certificates about these rows, groups, pairs of labels and two kinds at once: accepted as written, forged refused."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from certify.auditing.spec_run import run_audit
from certify.check.main import check
from certify.check.theorems.head.rows.changes import any_rows, base, both, given, groups, pairs
from certify.format.errors import InputError, SpecError
from certify.format.methods import status_of
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.changes.both import BothChange
from certify.systems.head.rows.changes.given import GivenRows
from certify.systems.head.rows.changes.groups import GroupChange
from certify.systems.head.rows.changes.pairs import PairChange
from certify.theorems.head.rows.every_choice import EveryChoice
from tests.families.head_changes import KINDS
from tests.families.heads import drawn_head
from tests.oracles.head_changes import KEPT, ways
from tests.unit.check.theorems.head.rows.test_claims import POINTS, SPEC, X, made
from tests.unit.check.theorems.head.test_claims import NONE, forge

USERS = np.array([7.0, 7.0, 2.0, 2.0, 2.0, 5.0, 5.0, 7.0])
OTHERS = np.array([7.0, 7.0, 2.0, 2.0, 2.0, 5.0, 7.0, 5.0])
ASKED = {
    "these deleted": 'parameter = "deletions"\nset = "given"\nrows = [6, 1]',
    "these relabelled": 'parameter = "labels"\nset = "given"\nrows = [6, 1]\nfile = "new.npz"',
    "groups deleted": 'parameter = "deletions"\ngroups = "user"\ncount = 1',
    "groups relabelled": 'parameter = "labels"\nset = "sparse"\ngroups = "user"\ncount = 1',
    "both": 'parameter = "deletions"\ncount = 1\nrelabelled = 1',
    "pairs": 'parameter = "labels"\nset = "sparse"\ncount = 2\npairs = [[0, 1]]',
}
PERTURBATION = 'parameter = "{parameter}"\nset = "sparse"\ncount = {count}\n'


def written(folder: Path, perturbation: str, loss: str = "logistic") -> Path:
    """The spec and its files."""
    made_files(folder, loss)
    spec = SPEC.replace(PERTURBATION, perturbation + "\n").replace('features = "X"', 'features = "X"', 1)
    spec = spec.format(bar=1).replace('loss = "logistic"', f'loss = "{loss}"')
    (folder / "spec.toml").write_text(spec, encoding="utf-8")
    return folder / "spec.toml"


def made_files(folder: Path, loss: str) -> None:
    made(folder)
    y = (X.ravel() > 0).astype(float) if loss == "logistic" else np.sign(X.ravel())
    if loss == "squared":
        phi = np.hstack([X, np.ones_like(X)])
        w = np.linalg.solve(phi.T @ phi / 8 + 0.125 * np.eye(2), phi.T @ y / 8)
        save_file({"0.weight": w[None, :1].copy(), "0.bias": w[1:].copy()}, folder / "model.safetensors")
    np.savez(folder / "data.npz", X=X, y=y, user=USERS, other=OTHERS)
    np.savez(folder / "new.npz", u=np.array([0.0, 1.0]) if loss == "logistic" else np.array([-1.0, 1.0]))


def resealed(folder: Path, certificate: dict[str, Any], role: str) -> dict[str, Any]:
    """The certificate with the digest that a file has now."""
    path = folder / certificate["subject"][role]["path"]
    data = path.read_bytes()
    found = certificate | {"subject": certificate["subject"] | {
        role: {"path": path.name, "sha256": sha256(data).hexdigest(), "bytes": len(data)}}}
    forge(folder, found, ("subject", role), found["subject"][role])
    return found


@pytest.fixture(scope="module", params=ASKED)
def honest(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Any]:
    folder = tmp_path_factory.mktemp("kinds")
    return request.param, folder, run_audit(written(folder, ASKED[request.param]))


def test_what_run_writes_check_derives(honest: tuple[str, Path, dict[str, Any]]) -> None:
    _, folder, certificate = honest
    claim, = certificate["claims"]
    assert claim["theorem"] == "D1" and claim["lower"] == claim["upper"] > 0  # every prediction is decided
    forge(folder, certificate, ("claims", 0), claim)
    assert check(folder / "certificate.json", NONE).verdict == certificate["verdict"] == "certified"
    report = (folder / "report.html")
    assert not report.exists() or "evaluation rows" in report.read_text(encoding="utf-8")


@pytest.mark.parametrize("part", ["fewer", "more", "none"])
def test_a_choice_that_is_missing_is_refused(part: str, tmp_path: Path) -> None:
    for name in ("groups deleted", "both", "groups relabelled"):
        folder = tmp_path / name
        folder.mkdir()
        certificate = run_audit(written(folder, ASKED[name]))
        file = folder / "witness.safetensors"
        arrays = load_file(file)
        key = "stable_predictions.rows.every_choice.weights"
        cut = {"fewer": arrays[key][:-1], "more": np.vstack([arrays[key], arrays[key][-1:]]), "none": arrays[key][:0]}
        save_file({**arrays, key: np.ascontiguousarray(cut[part])}, file)
        resealed(folder, certificate, "witness")
        with pytest.raises(Invalid, match="a choice are needed|choices|weights"):
            check(folder / "certificate.json", NONE)


@pytest.mark.parametrize(("name", "old", "new"), [
    ("groups deleted", '"user"', '"other"'), ("groups deleted", "count = 1", "count = 2"),
    ("groups deleted", 'groups = "user"\n', ""), ("groups relabelled", '"user"', '"other"'),
    ("groups relabelled", "count = 1", "count = 2"), ("both", "relabelled = 1", "relabelled = 2"),
    ("both", "relabelled = 1\n", ""), ("both", "count = 1", "count = 2"), ("pairs", "[[0, 1]]", "[[0, 1], [1, 0]]"),
    ("pairs", "[[0, 1]]", "[[1, 0]]"), ("pairs", "pairs = [[0, 1]]\n", ""), ("these deleted", "[6, 1]", "[6, 1, 3]"),
    ("these deleted", "[6, 1]", "[1]"), ("these relabelled", "[6, 1]", "[6, 2]"),
    ("these relabelled", 'file = "new.npz"\n', ""),
])
def test_another_change_in_the_spec_is_refused(name: str, old: str, new: str, tmp_path: Path) -> None:
    """The digest and the member `problem` are forged too, as far as a forger can."""
    certificate = run_audit(written(tmp_path, ASKED[name]))
    spec = tmp_path / "spec.toml"
    text = spec.read_text(encoding="utf-8")
    assert old in text
    spec.write_text(text.replace(old, new), encoding="utf-8")
    certificate = resealed(tmp_path, certificate, "spec")
    with pytest.raises(Invalid):
        check(tmp_path / "certificate.json", NONE)
    problem = dict(certificate["problem"])
    for key in ("grouped", "relabelled", "pairs"):
        problem.pop(key, None)
    fits = {"grouped": {"by": "other", "groups": 3, "largest": 3}} if "other" in new else {}
    fits |= {"grouped": {"by": "user", "groups": 3, "largest": 3}} if "groups" in name and "count" in new else {}
    fits |= {"relabelled": 2} if "relabelled = 2" in new else {"relabelled": 1} if "count = 2" in new else {}
    fits |= {"pairs": [[0.0, 1.0], [1.0, 0.0]]} if "], [" in new else {"pairs": [[1.0, 0.0]]} if "[[1" in new else {}
    problem |= fits | {"count": 2} if "count = 2" in new else fits
    problem |= {"rows": sorted(eval(new))} if new.startswith("[") and "[[" not in new else {}
    forge(tmp_path, certificate, ("problem",), problem)
    with pytest.raises(Invalid):
        check(tmp_path / "certificate.json", NONE)


def test_other_labels_in_the_change_file_are_refused(tmp_path: Path) -> None:
    certificate = run_audit(written(tmp_path, ASKED["these relabelled"]))
    for labels in ([1.0, 1.0], [0.0, 2.0], [0.0, 0.0]):  # its own, none, its own
        np.savez(tmp_path / "new.npz", u=np.array(labels))
        resealed(tmp_path, certificate, "change")
        with pytest.raises(Invalid, match="change file, row"):
            check(tmp_path / "certificate.json", NONE)


@pytest.mark.parametrize("method", ["enumeration", "box", "energy", "squared_labels"])
def test_a_method_that_is_for_another_change_is_refused(method: str, tmp_path: Path) -> None:
    certificate = run_audit(written(tmp_path, ASKED["both"]))
    file = tmp_path / "witness.safetensors"
    arrays = load_file(file)
    status = arrays["stable_predictions.rows.status"].copy()
    status[status == status_of("every_choice")] = status_of(method)
    weights = arrays.pop("stable_predictions.rows.every_choice.weights")
    arrays |= {f"stable_predictions.rows.{method}.weights": weights} if method == "enumeration" else {}
    save_file({**arrays, "stable_predictions.rows.status": status}, file)
    resealed(tmp_path, certificate, "witness")
    with pytest.raises(Invalid, match=f"stated to stay by {method}"):
        check(tmp_path / "certificate.json", NONE)


@pytest.mark.parametrize(("name", "rows", "codes"), [
    ("groups deleted", [0], [-1]), ("groups deleted", [5, 6, 2], [-1, -1, -1]), ("both", [0, 1], [-1, -1]),
    ("both", [0, 7], [1, 1]), ("these deleted", [1], [-1]), ("these deleted", [1, 5], [-1, -1]),
    ("pairs", [7], [0]), ("pairs", [0, 1, 2], [1, 1, 1]), ("groups relabelled", [0, 2], [1, 1]),
])
def test_a_flip_that_the_change_does_not_allow_is_refused(
    name: str, rows: list[int], codes: list[int], tmp_path: Path,
) -> None:
    certificate = run_audit(written(tmp_path, ASKED[name]))
    file, start = tmp_path / "witness.safetensors", "stable_predictions.rows."
    arrays = load_file(file)
    status = arrays[f"{start}status"].copy()
    status[0] = 1
    point = np.full(len(POINTS), -1)
    point[0] = 0
    forged = {"status": status, "flips.point": point, "flips.rows": np.array([rows]), "flips.codes": np.array([codes]),
              "flips.weights": np.zeros((1, 2))}
    save_file({**arrays, **{start + key: value for key, value in forged.items()}}, file)
    resealed(tmp_path, certificate, "witness")
    with pytest.raises(Invalid, match="a change that the spec asks about"):
        check(tmp_path / "certificate.json", NONE)


@pytest.mark.parametrize(("perturbation", "said"), [
    (ASKED["groups deleted"].replace("user", "who"), "who"), (ASKED["groups deleted"].replace("= 1", "= 3"), "3 of 3"),
    (ASKED["groups deleted"] + "\nrows = [1, 2]", "rows: listed beside groups"),
    (ASKED["groups deleted"].replace("user", "X"), "name of the targets or features"),
    (ASKED["both"] + '\ngroups = "user"', "given with groups"),
    (ASKED["both"].replace("deletions", "labels") + '\nset = "sparse"', "relabelled"),
    (ASKED["pairs"].replace("[[0, 1]]", "[[0, 2]]"), "label 2"), (ASKED["pairs"].replace("[[0, 1]]", "[]"), "pairs"),
    (ASKED["pairs"].replace("[[0, 1]]", "[[0, 0]]"), "label 0 becomes 0"),
    ('parameter = "deletions"\nset = "given"', "perturbation.rows: missing"),
    ('parameter = "deletions"\nset = "given"\nrows = [1]\nfile = "new.npz"', "perturbation.file"),
    ('parameter = "labels"\nset = "given"\nrows = [1]', "perturbation.file"),
    (ASKED["these relabelled"].replace("[6, 1]", "[6, 1, 2]"), "shape (2,)"),
    (ASKED["these relabelled"].replace("[6, 1]", "[1, 6]"), "which it has already"),
    ('parameter = "features"\nradius = 0.1\ngroups = "user"', "features"),
    (ASKED["both"].replace("= 1\nrelabelled = 1", "= 4\nrelabelled = 5"), "5 beside 4"),
])
def test_specs_that_do_not_fit_are_refused_by_both(perturbation: str, said: str, tmp_path: Path) -> None:
    honest = run_audit(written(tmp_path, ASKED["both"]))
    with pytest.raises((SpecError, InputError)) as caught:
        run_audit(written(tmp_path, perturbation))
    assert said in str(caught.value) and "\n" not in str(caught.value)
    written(tmp_path, perturbation)
    resealed(tmp_path, honest, "spec")
    with pytest.raises(Invalid):
        check(tmp_path / "certificate.json", NONE)


def test_the_squared_loss_takes_pairs_as_they_are(tmp_path: Path) -> None:
    spec = written(tmp_path, ASKED["pairs"].replace("[[0, 1]]", "[[-1, 1]]"), "squared")
    certificate = run_audit(spec)
    status = load_file(tmp_path / "witness.safetensors")["stable_predictions.rows.status"]
    assert set(status) <= {0, 1, status_of("squared_labels")} and (status > 1).any()
    assert check(tmp_path / "certificate.json", NONE).verdict == certificate["verdict"]


def twin(change: Any, labels: base.Labels) -> base.Rows:
    """The checker's object of a change."""
    if isinstance(change, RowChange):
        return any_rows.AnyRows(labels, change.relabels, change.count, change.rows)
    if isinstance(change, GivenRows):
        return given.GivenRows(labels, tuple(zip(change.rows, change.codes, strict=True)))
    if isinstance(change, GroupChange):
        return groups.Groups(labels, change.relabels, change.count, change.groups)
    if isinstance(change, BothChange):
        return both.Both(labels, change.deleted, change.relabelled, change.rows)
    assert isinstance(change, PairChange)
    return pairs.Pairs(labels, change.count, change.rows, change.pairs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", ["logistic", "cross_entropy"])
def test_both_programs_count_the_same_choices_in_the_same_order(kind: str, loss: str) -> None:
    rng = np.random.default_rng(5)
    for relabels in (False, True):
        head = drawn_head(rng, loss, n=5)
        change, allowed = KINDS[kind](rng, head, relabels)
        own = twin(change, base.Labels(head.label.tolist(), len(head.codes)))
        prover = [tuple((r, c) for r, c in zip(rows, codes, strict=True) if r >= 0)
                  for batch in change.every(head, 3)
                  for rows, codes in zip(batch.rows.tolist(), batch.codes.tolist(), strict=True)]
        assert list(own.every()) == prover
        for way in ways(head, lambda way: sum(c is not KEPT for c in way) <= 3):
            assert own.permits(tuple((i, c) for i, c in enumerate(way) if c is not KEPT)) == allowed(way)
        assert own.emptied() == change.emptied(head)
        if change.within is None:
            assert own.plain is None
        else:
            assert own.plain == base.Plain(change.within.relabels, change.within.count, change.within.rows)


@pytest.mark.parametrize("name", ["groups deleted", "groups relabelled", "pairs"])
def test_methods_for_the_rows_that_contain_a_change_are_derived_again(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without refits of every choice: what stays under any rows, as many as may change here, stays."""
    spec = written(tmp_path, ASKED[name])
    text = spec.read_text(encoding="utf-8").replace("weight_decay = 0.125", "weight_decay = 4.0")
    spec.write_text(text, encoding="utf-8")
    if name == "groups relabelled":  # of one row each: three of eight labels flip everything
        data = dict(np.load(tmp_path / "data.npz"))
        np.savez(tmp_path / "data.npz", **(data | {"user": np.arange(8.0)}))
    monkeypatch.setattr(EveryChoice, "able", lambda self, head, change: "not asked here")
    monkeypatch.setattr(EveryChoice, "complete", lambda self, head, change: False)
    certificate = run_audit(spec)
    status = load_file(tmp_path / "witness.safetensors")["stable_predictions.rows.status"]
    assert status_of("every_choice") not in status and (status > 1).any()
    assert check(tmp_path / "certificate.json", NONE).verdict == certificate["verdict"]


CLASSES = """version = 1
[model]
file = "model.safetensors"
widths = [2, 3]
activation = "identity"
[data]
file = "data.csv"
targets = "y"
[training]
loss = "cross_entropy"
weight_decay = 0.1
bias_decay = false
[solution]
map = "critical"
base = "nearby"
[perturbation]
{perturbation}
[evaluation]
file = "more.csv"
[[gate]]
quantity = "stable_predictions"
min = 1
"""


@pytest.mark.parametrize("perturbation", [
    ASKED["groups deleted"], ASKED["groups relabelled"], ASKED["these relabelled"].replace("new", "u"),
    ASKED["both"], 'parameter = "labels"\nset = "sparse"\ncount = 1\npairs = [[0, 2], [1, 0]]', ASKED["these deleted"],
])
def test_classes_and_tables_whose_groups_are_no_feature(perturbation: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    y = np.arange(12) % 3
    rows = rng.normal(size=(12, 2)) + np.stack([y == 1, y == 2], axis=1) * 2.0
    head = np.column_stack([rows, np.arange(12) // 3, y])
    (tmp_path / "data.csv").write_text(
        "a,b,user,y\n" + "".join(f"{a!r},{b!r},{int(u)},{int(c)}\n" for a, b, u, c in head.tolist()))
    (tmp_path / "more.csv").write_text("a,b\n" + "".join(f"{a!r},{b!r}\n" for a, b in (rows + 0.3).tolist()))
    save_file({"0.weight": np.array([[-1.0, -1.0], [1.0, -0.5], [-0.5, 1.0]]), "0.bias": np.zeros(3)},
              tmp_path / "model.safetensors")
    np.savez(tmp_path / "u.npz", u=np.array([(y[6] + 1) % 3, (y[1] + 2) % 3]))
    spec = CLASSES.format(perturbation=perturbation)
    if "groups" not in perturbation:
        spec = spec.replace('targets = "y"', 'features = ["a", "b"]\ntargets = "y"')
    (tmp_path / "spec.toml").write_text(spec)
    certificate = run_audit(tmp_path / "spec.toml")
    claim, = certificate["claims"]
    assert claim["lower"] == claim["upper"]
    assert check(tmp_path / "certificate.json", NONE).verdict == certificate["verdict"]
