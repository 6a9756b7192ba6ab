"""A check that ends in time: an estimate is refused before anything is derived, and a process of its own is ended.

What is over a limit is `inconclusive`, never invalid: nothing was learned of the certificate.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

from certify.check.reading.arrays import Array
from certify.check.reading.certificate import Claim
from certify.check.reading.subject import Problem
from certify.format.canonical import FORMAT, Json

INSIDE = ("import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); "
          "from certify.check.main import main; sys.exit(main(sys.argv[1:], supervised=True))")
"""What the process of its own runs, with the caller's places of modules and no other."""

LOOK, STACK = 1.0, 1 << 18
"""Seconds after which a process looks again whether its parent is there, and bytes of the thread that does."""

GRACE = 2
"""Seconds after which the process ends itself where its parent did not end it."""


class TooLarge(Exception):  # noqa: N818 — an answer, not a defect
    """The check would take, or has taken, more than is allowed."""


@dataclass(frozen=True)
class Limits:
    """What a check may take; None: as much as it needs.

    Attributes:
        seconds: on the clock; the estimate, which is of one core, is held against it too, shared by all jobs.
        memory: bytes; jobs: processes.
    """

    seconds: float | None = None
    memory: int | None = None
    jobs: int = 1

    def __bool__(self) -> bool:
        return self.seconds is not None or self.memory is not None

    def afford(self, tell: Callable[[str], None]) -> Callable[..., None]:
        """What says the estimate, with probes, where they leave something open, or with the trees of a side file.

        It raises `TooLarge` above a limit.
        """

        def judge(problem: Problem, claims: Sequence[Claim[object]], probed: bool,
                  side: Mapping[str, Array] | None = None) -> None:
            costs = import_module("certify.check.limits.cost")
            cost = costs.cost_of(problem, claims, probed, side or {})
            sized = f"about {cost} on one core, by the sizes alone: most checks take a third to three times that"
            tell(f"about {cost} on one core, with the trees of the side file" if side else
                 f"random probes leave it open: without them it takes {sized}" if not probed else
                 f"at least about {cost} on one core, by the sizes alone: what searches found comes to it"
                 if costs.searched(problem, claims) else sized)
            known = ("nothing was checked: it would take" if probed else
                     "random probes leave it open, and nothing is known of the certificate: without them it would take")
            for flag, needed, allowed in (("--seconds", cost.seconds / self.jobs, self.seconds),
                                          ("--memory", cost.megabytes * 1e6, self.memory)):
                if allowed is not None and needed > allowed:
                    raise TooLarge(f"{known} about {cost}, more than {flag} allows; raise "
                                   "it, or check where there is more")

        return judge


def object_of(words: str) -> Json:
    """The object of a check that was too large."""
    return {"format": FORMAT, "verdict": "inconclusive", "reason": words}


def hold(limits: Limits) -> None:
    """Hold this process to its limits: an allocation beyond them fails, and the clock ends it."""
    if limits.memory is not None and sys.platform != "win32":
        import resource

        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        most = limits.memory if hard == resource.RLIM_INFINITY else min(limits.memory, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
        sys.excepthook = lambda *_: None  # what fails then fails anywhere, in an import too; the parent says so
    if limits.seconds is not None and hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, limits.seconds + GRACE)  # its signal ends a process that does not heed it


def end_with(parent: int) -> None:
    """From now on this process ends when the one that began it is gone, however that one ended."""
    import threading

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK)
        os._exit(1)

    before = threading.stack_size(STACK)
    threading.Thread(target=watch, daemon=True).start()
    threading.stack_size(before)


def supervise(arguments: Sequence[str], limits: Limits) -> int:
    """Check in a process of its own, which is ended when its time is up; its exit status.

    This process has read no file yet. What the other prints is passed on when it has ended by itself.

    Args:
        arguments: of the command line, with the limits.
        limits: the same, read.

    Raises:
        TooLarge: it was ended.
    """
    import subprocess

    flags = ["-I", "-X", "utf8", *["-O"] * sys.flags.optimize]
    command = [sys.executable, *flags, "-c", INSIDE, json.dumps([path or os.getcwd() for path in sys.path]), *arguments]
    # the thread that looks for this process has memory of the others: one of its own would count 64 MB and is not used
    own = os.environ | {"MALLOC_ARENA_MAX": "1"}
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=own) as process:
        try:
            printed, _ = process.communicate(timeout=limits.seconds)
        except subprocess.TimeoutExpired:
            raise TooLarge(f"the check was ended after {limits.seconds:g} s, as --seconds says, and nothing is known "
                           "of the certificate") from None
        finally:
            process.kill()
    status = process.returncode
    if status < 0 or (status == 1 and limits.memory is not None):  # its own clock, or where an allocation failed
        how = f"was ended by signal {-status}" if status < 0 else "failed"
        cause = ", perhaps as --memory was not enough" if limits.memory is not None else ""
        raise TooLarge(f"the process of the check {how}{cause}, and nothing is known of the certificate")
    sys.stdout.write(printed.decode("utf-8", "backslashreplace"))
    sys.stdout.flush()
    return status
