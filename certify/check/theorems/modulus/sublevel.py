"""The rules of the sublevel map: its modulus (M6), what it rests on, and the persistence radius (P3)."""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb, ctx

from certify.check.enclosure.gradients import Descent, losses, total_loss
from certify.check.enclosure.graph_gradients import GraphDescent
from certify.check.enclosure.network import forward
from certify.check.linalg.balls import largest, norm
from certify.check.linalg.definite import Truth
from certify.check.lipschitz import reach as growth
from certify.check.reading.arrays import Array
from certify.check.systems.evidence import Evidence, Finding
from certify.check.theorems.modulus.kernel import DIGITS


def loss(evidence: Evidence, most: float) -> Finding:
    """V20: `L(0, w̄) ≤ most`."""
    found = evidence.descent.loss
    return _compared(found <= most, found > most, f"the loss is {_digits(found)}")


def interior(evidence: Evidence, least: float) -> Finding:
    """V20: `ℓ − L(0, w̄) ≥ least` and `> 0`: the weights lie inside the sublevel set."""
    assert evidence.problem.level is not None
    gap = evidence.problem.level - evidence.descent.loss
    return _compared(gap > 0 and gap >= least, gap <= 0 or gap < least, f"the level exceeds the loss by {_digits(gap)}")


def gradient(evidence: Evidence, least: float) -> Finding:
    """V20: `|∇_w L| ≥ least` and `> 0`."""
    size = evidence.descent.weight_gradient
    return _compared(size > 0 and size >= least, size == 0 or size < least, f"|∇_w L| is {_digits(size)}")


def upper(evidence: Evidence, most: float, at: int | None = None) -> Finding:
    """V21: the modulus (at None), or that of the moving row at that place, is at most `most`."""
    if evidence.problem.level is not None:
        return interior(evidence, 0)
    data, weights = _sizes(evidence.descent, at)
    if not weights > 0:
        return Finding(Truth.UNDECIDED, f"|∇_w L| is not proved positive: {_digits(weights)}")
    return _compared(data <= weights * most, data > weights * most, f"the quotient is {_digits(data / weights)}")


def lower(evidence: Evidence, least: float, at: int | None = None) -> Finding:
    """V21: the modulus, or that of one row, is at least `least > 0`."""
    if evidence.problem.level is not None:
        return Finding(Truth.DISPROVED, "with a level above the loss the modulus is 0")
    data, weights = _sizes(evidence.descent, at)
    if not weights > 0:
        return Finding(Truth.UNDECIDED, f"|∇_w L| is not proved positive: {_digits(weights)}")
    return _compared(data >= weights * least, data < weights * least, f"the quotient is {_digits(data / weights)}")


def persistence_lower(evidence: Evidence, least: float) -> Finding:
    """V22: `L(u, w̄) ≤ ℓ` for all u of budget `least`."""
    inside = interior(evidence, 0)
    if inside.truth is not Truth.PROVED or least == 0:
        return inside
    descent = evidence.descent
    if evidence.problem.parameter != "features":
        rise = _closed(evidence, arb(least))
        return _compared(rise <= descent.room, rise > descent.room, _room(rise, descent.room, "is"))
    if isinstance(descent, GraphDescent):
        return Finding(Truth.UNDECIDED, "this checker bounds no rise for moving features of a graph")
    rise = growth.rise(evidence.problem, evidence.parameters, evidence.forward, descent, arb(least))
    return _compared(rise <= descent.room, False,
                     _room(rise, descent.room, "is, by the bounds of this checker, at most") + "; they do not reach it")


def persistence_upper(evidence: Evidence, most: float) -> Finding:
    """V22, targets and sample weights: some u of budget `most` has `L(u, w̄) ≥ ℓ`."""
    rise, room = _closed(evidence, arb(most)), evidence.descent.room
    return _compared(rise >= room, rise < room, _room(rise, room, "is"))


def attack(evidence: Evidence, most: float, moved: Array) -> Finding:
    """V22, features: the moved features have a loss above the level, and a budget of at most `most`."""
    problem, assert_level = evidence.problem, evidence.problem.level
    assert assert_level is not None
    points = [moved.values[i:i + moved.shape[1]] for i in range(0, len(moved.values), moved.shape[1])]
    sizes = []
    for row, (old, new) in enumerate(zip(problem.features, points, strict=True)):
        parts = _motion(problem.scale, old, new)
        if parts is None or (parts and row not in problem.moving):
            return Finding(Truth.DISPROVED, f"row {row} moves in a way it may not")
        sizes.append(norm(parts))
    budget = evidence.descent.shared(sizes) if problem.set == "total" else largest(sizes)
    if not budget <= most:
        return _compared(False, budget > most, f"the attack has the budget {_digits(budget)}")
    passed = forward(problem, evidence.parameters, points)
    value = total_loss(problem, losses(problem, passed.outputs).values)
    return _compared(value > assert_level, value <= assert_level, f"the attack has the loss {_digits(value)}")


def _motion(scale: Sequence[float] | None, old: Sequence[float], new: Sequence[float]) -> list[arb] | None:
    """The entries of a row's perturbation that are not 0; None if a feature moves that may not."""
    parts = []
    for j, (x, y) in enumerate(zip(old, new, strict=True)):
        unit = 1.0 if scale is None else scale[j]
        if x == y:
            continue
        if unit == 0:
            return None
        parts.append((arb(y) - arb(x)) / arb(unit))
    return parts


def _closed(evidence: Evidence, radius: arb) -> arb:
    """The largest `n(L(u) − L(0))` over a budget: `rε` (sample weights), `rε + ½mε²` (targets, squared loss)."""
    problem, descent = evidence.problem, evidence.descent
    rise = descent.shared(descent.row_sizes) * radius
    if problem.parameter == "targets":
        rise += radius**2 / 2 * (1 if problem.set == "total" else len(problem.moving))
    return rise


def _sizes(descent: Descent | GraphDescent, at: int | None) -> tuple[arb, arb]:
    """`n` times the size of the data gradient, and of the weight gradient."""
    weights = descent.weight_gradient * len(descent.problem.features)
    return (descent.data_gradient if at is None else descent.row_sizes[at]), weights


def _room(rise: arb, room: arb, verb: str) -> str:
    return f"the rise of n·L {verb} {_digits(rise)}, and {_digits(room)} is left to the level"


def _digits(x: arb) -> str:
    with ctx.workprec(max(ctx.prec, 64)):
        return str(x.str(DIGITS, radius=False))


def _compared(proved: bool, disproved: bool, words: str) -> Finding:
    truth = Truth.PROVED if proved else Truth.DISPROVED if disproved else Truth.UNDECIDED
    return Finding(truth, words if not proved else f"proved: {words}")


