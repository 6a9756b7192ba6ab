"""Warnings to whoever called: the line that is shown is theirs, however deep in certify it was noticed."""

from __future__ import annotations

import sys
import warnings

OWN = __name__.partition(".")[0]


def warn(message: str) -> None:
    """Warn at the line that called the public function.

    Args:
        message: what to know.
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == OWN:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)
