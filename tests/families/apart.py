"""Tests that fork many times or import the package anew, run by a process that has collected them alone.

To fork a process that has collected all 18,600 tests, 1.2 GB, takes 70 milliseconds of processor each time, and a small
one two. Mutants, for each of which the package is imported anew, took 24 seconds in a process that had run thousands
of other tests, and 10 in one of their own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORKS, MANY = "forks", 2000
"""The mark of such tests, and how many of all kinds make a process large."""

NOT_RUN = "it was not run by the process that runs tests with many forks"


@cache
def told_apart(path: Path) -> dict[str, str]:
    """By name, what failed of each marked test of a file, run in a process of its own; empty where it passed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        subprocess.run([sys.executable, "-m", "pytest", str(path), "--quiet", "-p", "no:cacheprovider", "-m",
                        f"{FORKS} and not long and not benchmark", f"--junitxml={report}",
                        f"--basetemp={folder}/files"], cwd=ROOT, capture_output=True, check=False)
        if not report.exists():
            return {}
        cases = ElementTree.parse(report).iter("testcase")
        return {str(case.get("name")): "\n".join(
            f"{one.get('message')}\n{one.text}" for one in case if one.tag in ("failure", "error")) for case in cases}


def passes_apart(item: pytest.Function) -> bool:
    """Whether a test has passed in another process; False if this one has to run it.

    Raises:
        pytest.fail.Exception: it failed there, or was not run.
    """
    if item.get_closest_marker(FORKS) is None or item.get_closest_marker("long") or len(item.session.items) < MANY:
        return False
    failure = told_apart(item.path).get(item.name, NOT_RUN)
    if failure:
        pytest.fail(failure, pytrace=False)
    return True
