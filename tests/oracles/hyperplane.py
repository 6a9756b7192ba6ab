"""The hyperplane of D8 in 300 bits: true columns and origin, pull of a test vector, what changes add, the minimiser."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import arb, arb_mat, ctx

from certify.finders.head.cells import Frame, Margins

BITS = 300


def _column(x) -> arb_mat:
    return arb_mat([[arb(v)] for v in x])


def _p(t: arb) -> arb:
    return 1 / (1 + t.exp())


@dataclass
class Hyperplane:
    """`w̃0 + B̃y` on `e·w = t`, built from a frame of floats by a correction along the largest entry of e."""

    head: Margins
    S: arb_mat
    w0: arb_mat
    B: arb_mat
    across: arb_mat
    ridge: list

    @staticmethod
    def of(head: Margins, f: Frame, e: np.ndarray, level: float) -> Hyperplane:
        """In 300 bits."""
        with ctx.workprec(BITS):
            j, exact = int(np.argmax(np.abs(e))), [arb(x) for x in e.tolist()]

            def onto(v, t):
                v = [arb(x) for x in v.tolist()]
                v[j] -= (sum((a * b for a, b in zip(exact, v, strict=True)), arb(0)) - t) / exact[j]
                return v

            columns = [onto(f.B[:, k], arb(0)) for k in range(f.B.shape[1])]
            return Hyperplane(head, arb_mat(head.S.tolist()), _column(onto(f.w0, arb(level))),
                              arb_mat(columns).transpose(), _column(f.across.tolist()),
                              [arb(x) for x in head.ridge.tolist()])

    def margins(self, y) -> list:
        """`s_i·w`."""
        return (self.S * (self.w0 + self.B * _column(y))).entries()

    def surplus(self, y, v, kappa: float) -> arb:
        """`u·g(w) − T(u, w)` at one point, `u = B̃v + κ·across`."""
        with ctx.workprec(BITS):
            w, u = self.w0 + self.B * _column(y), self.B * _column(v) + self.across * arb(kappa)
            p, c = [_p(m) for m in self.margins(y)], (self.S * u).entries()
            pull = sum((a * b for a, b in zip(p, c, strict=True)), arb(0)) - sum(
                (r * a * b for r, a, b in zip(self.ridge, w.entries(), u.entries(), strict=True)), arb(0))
            most = [x * (t if self.head.deletes else 1) for x, t, may in zip(c, p, self.head.may, strict=True)
                    if may and x > 0]
            most.sort(key=lambda x: -float(x.mid()))
            return pull - sum(most[: self.head.count], arb(0))

    def minimiser(self) -> list[float]:
        """Of the unchanged data, in coordinates, by Newton's method with halving."""
        with ctx.workprec(BITS):
            C, q = self.S * self.B, self.B.ncols()
            held = self.B.transpose() * arb_mat([[r * x for x in row] for r, row in
                                                 zip(self.ridge, self.B.tolist(), strict=True)])

            def slope(y):
                w = (self.w0 + self.B * y).entries()
                p = arb_mat([[_p(m) for m in (self.S * (self.w0 + self.B * y)).entries()]])
                pulled = arb_mat([[r * x for r, x in zip(self.ridge, w, strict=True)]]) * self.B
                return [(a - b).mid() for a, b in zip(pulled.entries(), (p * C).entries(), strict=True)]

            def size(g):
                return sum((x * x for x in g), arb(0)).sqrt().mid()

            y = arb_mat([[arb(0)]] * q)
            for _ in range(300):
                g = slope(y)
                if size(g) < arb(2) ** -150:
                    return [float(x) for x in y.entries()]
                p = [_p(m) for m in (self.S * (self.w0 + self.B * y)).entries()]
                D = arb_mat([[t * (1 - t) * x for x in row] for t, row in zip(p, C.tolist(), strict=True)])
                step, t = (C.transpose() * D + held).solve(_column(g), algorithm="approx"), arb(1)
                while size(slope(y - step * t)) >= size(g) and t > arb(2) ** -60:
                    t /= 2
                y = arb_mat([[x.mid()] for x in (y - step * t).entries()])
            raise AssertionError("the oracle did not settle")
