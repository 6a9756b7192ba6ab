"""Audits of graphs: whole rows are asked about for the last layer, and the sentences say that the rest is held."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from certify import audit, from_module, leave_one_out, stable_predictions
from certify.check.main import main as check
from certify.cli.main import main
from certify.format.errors import InputError
from tests.families.graph_heads import transformer, write
from tests.families.onnx_bytes import model, node
from tests.oracles.graph import Builder
from tests.unit.inputs.onnx.test_onnx_graph import IMAGE, image

HELD = "the last layer alone trained again (every layer before it held as it is)"
TOLD = ["--loss", "cross_entropy", "--weight-decay", "0.1", "--seconds", "20", "-q"]


def answers(folder: Path) -> str:
    return " ".join(answer["sentence"] if "sentence" in answer else json.dumps(answer)
                    for answer in json.loads((folder / "audit.json").read_text())["answers"])


def test_a_graph_file_is_asked_about_rows_and_labels(tmp_path, capsys) -> None:
    rng = np.random.default_rng(4)
    net = transformer(rng)
    X = rng.normal(size=(9, 12))
    write(tmp_path, net, X, np.arange(9) % 3, X[:4])
    out = tmp_path / "out"
    told = [str(tmp_path / "model.safetensors"), str(tmp_path / "rows.npz"), "--graph", str(tmp_path / "graph.json")]
    status = main(["audit", *told, *TOLD, "-o", str(out), "--ask", "rows deleted", "--ask", "labels wrong",
                   "--ask", "which rows matter"])
    said = capsys.readouterr().out
    assert status in (0, 3, 4) and said.count(HELD) >= 3
    assert 'layer = "last"' in (out / "certify.toml").read_text()
    for path in out.rglob("certificate.json"):
        assert check([str(path), "--quiet"]) in (0, 3, 4)
    assert HELD in (out / "audit.html").read_text()


def test_a_graph_that_ends_otherwise_says_why_not(tmp_path, capsys) -> None:
    b = Builder(np.random.default_rng(1), (2, 3))
    b.add("mean_tokens")
    b.linear(3)
    b.add("times", factor=2.0)
    X = np.random.default_rng(2).normal(size=(6, 6))
    write(tmp_path, b.network(), X, np.arange(6) % 3, X)
    main(["audit", str(tmp_path / "model.safetensors"), str(tmp_path / "rows.npz"), "--graph",
          str(tmp_path / "graph.json"), *TOLD, "-o", str(tmp_path / "out"), "--ask", "rows deleted"])
    said = capsys.readouterr()
    assert "its output is that of the node 'n2' (times), and no linear one" in said.out + said.err


def test_an_onnx_file_that_is_no_chain_is_audited_as_it_is(tmp_path, capsys) -> None:
    rng = np.random.default_rng(4)
    (tmp_path / "m.onnx").write_bytes(image())
    np.savez(tmp_path / "d.npz", X=rng.normal(size=(8, 1, 6, 6)), y=np.arange(8) % 4)
    np.savez(tmp_path / "e.npz", X=rng.normal(size=(3, 1, 6, 6)), y=np.arange(3))
    asked = ["audit", str(tmp_path / "m.onnx"), str(tmp_path / "d.npz"), "--eval", str(tmp_path / "e.npz"),
             "-o", str(tmp_path / "out"), "--ask", "rows deleted"]
    assert main(["audit", str(tmp_path / "m.onnx"), str(tmp_path / "d.npz")]) == 2
    assert "--weight-decay" in capsys.readouterr().err
    assert main([*asked, *TOLD]) in (0, 3, 4)
    assert HELD in capsys.readouterr().out
    assert check([str(tmp_path / "out" / "certificate.json"), "--quiet"]) in (0, 3, 4)
    assert main([*asked, *TOLD, "--activation", "relu"]) == 2


def test_an_onnx_file_that_ends_in_another_operation_is_refused(tmp_path, capsys) -> None:
    steps = [node("Gemm", ["x", "w", "b"], "a", transB=1), node("Tanh", ["a"], "y")]
    (tmp_path / "m.onnx").write_bytes(model(steps, {"w": IMAGE["wl"], "b": IMAGE["bl"]}, dims=(0, 3)))
    np.savez(tmp_path / "d.npz", X=np.eye(3), y=np.arange(3))
    assert main(["audit", str(tmp_path / "m.onnx"), str(tmp_path / "d.npz"), *TOLD, "-o", str(tmp_path / "out")]) == 2
    assert "no linear one" in capsys.readouterr().err


def module(nn: Any) -> Any:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0, activation="gelu", batch_first=True)
            self.fc = nn.Linear(4, 3)

        def forward(self, x: Any) -> Any:
            return self.fc(self.block(x).mean(1))

    return Net()


def test_a_module_whose_features_are_enclosed_gives_what_its_floats_give(tmp_path) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    net, rng = module(torch.nn).eval(), np.random.default_rng(3)
    X, y = rng.normal(size=(9, 3, 4)).astype("f4"), np.arange(9) % 3
    points = rng.normal(size=(4, 3, 4)).astype("f4")
    told: dict[str, Any] = {"loss": "cross_entropy", "weight_decay": 0.1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        plain = from_module(net, X, y, **told)
        a, b = stable_predictions(plain, points, delete=1), leave_one_out(plain, points)
    with pytest.warns(UserWarning, match="with every layer before it held as it is; its features are enclosed"):
        problem = from_module(net, X, y, **told, features="enclosed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert repr(stable_predictions(problem, points, delete=1)) == repr(a)
        assert repr(leave_one_out(problem, points)) == repr(b)
        found = audit(problem, X_eval=points, delete=1, seconds=20, folder=tmp_path / "out")
    assert HELD in str(found)
    assert check([str(tmp_path / "out" / "certificate.json"), "--quiet"]) in (0, 3, 4)
    with pytest.raises(InputError, match="the last layer is taken"):
        from_module(net, X, y, **told, features="enclosed", layer="all")
    with pytest.raises(InputError, match="use 'float64' or 'enclosed'"):
        from_module(net, X, y, **told, features="exact")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no linear one"):
        from_module(torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh()), X[:, 0], y, **told,
                    features="enclosed")
