"""Corrections of those sums that leave a point open: a few whole numbers a change, judged as a checker judges them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from certify.problem.limits import OutOfTime
from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.refitted.last import BLOCK, Block, joined

WAITING = 2048
"""Changes that are moved towards their refits together."""

STORED = 100_000_000
"""Most whole numbers of corrections, a byte each."""

SMALL = 1e-3
"""Of μ: the length of a gradient that decides most labels."""


class Summed(Protocol):
    """Changes whose weights are sums, and what moves them nearer to their refits."""

    @property
    def head(self) -> Head:
        """The head."""
        ...

    @property
    def basis(self) -> NDArray[np.floating]:
        """`(km, km)` of which corrections are whole multiples."""
        ...

    def choices(self, block: Block) -> Choices:
        """What a block changes."""
        ...

    def open(self, block: Block) -> Block:
        """Those of a block that leave a point open."""
        ...

    def nearer(self, block: Block) -> Block:
        """Weights nearer to the refits."""
        ...

    def solved(self, block: Block, goal: float) -> Array:
        """`(B, k, m)` weights whose gradients are so small."""
        ...

    def units(self, block: Block, V: Array) -> np.ndarray:
        """`(B, km)` corrections of a block's weights towards others, in whole units."""
        ...

    def corrected(self, block: Block, units: np.ndarray) -> Block:
        """A block with its corrections."""
        ...


class Corrections:
    """Changes whose sums do not do, in order.

    Args:
        last: the changes.
        settled: takes those that no correction decides: their numbers, changes and weights.
    """

    def __init__(self, last: Summed, settled: Callable[[Whole, Choices, Array], None]) -> None:
        self.last, self._settled = last, settled
        self._waiting: list[Block] = []
        self._open: Block | None = None
        self._units = np.zeros((0, last.basis.shape[0]), np.int8)
        self._done: list[tuple[Whole, np.ndarray]] = []
        self._stored = 0

    def take(self, block: Block) -> None:
        """Changes that are open, as sums."""
        if len(block):
            self._waiting.append(block)
        if sum(map(len, self._waiting)) >= WAITING:
            self._move()

    def end(self) -> None:
        """There are no more."""
        if self._waiting:
            self._move()
        while self._open is not None and len(self._open):
            self._judge(len(self._open))

    def arrays(self) -> dict[str, np.ndarray]:
        """`moved`, numbers in order, and `units`."""
        if not self._done:
            return {"moved": np.zeros(0, np.int64), "units": self._units[:0]}
        return {name: np.concatenate(part) for name, part in zip(("moved", "units"), zip(*self._done, strict=True),
                                                                strict=True)}

    def _move(self) -> None:
        block = joined(self._waiting)
        self._waiting = []
        near = self.last.nearer(block)
        self._units = np.concatenate([self._units, self.last.units(block, near.V)])
        self._open = block if self._open is None else joined([self._open, block])
        while self._open is not None and len(self._open) >= BLOCK:
            self._judge(BLOCK)

    def _judge(self, many: int) -> None:
        """The first so many; those that stay open by what Newton's method finds, or alone."""
        assert self._open is not None
        group, last = self._open.part(np.arange(min(many, len(self._open)))), self.last
        units = self._units[: len(group)]
        for solved in (False, True):
            left = last.open(last.corrected(group, units))
            if not len(left):
                self._keep(group, units)
                return
            at = np.searchsorted(group.numbers, left.numbers)
            if solved:
                break
            goal = SMALL * last.head.mu()[0]
            units = units.copy()
            units[at] = last.units(group.part(at), last.solved(left, goal))
        self._settled(left.numbers, last.choices(left), left.V)
        stay = np.setdiff1d(np.arange(len(group)), at)
        rest = np.arange(len(group), len(self._open))
        self._units = np.concatenate([units[stay], self._units[rest]])
        self._open = self._open.part(np.concatenate([stay, rest]))

    def _keep(self, group: Block, units: np.ndarray) -> None:
        assert self._open is not None
        self._done.append((group.numbers, units))
        self._stored += units.size
        if self._stored > STORED:
            raise OutOfTime
        rest = np.arange(len(group), len(self._open))
        self._open, self._units = self._open.part(rest), self._units[rest]
