"""D25: pairs of steps that are looked at by themselves, with the signs of what the rows do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.head import Whole
from certify.theorems.head.rows.softmax_by_choice.candidates import long_of
from certify.theorems.head.rows.softmax_by_choice.metric import Metric
from certify.theorems.head.rows.softmax_by_choice.sums import Steps, at_sums, base_of, lengths

AT_ONCE = 32
"""Pairs at a time."""


@dataclass(frozen=True, eq=False)
class Formed:
    """Pairs of steps.

    Attributes:
        i, l: `(P,)` numbers of steps.
        gradient: `(P, k, p)` floats, what is left of the gradient without both rows at the sum of both steps.
        error: `(P,)` at least what these are off by.
    """

    i: Whole
    l: Whole
    gradient: Array
    error: Array

    def into(self, m: Metric, pair: Array, single: Array, cubic: Array) -> Array:
        """The table of pairs, with the lesser number for those that are formed.

        Args:
            m: the matrix.
            pair: `(f, f)` the table, `cubic` `(f, f)` the part of it that is no pair's own.
            single: `(f,)` at least what single steps leave, with the gradient of the centre.
        """
        if not len(self.i):
            return pair
        i, l, found = self.i, self.l, pair.copy()
        own = (long_of(m, self.gradient, self.error) + single[i] + single[l] + cubic[i, l]) * RAISE
        found[i, l] = found[l, i] = np.fmin(own, pair[i, l])
        return found


def formed(m: Metric, rows: Whole, W: Array, steps: Steps, chosen: tuple[Whole, Whole],
           check: Callable[[], None]) -> Formed:
    """Some pairs.

    Args:
        m: a matrix at the centre.
        rows: `(f,)` the row that each step leaves out.
        W: `(f, k, p)` the weights they lead to, and `steps` the steps.
        chosen: `(P,)` the numbers of the steps of each pair.
        check: raises when the time is up.
    """
    i, l = chosen
    order = np.lexsort((l, i))
    i, l = i[order], l[order]
    gradient, error = np.zeros((len(i), *W.shape[1:])), np.full(len(i), np.inf)
    norms, mu = m.c.head.phi_norm, sum(m.c.head.mu(2))
    turn = (0.5 * float(norms @ norms) + mu) * RAISE
    sizes = lengths(W) + float(lengths(m.c.V[None])[0])
    starts = np.flatnonzero(np.diff(i, prepend=-1))
    for begin, end in zip(starts, np.append(starts, len(i))[1:], strict=True):
        one = int(i[begin])
        if (base := base_of(m, W[one])) is None:
            continue
        for start in range(begin, end, AT_ONCE):
            check()
            at = slice(start, min(start + AT_ONCE, end))
            V, gone = W[one] + steps.delta[l[at]], np.stack([rows[i[at]], rows[l[at]]], axis=1)
            found = at_sums(base, steps, l[at], gone, V)
            gradient[at] = found.gradient
            # V is the sum but for the rounding of the step and of itself
            error[at] = (found.error + 8.0 * U * turn * (sizes[one] + sizes[l[at]])) * RAISE
    return Formed(i, l, gradient, np.where(np.isfinite(gradient).all(axis=(1, 2)), error, np.inf))


def strongest(pair: Array, count: int) -> tuple[Whole, Whole]:
    """The pairs with the largest numbers of a table.

    >>> [x.tolist() for x in strongest(np.array([[0.0, 1.0, 3.0], [1.0, 0.0, 2.0], [3.0, 2.0, 0.0]]), 2)]
    [[0, 1], [2, 2]]
    """
    i, l = np.triu_indices(len(pair), 1)
    value = np.where(np.isfinite(pair[i, l]), pair[i, l], 0.0)
    best = np.argsort(-value, kind="stable")[:count]
    return i[best], l[best]
