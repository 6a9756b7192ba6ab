"""Progress of long work, as it is told: the stage in words and the fraction done."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""Called with the stage in words and the fraction of the whole that is done."""


def silent(stage: str, fraction: float) -> None:
    """Progress that nobody watches."""


def part(tell: Progress, low: float, high: float) -> Progress:
    """Progress of a part of the work, told from 0 to 1, as that of the whole between `low` and `high`.

    >>> part(lambda stage, fraction: print(stage, fraction), 0.5, 1.0)("second half", 0.5)
    second half 0.75
    """
    return lambda stage, fraction: tell(stage, low + (high - low) * min(max(fraction, 0.0), 1.0))


def forward(tell: Progress) -> Progress:
    """Progress that never goes back, whatever is told.

    >>> told = forward(lambda stage, fraction: print(stage, fraction))
    >>> told("one", 0.5), told("two", 0.25)
    one 0.5
    two 0.5
    (None, None)
    """
    reached = 0.0

    def on(stage: str, fraction: float) -> None:
        nonlocal reached
        reached = max(reached, fraction)
        tell(stage, reached)

    return on
