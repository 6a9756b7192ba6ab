"""D12, branch and bound: the tree of D6 with single refits and their pairs in the place of boxes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.boxes.trap import WIDE, Centre, Slabs
from certify.theorems.head.rows.boxes.leaves import base, stays_alone
from certify.theorems.head.rows.boxes.nodes import Box, Node
from certify.theorems.head.rows.boxes.stated import Codes
from certify.theorems.head.rows.boxes.tree import ROOM, Task, Tree
from certify.theorems.head.rows.pair_tree.bound import Bound, bound
from certify.theorems.head.rows.pair_tree.steps import Steps, in_order, steps


@dataclass(eq=False)
class Part:
    """A proved bound of a node: the rows after the first h hot ones."""

    h: int
    codes: Codes
    free: Rows
    k: int
    found: Bound

    def stated(self) -> tuple[int, Codes, int]:
        """What a node keeps of it."""
        return self.h, self.codes, WIDE


@dataclass(eq=False)
class PairTree(Tree):
    """The search; `now` are the steps at the node that is worked on."""

    now: Steps | None = field(default=None)

    def _order(self, c: Centre, free: Rows) -> tuple[Rows, Array]:
        b = base(c)
        if b is None:
            self.now = None
            return free, np.tile(c.w, (len(free), 1))
        order = in_order(b, free)
        self.now = steps(b, order, 2)
        after = np.tile(c.w, (len(free), 1))
        if self.now is not None:
            after[: len(self.now.delta)] += self.now.delta
        return order, after

    def box(self, c: Centre, order: Rows, h: int, k: int, warm: Slabs | None = None, wide: int = 0) -> Box | None:
        """A proved bound for the rows after the first h, or None."""
        self._say("tries")
        found = bound(self.now, h, k) if self.now is not None and self.left() > 0.0 else None
        if found is None:
            return None
        self._say("bounds")
        return Part(h, found.codes, order[h:], k, found)  # type: ignore[return-value]

    def _remember(self, k: int, box: Box) -> None:
        """No bound starts from another."""

    def _sharper(self, box: Box, order: Rows, live: Rows) -> tuple[Rows, Array]:
        return self.needs(box, order, self.points[live]), np.full(len(self.points), -1.0)

    def needs(self, box: Box, order: Rows, points: Array) -> Rows:
        """For each point how many hot rows have to be taken out for the bound to prove it."""
        found: Bound = box.found  # type: ignore[assignment]
        return self._counted(box, order, *found.drops(points))

    def _singles(self, node: Node, c: Centre, live: Rows, task: Task) -> None:
        """k = 1: the single steps themselves, and refits where they leave a point open."""
        b, points = base(c), self.points[live]
        if b is None:
            self.failed[live] = True
            return
        node.h[live] = 0
        self.failed[live[~stays_alone(c, points, b)]] = True
        order = in_order(b, task.free)
        st = steps(b, order, 1)
        found = bound(st, 0, 1) if st is not None else None
        open_ = np.ones((len(live), len(order)), bool)
        if found is not None:
            node.boxes.append((0, found.codes, WIDE))
            margin, pushes, fixed = found.drops(points)
            open_ = ~((pushes + fixed[:, None]) * ROOM < margin[:, None])
        columns = np.flatnonzero(open_.any(axis=0))
        if len(columns):
            self._leaves(node, c, order[columns], open_[:, columns], live, task, b)

    def arrays(self, proved: NDArray[np.bool_], k: int) -> dict[str, NDArray[np.generic]]:
        """The nodes that proved points rest on."""
        return {name: array for name, array in super().arrays(proved, k).items() if name not in ("second", "wide")}

