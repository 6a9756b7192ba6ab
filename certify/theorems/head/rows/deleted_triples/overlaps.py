"""D30: how much of what steps take of the curvature lies along rows that are out, as vectors.

`√m_i|N_lM⁻¹s_i|` in the norm of the inverse of M: where that is small, the matrix without the rows has hardly more
of N_l than M has. proofs/heads-deleted-triples.md.
"""

from __future__ import annotations

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array
from certify.theorems.head.rows.by_choice.metric import Metric, Taken

MOST = {2: 0, 3: 48}
"""Steps of which that is formed; of the others it is at most the root of two numbers of theirs; by how many rows may
follow."""


def root_of(a: Metric) -> tuple[Array, float] | None:
    """A root of the inverse of M, nearly, and what its square is off by; None where there is none."""
    try:
        root: Array = np.asarray(np.linalg.cholesky(0.5 * (a.X + a.X.T)), np.float64)
    except np.linalg.LinAlgError:
        return None
    size = fp.frobenius(root)
    miss = fp.frobenius(root @ root.T - a.X) + 4.0 * fp.dot_unit(len(root)) * size * size
    return root, (miss + a.off) * RAISE


def overlaps(a: Metric, t: Taken, k: int, root: Array, miss: float) -> Array:
    """`(f + 1, f + 1)` upper bounds: of a row that is out, by the step that takes."""
    st, f = a.st, len(a.st.rows)
    found = np.sqrt(t.there * t.share[None, :]) * RAISE
    S, norms, rows = st.c.sums.S[t.seen], t.sizes, t.places
    B = S @ root
    K = t.K[:, rows]
    size = np.sqrt(a.m[st.rows]) * RAISE
    for l in np.argsort(-t.share[:f], kind="stable")[: MOST[k]]:
        some = np.flatnonzero(t.w[:, l] > 0.0)
        C = t.w[some, l, None] * K[some]
        sum_of = np.linalg.norm(B[some].T @ C, axis=0)
        off = (t.w[some, l] * norms[some]) @ (np.abs(K[some]) + np.outer(norms[some], norms[rows]))
        # of all sums of rows: X by its root, products by floats, and K by what it is off by
        loose = off * (np.sqrt(miss) + (2.0 * fp.dot_unit(len(S)) + t.off) * np.sqrt(a.size)) * RAISE
        loose = loose * fp.sum_up(len(S)) + t.rest[l] * a.long[st.rows]
        found[:f, l] = np.minimum(found[:f, l], size * (sum_of * (1.0 + 2.0**-30) + loose) * RAISE)
    return np.asarray(found * RAISE)
