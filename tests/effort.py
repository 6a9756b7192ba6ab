"""How many examples a drawn test tries: a sixth in every run, all of them where `CERTIFY_TESTS=full` asks for it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

FULL = os.environ.get("CERTIFY_TESTS") == "full"
SHARE, LEAST = 6, 10
"""One example in so many is tried in every run, but at least so many: the same ones each time."""


def examples(number: int) -> int:
    """Of `number` examples those that this run tries."""
    return number if FULL else max(min(number, LEAST), number // SHARE)


T = TypeVar("T")


def turn(things: Sequence[T], number: int, share: int = 3) -> Sequence[T]:
    """Of the things that are tried on the member with this number one in so many, other ones on the next member."""
    return things if FULL else things[number % share::share]


def some(things: Sequence[T], share: int = SHARE) -> Sequence[T]:
    """Of many things of one kind those that this run tries: one in so many, the first among them."""
    return things if FULL else things[::share]
