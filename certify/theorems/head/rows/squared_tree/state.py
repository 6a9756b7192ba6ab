"""Rows of an order are deleted one after another: what changes of hat matrix, residuals, influences and contrasts.

Deleting q with `D = 1 − K_qq` and column `κ` of K adds `κκᵀ/D` to K, `κ r_q/D` to residuals and `κ c_q/D` to influences
(D4). Only the columns of the rows of the order are kept; for all other entries the sum of `|κ_i||κ_l|/D` is added to
what bounded them before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.theorems.head.rows.squared.contrasts import Bools, Ints

LEAST = 1e-9
"""What `1 − K_qq` has to exceed for a row to be deleted."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Contrasts of evaluation rows: `sign·(z_a − z_b − offset)`, b is −1 with one output.

    Attributes:
        point, a, b, sign: `(P,)`.
    """

    point: Ints
    a: Ints
    b: Ints
    sign: Array

    def of(self, R: Array, at: Ints) -> Array:
        """`(P', r)` contrasts of the rows of R, `(r, k)`, for some of the pairs."""
        first = R.T[self.a[at]]
        return self.sign[at][:, None] * (first - R.T[self.b[at]] if R.shape[1] > 1 else first)


@dataclass(frozen=True, eq=False)
class State:
    """After the deletion of some rows of an order. n rows may go, k outputs, P contrasts of N points.

    Attributes:
        gone: places in the order, ascending.
        start: places of the order before it are decided: their rows are gone, or stay.
        dead: `(n,)` which rows these are.
        d: `(n,)` diagonal of K.
        columns: `(n, h)` columns of K of the rows of the order from `start` on.
        R: `(n, k)` residuals of outputs.
        steps: for each row gone its column when it went, 0 where rows were decided.
        rises: the same as `|κ|/√D`, rounded up.
        pulls: `(N,)` of each row gone `c_q/D`.
        c: `(N, h)` influences of the rows of the order from `start` on.
        z: `(P,)` contrasts.
        reach: `(N,)` at least `eᵀH⁻¹e`.
        eK, er: error of every entry of K and of R.
        ec, ez: `(N,)` and `(P,)` those of influences and contrasts.
    """

    gone: tuple[int, ...]
    start: int
    dead: Bools
    d: Array
    columns: Array
    R: Array
    steps: tuple[Array, ...]
    rises: tuple[Array, ...]
    pulls: tuple[Array, ...]
    c: Array
    z: Array
    reach: Array
    eK: float
    er: float
    ec: Array
    ez: Array

    @property
    def pair_error(self) -> float:
        """Of the contrast of two residuals, or of the residual of one output."""
        if self.R.shape[1] == 1:
            return self.er
        return (2 * self.er + 4 * U * float(np.abs(self.R).max(initial=0.0))) * RAISE

    @property
    def least(self) -> Array:
        """Lower ends of the contrasts."""
        return np.asarray(self.z - self.ez)


def without(state: State, order: Ints, place: int, pairs: Pairs) -> State | None:
    """The row at a place of the order goes, those before it stay; None where `K_qq < 1` is not proved."""
    q, b = int(order[place]), place - state.start
    D = 1.0 - float(state.d[q])
    low = (D - state.eK) * (1 - 4 * U)
    if not low > LEAST:
        return None
    dead = state.dead.copy()
    dead[order[state.start : place + 1]] = True
    k = np.where(dead, 0.0, state.columns[:, b])
    ahead, top, eK = order[place + 1 :], float(np.abs(k).max(initial=0.0)), state.eK
    rq, cq = state.R[q], state.c[:, b]
    reach = np.sqrt(state.reach) * RAISE
    every = np.arange(len(pairs.point))
    own = pairs.of(rq[None, :], every)[:, 0]
    er = state.er + _quotient(top, eK, _most(rq), state.er, low, eK) + 4 * U * (_most(state.R) + top * _most(rq) / low)
    ec = state.ec + _quotient(top, eK, np.abs(cq), state.ec, low, eK) + 4 * U * (reach + top * np.abs(cq) / low)
    c_own, ec_own = cq[pairs.point], state.ec[pairs.point]
    ez = state.ez + _quotient(np.abs(c_own), ec_own, np.abs(own), state.pair_error, low, eK)
    ez += 4 * U * (np.abs(state.z) + np.abs(c_own * own) / low)
    return State(
        (*state.gone, place), place + 1, dead, state.d + k * (k / D),
        state.columns[:, b + 1 :] + np.outer(k, k[ahead] / D), state.R + np.outer(k, rq / D),
        (*state.steps, k), (*state.rises, (np.abs(k) + eK) * (RAISE / np.sqrt(low))), (*state.pulls, cq / D),
        state.c[:, b + 1 :] + np.outer(cq / D, k[ahead]), state.z - c_own * (own / D),
        (state.reach + (np.abs(cq) + state.ec) ** 2 / low) * RAISE,
        (eK + float(_quotient(top, eK, top, eK, low, eK)) + 4 * U * (1 + top * top / low)) * RAISE + fp.FLOOR,
        float(er) * RAISE + fp.FLOOR, ec * RAISE + fp.FLOOR, ez * RAISE + fp.FLOOR)


def _most(x: Array) -> float:
    return float(np.abs(x).max(initial=0.0))


def _quotient(a: Array | float, ea: Array | float, b: Array | float, eb: Array | float, low: float, eD: float,
              ) -> Array | float:
    """Bound of the error of `ab/D` where a, b and D err by ea, eb, eD and every D is at least `low`."""
    return (a * eb + b * ea + ea * eb + (a + ea) * (b + eb) * eD / low) / low
