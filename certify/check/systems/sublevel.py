"""A sublevel map at the given weights: loss and gradients, and the hypotheses of M6, Q5 and P3 (V20)."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from flint import arb, ctx

from certify.check.enclosure.gradients import Descent, descend
from certify.check.hypotheses import Check, Stated, measured
from certify.check.judgements import AtLeast, AtMost
from certify.check.kernel import DIGITS, PRECISIONS, Finding, expect, judged
from certify.check.systems.point import Point
from certify.check.systems.smooth import smooth
from certify.format.canonical import show
from certify.format.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.enclosure.graph_gradients import GraphDescent


def descent_of(point: Point) -> Descent | GraphDescent:
    """Loss and gradients."""
    if point.problem.graph is not None:
        from certify.check.enclosure.graph_gradients import GraphDescent
        return GraphDescent(point.problem, point.problem.graph)
    word = {"gelu": "certify.check.enclosure.lanes.descent"}.get(point.problem.activation, "")
    first = word and point.problem.level is None and ctx.prec <= PRECISIONS[0]
    whole = import_module(word).descend(point.problem) if first else None
    return whole or descend(point.problem, point.parameters, point.forward)


def loss(point: Point, most: float) -> AtMost:
    """V20: `L(0, w̄) ≤ most`."""
    return AtMost(found := point.of(descent_of).loss, arb(most), f"the loss is {digits(found)}")


def interior(point: Point, least: float) -> AtLeast:
    """V20: `ℓ − L(0, w̄) ≥ least` and `> 0`: the weights lie inside the sublevel set."""
    assert point.problem.level is not None
    gap = point.problem.level - point.of(descent_of).loss
    return AtLeast(gap, arb(least), f"the level exceeds the loss by {digits(gap)}", strict=True)


def gradient(point: Point, least: float) -> AtLeast:
    """V20: `|∇_w L| ≥ least` and `> 0`."""
    size = point.of(descent_of).weight_gradient
    return AtLeast(size, arb(least), f"|∇_w L| is {digits(size)}", strict=True)


def smooth_at(point: Point, least: float) -> Finding:
    """V9; for a graph also every maximum is proved away from a tie, by at least `least`."""
    found = point.of(descent_of)
    if isinstance(found, Descent):
        return smooth(point, least)
    low, high = found.kinks.low, found.kinks.high  # raises NotSmooth
    return judged(low >= least, high < least, f"the least distance from a kink is {low.str(DIGITS, radius=False)}")


def digits(x: arb) -> str:
    """A number in digits."""
    with ctx.workprec(max(ctx.prec, 64)):
        return str(x.str(DIGITS, radius=False))


def _check_loss(stated: Stated) -> None:
    if stated.value is None:
        raise Invalid(stated.where, "its value is null", "a number is needed")
    expect(stated.where, stated.number, partial(loss, most=stated.number), stated.ladder)


def _check_interior(stated: Stated) -> None:
    if stated.ladder.problem.level is None:
        raise Invalid(stated.where, "it is stated", "the level is the loss at the weights")
    expect(stated.where, stated.number, partial(interior, least=stated.number), stated.ladder)


def _check_smooth(stated: Stated) -> None:
    if (stated.value is not None) != stated.ladder.problem.kinked:
        raise Invalid(stated.where, f"its value is {show(stated.value)}",
                      "a number is for networks with kinks, null for others")
    expect(stated.where, stated.number, partial(smooth_at, least=stated.number), stated.ladder)


def _check_gradient(stated: Stated) -> None:
    expect(stated.where, stated.number, partial(gradient, least=stated.number), stated.ladder)


HYPOTHESES: dict[str, Check] = {"loss": measured(_check_loss, always=True),
                                "interior": measured(_check_interior, always=True),
                                "smooth": measured(_check_smooth), "gradient": measured(_check_gradient)}
"""What a sublevel map rests on."""
