"""`--jobs` of run, audit and check, and `jobs=` from Python: the same witness, and numbers that are none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import certify
from certify.cli.main import main
from certify.format.errors import InputError
from tests.families.processes import runs
from tests.killed.works import ROOT, head

pytest.importorskip("sklearn")
from sklearn.linear_model import LogisticRegression


def test_a_run_and_its_check_say_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head(tmp_path)
    found = []
    for jobs in ("1", "2"):
        status = main(["run", str(tmp_path / "other.toml"), "-o", str(tmp_path / jobs), "-q", "--jobs", jobs])
        said = capsys.readouterr().out
        checked = main(["check", str(tmp_path / jobs / "certificate.json"), "-q", "--jobs", jobs])
        witness = (tmp_path / jobs / "witness.safetensors").read_bytes()
        found.append((status, checked, said, capsys.readouterr().out, witness))
    assert found[0] == found[1] and found[0][0] in (0, 3, 4)


@pytest.mark.parametrize("jobs", ["0", "-3", "5000"])
@pytest.mark.parametrize("verb", [["run", "other.toml"], ["audit", "model.safetensors", "train.npz"]])
def test_numbers_that_are_none(verb: list[str], jobs: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*verb, "--jobs", jobs]) == 2
    assert "jobs" in capsys.readouterr().err


def test_from_python() -> None:
    rng = np.random.default_rng(3)
    X = np.round(rng.normal(size=(30, 2)), 2)
    y = (X[:, 0] + rng.normal(size=30) > 0).astype(int)
    problem = certify.from_sklearn(LogisticRegression(tol=1e-10).fit(X, y), X, y)
    found = [certify.stable_predictions(problem, X[:9], delete=2, jobs=jobs) for jobs in (1, 2)]
    assert [one.survey.status.tolist() for one in found][0] == found[1].survey.status.tolist()
    for call in (lambda: certify.stable_predictions(problem, X[:9], delete=1, jobs=0),
                 lambda: certify.tolerated_changes(problem, X[:9], "delete", jobs=1.5)):
        with pytest.raises(InputError, match="jobs"):
            call()


SLOW = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test may run where it is ignored
from certify.cli.main import main
from certify.theorems.head.rows.refitted.walk import Walk

honest = Walk.families

def families(self, places, codes, made):
    if not places.shape[1]:  # the first of all is asked alone
        yield from honest(self, places, codes, made)
        return
    os.write(1, f"{os.getpid()}\\n".encode())
    time.sleep(60)

Walk.families = families
Walk.sample = lambda self, families: (1, 1e-9)
from certify.theorems.head.rows.refitted import walk
walk.TOGETHER = 4
sys.exit(main(["run", "other.toml", "-o", "out", "-q", "--jobs", "2"]))
"""


def test_ctrl_c_ends_all_processes_of_a_run(tmp_path: Path) -> None:
    """Every process is sent the signal, as by a terminal."""
    head(tmp_path)
    process = subprocess.Popen([sys.executable, "-c", SLOW], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None and process.stderr is not None
    others = [int(process.stdout.readline()) for _ in range(2)]
    assert process.pid not in others and len(set(others)) == 2
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) == 130
    assert "Traceback" not in process.stderr.read()
    process.stdout.close()
    end = time.monotonic() + 20
    while any(runs(pid) for pid in others) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(runs(pid) for pid in others)
    assert not list((tmp_path / "out").glob("certificate.json"))
