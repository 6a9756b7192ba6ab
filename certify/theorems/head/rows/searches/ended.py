"""How a search ends before it has looked at everything: what kept it from more is said in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np

from certify.format.errors import EnclosureError
from certify.problem.limits import OutOfTime


class Ends(Protocol):
    """A search that says why it ended, and whether that was the time."""

    why: str
    late: bool


@contextmanager
def ended(search: Ends) -> Iterator[None]:
    """A search: where the time is up, a number is beyond floats or memory is short, it ends, and says so.

    What it proved by then is its own affair: nothing is marked or unmarked here.
    """
    try:
        yield
    except OutOfTime:
        search.why, search.late = "its time was up", True
    except (EnclosureError, np.linalg.LinAlgError):  # a row that has all the curvature, or numbers that overflow
        search.why = "a decomposition or a number was not finite"
    except MemoryError:
        search.why = "there was not memory enough"
