"""The least curvature of a symmetric map that a few products show."""

from __future__ import annotations

import numpy as np
import torch

from certify.estimation.krylov.operator import Operator


def least_curvature(operator: Operator, start: torch.Tensor, steps: int = 20) -> tuple[float, int]:
    r"""The least Ritz value over the Krylov space of `start`, and the products that it took.

    A Ritz value is a curvature :math:`v^TAv` of a unit vector v, so it is no less than the least eigenvalue: one below
    0 shows that A is indefinite, one above shows nothing. Every vector is made orthogonal to all before it, twice.

    Args:
        operator: A, symmetric.
        start: (n,), not 0.
        steps: products at most.

    >>> from certify.estimation.krylov import matrix_operator
    >>> A = matrix_operator(torch.tensor([[1.0, 2.0], [2.0, 1.0]], dtype=torch.float64))
    >>> least, products = least_curvature(A, torch.tensor([1.0, 0.0], dtype=torch.float64))
    >>> round(least, 12), products
    (-1.0, 2)
    """
    unit = torch.finfo(start.dtype).eps
    basis = (start / start.norm())[None]
    diagonal: list[float] = []
    beside: list[float] = []
    while True:
        image = operator.product(basis[-1:])[0].detach()
        diagonal.append(float(image.double() @ basis[-1].double()))
        size = float(image.norm())
        for _ in range(2):
            image = image - (basis @ image) @ basis
        length = float(image.norm())
        if len(diagonal) >= min(steps, operator.rows) or not length > 100 * unit * size:
            break
        beside.append(length)
        basis = torch.cat([basis, (image / length)[None]])
    T = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
    return float(np.linalg.eigvalsh(T)[0]), len(diagonal)
