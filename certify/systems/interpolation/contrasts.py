"""The equations `V f = const`, V the differences `f_a − f_k` of a row's outputs: what softmax sees of f (M5a)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from certify.network.layers.jacobian import Jacobian
from certify.network.layers.kernel import Kernel
from certify.problem.norms.function import padded
from certify.problem.perturbations.factor import BlockFactor
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.fp import RAISE, Array, U
from certify.systems.interpolation.linearisation import Linearisation


def contrasted(lin: Linearisation, outputs: int, tau: float | None = None) -> Linearisation:
    """Kernel `(I⊗V)K(I⊗V)ᵀ`, or Jacobian `(I⊗V)J`, `VQ_iVᵀ` and `VG_i` of the k − 1 differences of every row.

    With the function norm the outputs at the reference rows stay as they are. So that all equations come in blocks of
    k − 1 some are added at the end that no weight moves, with a parameter of length τ of their own: `𝓚` gets an entry
    on the diagonal and nothing beside it, and every inverse and quotient of S2 stays what it is.

    Args:
        lin: of the network's outputs, k at least 2.
        outputs: k.
        tau: of the function norm; None for another norm.
    """
    n, total = len(lin.sets.G), len(lin.kernel.rad if isinstance(lin.kernel, Jacobian) else lin.kernel.e)
    seen = total - n * outputs
    idle = -seen % (outputs - 1)
    if isinstance(lin.kernel, Jacobian):
        J = _jacobian(lin.kernel, outputs, n, lin.arithmetic)
        kernel: Kernel | Jacobian = J if tau is None else _idle_rows(J, idle, tau)
    else:
        kernel = _kernel(lin.kernel, outputs, n, lin.arithmetic)
        kernel = kernel if tau is None else _idle_entries(kernel, idle, tau)
    own, eta = lin.Q.C[:n], lin.Q.eta[:n]
    C = own[:, :-1, :] - own[:, -1:, :]
    # entries are rounded once; ‖V‖² ≤ k as VVᵀ = I + 11ᵀ of size k − 1
    size = fp.row_norms(C.reshape(n, -1))
    eta = (outputs * eta + 3.0 * U * size**2 * (eta > 0)) * RAISE
    G = lin.sets.G[:, :-1, :] - lin.sets.G[:, -1:, :]
    rad = (outputs**0.5 * lin.sets.rad + 2.0 * U * fp.row_norms(G.reshape(n, -1)) * lin.sets.moves) * RAISE
    sets = replace(lin.sets, G=fp.require_finite(G, "row sets"), rad=rad)
    Q = padded(BlockFactor(C, fp.require_finite(eta, "factor of the perturbation")), (seen + idle) // (outputs - 1))
    return replace(lin, kernel=kernel, Q=Q, sets=sets, idle=idle)


def _kernel(K: Kernel, k: int, n: int, arithmetic: Arithmetic) -> Kernel:
    """Differences of rows, then of columns, each rounded relative to both sizes: e and s of two equations add."""
    rows = _differences(K.mid, k, n, arithmetic)
    turned = Pair(np.ascontiguousarray(rows.hi.T), None if rows.lo is None else np.ascontiguousarray(rows.lo.T))
    mid = _differences(turned, k, n, arithmetic)
    hi = (mid.hi + mid.hi.T) / 2 if mid.lo is None else mid.hi
    lo = None
    if mid.lo is not None:  # mirror: either half is as good as the other
        hi, lo = (np.tril(x) + np.tril(x, -1).T for x in (mid.hi, mid.lo))
    e, s = K.e[:n * k].reshape(n, k), K.s[:n * k].reshape(n, k)
    s2 = (s[:, :-1] + s[:, -1:]) * RAISE
    e2 = (e[:, :-1] + e[:, -1:] + 4.0 * arithmetic.unit * s2) * RAISE
    return Kernel(Pair(hi, lo), np.concatenate([e2.ravel(), K.e[n * k:]]), np.concatenate([s2.ravel(), K.s[n * k:]]))


def _jacobian(J: Jacobian, k: int, n: int, arithmetic: Arithmetic) -> Jacobian:
    mid, own = _differences(J.mid, k, n, arithmetic), n * k
    size, rad = arithmetic.row_norms(J.mid)[:own].reshape(n, k), J.rad[:own].reshape(n, k)
    r = rad[:, :-1] + rad[:, -1:] + 2.0 * arithmetic.unit * (size[:, :-1] + size[:, -1:])
    return Jacobian(mid, np.concatenate([(r * RAISE).ravel(), J.rad[own:]]))


def _differences(A: Pair, k: int, n: int, arithmetic: Arithmetic) -> Pair:
    """Of every k of the first n·k rows the first k − 1 less the last; the others as they are."""
    columns = A.hi.shape[1]

    def split(x: Array, part: slice) -> Array:
        return x[:n * k].reshape(n, k, columns)[:, part]

    first = Pair(split(A.hi, slice(0, k - 1)), None if A.lo is None else split(A.lo, slice(0, k - 1)))
    last = Pair(-split(A.hi, slice(k - 1, k)), None if A.lo is None else -split(A.lo, slice(k - 1, k)))
    found = arithmetic.add(first, last).reshape(n * (k - 1), columns)
    if len(A.hi) == n * k:
        return found
    lo = None if A.lo is None or found.lo is None else np.vstack([found.lo, A.lo[n * k:]])
    return Pair(np.vstack([found.hi, A.hi[n * k:]]), lo)


def _idle_entries(K: Kernel, idle: int, tau: float) -> Kernel:
    """The kernel with entries of about τ² more on its diagonal, exact: any positive number is as good."""
    N = len(K.e)
    hi = np.zeros((N + idle, N + idle))
    hi[:N, :N], lo = K.mid.hi, None
    hi[np.arange(N, N + idle), np.arange(N, N + idle)] = tau * tau
    if K.mid.lo is not None:
        lo = np.zeros_like(hi)
        lo[:N, :N] = K.mid.lo
    e, s = np.full(idle, fp.KERNEL_FLOOR_E), np.full(idle, max(tau * RAISE, fp.KERNEL_FLOOR_S))
    return Kernel(Pair(hi, lo), np.concatenate([K.e, e]), np.concatenate([K.s, s]))


def _idle_rows(J: Jacobian, idle: int, tau: float) -> Jacobian:
    """The Jacobian with rows of one entry τ more, each in a column of its own."""
    N, p = J.mid.hi.shape
    hi, lo = np.zeros((N + idle, p + idle)), None
    hi[:N, :p] = J.mid.hi
    hi[np.arange(N, N + idle), np.arange(p, p + idle)] = tau
    if J.mid.lo is not None:
        lo = np.zeros_like(hi)
        lo[:N, :p] = J.mid.lo
    return Jacobian(Pair(hi, lo), np.concatenate([J.rad, np.zeros(idle)]))
