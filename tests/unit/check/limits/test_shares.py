"""A check by several processes: the same answers, and never one where a process ended without its own."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from argparse import ArgumentTypeError
from pathlib import Path

import pytest

from certify.check.kernel import CHANCE
from certify.check.limits import held, shares
from certify.check.limits.held import Limits, TooLarge
from certify.check.limits.shares import among, jobs_of, shared
from certify.check.main import main
from certify.format.refusal import Invalid
from tests.families.processes import runs

ROOT = Path(__file__).resolve().parents[4]
AUDIT = ROOT / "reports" / "audits" / "stock-logistic" / "deleted-1" / "certificate.json"
BUSY = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test may run where it is ignored
from certify.check.limits.shares import among, shared

def work(part):
    os.write(1, f"{os.getpid()}\\n".encode())
    time.sleep(60)

with among(2):
    shared(work, 8)
"""


WITH_LIMITS = """
import sys
from certify.check.limits import held
busy = (
    "import os, time; from certify.check.limits import shares; "
    "say = lambda part: (os.write(2, (str(os.getpid()) + chr(10)).encode()), time.sleep(60)); "
    "work = lambda *_: (os.write(2, (str(os.getpid()) + chr(10)).encode()), shares.shared(say, 2)); "
    "import certify.check.main as main; main._checked = work; ")
held.INSIDE = held.INSIDE.replace("from certify.check.main import main; ", busy).replace("main(sys", "main.main(sys")
from certify.check.main import main
sys.exit(main())
"""


@pytest.mark.parametrize("jobs", [1, 2, 3, 8])
def test_every_part_is_answered_in_order(jobs: int) -> None:
    with among(jobs):
        found = shared(lambda part: (part, os.getpid()), 7)
        assert shared(str, 0) == [] and shared(str, 1) == ["0"]
    assert [part for part, _ in found] == list(range(7)) and len({pid for _, pid in found}) <= jobs
    assert (os.getpid() in {pid for _, pid in found}) == (jobs == 1)
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_the_first_part_that_raises_is_the_one_that_is_told(jobs: int) -> None:
    def work(part: int) -> int:
        if part in (3, 5):
            raise Invalid(f"part {part}", "it is wrong", "a right one is needed")
        return part

    with pytest.raises(Invalid) as caught, among(jobs):
        shared(work, 9)
    assert (caught.value.where, caught.value.claimed, caught.value.found) == (
        "part 3", "it is wrong", "a right one is needed")
    assert str(caught.value) == "part 3: it is wrong, but a right one is needed"


@pytest.mark.parametrize("end", [lambda: os.kill(os.getpid(), signal.SIGKILL), lambda: os._exit(0)])
@pytest.mark.parametrize("at", [0, 6])
def test_a_process_that_ends_leaves_the_check_open(end, at: int) -> None:
    def work(part: int) -> bool:
        if part == at:
            end()
        return True

    with pytest.raises(TooLarge, match="a process of the check (was ended by signal 9|ended with status 0), and "), \
            among(2):
        shared(work, 7)
    assert not multiprocessing.active_children()


def test_what_is_left_out_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong version: parts that are given to nobody, with a process whose answers are counted twice."""
    gathered = shares._gathered
    monkeypatch.setattr(shares, "_gathered", lambda pipes, processes, count: gathered(pipes, processes, count - 1))
    with pytest.raises(KeyError), among(2):
        shared(lambda part: part, 5)


def test_memory_is_shared_out_and_what_does_not_fit_is_done_by_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    def limited(most: int) -> None:
        monkeypatch.setattr(resource, "getrlimit", lambda which: (most, resource.RLIM_INFINITY))

    own = int(Path(shares.PAGES).read_text().split()[0]) * resource.getpagesize()
    limited(resource.RLIM_INFINITY)
    assert shares._affordable(4) == (4, None)
    limited(100 * own)
    jobs, each = shares._affordable(4)
    assert jobs == 4 and each is not None and 4 * each + own <= 100 * own * 1.01 and each > 20 * own
    limited(6 * own)
    assert shares._affordable(4)[0] == 2
    limited(2 * own)
    assert shares._affordable(4)[0] < 2
    with among(4):
        assert shared(lambda part: os.getpid(), 3) == [os.getpid()] * 3


def test_a_process_that_needs_more_memory_leaves_the_check_open() -> None:
    code = """
