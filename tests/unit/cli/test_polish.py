"""`certify polish` from end to end: statuses, what is written, what is refused, and Ctrl-C."""

from __future__ import annotations

import json
import tomllib

import numpy as np
import pytest
from safetensors.numpy import load_file

from certify.certificate import polished
from certify.cli.main import main
from tests.families.small import SPEC, features, files, gate, write

CRITICAL = SPEC + """\
[training]
loss = "logistic"
weight_decay = 0.02  # a true penalty
[solution]
map = "critical"
base = "nearby"
[perturbation]
parameter = "sample_weights"
"""
LABELS = (features()[:, 0] + features()[:, 1] > 0).astype(np.int64)


@pytest.fixture
def call(capsys):
    def call(*arguments):
        status = main([str(a) for a in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


def made(folder, spec=CRITICAL):
    return write(folder, spec, X=features(), y=LABELS)


def test_stopped_early_polished_and_proved(tmp_path, call):
    spec = made(tmp_path)
    before = files(tmp_path)
    status, out, err = call("run", spec, "-o", tmp_path / "early")
    assert status == 4 and "the weights are not at a critical point of the stated loss" in err
    assert "certify polish SPEC" in err and "kink" not in err
    status, out, _ = call("run", spec, "--plan")
    assert status == 0 and "closeness" in out and "certify polish SPEC" in out
    assert json.loads(call("run", spec, "--plan", "--json")[1])["closeness"].startswith("the weights are not at")
    status, out, err = call("polish", spec)
    assert status == 0 and out.startswith("polished: loss ") and out.count("\n") == 1
    new = tmp_path / "polished"
    assert set(files(new)) == {"polished.safetensors", "certify.toml", "polish.json"}
    assert all(files(tmp_path)[name] == content for name, content in before.items())
    document = tomllib.loads((new / "certify.toml").read_text("utf-8"))
    assert document["model"]["file"] == "polished.safetensors" and document["data"]["file"] == "../train.npz"
    assert "# a true penalty" in (new / "certify.toml").read_text("utf-8")
    assert sorted(load_file(new / "polished.safetensors")) == ["0.bias", "0.weight", "2.bias", "2.weight"]
    status, out, _ = call("run", new / "certify.toml")
    assert status == 0 and out.startswith("certified modulus proved in [")
    assert "are about at a critical point" in call("run", new / "certify.toml", "--plan")[1]
    assert call("check", new / "certificate.json")[0] == 0


def test_the_last_layer_as_json_and_elsewhere(tmp_path, call):
    status, out, err = call("polish", made(tmp_path), "--layer", "last", "-o", tmp_path / "a" / "b", "--json")
    figures = json.loads(out)
    assert status == 0 and figures["layer"] == 2 and figures["reached"]
    assert "give solution.layer = 2" in err
    document = tomllib.loads((tmp_path / "a" / "b" / "certify.toml").read_text("utf-8"))
    assert document["data"]["file"] == "../../train.npz"
    status, out, err = call("polish", made(tmp_path), "--layer", "last", "-q")
    assert status == 0 and not err


def test_no_minimiser_is_status_4_and_still_written(tmp_path, call):
    X = features()
    spec = write(tmp_path, CRITICAL.replace("0.02", "0.0"), X=X, y=(X[:, 0] > 0).astype(np.int64))
    status, out, _ = call("polish", spec)
    assert status == 4 and "no minimiser" in out and "weights grow" in out
    assert (tmp_path / "polished" / "polished.safetensors").exists()
    status, _, err = call("run", spec)
    assert status == 4


def test_what_is_refused_leaves_nothing_behind(tmp_path, call):
    spec = made(tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "polished.safetensors").write_bytes(b"mine")
    before = files(tmp_path)
    for arguments, words in (
        (("-o", tmp_path / "there"), "polished.safetensors is there already"),
        (("-o", tmp_path), "certify.toml is there already"),
        (("--layer", "first"), "use last or all"), (("-o", spec), "a file"),
    ):
        status, out, err = call("polish", spec, *arguments)
        assert (status, out) == (2, "") and words in err
        assert files(tmp_path) == before
    status, _, err = call("polish", write(tmp_path, SPEC + gate(max=1.0)))
    assert status == 2 and "exact fits" in err and not (tmp_path / "polished").exists()


def test_ctrl_c_leaves_nothing_half_written(tmp_path, call, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(polished, "minimise", interrupted)
    status, _, err = call("polish", made(tmp_path))
    assert status == 130 and "interrupted" in err and not (tmp_path / "polished").exists()


def test_words_that_explain_it(call):
    for word in ("AdamW", "polish", "critical point", "decoupled", "weight decay"):
        status, out, _ = call("explain", word)
        assert status == 0 and out
    assert "no penalty" in " ".join(call("explain", "weight decay")[1].split())
