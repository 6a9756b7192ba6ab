"""`C = ∂_u∇_w L`, the columns of every row that moves, at a point where second derivatives are known."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module

from flint import arb, arb_mat, fmpz_mat

from certify.check.enclosure.hessian import Curvature
from certify.check.linalg.fixed import Fixed, enclosed
from certify.check.linalg.large.products import product

ENTRIES = 1 << 20
"""About so many entries of C are held at a time."""

APART = 6
"""Binary digits by which rows that are held together may differ in size: small ones are known as well as others."""


def together(lengths: Sequence[int], each: int) -> Iterator[list[int]]:
    """Places of rows that are held together, the largest rows first.

    Args:
        lengths: of the rows, about the binary logarithms of their sizes.
        each: entries of a row's columns.

    >>> list(together([0, 9, -1, 8], ENTRIES // 3))
    [[1, 3], [0, 2]]
    """
    most, order = max(1, ENTRIES // each), sorted(range(len(lengths)), key=lambda place: -lengths[place])
    while order:
        some = [place for place in order[:most] if lengths[place] >= lengths[order[0]] - APART]
        order = order[len(some):]
        yield some


class DataDerivative(ABC):
    """C of one parameter.

    Args:
        curvature: second derivatives of the objective, tilted where the weights need it.
    """

    def __init__(self, curvature: Curvature) -> None:
        self.curvature, self.problem, self.width = curvature, curvature.problem, curvature.width

    @property
    def each(self) -> int:
        """Columns of every row, `C_i`."""
        return self.problem.moves.width(self.problem.layers[0].inputs, self.problem.outputs)

    @property
    def structured(self) -> bool:
        """Whether C is too wide to be worth having: then `CCᵀ` and the rows' forms are made by structure."""
        return False

    @property
    @abstractmethod
    def columns(self) -> Fixed:
        """C, row by row."""

    @abstractmethod
    def parts(self) -> Iterator[tuple[list[int], Fixed]]:
        """Places of some moving rows, and `C_iᵀ` of these one under the other; the largest rows first."""

    def through(self, Y: Fixed) -> Iterator[tuple[list[list[arb]], arb]]:
        """`YC_i` of every moving row, in any order, and `|C_i|_F`."""
        q, C = self.each, self.columns
        S = product(Y, C, self.width).balls().tolist()
        columns = C.turned.mid.tolist()
        for start in range(0, len(columns), q):
            own = Fixed(fmpz_mat(columns[start:start + q]), C.bits, C.radius)
            yield [row[start:start + q] for row in S], (own.size + C.radius).upper()

    def image(self, change: Mapping[int, Sequence[arb]]) -> Fixed:
        """`Cu` of a change by moving row."""
        step = arb_mat([[v] for row in self.problem.moving for v in change[row]])
        return product(self.columns, enclosed(step, self.width), self.width)

    def row_forms(self, z: Sequence[arb]) -> list[list[arb]]:
        """`C_iᵀz` of every moving row, z counted unit by unit."""
        column, q = enclosed(arb_mat(len(z), 1, list(z)), self.width), self.each
        flat = product(column.turned, self.columns, self.width).balls().entries()
        return [flat[i:i + q] for i in range(0, len(flat), q)]


def data_derivative(curvature: Curvature) -> DataDerivative:
    """That of the problem's parameter."""
    found = import_module(f"{__package__}.{curvature.problem.parameter}").DERIVATIVE(curvature)
    assert isinstance(found, DataDerivative)
    return found
