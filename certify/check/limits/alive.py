"""A sign of life: while a check derives something for long, a line now and then says that it works."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

EVERY = 20.0
"""Seconds from one line to the next."""


@contextmanager
def alive(tell: Callable[[str], None]) -> Iterator[None]:
    """Tell every so many seconds that the work of the block goes on, and how much of a processor it has had."""
    over = threading.Event()

    def say() -> None:
        while not over.wait(EVERY):
            tell(f"still at it, after {time.process_time():.0f} s of processor")

    teller = threading.Thread(target=say, daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
