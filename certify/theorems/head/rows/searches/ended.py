"""How a search ends before it has looked at everything: what kept it from more is said in words.

A method whose search may be cut short has it run inside :func:`ended`, and gives `why` and `late` to its part.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import numpy as np

from certify.format.errors import EnclosureError
from certify.problem.limits import OutOfTime
from certify.theorems.head.rows.method import Mask

MEMORY: Final = "there was not memory enough"


class Ends(Protocol):
    """A search that says why it ended, and whether that was the time."""

    why: str
    late: bool


class Holds(Protocol):
    """A search that says why it ended, and holds `(N,)` which points it proved."""

    why: str
    proved: Mask


@contextmanager
def ended(search: Ends) -> Iterator[None]:
    """A search: where the time is up, or a number is beyond floats, it ends, and says so.

    What it proved by then is its own affair: nothing is marked or unmarked here.

    >>> from types import SimpleNamespace
    >>> search = SimpleNamespace(why="", late=False)
    >>> with ended(search):
    ...     raise OutOfTime
    >>> search.why, search.late
    ('its time was up', True)
    """
    try:
        yield
    except OutOfTime:
        search.why, search.late = "its time was up", True
    except (EnclosureError, np.linalg.LinAlgError):  # a row that has all the curvature, or numbers that overflow
        search.why = "a decomposition or a number was not finite"


@contextmanager
def in_memory(search: Holds) -> Iterator[None]:
    """A search whose tables may not fit into memory: then it ends, says so, and has proved nothing.

    Memory is short anywhere, also between a mark and what the mark rests on.
    """
    try:
        yield
    except MemoryError:
        search.why, search.proved[:] = MEMORY, False
