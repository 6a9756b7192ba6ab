"""One refit of a small head in balls of many bits, by interval Newton: the judge where long doubles are unsure."""

from __future__ import annotations

from typing import Final

import numpy as np
from flint import arb, arb_mat, ctx

from tests.oracles.row_refits import GONE, Pairs, Problem

BITS: Final = 600
ROUNDS: Final = 300
SHORTEST: Final = 2.0**-60
OPEN: Final = 0


def sign(p: Problem, x: np.ndarray, change: Pairs, today: int, threshold: float, start: np.ndarray) -> int:
    """1 where the label of x is proved to stay after a change, −1 where another is proved, 0 where neither is.

    No label stays where there is no refit, or more than one. `start` is any weights, best near the refit.
    """
    if not p.unique(change):
        return -1
    with ctx.workprec(BITS):
        w = refit(p, change, start)
        if w is None:
            return OPEN
        k, m = p.Y.shape[1], p.phi.shape[1]
        e = [arb(float(v)) for v in x]
        z = [sum((w[a * m + j] * e[j] for j in range(m)), arb(0)) for a in range(k)]
        if k == 1:
            gaps = [(z[0] - threshold) * (1 if today == 1 else -1)]
        else:
            gaps = [z[today] - v for b, v in enumerate(z) if b != today]
        return 1 if all(g > 0 for g in gaps) else -1 if any(g < 0 for g in gaps) else OPEN


def _slopes(loss: str, z: list[arb], y: list[float]) -> tuple[list[arb], list[list[arb]]]:
    """Slopes and curvatures of a row."""
    k = len(z)
    if loss == "squared":
        return [a - b for a, b in zip(z, y, strict=True)], [[arb(a == b) for a in range(k)] for b in range(k)]
    if loss == "logistic":
        q = 1 / (1 + (z[0] * y[0]).exp())
        return [-q * y[0]], [[q * (1 - q)]]
    s = [1 / sum(((b - a).exp() for b in z), arb(0)) for a in z]
    return ([a - b for a, b in zip(s, y, strict=True)],
            [[s[a] * ((1 if a == b else 0) - s[b]) for a in range(k)] for b in range(k)])


def _value(p: Problem, change: Pairs, w: list[arb]) -> arb:
    """The sum, for steps that are to make it smaller."""
    new, (n, m), k = dict(change), p.phi.shape, p.Y.shape[1]
    mu = arb(p.decay) * (n - sum(code == GONE for code in new.values()) if p.remaining else n)
    total = sum((mu * w[a * m + j] ** 2 / 2 for a in range(k) for j in range(m) if p.decayed[j]), arb(0))
    for i in range(n):
        if new.get(i, 0) == GONE and i in new:
            continue
        y = p.Y[i].tolist() if i not in new or p.codes is None else p.codes[new[i]].tolist()
        z = [sum((w[a * m + j] * float(p.phi[i, j]) for j in range(m)), arb(0)) for a in range(k)]
        if p.loss == "squared":
            total += sum(((a - b) ** 2 for a, b in zip(z, y, strict=True)), arb(0)) / 2
        elif p.loss == "logistic":
            total += (1 + (-z[0] * y[0]).exp()).log()
        else:
            total += sum((a.exp() for a in z), arb(0)).log() - sum((a * b for a, b in zip(z, y, strict=True)), arb(0))
    if p.loss == "cross_entropy" and not p.decayed[-1]:
        total += sum((w[a * m + m - 1] for a in range(k)), arb(0)) ** 2 / 2
    return total


def parts(p: Problem, change: Pairs, w: list[arb]) -> tuple[arb_mat, arb_mat]:
    """Gradient and Hessian; a sum of free intercepts that no output sees is held at 0."""
    new, (n, m), k = dict(change), p.phi.shape, p.Y.shape[1]
    gone = sum(code == GONE for code in new.values())
    mu = arb(p.decay) * (n - gone if p.remaining else n)
    g, H = [arb(0)] * (k * m), [[arb(0)] * (k * m) for _ in range(k * m)]
    for i in range(n):
        if new.get(i, 0) == GONE and i in new:
            continue
        y = p.Y[i].tolist() if i not in new or p.codes is None else p.codes[new[i]].tolist()
        x = [arb(float(v)) for v in p.phi[i]]
        z = [sum((w[a * m + j] * x[j] for j in range(m)), arb(0)) for a in range(k)]
        slope, curved = _slopes(p.loss, z, y)
        for a in range(k):
            for j in range(m):
                g[a * m + j] += slope[a] * x[j]
                for b in range(k):
                    for q in range(m):
                        H[a * m + j][b * m + q] += curved[a][b] * x[j] * x[q]
    for a in range(k):
        for j in range(m):
            if p.decayed[j]:
                g[a * m + j] += mu * w[a * m + j]
                H[a * m + j][a * m + j] += mu
    if p.loss == "cross_entropy" and not p.decayed[-1]:
        last = [a * m + m - 1 for a in range(k)]
        total = sum((w[a] for a in last), arb(0))
        for a in last:
            g[a] += total
            for b in last:
                H[a][b] += 1
    return arb_mat([[v] for v in g]), arb_mat(H)


def refit(p: Problem, change: Pairs, start: np.ndarray) -> list[arb] | None:
    """Balls that hold the refit."""
    k, m = p.Y.shape[1], p.phi.shape[1]
    gone = {row for row, code in change if code == GONE}
    left = [row for i, row in enumerate(p.phi) if i not in gone] or [np.zeros(m)]
    w = [arb(float(v)) for v in np.nan_to_num(start, posinf=0.0, neginf=0.0).ravel()]
    for _ in range(ROUNDS):
        g, H = parts(p, change, w)
        try:
            step = H.solve(g).entries()
        except ZeroDivisionError:
            return None
        before, t = _value(p, change, w), 1.0
        fall = sum((x * y for x, y in zip(g.entries(), step, strict=True)), arb(0)) / 4
        while t > SHORTEST and _value(p, change, [a - t * s for a, s in zip(w, step, strict=True)]) > before - t * fall:
            t /= 2
        w = [(a - t * s).mid() for a, s in zip(w, step, strict=True)]
        if all(bool(abs(sum((step[a * m + j] * float(row[j]) for j in range(m)), arb(0))) < arb(10) ** -60)
               for a in range(k) for row in left):
            break
    g, _ = parts(p, change, w)
    size = max((abs(v) for v in w), key=lambda v: float(v.mid())) + arb(10) ** -30
    for power in (40, 60, 20):
        room = [arb(0, (size * arb(10) ** -power).mid())] * (k * m)
        _, H = parts(p, change, [a + r for a, r in zip(w, room, strict=True)])
        try:
            step = H.solve(g).entries()
        except ZeroDivisionError:
            continue
        if all(r.contains_interior(s) for r, s in zip(room, step, strict=True)):
            return [a - s for a, s in zip(w, step, strict=True)]
    return None
