"""Progress of long work: as it is told, the stage in words and the fraction done, and as it is shown on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

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


_SECONDS_BETWEEN_LINES = 2.0
_SECONDS_TO_A_BAR = 1.0
"""What is done by then needs none."""


def watched() -> bool:
    """Whether somebody looks on: a terminal, or a notebook, which IPython's kernel runs."""
    kernel = sys.modules.get("ipykernel.zmqshell")
    return sys.stderr.isatty() or kernel is not None


@contextmanager
def shown(quiet: bool) -> Iterator[Progress]:
    """Yield a function that is told the stage and the fraction done, and shows them until the block ends."""
    if quiet:
        yield silent
    elif watched():
        with _bar() as tell:
            yield tell
    else:
        yield _lines()


@contextmanager
def told(progress: Progress | None) -> Iterator[Progress]:
    """Yield the progress that was given; None: a bar, where somebody looks on and no other bar is there."""
    if progress is not None:
        yield progress
    elif watched() and not _bars:
        with _bar() as tell:
            yield tell
    else:
        yield silent


def time_left(elapsed: float, fraction: float, still: float = 0.0) -> str:
    """The time left if the rest goes as fast as the part before, in words; nothing where that is not known.

    Args:
        elapsed: seconds.
        fraction: the part that is done.
        still: seconds for which it is the same: the rest takes longer than it seems where these are more.

    >>> time_left(3.0, 0.25), time_left(3.0, 0.01), time_left(9.0, 1.0)
    ('about 9 s left', '', '')
    >>> time_left(38.0, 0.95, 1.0), time_left(38.0, 0.95, 13.0), time_left(2.4, 0.98)
    ('about 2 s left', '', '')
    """
    if not 0.05 < fraction < 1.0:
        return ""
    left = elapsed * (1.0 - fraction) / fraction
    if left < max(still, 0.5):
        return ""
    return f"about {left:.0f} s left" if left < 90 else f"about {left / 60:.0f} min left"


class _Rest:
    """How long nothing more is done."""

    def __init__(self) -> None:
        self._fraction, self._since = 0.0, time.monotonic()

    def reach(self, fraction: float) -> None:
        """Take the part that is done now."""
        if fraction != self._fraction:
            self._fraction, self._since = fraction, time.monotonic()

    def still(self) -> float:
        """Seconds since another one was told."""
        return time.monotonic() - self._since


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TextColumn
    from rich.progress import Progress as Bar
    from rich.text import Text

    class Times(ProgressColumn):
        """Elapsed time and time left."""

        def render(self, task: Task) -> Text:
            """Both, in words."""
            elapsed = task.elapsed or 0.0
            left = time_left(elapsed, task.completed, rest.still())
            return Text(f"{elapsed:.0f} s{left and ', ' + left}")

    started, rest = time.monotonic(), _Rest()
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(24), Times())
    console = Console(stderr=sys.stderr.isatty())  # in a notebook rich draws into the cell
    with ExitStack() as stack:
        progress = Bar(*columns, console=console, transient=True)
        task = progress.add_task("reading", total=1.0)

        def tell(stage: str, fraction: float) -> None:
            if not progress.live.is_started and time.monotonic() - started > _SECONDS_TO_A_BAR:
                stack.enter_context(progress)
            rest.reach(fraction)
            progress.update(task, description=stage, completed=fraction)

        _bars.append(tell)
        stack.callback(_bars.remove, tell)
        yield tell


_bars: list[Progress] = []
"""Those that are there: two on one terminal would overwrite each other."""


def _lines() -> Progress:
    start = last = time.monotonic()
    rest = _Rest()

    def tell(stage: str, fraction: float) -> None:
        nonlocal last
        now = time.monotonic()
        rest.reach(fraction)
        if now - last >= _SECONDS_BETWEEN_LINES:
            last = now
            left = time_left(now - start, fraction, rest.still())
            print(f"{now - start:6.1f} s  {stage}{left and ', ' + left}", file=sys.stderr, flush=True)

    return tell
