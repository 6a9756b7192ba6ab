"""Tests that are run by a process of their own fail where they fail there, and where nobody ran them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.families import apart

FILE = """
import pytest

pytestmark = pytest.mark.forks

@pytest.mark.parametrize("what", ["a, b", "c"])
def test_right(what):
    pass

@pytest.fixture
def broken():
    raise ValueError("no fixture")

def test_wrong():
    assert 1 == 2, "a forged answer"

def test_broken(broken):
    pass
"""


def item(path: Path, name: str, marks: tuple[str, ...] = (apart.FORKS,), many: int = apart.MANY) -> Any:
    return SimpleNamespace(path=path, name=name, get_closest_marker=lambda mark: mark in marks or None,
                           session=SimpleNamespace(items=[None] * many))


def test_what_fails_in_the_other_process_fails_here(tmp_path: Path) -> None:
    path = tmp_path / "test_drawn.py"
    path.write_text(FILE, encoding="utf-8")
    assert apart.passes_apart(item(path, "test_right[a, b]")) and apart.passes_apart(item(path, "test_right[c]"))
    for name, said in (("test_wrong", "a forged answer"), ("test_broken", "no fixture"), ("test_none", apart.NOT_RUN)):
        with pytest.raises(pytest.fail.Exception, match=said):
            apart.passes_apart(item(path, name))
    assert len(apart.told_apart(path)) == 4


def test_a_file_that_does_not_run_passes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "test_drawn.py"
    path.write_text("import nowhere_at_all\n", encoding="utf-8")
    with pytest.raises(pytest.fail.Exception, match=apart.NOT_RUN):
        apart.passes_apart(item(path, "test_right"))


def test_other_tests_and_small_processes_run_themselves(tmp_path: Path) -> None:
    assert not apart.passes_apart(item(tmp_path, "test_right", ()))
    assert not apart.passes_apart(item(tmp_path, "test_right", (apart.FORKS, "long")))
    assert not apart.passes_apart(item(tmp_path, "test_right", many=apart.MANY - 1))


def test_the_files_with_most_forks_are_marked() -> None:
    unit = apart.ROOT / "tests" / "unit"
    for file in (unit / "theorems/test_jobs.py", unit / "theorems/head/rows/test_several_processes.py",
                 unit / "check/stored/test_shared.py", apart.ROOT / "tests/mutation/test_mutants.py"):
        assert f"pytestmark = pytest.mark.{apart.FORKS}" in file.read_text(encoding="utf-8")
