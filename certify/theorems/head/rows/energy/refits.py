"""Refits near enough to a minimum that the label is told: `|w* − w| ≤ |∇G(w)|/μ` where all weights decay (D1)."""

from __future__ import annotations

import numpy as np

from certify.rigor.activation import activation
from certify.rigor.fp import RAISE, Array, U, dot_unit, row_norms
from certify.systems.head.rows.change import NONE, Choices
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.energy.finder import hessians, lengths, minimise, slopes
from certify.theorems.head.rows.energy.record import short
from certify.theorems.head.rows.energy.rows import Index, Rows

_STEPS = 40


def refits(head: Head, rows: Rows, sets: Index, w: Array, e: Array) -> tuple[Array, Index]:
    """Weights that show e·w* > c for sets of alternatives `(B, j)`, from w `(B, p)`; the sets without."""
    tau = rows.targets(sets)
    if rows.decayed.all() and rows.width == 1:
        return _near_minimum(rows, tau, w, e)
    w = short(minimise(rows, tau, w, None, 1e-9))
    owner, code = np.append(rows.owner, NONE), np.append(rows.code, NONE)
    near = enclose_refits(head, Choices(owner[sets], code[sets]), w.reshape(len(w), head.k, head.m))
    size = float(row_norms(e[None])[0])
    sure = above(rows, w, e) > near * size * RAISE
    return w, np.flatnonzero(~sure)


def _near_minimum(rows: Rows, tau: Array, w: Array, e: Array) -> tuple[Array, Index]:
    w, live, missing = short(w), np.arange(len(w)), []
    size = float(row_norms(e[None])[0])
    for _ in range(_STEPS):
        rows.check()
        z = w[live] @ rows.A.T
        q = slopes(rows, z)
        g = (q - tau[live]) @ rows.A + rows.ridge * w[live]
        at, far = w[live] @ e - rows.level, np.sqrt((g * g).sum(1)) * size / rows.mu[0]
        ready = at > 1.0001 * far
        if ready.any():
            ready[ready] = _told(rows, tau[live[ready]], w[live[ready]], z[ready], e)
        missing.append(live[at < -far])
        rest = ~ready & ~(at < -far)
        live = live[rest]
        if not len(live):
            break
        z, q, g = z[rest], q[rest], g[rest]
        step = np.linalg.solve(hessians(rows, q), g[..., None])[..., 0]
        slope = (step * g).sum(1)
        length = np.ones(len(live))
        long = slope > 0.5
        if long.any():
            length[long] = lengths(rows, tau[live[long]], w[live[long]], z[long], step[long], slope[long])
        w[live] = short(w[live] - length[:, None] * step)
    return w, np.concatenate([live, *missing])


def _told(rows: Rows, tau: Array, w: Array, z: Array, e: Array) -> Array:
    """Whether e·w − c > |e||∇G(w)|/μ, every rounding bounded; z floats near A w."""
    length, p = row_norms(w), rows.A.shape[1]
    slope = activation("sigmoid").enclose(z)[0]
    off, doubt = slope.mid - tau, slope.error
    g = off @ rows.A + rows.mu[1] * w
    # a slope is off by its own error and a quarter of the output's
    doubt = row_norms(doubt * rows.norms) + 0.25 * dot_unit(p) * length * float(row_norms((rows.norms**2)[None])[0])
    error = (
        doubt * np.sqrt(len(rows.A))
        + dot_unit(len(rows.A) + 4) * rows.size * row_norms(off)
        + (rows.mu[1] - rows.mu[0] + 4.0 * U * rows.mu[1]) * length
    )
    far = (row_norms(g) + error) * RAISE * float(row_norms(e[None])[0]) / rows.mu[0] * RAISE
    told: Array = above(rows, w, e) > far
    return told


def above(rows: Rows, w: Array, e: Array) -> Array:
    """Lower bounds `(B,)` of e·w − c."""
    at = w @ e
    lost = dot_unit(len(e)) * row_norms(w) * float(row_norms(e[None])[0])
    return np.asarray(at - rows.level - (lost + 4.0 * U * abs(rows.level)) * RAISE)