import resource
from certify.check.limits.shares import _affordable, among, shared
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, resource.RLIM_INFINITY))
assert _affordable(2)[0] == 2
with among(2):
    shared(lambda part: len(bytearray(3 << 30)), 2)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.rstrip().endswith("MemoryError")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_process_is_left_when_the_first_is_ended(number: int) -> None:
    process = subprocess.Popen([sys.executable, "-c", BUSY], cwd=ROOT, stdout=subprocess.PIPE, text=True,
                               stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    others = [int(process.stdout.readline()) for _ in range(2)]
    process.send_signal(number)
    process.stdout.close()
    assert process.wait(30) != 0
    end = time.monotonic() + 20
    while any(runs(pid) for pid in others) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(runs(pid) for pid in others)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_of_a_check_with_limits_is_left_when_it_is_ended(number: int) -> None:
    """Neither the process that is held to them nor those that share its work."""
    process = subprocess.Popen([sys.executable, "-c", WITH_LIMITS, str(AUDIT), "--seconds", "100", "--jobs", "2"],
                               cwd=ROOT, stdout=subprocess.DEVNULL, text=True, stderr=subprocess.PIPE)
    assert process.stderr is not None
    others = [int(process.stderr.readline()) for _ in range(3)]
    assert len({*others, process.pid}) == 4 and all(runs(pid) for pid in others)
    process.send_signal(number)
    assert process.wait(30) == -number
    end = time.monotonic() + 20
    while any(runs(pid) for pid in others) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(runs(pid) for pid in others)
    process.stderr.close()


def test_looking_for_the_first_process_takes_little_of_the_memory_that_is_allowed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
) -> None:
    size = "(lambda: int(open('/proc/self/statm').read().split()[0]) * 4096)"
    monkeypatch.setattr(held, "INSIDE", "import json, os, sys, time; sys.path[:] = json.loads(sys.argv.pop(1)); "
                        "from certify.check.limits import held; import threading; "
                        f"before = {size}(); held.end_with(os.getppid()); time.sleep(0.3); print({size}() - before)")
    assert held.supervise([], Limits(seconds=60.0)) == 0
    assert int(capfd.readouterr().out) < 4 << 20


@pytest.mark.parametrize("after", [0, 1])
def test_where_no_other_process_can_begin_one_does_all_of_it(after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from multiprocessing import connection

    made, pipe = [0], connection.Pipe

    def full() -> object:
        made[0] += 1
        if made[0] > after:
            raise OSError(24, "Too many open files")
        return pipe()

    monkeypatch.setattr(connection, "Pipe", full)
    with among(3):
        assert shared(lambda part: (part, os.getpid()), 5) == [(part, os.getpid()) for part in range(5)]
    assert made == [after + 1] and not multiprocessing.active_children()


def test_a_process_that_may_have_no_others_does_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)  # type: ignore[attr-defined]
    with among(3):
        assert shared(lambda part: os.getpid(), 3) == [os.getpid()] * 3


def test_where_a_fork_is_not_safe_or_memory_is_not_known_one_does_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sys, "platform", "darwin")
        assert shares._affordable(4) == (1, None)
    assert shares._affordable(4) == (4, None)
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1 << 40, resource.RLIM_INFINITY))
    assert shares._affordable(4)[0] == 4
    monkeypatch.setattr(shares, "PAGES", "/nowhere")
    assert shares._affordable(4) == (1, None)


def test_another_process_leaves_ctrl_c_to_the_first() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a test may run where it is ignored
    try:
        with among(2):
            assert shared(lambda part: signal.getsignal(signal.SIGINT), 2) == [signal.SIG_IGN] * 2
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_process_shares_nothing_and_draws_nothing() -> None:
    token = CHANCE.set([])
    try:
        with among(2):
            assert shared(lambda part: (shares.JOBS.get(), CHANCE.get()), 3) == [(1, None)] * 3
        assert CHANCE.get() == []
    finally:
        CHANCE.reset(token)


@pytest.mark.parametrize("flags", [[], ["--seconds", "100"], ["--memory", "8GB"]])
def test_a_check_says_the_same(flags: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    said = []
    for jobs in (["--jobs", "1"], ["--jobs=3"]):
        assert main([str(AUDIT), "--quiet", *flags, *jobs]) == 0
        said.append(capfd.readouterr())
    assert said[0] == said[1] and said[0].out.startswith("certified ")


def test_the_estimate_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from certify.check.limits import cost

    monkeypatch.setattr(cost, "cost_of", lambda *_: SimpleNamespace(seconds=100.0, megabytes=1.0))
    Limits(60.0, None, 2).afford(lambda _: None)(None, (), True)
    with pytest.raises(TooLarge):
        Limits(60.0, None, 1).afford(lambda _: None)(None, (), True)


def test_numbers_of_processes(capsys: pytest.CaptureFixture[str]) -> None:
    assert jobs_of("4") == 4 and jobs_of("-1") >= 1
    for text in ("0", "-2", "1.5", "x", "1025", "nan", "1_0"):
        with pytest.raises(ArgumentTypeError, match="number of processes"):
            jobs_of(text)
        assert main([str(AUDIT), f"--jobs={text}"]) == 2
    assert "--jobs" in capsys.readouterr().err
