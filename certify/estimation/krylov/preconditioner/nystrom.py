"""The randomised Nyström preconditioner (Frangella, Tropp and Udell, 2023)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from certify.estimation.krylov.operator import Operator
from certify.format.errors import InputError

_SEPARATION = 100.0  # rounding units of the largest eigenvalue below which an eigenvector is noise
_LEAK = 1e-10  # in float64 a stricter share: what the eigenvectors hold of ker A is rounding over this


@dataclass(frozen=True, eq=False)
class Nystrom:
    r"""A map that evens out the leading eigenvalues, from those of a sketch of A.

    .. math:: M = (\hat\lambda_k + \mu)\, U (\hat\Lambda + \mu)^{-1} U^T + (I - UU^T),

    which brings the k leading eigenvalues of :math:`A + \mu I` to about the size of the next one and leaves the others.
    :math:`U = \operatorname{range}(A\Omega) \subset \operatorname{range} A`, so M keeps the range of A: with it the
    minimum-norm solution of a singular system comes out, up to rounding (that of A Ω over :math:`\hat\lambda_k`).

    Attributes:
        vectors: orthonormal rows U^T, shape (k, n).
        eigenvalues: of the sketch, falling, shape (k,).
        shift: :math:`\mu \ge 0`.
        products: products with A that were made.
    """

    vectors: torch.Tensor
    eigenvalues: torch.Tensor
    shift: float
    products: int

    @property
    def keeps_range(self) -> bool:
        """True: U lies in range A."""
        return True

    def apply(self, V: torch.Tensor) -> torch.Tensor:
        """M v for each row of V, shape (r, n)."""
        if not len(self.eigenvalues):
            return V
        weights = (self.eigenvalues[-1] + self.shift) / (self.eigenvalues + self.shift) - 1.0
        return V + ((V @ self.vectors.T) * weights) @ self.vectors


def nystrom_preconditioner(
    operator: Operator,
    like: torch.Tensor,
    rank: int | None = None,
    shift: float = 0.0,
    seed: int = 0,
    max_rank: int = 128,
) -> Nystrom:
    r"""A Nyström preconditioner for :math:`A + \mu I`, from products with A and a seeded Gaussian test matrix.

    .. math:: \hat A = (A\Omega)(\Omega^TA\Omega)^{+}(A\Omega)^T, \qquad \Omega \in \mathbb{R}^{n \times k}.

    Hypotheses: A is symmetric positive semidefinite. If `rank` is None it is doubled from 8 until the smallest
    eigenvalue of the sketch is at most ten times the shift (then cond(M(A + μI)) is bounded in the mean, theorem 5.1
    of the source), is rounding, or `max_rank` is reached. Products made before are used again.

    Args:
        operator: :math:`A`, symmetric.
        like: a tensor whose type and device the vectors are to have.
        rank: number of test vectors; None: adaptive.
        shift: :math:`\mu`, what is added to A in the system to solve.
        seed: of the test matrix, drawn on the CPU in float64: the same on every device.
        max_rank: largest adaptive rank.

    Raises:
        InputError: A is not declared symmetric, has a negative eigenvalue beyond rounding in the sketch, or gives a
            number that is not finite; a rank below 1, a negative shift.

    Source: Z. Frangella, J. A. Tropp and M. Udell, Randomized Nyström preconditioning, SIAM J. Matrix Anal. Appl.
    44(2), 2023, 718-752.

    >>> from certify.estimation.krylov import matrix_operator
    >>> A = matrix_operator(torch.diag(torch.tensor([100.0, 1.0, 0.0], dtype=torch.float64)))
    >>> M = nystrom_preconditioner(A, torch.ones(1, dtype=torch.float64), rank=2)
    >>> [round(value, 9) for value in M.eigenvalues.tolist()], M.products
    ([100.0, 1.0], 2)
    """
    if not operator.symmetric:
        raise InputError("nystrom_preconditioner", "an operator not declared symmetric", "say symmetric=True")
    if (rank is not None and rank < 1) or not 0 <= shift < math.inf or max_rank < 1:
        raise InputError(
            "nystrom_preconditioner", f"rank={rank}, shift={shift}, max_rank={max_rank}", "give rank >= 1, shift >= 0"
        )
    n = operator.columns
    most = min(n, max_rank if rank is None else rank)
    generator = torch.Generator().manual_seed(seed)
    test, image = like.new_zeros(0, n), like.new_zeros(0, n)
    while True:
        wanted = most if rank is not None else min(most, max(8, 2 * len(test)))
        fresh = torch.randn(wanted - len(test), n, generator=generator, dtype=torch.float64).to(like)
        fresh = _orthonormal(test, fresh)
        test = torch.cat([test, fresh])
        image = torch.cat([image, operator.product(fresh).detach()]) if len(fresh) else image
        vectors, eigenvalues, spent = _eigenpairs(test, image)
        if len(test) >= most or spent or (len(eigenvalues) and float(eigenvalues[-1]) <= 10 * shift):
            return Nystrom(vectors, eigenvalues, shift, len(test))


def _orthonormal(old: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
    for _ in range(2):  # twice is enough
        new = new - (new @ old.T) @ old
        new = torch.linalg.qr(new.T).Q.T
    return new.contiguous()


def _eigenpairs(test: torch.Tensor, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, bool]:
    """Eigenpairs of the sketch well above rounding, and whether some were not."""
    core = (test @ image.T).double()
    core = (core + core.T) / 2
    if not bool(torch.isfinite(core).all()):
        raise InputError("nystrom_preconditioner", "a product that is not finite", "check the operator")
    size, directions = torch.linalg.eigh(core)
    unit = torch.finfo(test.dtype).eps
    noise = 10 * math.sqrt(test.shape[1]) * unit * float(size.abs().max()) if len(size) else 0.0
    if len(size) and float(size[0]) < -noise:
        raise InputError(
            "nystrom_preconditioner",
            f"an operator with a negative eigenvalue, at most {float(size[0]):.3g}",
            "use MinresQlp without a preconditioner",
        )
    good = size > noise
    factor = (directions[:, good] / size[good].sqrt()).to(image).T @ image
    left = torch.linalg.svd(factor.T, full_matrices=False)
    eigenvalues = left.S**2
    floor = max(_SEPARATION * unit, _LEAK) * float(eigenvalues.max()) if len(eigenvalues) else 0.0
    kept = eigenvalues > floor
    return left.U[:, kept].T.contiguous(), eigenvalues[kept], int(kept.sum()) < len(size)
