"""What a run may use, memory and seconds, and how a part that would not fit ends: in words, never in a crash."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final, TypeVar

from numpy.linalg import LinAlgError

if TYPE_CHECKING:
    from certify.problem.cost import Cost
    from certify.problem.problem import Problem
    from certify.problem.progress import Progress

T = TypeVar("T")

_ATTEMPTING: ContextVar[bool] = ContextVar("attempting", default=False)
"""Whether an :meth:`Limits.attempt` is under way in this thread, which takes what ends the work."""

DOUBT: Final = 4.0
"""Estimates of time may be off by this factor: a part is left out only if a quarter of its estimate is too long."""


class OutOfTime(BaseException):
    """The time limit is reached. Like Ctrl-C no error, so that nothing on the way takes it for one."""


@dataclass(frozen=True)
class Limits:
    """Memory and time a run may use.

    Attributes:
        memory: bytes.
        stated: whether the spec gave that number; else it is what the machine has free.
        seconds: seconds from `started` on; None: as long as it takes.
        started: when the run began, on the clock of `time.monotonic`.
    """

    memory: int
    stated: bool = False
    seconds: float | None = None
    started: float = field(default_factory=time.monotonic)

    def left(self) -> float:
        """Seconds left; infinite without a limit."""
        return float("inf") if self.seconds is None else self.seconds - (time.monotonic() - self.started)

    def expired(self) -> bool:
        """Whether the time is up."""
        return self.left() <= 0

    def check(self) -> None:
        """Raise :class:`OutOfTime` if the time is up."""
        if self.expired():
            raise OutOfTime

    def watched(self, progress: Progress) -> Progress:
        """The same progress, which inside :meth:`attempt` also ends the work when the time is up.

        Outside of it nobody would take :class:`OutOfTime`, and the next attempt ends at once anyway.
        """

        def tell(stage: str, fraction: float) -> None:
            if _ATTEMPTING.get():
                self.check()
            progress(stage, fraction)

        return tell

    def refusal(self, cost: Cost) -> str:
        """Why a part is not begun, in words, or "" if it fits.

        >>> from certify.problem.cost import Cost
        >>> Limits(1 << 30, stated=True).refusal(Cost("congruence", 3 << 30, 0.0, 1.0))
        'the congruence computation needs about 3.0 GiB, and memory_limit is 1.0 GiB'
        """
        if cost.memory > self.memory:
            there = "memory_limit is" if self.stated else "this machine has"
            return f"{named(cost.name)} needs about {size(cost.memory)}, and {there} {size(self.memory)}"
        if self.seconds is None:
            return ""
        needed, left = cost.seconds(flops()), max(self.left(), 0.0)
        if needed <= DOUBT * left:
            return ""
        return f"{named(cost.name)} needs about {duration(needed)}, and {seconds(left)} of time_limit are left"

    def attempt(self, what: str, work: Callable[[], T]) -> T | str:
        """What `work()` returns, or in words that time or memory ran out during it, or that LAPACK gave up.

        Args:
            what: the part, as the subject of a sentence.
            work: returns no string of its own.
        """
        before = _ATTEMPTING.set(True)
        try:
            with self._alarm():
                return work()
        except OutOfTime:
            return f"time_limit ({seconds(self.seconds or 0.0)}) was reached before {what} was done"
        except MemoryError:
            return f"{what} ran out of memory"
        except LinAlgError as error:  # nothing was returned, so nothing is claimed
            return f"{what} failed, as LAPACK gave up ({error})"
        finally:
            _ATTEMPTING.reset(before)

    @contextmanager
    def _alarm(self) -> Iterator[None]:
        """Raise :class:`OutOfTime` in the block when the time is up, as soon as Python runs again.

        A single library call, such as a factorisation, is not cut short. Signals reach the main thread only, and
        somebody else's alarm is left alone: then the time is looked at between the stages.
        """
        self.check()
        usable = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
        if self.seconds is None or not usable or signal.getitimer(signal.ITIMER_REAL)[0] > 0:
            yield
            return
        armed = True

        def ring(number: int, frame: FrameType | None) -> None:
            if armed:
                raise OutOfTime

        before = signal.signal(signal.SIGALRM, ring)
        try:
            signal.setitimer(signal.ITIMER_REAL, max(self.left(), 1e-3))
            yield
        finally:
            try:
                armed = False
                signal.setitimer(signal.ITIMER_REAL, 0.0)
            finally:
                signal.signal(signal.SIGALRM, before)


def limits_of(problem: Problem, started: float | None = None) -> Limits:
    """The limits of a problem's spec; memory it does not state is what the machine has free.

    Args:
        problem: the problem.
        started: when the run began, on the clock of `time.monotonic`; default now.
    """
    run = None if problem.spec is None else problem.spec.run
    stated = None if run is None else run.memory_limit
    return Limits(
        free_memory() if stated is None else int(stated), stated is not None, None if run is None else run.time_limit,
        time.monotonic() if started is None else started,
    )


def free_memory() -> int:
    """Bytes this process can still have: what the machine has free, within the limit of its container."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration, IndexError):
        from certify.inputs.formats.archive import available_memory

        free = available_memory()
    try:
        folder = Path("/sys/fs/cgroup")
        used = int((folder / "memory.current").read_text(encoding="ascii"))
        return min(free, max(int((folder / "memory.max").read_text(encoding="ascii")) - used, 0))
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return free


