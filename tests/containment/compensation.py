"""Containment of Q4: exact compensation of changes of the budget stays below the upper end, above the lower one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from flint import arb, arb_mat, fmpq

from certify.problem.problem import Problem
from certify.theorems.distance.budget import find_attack, within_budget
from certify.theorems.distance.compensation import compensate
from tests.containment.bounds import described
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, expect, refusing
from tests.containment.sublevel import settled
from tests.families.training import one_change
from tests.oracles import matrices as exact
from tests.oracles import network as network_oracles

Rng = np.random.Generator
BITS = 400


def random_budget(rng: Rng) -> Problem:
    """An interpolation problem with a budget of features, often larger than a layer can take."""
    problem = one_change(rng)
    scale = rng.choice([0.0, 0.5, 1.0, 2.0], problem.inputs) if rng.random() < 0.3 else None
    if scale is not None and not scale.any():
        scale = None
    kind = str(rng.choice(["total", "per_sample", "sparse"]))
    norm: Any = 2 if kind == "total" else [1, 2, "inf"][int(rng.integers(3))]
    radius = float(10.0 ** rng.uniform(-6, 0.3))
    return replace(problem, parameter="features", set=kind, change=None, norm=norm, radius=radius, scale=scale,
                   count=int(rng.integers(1, 4)) if kind == "sparse" else None)  # fmt: skip


def compensation(problem: Problem, rng: Rng) -> Outcome:
    """Each layer's bound, and the lower end, against weights computed exactly for changes of the budget."""
    found = refusing(lambda: compensate(problem))
    if not found:
        return "refused"
    attack = refusing(lambda: find_attack(problem, lambda: None))
    changes = [c for c in (within_budget(problem, rng.standard_normal(problem.X.shape) * _moving(problem))
                           for _ in range(3)) if c is not None]  # fmt: skip
    if attack is not None:
        changes.append(attack.change)

    def holds() -> Outcome:
        decided = False
        with exact.precision(BITS):
            for one in found:
                for u in changes:
                    size = compensated(problem, one.layer, u)
                    if size is None:
                        continue
                    inputs = described(problem) | {"layer": one.layer, "upper": one.upper, "change": u}
                    if one.upper is not None:
                        decided = True
                        below = exact.at_most(size, exact.rational(one.upper))
                        expect(below, "compensation within the bound", **inputs)
                    if attack is not None and u is attack.change:
                        above = exact.at_most(exact.rational(attack.lower), size)
                        expect(above, "no fit below the lower end", **inputs)
        return "decided" if decided else "refused"

    return settled(holds, problem)


def _moving(problem: Problem) -> np.ndarray:
    mask = np.zeros((problem.n, 1))
    mask[list(problem.rows)] = 1.0
    return mask if problem.scale is None else mask * (problem.scale != 0)


def compensated(problem: Problem, layer: int, u: np.ndarray) -> Any:
    """`s_h|ΔV|` of the exact compensation by one layer for one change; None if its inputs lose rank."""
    net, rows = problem.network, list(problem.kept)
    scale = np.ones(problem.inputs) if problem.scale is None else problem.scale
    before, after = [], []
    for i in rows:
        x = exact.vector(problem.X[i])
        step = [a * b for a, b in zip(exact.vector(u[i]), exact.vector(scale), strict=True)]
        before.append(network_oracles.evaluate(net, x).inputs[layer - 1])
        after.append(network_oracles.evaluate(net, [a + b for a, b in zip(x, step, strict=True)]).inputs[layer - 1])
    one = [] if net.biases[layer - 1] is None else [fmpq(1)]
    A, B = (arb_mat([[arb(v) for v in (*row, *one)] for row in part]) for part in (before, after))
    W = exact.matrix(net.weights[layer - 1])
    b = net.biases[layer - 1]
    shifts = [[]] * len(W) if b is None else [[arb(c)] for c in exact.vector(b)]
    V = arb_mat([[arb(v) for v in row] + shift for row, shift in zip(W, shifts, strict=True)]).transpose()
    try:
        step = B.transpose() * (B * B.transpose()).solve((A - B) * V)
    except ZeroDivisionError:
        return None
    size = sum((v * v for v in step.entries()), arb(0)).sqrt()
    if problem.weight_norm == "relative":
        size = size / sum((arb(v) ** 2 for row in W for v in row), arb(0)).sqrt()
    return size


@attack("compensation", "Q4", "Q8", slow=2)
def any_budget(rng: Rng) -> Outcome:
    return compensation(random_budget(rng), rng)
