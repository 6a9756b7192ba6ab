"""D34: what a certificate states of a search: nodes, boxes and refits on which a proved point rests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.slabs import Rows
from certify.theorems.head.rows.boxes.stated import packed
from certify.theorems.head.rows.separate.outputs import Held

Came = tuple[int, int, int]
"""The parent's number, which of its rows in order changes, and what it becomes."""
ROOT: Came = (-1, -1, -1)


@dataclass
class Noted:
    """One node.

    Attributes:
        came: from where.
        order: its rows.
        numbers: of points that are through how many rows are changed one by one.
        sets: boxes of all outputs for the rows after the first h; at the last level needed by all, else by the points
            that need no more rows with them.
        leaves: weights of refits, by row and what it becomes.
    """

    came: Came
    order: Rows
    numbers: dict[int, int] = field(default_factory=dict)
    sets: list[tuple[int, list[Held], dict[int, int]]] = field(default_factory=list)
    leaves: dict[tuple[int, int], tuple[Array, set[int]]] = field(default_factory=dict)


class Record:
    """What a search keeps."""

    def __init__(self) -> None:
        self.nodes = list[Noted]()
        self._boxes: dict[int, tuple[Held, int, int, int]] = {}

    def begin(self, came: Came, order: Rows) -> int:
        """The number of a new node."""
        self.nodes.append(Noted(came, order))
        return len(self.nodes) - 1

    def box(self, one: Held, output: int, node: int, start: int) -> None:
        """A box was found."""
        self._boxes[id(one)] = (one, output, node, start)

    def set(self, node: int, h: int, known: list[Held], points: Rows, need: Rows) -> None:
        """Boxes of all outputs, and how many rows points need with them."""
        self.nodes[node].sets.append((h, known, dict(zip(points.tolist(), need.tolist(), strict=True))))

    def through(self, node: int, points: Rows, need: Rows) -> None:
        """Points that are."""
        self.nodes[node].numbers.update(zip(points.tolist(), need.tolist(), strict=True))

    def leaf(self, node: int, change: tuple[int, int], weights: Array, points: Rows) -> None:
        """A refit, and the points that rest on it."""
        noted = self.nodes[node].leaves
        noted[change] = (weights, noted[change][1] if change in noted else set())
        noted[change][1].update(points.tolist())

    def arrays(self, proved: Rows, N: int, sizes: tuple[int, int, int]) -> Mapping[str, NDArray[np.generic]]:
        """What a checker needs for some points of N, of a head with so many outputs, columns and rows."""
        keep = set(proved.tolist())
        live = [keep & set(node.numbers) for node in self.nodes]
        for at, node in enumerate(self.nodes):  # a child's points are only those that its parent asks about
            if node.came != ROOT:
                up = self.nodes[node.came[0]]
                live[at] = {j for j in live[at] & live[node.came[0]] if up.numbers[j] > node.came[1]}
        uses = [(at, h, known) for at, node in enumerate(self.nodes) for h, known in _asked(node, live[at])]
        boxes = {id(one): self._boxes[id(one)] for _, _, known in uses for one in known}
        wanted = {at for at, points in enumerate(live) if points} | {node for _, _, node, _ in boxes.values()}
        for at in sorted(wanted, reverse=True):
            while at >= 0 and (at := self.nodes[at].came[0]) >= 0:
                wanted.add(at)
        kept = sorted(wanted)
        place = {at: a for a, at in enumerate(kept)}
        length = dict.fromkeys(kept, 0)
        for at, most in [*((at, max((self.nodes[at].numbers[j] for j in live[at]), default=0)) for at in kept),
                         *((node, start) for _, _, node, start in boxes.values()), *((at, h) for at, h, _ in uses),
                         *((one[0], one[1] + 1) for at in kept if (one := self.nodes[at].came) != ROOT)]:
            length[at] = max(length[at], most)
        numbers = np.full((len(kept), N), -1)
        for at in kept:
            for j in live[at]:
                numbers[place[at], j] = self.nodes[at].numbers[j]
        of, held = {name: a for a, name in enumerate(boxes)}, list(boxes.values())
        leaves = [(place[at], *change, weights) for at in kept
                  for change, (weights, points) in self.nodes[at].leaves.items() if points & live[at]]
        came = [self.nodes[at].came for at in kept]
        K, m, n = sizes
        return {
            "parent": _whole([place.get(a, -1) for a, _, _ in came]), "branch": _whole([b for _, b, _ in came]),
            "code": _whole([c for _, _, c in came]), "hot_count": _whole([length[at] for at in kept]),
            "hot": _whole(np.concatenate([self.nodes[at].order[: length[at]] for at in kept])), "numbers": numbers,
            "box_output": _whole([a for _, a, _, _ in held]), "box_node": _whole([place[at] for _, _, at, _ in held]),
            "box_start": _whole([h for _, _, _, h in held]), "box_wide": _whole([one.wide for one, _, _, _ in held]),
            "slabs": _whole([packed(one.codes) for one, _, _, _ in held]).reshape(len(held), n),
            "box_weights": np.array([one.c.w for one, _, _, _ in held]).reshape(len(held), m),
            "use_node": _whole([place[at] for at, _, _ in uses]), "use_start": _whole([h for _, h, _ in uses]),
            "use_box": _whole([[of[id(one)] for one in known] for _, _, known in uses]).reshape(len(uses), K),
            "leaf_node": _whole([at for at, _, _, _ in leaves]), "leaf_row": _whole([row for _, row, _, _ in leaves]),
            "leaf_code": _whole([code for _, _, code, _ in leaves]),
            "leaf_weights": np.array([w.ravel() for _, _, _, w in leaves]).reshape(len(leaves), K * m)}


def _asked(node: Noted, live: set[int]) -> list[tuple[int, list[Held]]]:
    """The sets of boxes on which points rest, each on the first that is enough for it."""
    found = []
    for h, known, needs in node.sets:
        resting = {j for j in live if j in needs and needs[j] <= node.numbers[j]}
        if resting:
            found.append((h, known))
            live = live - resting
    return found


def _whole(values: object) -> NDArray[np.int64]:
    """Whole numbers."""
    return np.array(values, np.int64)
