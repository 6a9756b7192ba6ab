"""Progress on stderr: a bar with stage, elapsed time and time left on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from certify.problem.progress import Progress, silent

_SECONDS_BETWEEN_LINES = 2.0


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


def time_left(elapsed: float, fraction: float) -> str:
    """The time left if the rest goes as fast as the part before, in words.

    >>> time_left(3.0, 0.25), time_left(3.0, 0.01), time_left(9.0, 1.0)
    ('about 9 s left', '', '')
    """
    if not 0.05 < fraction < 1.0:
        return ""
    left = elapsed * (1.0 - fraction) / fraction
    return f"about {left:.0f} s left" if left < 90 else f"about {left / 60:.0f} min left"


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
            left = time_left(elapsed, task.completed)
            return Text(f"{elapsed:.0f} s{left and ', ' + left}")

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(24), Times())
    console = Console(stderr=sys.stderr.isatty())  # in a notebook rich draws into the cell
    with Bar(*columns, console=console, transient=True) as progress:
        task = progress.add_task("reading", total=1.0)
        yield lambda stage, fraction: progress.update(task, description=stage, completed=fraction)


def _lines() -> Progress:
    start = last = time.monotonic()

    def tell(stage: str, fraction: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _SECONDS_BETWEEN_LINES:
            last = now
            left = time_left(now - start, fraction)
            print(f"{now - start:6.1f} s  {stage}{left and ', ' + left}", file=sys.stderr, flush=True)

    return tell
