"""The equations `V f = const`, V the differences `f_a − f_k` of a row's outputs: what softmax sees of f (M5a)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from certify.bounds.linearisation import Linearisation
from certify.network.jacobian import Jacobian
from certify.network.kernel import Kernel
from certify.perturbations.factor import BlockFactor
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.fp import RAISE, Array, U


def contrasted(lin: Linearisation, outputs: int) -> Linearisation:
    """Kernel `(I⊗V)K(I⊗V)ᵀ`, or Jacobian `(I⊗V)J`, `VQ_iVᵀ` and `VG_i` of the k − 1 differences of every row.

    Args:
        lin: of the network's outputs, k at least 2.
        outputs: k.
    """
    if isinstance(lin.kernel, Jacobian):
        kernel: Kernel | Jacobian = _jacobian(lin.kernel, outputs, lin.arithmetic)
    else:
        kernel = _kernel(lin.kernel, outputs, lin.arithmetic)
    C = lin.Q.C[:, :-1, :] - lin.Q.C[:, -1:, :]
    n = len(C)
    # entries are rounded once; ‖V‖² ≤ k as VVᵀ = I + 11ᵀ of size k − 1
    size = fp.row_norms(C.reshape(n, -1))
    moved = lin.Q.eta > 0
    eta = (outputs * lin.Q.eta + 3.0 * U * size**2 * moved) * RAISE
    G = lin.sets.G[:, :-1, :] - lin.sets.G[:, -1:, :]
    rad = (outputs**0.5 * lin.sets.rad + 2.0 * U * fp.row_norms(G.reshape(n, -1)) * lin.sets.moves) * RAISE
    sets = replace(lin.sets, G=fp.require_finite(G, "row sets"), rad=rad)
    return replace(lin, kernel=kernel, Q=BlockFactor(C, fp.require_finite(eta, "factor of the perturbation")),
                   sets=sets)


def _kernel(K: Kernel, k: int, arithmetic: Arithmetic) -> Kernel:
    """Differences of rows, then of columns, each rounded relative to both sizes: e and s of two equations add."""
    n = len(K.e) // k
    rows = _differences(K.mid, k, arithmetic, n, n * k)
    turned = Pair(np.ascontiguousarray(rows.hi.T), None if rows.lo is None else np.ascontiguousarray(rows.lo.T))
    mid = _differences(turned, k, arithmetic, n, n * (k - 1))
    hi = (mid.hi + mid.hi.T) / 2 if mid.lo is None else mid.hi
    lo = None
    if mid.lo is not None:  # mirror: either half is as good as the other
        hi, lo = (np.tril(x) + np.tril(x, -1).T for x in (mid.hi, mid.lo))
    e, s = K.e.reshape(n, k), K.s.reshape(n, k)
    s2 = (s[:, :-1] + s[:, -1:]) * RAISE
    e2 = (e[:, :-1] + e[:, -1:] + 4.0 * arithmetic.unit * s2) * RAISE
    return Kernel(Pair(hi, lo), e2.ravel(), s2.ravel())


def _jacobian(J: Jacobian, k: int, arithmetic: Arithmetic) -> Jacobian:
    n, p = len(J.rad) // k, J.mid.hi.shape[1]
    mid = _differences(J.mid, k, arithmetic, n, p)
    size, rad = arithmetic.row_norms(J.mid).reshape(n, k), J.rad.reshape(n, k)
    r = rad[:, :-1] + rad[:, -1:] + 2.0 * arithmetic.unit * (size[:, :-1] + size[:, -1:])
    return Jacobian(mid, (r * RAISE).ravel())


def _differences(A: Pair, k: int, arithmetic: Arithmetic, n: int, columns: int) -> Pair:
    """Of every k rows the first k − 1 less the last."""
    def split(x: Array, part: slice) -> Array:
        return x.reshape(n, k, columns)[:, part]

    first = Pair(split(A.hi, slice(0, k - 1)), None if A.lo is None else split(A.lo, slice(0, k - 1)))
    last = Pair(-split(A.hi, slice(k - 1, k)), None if A.lo is None else -split(A.lo, slice(k - 1, k)))
    return arithmetic.add(first, last).reshape(n * (k - 1), columns)
