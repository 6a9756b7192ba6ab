"""A spec of an audit is no gate on a new model: its files were made from others, which may have changed since."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from certify.auditing.spec_run import run_audit
from certify.cli.main import main
from certify.format.errors import InputError
from tests.unit.auditing.test_about import files

pytest.importorskip("skops.io")


@pytest.fixture
def audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert main(["audit", *files(tmp_path), "--ask", "rows deleted", "-q"]) == 0
    return tmp_path


@pytest.mark.parametrize("name", ["m.skops", "train.csv", "more.csv"])
def test_a_spec_refuses_once_what_it_was_made_from_is_another_file(audited: Path, name: str, capsys) -> None:
    spec = str(audited / "o" / "certify.toml")
    assert main(["run", spec, "-o", "out", "-q"]) == 0
    assert "made of" not in capsys.readouterr().err
    with (audited / name).open("ab") as file:
        file.write(b"\n")
    shutil.rmtree(audited / "out")
    assert main(["run", spec, "-o", "out", "-q"]) == 2
    said = capsys.readouterr()
    assert f"was made from {name}, and {name} is another file now; audit anew: certify audit" in said.err
    assert not said.out and not (audited / "out" / "certificate.json").exists()
    with pytest.raises(InputError, match="is another file now"):
        run_audit(spec, audited / "out")
    assert main(["run", spec, str(audited / "o"), "-o", "out", "-q"]) == 2  # several specs
    assert main(["run", spec, "-o", "out", "-q", "--copies"]) == 0
    assert f"the answer is about what the audit made of {name}, though" in capsys.readouterr().err


def test_a_proof_that_is_kept_is_no_answer_about_a_new_model(audited: Path) -> None:
    run = ["run", str(audited / "o" / "certify.toml"), "-o", "out", "-q", "--cache", "cache"]
    assert main(run) == main(run) == 0
    (audited / "m.skops").write_bytes(b"another")
    assert main(run) == 2


def test_files_that_are_not_found_are_named(audited: Path, capsys) -> None:
    for name in ("m.skops", "more.csv"):
        (audited / name).unlink()
    assert main(["run", str(audited / "o" / "certify.toml"), "-q"]) == 0
    assert "the answer is about what the audit made of m.skops, more.csv, not found here" in capsys.readouterr().err


def test_a_model_is_found_in_a_folder_beside_the_audit(audited: Path) -> None:
    (audited / "models").mkdir()
    (audited / "m.skops").rename(audited / "models" / "m.skops")
    assert main(["run", "o/certify.toml", "-q"]) == 0
    (audited / "models" / "m.skops").write_bytes(b"another")
    assert main(["run", "o/certify.toml", "-q"]) == 2
    (audited / "m.skops").write_bytes(b"a third")  # and the nearest counts
    (audited / "models" / "m.skops").unlink()
    assert main(["run", "o/certify.toml", "-q"]) == 2


def test_the_copies_of_another_audit_are_no_originals(tmp_path: Path, monkeypatch, capsys) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    monkeypatch.chdir(tmp_path)
    assert main(["audit", *files(tmp_path), "--ask", "rows deleted", "-q"]) == 0
    (tmp_path / "o").rename(tmp_path / "first")
    shutil.copytree("first", "second")
    text = (tmp_path / "first" / "certify.toml").read_text()
    named = text.replace('name = "m.skops"', 'name = "model.safetensors"')
    assert named != text
    (tmp_path / "first" / "certify.toml").write_text(named)
    save_file({"coef": np.ones(2)}, tmp_path / "second" / "model.safetensors")
    assert main(["run", "first/certify.toml", "-q"]) == 0
    assert "made of model.safetensors, not found here" in capsys.readouterr().err


@pytest.mark.parametrize("more", [(), ("--copies",)])
def test_a_copy_that_the_audit_did_not_write_so_is_refused(audited, more, capsys) -> None:
    """One bit of the data beside a spec makes the answer one about other rows than it states."""
    path = audited / "o" / "data.safetensors"
    before = path.read_bytes()
    assert main(["run", "o/certify.toml", "-q", *more]) == 0
    path.write_bytes(before[:-9] + bytes([before[-9] ^ 1]) + before[-8:])
    (audited / "o" / "inner").mkdir()
    text = (audited / "o" / "certify.toml").read_text().replace('file = "', 'file = "../')
    (audited / "o" / "inner" / "certify.toml").write_text(text)
    for place in ("o", "o/inner"):
        capsys.readouterr()
        assert main(["run", f"{place}/certify.toml", "-q", *more]) == 2
        assert "o/data.safetensors was changed since the audit wrote it" in capsys.readouterr().err
    path.write_bytes(before)
    assert main(["run", "o/certify.toml", "-q", *more]) == 0
