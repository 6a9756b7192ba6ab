"""A sign of life: while a check derives something for long, a line now and then says that it works."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

FIRST, EVERY = 2.0, 20.0
"""Seconds to the first line, and from one line to the next at most: each is twice as far from the last one as that was
from the one before."""

T = TypeVar("T")


@dataclass(frozen=True)
class Work:
    """A part of a check that takes one thing after another.

    Attributes:
        words: what the things are.
        done, total: how many of them are done, and how many there are.
        start: seconds of processor at its beginning.
    """

    words: str
    done: int
    total: int
    start: float

    def told(self, now: float) -> str:
        """How far it is, and what the others take at that pace.

        >>> Work("rows", 50, 200, 10.0).told(30.0), Work("rows", 0, 200, 10.0).told(30.0)
        ('rows: 50 of 200, about 60 s of processor left for the others', 'rows: 0 of 200')
        """
        how_far = f"{self.words}: {self.done} of {self.total}"
        if not self.done:
            return how_far
        left = (now - self.start) / self.done * (self.total - self.done)
        return f"{how_far}, about {left:.0f} s of processor left for the others"


_NOW: list[Work] = []
"""What is being worked at, the innermost last: written by the one thread that checks, read by the one that tells."""


def watched(things: Iterable[T], total: int, words: str) -> Iterator[T]:
    """The same things; a sign of life says how many of them are done, and how long the others take at that pace.

    Args:
        things: one after another.
        total: how many there are.
        words: what they are.

    >>> list(watched("ab", 2, "letters"))
    ['a', 'b']
    """
    place, start = len(_NOW), time.process_time()
    try:
        for done, thing in enumerate(things):
            _NOW[place:] = [Work(words, done, total, start)]
            yield thing
    finally:
        del _NOW[place:]


@contextmanager
def alive(tell: Callable[[str], None]) -> Iterator[None]:
    """Tell now and then that the work of the block goes on, how much of a processor it has had, and how far it is."""
    over = threading.Event()

    def say() -> None:
        pause = min(FIRST, EVERY)
        while not over.wait(pause):
            now, work = time.process_time(), _NOW[-1:]
            tell("; ".join([f"still at it, after {now:.0f} s of processor", *(one.told(now) for one in work)]))
            pause = min(2 * pause, EVERY)

    teller = threading.Thread(target=say, daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
