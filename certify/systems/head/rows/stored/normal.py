"""What the normal matrix is made of: squares of columns, lengths, and sums of products, part by part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import Array
from certify.systems.head.rows.stored import rows as parts
from certify.systems.head.rows.stored.tally import PerRow, Told
from certify.systems.head.rows.stored.tree import Tree


def longer(left: Array, right: Array) -> Array:
    """Upper bounds of the lengths of columns from those of two parts (R3 once more)."""
    return fp.row_norms(np.stack([left, right], axis=1))


def summed(part: Array, B: Array | None) -> Array:
    """`AᵀB` of the rows A of a part, block by block; None: AᵀA."""
    total = np.zeros((part.shape[1], part.shape[1] if B is None else B.shape[1]))
    for at in range(0, len(part), parts.BLOCK):
        block = part[at : at + parts.BLOCK]
        total += block.T @ (block if B is None else B[at : at + parts.BLOCK])
    return total


@dataclass(frozen=True, eq=False)
class Squares:
    """About the squared lengths of the columns, and whether every entry is finite and at most 2^100."""

    beside: int = 0

    def tally(self) -> SquaresFound:
        """Nothing yet."""
        return SquaresFound()


class SquaresFound:
    """Of the parts so far."""

    def __init__(self) -> None:
        self.bounded = True
        self._squares = Tree()

    def take(self, number: int, start: int, part: Array) -> None:
        """Another part."""
        self.bounded &= bool(np.isfinite(part).all() and np.max(np.abs(part), initial=0.0) <= 2.0**100)
        self._squares.take(number, np.einsum("np,np->p", part, part) if self.bounded else np.zeros(part.shape[1]))

    def squares(self) -> Array | None:
        """None where an entry is not finite, or too large."""
        return self._squares.total() if self.bounded else None

    def told(self) -> Told:
        """As arrays."""
        return {"bounded": np.array([float(self.bounded)]), **self._squares.told("squares")}

    def add(self, told: Told) -> None:
        """Of the parts that follow."""
        self.bounded &= bool(told["bounded"][0])
        self._squares.add(told, "squares")


@dataclass(frozen=True, eq=False)
class Normal:
    """Sums of products of columns, and bounds of the lengths of columns and rows; with B those of `Products` too."""

    B: PerRow | None = None
    beside: int = 0

    def tally(self) -> NormalFound:
        """Nothing yet."""
        return NormalFound(self.B)


class NormalFound:
    """Of the parts so far."""

    def __init__(self, B: PerRow | None) -> None:
        self.longest, self._B = 0.0, B
        self._columns, self._gram, self._sums = Tree(longer), Tree(), Tree()

    def take(self, number: int, start: int, part: Array) -> None:
        """Another part."""
        self.longest = max(self.longest, float(fp.row_norms(part).max(initial=0.0)))
        self._columns.take(number, fp.row_norms(np.ascontiguousarray(part.T)))
        self._gram.take(number, summed(part, None))
        if self._B is not None:
            self._sums.take(number, summed(part, self._B.at(start, len(part))))

    def sums(self) -> Array | None:
        """Sums of products with B, if there is one."""
        return self._sums.total()

    def columns(self) -> Array:
        """Upper bounds of the lengths of the columns."""
        return some(self._columns)

    def gram(self) -> Array:
        """The sums."""
        return some(self._gram)

    def told(self) -> Told:
        """As arrays."""
        return {"longest": np.array([self.longest]), **self._columns.told("columns"), **self._gram.told("gram"),
                **self._sums.told("sums")}

    def add(self, told: Told) -> None:
        """Of the parts that follow."""
        self.longest = max(self.longest, float(told["longest"][0]))
        self._columns.add(told, "columns")
        self._gram.add(told, "gram")
        self._sums.add(told, "sums")


@dataclass(frozen=True, eq=False)
class Products:
    """Sums of products of columns with those of an array beside the rows."""

    B: PerRow
    beside: int = 0

    def tally(self) -> ProductsFound:
        """Nothing yet."""
        return ProductsFound(self.B.at)


class ProductsFound:
    """Of the parts so far."""

    def __init__(self, at: Callable[[int, int], Array]) -> None:
        self._at, self._sums = at, Tree()

    def take(self, number: int, start: int, part: Array) -> None:
        """Another part."""
        self._sums.take(number, summed(part, self._at(start, len(part))))

    def sums(self) -> Array:
        """All of them."""
        return some(self._sums)

    def told(self) -> Told:
        """As arrays."""
        return self._sums.told("sums")

    def add(self, told: Told) -> None:
        """Of the parts that follow."""
        self._sums.add(told, "sums")


def some(tree: Tree) -> Array:
    """The total of a tree that has taken something."""
    found = tree.total()
    assert found is not None  # a source without rows is refused where it is opened
    return found
