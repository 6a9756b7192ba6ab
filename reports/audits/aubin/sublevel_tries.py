"""Many attempts at once to break the inclusion of Q5, and to break what is not proved; in floats, which prove nothing.

    python reports/audits/aubin/sublevel_tries.py   # 20,000 tries a claim on small networks; some minutes

A try is `u, u'` of length at most r_u and a member w' of S(u') within r_w of the weights, as high as the level allows,
`L(u', w') = ℓ`, at which the loss for u exceeds the level. It breaks a factor κ if no point of S(u) is found within
`κ|u − u'|` of w'. Points of S(u) are looked for by steps to the nearest point of the linearised level from w', cut back
to the segment where they overshoot; where that finds none near enough, again from several other starts. A point found
shows, up to rounding, that the distance is no larger, so that a factor which no try breaks holds at every one of them.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[2]), str(HERE)]

from sublevel import DIABETES, Map, attack, breaks_claim, claimed, named  # noqa: E402

BATCH, STEPS, STARTS, KINDS = 1000, 40, 8, 5
SLACK, SHORTEST = 1e-13, 1e-3
TRIES, LARGE, OTHER = 20_000, 400, 4_000
RECORD = HERE / "sublevel.json"


@dataclass(frozen=True)
class Outcome:
    """Rounds, tries that counted, how many broke the factor, and the largest `|w − w'|/|u − u'|`."""

    rounds: int = 0
    tries: int = 0
    broken: int = 0
    worst: float = 0.0


@dataclass(frozen=True)
class Drawn:
    """Changes `u', u`, members w', and which of them count."""

    before: torch.Tensor
    after: torch.Tensor
    member: torch.Tensor
    valid: torch.Tensor


def sizes(x: torch.Tensor) -> torch.Tensor:
    """The norm of every element of a batch, to be multiplied with it."""
    return x.flatten(1).norm(dim=1).clamp(min=1e-300).view(-1, *[1] * (x.ndim - 1))


def clipped(x: torch.Tensor, r: float | torch.Tensor) -> torch.Tensor:
    """Every element, or the one of length r on the way to it."""
    return x * (r / sizes(x)).clamp(max=1.0)


