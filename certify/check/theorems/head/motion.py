"""A strongly convex last layer: how far its one solution moves over a whole budget (Q6, V40 to V42), in balls.

The claim names θ and T. Everything is recomputed from the files: Hessian, its inverse factor, every row's share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import cast

from flint import arb

from certify.check.enclosure.losses.base import loss_of
from certify.check.kernel import DIGITS, Finding
from certify.check.linalg.balls import ONE, ZERO, largest, root
from certify.check.linalg.definite import Truth
from certify.check.reading.label_rules import apart
from certify.check.systems.point import Point
from certify.check.theorems.head.directions import Steer, leading
from certify.check.theorems.head.domain import refused
from certify.check.theorems.head.layer import Effect, Layer, Motion
from certify.check.theorems.head.norms import Rows, circles

MANY = 10**7
"""Rows times the square of the weights from which whole numbers take less time than balls."""


def motion(point: Point, theta: float, reach: float, whole: bool = False) -> Motion:
    """`(1 − κ)T > N + |e|/√λ`, and curvature keeps the factor θ within T (Q6b); `whole` as of :class:`Layer`."""
    problem, T = point.problem, arb(reach)
    words = refused(problem)
    if not words and (not 0 <= theta <= 1 or not reach > 0 or (loss_of(problem).quadratic and theta != 1)):
        words = f"θ = {theta!r} and T = {reach!r} are no witness"
    if not words and problem.moves.inputs and theta == 0:
        words = "θ = 0 bounds no slope that moves with features"
    if words:
        return Motion(None, T, ZERO, words)
    layer = point.of(Layer, theta, whole)
    if layer.inverse is None:
        return Motion(None, T, ZERO, "the Hessian could not be factorised")
    effect = layer.effect = layer.effect or _effect_of(layer)
    start = layer.residual / layer.decay.sqrt()
    if effect.closer is not None and not (1 - effect.lost) * T > effect.gradient + start:
        effect = layer.effect = replace(effect, gradient=effect.gradient.min(effect.closer()), closer=None)
    if not (1 - effect.lost) * T > effect.gradient + start:
        return Motion(None, T, start, f"the barrier at {reach!r} is not proved: it needs more than "
                      f"{((effect.gradient + start) / (1 - effect.lost)).str(DIGITS, radius=False)}")
    spread = T * (largest(layer.spans) + effect.wider)
    if not layer.loss.quadratic and theta > 0 and not _kept(spread) * (-effect.bent).exp() >= arb(theta):
        return Motion(None, T, start, f"curvature is not proved to keep the factor {theta!r}")
    return Motion(layer, T, start)


def _in_turn(point: Point, theta: float, reach: float, rule: Callable[[Motion, Layer], Finding]) -> Finding:
    """By sums of whole numbers where many are added up, and where these prove nothing by balls, each with a radius."""
    problem = point.problem
    size = len(problem.features) * (problem.outputs * (problem.layers[-1].inputs + 1)) ** 2 if problem.layers else 0
    for whole in (True, False) if size > MANY else (False,):
        moved = motion(point, theta, reach, whole)
        found = Finding(Truth.UNDECIDED, moved.words) if moved.layer is None else rule(moved, moved.layer)
        if found.truth is Truth.PROVED:
            break
    return found


def distance_at_most(point: Point, most: float, theta: float, reach: float) -> Finding:
    """V40: the barrier at T, and `T/√λ + |e|/λ ≤ most`."""
    return _in_turn(point, theta, reach, lambda moved, layer: _far(moved, layer, most))


def _far(moved: Motion, layer: Layer, most: float) -> Finding:
    found = moved.reach / layer.decay.sqrt() + layer.residual / layer.decay
    return Finding(Truth.PROVED if found <= arb(most) else Truth.UNDECIDED,
                   f"what is proved is {found.str(DIGITS, radius=False)}")


def stable_at_least(point: Point, least: float, theta: float, reach: float) -> Finding:
    """V41: at `least` evaluation rows the largest output exceeds every other by more than `T|(e_a − e_b) ⊗ φ|`.

    Or by more than its motion in that direction. One output: how far it lies from the threshold, on its side, exceeds
    `T|φ|`.
    """
    return _in_turn(point, theta, reach, lambda moved, layer: _labels_that_stay(point, moved, layer, least))


def _labels_that_stay(point: Point, moved: Motion, layer: Layer, least: float) -> Finding:
    rows, outputs = layer.at(point)
    if layer.k == 1:
        outputs = [[apart(point.problem, f)] for (f,) in outputs]
    far, steer = moved.reach * layer.scale, Steer(moved)
    count = _counted([_rivals(f, G, far) for f, G in zip(outputs, rows, strict=True)],
                     lambda j, rivals: steer.stays(outputs[j], rows[j], j, rivals), least)
    return Finding(Truth.PROVED if count >= least else Truth.UNDECIDED, f"{count} labels are proved to stay")


def change_at_most(point: Point, most: float, theta: float, reach: float) -> Finding:
    """V42: `(T + |e|/√λ)·sup_{|c| = 1} |c ⊗ φ|_{B⁻¹} ≤ most` at every evaluation row."""
    return _in_turn(point, theta, reach, lambda moved, layer: _outputs_move(point, moved, layer, most))


def _outputs_move(point: Point, moved: Motion, layer: Layer, most: float) -> Finding:
    rows, _ = layer.at(point)
    found = (moved.reach + moved.start) * largest([root(circles(G)) for G in rows]) * layer.scale
    return Finding(Truth.PROVED if found <= arb(most) else Truth.UNDECIDED,
                   f"what is proved is {found.str(DIGITS, radius=False)}")


def _rivals(f: list[arb], G: Rows, reach: arb) -> list[tuple[float, int]]:
    """Outputs that are not proved to stay below the largest, the nearest first, each with how near it is.

    Args:
        f: the outputs, or how far the one output lies above the threshold, which then is its own rival.
        G: the Gram matrix of the row.
        reach: how far weights go in the metric.
    """
    if len(f) == 1:
        margins = [(abs(f[0]), root(G[0][0]), 0)]
    else:
        a = leading(f)
        margins = [(f[a] - f[b], root(G[a][a] + G[b][b] - 2 * G[a][b]), b) for b in range(len(f)) if b != a]
    return sorted((float(far / length) if length > 0 else 0.0, b)
                  for far, length, b in margins if not far > reach * length)


def _counted(rivals: list[list[tuple[float, int]]], stays: Callable[[int, list[int]], bool], least: float) -> int:
    """How many labels are proved to stay, or at least `least` of them: those that are easy first, none beyond it."""
    count = sum(not found for found in rivals)
    for j in sorted((j for j, found in enumerate(rivals) if found), key=lambda j: -rivals[j][0][0]):
        if count >= least:
            break
        count += stays(j, [b for _, b in rivals[j]])
    return count


def _kept(spread: arb) -> arb:
    """`(1 − e^{−s})/s`, which falls with s."""
    s = spread.upper()
    return ONE if s == 0 else -(-s).expm1() / s  # of no number is none, which proves nothing

def _labels(layer: Layer) -> Effect:
    """Q6c: `(1/n) Σ (e_y − e_c) ⊗ φ_i`, c any other label; of one output `φ_i`. Curvature knows no labels."""
    problem, spans = layer.problem, []
    assert problem.labels is not None
    for i in problem.moving:
        G, y = layer.grams[i], int(problem.labels[i]) if layer.k > 1 else 0
        apart = [G[y][y] + G[c][c] - 2 * G[y][c] for c in range(layer.k) if c != y] if layer.k > 1 else [G[0][0]]
        spans.append((root(largest(apart)) * layer.scale).upper())
    return Effect((layer.top(spans) / layer.n).upper())


def _targets(layer: Layer) -> Effect:
    """Q6c: `(1/n) Σ u_i ⊗ φ_i`, squared loss."""
    problem, count = layer.problem, layer.count
    radius, joint = arb(problem.radius or 0.0), (arb(count) / layer.n).sqrt()
    return Effect(radius * joint if problem.budget.joint else (
        radius * joint.min(layer.top([layer.lever(i) for i in problem.moving]) / layer.n)).upper())


OWN = {"targets": _targets, "labels": _labels}


def _effect_of(layer: Layer) -> Effect:
    """What the budget does, by what moves: rows and features that move need more, in files of their own."""
    moves, word = layer.problem.moves, layer.problem.parameter
    name = "effects" if moves.single else "moving"
    known = OWN if word in OWN else import_module(f"certify.check.theorems.head.{name}").EFFECTS
    return cast("Effect", known[word](layer))
