"""The steps of the Action, run one after the other as GitHub runs them: conditions, environment, outputs, summary.

Only `Install certify` is left out: in its place stands a program that runs the checkout with this interpreter.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(os.environ.get("CERTIFY_CHECKOUT", Path(__file__).resolve().parents[3]))
ACTION: Final[dict[str, Any]] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
LEFT_OUT: Final = "Install certify"


@dataclass(frozen=True)
class Job:
    """What a job of CI came to.

    Attributes:
        decision: exit status of the first step that did not end with 0, else 0: what makes the job red.
        outputs: of the Action.
        summary: Markdown, as the page of the job shows it.
        printed: what the steps printed, annotations among it.
    """

    decision: int
    outputs: Mapping[str, str]
    summary: str
    printed: str


def job(checkout: Path, runner: Path, **inputs: str) -> Job:
    """Run the Action in a checkout.

    Args:
        checkout: of the repository whose model is released.
        runner: a folder of the runner, which is new.
        inputs: of the Action, `-` as `_`; the others have their defaults.
    """
    program = runner / "certify" / "bin" / "certify"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m certify "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    known = {f"inputs.{name}": str(entry.get("default", "")) for name, entry in ACTION["inputs"].items()}
    known |= {f"inputs.{name.replace('_', '-')}": value for name, value in inputs.items()}
    unknown = set(known) - {f"inputs.{name}" for name in ACTION["inputs"]}
    if unknown:
        raise ValueError(f"the Action has no {', '.join(sorted(unknown))}")
    printed, decision = "", 0
    for step in ACTION["runs"]["steps"]:
        if step["name"] == LEFT_OUT or decision or not _holds(step.get("if", "true"), known):
            continue
        done = _run(step, known, checkout, runner)
        printed += done.stdout
        outputs = runner / "output"
        if "id" in step and outputs.exists():
            lines = outputs.read_text(encoding="utf-8").splitlines()
            known |= {f"steps.{step['id']}.outputs.{name}": value for name, _, value in (
                line.partition("=") for line in lines)}
        if done.returncode:
            decision = done.returncode
    summary = runner / "summary"
    given = {name: known.get(_inner(entry["value"]), "") for name, entry in ACTION["outputs"].items()}
    return Job(decision, given, summary.read_text(encoding="utf-8") if summary.exists() else "", printed)


def _run(step: Mapping[str, Any], known: Mapping[str, str], checkout: Path, runner: Path,
         ) -> subprocess.CompletedProcess[str]:
    env = dict(os.environ) | {"RUNNER_TEMP": str(runner), "GITHUB_OUTPUT": str(runner / "output"),
                              "GITHUB_STEP_SUMMARY": str(runner / "summary"), "PYTHONPATH": str(ROOT)}
    env |= {name: known[_inner(text)] for name, text in step.get("env", {}).items()}
    return subprocess.run(["bash", "-e", "-o", "pipefail", "-c", step["run"]], cwd=checkout, env=env, text=True,
                          stdout=subprocess.PIPE, check=False)


def _inner(text: str) -> str:
    """What stands in `${{ … }}`."""
    return text.removeprefix("${{").removesuffix("}}").strip()


def _holds(condition: str, known: Mapping[str, str]) -> bool:
    """A condition of the Action: equalities of known names and quoted words, joined by `&&`, `||` and brackets."""
    text = _inner(str(condition))
    for name in re.findall(r"(?:inputs|steps)(?:\.[\w-]+)+", text):
        text = text.replace(name, repr(known.get(name, "")))
    words = re.sub(r"'[^']*'|\s|==|!=|&&|\|\||[()]|true|false", "", text)
    if words:
        raise ValueError(f"a condition with {words!r}")
    return bool(eval(text.replace("&&", " and ").replace("||", " or ").replace("true", "True").replace(  # noqa: S307
        "false", "False"), {"__builtins__": {}}))
