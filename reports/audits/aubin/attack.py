"""An attack, which proves nothing: how large may r_u be before a search breaks Q1's own condition `θ < 1`?

The search maximises `‖I − XJ(u, w)Qᵀ‖`, which is `‖R(J(u, w) − A₀)‖` on range R, over `|u| ≤ r_u` and
`|w − w̄| ≤ r_w + 2κr_u`, with the X and Q of the proof, `r_w = lip·r_u` and κ = lip, less than which no κ is: where it
finds 1, no κ whatever makes the condition true. Every step moves to the point of the balls that is best to first order
for the largest singular pair, as far as that gains.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from certify.network.network import Network
from certify.theorems.aubin.centre import Centre

torch.set_default_dtype(torch.float64)
PHI = {"tanh": torch.tanh, "gelu": torch.nn.functional.gelu}
STARTS, STEPS = 8, 60


@dataclass(frozen=True)
class Attack:
    """`value` was found at radius `radius_u`, which breaks θ < 1."""

    radius_u: float
    value: float


def outputs(net: Network, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """`f(x, w)` for one row or many, w flat."""
    at = 0
    for h, (W, b) in enumerate(zip(net.weights, net.biases, strict=True), 1):
        x = x @ w[at : at + W.size].view(*W.shape).T
        at += W.size
        if b is not None:
            x = x + w[at : at + b.size]
            at += b.size
        x = x if h == net.depth else PHI[net.activation](x)
    return x


def flat(net: Network) -> torch.Tensor:
    """All parameters, weights and bias layer by layer."""
    parts = [part.ravel() for pair in zip(net.weights, net.biases, strict=True) for part in pair if part is not None]
    return torch.from_numpy(np.concatenate(parts))


class Search:
    """The largest singular value of `I − XJ(u, w)Qᵀ` for one network with one output."""

    def __init__(self, centre: Centre, features: np.ndarray) -> None:
        self.net = centre.point.network
        self.x, self.w = torch.from_numpy(np.array(features)), flat(self.net)
        self.X, self.Q = torch.from_numpy(centre.X.copy()), torch.from_numpy(centre.Q.copy())
        self._rows = torch.func.vmap(torch.func.grad(lambda x, w: outputs(self.net, x, w)[0], argnums=1), (0, None))

    def top(self, u: torch.Tensor, dw: torch.Tensor) -> tuple[float, torch.Tensor, torch.Tensor]:
        """The norm, and its singular pair."""
        M = torch.eye(len(self.x)) - self.X @ self._rows(self.x + u, self.w + dw) @ self.Q.T
        U, s, V = torch.linalg.svd(M)
        return s[0].item(), U[:, 0], V[0]

    def slopes(self, u: torch.Tensor, dw: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Gradient of `aᵀ(I − XJQᵀ)b`."""
        u, dw = u.clone().requires_grad_(), dw.clone().requires_grad_()
        step = torch.zeros((), requires_grad=True)
        y = outputs(self.net, self.x + u, self.w + dw + step * (self.Q.T @ b))[:, 0] @ (self.X.T @ a)
        (slope,) = torch.autograd.grad(y, step, create_graph=True)
        return torch.autograd.grad(-slope, (u, dw))

    def climb(self, radius: float, rho: float, start: tuple[torch.Tensor, torch.Tensor]) -> tuple[float, tuple]:
        """The largest norm found in the balls from a start."""
        u, dw = (x * (r / x.norm()) for x, r in zip(start, (radius, rho), strict=True))
        value, a, b = self.top(u, dw)
        share = 1.0
        for _ in range(STEPS):
            gu, gw = self.slopes(u, dw, a, b)
            new = ((1 - share) * u + share * radius * gu / gu.norm(), (1 - share) * dw + share * rho * gw / gw.norm())
            found = self.top(*new)
            if found[0] > value * (1 + 1e-6):
                (u, dw), (value, a, b) = new, found
            elif (share := share / 2) < 1e-3:
                break
        return value, (u, dw)

    def best(self, radius: float, lip: float, starts: list) -> tuple[float, tuple]:
        """The best climb of all starts; `r_w + 2κr_u = 3·lip·r_u`."""
        return max((self.climb(radius, 3 * lip * radius, start) for start in starts), key=lambda x: x[0])

    def random(self, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        """A start."""
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(self.x.shape, generator=generator), torch.randn(self.w.shape, generator=generator)


def attack(centre: Centre, features: np.ndarray, lip: float, certified: float) -> Attack:
    """The least radius, to 1 %, at which the search reaches 1: all starts where it is near, the best one after that."""
    torch.set_num_threads(1)
    search = Search(centre, features)
    starts = [search.random(seed) for seed in range(STARTS)]
    low, high = certified, certified
    while search.best(high, lip, starts[:2])[0] < 1:
        low, high = high, 2 * high
    value, keep = search.best(high, lip, starts)
    starts = [*starts, keep]
    while high / low > 1.01:
        middle = math.sqrt(low * high)
        value, point = search.best(middle, lip, starts)
        if value >= 1:
            high, starts = middle, [*starts[:STARTS], point]
        else:
            low = middle
    return Attack(high, search.best(high, lip, starts)[0])
