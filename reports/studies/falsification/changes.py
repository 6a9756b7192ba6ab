"""One given change at finite size (Q7, F1): how near the nearest solution of the changed problem can lie.

A claim is about one change: no solution nearer than its lower end, one within its upper end. A try starts somewhere
around today's solution, up to 1.5 times the upper end away, and goes to a solution of the changed problem: by Newton's
method on the gradient (critical points), or by steps to the nearest fit of the linearised equations (exact fits). A
solution nearer than the lower end breaks the claim, and so does a change of which no try ends within the upper end.
For comparison every solution found is held against the first-order motion of that very change, a modulus used at finite
size: one that lies nearer, or is the nearest found and lies further off, breaks that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import falsify
import numpy as np
import torch

from certify.network.network import Network
from certify.problem.problem import Problem
from certify.problem.progress import silent
from certify.prove.prover import answer, bound
from certify.systems.critical.point import CriticalPoint

torch.set_default_dtype(torch.float64)
CHANGES, BATCH, STEPS, LAST, SLACK, NEAR = 20, 1_000, 30, 10, 1e-9, 1.0001
FITS = (("tanh", (3, 8, 1), 4), ("gelu", (2, 6, 6, 1), 3), ("softplus", (3, 10, 1), 5), ("sigmoid", (2, 7, 5, 1), 3),
        ("silu", (3, 9, 1), 4))  # fmt: skip
POINTS = (("tanh", (2, 4, 1), "squared"), ("gelu", (2, 3, 3, 1), "squared"), ("softplus", (3, 4, 1), "logistic"),
          ("sigmoid", (2, 4, 1), "logistic"), ("silu", (2, 5, 1), "squared"))  # fmt: skip
ROWS, DECAY = 10, 0.05


class Points(falsify.Tries):
    """Critical points of the training loss of a small network with one output, many at a time."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem
        self.target = torch.from_numpy(np.array(problem.y[:, 0] if problem.y is not None else 2.0 * problem.labels - 1))
        self.slope = torch.func.grad(self.loss)
        self.slopes = torch.func.vmap(self.slope, in_dims=(0, None, None))
        self.bends = torch.func.vmap(torch.func.hessian(self.loss), in_dims=(0, None, None))

    def loss(self, w: torch.Tensor, u: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
        """Training loss of the rows `x + u` with the given sample weights."""
        f = self.outputs(u, w)
        if self.problem.loss == "squared":
            each = (f - self.target) ** 2 / 2
        else:
            each = torch.nn.functional.softplus(-self.target * f)
        return (shares * each).mean() + self.problem.weight_decay / 2 * (w * w).sum()

    def critical(self, w: torch.Tensor, u: torch.Tensor, shares: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Newton's method from every row of w, steps of length 1 at most; where it settled."""
        for _ in range(STEPS):
            step = torch.linalg.solve_ex(self.bends(w, u, shares), self.slopes(w, u, shares)[..., None])[0][..., 0]
            w = w - step / step.norm(dim=1, keepdim=True).clamp(min=1.0)
        settled = self.slopes(w, u, shares).norm(dim=1) < 1e-11
        return w, settled & w.isfinite().all(dim=1)


def exact_fit(number: int) -> dict[str, Any]:
    """Exact fits after one change of the features."""
    activation, widths, n = FITS[number]
    plain = falsify.small_problem(activation, widths, n, 50 + number)
    maps, rng = falsify.Tries(plain), np.random.default_rng([31, number])
    tally = Tally(f"exact fit; {activation} {'-'.join(map(str, widths))}, {n} rows")
    for _ in range(CHANGES):
        u = rng.standard_normal(plain.X.shape) * 10 ** rng.uniform(-2.5, -0.5)
        claim = bound(replace(plain, set="given", change=u), "distance")
        if claim.upper is None:
            tally.unproved += 1
            continue
        moved, w = torch.from_numpy(u).expand(BATCH, -1, -1), maps.w.expand(BATCH, -1)
        v = w + _starts(rng, w, claim.upper)
        for step in range(STEPS + LAST):  # to the nearest fit of the linearised equations; at last from where they led
            J, r = maps.J(moved, v), maps.f(moved, v) - maps.y
            anchor = w if step < STEPS else v
            r = r - torch.einsum("bnp,bp->bn", J, v - anchor)
            v = anchor - torch.einsum("bpn,bn->bp", torch.linalg.pinv(J), r)
        settled = (maps.f(moved, v) - maps.y).abs().amax(1) < 1e-12
        zero = torch.zeros_like(maps.x)[None]
        J, G = maps.J(zero, w[:1])[0], maps.G(zero, w[:1])[0].flatten(1)
        tally.count(claim, (v - w).norm(dim=1)[settled], float((torch.linalg.pinv(J) @ G @ moved[0].flatten()).norm()))
    return tally.record()


def critical_point(number: int) -> dict[str, Any]:
    """Critical points after one change: rows left out, and features moved, in turn."""
    activation, widths, loss = POINTS[number]
    rng = np.random.default_rng([32, number])
    weights = tuple(rng.standard_normal((b, a)) for a, b in zip(widths, widths[1:], strict=False))
    net = Network(weights, tuple(0.3 * rng.standard_normal(b) for b in widths[1:]), activation)
    X = rng.standard_normal((ROWS, widths[0]))
    y, labels = (np.sin(2 * X[:, :1]), None) if loss == "squared" else (None, (X[:, 0] * X[:, 1] > 0).astype(int))
    problem = Problem(net, X, y, "features", tuple(range(ROWS)), labels=labels, map="critical", base="nearby",
                      loss=loss, weight_decay=DECAY)
    maps = Points(problem)
    still, ones = torch.zeros_like(maps.x), torch.ones(ROWS)
    w = _trained(maps, still, ones)
    problem = replace(problem, network=_network(net, w))
    tally = Tally(f"critical point; {activation} {'-'.join(map(str, widths))}, {ROWS} rows, {loss}")
    for change in range(CHANGES):
        if change % 2:
            u = rng.standard_normal(X.shape) * 10 ** rng.uniform(-3, -0.5)
            claim = _claimed(replace(problem, set="given", change=u))
            moved, shares = torch.from_numpy(u), ones
            slope = torch.func.jvp(lambda t, u=moved: maps.slope(w, t * u, ones), (torch.tensor(0.0),),
                                   (torch.tensor(1.0),))[1]
        else:
            u = np.zeros((ROWS, 1))
            u[rng.choice(ROWS, 1 + change % 4 // 2, False)] = -1.0
            claim = _claimed(replace(problem, parameter="sample_weights", set="given", change=u))
            moved, shares = still, 1 + torch.from_numpy(u[:, 0])
            slope = maps.slope(w, still, shares)
        if claim is None or claim.upper is None:
            tally.unproved += 1
            continue
        centre = w.expand(BATCH, -1)
        found, settled = maps.critical(centre + _starts(rng, centre, claim.upper), moved, shares)
        first = float(torch.linalg.solve(maps.bends(w[None], still, ones)[0], slope).norm())
        tally.count(claim, (found - w).norm(dim=1)[settled], first)
    return tally.record()


class Tally:
    """What the tries of one network amount to."""

    def __init__(self, case: str) -> None:
        self.case, self.tries, self.broken, self.beaten, self.nearest, self.unproved = case, 0, 0, 0, 0.0, 0

    def count(self, claim: Any, sizes: torch.Tensor, first: float) -> None:
        """Distances of the solutions that the tries of one change found."""
        if not len(sizes):
            raise SystemExit(f"no try found a solution: {self.case}")
        least = float(sizes.min())
        self.tries += len(sizes)
        self.broken += int((sizes < claim.lower - SLACK).sum()) + (len(sizes) if least > claim.upper + SLACK else 0)
        self.beaten += int((sizes < first / NEAR).sum())
        self.beaten += int((sizes < least * (1 + SLACK)).sum()) if least > NEAR * first else 0
        self.nearest = max(self.nearest, claim.lower / least)

    def record(self) -> dict[str, Any]:
        """As search.json keeps it."""
        return {"claim": "Q7", "case": f"{self.case}; {CHANGES - self.unproved} of {CHANGES} changes proved",
                "tries": self.tries, "broken": self.broken, "nearest": self.nearest, "beaten": self.beaten}


def _claimed(problem: Problem) -> Any:
    return CriticalPoint(problem, answer, silent).bound("distance")


def _starts(rng: np.random.Generator, like: torch.Tensor, upper: float) -> torch.Tensor:
    z = torch.from_numpy(rng.standard_normal(tuple(like.shape)))
    return 1.5 * upper * torch.from_numpy(rng.random((len(like), 1))) * z / z.norm(dim=1, keepdim=True)


def _trained(maps: Points, u: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """A local minimum from the drawn weights: damped Newton steps, then Newton's own."""
    w, damping = maps.w.clone(), 1.0
    for _ in range(500):
        g, H = maps.slope(w, u, shares), maps.bends(w[None], u, shares)[0]
        values, vectors = torch.linalg.eigh(H)
        trial = w - vectors @ ((vectors.T @ g) / (values.abs() + damping * g.norm().clamp(max=1.0)))
        better = maps.loss(trial, u, shares) < maps.loss(w, u, shares)
        w, damping = (trial, damping / 2) if better else (w, 2 * damping)
        if g.norm() < 1e-9:
            break
    found, settled = maps.critical(w[None], u, shares)
    if not settled[0]:
        raise SystemExit("training did not end at a critical point")
    return found[0]


def _network(net: Network, w: torch.Tensor) -> Network:
    weights, biases, at = [], [], 0
    for W, b in zip(net.weights, net.biases, strict=True):
        weights.append(w[at : at + W.size].view(*W.shape).numpy().copy())
        biases.append(w[at + W.size : at + W.size + b.size].numpy().copy())
        at += W.size + b.size
    return Network(tuple(weights), tuple(biases), net.activation)


def searches() -> dict[str, Callable[[], dict[str, Any]]]:
    """Every search by its name."""
    found: dict[str, Callable[[], dict[str, Any]]] = {}
    for number in range(len(FITS)):
        found[f"one change, exact fit {number}"] = lambda number=number: exact_fit(number)
        found[f"one change, critical point {number}"] = lambda number=number: critical_point(number)
    return found
