"""The GitHub Action, its steps run as a script, and the hooks of pre-commit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from certify.testing.each import main as each
from tests.families.small import SPEC, gate, tensors, write

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).resolve().parents[3]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}


def step(name: str, folder: Path, **values: str) -> int:
    """Run a step's lines with its environment, expressions replaced by the values."""
    env = dict(os.environ) | {"RUNNER_TEMP": str(folder), "GITHUB_OUTPUT": str(folder / "output"),
                              "GITHUB_STEP_SUMMARY": str(folder / "summary"), "PYTHONPATH": str(ROOT)}
    for key, expression in STEPS[name].get("env", {}).items():
        inner = expression.removeprefix("${{ ").removesuffix(" }}")
        given = ACTION["inputs"].get(inner.removeprefix("inputs."), {}).get("default")
        env[key] = values[inner] if inner in values else given
    return subprocess.run(["bash", "-e", "-o", "pipefail", "-c", STEPS[name]["run"]], cwd=folder, env=env,
                          stdout=(folder / "printed").open("w"), check=False).returncode


@pytest.mark.parametrize(("more", "status", "verdict", "level"), [
    (gate(max=1e6), 0, "certified", "notice"), (gate(max=1e-6), 3, "refuted", "error"),
    ("\nnonsense = 1\n", 2, None, None)])
def test_the_steps_of_the_action(
    more: str, status: int, verdict: str | None, level: str | None, tmp_path: Path,
) -> None:
    program = tmp_path / "certify" / "bin" / "certify"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m certify "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    write(tmp_path, SPEC + more)
    assert step("Prove", tmp_path, **{"inputs.spec": "certify.toml", "inputs.output": "a folder"}) == 0
    said = (tmp_path / "output").read_text(encoding="utf-8")
    assert f"status={status}\n" in said
    if verdict is not None:
        assert f"verdict={verdict}\n" in said
        assert (tmp_path / "printed").read_text(encoding="utf-8").startswith(f"::{level} file=certify.toml")
        assert (tmp_path / "summary").read_text(encoding="utf-8").startswith(f"## certify: {verdict}")
        assert {path.name for path in (tmp_path / "a folder").iterdir()} == {
            "certificate.json", "report.html", "summary.md", "certify.sarif", "junit.xml", "verdict.txt"}
        assert step("Check", tmp_path, **{"inputs.output": "a folder"}) == 0
        shutil.copy(tmp_path / "certify.toml", tmp_path / "train.npz")  # other data: check refuses
        assert step("Check", tmp_path, **{"inputs.output": "a folder"}) == 2
    ended = {"steps.run.outputs.status": str(status), "steps.check.outputs.status": ""}
    assert step("Decide", tmp_path, **ended) == status


