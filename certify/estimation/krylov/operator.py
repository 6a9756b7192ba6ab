"""A linear map that is known only by its products with vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from certify.format.errors import InputError

Product = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Operator:
    r"""A linear map :math:`A` from `columns` to `rows` numbers, applied to many vectors at once.

    Hypotheses (not checked: a solver that is told wrong reports a residual that does not fall): `product` and `adjoint`
    are linear, each row is treated on its own, and :math:`\langle Av, u\rangle = \langle v, A^Tu\rangle`.

    Attributes:
        rows, columns: shape of :math:`A`.
        product: maps V of shape (r, columns) to the rows :math:`A v_i`, shape (r, rows).
        adjoint: maps U of shape (r, rows) to the rows :math:`A^T u_i`, shape (r, columns).
        symmetric: whether :math:`A = A^T`.
        formed: gives the lower triangle of the matrix in float32 or float64, where that costs less than its products
            with unit vectors; what is above the diagonal does not count. Products are then made in float64 inside.
        outputs: gives a network's outputs at every row, where a product has to make them anyway.

    Raises:
        InputError: a negative size, or a symmetric map that is not square.

    >>> twice = Operator(3, 3, lambda V: 2 * V, lambda U: 2 * U, symmetric=True)
    >>> twice.product(torch.ones(1, 3))
    tensor([[2., 2., 2.]])
    """

    rows: int
    columns: int
    product: Product
    adjoint: Product
    symmetric: bool = False
    formed: Callable[[torch.dtype], torch.Tensor] | None = None
    outputs: Callable[[], torch.Tensor] | None = None

    def __post_init__(self) -> None:
        if self.rows < 0 or self.columns < 0 or (self.symmetric and self.rows != self.columns):
            raise InputError(
                "Operator",
                f"rows={self.rows}, columns={self.columns}, symmetric={self.symmetric}",
                "give sizes of at least 0, equal ones if the map is symmetric",
            )


def matrix_operator(matrix: torch.Tensor) -> Operator:
    """The map of a matrix that is stored; symmetric if the matrix equals its transpose, number by number.

    Args:
        matrix: shape (rows, columns), float32 or float64.

    Raises:
        InputError: not a matrix.

    >>> A = matrix_operator(torch.tensor([[1.0, 2.0]]))
    >>> A.product(torch.tensor([[1.0, 1.0]])), A.adjoint(torch.tensor([[2.0]])), A.symmetric
    (tensor([[3.]]), tensor([[2., 4.]]), False)
    """
    if matrix.ndim != 2:
        raise InputError("matrix_operator", f"shape {tuple(matrix.shape)}", "give a matrix, (rows, columns)")
    symmetric = matrix.shape[0] == matrix.shape[1] and bool(torch.equal(matrix, matrix.T))
    return Operator(*matrix.shape, lambda V: V @ matrix.T, lambda U: U @ matrix, symmetric)


def dual_operator(jacobian: Operator) -> Operator:
    r"""The map :math:`JJ^T` of the dual system.

    Whichever z solves :math:`JJ^Tz = b`, the vector :math:`x = J^Tz` is the minimum-norm solution of :math:`Jx = b`.

    Proof: x lies in range :math:`J^T`, the orthogonal complement of ker J, so every other solution x + k has
    :math:`|x + k|^2 = |x|^2 + |k|^2`. Two products with J are made for each one with :math:`JJ^T`; the solvers count
    the latter.

    >>> J = matrix_operator(torch.tensor([[3.0, 4.0]]))
    >>> dual_operator(J).product(torch.tensor([[1.0]]))
    tensor([[25.]])
    """

    def gram(Z: torch.Tensor) -> torch.Tensor:
        return jacobian.product(jacobian.adjoint(Z))

    return Operator(jacobian.rows, jacobian.rows, gram, gram, symmetric=True)
