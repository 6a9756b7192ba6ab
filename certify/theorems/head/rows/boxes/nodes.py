"""D6, what a tree of boxes keeps: its nodes, and the arrays of a certificate."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.boxes.trap import WIDE, Centre, Trap
from certify.theorems.head.rows.boxes.stated import Codes, packed


@dataclass(eq=False)
class Box:
    """A proved box of a node: the rows after the first h hot ones; codes of the slabs."""

    h: int
    codes: Codes
    c: Centre
    found: Trap
    free: Rows
    k: int

    def stated(self) -> tuple[int, Codes, int]:
        """What a node keeps of it: h, the codes, and of how many rows products are formed."""
        return self.h, self.codes, self.found.wide


@dataclass(eq=False)
class Node:
    """A node of the tree.

    Attributes:
        parent, branch: index of the parent, and which of its hot rows is changed.
        w: weights.
        hot: the hot rows.
        h: (N,) a point's number, −1 where the node says nothing of it.
        boxes: its boxes, and `second`: for each a λ for every point that rests on its second order, −1 for the others.
        leaves: rows refitted, and the weights (k = 1).
    """

    parent: int
    branch: int
    w: Array
    hot: Rows = field(default_factory=lambda: np.zeros(0, np.int64))
    h: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    boxes: list[tuple[int, Codes, int]] = field(default_factory=list)
    second: list[Array] = field(default_factory=list)
    leaves: tuple[Rows, Array] | None = None

    def numbers(self, k: int) -> int:
        """How many numbers a certificate holds of it."""
        p, each = len(self.w), len(self.h) * (k > 1) * (1 + len(self.boxes))
        return int(p + len(self.hot) + each + sum(codes.shape[1] for _, codes, _ in self.boxes)
                + (len(self.leaves[0]) * (p + 1) if self.leaves else 0))


def arrays(nodes: list[Node], proved: NDArray[np.bool_], shape: tuple[int, ...], k: int,
           ) -> dict[str, NDArray[np.generic]]:
    """The nodes that proved points rest on, in the order in which they were made.

    Args:
        nodes: all of them.
        proved: (N,) the points.
        shape: numbers of rows and of columns.
        k: most changed rows.
    """
    depth: list[int] = []
    new: dict[int, int] = {}
    kept: list[Node] = []
    for at, node in enumerate(nodes):
        depth.append(0 if node.parent < 0 else depth[node.parent] + 1)
        if (node.h[proved] >= 0).any():
            new[at] = len(kept)
            kept.append(node)
    inner = [node for at, node in enumerate(nodes) if at in new and depth[at] < k - 1]
    boxes = [box for node in kept for box in node.boxes]
    leaves = [node.leaves for node in kept if node.leaves is not None]
    n, p = shape
    none = np.zeros(0, np.int64)
    wide = np.array([wide for _, _, wide in boxes], np.int64)
    return ({"wide": wide} if (wide != WIDE).any() else {}) | {
        "parent": np.array([new.get(node.parent, -1) for node in kept], np.int64),
        "branch": np.array([node.branch for node in kept], np.int64),
        "weights": np.array([node.w for node in kept]).reshape(-1, p),
        "hot_count": np.array([len(node.hot) for node in kept], np.int64),
        "hot": np.concatenate([none, *(node.hot for node in kept)]),
        "numbers": np.array([np.where(proved, node.h, -1) for node in inner], np.int64).reshape(-1, len(proved)),
        "box_count": np.array([len(node.boxes) for node in kept], np.int64),
        "box": np.array([h for h, _, _ in boxes], np.int64),
        "slabs": np.array([packed(codes) for _, codes, _ in boxes], np.int64).reshape(-1, n),
        "second": np.array([np.where(proved, shares, -1.0) for node in inner for shares in node.second],
                           np.float64).reshape(-1, len(proved)),
        "leaf_count": np.array([0 if node.leaves is None else len(node.leaves[0]) for node in kept], np.int64),
        "leaf": np.concatenate([none, *(rows for rows, _ in leaves)]),
        "leaf_weights": np.concatenate([np.zeros((0, p)), *(W for _, W in leaves)]),
    }
