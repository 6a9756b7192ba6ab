"""How many right labels stay: both programs count the same, and no other number, label or file is accepted."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from certify.auditing.spec_run import run_audit
from certify.check.main import check
from certify.check.reading.arrays import Array
from certify.check.reading.spec import read_spec
from certify.check.theorems.head.rows.right import right_labels
from certify.format.errors import InputError, SpecError
from certify.format.refusal import Invalid
from tests.unit.check.theorems.head.rows.test_claims import NONE, POINTS, SPEC, forge, made

RIGHT = np.array([1, 1, 1, 0, 1])


def counted(folder: Path, parameter: str = "deletions", right: Any = RIGHT, stable: bool = True) -> dict[str, Any]:
    """A certificate on right labels, beside one on all or alone."""
    made(folder, parameter)
    np.savez(folder / "more.npz", X=POINTS, y=right)
    text = SPEC.format(parameter=parameter, count=2, bar=1)
    gate = '[[gate]]\nquantity = "correct_predictions"\nmin = 1\n'
    (folder / "spec.toml").write_text(text + gate if stable else text.replace("stable_p", "correct_p"), "utf-8")
    return run_audit(folder / "spec.toml")


@pytest.mark.parametrize("right", [RIGHT, 2 * RIGHT - 1, RIGHT.astype(float), RIGHT.astype(bool), RIGHT[:, None]])
@pytest.mark.parametrize("parameter", ["deletions", "labels"])
def test_both_ends_are_counts_of_right_rows(parameter: str, right: np.ndarray, tmp_path: Path) -> None:
    certificate = counted(tmp_path, parameter, right)
    stable, correct = certificate["claims"]
    arrays = load_file(tmp_path / "witness.safetensors")
    status = arrays["stable_predictions.rows.status"]
    weights = load_file(tmp_path / "model.safetensors")
    today = (POINTS[:, 0] * weights["0.weight"][0, 0] + weights["0.bias"][0] > 0).astype(int)
    assert correct["lower"] == ((status >= 2) & (today == RIGHT)).sum()
    assert correct["upper"] == ((status != 1) & (today == RIGHT)).sum() < stable["upper"]
    assert correct["theorem"] == "D1" and correct["witness"] == stable["witness"]
    assert all(name.startswith("stable_predictions.rows.") for name in arrays)
    assert check(tmp_path / "certificate.json", NONE).verdict == certificate["verdict"]


def test_it_may_be_asked_alone(tmp_path: Path) -> None:
    certificate = counted(tmp_path, stable=False)
    assert [claim["quantity"] for claim in certificate["claims"]] == ["correct_predictions"]
    assert check(tmp_path / "certificate.json", NONE).verdict == certificate["verdict"]


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("right")
    return folder, counted(folder)


@pytest.mark.parametrize("claim", [0, 1])
@pytest.mark.parametrize(("end", "by"), [("lower", 1), ("lower", -1), ("upper", 1), ("upper", -1), ("upper", 0.5)])
def test_other_numbers_are_refused(honest: tuple[Path, dict[str, Any]], claim: int, end: str, by: float) -> None:
    """Of right labels weaker numbers are no lie: a tie may be known to one program and not to the other."""
    folder, certificate = honest
    if claim == 1 and (end, by) in (("lower", -1), ("upper", 1)):
        by *= -1
    forge(folder, certificate, ("claims", claim, end), certificate["claims"][claim][end] + by)
    with pytest.raises(Invalid):
        check(folder / "certificate.json", NONE)


@pytest.mark.parametrize("member", ["flipped", "undecided", "changed", "array"])
def test_a_list_that_is_left_out_is_refused(honest: tuple[Path, dict[str, Any]], member: str) -> None:
    folder, certificate = honest
    witness = {name: value for name, value in certificate["claims"][1]["witness"].items() if name != member}
    forge(folder, certificate, ("claims", 1, "witness"), witness)
    with pytest.raises(Invalid):
        check(folder / "certificate.json", NONE)


@pytest.mark.parametrize(("right", "said"), [(1 - RIGHT, "right labels give"), (RIGHT[:4], "one label for each of 5"),
                                             (RIGHT + 1, "0 and 1, are needed"), (None, "right labels are needed")])
def test_a_file_with_other_labels_is_refused(right: Any, said: str, tmp_path: Path) -> None:
    """Its digest forged too."""
    certificate = counted(tmp_path)
    file = tmp_path / "more.npz"
    np.savez(file, X=POINTS, **({} if right is None else {"y": right}))
    data = file.read_bytes()
    stated = certificate["subject"]["evaluation"] | {"sha256": sha256(data).hexdigest(), "bytes": len(data)}
    forge(tmp_path, certificate, ("subject", "evaluation"), stated)
    with pytest.raises(Invalid, match=said):
        check(tmp_path / "certificate.json", NONE)


def test_files_without_labels_are_refused_before_anything_is_proved(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no array or column of right labels, such as 'y'"):
        _without(tmp_path)
    with pytest.raises(InputError, match="labels of the evaluation file, row 0: 4; labels are -1 and 1, or 0 and 1"):
        counted(tmp_path, right=RIGHT + 3)


def _without(folder: Path) -> None:
    made(folder)
    (folder / "spec.toml").write_text(SPEC.format(parameter="deletions", count=2, bar=1).replace(
        "stable_p", "correct_p"), "utf-8")
    run_audit(folder / "spec.toml")


@pytest.mark.parametrize(("old", "new"), [
    ('parameter = "deletions"\nset = "sparse"\ncount = 2', 'parameter = "features"\nset = "total"\nradius = 0.1'),
    ('parameter = "deletions"\nset = "sparse"\ncount = 2', 'parameter = "labels"\nset = "per_sample"'),
    ('map = "critical"\nbase = "nearby"', 'map = "interpolation"\nbase = "given"'),
])
def test_other_changes_have_no_such_number(old: str, new: str, tmp_path: Path) -> None:
    text = SPEC.format(parameter="deletions", count=2, bar=1).replace("stable_p", "correct_p")
    assert old in text and read_spec(text.encode())
    made(tmp_path)
    (tmp_path / "spec.toml").write_text(text.replace(old, new), "utf-8")
    with pytest.raises(SpecError):
        run_audit(tmp_path / "spec.toml")
    with pytest.raises(Invalid):
        read_spec(text.replace(old, new).encode())


@pytest.mark.parametrize(("bar", "said"), [(6, "no outcome meets"), (5, "")])
def test_gates_on_more_rows_than_there_are_say_nothing(bar: int, said: str, tmp_path: Path) -> None:
    made(tmp_path)
    np.savez(tmp_path / "more.npz", X=POINTS, y=RIGHT)
    text = SPEC.format(parameter="deletions", count=2, bar=bar).replace("stable_p", "correct_p")
    (tmp_path / "spec.toml").write_text(text, "utf-8")
    if said:
        with pytest.raises(SpecError, match=said):
            run_audit(tmp_path / "spec.toml")
    else:
        assert run_audit(tmp_path / "spec.toml")["verdict"] in ("refuted", "inconclusive")


def head(k: int = 1, threshold: float = 0.0, targets: tuple[float, ...] = (-1.0, 1.0)) -> Any:
    return SimpleNamespace(today=[0, 1], k=k, threshold=threshold, targets=[[t] * k for t in targets])


def array(*shape: int, values: tuple[float, ...]) -> Array:
    return Array(shape, tuple(map(float, values)), "f")


def test_labels_in_every_form() -> None:
    assert right_labels(head(), array(2, values=(-1, 1))) == right_labels(head(), array(2, 1, values=(0, 1))) == [0, 1]
    assert right_labels(head(threshold=0.5, targets=(0.0, 2.0)), array(2, values=(0.25, 7))) == [0, 1]
    assert right_labels(head(3), array(2, values=(2, 0))) == [2, 0]
    assert right_labels(head(3), array(2, 3, values=(-1, -1, 1, 0.5, 0.25, 0.25))) == [2, 0]


@pytest.mark.parametrize("threshold", [-0.85, -1.0, 0.3, 1.0, 1.4])
def test_a_threshold_parts_outputs_and_not_labels(threshold: float) -> None:
    """Of log-odds, say; of labels below 0 or above 1 it would leave one label alone."""
    for values in ((0, 1), (-1, 1)):
        assert right_labels(head(threshold=threshold), array(2, values=values)) == [0, 1]
    assert right_labels(head(threshold=threshold), array(2, values=(threshold - 0.25, threshold + 0.125))) == [0, 1]


@pytest.mark.parametrize("threshold", [-0.5, 1.5])
def test_both_programs_count_right_labels_at_any_threshold(threshold: float, tmp_path: Path) -> None:
    made(tmp_path)
    np.savez(tmp_path / "more.npz", X=POINTS, y=RIGHT)
    text = SPEC.format(parameter="deletions", count=2, bar=1).replace("stable_p", "correct_p")
    text = text.replace("[evaluation]\n", f"[evaluation]\nthreshold = {threshold}\n")
    (tmp_path / "spec.toml").write_text(text, "utf-8")
    certificate = run_audit(tmp_path / "spec.toml")
    weights = load_file(tmp_path / "model.safetensors")
    today = (POINTS[:, 0] * weights["0.weight"][0, 0] + weights["0.bias"][0] > threshold).astype(int)
    (status,) = (x for name, x in load_file(tmp_path / "witness.safetensors").items() if name.endswith(".status"))
    assert certificate["problem"]["threshold"] == threshold
    assert certificate["claims"][0]["upper"] == ((status != 1) & (today == RIGHT)).sum()
    assert check(tmp_path / "certificate.json", NONE).verdict == certificate["verdict"]


@pytest.mark.parametrize(("of", "given"), [
    (head(), None), (head(), array(3, values=(0, 1, 1))), (head(), array(2, values=(0, 2))),
    (head(), array(2, values=(0, -1))), (head(), array(2, values=(0.5, 1))),
    (head(threshold=0.5, targets=(0.0, 2.0)), array(2, values=(0.5, 1))),
    (head(targets=(0.0, 2.0)), array(2, values=(0, 1))),
    (head(3), array(2, values=(3, 0))), (head(3), array(2, values=(0.5, 0))), (head(3), array(2, values=(-1, 0))),
    (head(3), array(2, 3, values=(1, 1, 0, 0, 0, 1))), (head(3), array(2, 2, values=(1, 0, 0, 1))),
])
def test_labels_that_are_none_are_refused(of: Any, given: Array | None) -> None:
    with pytest.raises(Invalid):
        right_labels(of, given)
