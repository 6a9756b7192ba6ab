"""Exact second derivatives of a tilted training loss: every number of the network carries its own Taylor jet.

A jet is a value with its first and second derivatives by the free parameters and by what moves; sums, products and
functions of one variable follow Leibniz and the chain rule. No formula for a Hessian is used, nothing is shared with
the product, and piecewise linear networks with the squared loss are computed in rationals.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb, fmpq

from tests.oracles import matrices as exact
from tests.oracles import network as network_oracles
from tests.oracles.matrices import Number, Rows


class Jet:
    """Value, first derivatives by number of the variable, second derivatives by pairs `i ≤ j`."""

    __slots__ = ("first", "second", "value")

    def __init__(self, value: Number, first: dict | None = None, second: dict | None = None) -> None:
        self.value, self.first, self.second = value, first or {}, second or {}

    def __add__(self, other: Jet) -> Jet:
        return Jet(self.value + other.value, _sum(self.first, other.first), _sum(self.second, other.second))

    def __mul__(self, other: Jet) -> Jet:
        first = _sum(_times(self.first, other.value), _times(other.first, self.value))
        second = _sum(_times(self.second, other.value), _times(other.second, self.value))
        for i, x in self.first.items():
            for j, y in other.first.items():
                key, term = (min(i, j), max(i, j)), x * y if i != j else 2 * x * y
                second[key] = second[key] + term if key in second else term
        return Jet(self.value * other.value, first, second)

    def through(self, value: Number, slope: Number, curvature: Number) -> Jet:
        """φ of this jet, with φ, φ', φ'' at its value."""
        second = _times(self.second, slope)
        keys = sorted(self.first)
        for a, i in enumerate(keys):
            for j in keys[a:]:
                term = curvature * self.first[i] * self.first[j]
                second[i, j] = second[i, j] + term if (i, j) in second else term
        return Jet(value, _times(self.first, slope), second)


def _sum(a: dict, b: dict) -> dict:
    found = dict(a)
    for key, x in b.items():
        found[key] = found[key] + x if key in found else x
    return found


def _times(a: dict, s: Number) -> dict:
    return {key: x * s for key, x in a.items()}


def _activated(name: str, z: Jet) -> Jet:
    x = z.value
    if name == "identity":
        return z
    if name in network_oracles.KINKED:
        slope = fmpq(1) if exact.sign(x) > 0 else exact.rational(0.01) if name == "leaky_relu" else fmpq(0)
        return Jet(slope * x, _times(z.first, slope), _times(z.second, slope))
    right = exact.sign(x) > 0 if name == "elu" else bool(arb(x).mid() > 0)
    return z.through(*network_oracles.CASE[name].derivatives(arb(x), right, 3))


def _loss(objective: Any, i: int, f: list[Jet], y: list[Jet] | None) -> Jet:
    """`ℓ_i` of jets of outputs (and of targets)."""
    if objective.loss == "squared":
        gaps = [a + b * Jet(fmpq(-1)) for a, b in zip(f, y, strict=True)]
        return sum((g * g for g in gaps), Jet(fmpq(0))) * Jet(fmpq(1, 2))
    if objective.loss == "logistic":
        z = f[0] * Jet(fmpq(-1 if objective.labels[i] > 0 else 1))
        return z.through(*network_oracles.CASE["softplus"].derivatives(arb(z.value), bool(arb(z.value).mid() > 0), 3))
    if objective.targets is None:
        q = [fmpq(int(a == objective.labels[i])) for a in range(len(f))]
    else:
        q = exact.vector(objective.targets[i])
    top = max((a.value for a in f), key=lambda v: float(arb(v).mid()))
    total = Jet(fmpq(0))
    for a in f:
        e = arb(a.value - top).exp()
        total = total + a.through(e, e, e)
    v = arb(total.value)
    value = total.through(v.log() + top, 1 / v, -1 / (v * v)) * Jet(sum(q, fmpq(0)))
    return sum((a * Jet(-p) for a, p in zip(f, q, strict=True)), value)


