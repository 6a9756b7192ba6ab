"""How long `∇²L(w) z` can be on a ball of weights, by Euclidean radii around exact midpoints (F1 for ∇L, H4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb, arb_mat

from certify.check.enclosure.activation import ACTIVATIONS, Activation
from certify.check.enclosure.gradients import losses
from certify.check.enclosure.losses.base import loss_of
from certify.check.enclosure.network import Parameters
from certify.check.enclosure.objective import objective
from certify.check.enclosure.units import matrices
from certify.check.linalg.balls import ONE, ZERO, norm, squares
from certify.check.linalg.small.spectral import spectral
from certify.check.lipschitz.over_ball import Rows, require_away, slope_spread
from certify.check.reading.subject import Problem


@dataclass(frozen=True)
class Spread:
    """Vectors, one a row, each within its radius of the midpoint.

    Attributes:
        mid: exact up to the balls' own radii.
        rad: Euclidean radii.
    """

    mid: Rows
    rad: list[arb]

    @property
    def size(self) -> list[arb]:
        """Upper bounds of the lengths."""
        return [(norm(row) + r).upper() for row, r in zip(self.mid, self.rad, strict=True)]

    def plus(self, other: Spread) -> Spread:
        """The sums."""
        rows = zip(self.mid, other.mid, strict=True)
        return Spread([[x + y for x, y in zip(u, v, strict=True)] for u, v in rows],
                      [(r + s).upper() for r, s in zip(self.rad, other.rad, strict=True)])

    def through(self, M: arb_mat, size: arb, away: arb) -> Spread:
        """`M x`, M within `away` (spectral norm) of a matrix of that size: `size·r + away·|x|`."""
        rows = (arb_mat(self.mid) * M.transpose()).tolist()
        return Spread(rows, [(size * r + away * x).upper() for r, x in zip(self.rad, self.size, strict=True)])

    def scaled(self, S: Rows, loose: list[arb], most: arb) -> Spread:
        """`x ∘ d`, d within `loose` of S entry by entry and at most `most` in size: `most·r + |x|·loose`."""
        rows = [[x * d for x, d in zip(*pair, strict=True)] for pair in zip(self.mid, S, strict=True)]
        return Spread(rows, [(most * r + x * t).upper()
                             for r, x, t in zip(self.rad, self.size, loose, strict=True)])

    def times(self, other: Spread) -> Spread:
        """`x ∘ y`: `r_x|y| + |x|r_y`."""
        rows = [[x * y for x, y in zip(*pair, strict=True)] for pair in zip(self.mid, other.mid, strict=True)]
        return Spread(rows, [(r * y + x * s).upper() for r, x, s, y in zip(
            self.rad, self.size, other.rad, other.size, strict=True)])


@dataclass(frozen=True)
class Unit:
    """A hidden layer over the ball: its pre-activations' slopes and second derivatives, each with a radius a row."""

    slopes: Rows
    loose: list[arb]
    bends: Rows
    loose_bends: list[arb]


def product_bound(problem: Problem, middle: Parameters, z: Sequence[arb], radius: arb) -> arb:
    """Upper bound of `|∇²L(w)z|` over `|w − middle| ≤ radius`, L the loss of the problem (after its change).

    Every free layer may move by the radius, weights and bias each. Inputs, pre-activations and adjoints, and how each
    moves along z, are bounded layer by layer; the product is `Σ_i v̇_iã_iᵀ + v_i(ȧ_i, 0)ᵀ + λZ` in every layer.

    Args:
        problem: a problem with the critical map.
        middle: exact parameters.
        z: the direction, counted unit by unit.
        radius: of the ball.

    Raises:
        NotSmooth: a pre-activation may reach a point where φ is not twice differentiable.
    """
    phi, depth, Z = ACTIVATIONS[problem.activation], len(problem.layers), matrices(problem, z)
    W, sizes = middle.weights, [spectral(M) for M in middle.weights]
    reach = [radius if h in problem.free else ZERO for h in range(1, depth + 1)]
    parts = {h: arb_mat([row[: problem.layers[h - 1].inputs] for row in M.tolist()]) for h, M in Z.items()}
    lengths = {h: norm(M.entries()).upper() for h, M in parts.items()}
    a = Spread([[arb(v) for v in x] for x in problem.points], [ZERO] * len(problem.points))
    da: Spread | None = None
    inputs: list[Spread] = []
    moved: list[Spread | None] = []
    units, before = [], []
    for h in range(1, depth + 1):
        inputs.append(a)
        moved.append(da)
        own = a.through(W[h - 1], sizes[h - 1], reach[h - 1])
        pre = with_bias(own, middle.biases[h - 1], reach[h - 1])
        along = None if da is None else da.through(W[h - 1], sizes[h - 1], reach[h - 1])
        if h in Z:
            direct = a.through(parts[h], lengths[h], ZERO)
            if problem.layers[h - 1].biases is not None:
                direct = with_bias(direct, tuple(row[-1] for row in Z[h].tolist()), ZERO)
            along = direct if along is None else along.plus(direct)
        before.append(along)
        if h < depth:
            if phi.broken:
                require_away(problem, h, pre.mid, pre.rad)
            units.append(unit_at(phi, pre))
            a = Spread([[phi.value(x) for x in row] for row in pre.mid], [(phi.steepest * r).upper() for r in pre.rad])
            da = None if along is None else along.scaled(units[-1].slopes, units[-1].loose, arb(phi.steepest))
    assert along is not None  # a free layer moves the outputs
    v, dv = at_outputs(problem, pre, along)
    total = ZERO
    for h in range(depth, 0, -1):
        if h in Z:
            total += layer_part(problem, h, Z[h], (inputs[h - 1], moved[h - 1]), (v, dv)) ** 2
        if h == min(Z):
            break
        y, back = v.through(W[h - 1].transpose(), sizes[h - 1], reach[h - 1]), W[h - 1].transpose()
        dy = dv.through(back, sizes[h - 1], reach[h - 1])
        if h in Z:
            dy = dy.plus(v.through(parts[h].transpose(), lengths[h], ZERO))
        unit, along = units[h - 2], before[h - 2]
        v, dv = y.scaled(unit.slopes, unit.loose, arb(phi.steepest)), dy.scaled(unit.slopes, unit.loose,
                                                                                 arb(phi.steepest))
        if along is not None and phi.bend:
            dv = dv.plus(y.scaled(unit.bends, unit.loose_bends, arb(phi.bend)).times(along))
    return total.sqrt().upper()


