"""How many rows go through the network at once: halved when memory runs out, and said so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import torch

from certify.format.errors import CertifyError

T = TypeVar("T")
_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "defaultcpuallocator")


class OutOfMemory(CertifyError):
    """Not even one row fits into memory."""


@dataclass(eq=False)
class Chunks:
    """The chunk size, which only ever shrinks. Where rows are apart no size changes the answer, but for rounding.

    Attributes:
        size: rows at once.
        tell: told in words when the size shrinks.
        whole: whether it may not shrink, because rows share their batch statistics.

    >>> [s.stop - s.start for s in Chunks(4).over(10)]
    [4, 4, 2]
    """

    size: int
    tell: Callable[[str], None] = field(default=lambda words: None)
    whole: bool = False

    def over(self, rows: int) -> Iterator[slice]:
        """Slices that cover `rows` rows, each of at most the present size."""
        start = 0
        while start < rows:
            stop = min(start + self.size, rows)
            yield slice(start, stop)
            start = stop

    def run(self, rows: int, work: Callable[[slice], T]) -> Iterator[tuple[slice, T]]:
        """`work` on slices that cover `rows` rows; a slice that does not fit into memory is done again in halves.

        Raises:
            OutOfMemory: one row alone does not fit, or all do not fit together where they have to.
        """
        start = 0
        while start < rows:
            part = slice(start, min(start + self.size, rows))
            result = self._attempt(part, work)
            if result is None:
                continue
            yield part, result[0]
            start = part.stop

    def _attempt(self, part: slice, work: Callable[[slice], T]) -> tuple[T] | None:
        try:
            return (work(part),)
        except (MemoryError, RuntimeError) as error:
            if not is_memory(error):
                raise
        if self.size <= 1:
            raise OutOfMemory("estimate", "one row does not fit into memory", "free memory, or take a smaller network")
        if self.whole:
            raise OutOfMemory("estimate", f"{self.size} rows that share their batch statistics do not fit into memory",
                              'free memory, take fewer rows, or use batch_statistics = "frozen"')
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.size = max(1, min(self.size, part.stop - part.start) // 2)
        self.tell(f"out of memory: going on with {self.size} rows at once")
        return None


def is_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out."""
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    return any(word in str(error).lower() for word in _WORDS)
