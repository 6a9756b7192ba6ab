"""The programs that propose to the checker, called in this process: another one takes a tenth of a second to begin.

What the checker reads are the same bytes. A test with a program of its own still starts it, as does a check that a
test runs in a process of its own; tests that ask `both_ways` hold what is said here against what a process says.
"""

from __future__ import annotations

import io
import json
import sys
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import ModuleType, SimpleNamespace
from typing import IO, Any, TypeVar
from unittest.mock import patch

from certify.check.linalg import proposals
from certify.check.probed import answer
from certify.check.probed.other_process import answered
from certify.finders.proposals import __main__, motions

T = TypeVar("T")
ASKING = (proposals, answer)
"""The modules of the checker that ask."""


PROGRAMS: dict[str, ModuleType] = {proposals.PROGRAM: __main__, answer.PROGRAM: motions}
"""The module whose `main` each program of the product calls."""


def said_here(module: ModuleType, told: bytes) -> bytes:
    """What a program says to bytes, up to where it fails."""
    out = io.BytesIO()
    with patch.multiple(sys, stdin=SimpleNamespace(buffer=io.BytesIO(told)), stdout=SimpleNamespace(buffer=out)), \
            patch.object(module, "end_with_parent", lambda: None), warnings.catch_warnings(), suppress(Exception):
        warnings.simplefilter("ignore")
        module.main()
    return out.getvalue()


def answered_here(
    program: str, told: Iterable[bytes], seconds: float, read: Callable[[IO[bytes]], T | None],
) -> T | None:
    """`answered`, without another process where the program is one of the product's."""
    if program not in PROGRAMS:
        return answered(program, told, seconds, read)
    said: Any = io.BytesIO(said_here(PROGRAMS[program], b"".join(told)))
    return read(io.BufferedReader(said))


def both_ways(seen: list[str]) -> Callable[..., Any]:
    """`answered` of a process, whose answer has to have the form of the one here; `seen` gets what was asked."""
    def asked(program: str, told: Iterable[bytes], seconds: float, read: Callable[[IO[bytes]], T | None]) -> T | None:
        question = b"".join(told)
        here = said_here(PROGRAMS[program], question)
        there = answered(program, (question,), seconds, lambda said: said.read())
        assert there and here.partition(b"\n")[0] == there.partition(b"\n")[0] and len(here) == len(there)
        first = json.loads(question.partition(b"\n")[0])
        seen.append(first.get("kind") or first["wanted"])
        whole: Any = io.BytesIO(there)
        return read(io.BufferedReader(whole))

    return asked
