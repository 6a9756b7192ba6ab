"""Exact fits and sublevel sets at finite size: distance over a budget (Q4), persistence (P3), windows (S14).

*Distance*: the nearest exact fit of the changed data that Gauss–Newton steps find from the weights in the file; a
point found is a proof, up to rounding, that the true distance is no larger. *Persistence*: gradient ascent of the
training loss inside the proved radius, which must not pass the level; the same ascent at 1.02 times the proved
upper end has to pass it. *Windows*: points of one affine set within the window, drawn and pushed outward by power
steps, and their exact distances from the other set. For comparison a try is held against `1.0001` times its own
first-order motion (distance, windows).
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
from certify.prove.prover import bound
from certify.theorems.excess.window import enclose_window_excess

torch.set_default_dtype(torch.float64)
TRIES, BATCH, SLACK = 20_000, 2_000, 1e-9
FITS = (("tanh", (3, 12, 1), 4, 0.02), ("gelu", (2, 10, 1), 3, 0.02), ("softplus", (3, 16, 1), 4, 0.03),
        ("sigmoid", (2, 12, 1), 3, 0.02), ("silu", (3, 14, 1), 4, 0.03))  # fmt: skip


def _ball(rng: np.random.Generator, shape: tuple[int, ...], radius: float, total: bool) -> np.ndarray:
    """Changes of full size: `(B, n, d)`, in total or every row."""
    u = rng.standard_normal(shape)
    axes = (1, 2) if total else 2
    return u / np.sqrt((u * u).sum(axis=axes, keepdims=True)) * radius


def distance(number: int, total: bool) -> dict[str, Any]:
    """Q4: `sup dist(w̄, S(u))` over a budget of features."""
    activation, widths, n, radius = FITS[number]
    problem = replace(falsify.small_problem(activation, widths, n, number),
                      set="total" if total else "per_sample", radius=radius)
    claim, lip = bound(problem, "distance"), bound(replace(problem, set="total", radius=None), "modulus")
    if claim.upper is None or lip.upper is None:
        raise SystemExit(f"nothing is proved of {activation} {widths}: {claim.reason} {lip.reason}")
    maps = falsify.Tries(problem)
    broken, beaten, unsolved, worst = 0, 0, 0, 0.0
    w = maps.w.expand(BATCH, -1)
    zero = torch.zeros(BATCH, *problem.X.shape)
    J, G = maps.J(zero[:1], w[:1])[0], maps.G(zero[:1], w[:1])[0].flatten(1)
    step = torch.linalg.pinv(J) @ G  # the first-order motion of a change
    for batch in range(TRIES // BATCH):
        rng = np.random.default_rng([number, total, batch])
        u = torch.from_numpy(_ball(rng, (BATCH, *problem.X.shape), radius, total))
        if batch % 2:  # the worst directions first, a little disturbed
            v = torch.linalg.svd(step)[2][rng.integers(0, 3, BATCH)].view(u.shape)
            u = _sized(v * torch.from_numpy(rng.choice([-1.0, 1.0], (BATCH, 1, 1))) + 0.3 * u / radius, radius, total)
        found, settled = maps.solved(u, w)
        size = (found - w).norm(dim=1)[settled]
        first = (u.flatten(1) @ step.T).norm(dim=1)[settled]
        unsolved += int((~settled).sum())
        broken += int((size > claim.upper + SLACK).sum())
        beaten += int((size > 1.0001 * first).sum())
        worst = max(worst, float(size.max()) / claim.upper)
    return {"claim": "Q4", "case": f"{activation} {'-'.join(map(str, widths))}, {n} rows; "
            f"{'in total' if total else 'every row'} {radius}", "tries": TRIES - unsolved, "broken": broken,
            "unsolved": unsolved, "nearest": worst, "beaten": beaten}


def _sized(u: torch.Tensor, radius: float, total: bool) -> torch.Tensor:
    size = u.flatten(1).norm(dim=1).view(-1, 1, 1) if total else u.norm(dim=2, keepdim=True)
    return u / size * radius


def persistence(number: int, total: bool) -> dict[str, Any]:
    """P3: the given weights stay within the level for all features inside the radius."""
    activation, widths, n, _ = FITS[number]
    plain = falsify.small_problem(activation, widths, n, number)
    rng = np.random.default_rng(number)
    y = rng.standard_normal((n, 1))
    start = falsify.Tries(plain)
    zero = torch.zeros(plain.X.shape)
    level = 1.2 * float(((start.outputs(zero, start.w) - torch.from_numpy(y[:, 0])) ** 2).mean() / 2)
    problem = replace(plain, y=y, map="sublevel", level=level, set="total" if total else "per_sample")
    claim = bound(problem, "persistence_radius")
    if not claim.lower or claim.upper is None:
        raise SystemExit(f"nothing is proved of {activation} {widths}: {claim.reason}")
    outputs, target = torch.func.vmap(lambda u: start.outputs(u, start.w)), torch.from_numpy(y[:, 0])

    def ascended(radius: float, batch: int) -> torch.Tensor:
        rng = np.random.default_rng([number, total, batch])
        u = torch.from_numpy(_ball(rng, (BATCH, *plain.X.shape), radius, total))
        for _ in range(12):
            u.requires_grad_()
            loss = ((outputs(u) - target) ** 2).mean(dim=1) / 2
            (g,) = torch.autograd.grad(loss.sum(), u)
            u = _sized(u.detach() + radius * _sized(g, 1.0, total), radius, total)
        return ((outputs(u) - target) ** 2).mean(dim=1) / 2

    tops = [ascended(claim.lower, batch) for batch in range(TRIES // BATCH)]
    beyond = ascended(1.02 * claim.upper, 0)
    broken = sum(int((top > level * (1 + 1e-12)).sum()) for top in tops)
    return {"claim": "P3", "case": f"{activation} {'-'.join(map(str, widths))}, {n} rows; "
            f"{'in total' if total else 'every row'} {claim.lower:.4g} to {claim.upper:.4g}", "tries": TRIES,
            "broken": broken, "nearest": max(float(top.max()) for top in tops) / level,
            "beaten": int((beyond > level).sum())}


def window(number: int) -> dict[str, Any]:
    """S14: points of `S(u)` in the window against `S(ū)`, and the other way round."""
    rng = np.random.default_rng([77, number])
    d, h, k, n = 3, 7, int(rng.integers(1, 3)), int(rng.integers(2, 5))
    net = Network((rng.standard_normal((h, d)), rng.standard_normal((k, h))),
                  (rng.standard_normal(h), rng.standard_normal(k)), "tanh")
    X = rng.standard_normal((n, d))
    u = 0.3 * rng.standard_normal((n, d))
    rho = float(rng.choice([0.5, 2.0]))
    problem = Problem(net, X, None, "features", tuple(range(n)), layer=2, set="given", change=u)
    found = enclose_window_excess(problem, rho)
    if isinstance(found, str) or found.expansion.upper is None or found.contraction.upper is None:
        raise SystemExit(f"nothing is proved of window {number}: {found}")

    def phi(x: np.ndarray) -> np.ndarray:
        return np.hstack([np.tanh(x @ net.weights[0].T + net.biases[0]), np.ones((n, 1))])

    A, B = phi(X), phi(X + u)
    W = np.hstack([net.weights[1], net.biases[1][:, None]]).T
    R = (A - B) @ W
    first = float(np.linalg.norm(np.linalg.pinv(A) @ R))  # what sets of one point would move by, to first order
    broken, beaten, worst, tries = 0, 0, 0.0, 0
    for own, other, right, shift, claim in ((B, A, R, 0 * R, found.expansion), (A, B, 0 * R, R, found.contraction)):
        inner = np.linalg.pinv(own) @ right
        room = rho**2 - (inner**2).sum()
        if room < 0:
            continue
        P = np.eye(h + 1) - np.linalg.pinv(own) @ own
        back = np.linalg.pinv(other)
        for batch in range(TRIES // BATCH // 2):
            rng = np.random.default_rng([number, batch])
            z = P @ rng.standard_normal((BATCH, h + 1, k))
            for _ in range(25 if batch % 2 else 0):  # uphill on the sphere: gradient of the squared distance
                z = P @ (back @ other @ (inner + _unit(z) * room**0.5) - back @ shift)
            point = inner + _unit(z) * room**0.5 * (1.0 if batch % 2 else rng.random((BATCH, 1, 1)) ** 0.2)
            size = np.linalg.norm((back @ (other @ point - shift)).reshape(BATCH, -1), axis=1)
            broken += int((size > claim.upper + SLACK).sum())
            beaten += int((size > 1.0001 * first).sum())
            worst, tries = max(worst, float(size.max()) / claim.upper), tries + BATCH
    return {"claim": "S14", "case": f"last layer {h}-{k}, {n} rows; window {rho}", "tries": tries, "broken": broken,
            "nearest": worst, "beaten": beaten}


def _unit(z: np.ndarray) -> np.ndarray:
    return z / np.maximum(np.sqrt((z * z).sum(axis=(1, 2), keepdims=True)), 1e-300)


def searches() -> dict[str, Callable[[], dict[str, Any]]]:
    """Every search by its name."""
    found: dict[str, Callable[[], dict[str, Any]]] = {}
    for number in range(len(FITS)):
        for total in (True, False):
            shape = "total" if total else "rows"
            found[f"distance {number} {shape}"] = lambda number=number, total=total: distance(number, total)
            found[f"persistence {number} {shape}"] = lambda number=number, total=total: persistence(number, total)
    for number in range(6):
        found[f"window {number}"] = lambda number=number: window(number)
    return found