def with_bias(x: Spread, bias: tuple[arb, ...] | None, away: arb) -> Spread:
    """`x + b`, b within `away`."""
    if bias is None:
        return x
    return Spread([[u + b for u, b in zip(row, bias, strict=True)] for row in x.mid],
                  [(r + away).upper() for r in x.rad])


def unit_at(phi: Activation, pre: Spread) -> Unit:
    """φ' and φ'' over the ball; on either side of a break φ'' is `bend`-Lipschitz (relu, leaky relu: 0, elu: e^x)."""
    third = phi.bend if phi.third is None else phi.third
    S, B = ([[f(x) for x in row] for row in pre.mid] for f in (phi.slope, phi.curvature))
    loose = [slope_spread(phi.bend, phi.steepest, row, r) for row, r in zip(S, pre.rad, strict=True)]
    bends = [slope_spread(third, phi.bend, row, r) for row, r in zip(B, pre.rad, strict=True)]
    return Unit(S, loose, B, bends)


def at_outputs(problem: Problem, f: Spread, df: Spread) -> tuple[Spread, Spread]:
    """`v = s_i g_i/n` at the outputs, and how it moves along z, `s_iM_iḟ/n`."""
    n, k, outputs = len(f.rad), problem.outputs, arb_mat(f.mid)
    found, plain = objective(problem, outputs), losses(problem, outputs).slopes.tolist()
    shares = (ONE,) * n if problem.changed is None or problem.changed.shares is None else problem.changed.shares
    sizes, turned, rad, moved = df.size, [], [], []
    for i, (share, M) in enumerate(zip(shares, found.curvatures, strict=True)):
        loose, bent = (abs(share) / n * x for x in loss_of(problem).spread(problem, i, plain[i], f.rad[i]))
        turned.append((M * arb_mat(k, 1, df.mid[i])).entries())
        rad.append(loose.upper())
        moved.append((bent * sizes[i] + (norm(M.entries()) + bent) * df.rad[i]).upper())
    return Spread(found.slopes.tolist(), rad), Spread(turned, moved)


def layer_part(
    problem: Problem, h: int, Z: arb_mat, inputs: tuple[Spread, Spread | None], adjoints: tuple[Spread, Spread],
) -> arb:
    """Upper bound of the norm of layer h's part, `Σ_i v̇_iã_iᵀ + v_i(ȧ_i, 0)ᵀ + λZ`."""
    (a, da), (v, dv) = inputs, adjoints
    biased = problem.layers[h - 1].biases is not None
    total = arb_mat(dv.mid).transpose() * arb_mat([[*row, ONE] for row in a.mid] if biased else a.mid)
    one, error = (ONE if biased else ZERO), ZERO
    for r, size, far, length in zip(dv.rad, dv.size, a.rad, a.size, strict=True):
        error += r * (length * length + one).sqrt() + size * far
    if da is not None:
        total += arb_mat(v.mid).transpose() * arb_mat([[*row, ZERO] for row in da.mid] if biased else da.mid)
        for r, size, far, length in zip(v.rad, v.size, da.rad, da.size, strict=True):
            error += r * length + size * far
    total += Z * arb(problem.weight_decay)
    return (squares(total.entries()).sqrt() + error).upper()