@pytest.fixture(scope="module")
def proved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the action has proved a spec."""
    folder = tmp_path_factory.mktemp("action")
    program = folder / "certify" / "bin" / "certify"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m certify "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    write(folder, SPEC + gate(max=1e6))
    assert step("Prove", folder, **{"inputs.spec": "certify.toml", "inputs.output": "out"}) == 0
    return folder


@pytest.mark.parametrize(("thresholds", "status"), [
    ({"inputs.max": "modulus=1e6"}, 0), ({"inputs.max": "modulus=1e-6"}, 3), ({"inputs.min": "modulus=1e-6\n"}, 0),
    ({"inputs.max": "modulus=1e6", "inputs.min": "modulus=1e6"}, 3), ({"inputs.max": "modulus=*"}, 2),
    ({"inputs.min": "nonsense=1"}, 2), ({}, None)])
def test_thresholds_of_the_action_are_held_by_the_checker_and_decide(
    thresholds: dict[str, str], status: int | None, proved: Path,
) -> None:
    """A spec whose own gate is met; a threshold is an argument of its own, whatever it holds."""
    (proved / "output").unlink(missing_ok=True)
    assert step("Check", proved, **{"inputs.output": "out"}, **thresholds) == (2 if status == 2 else 0)
    said = (proved / "output").read_text(encoding="utf-8") if (proved / "output").exists() else ""
    assert said == ("" if status is None else f"status={status}\n")
    ended = {"steps.run.outputs.status": "0", "steps.check.outputs.status": said.removeprefix("status=").strip()}
    assert step("Decide", proved, **ended) == (status or 0)
    assert step("Decide", proved, **{**ended, "steps.run.outputs.status": "3"}) == 3  # the spec's own gate failed


@pytest.mark.parametrize(("what", "status"), [("fail", 4), ("warn", 0), ("pass", 0)])
def test_an_open_threshold_of_the_action_counts_as_open_gates_do(what: str, status: int, tmp_path: Path) -> None:
    ended = {"steps.run.outputs.status": "0", "steps.check.outputs.status": "4", "inputs.on-inconclusive": what}
    assert step("Decide", tmp_path, **ended) == status


def test_the_action_compares_with_a_baseline_and_leaves_out_what_is_suppressed(tmp_path: Path) -> None:
    from certify.certificate.read import read_certificate
    from certify.report.exporters.outcomes import outcomes

    program = tmp_path / "certify" / "bin" / "certify"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m certify "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    for name, seed in (("old", 5), (".", 0)):
        (tmp_path / name).mkdir(exist_ok=True)
        write(tmp_path / name, SPEC + gate(max_increase=0.01), tensors(seed))
    asked = {"inputs.spec": "old/certify.toml", "inputs.output": "old/out"}
    assert step("Prove", tmp_path, **asked, **{"inputs.on-inconclusive": "warn"}) == 0
    base = {"inputs.output": "out", "inputs.baseline": "old/out/certificate.json"}
    assert step("Prove", tmp_path, **base, **{"inputs.spec": "certify.toml"}) == 0
    assert step("Check", tmp_path, **base) == 0
    gates = [one for one in outcomes(read_certificate(tmp_path / "out" / "certificate.json")).claims if one.gated]
    (tmp_path / "leave.toml").write_text(
        f'[[suppress]]\ngate = "{gates[0].asked}"\nfingerprint = "{gates[0].fingerprint}"\nowner = "a"\nreason = "b"\n'
        "expires = 9999-12-31\n", encoding="utf-8")
    assert step("Prove", tmp_path, **base, **{"inputs.spec": "certify.toml", "inputs.suppressions": "leave.toml"}) == 0
    statuses = [line for line in (tmp_path / "output").read_text(encoding="utf-8").splitlines() if "status" in line]
    assert statuses == ["status=0", "status=3", "status=0"]


def test_every_input_and_output_of_the_action_is_said_and_used() -> None:
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    assert all(entry["description"] for entry in (*ACTION["inputs"].values(), *ACTION["outputs"].values()))
    assert all(f"inputs.{name}" in text for name in ACTION["inputs"])
    for one in STEPS.values():  # text of a user reaches the shell by variables alone, never as part of a script
        assert "${{" not in one["run"]


def test_hooks_look_at_every_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert [hook["entry"] for hook in hooks] == [f"python -m certify.testing.each {verb}" for verb in ("check", "run")]
    for name, most in (("fine", 1e6), ("bad", 1e-6)):
        (tmp_path / name).mkdir()
        write(tmp_path / name, SPEC + gate(max=most))
    specs = [str(tmp_path / name / "certify.toml") for name in ("bad", "fine")]
    assert each(["run", *specs]) == 3 and each(["run", specs[1]]) == 0
    found = [str(tmp_path / name / "certificate.json") for name in ("fine", "bad")]
    assert each(["check", *found]) == 3 and each(["check", found[0]]) == 0
    capsys.readouterr()


@pytest.mark.long
@pytest.mark.skipif(shutil.which("dvc") is None, reason="DVC is not installed")
def test_the_stage_of_dvc(tmp_path: Path) -> None:
    for path in (ROOT / "examples" / "breast-cancer").iterdir():
        shutil.copy(path, tmp_path)
    program = tmp_path / "bin" / "certify"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m certify "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    env = dict(os.environ) | {"PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}

    def dvc(*arguments: str) -> str:
        return subprocess.run(["dvc", *arguments], cwd=tmp_path, env=env, check=True, capture_output=True, text=True,
                              timeout=600).stdout

    dvc("init", "--no-scm", "--quiet")
    dvc("repro", "audit")
    found = json.loads(dvc("metrics", "show", "--json"))[""]["data"]["metrics.json"]["data"]
    assert found["verdict"] == "certified" and found["stable_predictions"]["lower"] >= 130
    assert "didn't change" in dvc("repro", "audit")


def test_the_stage_of_dvc_names_options_that_there_are() -> None:
    folder = ROOT / "examples" / "breast-cancer"
    stage = yaml.safe_load((folder / "dvc.yaml").read_text(encoding="utf-8"))["stages"]["audit"]
    known = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    for line in stage["cmd"]:
        assert line.startswith("certify ") and all(word in known for word in line.split() if word.startswith("-"))
    assert all((folder / name).is_file() for name in stage["deps"])
