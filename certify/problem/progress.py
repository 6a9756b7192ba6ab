"""What a caller is told: progress of long work, the stage in words and the fraction done, on stderr; and warnings."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

Progress = Callable[[str, float], None]
"""Called with the stage in words and the fraction of the whole that is done."""

OWN = __name__.partition(".")[0]
"""Whose own frames no warning shows."""


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


def time_left(elapsed: float, fraction: float, before: float = 0.0, earlier: float = 0.0) -> str:
    """The time left, in words; nothing where that is not known.

    The shorter end is by the pace so far, the longer one by the pace since some earlier moment, as what is left is
    often the harder part.

    Args:
        elapsed: seconds.
        fraction: the part that is done.
        before: seconds that had elapsed at that moment.
        earlier: the part that was done then.

    >>> time_left(4.0, 0.25), time_left(4.0, 0.25, 2.0, 0.125), time_left(4.0, 0.01), time_left(9.0, 1.0)
    ('about 12 s left', 'about 12 s left', '', '')
    >>> time_left(40.0, 0.8, 20.0, 0.75), time_left(40.0, 0.8, 20.0, 0.8), time_left(300.0, 0.5, 150.0, 0.45)
    ('10 to 80 s left', '', '5 to 25 min left')
    >>> time_left(40.0, 0.4, 20.0, 0.4), time_left(4.0, 0.93, 2.0, 0.93)
    ('60 s left or more', '')
    >>> time_left(2.0, 0.74, 1.0, 0.55), time_left(1.0, 0.7, 0.0, 0.69)
    ('about 1 s left', 'up to 30 s left')
    """
    if not 0.05 < fraction < 1.0:
        return ""
    usual = elapsed * (1.0 - fraction) / fraction
    if earlier >= fraction:  # nothing more was done since, and no pace says how long that goes on
        return f"{_rounded(usual)} left or more" if usual >= max(elapsed - before, 0.5) else ""
    low, high = sorted((usual, (elapsed - before) * (1.0 - fraction) / (fraction - earlier)))
    if high < 0.5:
        return ""
    if high <= NEAR * low:
        return f"about {_rounded((low + high) / 2)} left"
    longest, unit = _rounded(high).split()
    shortest = f"{low / (60.0 if unit == 'min' else 1.0):.0f}"
    if shortest in ("0", longest):  # nothing is told of less than half a second, and no number twice
        return f"{'up to' if shortest == '0' else 'about'} {longest} {unit} left"
    return f"{shortest} to {longest} {unit} left"


NEAR = 1.5
"""How many times the shorter end of the time left the longer one may be, that both are told as one."""


def _rounded(value: float) -> str:
    return f"{max(value, 1.0):.0f} s" if value < 90 else f"{value / 60:.0f} min"


class _Pace:
    """How fast the work went, of which the part that is done is told now and then."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._told = [(0.0, 0.0)]

    def reach(self, fraction: float) -> None:
        """Take the part that is done now; a smaller one belongs to a piece of work that begins."""
        if fraction < self._told[-1][1]:
            self._begun, self._told = time.monotonic(), [(0.0, fraction)]
        elif fraction > self._told[-1][1]:
            self._told.append((time.monotonic() - self._begun, fraction))
            if len(self._told) > MOST_TOLD:
                del self._told[1::2]

    def said(self) -> str:
        """The part that is done and the time left, in words; "" where neither is known."""
        elapsed, fraction = time.monotonic() - self._begun, self._told[-1][1]
        before, earlier = [one for one in self._told if one[0] <= elapsed / 2][-1]
        left = time_left(elapsed, fraction, before, earlier)
        share = f"{100.0 * fraction:.0f} % done" if LEAST_TOLD < fraction < 1.0 else ""
        return ", ".join(part for part in (share, left) if part)


MOST_TOLD, LEAST_TOLD = 1000, 0.02
"""Moments that are kept of one piece of work; and the part that a run counts as done when its files are read."""


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TextColumn
    from rich.progress import Progress as Bar
    from rich.text import Text

    class Times(ProgressColumn):
        """Elapsed time, the part that is done, and time left."""

        def render(self, task: Task) -> Text:
            """Both, in words."""
            said = pace.said()
            return Text(f"{task.elapsed or 0.0:.0f} s{said and ', ' + said}")

    started, pace = time.monotonic(), _Pace()
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(24), Times())
    console = Console(stderr=sys.stderr.isatty())  # in a notebook rich draws into the cell
    with ExitStack() as stack:
        progress = Bar(*columns, console=console, transient=True)
        task = progress.add_task("reading", total=1.0)

        def tell(stage: str, fraction: float) -> None:
            if not progress.live.is_started and time.monotonic() - started > _SECONDS_TO_A_BAR:
                stack.enter_context(progress)
            pace.reach(fraction)
            progress.update(task, description=stage, completed=fraction)

        _bars.append(tell)
        stack.callback(_bars.remove, tell)
        yield tell


_bars: list[Progress] = []
"""Those that are there: two on one terminal would overwrite each other."""


def _lines() -> Progress:
    start = last = time.monotonic()
    pace = _Pace()

    def tell(stage: str, fraction: float) -> None:
        nonlocal last
        now = time.monotonic()
        pace.reach(fraction)
        if now - last >= _SECONDS_BETWEEN_LINES:
            last = now
            said = pace.said()
            print(f"{now - start:6.1f} s  {stage}{said and ', ' + said}", file=sys.stderr, flush=True)

    return tell


def warn(message: str) -> None:
    """Warn at the line that called the public function, however deep in certify it was noticed.

    Args:
        message: what to know.
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == OWN:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)