_rate: list[float] = []


def flops() -> float:
    """Floating-point operations a second in a matrix product, measured once."""
    import numpy as np

    if not _rate:
        n = 384
        A = np.full((n, n), 0.5)
        A @ A
        start = time.perf_counter()
        A @ A
        _rate.append(2.0 * n**3 / max(time.perf_counter() - start, 1e-6))
    return _rate[0]


def named(tier: str) -> str:
    """A way of computing as the subject of a sentence.

    >>> named("congruence"), named("solution"), named("head")
    ('the congruence computation', 'the proof of an exact solution nearby', 'the pass to the last layer')
    """
    own = {"solution": "the proof of an exact solution nearby", "passes": "a pass through the network",
           "head": "the pass to the last layer", "changed rows": "the search over changed rows",
           "exact": "the exact computation", "radius": "the search for the radius",
           "aubin": "the proof of explicit radii",
           "window": "the comparison of both sets",
           "distance": "the proof of an exact fit of the moved data",
           "Hessian": "the Hessian with its inverse", "last layer": "the metrics of the last layer",
           "change": "the search for a change that leads far",
           "constants": "LipSDP for every row", "predictions": "the changes of predictions",
           "mixed derivative": "the product with the mixed derivative"}
    return own.get(tier, f"the {tier} computation")


def size(count: int) -> str:
    """Bytes in the largest fitting unit.

    >>> size(3 << 30), size(512 << 20), size(2000)
    ('3.0 GiB', '512 MiB', '2 KiB')
    """
    if count >= 1 << 30:
        return f"{count / (1 << 30):.1f} GiB"
    return f"{count / (1 << 20):.0f} MiB" if count >= 1 << 20 else f"{count / (1 << 10):.0f} KiB"


def seconds(value: float) -> str:
    """A time, also below a second.

    >>> seconds(0.25), seconds(12.4), seconds(600)
    ('0.25 s', '12 s', '10 min')
    """
    return f"{value:.2g} s" if value < 10 else duration(value)


def duration(value: float) -> str:
    """An estimated time in the largest fitting unit.

    >>> duration(0.3), duration(90), duration(9000)
    ('1 s', '2 min', '2.5 h')
    """
    if value < 60:
        return f"{max(value, 1):.0f} s"
    return f"{value / 60:.0f} min" if value < 5400 else f"{value / 3600:.1f} h"
