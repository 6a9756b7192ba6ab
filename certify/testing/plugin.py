"""The plugin of pytest: a fixture that asks about a model, and a marker that a spec has to be met.

    def test_predictions_survive_five_rows(certify, problem, X_new):
        assert certify(problem, X_new).stable(delete=5) >= 130

    @pytest.mark.certify("audit/certify.toml")
    def test_gates():
        pass

Where a threshold lies between the two proved ends the test fails as inconclusive; `--certify-inconclusive skip` or
`certify_inconclusive = skip` in the configuration skips it instead.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import pytest

from certify.format.words import State

if TYPE_CHECKING:
    from certify.problem.problem import Problem
    from certify.testing.asked import Asked

OPTION: Final = "certify_inconclusive"
FAIL, SKIP = "fail", "skip"
INVALID: Final = 2


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option, and its place in a configuration file."""
    words = "what becomes of a test whose threshold lies between two proved ends: fail (default) or skip"
    parser.getgroup("certify").addoption("--certify-inconclusive", choices=(FAIL, SKIP), default=None, help=words)
    parser.addini(OPTION, words, default=FAIL)


def pytest_configure(config: pytest.Config) -> None:
    """The marker has a line in `pytest --markers`; a word of the configuration that is none is refused."""
    config.addinivalue_line("markers", "certify(spec): the gates of this spec have to be met; its path is relative to "
                                       "the file of the test")
    if config.getini(OPTION) not in (FAIL, SKIP):
        raise pytest.UsageError(f"{OPTION} = {config.getini(OPTION)!r}: use {FAIL} or {SKIP}")


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """What is proved, and which rows flip, where a comparison is refuted."""
    from certify.testing.measured import Measured

    if isinstance(left, Measured):
        return left.explained(op, right)
    return None


@pytest.fixture
def certify(pytestconfig: pytest.Config) -> Callable[..., Asked]:
    """Ask about a model: `certify(problem, X_new).stable(delete=5) >= 130`, `certify(problem, X_new, y_new).correct`.

    `problem` is what :func:`certify.from_sklearn`, `from_arrays` or `from_module` return. `seconds` and `jobs` are
    those of :func:`certify.stable_predictions`: `certify(problem, X_new, seconds=20)`.
    """
    from certify.testing.asked import Asked

    undecided = _undecided(pytestconfig)

    def asks(problem: Problem, X: Any, y: Any = None, *, seconds: float = 60.0, jobs: int = 1) -> Asked:
        return Asked(problem, X, y, undecided, {"seconds": seconds, "jobs": jobs})

    return asks


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Before a test with the marker, run its spec in a folder of its own; it fails where the gates are not met."""
    marker = item.get_closest_marker("certify")
    if marker is None:
        return
    if len(marker.args) != 1 or marker.kwargs:
        pytest.fail("@pytest.mark.certify takes one spec, e.g. @pytest.mark.certify('audit/certify.toml')", False)
    with tempfile.TemporaryDirectory(prefix="certify-") as folder:
        status, said = _ran(item.path.parent / marker.args[0], Path(folder))
    if status == State.OPEN.status:
        _undecided(item.config)(said)
    if status != State.MET.status:
        pytest.fail(said, pytrace=False)


def _ran(spec: Path, folder: Path) -> tuple[int, str]:
    """The exit status of a run, and what it says."""
    from certify.auditing.spec_run import run_audit
    from certify.format.errors import CertifyError
    from certify.prove.gates import exit_of
    from certify.report.messages import advice, verdict_line

    try:
        certificate = run_audit(spec, folder)
    except CertifyError as error:
        return INVALID, f"certify: {error}"
    return exit_of(certificate), "\n".join((verdict_line(certificate), *advice(certificate)))


def _undecided(config: pytest.Config) -> Callable[[str], NoReturn]:
    """What to do where nothing is decided."""
    if (config.getoption(OPTION) or config.getini(OPTION)) == SKIP:
        def skips(why: str) -> NoReturn:
            pytest.skip(why)

        return skips
    from certify.testing.measured import fails

    return fails


