"""`certify estimate`: a first answer before the rest, and status 5 where the linear system was not solved."""

from __future__ import annotations

import json
import signal
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from certify.cli.main import main
from tests.families.small import files, gate
from tests.families.small_estimate import MODULE, SPEC, write

UNSOLVED = SPEC.replace("cross_entropy", "squared").replace(":make", ":Plain").replace("[5, 0]", "[0]").replace(
    'map = "critical"', 'map = "critical"\nbase = "nearby"')
PLAIN = """
class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.only = nn.Linear(2, 1, bias=False)
    def forward(self, x):
        return self.only(x)
"""


@pytest.fixture
def call(capsys, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))

    def call(*arguments):
        sys.modules.pop(MODULE, None)
        status = main([str(a) for a in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    yield call
    sys.modules.pop(MODULE, None)


def unreachable(folder, second=1.0, extra=""):
    """`f = w·x` whose second feature is 0 on every row: moving it asks for `(w₂, f)·t/2`, whose latter half is out of
    reach: the residual is `1/√(1 + w₂²)`."""
    X = np.array([[1.0, 0.0], [2.0, 0.0]], np.float32)
    spec = write(folder, UNSOLVED + extra, X=X, y=np.zeros((2, 1), np.float32), u=np.array([[0.0, 0.1]], np.float32))
    with (folder / f"{MODULE}.py").open("a", encoding="utf-8") as code:
        code.write(PLAIN)
    save_file({"only.weight": torch.tensor([[1.0, second]])}, folder / "model.safetensors")
    return spec


def test_an_unsolved_system_is_a_failure_on_every_channel(tmp_path, call):
    status, out, err = call("estimate", unreachable(tmp_path))
    assert status == 5 and out.startswith("estimated failed; loss_after")
    assert "failed: the system H was not solved: the relative residual is 0.71, above 0.5" in err
    assert (tmp_path / "estimate.json").exists()  # what was measured stays there to look at
    page = (tmp_path / "estimate.html").read_text(encoding="utf-8")
    body = page[page.index("<body>"):]
    box = body.index('<div class="outcome no">')
    assert box < body.index('class="num"') and "ends with status 5" in body and "status 0" not in body
    status, out, _ = call("estimate", tmp_path / "certify.toml", "--json", "--quiet")
    assert status == 5 and json.loads(out)["failure"].startswith("the system H was not solved")
    assert json.loads(out)["system"]["damping"] == 0 and json.loads(out)["status"].startswith("failed, ")


@pytest.mark.parametrize("extra", [
    gate("residual", max=1.0, rigour="estimated"), gate("residual", max=0.1, rigour="estimated"),
    gate("loss_after", max=1e9),
])
def test_no_gate_outweighs_a_failure(tmp_path, call, extra):
    assert call("estimate", unreachable(tmp_path, extra=extra))[0] == 5
    assert "ends with status 3" not in (tmp_path / "estimate.html").read_text(encoding="utf-8")


def test_half_of_it_answered_is_no_failure(tmp_path, call):
    status, out, err = call("estimate", unreachable(tmp_path, second=4.0))
    assert status == 0 and "failed" not in out + err and "outside the range" in err
    assert json.loads((tmp_path / "estimate.json").read_text())["result"]["failure"] == ""
    assert 'class="outcome no"' not in (tmp_path / "estimate.html").read_text(encoding="utf-8")


def test_the_failure_is_explained_and_listed(call):
    status, out, _ = call("explain", "unsolved")
    assert status == 0 and "exit status 5" in out
    assert "5 an estimate's system" in " ".join(call("--help")[1].replace("│", " ").split())


def test_the_first_answer_is_of_the_moved_rows_and_comes_before_the_rest(tmp_path, call, monkeypatch):
    """Ctrl-C after it: what was printed stays, nothing is written."""
    spec = write(tmp_path)
    status, out, err = call("estimate", spec)
    first = "\nfirst answer, other rows not held yet: mean loss of the moved rows "
    assert status == 0 and first in f"\n{err}"  # on a busy machine the progress stands before it
    start = json.loads((tmp_path / "estimate.json").read_text())["result"]["start"]
    assert f"-> {start['evidence']['loss_after']:.3g}, residual" in err
    assert "first answer" not in call("estimate", spec, "--quiet")[2]
    assert "first answer" not in call("estimate", write(tmp_path, SPEC + '[estimate]\nhold = "moved"\n'))[2]
    write(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # the factory is as new as this second
    before = files(tmp_path)
    module, calls = sys.modules["certify.estimation.estimate"], []
    measure = module.measure

    def second(*arguments, **more):
        calls.append(1)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)
        return measure(*arguments, **more)

    monkeypatch.setattr(module, "measure", second)
    status, out, err = call("estimate", spec)
    assert (status, out) == (130, "") and first in f"\n{err}" and files(tmp_path) == before


def damped(folder, extra=""):
    """A small network with weights of no training, in weight space: its Hessian is indefinite."""
    spec = SPEC.replace("[solution]", "weight_decay = 1e-4\n[solution]")
    return write(folder, spec.replace('"critical"', '"critical"\nbase = "nearby"') + extra)


@pytest.fixture
def large(monkeypatch):
    """Every matrix counts as too large to form."""
    import certify.estimation.solvers.solve as module

    monkeypatch.setattr(module, "MOST_PARAMETERS", 0)


def test_a_chosen_damping_is_said_on_every_channel_and_meets_no_gate(tmp_path, call, large):
    status, out, err = call("estimate", damped(tmp_path))
    found = json.loads((tmp_path / "estimate.json").read_text())
    system = found["result"]["system"]
    assert status == 0 and system["chosen"] and system["damping"] > 0 and system["least_curvature"] < 0
    assert found["options"]["damping"] is None and system["formula"] == f"H + {system['damping']:.3g}·I"
    assert "chosen" in out and "without it" in out and "was chosen here" in err and "twice as much or more" in err
    page = (tmp_path / "estimate.html").read_text(encoding="utf-8")
    assert system["formula"] in page and "chosen by the program" in page and "It changes the question" in page
    assert found["claims"][1]["upper"] == found["result"]["residual"] < 1e-2
    assert system["formula"] in found["claims"][1]["unit"] and system["undamped"] > 0.02
    status, out, _ = call("estimate", damped(tmp_path, gate("residual", max=0.02, rigour="estimated")))
    claim = json.loads((tmp_path / "estimate.json").read_text())["claims"][0]
    assert status == 3 and claim["upper"] == system["undamped"] and "without the damping" in claim["unit"]


def test_a_damping_that_was_given_stays_and_its_gate_is_on_its_system(tmp_path, call, large):
    extra = "[estimate]\ndamping = 10.0\n" + gate("residual", max=0.02, rigour="estimated")
    status, out, _ = call("estimate", damped(tmp_path, extra))
    found = json.loads((tmp_path / "estimate.json").read_text())
    assert status == 0 and found["options"]["damping"] == found["result"]["system"]["damping"] == 10.0
    assert not found["result"]["system"]["chosen"] and "damping 10 (" in out and "chosen" not in out
    call("estimate", damped(tmp_path, "[estimate]\ndamping = 0\n"))
    assert json.loads((tmp_path / "estimate.json").read_text())["result"]["system"]["damping"] == 0
