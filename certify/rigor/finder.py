"""Finders are untrusted: one that fails proposes nothing, and never ends a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import numpy as np

from certify.format.errors import EnclosureError

T = TypeVar("T")

FAILED: Final = (np.linalg.LinAlgError, FloatingPointError, EnclosureError)
"""What a search in floats may raise: LAPACK gave up, or a number left the range of floats."""


def proposed(search: Callable[[], T]) -> T | None:
    """What a search proposes, which has to be proved whatever it is; None where the search failed.

    >>> proposed(lambda: np.linalg.solve(np.zeros((1, 1)), np.ones(1))) is None
    True
    """
    try:
        with np.errstate(all="ignore"):
            return search()
    except FAILED:
        return None
