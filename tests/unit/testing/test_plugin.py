"""The plugin of pytest, in runs of its own: what passes, what fails and what a failure says."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest

from certify.testing.measured import Inconclusive, Measured
from tests.families.small import SPEC, gate, write

pytest_plugins = ["pytester"]

MODEL = """
import numpy as np
import certify as c
import pytest

X = np.array([[-2.0], [-1.5], [-1.0], [-0.5], [0.5], [1.0], [1.5], [2.0]])
y = (X.ravel() > 0).astype(float)
w = np.zeros(2)
P = np.hstack([X, np.ones_like(X)])
for _ in range(30):
    p = 1 / (1 + np.exp(-P @ w))
    w -= np.linalg.solve(P.T * (p * (1 - p)) @ P / 8 + 0.125 * np.eye(2), P.T @ (p - y) / 8 + 0.125 * w)
NEW = np.array([[-3.0], [-0.05], [0.02], [0.3], [3.0]])

@pytest.fixture
def problem():
    return c.from_arrays([w[None, :1]], [w[1:]], X, y, activation="identity", loss="logistic", weight_decay=0.125)
"""
ASKED = {
    "assert certify(problem, NEW).stable(delete=1) >= 3": "passed",
    "assert certify(problem, NEW).stable(delete=1) >= 5": "failed",
    "assert not certify(problem, NEW).stable(delete=1) >= 5": "passed",
    "assert certify(problem, NEW, [0, 0, 1, 1, 1]).correct(delete=1) >= 3": "passed",
    "certify(problem, NEW).correct(delete=1)": "failed",
    "certify(problem, NEW, seconds=0).stable(delete=1)": "failed",  # the time is passed on, and none is refused
    "assert certify(problem, NEW, seconds=0, jobs=1).stable(delete=1, seconds=20) >= 3": "passed",
}


ROOT = Path(__file__).resolve().parents[3]
INSTALLED = any(point.value == "certify.testing.plugin" for point in entry_points(group="pytest11"))


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    """In a process of its own: numpy cannot be loaded twice in one."""
    plugin = () if INSTALLED else ("-p", "certify.testing.plugin")
    return pytester.runpytest_subprocess(*plugin, "-p", "no:cacheprovider", "-v", *options)


def quick(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    """In this process: nothing that is asked there needs numbers."""
    plugin = () if INSTALLED else ("-p", "certify.testing.plugin")
    return pytester.runpytest_inprocess(*plugin, "-p", "no:cacheprovider", *options)


def test_lines_about_a_model(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(MODEL + "".join(f"\ndef test_{i}(certify, problem):\n    {line}\n"
                                        for i, line in enumerate(ASKED)))
    result = run(pytester)
    for i, outcome in enumerate(ASKED.values()):
        result.stdout.fnmatch_lines([f"*::test_{i} {outcome.upper()}*"])
    result.stdout.fnmatch_lines(["*predictions that stay, any 1 row deleted, of 5: proved in ?*so >= 5 is refuted",
                                 "*evaluation row ? flips by training row ?", "*no right labels*"])


def test_between_the_ends_a_test_fails_or_is_skipped(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
from certify.testing.measured import Measured

def test_it(certify):
    asked = certify(None, None)
    assert Measured("rows", 3, 7, (), asked.undecided) >= 5
""")
    failed = quick(pytester)
    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines(["*rows: proved in [[]3, 7], and >= 5 lies between: inconclusive"])
    quick(pytester, "--certify-inconclusive", "skip").assert_outcomes(skipped=1)
    pytester.makeini("[pytest]\ncertify_inconclusive = skip\n")
    quick(pytester).assert_outcomes(skipped=1)
    quick(pytester, "--certify-inconclusive", "fail").assert_outcomes(failed=1)
    pytester.makeini("[pytest]\ncertify_inconclusive = pass\n")
    assert quick(pytester).ret is pytest.ExitCode.USAGE_ERROR


SPECS = {"met": (gate(max=1e6), None), "refuted": (gate(max=1e-6), "*refuted modulus*failed*"),
         "open": (gate(max=1e6) + "\n[run]\ntime_limit = 1e-9\n", "*inconclusive modulus*"),
         "wrong": ("\nnonsense = 1\n", "*certify: *nonsense*")}


def test_the_gates_of_specs(pytester: pytest.Pytester) -> None:
    for name, (more, _) in SPECS.items():
        (pytester.path / name).mkdir()
        write(pytester.path / name, SPEC + more)
    before = {path: path.read_bytes() for path in pytester.path.rglob("*.*")}
    pytester.makepyfile("import pytest\n" + "".join(
        f"\n@pytest.mark.certify('{name}/certify.toml')\ndef test_{name}():\n    pass\n" for name in SPECS))
    result = run(pytester)
    result.assert_outcomes(passed=1, failed=3)
    for name, (_, said) in SPECS.items():
        result.stdout.fnmatch_lines([f"*::test_{name} {'PASSED' if said is None else 'FAILED'}*"])
    for _, said in SPECS.values():
        if said is not None:
            result.stdout.fnmatch_lines([said])
    assert all(path.read_bytes() == content for path, content in before.items())
    assert not [*pytester.path.rglob("certificate.json")]  # it is written in a folder of the test's own


def test_a_marker_without_a_spec_is_refused(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n\n@pytest.mark.certify\ndef test_it():\n    pass\n")
    result = quick(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*takes one spec*"])


@pytest.mark.parametrize(("lower", "upper", "other"), [
    (3, 7, 3), (3, 7, 7), (3, 7, 5), (3, 3, 3), (3, 7, 2), (3, 7, 8)])
def test_comparisons_hold_exactly_where_both_ends_say_so(lower: int, upper: int, other: int) -> None:
    here = Measured("rows", lower, upper)
    for sign in ("__ge__", "__gt__", "__le__", "__lt__", "__eq__"):
        truths = {getattr(value, sign)(other) for value in range(lower, upper + 1)}
        if len(truths) == 1:
            assert getattr(here, sign)(other) is truths.pop()
        else:
            with pytest.raises(Inconclusive):
                getattr(here, sign)(other)


def test_nothing_is_decided_about_nan() -> None:
    with pytest.raises(Inconclusive):
        assert not Measured("rows", 3, 7) >= float("nan")


def test_the_plugin_is_installed() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '[project.entry-points.pytest11]\ncertify = "certify.testing.plugin"' in text
