"""Questions to several processes: answers in their order, errors as they were, and no process that is left."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

from certify.format.errors import InputError, ProcessLost
from certify.problem.limits import OutOfTime
from certify.theorems import jobs as module
from certify.theorems.jobs import AHEAD, JOBS, Crew, among, number_of_jobs, processors
from tests.families.processes import runs

pytestmark = pytest.mark.forks
ROOT = Path(__file__).resolve().parents[3]
BUSY = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test may run where it is ignored
from certify.theorems.jobs import Crew, among

def answer(question):
    os.write(1, f"{os.getpid()}\\n".encode())
    time.sleep(60)

with among(3), Crew(answer) as crew:
    list(crew.all(range(9), 4))
"""


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_answers_come_in_the_order_of_their_questions(jobs: int) -> None:
    def answer(question: int) -> tuple[int, int]:
        time.sleep(0.01 * (question % 3))
        return question, os.getpid()

    with among(jobs), Crew(answer) as crew:
        found = list(crew.all(range(20), 6))
        crew.ask(20)
        crew.ask(21)
        found += [crew.next(), crew.next()]
    assert [question for question, _ in found] == list(range(22))
    assert len({pid for _, pid in found}) == jobs and (os.getpid() in {pid for _, pid in found}) == (jobs == 1)
    assert JOBS.get() == 1 and not multiprocessing.active_children()


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_what_was_asked_about_first_in_a_process_is_asked_there_again(jobs: int) -> None:
    """Whatever takes how long; of what has no subject anyone is asked, and no process waits for that."""
    def answer(question: int) -> tuple[int | None, int]:
        time.sleep(0.002 * (question * question % 7))
        return subject(question), os.getpid()

    def subject(question: int) -> int | None:
        return question % 5 or None

    with among(jobs), Crew(answer, subject) as crew:
        found = list(crew.all(range(60), AHEAD))
    assert [about for about, _ in found] == [subject(question) for question in range(60)]
    homes = {about: {pid for other, pid in found if other == about} for about in range(1, 5)}
    assert all(len(pids) == 1 for pids in homes.values())
    assert len({pid for _, pid in found}) <= jobs


def test_a_crew_whose_block_ended_has_new_homes() -> None:
    with among(2):
        crew = Crew(lambda question: question, lambda question: question)
        for _ in range(2):
            with crew:
                assert list(crew.all(range(3), 4)) == [0, 1, 2]
            assert not crew._homes  # of processes that are gone: it would wait for them without end


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_so_many_questions_are_asked_before_the_first_answer_is_taken_whatever_their_number(jobs: int) -> None:
    taken: list[int] = []
    known: list[int] = []

    def questions() -> object:
        for number in range(8):
            known.append(len(taken))
            yield number

    with among(jobs), Crew(lambda number: number) as crew:
        for answer in crew.all(questions(), 3):
            taken.append(answer)
    assert known == [0, 0, 0, 1, 2, 3, 4, 5] and taken == list(range(8))


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("error", [ValueError("three"), InputError("a", "b", "c"), OutOfTime(), MemoryError()])
def test_an_error_is_raised_in_its_turn_as_it_was(jobs: int, error: BaseException) -> None:
    def answer(question: int) -> int:
        if question == 3:
            raise error
        return question

    seen = []
    with pytest.raises(type(error)) as caught, among(jobs), Crew(answer) as crew:
        for one in crew.all(range(9), 4):
            seen.append(one)
    assert seen == [0, 1, 2] and str(caught.value) == str(error) and vars(caught.value) == vars(error)
    assert not multiprocessing.active_children()


def test_a_process_that_is_killed_is_an_error() -> None:
    def answer(question: int) -> int:
        if question == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return question

    with pytest.raises(ProcessLost, match="one of 2 processes was ended by signal 9"), among(2), \
            Crew(answer) as crew:
        list(crew.all(range(9), 4))
    assert not multiprocessing.active_children()