class Second:
    """Exact gradient, Hessian and mixed derivative of `L − ⟨c, f⟩` at some parameters.

    Attributes:
        gradient: by the free parameters, in the order of the Jacobian.
        hessian: by the free parameters.
        mixed: `(p, rows·q)`, or None without a move.
    """

    def __init__(self, objective: Any, layers: tuple[int, ...], parameters: network_oracles.Parameters,
                 tilt: Rows | None, move: Any = None) -> None:
        jets, p = _parameter_jets(parameters, layers)
        n = len(objective.X)
        self.gradient: list[Number] = [fmpq(0)] * p
        self.hessian: Rows = [[fmpq(0)] * p for _ in range(p)]
        width = 0 if move is None else move.width(objective)
        self.mixed: Rows = [[] for _ in range(p)]
        for i in range(n):
            moves = move is not None and i in move.rows
            total = _row(objective, i, jets, tilt, move if moves else None, p)
            for v, x in total.first.items():
                if v < p:
                    self.gradient[v] += x
            columns = [[fmpq(0)] * width for _ in range(p)]
            for (a, b), x in total.second.items():
                if b < p:
                    self.hessian[a][b] += x
                    if a != b:
                        self.hessian[b][a] += x
                elif a < p:
                    columns[a][b - p] += x
            for row, more in zip(self.mixed, columns if moves else [[]] * p, strict=True):
                row.extend(more)
        rate = exact.rational(objective.weight_decay)
        flat = [x.value for W, b in (jets[h - 1] for h in layers) for x in [*(x for r in W for x in r), *(b or [])]]
        for v in range(p):
            self.gradient[v] += rate * flat[v]
            self.hessian[v][v] += rate


def _parameter_jets(
    parameters: network_oracles.Parameters, layers: tuple[int, ...]
) -> tuple[list[tuple[list[list[Jet]], list[Jet] | None]], int]:
    jets, count = [], 0
    for h, (W, b) in enumerate(parameters, 1):
        free = h in layers

        def jet(x: Number, free: bool = free) -> Jet:
            nonlocal count
            count += free
            return Jet(x, {count - 1: fmpq(1)} if free else {})

        jets.append(([[jet(x) for x in row] for row in W], None if b is None else [jet(x) for x in b]))
    return jets, count


def _row(objective: Any, i: int, jets: list, tilt: Rows | None, move: Any, p: int) -> Jet:
    """`(1/n)ℓ_i − c_i·f(x_i)`; what moves are the variables from p on."""
    kind = None if move is None else move.parameter
    a = [Jet(x) for x in exact.vector(objective.X[i])]
    if kind == "features":
        units = exact.vector(np.ones(len(a)) if move.scale is None else move.scale)
        a = [Jet(x.value, {p + t: s}) for t, (x, s) in enumerate(zip(a, units, strict=True))]
    for h, (W, b) in enumerate(jets):
        z = []
        for j, row in enumerate(W):
            start = Jet(fmpq(0)) if b is None else b[j]
            z.append(sum((w * x for w, x in zip(row, a, strict=True)), start))
        a = z if h == len(jets) - 1 else [_activated(objective.network.activation, x) for x in z]
    y = None if objective.targets is None else [Jet(x) for x in exact.vector(objective.targets[i])]
    if kind == "targets":
        y = [Jet(x.value, {p + t: fmpq(1)}) for t, x in enumerate(y)]
    loss = _loss(objective, i, a, y)
    if kind == "sample_weights":
        loss = loss * Jet(fmpq(1), {p: fmpq(1)})
    loss = loss * Jet(fmpq(1, objective.n))
    if tilt is not None:
        loss = sum((f * Jet(-c) for f, c in zip(a, tilt[i], strict=True)), loss)
    return loss


def output_hessian(objective: Any, i: int, f: list[Number]) -> Rows:
    """`∇²_f ℓ_i` at any outputs."""
    k = len(f)
    y = None if objective.loss != "squared" else [Jet(x) for x in exact.vector(objective.targets[i])]
    found = _loss(objective, i, [Jet(x, {a: fmpq(1)}) for a, x in enumerate(f)], y).second
    return [[found.get((min(a, b), max(a, b)), fmpq(0)) for b in range(k)] for a in range(k)]
