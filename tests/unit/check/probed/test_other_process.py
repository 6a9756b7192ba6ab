"""Another process that never reads, never ends, says a byte at a time or leaves a child with the pipe: no long wait."""

from __future__ import annotations

import os
import time

import pytest

from certify.check.probed.other_process import answered
from tests.families.processes import runs

posix = pytest.mark.skipif(os.name != "posix", reason="elsewhere only the process itself is ended")

FORK = "import os, sys, time\nif os.fork() == 0:\n    {first}\n    time.sleep(60)\n    os._exit(0)\n{then}"
TRICKLE = "import os, time\nwhile True:\n    os.write(1, b'x')\n    time.sleep(0.05)"


def timed(program: str, told=(b"",), read=lambda said: said.read()):
    start = time.perf_counter()
    found = answered(program, told, 1.5, read)
    return found, time.perf_counter() - start


def test_what_it_says_is_read_to_the_end():
    program = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()[::-1])"
    parts = [bytes([x]) * 300_000 for x in (1, 2, 3)]
    assert answered(program, iter(parts), 60, lambda said: said.read()) == b"".join(parts)[::-1]


@posix
@pytest.mark.parametrize("first", ["pass", "os.setsid()", "os.setsid(); os.dup2(0, 9)"])
@pytest.mark.parametrize("then, size", [("pass", 0), ("os.abort()", 10**6), ("time.sleep(60)", 10**6)])
def test_a_child_of_it_that_holds_the_pipe_makes_nobody_wait(first, then, size):
    found, seconds = timed(FORK.format(first=first, then=then), (b"\0" * size,))
    assert found is None and seconds < 10


@posix
@pytest.mark.parametrize("program", [TRICKLE, "import time; time.sleep(60)", "import os; os.close(0); os.close(1)"])
@pytest.mark.parametrize("size", [0, 10**6])
def test_one_that_never_comes_to_an_end_is_ended(program, size):
    found, seconds = timed(program, (b"\0" * size,))
    assert not found and seconds < 10


@posix
def test_what_it_started_ends_with_it():
    program = FORK.format(first="os.write(1, b'%d\\n' % os.getpid())", then="time.sleep(60)")
    child = answered(program, (b"",), 60, lambda said: int(said.readline()))
    assert child is not None
    until = time.perf_counter() + 20
    while runs(child) and time.perf_counter() < until:
        time.sleep(0.1)
    assert not runs(child)



def test_what_reading_raises_is_raised_and_leaves_nothing():
    def fails(said):
        raise KeyError("it")

    with pytest.raises(KeyError):
        timed("import time; time.sleep(60)", read=fails)
