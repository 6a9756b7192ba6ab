"""Models that checkers do not read are written once more; what is bound is what was computed with, and it checks."""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from certify.certificate import read_certificate
from certify.check.main import check
from certify.cli.main import main
from certify.format.refusal import Invalid
from certify.inputs.model import read_network
from certify.spec.load import load_spec
from tests.families import onnx_bytes
from tests.families.check_cases import NO_FILES
from tests.families.onnx_bytes import model, node, put
from tests.families.small import SPEC, gate, tensors, write

NAMES = {"model": "net.canonical.safetensors", "spec": "certify.canonical.toml"}


def onnx() -> bytes:
    return model([node("Gemm", ["x", "0.weight", "0.bias"], "a", transB=1), node("Tanh", ["a"], "t"),
                  node("Gemm", ["t", "2.weight", "2.bias"], "y", transB=1)], tensors())


def run(folder: Path, *more: str) -> Any:
    spec = write(folder, SPEC.replace("model.safetensors", "net.onnx") + gate(max=1e6))
    (folder / "net.onnx").write_bytes(onnx())
    assert main(["run", str(spec), "-q", *more]) == 0
    return spec


def test_the_certificate_is_about_the_files_that_were_written(tmp_path: Path) -> None:
    spec = run(tmp_path)
    made = read_certificate(tmp_path / "certificate.json")
    assert {role: made["subject"][role]["path"] for role in NAMES} == NAMES and check(
        tmp_path / "certificate.json", NO_FILES)
    assert {name: array.tolist() for name, array in load_file(tmp_path / NAMES["model"]).items()} == {
        name: array.tolist() for name, array in tensors().items()}
    given, wanted = (tomllib.loads((tmp_path / name).read_text(encoding="utf-8"))
                     for name in (NAMES["spec"], spec.name))
    assert given == wanted | {"model": wanted["model"] | {"file": NAMES["model"]}}
    assert made["environment"]["read_from"]["model"]["path"] == "net.onnx"
    assert made["environment"]["read_from"]["spec"]["path"] == "certify.toml"
    again = read_network(load_spec(tmp_path / NAMES["spec"]), tmp_path)
    assert (again.weights[0] == read_network(load_spec(spec), tmp_path).weights[0]).all()


def test_what_was_written_runs_to_the_same_claims(tmp_path: Path) -> None:
    run(tmp_path)
    before = read_certificate(tmp_path / "certificate.json")
    assert main(["run", str(tmp_path / NAMES["spec"]), "-q"]) == 0
    after = read_certificate(tmp_path / "certificate.json")
    assert all(before[key] == after[key] for key in ("claims", "problem", "subject"))
    assert "read_from" not in after["environment"]


