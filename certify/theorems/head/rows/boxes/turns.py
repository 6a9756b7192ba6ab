"""The nodes of a tree in turn, by several processes: each knows what was found at all before it but the last few.

Which nodes these are, and what is known at each, is the same for any number of processes, and so is the tree.
"""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from certify.finders.head import boxes
from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.boxes.sums import Sums
from certify.theorems.head.rows.boxes.nodes import Node
from certify.theorems.jobs import AHEAD, Crew

STORED = 16_000_000
"""Most numbers that a certificate holds of a tree."""

Flips = dict[int, tuple[tuple[int, ...], Array]]


@dataclass(frozen=True, eq=False)
class Task:
    """A node to be worked on."""

    parent: int
    branch: int
    out: tuple[int, ...]
    free: Rows
    k: int
    points: Rows
    w: Array
    hint: int


@dataclass(frozen=True, eq=False)
class Known:
    """What a node is looked at with: points that failed, how many rows brothers need, and what is kept of nodes."""

    failed: NDArray[np.bool_]
    likely: int | None
    kept: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Worked:
    """A node and its children, with what became known."""

    node: Node
    children: list[Task]
    known: Known
    flips: Flips
    count: dict[str, int]


@dataclass(eq=False)
class Turns(ABC):
    """The search, point by point: easy points first, and what is finished when time is up counts.

    Attributes:
        sums: the training sum.
        points: (N, p) oriented rows.
        left: seconds left.
    """

    KEPT: ClassVar[tuple[str, ...]] = ()
    """Attributes that a node leaves to later ones."""

    sums: Sums
    points: Array
    left: Callable[[], float]
    most_hot: int = 180
    likely: dict[int, int] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    pending: Rows = field(default_factory=lambda: np.zeros(0, np.int64))
    failed: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    flips: Flips = field(default_factory=dict)
    count: dict[str, int] = field(default_factory=dict)
    stored: int = 0
    rank: Rows = field(default_factory=lambda: np.zeros(0, np.int64))

    @abstractmethod
    def _work(self, task: Task, live: Rows) -> tuple[Node, list[Task]]:
        """A node, and its children."""

    def _ended(self, task: Task) -> None:  # noqa: B027 — most trees do nothing then
        """Called when a node is there."""

    def run(self, k: int, todo: NDArray[np.bool_], rows: Rows | None = None) -> NDArray[np.bool_]:
        """Which points are proved to stay under every change of at most k of the rows (None: of all)."""
        n, N = len(self.sums.S), len(self.points)
        self.pending, self.failed = np.zeros(N, np.int64), ~todo
        self.rank = np.zeros(N, np.int64)
        w = boxes.minimiser(self.sums, self.sums.whole, np.zeros(self.sums.S.shape[1]))
        queue: list[tuple[int, int, int, Task]] = []
        entered = np.flatnonzero(todo)
        self.pending[entered] = 1
        heapq.heappush(queue, (0, 0, 0, Task(-1, 0, (), np.arange(n) if rows is None else rows, k, entered, w, 0)))
        serial, asked = 0, deque[tuple[Task, Rows, Worked | None]]()
        with Crew(self._worked) as crew:
            while True:
                going = bool(queue) and self.left() > 0.0 and self.stored < STORED
                if going and len(asked) < (AHEAD if self.nodes else 1):
                    task = heapq.heappop(queue)[-1]
                    live = task.points[~self.failed[task.points]]
                    if len(live) and task.parent < 0:  # nothing can be done beside the root, and all begin with it
                        asked.append((task, live, self._worked((task, live, self._known(task)))))
                    elif len(live):
                        crew.ask((task, live, self._known(task)))
                        asked.append((task, live, None))
                    continue
                if not asked:
                    break
                task, live, own = asked.popleft()
                for child in self._take(task, live, own or crew.next()):
                    serial += 1
                    self.pending[child.points] += 1
                    heapq.heappush(queue, (int(self.rank[child.points].min()), child.k, serial, child))
        return np.asarray(todo & ~self.failed & (self.pending == 0))

    def _known(self, task: Task) -> Known:
        """What a node may know now."""
        kept = {name: getattr(self, name) for name in self.KEPT}
        return Known(self.failed.copy(), self.likely.get(task.parent), {
            name: dict(one) if isinstance(one, dict) else one for name, one in kept.items()})

    def _worked(self, question: tuple[Task, Rows, Known]) -> Worked:
        """A node, from what is known of others; nothing here changes."""
        task, live, known = question
        names = ("failed", "likely", "flips", "count", *self.KEPT)
        before = {name: getattr(self, name) for name in names}
        self.failed, self.flips, self.count = known.failed.copy(), {}, {}
        self.likely = {} if known.likely is None else {task.parent: known.likely}
        for name, one in known.kept.items():
            setattr(self, name, dict(one) if isinstance(one, dict) else one)
        try:
            node, children = self._work(task, live)
            news = {name: _news(getattr(self, name), old) for name, old in known.kept.items()}
            kept = {name: one for name, one in news.items() if one is not None}
            found = Known(self.failed, self.likely.get(task.parent), kept)
            return Worked(node, children, found, self.flips, self.count)
        finally:
            for name, one in before.items():
                setattr(self, name, one)

    def _take(self, task: Task, live: Rows, found: Worked) -> list[Task]:
        """Take what a node found, and its children."""
        at = len(self.nodes)
        self.nodes.append(found.node)
        self.stored += found.node.numbers(task.k)
        self.failed = self.failed | found.known.failed
        if found.known.likely is not None:
            self.likely[task.parent] = found.known.likely
        self.flips.update(found.flips)
        for what, by in found.count.items():
            self._say(what, by)
        for name, one in found.known.kept.items():
            if isinstance(one, dict):
                getattr(self, name).update(one)
            else:
                setattr(self, name, one)
        if at == 0:
            self._rank(found.node)
        self.pending[live] -= 1
        self._ended(task)
        return [replace(child, parent=at) for child in found.children]

    def _rank(self, root: Node) -> None:
        """Points that need fewer hot rows come first."""
        order = np.lexsort((np.arange(len(root.h)), root.h))
        self.rank[order] = np.arange(len(order))

    def _say(self, what: str, by: int = 1) -> None:
        self.count[what] = self.count.get(what, 0) + by


def _news(now: Any, before: Any) -> Any:
    """What changed, of a dictionary its entries; None where nothing did."""
    if not isinstance(now, dict):
        return None if now == before else now
    changed = {key: one for key, one in now.items() if before.get(key) is not one}
    return changed or None