def test_a_process_that_answers_no_more_questions_has_no_crew_of_its_own() -> None:
    with among(2), Crew(lambda _: JOBS.get()) as crew:
        assert list(crew.all(range(4), 2)) == [1] * 4


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 1), (signal.SIGTERM, -15), (signal.SIGKILL, -9)])
def test_no_process_is_left_when_the_first_is_ended(number: int, status: int) -> None:
    process = subprocess.Popen([sys.executable, "-c", BUSY], cwd=ROOT, stdout=subprocess.PIPE, text=True,
                               stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    others = [int(process.stdout.readline()) for _ in range(3)]
    assert len(set(others)) == 3 and all(runs(pid) for pid in others)
    process.send_signal(number)
    errors = process.stderr.read()
    process.stdout.close()
    assert process.wait(30) in (status, -2) and errors.count("Traceback") == (number == signal.SIGINT)
    end = time.monotonic() + 20
    while any(runs(pid) for pid in others) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(runs(pid) for pid in others)


THREADS = """
import os, threading, time
from certify.check.limits import shares
from certify.theorems.jobs import Crew, among

def answer(question):
    os.write(1, f"{os.getpid()}\\n".encode())
    time.sleep(60)

def crew():
    with among(2), Crew(answer) as crew:
        list(crew.all(range(9), 4))

def check():
    with shares.among(2):
        shares.shared(answer, 8)

for work in (crew, crew, check, check):
    threading.Thread(target=work).start()
"""


def test_no_process_of_any_thread_is_left() -> None:
    """Processes that threads began hold each other's pipes."""
    process = subprocess.Popen([sys.executable, "-c", THREADS], cwd=ROOT, stdout=subprocess.PIPE, text=True,
                               stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    others = [int(process.stdout.readline()) for _ in range(8)]
    assert len(set(others)) == 8
    process.kill()
    process.stdout.close()
    process.wait(30)
    end = time.monotonic() + 20
    while any(runs(pid) for pid in others) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(runs(pid) for pid in others)


def test_a_process_that_ends_is_heard_of_where_its_pipe_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process, begun by another thread in between, holds the other end."""
    held: list[int] = []
    pipe = module.Pipe

    def kept() -> tuple[Connection, Connection]:
        here, there = pipe()
        held.append(os.dup(there.fileno()))
        return here, there

    monkeypatch.setattr(module, "Pipe", kept)
    try:
        with pytest.raises(ProcessLost, match="one of 2 processes ended with status 7"), among(2), \
                Crew(lambda _: os._exit(7)) as crew:
            list(crew.all(range(9), 4))
    finally:
        for number in held:
            os.close(number)


def test_no_more_processes_begin_than_have_something_to_do() -> None:
    with among(100), Crew(lambda _: os.getpid()) as crew:
        crew.ask(0)
        assert len(multiprocessing.active_children()) == AHEAD


@pytest.mark.parametrize("after", [0, 1])
def test_where_no_other_process_can_begin_one_does_all_of_it(after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made, pipe = [0], module.Pipe

    def full() -> object:
        made[0] += 1
        if made[0] > after:
            raise OSError(24, "Too many open files")
        return pipe()

    monkeypatch.setattr(module, "Pipe", full)
    with among(3), Crew(lambda number: (number, os.getpid())) as crew:
        assert list(crew.all(range(5), 3)) == [(number, os.getpid()) for number in range(5)]
    assert made == [after + 1] and not multiprocessing.active_children()


def test_where_a_fork_is_not_safe_one_does_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with among(3), Crew(lambda _: os.getpid()) as crew:
        assert list(crew.all(range(3), 2)) == [os.getpid()] * 3


def test_another_process_leaves_ctrl_c_to_the_first() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a test may run where it is ignored
    try:
        with among(2), Crew(lambda _: signal.getsignal(signal.SIGINT)) as crew:
            assert list(crew.all(range(2), 2)) == [signal.SIG_IGN] * 2
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_process_that_may_have_no_others_does_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)  # type: ignore[attr-defined]
    with among(3), Crew(lambda _: os.getpid()) as crew:
        assert list(crew.all(range(3), 2)) == [os.getpid()] * 3


def test_numbers_of_processes() -> None:
    assert [number_of_jobs(jobs) for jobs in (1, 7, -1, np.int64(2))] == [1, 7, processors(), 2]
    for jobs in (0, -2, 1025, 1.0, True, "2", None, np.int64(0), np.float64(2.0)):
        with pytest.raises(InputError, match="give a number of processes"), among(jobs):  # type: ignore[arg-type]
            pass
