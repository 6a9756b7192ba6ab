"""A check by several processes: parts of the work that need nothing of each other, and their answers in order.

The process forks, so that every other one has all that was read, and takes their answers through pipes. Parts and
order are the same for any number of processes, and so is the verdict. A process that ends without its answer leaves the
check inconclusive. Where there is no `fork`, or no process more can begin, one process does all of it.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from certify.check.kernel import CHANCE
from certify.check.limits.held import TooLarge, end_with
from certify.check.limits.numbers import number_of

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

JOBS: ContextVar[int] = ContextVar("JOBS", default=1)
"""How many processes work at the same time."""

MOST = 1024
PAGES = "/proc/self/statm"

T = TypeVar("T")
Raised = tuple[type[Exception], tuple[Any, ...], dict[str, Any]]
Said = tuple[Raised | None, T]
"""What a part raised, and its answer where it raised nothing."""


def jobs_of(text: str) -> int:
    """A number of processes: from 1 on, or −1, as many as this process has processors.

    >>> jobs_of("3"), jobs_of("-1") >= 1
    (3, True)
    """
    value = number_of(text)
    if value is None or value % 1 or not (value == -1 or 1 <= value <= MOST):
        from argparse import ArgumentTypeError

        raise ArgumentTypeError(f"{text!r} is not a number of processes from 1 to {MOST}, or -1 for all processors")
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return there if value == -1 else int(value)


@contextmanager
def among(jobs: int) -> Iterator[None]:
    """Work is shared among so many processes in the block."""
    token = JOBS.set(jobs)
    try:
        yield
    finally:
        JOBS.reset(token)


def groups(count: int, most: int) -> list[range]:
    """So many things in groups of at most so many, and of fewer where each process is to have one.

    For what is found of each of them whatever else is in its group.

    >>> groups(5, 3), groups(2, 3)
    ([range(0, 3), range(3, 5)], [range(0, 2)])
    >>> with among(2):
    ...     groups(5, 9)
    [range(0, 3), range(3, 5)]
    """
    size = max(1, min(most, -(-count // JOBS.get())))
    return [range(at, min(at + size, count)) for at in range(0, count, size)]


def shared(work: Callable[[int], T], count: int) -> list[T]:
    """`work(0)`, …, `work(count − 1)`.

    Args:
        work: of one part; it may change nothing that another part looks at.
        count: parts.

    Raises:
        TooLarge: a process ended without its answer.
        Exception: what the first part raised that raised anything.
    """
    jobs, memory = _affordable(min(JOBS.get(), count))
    if jobs < 2:
        return [work(part) for part in range(count)]
    ours: list[Connection] = []
    processes: list[BaseProcess] = []
    try:
        if not _begun(work, jobs, memory, ours, processes):
            return [work(part) for part in range(count)]
        found: dict[int, Said[T]] = _gathered(ours, processes, count)
    finally:
        _stop(ours, processes)
    for part in range(count):
        if (raised := found[part][0]) is not None:
            raise _unpacked(raised)
    return [found[part][1] for part in range(count)]


def _begun(work: Callable[[int], T], jobs: int, memory: int | None, ours: list[Connection],
           processes: list[BaseProcess]) -> bool:
    """Begin so many processes; False, and none is left, where no file or process more is allowed."""
    from multiprocessing import get_context
    from multiprocessing.connection import Pipe

    try:
        for _ in range(jobs):
            here, there = Pipe()
            ours.append(here)
            try:
                one = get_context("fork").Process(target=_serve, args=(work, there, ours, os.getpid(), memory))
                with warnings.catch_warnings():  # threads of this process, if any, hold nothing that the others need
                    warnings.simplefilter("ignore", DeprecationWarning)
                    one.start()
            finally:
                there.close()
            processes.append(one)
    except OSError:
        _stop(ours, processes)
        return False
    return True


def _stop(pipes: list[Connection], processes: list[BaseProcess]) -> None:
    """End all others."""
    for process in processes:
        process.kill()
    for process in processes:
        process.join()
    for pipe in pipes:
        pipe.close()
    pipes.clear()
    processes.clear()


def _gathered(pipes: Sequence[Connection], processes: Sequence[BaseProcess], count: int) -> dict[int, Said[T]]:
    """What was said of every part; each process is given the next one when it has answered."""
    from multiprocessing.connection import wait

    found: dict[int, Said[T]] = {}
    waiting, pipe = iter(range(count)), pipes[0]
    try:
        for pipe in pipes:
            pipe.send(next(waiting))
        while len(found) < count:
            for pipe in wait(pipes):  # type: ignore[assignment]
                part, raised, answer = pipe.recv()
                found[part] = raised, answer
                if (more := next(waiting, None)) is not None:
                    pipe.send(more)
    except (EOFError, OSError):
        one = processes[pipes.index(pipe)]
        one.join()
        how = _how(one.exitcode)
        raise TooLarge(f"a process of the check {how}, and nothing is known of the certificate") from None
    return found


def _packed(error: Exception) -> Raised:
    return type(error), error.args, vars(error)


def _unpacked(raised: Raised) -> Exception:
    """The exception as it was: what it is made from is not what it keeps."""
    kind, args, members = raised
    error: Exception = kind.__new__(kind, *args)
    vars(error).update(members)
    return error


def _how(status: int | None) -> str:
    """How a process ended."""
    return f"was ended by signal {-status}" if status is not None and status < 0 else f"ended with status {status}"


def _serve(work: Callable[[int], T], pipe: Connection, others: Sequence[Connection], first: int,
           memory: int | None) -> None:
    """Another process: parts and their answers, until the first one ends it or is gone itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first one hears it, too, and ends all
    for other in others:
        other.close()
    JOBS.set(1)  # a part may share its own work, which is done by this process
    CHANCE.set(None)  # the first one would not hear what is drawn here, and would not count it: nothing is
    end_with(first)
    if memory is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, resource.getrlimit(resource.RLIMIT_AS)[1]))
    while True:
        try:
            part = pipe.recv()
        except EOFError:
            os._exit(1)
        said: tuple[int, Raised | None, T | None]
        try:
            said = part, None, work(part)
        except Exception as error:  # whatever it is, the first process raises it
            said = part, _packed(error), None
        try:
            pipe.send(said)
        except BrokenPipeError:  # the first one is gone
            os._exit(1)


def _affordable(jobs: int) -> tuple[int, int | None]:
    """How many of so many processes there is memory for, and bytes that each may take: with this one's all is counted.

    Each begins with what this one has, and is to have as much again at least.
    """
    if jobs < 2 or not hasattr(os, "fork") or sys.platform == "darwin" or _childless():
        return 1, None
    import resource

    most = resource.getrlimit(resource.RLIMIT_AS)[0]
    if most == resource.RLIM_INFINITY:
        return jobs, None
    try:
        with open(PAGES, encoding="ascii") as file:
            own = int(file.read().split()[0]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return 1, None
    jobs = min(jobs, (most - own) // (2 * own))
    return jobs, (most - own) // max(jobs, 1)


def _childless() -> bool:
    """Whether this process may have no others, as one of a `multiprocessing.Pool`."""
    from multiprocessing import current_process

    return bool(current_process().daemon)
