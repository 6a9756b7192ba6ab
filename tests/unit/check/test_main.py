"""The command line: lines, statuses, thresholds of the caller, and what is imported."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from certify.check import run as module
from certify.check.main import main
from tests.families import emitter
from tests.families.check_cases import plain

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def path(tmp_path) -> Path:
    gates = [{"quantity": "modulus", "max": 2.5}, {"quantity": "sample_modulus", "max": 1.0}]
    certificate = emitter.emit(plain(gates=gates), tmp_path)
    modulus, samples = certificate["claims"]
    assert modulus["verdict"] == "certified" and samples["verdict"] == "refuted"
    return emitter.write(certificate, tmp_path)


@pytest.mark.parametrize("flags, status, word", [
    ([], 3, "refuted"),
    (["--max", "sample_modulus=3"], 0, "certified"),
    (["--max", "sample_modulus=3", "--max", "modulus=2"], 3, "refuted"),
    (["--max", "sample_modulus=3", "--min", "modulus=2"], 0, "certified"),
    (["--max", "sample_modulus=3", "--min", "modulus=1e9"], 3, "refuted"),
    (["--min", "sample_modulus=1", "--max", "sample_modulus=3", "--quiet"], 0, "certified"),
])
def test_thresholds_of_the_caller(flags, status, word, path, capsys):
    assert main([str(path), *flags]) == status
    out, err = capsys.readouterr()
    assert out.count("\n") == 1 and out.startswith(word + " ")
    for flag in flags[1::2]:
        quantity, value = flag.split("=")
        assert f"{quantity} {'≤' if '--max' in flags[flags.index(flag) - 1] else '≥'} {float(value)!r}" in out
    assert ("command line" in out) == bool(flags)
    assert bool(err) == ("--quiet" not in flags)


def test_a_threshold_inside_the_enclosure_is_open(tmp_path, capsys):
    certificate = emitter.emit(plain(gates=[{"quantity": "modulus", "max": 1e3}]), tmp_path)
    upper = certificate["claims"][0]["upper"]
    path = emitter.write(certificate, tmp_path)
    middle = (certificate["claims"][0]["lower"] + upper) / 2
    assert main([str(path), f"--max=modulus={middle!r}"]) == 4
    assert capsys.readouterr().out.startswith("inconclusive modulus ≤ ")
    assert main([str(path), f"--max=modulus={upper!r}"]) == 0
    assert main([str(path), f"--max=modulus={math.nextafter(upper, 0)!r}"]) == 4


@pytest.mark.parametrize("flags, word", [
    (["--max", "modulus"], "QUANTITY=VALUE"), (["--max", "volume=1"], "QUANTITY=VALUE"),
    (["--max", "modulus=nan"], "finite"), (["--min", "modulus=inf"], "finite"), (["--max", "modulus="], "finite"),
    (["--min", "stable_predictions=0.95"], "whole ones"), (["--min", "correct_predictions=95%"], "a share is read by"),
    (["--max", "stable_predictions=11.5"], "whole ones"), (["--max", "modulus=95%"], "is not a finite number"),
    (["--wat"], "unrecognized"), (["--mod", "x"], "unrecognized"), (["--max"], "expected one argument"),
])
def test_wrong_command_lines(flags, word, path, capsys):
    assert main([str(path), *flags]) == 2
    out, err = capsys.readouterr()
    assert not out and word in err and err.count("\n") == 1


def test_a_threshold_on_what_is_not_claimed_is_a_usage_error(tmp_path, capsys):
    path = emitter.write(emitter.emit(plain(gates=[{"quantity": "modulus", "max": 9}]), tmp_path), tmp_path)
    assert main([str(path), "--max", "sample_modulus=1"]) == 2
    assert "no claim on sample_modulus" in capsys.readouterr().err
    assert main([]) == 2


def test_invalid_is_one_line_and_status_2(path, capsys):
    data = path.parent / "data.npz"
    data.write_bytes(data.read_bytes() + b"x")
    assert main([str(path)]) == 2
    out, _ = capsys.readouterr()
    assert out.startswith("invalid data file ") and out.count("\n") == 1
    assert main([str(path), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "invalid" and "data.npz" in found["where"]
    assert main([str(path.parent / "none\n.json")]) == 2
    assert capsys.readouterr().out.count("\n") == 1
    path.write_text(json.dumps(json.loads(path.read_bytes())))
    assert main([str(path)]) == 2
    out, _ = capsys.readouterr()
    assert "the file was changed after it was written" in out and out.count("\n") == 1


def test_json(path, capsys):
    assert main([str(path), "--json", "--max", "sample_modulus=3"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert (found["format"], found["verdict"], found["gates"]) == ("certify/1", "certified", "met")
    assert [c["quantity"] for c in found["claims"]] == ["modulus", "sample_modulus"]
    assert found["claims"][1]["max"] == 3.0 and found["claims"][1]["gate"] == "met"
    assert set(found["base"]) == {"residual", "distance"}
    assert "certified modulus" in err


def test_merged_rows_are_said_aloud(tmp_path, capsys):
    case = plain(merge=True)
    case.X[2] = case.X[0]
    path = str(emitter.write(emitter.emit(case, tmp_path), tmp_path))
    assert main([path, "--merge-duplicates"]) == 0
    out = capsys.readouterr().out
    assert "equal rows count as one [" in out and out.startswith("certified")
    assert main([path]) == 4
    out = capsys.readouterr().out
    assert "equal rows count as one; nothing is decided" in out and "--merge-duplicates" in out


def test_warnings_do_not_change_the_status(tmp_path, capsys):
    gates = [{"quantity": "modulus", "max": 1e-3, "severity": "warn"}, {"quantity": "modulus", "max": 1e3}]
    path = emitter.write(emitter.emit(plain(gates=gates), tmp_path), tmp_path)
    assert main([str(path)]) == 0
    assert capsys.readouterr().out.startswith("refuted modulus ≤ 0.001 failed")
    assert main([str(path), "--max", "modulus=1e-3"]) == 3


def test_interrupted(path, monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "check_claims", interrupt)
    assert main([str(path)]) == 130
    assert not capsys.readouterr().out


def test_help_leaves_with_status_0(capsys):
    with pytest.raises(SystemExit) as leave:
        main(["--help"])
    assert leave.value.code == 0
    assert "--max" in capsys.readouterr().out


def process(*arguments: str, code: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code] if code else [sys.executable, "-m", "certify.check"]
    return subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
                            env=os.environ | {"PYTHONPATH": str(ROOT)}, preexec_fn=_listen)


def _listen() -> None:
    """Undo what a shell does to the jobs it puts in the background: they ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_the_checker_is_alone(path):
    """It imports the standard library and python-flint; of certify only itself and the format."""
    code = ("import runpy, sys\nsys.argv[0] = 'certify.check'\n"
            "try: runpy.run_module('certify.check', run_name='__main__', alter_sys=True)\n"
            "finally: print(*sys.modules, sep='\\n', file=sys.stderr)")
    child = process(str(path), "--quiet", code=code)
    out, err = child.communicate(timeout=120)
    assert child.returncode == 3 and out.startswith("refuted")
    loaded = set(err.split())
    assert "certify.check.main" in loaded and "flint" in loaded
    certify = {name for name in loaded if name.split(".")[0] == "certify"}
    own = ("certify.check", "certify.format")
    assert {name for name in certify if name != "certify" and not name.startswith(own)} == set()
    outside = {name.split(".")[0] for name in loaded} - sys.stdlib_module_names - {"certify", "flint"}
    harmless = ("_", "cython", "sitecustomize", "usercustomize", "distutils")  # of the interpreter and of flint
    allowed = {name for name in outside if name.startswith(harmless)}
    assert outside == allowed, f"imported from outside: {outside - allowed}"


