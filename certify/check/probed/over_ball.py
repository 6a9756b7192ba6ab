"""How far the Hessian can be from itself on a small ball of weights: norms of layers, nothing else (H5)."""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.gradients import losses
from certify.check.enclosure.losses.base import loss_of
from certify.check.enclosure.network import Forward, Parameters
from certify.check.linalg.balls import ONE, ZERO, largest, norm
from certify.check.reading.subject import Problem


@dataclass(frozen=True)
class Moved:
    """Upper bounds for every row: the length of a vector at the middle, and how far it is from that on the ball."""

    size: arb
    off: arb

    @property
    def most(self) -> arb:
        """Of the length on the ball."""
        return self.size + self.off

    def plus(self, other: Moved) -> Moved:
        """The sum."""
        return Moved(self.size + other.size, self.off + other.off)

    def times(self, other: Moved) -> Moved:
        """Products of entries, or of a matrix and a vector: `xy − x'y' = x(y − y') + (x − x')y'`."""
        return Moved(self.size * other.size, self.size * other.off + self.off * other.most)


def hessian_off(problem: Problem, middle: Parameters, passed: Forward, radius: arb) -> arb:
    """At least `‖∇²L(w) − ∇²L(w')‖` where `|w − w'| ≤ radius`, w' the middle; infinite where φ is not known to be C³.

    Along a unit vector of weights and for each row: `ż = Wȧ + Zã`, `ȧ = φ'∘ż`; `u̇ = Wᵀδ̇ + Zᵀδ`, `δ̇ = φ'∘u̇ +
    φ''∘ż∘u`; the product is `Σ δ̇ãᵀ + δȧᵀ`. Each is bounded with how far it moves, `Z` fixed.

    Args:
        problem: a problem with the critical map, without a tilt or weights of rows.
        middle, passed: exact parameters, and the passes there or around them.
        radius: of the ball.
    """
    phi, depth = ACTIVATIONS[problem.activation], len(problem.layers)
    if phi.third is None:
        return arb("inf")
    steepest, bend, third = arb(phi.steepest), arb(phi.bend), arb(phi.third)
    layers = [Moved(norm(W.entries()).upper(), radius if h in problem.free else ZERO)
              for h, W in enumerate(middle.weights, 1)]
    a, da, inner, turned, slopes, bends = Moved(ZERO, ZERO), Moved(ZERO, ZERO), [], [], [], []
    for h, W in enumerate(layers, 1):
        free, biased = h in problem.free, problem.layers[h - 1].biases is not None
        longest = largest([norm(row) for row in passed.inputs[h - 1].tolist()]) if free else ZERO
        wide = Moved((longest + (ONE if biased else ZERO)).upper(), a.off)  # of ã, which is the longer by 1 at most
        off = layers[h - 1].size * a.off + (radius * wide.most if free else ZERO)  # of z
        dz = W.times(da).plus(wide if free else Moved(ZERO, ZERO))
        inner.append((wide, da))
        turned.append(dz)
        if h < depth:
            slopes.append(Moved(steepest, bend * off))
            bends.append(Moved(bend, third * off))
            a, da = Moved(ZERO, steepest * off), slopes[-1].times(dz)
        else:
            a = Moved(ZERO, off)
    own, df = losses(problem, passed.outputs), turned[-1]
    loss, spreads = loss_of(problem), [ZERO, ZERO]
    for i, row in enumerate(own.slopes.tolist()):
        spreads = [x.max(y) for x, y in zip(spreads, loss.spread(problem, i, row, a.off), strict=True)]
    curvature = Moved(largest(own.bends), spreads[1])
    v, dv, total = Moved(largest([norm(row) for row in own.slopes.tolist()]), spreads[0]), curvature.times(df), ZERO
    for h in range(depth, 0, -1):
        wide, da = inner[h - 1]
        free = h in problem.free
        if free:
            total += (dv.times(wide).off + v.times(da).off) ** 2
        if h > 1:
            u = layers[h - 1].times(v)
            du = layers[h - 1].times(dv).plus(v if free else Moved(ZERO, ZERO))
            dv = slopes[h - 2].times(du).plus(bends[h - 2].times(turned[h - 2]).times(u))
            v = slopes[h - 2].times(u)
    return total.sqrt().upper()  # the mean over the rows, each at most this
