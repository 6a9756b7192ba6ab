"""Nodes of a tree of softmax boxes (D10), and the arrays that a certificate holds of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from certify.rigor.fp import Array
from certify.systems.head.rows.head import Whole


@dataclass(frozen=True, eq=False)
class Box:
    """A proved box for the rows after the first h hot ones: its slabs, lengths and shifts (D9)."""

    h: int
    outside: Array
    inside: Array
    shift: Array


@dataclass(eq=False)
class Node:
    """A node of the tree.

    Attributes:
        parent, branch, code: number of the parent, which of its hot rows is changed, and to what.
        V: weights.
        h: `(N,)` a point's number, −1 where the node says nothing of it.
        hot: the hot rows.
        box: its box.
        leaves, leaf_weights: rows and codes refitted, and the weights (k = 1).
    """

    parent: int
    branch: int
    code: int
    V: Array
    h: NDArray[np.int32]
    hot: Whole = field(default_factory=lambda: np.zeros(0, np.int64))
    box: Box | None = None
    leaves: Whole = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    leaf_weights: Array | None = None

    def numbers_held(self) -> int:
        """How many numbers a certificate holds of it."""
        box = 0 if self.box is None else self.box.outside.size + self.box.inside.size + self.box.shift.size
        return int(self.V.size * (1 + len(self.leaves)) + len(self.h) + len(self.hot) + box)


def arrays(nodes: list[Node], proved: NDArray[np.bool_], relabels: bool) -> dict[str, NDArray[np.generic]]:
    """The nodes that proved points rest on, in the order in which they were made."""
    new: dict[int, int] = {}
    kept: list[Node] = []
    for at, node in enumerate(nodes):
        if (node.h[proved] >= 0).any():
            new[at] = len(kept)
            kept.append(node)
    boxes = [node.box for node in kept if node.box is not None]
    size, none, empty = nodes[0].V.size, np.zeros(0, np.int64), np.zeros(0)
    leaves = [node.leaves for node in kept]
    found: dict[str, NDArray[np.generic]] = {
        "parent": np.array([new.get(node.parent, -1) for node in kept], np.int64),
        "branch": np.array([node.branch for node in kept], np.int64),
        "code": np.array([node.code for node in kept], np.int64),
        "weights": np.array([node.V.ravel() for node in kept]).reshape(-1, size),
        "hot_count": np.array([len(node.hot) for node in kept], np.int64),
        "hot": np.concatenate([none, *(node.hot for node in kept)]),
        "numbers": np.array([np.where(proved, node.h, -1) for node in kept], np.int64).reshape(-1, len(proved)),
        "box": np.array([-1 if node.box is None else node.box.h for node in kept], np.int64),
        "outside": np.concatenate([empty, *(box.outside.ravel() for box in boxes)]),
        "leaf_count": np.array([len(some) for some in leaves], np.int64),
        "leaf": np.concatenate([np.zeros((0, 2), np.int64), *leaves]),
        "leaf_weights": np.concatenate([np.zeros((0, size)), *(node.leaf_weights.reshape(-1, size) for node in kept
                                                               if node.leaf_weights is not None)]),
    }
    if not relabels:
        found |= {"inside": np.concatenate([empty, *(box.inside for box in boxes)]),
                  "shifts": np.concatenate([empty, *(box.shift.ravel() for box in boxes)])}
    return found
