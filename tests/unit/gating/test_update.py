"""`certify baseline update`: explicit, whole or not at all, and only what `certify check` accepts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from certify.certificate.canonical import canonical_bytes, seal
from certify.cli.main import main
from tests.families.small import SPEC, files, gate, tensors, write


@pytest.fixture
def proved(tmp_path: Path) -> Path:
    """A certificate in a folder of its own, beside the spec."""
    spec = write(tmp_path, SPEC + gate(max_increase=0.01))
    assert main(["run", str(spec), "-q", "-o", str(tmp_path / "out")]) == 4
    return tmp_path / "out" / "certificate.json"


def update(*args: object) -> int:
    return main(["baseline", "update", *map(str, args)])


def test_a_worse_model_is_stopped_until_somebody_accepts_it(tmp_path, proved, capsys):
    spec, baseline = tmp_path / "certify.toml", tmp_path / "baseline.json"
    assert update(proved) == 0 and baseline.read_bytes() == proved.read_bytes()
    assert capsys.readouterr().out.splitlines()[-1].startswith("new: modulus [17.78")
    assert update(proved) == 0 and "is this certificate already" in capsys.readouterr().err
    run = ["run", str(spec), "-q", "-o", str(proved.parent), "--baseline", str(baseline)]
    assert main(run) == 0
    write(tmp_path, SPEC + gate(max_increase=0.01), tensors(5))
    assert main(run) == 0 and update(proved) == 0  # a smaller modulus
    assert "better, if the old ends are true" in capsys.readouterr().out
    write(tmp_path, SPEC + gate(max_increase=0.01), tensors(0))
    assert main(run) == 3
    assert update(proved) == 0
    said = capsys.readouterr().out
    assert "the model is another one" in said and "the data is the same" in said
    assert "becomes [17.78707959, 17.7870796]: worse, if the old ends are true" in said
    assert main(run) == 0


@pytest.mark.parametrize("damage", ["claim", "byte", "file"])
def test_what_does_not_check_is_refused_and_the_old_one_stays(tmp_path, proved, capsys, damage):
    assert update(proved) == 0
    if damage == "claim":
        content = json.loads(proved.read_bytes())
        content["claims"][0]["upper"] = content["claims"][0]["lower"] = 1.0
        proved.write_bytes(canonical_bytes(seal(content)))
    elif damage == "byte":
        proved.write_bytes(proved.read_bytes() + b" ")
    else:
        (tmp_path / "model.safetensors").unlink()
    before = files(tmp_path)
    capsys.readouterr()
    assert update(proved) == 2 and files(tmp_path) == before
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("name", [
    "certify.toml", "model.safetensors", "train.npz", "out/certificate.json", "notes.txt"])
def test_no_other_file_is_replaced(tmp_path, proved, capsys, name):
    (tmp_path / "notes.txt").write_text("mine")
    before = files(tmp_path)
    assert update(proved, "--baseline", tmp_path / name) == 2 and files(tmp_path) == before


def test_another_action_is_refused(proved, capsys):
    assert main(["baseline", "delete", str(proved)]) == 2
    assert "use certify baseline update CERT" in capsys.readouterr().err
