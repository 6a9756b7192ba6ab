"""Try to break proved claims of Q1 on small networks, and show that the same search breaks a pointwise modulus.

    python reports/audits/aubin/falsify.py   # 8 networks, 20,000 tries each; goes on where falsify.json ends

A try is `u, u'` in the ball of radius r_u and `w' ∈ S(u') ∩ B(w̄, r_w)`, found by Newton's method in float64; then a
nearby point of S(u) by Gauss-Newton steps for the nearest one. It breaks the claim if that point is further than
`κ|u − u'|(1 + 10⁻⁶)`: a point found is a proof, up to rounding, that the true distance is no larger, so a claim that
no try breaks holds at every one of them. Of six rounds three are drawn at random; three move u away from u' in the
worst first-order direction at `(u', w')`, one of these after gradient steps of the modulus at `(u', w')`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[2]), str(HERE)]

from certify.network.network import Network  # noqa: E402
from certify.problem.problem import Problem  # noqa: E402
from certify.prove.prover import bound  # noqa: E402
from certify.theorems.aubin.interpolation import enclose_aubin  # noqa: E402

torch.set_default_dtype(torch.float64)
PHI = {"tanh": torch.tanh, "gelu": torch.nn.functional.gelu, "softplus": torch.nn.functional.softplus,
       "sigmoid": torch.sigmoid, "silu": torch.nn.functional.silu, "relu": torch.relu,
       "leaky_relu": torch.nn.functional.leaky_relu}
NETWORKS = (("tanh", (3, 8, 1), 4), ("gelu", (2, 6, 6, 1), 3), ("softplus", (3, 10, 1), 5),
            ("sigmoid", (2, 7, 5, 1), 3), ("silu", (3, 9, 1), 4), ("tanh", (2, 5, 4, 1), 3),
            ("relu", (3, 24, 1), 3), ("leaky_relu", (2, 16, 1), 3))  # fmt: skip
TRIES, BATCH, SLACK, CHORDS = 20_000, 2_000, 1e-6, 150
RECORD = HERE / "falsify.json"


@dataclass(frozen=True)
class Outcome:
    """Rounds, tries that counted, how many broke the claim or were not solved, and the largest `|w − w'|/|u − u'|`."""

    rounds: int = 0
    tries: int = 0
    broken: int = 0
    unsolved: int = 0
    worst: float = 0.0


def small_problem(activation: str, widths: tuple[int, ...], n: int, seed: int) -> Problem:
    """A network and data drawn from a seed."""
    rng = np.random.default_rng(seed)
    weights = tuple(rng.standard_normal((b, a)) / np.sqrt(a) for a, b in zip(widths, widths[1:], strict=False))
    biases = tuple(0.3 * rng.standard_normal(b) for b in widths[1:])
    return Problem(Network(weights, biases, activation), rng.standard_normal((n, widths[0])), None, "features",
                   tuple(range(n)))  # fmt: skip


class Tries:
    """The solution map of a small problem, many points at a time; one output."""

    def __init__(self, problem: Problem) -> None:
        net = problem.network
        self.net, self.x = net, torch.from_numpy(np.array(problem.X))
        pairs = zip(net.weights, net.biases, strict=True)
        self.w = torch.from_numpy(np.concatenate([part.ravel() for pair in pairs for part in pair]))
        self.y = self.outputs(torch.zeros_like(self.x), self.w)
        self.f = torch.func.vmap(self.outputs)
        self.J = torch.func.vmap(torch.func.jacrev(self.outputs, argnums=1))
        self.G = torch.func.vmap(torch.func.jacrev(self.outputs, argnums=0))

    def outputs(self, u: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        """`f(x + u, w)` of all rows."""
        a, at = self.x + u, 0
        for h, (W, b) in enumerate(zip(self.net.weights, self.net.biases, strict=True), 1):
            a = a @ w[at : at + W.size].view(*W.shape).T + w[at + W.size : at + W.size + b.size]
            at += W.size + b.size
            a = a if h == self.net.depth else PHI[self.net.activation](a)
        return a[:, 0]

    def solved(self, u: torch.Tensor, w: torch.Tensor, steps: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
        """Points of S(u) near w, by steps to the nearest solution of the linearised equations; where they settled."""
        v = w.clone()
        for _ in range(steps):
            J = self.J(u, v)
            r = self.f(u, v) - self.y - torch.einsum("bnp,bp->bn", J, v - w)
            v = w - torch.einsum("bnp,bn->bp", J, torch.linalg.solve(J @ J.mT, r))
        settled = (self.f(u, v) - self.y).abs().amax(1) < 1e-12
        left = (~settled).nonzero()[:, 0]
        if len(left):  # across a kink those steps may go to and fro: chord steps, as in the proof, to some solution
            inverse = torch.linalg.pinv(self.J(torch.zeros_like(u[:1]), self.w[None])[0])
            z = w[left]
            for _ in range(CHORDS):
                z = z - (self.f(u[left], z) - self.y) @ inverse.T
            v[left], settled[left] = z, (self.f(u[left], z) - self.y).abs().amax(1) < 1e-12
        return v, settled

    def modulus(self, u: torch.Tensor, w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`|J⁺G_u|` and the direction of u in which it is attained."""
        J, G = self.J(u, w), self.G(u, w).flatten(2)
        L = torch.linalg.cholesky(J @ J.mT)
        _, s, V = torch.linalg.svd(torch.linalg.solve_triangular(L, G, upper=False), full_matrices=False)
        return s[:, 0], V[:, 0].view(u.shape)

    def ascended(self, u: torch.Tensor, w: torch.Tensor, r_u: float, r_w: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Gradient steps of the modulus, back into the balls."""
        for _ in range(3):
            u, w = u.detach().requires_grad_(), w.detach().requires_grad_()
            gu, gw = torch.autograd.grad(self.modulus(u, w)[0].sum(), (u, w))
            u = _inside(u + 0.5 * r_u * gu / gu.flatten(1).norm(dim=1).view(-1, 1, 1), r_u)
            w = self.w + _inside(w - self.w + 0.5 * r_w * gw / gw.norm(dim=1, keepdim=True), 0.8 * r_w)
        return u.detach(), w.detach()


def _inside(x: torch.Tensor, r: float) -> torch.Tensor:
    size = x.flatten(1).norm(dim=1).view(-1, *[1] * (x.ndim - 1))
    return x * torch.clamp(r / size, max=1.0)


def falsify(
    problem: Problem, kappa: float, r_u: float, r_w: float, start: Outcome, tries: int, seed: int = 0
) -> Outcome:
    """Search for `u, u', w'` that violate the inclusion, from where a search stopped until there were so many tries.

    Counted are tries whose w' lies in `S(u') ∩ B(w̄, r_w)`. A round's numbers come from the seed and its own number, so
    that a search which is taken up again is the one that was not interrupted.
    """
    torch.set_num_threads(1)
    maps, now = Tries(problem), start
    while now.tries < tries:
        ratio = _round(maps, r_u, r_w, now.rounds, torch.Generator().manual_seed(1_000_000 * seed + now.rounds))
        solved = ratio[ratio.isfinite()]
        now = Outcome(now.rounds + 1, now.tries + len(ratio), now.broken + int((solved > kappa * (1 + SLACK)).sum()),
                      now.unsolved + len(ratio) - len(solved), max([now.worst, *solved.tolist()]))
        if now.rounds > 100 * (1 + tries // BATCH):
            raise SystemExit("hardly any drawn point lies in S(u') ∩ B(w̄, r_w)")
    return now


def _round(maps: Tries, r_u: float, r_w: float, number: int, generator: torch.Generator) -> torch.Tensor:
    """Distance over change of the data, for the tries of one round that count."""

    def ball(like: torch.Tensor, r: float) -> torch.Tensor:
        z = torch.randn(BATCH, *like.shape, generator=generator)
        z = z / z.flatten(1).norm(dim=1).view(-1, *[1] * like.ndim)
        return r * torch.rand(BATCH, *[1] * like.ndim, generator=generator) ** 0.25 * z

    before, w = ball(maps.x, r_u), maps.w + ball(maps.w, r_w)
    after = ball(maps.x, r_u)
    if number % 6 == 5:
        before, w = maps.ascended(before, w, r_u, r_w)
    start, settled = maps.solved(before, w)
    if number % 6 > 2:
        sign = torch.randint(0, 2, (BATCH, 1, 1), generator=generator) * 2.0 - 1.0
        after = _inside(before + sign * 2 * r_u * torch.rand(BATCH, 1, 1, generator=generator)
                        * maps.modulus(before, start)[1], r_u)
    valid = settled & ((start - maps.w).norm(dim=1) <= r_w * (1 - 1e-9))
    gap = (after - before).flatten(1).norm(dim=1)
    valid &= gap > 1e-3 * r_u
    end, found = maps.solved(after, start)
    return torch.where(found, (end - start).norm(dim=1) / gap, torch.inf)[valid]


def searched(number: int, record: dict[str, Any]) -> dict[str, Any]:
    """The search on one network, taken up where the record of it ends; a record of another claim is left behind."""
    activation, widths, n = NETWORKS[number]
    problem = small_problem(activation, widths, n, number)
    claim, lip = enclose_aubin(problem), bound(problem, "modulus").upper
    if claim.upper is None or lip is None:
        raise SystemExit(f"no claim for {activation} {widths}: {claim.reason}")
    r_u, r_w = claim.witness["radius_u"], claim.witness["radius_w"]
    found = {"network": f"{activation} {'-'.join(map(str, widths))}", "rows": n, "radius_u": r_u, "radius_w": r_w,
             "kappa": claim.upper, "modulus": lip}
    known = record if all(record.get(key) == value for key, value in found.items()) else {}
    searches = {"own": (claim.upper, 1, TRIES), "near": (1.0001 * lip, 1, 3 * BATCH),
                "far": (1.0001 * lip, 10, 3 * BATCH)}
    for name, (kappa, times, tries) in searches.items():
        start = Outcome(**known.get(name, {}))
        found[name] = asdict(falsify(problem, kappa, times * r_u, times * r_w, start, tries, number))
    return found


def table(records: list[dict[str, Any]]) -> list[str]:
    """The table of README.md."""
    lines = ["| network | rows | r_u | r_w | κ | κ/lip | tries | broken or unsolved | largest ratio/lip "
             "| tries that break 1.0001 lip | the same at 10 r_u |", "|---|" + "---:|" * 10]
    for r in records:
        own, near, far = r["own"], r["near"], r["far"]
        lines.append(f"| {r['network']} | {r['rows']} | {r['radius_u']:.3e} | {r['radius_w']:.3e} | {r['kappa']:.4f} | "
                     f"{r['kappa'] / r['modulus']:.3f} | {own['tries']:,} | {own['broken'] + own['unsolved']} | "
                     f"{own['worst'] / r['modulus']:.4f} | {near['broken']:,} of {near['tries']:,} | "
                     f"{far['broken']:,} of {far['tries']:,} |")  # fmt: skip
    tries, *bad = (sum(r["own"][key] for r in records) for key in ("tries", "broken", "unsolved"))
    return [*lines, f"| all | | | | | | {tries:,} | {sum(bad)} | | | |"]


def main() -> int:
    from study import write

    records = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else []
    for number in range(len(NETWORKS)):
        known = records[number] if number < len(records) else {}
        records[number:number + 1] = [searched(number, known)]
        RECORD.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
        write("falsify.py", table(records))
        print(table(records)[2 + number], flush=True)
    return int(any(r["own"]["broken"] or r["own"]["unsolved"] or not r["far"]["broken"] for r in records))


if __name__ == "__main__":
    sys.exit(main())
