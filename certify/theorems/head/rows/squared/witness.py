"""D4: what the checker is handed of trees of deletions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from certify.theorems.head.rows.squared.contrasts import Ints
from certify.theorems.head.rows.squared.tree import Comparisons, Record


@dataclass(frozen=True, eq=False)
class Grown:
    """Trees of one weight decay: for each proved point one a contrast, and the comparisons that they share."""

    of: dict[int, list[list[Record]]]
    comparisons: Comparisons


def witness(grown: Sequence[Grown], points: Ints) -> dict[str, NDArray[np.generic]]:
    """Trees in one line: by weight decay, point, contrast, and each in the order of a depth-first walk.

    `points`; `nodes` of every tree; of every node `apart`, `hot` (children), `comparison` (number among those of its
    weight decay); `order`, the children of all nodes; `kept` comparisons of every weight decay, `lengths`, `vectors`.
    """
    nodes, kept = [], []
    records: list[tuple[Record, int]] = []
    vectors = []
    for one in grown:
        places: dict[int, int] = {}
        for j in points.tolist():
            for tree in one.of[j]:
                nodes.append(len(tree))
                records += [(r, places.setdefault(r.comparison, len(places))) for r in tree]
        kept.append(len(places))
        vectors += [one.comparisons.kept[p] for p in places]
    whole = {"points": points.tolist(), "nodes": nodes, "apart": [r.apart for r, _ in records],
             "hot": [len(r.order) for r, _ in records], "comparison": [place for _, place in records],
             "order": list(chain.from_iterable(r.order for r, _ in records)), "kept": kept,
             "lengths": [len(v) for v in vectors]}
    arrays: dict[str, NDArray[np.generic]] = {name: np.array(v, dtype=np.int64) for name, v in whole.items()}
    arrays["vectors"] = np.concatenate(vectors) if vectors else np.zeros(0)
    return arrays
