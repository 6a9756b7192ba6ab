"""Explicit radii of the sublevel map (Q5) beside an attack: the first table about them in README.md.

    python reports/audits/aubin/sublevel.py           # some minutes of processor time

*Attacks*, in floats, which prove nothing: the least share s, by bisection to 2 %, at which a search finds, for radii
s·r_u and s·r_w and the same κ,
* Q5's condition broken: `|∇_uL|` in the balls exceeds κ times `|∇_wL|` within `s(r_w + κr_u)`;
* the claim broken: `L(u, w) = ℓ` and `|∇_uL(u, w)| > κ|∇_wL(u, w)|`: there the modulus exceeds κ.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[2]), str(HERE)]

import attack as shared  # noqa: E402
from falsify import PHI  # noqa: E402

from certify import bound, load_problem  # noqa: E402
from certify.network.network import Network  # noqa: E402
from certify.problem.problem import Problem  # noqa: E402
from certify.theorems.aubin.sublevel import Radii, enclose_sublevel_aubin  # noqa: E402

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
shared.PHI.update(PHI)
DIABETES = "diabetes, softplus 10-64-64-1"
ROUNDS, STARTS = 40, 3
SMALL = (("tanh", (3, 8, 1), 5), ("gelu", (2, 6, 6, 1), 4), ("softplus", (3, 10, 1), 8), ("sigmoid", (2, 7, 5, 1), 6),
         ("silu", (3, 9, 1), 6))  # fmt: skip


Signs = tuple[int, int]
Start = tuple[torch.Tensor, torch.Tensor]


class Map:
    """Loss and gradients of a sublevel problem with the squared loss, in floats."""

    def __init__(self, problem: Problem) -> None:
        net = problem.network
        parts = [p.ravel() for pair in zip(net.weights, net.biases, strict=True) for p in pair if p is not None]
        self.problem, self.net = problem, net
        self.w = torch.from_numpy(np.concatenate(parts))
        self.x, self.y = torch.from_numpy(np.array(problem.X)), torch.from_numpy(np.array(problem.y))
        self.decay = problem.weight_decay
        self.level = float(self.loss(torch.zeros_like(self.x), self.w))

    def loss(self, u: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        """`L(u, w)`."""
        off = shared.outputs(self.net, self.x + u, w) - self.y
        return (off**2).sum() / (2 * len(self.x)) + self.decay / 2 * w @ w

    def both(self, u: torch.Tensor, w: torch.Tensor) -> tuple[float, torch.Tensor, torch.Tensor]:
        """Loss and both gradients."""
        u, w = u.detach().requires_grad_(), w.detach().requires_grad_()
        value = self.loss(u, w)
        gu, gw = torch.autograd.grad(value, (u, w))
        return float(value.detach()), gu, gw

    def steep(self, u: torch.Tensor, w: torch.Tensor, signs: Signs) -> tuple[float, torch.Tensor, torch.Tensor]:
        """`a·log|∇_uL| − b·log|∇_wL|` for signs (a, b), and its gradients."""
        u, w = u.detach().requires_grad_(), w.detach().requires_grad_()
        gu, gw = torch.autograd.grad(self.loss(u, w), (u, w), create_graph=True)
        value = signs[0] * gu.norm().log() - signs[1] * gw.norm().log()
        return float(value.detach()), *torch.autograd.grad(value, (u, w))

    def to_level(self, u: torch.Tensor, w: torch.Tensor, r_w: float) -> torch.Tensor | None:
        """A point with `L(u, w) = ℓ` within r_w of the weights, along gradients; None: none was found."""
        for _ in range(30):
            value, _, g = self.both(u, w)
            if abs(value - self.level) <= 1e-13 * (1 + self.level):
                return w
            w = w - (value - self.level) / float(g @ g) * g
            gone = w - self.w
            w = self.w + gone * min(1.0, r_w / max(float(gone.norm()), 1e-300))
        return None


def inside(x: torch.Tensor, r: float) -> torch.Tensor:
    """The point itself, or the one of length r on the way to it."""
    return x * min(1.0, r / max(float(x.norm()), 1e-300))


def climb(
    maps: Map, signs: Signs, r_u: float, r_w: float, start: Start, enough: float = float("inf"),
) -> tuple[float, torch.Tensor, torch.Tensor]:
    """The largest value of `Map.steep` that steps to the border of both balls find; no further than `enough`."""
    u, w, share = inside(start[0], r_u), maps.w + inside(start[1], r_w), 1.0
    value, gu, gw = maps.steep(u, w, signs)
    for _ in range(ROUNDS):
        new = ((1 - share) * u + share * r_u * gu / gu.norm(),
               maps.w + (1 - share) * (w - maps.w) + share * r_w * gw / gw.norm())
        found = maps.steep(*new, signs)
        if found[0] > value:
            (u, w), (value, gu, gw) = new, found
        elif (share := share / 2) < 1e-3:
            break
        if value > enough:
            break
    return value, u, w


def breaks_claim(maps: Map, kappa: float, r_u: float, r_w: float, start: Start) -> bool:
    """Whether a search finds a point of the graph in the balls whose modulus exceeds κ."""
    value, u, w = climb(maps, (1, 1), r_u, r_w, start)
    if value <= np.log(kappa):
        return False
    there = maps.to_level(u, w, r_w)
    return there is not None and maps.steep(u, there, (1, 1))[0] > np.log(kappa)


def breaks_condition(maps: Map, kappa: float, r_u: float, r_w: float, start: Start) -> bool:
    """Whether `|∇_uL|` in the balls exceeds κ times `|∇_wL|` within `r_w + κr_u`, half the path of the proof."""
    up = climb(maps, (1, 0), r_u, r_w, start)[0]
    return up + climb(maps, (0, 1), r_u, r_w + kappa * r_u, start, np.log(kappa) - up)[0] > np.log(kappa)


def attack(maps: Map, kappa: float, r_u: float, r_w: float, breaks: Callable[..., bool]) -> float:
    """The least share of both radii at which the search succeeds, to 2 %."""
    generator = torch.Generator().manual_seed(0)
    starts = [(torch.randn(maps.x.shape, generator=generator) * r_u,
               torch.randn(maps.w.shape, generator=generator) * r_w) for _ in range(STARTS)]  # fmt: skip
    low, high = 0.5, 1.0
    while not any(breaks(maps, kappa, high * r_u, high * r_w, start) for start in starts):
        low, high = high, 1.5 * high
        if high > 1e4:
            return float("inf")
    while high / low > 1.02:
        middle = (low * high) ** 0.5
        hit = any(breaks(maps, kappa, middle * r_u, middle * r_w, start) for start in starts)
        low, high = (low, middle) if hit else (middle, high)
    return high


def small_problem(activation: str, widths: tuple[int, ...], n: int, seed: int) -> Problem:
    """A network and data drawn from a seed, targets one away from the outputs."""
    rng = np.random.default_rng(seed)
    weights = tuple(rng.standard_normal((b, a)) / np.sqrt(a) for a, b in zip(widths, widths[1:], strict=False))
    biases = tuple(0.3 * rng.standard_normal(b) for b in widths[1:])
    return Problem(Network(weights, biases, activation), rng.standard_normal((n, widths[0])),
                   rng.standard_normal((n, widths[-1])), "features", tuple(range(n)), map="sublevel")  # fmt: skip


def claimed(problem: Problem, times: float) -> tuple[float, Radii]:
    """The modulus, and the largest radii that are proved for κ at most `times` as large.

    Raises:
        SystemExit: none are.
    """
    lip = bound(problem, "modulus").upper
    found = "no modulus" if lip is None else enclose_sublevel_aubin(
        replace(problem, spec=None), Fraction(lip), most=times * lip)
    if lip is None or isinstance(found, str):
        raise SystemExit(f"{problem.network.activation}: {found}")
    return lip, found[0]


def named() -> list[tuple[str, Problem]]:
    """All networks of the tables, diabetes first."""
    small = [(f"{activation} {'-'.join(map(str, widths))}", small_problem(activation, widths, n, seed))
             for seed, (activation, widths, n) in enumerate(SMALL)]
    return [(DIABETES, load_problem(HERE.parent / "diabetes" / "boundary" / "certify.toml")), *small]


def line(name: str, problem: Problem, times: float) -> str:
    """One line of the table."""
    (lip, radii), maps = claimed(problem, times), Map(problem)
    share, own = (attack(maps, radii.kappa, radii.radius_u, radii.radius_w, breaks)
                  for breaks in (breaks_claim, breaks_condition))
    print(name, radii, share, own, flush=True)
    claim = "none found" if np.isinf(share) else f"{share * radii.radius_u:.3e} ({1 / share:.3f})"
    return (f"| {name} | {problem.n} | {times:g} | {radii.radius_u:.3e} | {radii.radius_w:.3e} | {radii.kappa:.4f} | "
            f"{radii.kappa / lip:.3f} | {own * radii.radius_u:.3e} ({1 / own:.3f}) | {claim} |")  # fmt: skip


def main() -> None:
    from study import write

    rows = ["| network | rows | κ/lip ≤ | r_u certified | r_w | κ | κ/lip | r_u where a search breaks Q5's condition "
            "| … the claim |", "|---|" + "---:|" * 8]  # fmt: skip
    for name, problem in named():
        rows += [line(name, problem, times) for times in ((2.0, 10.0) if name == DIABETES else (2.0,))]
    write("sublevel.py", rows)


if __name__ == "__main__":
    main()
