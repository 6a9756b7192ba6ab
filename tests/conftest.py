"""Hypothesis settings for every test: the same examples each run, no deadlines (machines differ).."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.effort import examples
from tests.families.apart import passes_apart

settings.register_profile(
    "certify", deadline=None, derandomize=True, max_examples=examples(60),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile("thorough", settings.get_profile("certify"), max_examples=3000)
settings.load_profile("certify")


def pytest_configure(config: pytest.Config) -> None:
    """Leave the package as Python compiles it: all of it counts as a plugin of pytest, which would rewrite its asserts.

    That is 1,300 files in each worker that no other process has a use for, and once more for every mutant.
    """
    hook = getattr(config.pluginmanager, "rewrite_hook", None)
    getattr(hook, "_must_rewrite", set()).discard("certify")
    getattr(hook, "_marked_for_rewrite_cache", {}).clear()
    # a shell that begins it in the background has Ctrl-C ignored
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection() -> None:
    """Nothing of what is collected is garbage: searches for some, over all of it again and again, took two fifths."""
    gc.disable()


def pytest_collection_finish() -> None:
    """What is imported and collected by now stays to the end: no search for garbage goes through it again.

    And a search begins after a few thousand new objects, not after each 700.
    """
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(5_000, 10, 10)


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Examples of docstrings are looked for where there are some: few files here have any."""
    found = yield
    if file_path.suffix == ".py" and b">>> " not in file_path.read_bytes():
        found = [one for one in found if type(one).__name__ != "DoctestModule"]
    return found


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test that forks many times is left to a small process where this one is large."""
    return passes_apart(pyfuncitem) or None


@pytest.fixture(autouse=True, scope="session")
def proposals_without_a_process() -> Iterator[None]:
    """The checker's questions to numpy are answered in this process: to begin another takes a tenth of a second."""
    from tests.families.proposed_here import ASKING, answered_here

    with pytest.MonkeyPatch.context() as patched:
        for module in ASKING:
            patched.setattr(module, "answered", answered_here)
        yield


@pytest.fixture(autouse=True, scope="module")
def torch_as_it_was() -> Iterator[None]:
    """Scripts of reports set torch's default type; the next module draws its networks in the one torch begins with."""
    yield
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_default_dtype(torch.float32)