def test_it_checks_from_another_folder(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "deep" / "out"
    source.mkdir()
    run(source, "-o", str(out))
    assert sorted(p.name for p in out.iterdir()) == sorted(["certificate.json", "report.html", *NAMES.values()])
    assert check(out / "certificate.json", NO_FILES)
    assert not (source / NAMES["model"]).exists()


def test_another_number_in_it_is_invalid(tmp_path: Path) -> None:
    run(tmp_path)
    path = tmp_path / NAMES["model"]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(Invalid, match="model"):
        check(tmp_path / "certificate.json", NO_FILES)


def test_tensors_beside_an_onnx_file_are_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = write(tmp_path, SPEC.replace("model.safetensors", "net.onnx") + gate(max=1e6))
    weight = tensors()["0.weight"]
    said = put(13, put(1, "location") + put(2, "net.data")) + put(14, 1)
    (tmp_path / "net.data").write_bytes(weight.tobytes())
    plain = onnx_bytes.tensor
    monkeypatch.setattr(onnx_bytes, "tensor", lambda name, array: plain(name, array).replace(
        put(9, weight.tobytes()), said))
    (tmp_path / "net.onnx").write_bytes(onnx())
    assert main(["run", str(spec), "-q"]) == 0 and check(tmp_path / "certificate.json", NO_FILES)
    origin = read_certificate(tmp_path / "certificate.json")["environment"]["read_from"]
    assert origin["model data net.data"]["bytes"] == weight.nbytes


def test_tensors_beside_a_folded_model_are_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """BatchNorm is folded, so the certificate is about the .onnx file, whose bytes do not hold the numbers."""
    spec = write(tmp_path, SPEC.replace("model.safetensors", "net.onnx") + gate(max=1e6))
    weight, width = tensors()["0.weight"], len(tensors()["0.weight"])
    said = put(13, put(1, "location") + put(2, "net.data")) + put(14, 1)
    (tmp_path / "net.data").write_bytes(weight.tobytes())
    plain = onnx_bytes.tensor
    monkeypatch.setattr(onnx_bytes, "tensor", lambda name, array: plain(name, array).replace(
        put(9, weight.tobytes()), said))
    norm = {f"n.{at}": np.full(width, value) for at, value in enumerate((1.0, 0.0, 0.0, 1.0))}
    (tmp_path / "net.onnx").write_bytes(model([
        node("Gemm", ["x", "0.weight", "0.bias"], "a", transB=1), node("BatchNormalization", ["a", *norm], "b"),
        node("Tanh", ["b"], "t"), node("Gemm", ["t", "2.weight", "2.bias"], "y", transB=1)], tensors() | norm))
    assert main(["run", str(spec), "-q"]) == 0
    made = read_certificate(tmp_path / "certificate.json")
    assert made["subject"]["model"]["path"] == "net.onnx" and made["problem"]["reparameterised"]
    assert made["environment"]["read_from"] == {"model data net.data": {
        "path": "net.data", "sha256": hashlib.sha256(weight.tobytes()).hexdigest(), "bytes": weight.nbytes}}


def test_nothing_is_written_for_a_model_that_is_read_or_a_spec_of_that_name(tmp_path: Path) -> None:
    assert main(["run", str(write(tmp_path, SPEC + gate(max=1e6))), "-q"]) == 0
    assert not list(tmp_path.glob("*.canonical.*"))
    (tmp_path / "net.onnx").write_bytes(onnx())
    text = SPEC.replace("model.safetensors", "net.onnx").replace("train.npz", "net.canonical.safetensors")
    data = np.load(tmp_path / "train.npz")
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(data[name]) for name in data.files}, tmp_path / "net.canonical.safetensors")
    before = (tmp_path / "net.canonical.safetensors").read_bytes()
    (tmp_path / "certify.toml").write_text(text + gate(max=1e6), encoding="utf-8")
    assert main(["run", str(tmp_path / "certify.toml"), "-q"]) == 0
    assert (tmp_path / "net.canonical.safetensors").read_bytes() == before
    assert json.loads((tmp_path / "certificate.json").read_bytes())["subject"]["model"]["path"] == "net.onnx"


@pytest.mark.parametrize("name", NAMES.values())
def test_what_no_run_has_written_stays(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path)
    run(tmp_path)
    (tmp_path / name).write_bytes(b"mine")
    (tmp_path / "certificate.json").unlink()
    assert main(["run", str(tmp_path / "certify.toml"), "-q"]) == 2
    assert "something that certify run has not written" in capsys.readouterr().err
    assert (tmp_path / name).read_bytes() == b"mine" and not (tmp_path / "certificate.json").exists()
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    assert main(["run", str(tmp_path / "certify.toml"), "-q"]) == 2
    assert "move it, or use -o" in capsys.readouterr().err


def test_a_folder_whose_name_is_no_text_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    try:
        source.mkdir()
    except OSError:
        pytest.skip("names of files are text here")
    spec = write(source, SPEC.replace("model.safetensors", "net.onnx") + gate(max=1e6))
    (source / "net.onnx").write_bytes(onnx())
    assert main(["run", str(spec), "-q", "-o", str(tmp_path / "out")]) == 2
    assert "lone surrogate" in capsys.readouterr().err
