"""A network into which BatchNorm was folded is marked in certificate, report and advice; the checker wants false."""

from __future__ import annotations

import json

import numpy as np
import pytest

from certify.certificate import canonical_bytes, read_certificate, seal
from certify.check.main import check
from certify.cli.main import main
from certify.format.refusal import Invalid
from tests.families.check_cases import NO_FILES
from tests.families.onnx_bytes import model, node
from tests.families.small import SPEC, gate, tensors, write

WORDS = "the claim is about the folded parameters (rounded to float64), not about those of the network before export"


def onnx(norm: bool) -> bytes:
    """The small network, with or without a BatchNorm behind its first layer."""
    rng, made = np.random.default_rng(2), tensors()
    made |= {"scale": rng.uniform(0.5, 2, 8), "shift": rng.standard_normal(8), "mean": rng.standard_normal(8),
             "variance": rng.uniform(0.5, 2, 8)}
    nodes = [node("Gemm", ["x", "0.weight", "0.bias"], "a", transB=1)]
    nodes += [node("BatchNormalization", ["a", "scale", "shift", "mean", "variance"], "n")] if norm else []
    nodes += [node("Tanh", ["n" if norm else "a"], "t"), node("Gemm", ["t", "2.weight", "2.bias"], "y", transB=1)]
    return model(nodes, made)


@pytest.mark.parametrize("norm", [True, False])
def test_run_says_it_everywhere(norm, tmp_path, capsys):
    spec = write(tmp_path, SPEC.replace("model.safetensors", "net.onnx") + gate(max=1e6))
    (tmp_path / "net.onnx").write_bytes(onnx(norm))
    assert main(["run", str(spec)]) == 0
    said, page = capsys.readouterr().err, (tmp_path / "report.html").read_text(encoding="utf-8")
    assert read_certificate(tmp_path / "certificate.json")["problem"]["reparameterised"] is norm
    assert (f"note: reparameterised: {WORDS}" in said.splitlines()) is norm
    assert (f"The c{WORDS[5:]}" in " ".join(page.split())) is norm


def test_the_checker_demands_false(tmp_path):
    assert main(["run", str(write(tmp_path)), "-q"]) == 0
    path = tmp_path / "certificate.json"
    made = json.loads(path.read_bytes())
    assert made["problem"]["reparameterised"] is False and check(path, NO_FILES)
    for value in (True, None, 0, "false"):
        made["problem"]["reparameterised"] = value
        path.write_bytes(canonical_bytes(seal(made)))
        with pytest.raises(Invalid, match="reparameterised"):
            check(path, NO_FILES)
    del made["problem"]["reparameterised"], made["problem"]["radius"]  # as before there were these members
    path.write_bytes(canonical_bytes(seal(made)))
    assert check(path, NO_FILES) and main(["report", str(path)]) == 0
