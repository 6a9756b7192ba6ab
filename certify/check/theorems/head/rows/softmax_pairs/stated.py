"""D16: what a certificate states, read and judged for form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.boxes.codes import TABLE
from certify.check.theorems.head.rows.softmax_pairs.data import Data
from certify.format.canonical import show
from certify.format.refusal import Invalid

WHOLE, REAL = ("hot", "codes", "leaf"), ("weights", "child_weights", "leaf_weights")


@dataclass(frozen=True)
class Stated:
    """What a certificate states.

    Attributes:
        weights: at the root.
        hot: the hot rows.
        child_weights: at each child.
        reach: by node, the root first, how far the outputs of each row may move beyond the steps.
        leaves: weights by two rows, the lesser one first.
    """

    weights: Sequence[float]
    hot: list[int]
    child_weights: list[Sequence[float]]
    reach: list[list[float]]
    leaves: dict[tuple[int, int], Sequence[float]]


def stated(data: Data, arrays: Mapping[str, Array], where: str) -> Stated:
    """The arrays of a certificate.

    Args:
        data: the head.
        arrays: `weights` (kp), `hot` (h), `child_weights` (h·kp), `codes` ((1 + h)·n), `leaf` (2 each), `leaf_weights`
            (kp each).
        where: the claim, for messages.

    Raises:
        Invalid: an array is missing, is of another kind, or does not fit the head or the others.
    """
    if set(arrays) != {*WHOLE, *REAL}:
        raise Invalid(where, f"its arrays are {show(sorted(arrays))}", f"{show(sorted((*WHOLE, *REAL)))} are needed")
    for name in (*WHOLE, *REAL):
        if arrays[name].kind != ("i" if name in WHOLE else "f"):
            raise Invalid(f"{where}, {name}", f"its type is {arrays[name].kind}", "another is needed")
        if not all(x - x == 0 for x in arrays[name].values):
            raise Invalid(f"{where}, {name}", "a number is not finite", "finite numbers are needed")
    size, n = data.size, data.n
    hot = [int(x) for x in arrays["hot"].values]
    h, leaves = len(hot), len(arrays["leaf"].values) // 2
    sizes = {"weights": size, "child_weights": h * size, "codes": (1 + h) * n, "leaf": 2 * leaves,
             "leaf_weights": leaves * size}
    for name, count in sizes.items():
        if len(arrays[name].values) != count:
            raise Invalid(f"{where}, {name}", f"it has {len(arrays[name].values)} numbers", f"{count} are needed")
    moving = set(data.head.moving)
    if len(set(hot)) != h or not moving.issuperset(hot):
        raise Invalid(f"{where}, hot", "a row is twice there, or may not be deleted", "rows that may be are needed")
    codes = [int(x) for x in arrays["codes"].values]
    if not all(0 <= x < len(TABLE) for x in codes):
        raise Invalid(f"{where}, codes", "a code is out of range", f"codes are 0 to {len(TABLE) - 1}")
    values = arrays["leaf_weights"].values
    named = _pairs([int(x) for x in arrays["leaf"].values], moving, data.head.count, f"{where}, leaf")
    return Stated(
        arrays["weights"].values, hot,
        [arrays["child_weights"].values[a * size : (a + 1) * size] for a in range(h)],
        [[TABLE[x] for x in codes[a * n : (a + 1) * n]] for a in range(1 + h)],
        {pair: values[a * size : (a + 1) * size] for a, pair in enumerate(named)})


def _pairs(leaf: list[int], moving: set[int], count: int, where: str) -> list[tuple[int, int]]:
    """The two rows of each leaf.

    Raises:
        Invalid: these are no two rows that may be deleted, or are there twice.
    """
    pairs = list(zip(leaf[::2], leaf[1::2], strict=True))
    if pairs and count < 2:
        raise Invalid(where, f"{len(pairs)} pairs are named", "one row is deleted")
    if any(i >= l or not {i, l} <= moving for i, l in pairs):
        raise Invalid(where, "two rows of a leaf are out of order, or may not be deleted",
                      "two that may be are needed, the lesser one first")
    if len(set(pairs)) != len(pairs):
        raise Invalid(where, "a leaf is twice there", "each pair once is needed")
    return pairs
