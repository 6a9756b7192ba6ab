"""How searches of methods end: one place catches it, and says it in the same words for all."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import certify.theorems.head.rows
from certify.format.errors import EnclosureError, InputError
from certify.problem.limits import OutOfTime
from certify.theorems.head.rows.searches.ended import ended, in_memory

TIME, NUMBERS, MEMORY = "its time was up", "a decomposition or a number was not finite", "there was not memory enough"


def search(error: BaseException | None) -> SimpleNamespace:
    """What a search says that proved its first point, and then met this."""
    found = SimpleNamespace(why="", late=False, proved=np.array([True, False]))
    with ended(found), in_memory(found):
        if error is not None:
            raise error
    return found


@pytest.mark.parametrize(("error", "why", "late", "proved"), [
    (None, "", False, [True, False]), (OutOfTime(), TIME, True, [True, False]),
    (EnclosureError("a", "b", "c"), NUMBERS, False, [True, False]),
    (np.linalg.LinAlgError(), NUMBERS, False, [True, False]), (MemoryError(), MEMORY, False, [False, False]),
])
def test_a_search_says_why_it_ended(error: BaseException | None, why: str, late: bool, proved: list[bool]) -> None:
    found = search(error)
    assert (found.why, found.late, found.proved.tolist()) == (why, late, proved)


@pytest.mark.parametrize("error", [InputError("a", "b", "c"), ValueError("a"), KeyboardInterrupt()])
def test_what_is_no_end_of_a_search_goes_on(error: BaseException) -> None:
    with pytest.raises(type(error)):
        search(error)


def test_without_a_word_on_memory_it_is_for_those_who_called() -> None:
    found = SimpleNamespace(why="", late=False)
    with pytest.raises(MemoryError), ended(found):
        raise MemoryError
    assert found.why == ""


def test_no_method_says_it_in_words_of_its_own() -> None:
    """A clause that ends a search and says so stands in one file alone."""
    own = re.compile(r"except [^\n]*\n[^\n]*why[^\n]* = [^\n]*\"")
    folder = Path(certify.theorems.head.rows.__file__).parent
    found = {str(path.relative_to(folder)) for path in folder.rglob("*.py") if own.search(path.read_text("utf-8"))}
    assert found == {"searches/ended.py"}