class Tries:
    """Loss, gradients and ways to the level of many `(u, w)` at once.

    Args:
        maps: the problem.
        r_u, r_w: radii of changes and of weights.
    """

    def __init__(self, maps: Map, r_u: float, r_w: float) -> None:
        self.maps, self.r_u, self.r_w = maps, r_u, r_w
        self.level, self.slack = maps.level, SLACK * (1 + maps.level)
        self.both = torch.func.vmap(torch.func.grad_and_value(maps.loss, argnums=(0, 1)))

        def steep(u: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
            gu, gw = torch.func.grad(maps.loss, argnums=(0, 1))(u, w)
            return gu.norm().log() - gw.norm().log()

        self.steep = torch.func.vmap(torch.func.grad(steep, argnums=(0, 1)))

    def ball(self, like: torch.Tensor, r: float, count: int, generator: torch.Generator) -> torch.Tensor:
        """Points of the ball, more of them near its border."""
        z = torch.randn(count, *like.shape, generator=generator)
        return r * torch.rand(count, *[1] * like.ndim, generator=generator) ** 0.25 * z / sizes(z)

    def members(self, u: torch.Tensor, w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Points with `L(u, w) = ℓ` within r_w of the weights, along gradients, and where they were found."""
        for _ in range(STEPS):
            (_, g), value = self.both(u, w)
            if bool(((value - self.level).abs() <= self.slack).all()):
                break
            step = ((value - self.level) / (g * g).sum(1).clamp(min=1e-300))[:, None] * g
            w = self.maps.w + clipped(torch.where((value - self.level).abs()[:, None] <= self.slack, w, w - step)
                                      - self.maps.w, self.r_w)  # fmt: skip
        value = self.both(u, w)[1]
        return w, ((value - self.level).abs() <= self.slack) & ((w - self.maps.w).norm(dim=1) <= self.r_w * (1 + 1e-12))

    def nearest(self, u: torch.Tensor, w: torch.Tensor, start: torch.Tensor, damp: float = 1.0) -> torch.Tensor:
        """How far from w' the nearest point of S(u) lies that steps from a start find; infinite: none was found."""
        best, v = torch.full((len(w),), torch.inf), start
        for _ in range(STEPS):
            (_, g), value = self.both(u, v)
            best = torch.where(value <= self.level + self.slack, torch.minimum(best, (v - w).norm(dim=1)), best)
            # the nearest point to w' of {v' : L(v) + ⟨g, v' − v⟩ ≤ ℓ}
            over = value - self.level + (g * (w - v)).sum(1)
            new = w - (over.clamp(min=0.0) / (g * g).sum(1).clamp(min=1e-300))[:, None] * g
            if bool(((new - v).norm(dim=1) <= 1e-15 * (1 + v.norm(dim=1))).all()):
                break
            v = v + damp * (new - v)
        for _ in range(6):  # a last way down along the gradient alone, for those that stop above the level
            (_, g), value = self.both(u, v)
            best = torch.where(value <= self.level + self.slack, torch.minimum(best, (v - w).norm(dim=1)), best)
            v = v - ((value - self.level) / (g * g).sum(1).clamp(min=1e-300))[:, None] * g
        return best

    def again(self, u: torch.Tensor, w: torch.Tensor, reach: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """The same from several starts within reach, damped: for tries that seem to break a factor."""
        best = torch.full((len(w),), torch.inf)
        for number in range(STARTS):
            z = torch.randn(w.shape, generator=generator)
            (_, g), value = self.both(u, w)
            down = g / sizes(g) * reach[:, None] if number % 2 else z / sizes(z) * reach[:, None]
            best = torch.minimum(best, self.nearest(u, w, w - down * torch.rand(len(w), 1, generator=generator),
                                                    1.0 if number < STARTS // 2 else 0.5))  # fmt: skip
        return best

    def climbed(self, u: torch.Tensor, w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Gradient steps of the modulus `|∇_uL|/|∇_wL|`, back into the balls."""
        for _ in range(4):
            gu, gw = self.steep(u, w)
            u = clipped(u + 0.5 * self.r_u * gu / sizes(gu), self.r_u)
            w = self.maps.w + clipped(w - self.maps.w + 0.5 * self.r_w * gw / sizes(gw), 0.8 * self.r_w)
        return u, w

    def drawn(self, number: int, count: int, generator: torch.Generator) -> Drawn:
        """The tries of one round.

        Kinds, by turns: both changes at random; opposite along the loss's gradient, more or less; at random and then
        uphill of the loss at w'; the same after steps of the modulus; uphill of u' by a small step.
        """
        kind, maps = number % KINDS, self.maps
        before = self.ball(maps.x, self.r_u, count, generator)
        w = maps.w + self.ball(maps.w, self.r_w, count, generator)
        after = self.ball(maps.x, self.r_u, count, generator)
        if kind == 1:
            e = maps.both(torch.zeros_like(maps.x), maps.w)[1]
            e = e / e.norm() + 2 * torch.rand(count, *[1] * e.ndim, generator=generator) ** 2 * after / sizes(after)
            before, after = -self.r_u * e / sizes(e), self.r_u * e / sizes(e)
        if kind == 3:
            before, w = self.climbed(before, w)
        w, found = self.members(before, w)
        if kind > 1:
            (g, _), _ = self.both(before, w)
            far = 2.0 if kind < 4 else 0.05
            after = clipped(before + far * self.r_u * torch.rand(count, *[1] * maps.x.ndim, generator=generator)
                            * g / sizes(g), self.r_u)  # fmt: skip
        gap = (after - before).flatten(1).norm(dim=1)
        above = self.both(after, w)[1] > self.level * (1 + 1e-12)
        return Drawn(before, after, w, found & above & (gap > SHORTEST * self.r_u))


def search(maps: Map, kappa: float, r_u: float, r_w: float, tries: int, seed: int = 0, batch: int = BATCH) -> Outcome:
    """Search for tries that break a factor; every round's numbers come from the seed and its own number.

    Raises:
        SystemExit: hardly any drawn point counts.
    """
    many, now = Tries(maps, r_u, r_w), Outcome()
    while now.tries < tries:
        generator = torch.Generator().manual_seed(1_000_000 * seed + now.rounds)
        drawn = many.drawn(now.rounds, batch, generator)
        u, w = drawn.after[drawn.valid], drawn.member[drawn.valid]
        gap = (u - drawn.before[drawn.valid]).flatten(1).norm(dim=1)
        found = many.nearest(u, w, w) if len(w) else gap
        hard = (found > kappa * gap * (1 + 1e-9)).nonzero()[:, 0]
        if len(hard):
            found[hard] = torch.minimum(found[hard], many.again(u[hard], w[hard], kappa * gap[hard], generator))
        ratio = found / gap
        now = Outcome(now.rounds + 1, now.tries + len(w), now.broken + int((ratio > kappa * (1 + 1e-9)).sum()),
                      max([now.worst, *ratio.tolist()]))
        if now.rounds > 20 * KINDS + 100 * tries // batch:
            raise SystemExit("hardly any drawn point lies in S(u') ∩ B(w̄, r_w) and above the level for u")
    return now


def searched(name: str, number: int, times: float) -> dict[str, Any]:
    """All searches about one claim: of κ, and of what is not proved."""
    problem = named()[number][1]
    (lip, radii), maps = claimed(problem, times), Map(problem)
    found: dict[str, Any] = {"network": name, "rows": problem.n, "times": times, "modulus": lip, "kappa": radii.kappa,
                             "radius_u": radii.radius_u, "radius_w": radii.radius_w}
    small = name != DIABETES
    wanted = {"own": (radii.kappa, 1.0, TRIES if small else LARGE)}
    if small:
        share = attack(maps, radii.kappa, radii.radius_u, radii.radius_w, breaks_claim)
        wanted |= {"near": (1.0001 * lip, 1.0, OTHER), "far": (1.0001 * lip, 10.0, OTHER),
                   "shrunk": (0.9 * lip, 1.0, OTHER), "beyond": (radii.kappa, 2 * share, OTHER)}
    for key, (kappa, scale, tries) in wanted.items():
        outcome = search(maps, kappa, scale * radii.radius_u, scale * radii.radius_w, tries, number,
                         BATCH if small else LARGE // 10)
        found[key] = asdict(outcome) | {"factor": kappa, "scale": scale}
    return found


def table(records: list[dict[str, Any]]) -> list[str]:
    """The table of README.md."""
    lines = ["| network | rows | r_u | κ/lip | tries | broken | largest ratio/κ | tries that break 1.0001 lip "
             "| 0.9 lip | 1.0001 lip at 10 r_u | κ at twice the attack's radius |", "|---|" + "---:|" * 10]  # fmt: skip
    for r in records:
        own = r["own"]
        rest = [f"{r[key]['broken']:,} of {r[key]['tries']:,}" if key in r else "not run"
                for key in ("near", "shrunk", "far", "beyond")]  # fmt: skip
        lines.append(f"| {r['network']} | {r['rows']} | {r['radius_u']:.3e} | {r['kappa'] / r['modulus']:.3f} | "
                     f"{own['tries']:,} | {own['broken']} | {own['worst'] / r['kappa']:.3f} | {' | '.join(rest)} |")
    tries, broken = (sum(r["own"][key] for r in records) for key in ("tries", "broken"))
    return [*lines, f"| all | | | | {tries:,} | {broken} | | | | | |"]


def main() -> int:
    from study import write

    records: list[dict[str, Any]] = []
    for number, (name, _) in enumerate(named()):
        for times in (2.0, 10.0) if name == DIABETES else (2.0, 1.1):
            records.append(searched(name, number, times))
            print(table(records)[1 + len(records)], flush=True)
    RECORD.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    write("sublevel_tries.py", table(records))
    return int(any(r["own"]["broken"] for r in records))


if __name__ == "__main__":
    sys.exit(main())
