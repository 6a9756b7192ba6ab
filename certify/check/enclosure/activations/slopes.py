"""Derivatives of the activation of a layer from its inputs and values, of many numbers: less work than without them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from flint import arb, ctx

from certify.check.enclosure.activation import ACTIVATIONS

if TYPE_CHECKING:
    from certify.check.enclosure.network import Forward

BESIDE = {"tanh": "tanh", "gelu": "gelu_beside"}
"""Files of `activations` whose `slope_beside` takes less work."""


def beside(activation: str, passed: Forward, h: int, below: bool = False) -> list[arb]:
    """`φ'` at the inputs of hidden layer h, row-major, of an activation without kinks; made once a precision.

    With `below` that has fewer bits, where there are more than 80: a pass with few keeps them.
    """
    kept: dict[tuple[int, int], list[arb]] = passed.__dict__.setdefault("slopes", {})
    with ctx.workprec(max(min(ctx.prec, 80), ctx.prec * 5 // 8) if below else ctx.prec):
        key, slope = (h, ctx.prec), ACTIVATIONS[activation].slope
        if key not in kept:
            file = BESIDE.get(activation)
            of = file and import_module(f"certify.check.enclosure.activations.{file}").slope_beside
            inputs = passed.inputs[h].entries()
            kept[key] = list(map(of or (lambda x, _: slope(x)), passed.before[h - 1], inputs))
    return kept[key]