def test_the_sources_import_nothing_else():
    import ast

    for source in (ROOT / "certify" / "check").rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                top = name.split(".")[0]
                known = top in sys.stdlib_module_names | {"flint"} or name.startswith(
                    ("certify.check", "certify.format"))
                assert known, f"{source}: {name}"


def test_ctrl_c_in_the_middle(tmp_path):
    """A claim that would keep the checker busy for a while, since its kernel is singular."""
    rng = np.random.default_rng(0)
    case = emitter.Case([rng.normal(size=(40, 5)), rng.normal(size=(1, 40))], [None, None], "tanh",
                        rng.normal(size=(300, 5)), None)
    certificate = emitter.emit(plain(y=None), tmp_path)
    emitter.write_files(case, tmp_path)
    certificate["subject"] = {role: emitter.record(tmp_path / name, name) for role, name in (
        ("spec", "spec.toml"), ("model", "model.safetensors"), ("data", "data.npz"))}
    certificate["problem"] |= {"widths": [5, 40, 1], "biases": [False, False], "n": 300, "inputs": 5, "outputs": 1,
                               "parameters": 240, "equations": 300}
    certificate["claims"][0] |= {"lower": None, "witness": {}}
    child = process(str(emitter.write(certificate, tmp_path)))
    assert child.stderr is not None
    for line in child.stderr:
        if "128-bit" in line:
            child.send_signal(signal.SIGINT)
            break
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (130, ""), err


def test_a_folder_is_no_certificate(tmp_path, capsys):
    assert main([str(tmp_path), "-q"]) == 2
    said = capsys.readouterr().out
    assert "it is a folder" in said and "certificate.json" not in said
    (tmp_path / "certificate.json").write_text("{}", encoding="utf-8")
    assert main([str(tmp_path), "-q"]) == 2
    said = capsys.readouterr().out
    assert "it is a folder; check " in said and str(tmp_path / "certificate.json") in said


def test_a_plain_terminal_gets_its_line(path):
    child = subprocess.run(
        [sys.executable, "-m", "certify.check", str(path), "--quiet"], capture_output=True, cwd=ROOT, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"})
    assert child.returncode == 3
    assert child.stdout.startswith(rb"refuted sample_modulus \u2264 1.0 failed (proved in [")


def test_starting_is_quick(path):
    start = time.perf_counter()
    child = process(str(path))
    child.communicate(timeout=60)
    assert time.perf_counter() - start < 5
