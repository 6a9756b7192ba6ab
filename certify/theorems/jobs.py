"""Several processes on one proof: questions that need nothing of each other, and the answers in their order.

The process forks, so that every other one has all that this one has. What is asked, and in which order, does not depend
on their number but where it depends on the time that is left, and neither does a proof. Where there is no safe `fork`
(Windows, macOS) one process does all of it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import warnings
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from multiprocessing import current_process, get_all_start_methods, get_context
from multiprocessing.connection import Connection, Pipe, wait
from multiprocessing.process import BaseProcess
from operator import index
from types import TracebackType
from typing import Any, Final, Generic, NoReturn, TypeVar

from certify.format.errors import InputError, ProcessLost
from certify.problem.limits import OutOfTime

JOBS: ContextVar[int] = ContextVar("jobs", default=1)
"""How many processes work at the same time."""

MOST: Final = 1024

AHEAD: Final = 16
"""Questions that are asked before it is known what the first of them found: more processes have nothing to do."""

LOOK: Final = 1.0
"""Seconds after which a process looks again whether another one is still there."""

Q = TypeVar("Q")
A = TypeVar("A")
Raised = tuple[type[BaseException], tuple[Any, ...], dict[str, Any]]
"""What an exception is made from, and what it keeps."""


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def number_of_jobs(jobs: int) -> int:
    """How many processes are meant: from 1 on, or −1, as many as there are processors.

    >>> number_of_jobs(3), number_of_jobs(-1) == processors()
    (3, True)

    Raises:
        InputError: another number.
    """
    try:
        meant = 0 if isinstance(jobs, bool) else index(jobs)  # whole numbers of numpy are such, too
    except TypeError:
        meant = 0
    if not (meant == -1 or 1 <= meant <= MOST):
        raise InputError("jobs", f"{jobs!r}", f"give a number of processes from 1 to {MOST}, or -1 for all processors")
    return processors() if meant == -1 else meant


@contextmanager
def among(jobs: int) -> Iterator[None]:
    """Proofs in the block are made by so many processes.

    Raises:
        InputError: a number that is none.
    """
    token = JOBS.set(number_of_jobs(jobs))
    try:
        yield
    finally:
        JOBS.reset(token)


class Crew(Generic[Q, A]):
    """Processes that answer questions; where one is allowed, this one itself, when it is asked.

    The others begin with the first question, and end with the block. Where no other can begin (too many files are open,
    or processes there, or this one may have none, as those of a `multiprocessing.Pool`), this one does all of it.

    Args:
        answer: of a question; it may change nothing that another question looks at.
        subject: what a question is about: the process that was first asked about it is asked again, which may have kept
            something of it; hashable, and None where nothing is kept.
    """

    def __init__(self, answer: Callable[[Q], A], subject: Callable[[Q], Hashable] = lambda _: None) -> None:
        forks = "fork" in get_all_start_methods() and sys.platform != "darwin" and not current_process().daemon
        self._answer, self._jobs = answer, min(JOBS.get(), AHEAD) if forks else 1
        self._answers: dict[int, tuple[BaseException | None, A]] = {}
        self._asked, self._taken, self._failed = 0, 0, False
        self._waiting: deque[tuple[int, Q]] = deque()
        self._pipes: list[Connection] = []
        self._processes: list[BaseProcess] = []
        self._idle: list[Connection] = []
        self._subject, self._homes = subject, dict[Hashable, Connection]()

    def __enter__(self) -> Crew[Q, A]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._stop()

    def _stop(self) -> None:
        """End all others."""
        for one in self._processes:
            one.kill()
        for one in self._processes:
            one.join()
        for pipe in self._pipes:
            pipe.close()
        self._processes, self._pipes = [], []
        self._homes.clear()

    def all(self, questions: Iterable[Q], ahead: int) -> Iterator[A]:
        """The answers to some questions, of which so many are asked before the answer to the first is taken."""
        coming = iter(questions)
        while True:
            if self._asked - self._taken == ahead:
                yield self.next()
            try:
                self.ask(next(coming))
            except StopIteration:
                break
        while self._taken < self._asked:
            yield self.next()

    def ask(self, question: Q) -> None:
        """Have a question answered."""
        number, self._asked = self._asked, self._asked + 1
        if self._jobs > 1 and not self._processes:
            self._begin()
        if self._jobs < 2:
            if not self._failed:  # what is asked after a question that fails is never taken
                self._alone(number, question)
            return
        self._waiting.append((number, question))
        self._give()

    def _alone(self, number: int, question: Q) -> None:
        try:
            self._answers[number] = None, self._answer(question)
        except (Exception, OutOfTime) as error:  # raised in its turn, as where another process answers
            self._answers[number], self._failed = (error, None), True  # type: ignore[assignment]

    def next(self) -> A:
        """The answer to the first question whose answer was not taken yet.

        Raises:
            ProcessLost: a process ended without its answer.
            Exception: what the answer raised.
        """
        number, self._taken = self._taken, self._taken + 1
        while number not in self._answers:
            for pipe in wait(self._pipes, LOOK) or self._silent():
                assert isinstance(pipe, Connection)
                self._receive(pipe)
            self._give()
        error, answer = self._answers.pop(number)
        if error is not None:
            raise error
        return answer

    def _silent(self) -> list[Connection]:
        """Pipes of processes that ended: they say nothing where a process of another thread holds their other end."""
        gone = [pipe for pipe, one in zip(self._pipes, self._processes, strict=True) if not one.is_alive()]
        for pipe in gone:
            if not pipe.poll():
                self._lost(pipe)
        return gone

    def _begin(self) -> None:
        try:
            for _ in range(self._jobs):
                self._one_more()
        except OSError:  # no file or process more is allowed
            self._stop()
            self._jobs = 1
        self._idle = list(self._pipes)

    def _one_more(self) -> None:
        here, there = Pipe()
        self._pipes.append(here)
        try:
            one = get_context("fork").Process(target=_serve, args=(self._answer, there, self._pipes, os.getpid()))
            with warnings.catch_warnings():  # threads of BLAS start again, and those that wait for others hold nothing
                warnings.simplefilter("ignore", DeprecationWarning)
                one.start()
        finally:
            there.close()
        self._processes.append(one)

    def _give(self) -> None:
        for one in list(self._waiting):
            if not self._idle:
                break
            about = self._subject(one[1])
            pipe = self._homes.get(about, self._idle[0])
            if pipe not in self._idle:  # the others that wait may be for one that is
                continue
            if about is not None:
                self._homes[about] = pipe
            self._idle.remove(pipe)
            self._waiting.remove(one)
            try:
                pipe.send(one)
            except OSError:
                self._lost(pipe)

    def _receive(self, pipe: Connection) -> None:
        try:
            number, raised, answer = pipe.recv()
        except (EOFError, OSError):
            self._lost(pipe)
        self._answers[number] = None if raised is None else _unpacked(raised), answer
        self._idle.append(pipe)

    def _lost(self, pipe: Connection) -> NoReturn:
        one = self._processes[self._pipes.index(pipe)]
        one.join()
        status = one.exitcode or 0
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        raise ProcessLost("jobs", f"one of {self._jobs} processes {how}",
                             "there may be too little memory for so many: give fewer jobs")


def _unpacked(raised: Raised) -> BaseException:
    """The exception as it was."""
    kind, args, members = raised
    error: BaseException = kind.__new__(kind, *args)
    vars(error).update(members)
    return error


def _watch(first: int) -> None:
    """End this process when the first one is gone: a pipe would not tell, whose end processes of other threads hold."""
    while os.getppid() == first:
        time.sleep(LOOK)
    os._exit(1)


def _serve(answer: Callable[[Any], Any], pipe: Connection, others: list[Connection], first: int) -> None:
    """Another process: questions and their answers, until the first one ends it or is gone itself."""
    from threading import Thread

    from threadpoolctl import threadpool_limits

    JOBS.set(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first one hears it, too, and ends all
    for other in others:
        other.close()
    Thread(target=_watch, args=(first,), daemon=True).start()
    with threadpool_limits(1):
        while True:
            try:
                number, question = pipe.recv()
            except EOFError:
                os._exit(1)
            said: tuple[int, Raised | None, Any]
            try:
                said = number, None, answer(question)
            except (Exception, OutOfTime) as error:  # whatever it is, the first process raises it
                said = number, (type(error), error.args, vars(error)), None
            try:
                pipe.send(said)
            except BrokenPipeError:  # the first one is gone
                os._exit(1)
