"""Rows of numbers: dot products and norms accumulated in float64, coefficients back to rows, plane reflections.

Vectors are the rows of a tensor of shape (r, n) in float32 or float64 on any device. Their scalars live in numpy, in
float64 on the host, one for each row: an iteration has dozens of them and they cost nothing there.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

Scalars = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_COLUMNS = 1 << 20  # of a float64 copy made at a time


def dots(left: torch.Tensor, right: torch.Tensor) -> Scalars:
    r"""Dot product of each row of `left` with the same row of `right`, products and sums in float64.

    Args:
        left, right: rows of shape (r, n).

    Returns:
        The r numbers :math:`\sum_j l_{ij} r_{ij}`.

    >>> dots(torch.tensor([[1.0, 2.0], [3.0, 0.0]]), torch.tensor([[1.0, 1.0], [2.0, 5.0]])).tolist()
    [3.0, 6.0]
    """
    if left.shape[1] <= _COLUMNS:
        return np.asarray((left.double() * right.double()).sum(dim=1).cpu().numpy())
    total = torch.zeros(left.shape[0], dtype=torch.float64, device=left.device)
    for a, b in zip(left.split(_COLUMNS, dim=1), right.split(_COLUMNS, dim=1), strict=True):
        total += (a.double() * b.double()).sum(dim=1)
    return np.asarray(total.cpu().numpy())


def norms(rows: torch.Tensor) -> Scalars:
    """Euclidean norm of each row, without overflow or underflow of the squares.

    Args:
        rows: shape (r, n).

    Returns:
        The r norms, NaN or infinite where the row holds such a number.

    >>> norms(torch.tensor([[3e-200, 4e-200], [0.0, 0.0]], dtype=torch.float64)).tolist()
    [5e-200, 0.0]
    """
    if rows.shape[1] == 0:
        return np.zeros(rows.shape[0])
    if rows.dtype == torch.float32:  # whose squares fit into float64
        return np.asarray(torch.linalg.vector_norm(rows, dim=1, dtype=torch.float64).cpu().numpy())
    scale = rows.abs().amax(dim=1, keepdim=True)
    safe = torch.where((scale > 0) & torch.isfinite(scale), scale, 1.0)
    scaled = rows / safe  # an infinite row gives an infinite norm
    return np.asarray(safe[:, 0].double().cpu().numpy() * np.sqrt(dots(scaled, scaled)))


def column(values: npt.NDArray[np.generic], like: torch.Tensor) -> torch.Tensor:
    """The r numbers as a column (r, 1) with the type and device of `like`, to multiply its rows by.

    >>> column(np.array([2.0, 3.0]), torch.ones(2, 3)).shape
    torch.Size([2, 1])
    """
    return torch.as_tensor(values, dtype=like.dtype, device=like.device)[:, None]


def ratio(numerator: Scalars, denominator: Scalars) -> Scalars:
    """Numerator over denominator, and 0 where the denominator is 0.

    >>> ratio(np.array([1.0, 1.0]), np.array([2.0, 0.0])).tolist()
    [0.5, 0.0]
    """
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator != 0)


def reflection(a: Scalars, b: Scalars) -> tuple[Scalars, Scalars, Scalars]:
    r"""Cosine, sine and length of the plane reflection that maps (a, b) to (length, 0).

    .. math:: \begin{pmatrix} c & s \\ s & -c \end{pmatrix} \begin{pmatrix} a \\ b \end{pmatrix}
        = \begin{pmatrix} \sqrt{a^2 + b^2} \\ 0 \end{pmatrix}, \qquad (c, s) = (1, 0) \text{ for } a = b = 0.

    >>> [value.tolist() for value in reflection(np.array([3.0, 0.0]), np.array([4.0, 0.0]))]
    [[0.6, 1.0], [0.8, 0.0], [5.0, 0.0]]
    """
    length = np.hypot(a, b)
    return np.where(length == 0, 1.0, ratio(a, length)), ratio(b, length), length


def unit_roundoff(like: torch.Tensor) -> float:
    """Distance from 1 to the next number of the type of `like`.

    >>> unit_roundoff(torch.ones(1)) == 2.0**-23
    True
    """
    return float(torch.finfo(like.dtype).eps)
