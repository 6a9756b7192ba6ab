"""A loss that does not take the outputs of a model: refused where it is said, before anything is asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import certify
from certify.cli.main import main
from certify.format.errors import InputError

X = np.round(np.random.default_rng(7).normal(size=(20, 2)), 3)
Y = np.arange(20) % 2
W = np.round(np.random.default_rng(8).normal(size=(3, 2)), 3)
SPEC = """version = 1
[model]
file = "m.safetensors"
widths = [2, 3]
activation = "identity"
[data]
file = "d.npz"
features = "X"
targets = "y"
[training]
loss = "LOSS"
weight_decay = 0.1
[solution]
map = "critical"
base = "nearby"
[perturbation]
parameter = "deletions"
set = "sparse"
count = 1
[evaluation]
file = "d.npz"
features = "X"
[[gate]]
quantity = "stable_predictions"
min = 1
"""
SAID = "it takes one output, and the network has 3; give cross_entropy, which takes an output for each class"


@pytest.fixture
def files(tmp_path):
    """Three outputs in a file, and two labels in another."""
    safetensors = pytest.importorskip("safetensors.numpy")
    safetensors.save_file({"0.weight": W, "0.bias": np.zeros(3)}, tmp_path / "m.safetensors")
    np.savez(tmp_path / "d.npz", X=X, y=Y)
    return tmp_path


def test_an_audit_refuses_the_logistic_loss_of_several_outputs(files, capsys):
    """It was a crash of the search for refits, with a traceback."""
    status = main(["audit", str(files / "m.safetensors"), str(files / "d.npz"), "--loss", "logistic", "--weight-decay",
                   "0.1", "--ask", "rows deleted", "-o", str(files / "out")])
    out, err = capsys.readouterr()
    assert (status, out, err) == (2, "", f"certify: --loss logistic: {SAID}\n")
    (files / "spec").mkdir()
    status = main(["init", str(files / "spec"), "--model", str(files / "m.safetensors"), "--data", str(files / "d.npz"),
                   "--loss", "logistic", "--weight-decay", "0.1", "--ask", "rows deleted"])
    assert status == 2 and SAID in capsys.readouterr().err and not list((files / "spec").iterdir())


def test_a_run_and_python_refuse_it_and_take_the_loss_that_is_named(files, capsys):
    for loss, status in (("logistic", 2), ("cross_entropy", 0)):
        (files / "certify.toml").write_text(SPEC.replace("LOSS", loss))
        assert (main(["run", str(files / "certify.toml"), "-q"]) == 2) == (status == 2)
        assert (SAID in capsys.readouterr().err) == (status == 2)
    (files / "certify.toml").write_text(SPEC.replace("LOSS", "logistic"))
    with pytest.raises(InputError, match="takes one output, and the network has 3"):
        certify.load_problem(files / "certify.toml")
    with pytest.raises(InputError, match="takes one output, and the network has 3"):
        certify.stable_predictions(certify.from_arrays(W, np.zeros(3), X, Y, loss="logistic", weight_decay=0.1), X,
                                   delete=1)
    made = certify.from_arrays(W, np.zeros(3), X, Y, loss="cross_entropy", weight_decay=0.1)
    with pytest.raises(InputError, match="takes one output, and the network has 3"):
        replace(made, loss="logistic", labels=Y.astype(float))
