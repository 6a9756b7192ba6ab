"""What somebody meets who names nothing, or reads no further: one line, and no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from certify.cli.main import main
from tests.families.small import write

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def call(capsys):
    def call(*arguments):
        status = main([str(a) for a in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


def test_run_without_a_spec_names_what_writes_one(tmp_path, call, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for more in ((), ("--plan",)):
        status, out, err = call("run", *more)
        assert (status, out) == (2, "") and "no certify.toml in this folder" in err and "certify init" in err
    write(tmp_path)
    assert call("run", "-q")[0] == 0


@pytest.mark.parametrize("as_json", [True, False])
def test_a_reader_who_leaves_ends_check_quietly(tmp_path, call, as_json):
    call("run", write(tmp_path))
    running = subprocess.Popen([sys.executable, "-m", "certify", "check", str(tmp_path / "certificate.json"), "-q",
                                *["--json"] * as_json], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               cwd=ROOT)
    running.stdout.close()  # before anything is printed
    said = running.stderr.read()
    running.stderr.close()
    assert running.wait() == 141 and "Error" not in said and "Traceback" not in said
