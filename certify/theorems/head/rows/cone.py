"""D8b: a point in the cone of points that stay stays too: its output is a combination of theirs with weights ≥ 0.

With one output and the threshold 0, `e·w = Σ λ_i e_i·w > 0` for `λ ≥ 0`, not all 0, whatever the refit w is.
"""

from __future__ import annotations

import numpy as np
from flint import fmpq, fmpq_mat
from numpy.typing import NDArray
from scipy.optimize import linprog

from certify.rigor.fp import Array

Rows = NDArray[np.int64]


def combination(generators: Array, e: Array) -> Rows | None:
    """At most p generators of whose cone e is proved to be a member, in rationals; None where none were found.

    Args:
        generators: `(g, p)` exact floats.
        e: `(p,)` exact floats, not 0.
    """
    if not len(generators):
        return None
    scale = np.abs(generators).max(axis=1)
    A = (generators / scale[:, None]).T
    found = linprog(np.zeros(A.shape[1]), A_eq=A, b_eq=e, bounds=(0, None), method="highs-ds")
    if found.x is None:
        return None
    some = np.flatnonzero(found.x > 1e-12 * max(float(found.x.max()), 1e-300))
    return some if 0 < len(some) <= len(e) and in_cone(generators[some], e) else None


def in_cone(generators: Array, e: Array) -> bool:
    """Whether `e = Σ λ_i g_i` has a solution with all `λ_i ≥ 0`, not all 0, exactly.

    >>> in_cone(np.array([[1.0, 0.0], [1.0, 2.0]]), np.array([2.0, 2.0]))
    True
    >>> in_cone(np.array([[1.0, 0.0], [1.0, 2.0]]), np.array([2.0, -1.0]))
    False
    """
    p, s = len(e), len(generators)
    entries = [_rational(x) for row in np.column_stack([generators.T, e]).tolist() for x in row]
    form, rank = fmpq_mat(p, s + 1, entries).rref()
    if rank != s or any(form[i, s] != 0 for i in range(s, p)) or any(form[i, i] != 1 for i in range(s)):
        return False  # the generators depend on each other, or e is no combination of them
    weights = [form[i, s] for i in range(s)]
    return all(w >= 0 for w in weights) and any(w > 0 for w in weights)


def _rational(x: float) -> fmpq:
    top, bottom = x.as_integer_ratio()
    return fmpq(top, bottom)
