"""The activations in ball arithmetic: values, slopes, curvatures, kinks, and the constants of P3.

They are the exact real functions of proofs/activations.md: elu with α = 1, gelu with the error function, leaky relu
with the double nearest 0.01 as slope, softplus everywhere `ln(1 + e^x)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module

from flint import arb

from certify.check.linalg.balls import ZERO


@dataclass(frozen=True)
class Activation:
    """A real function φ.

    Attributes:
        value, slope: φ and φ' of a ball. At a kink the slope is the ball of both sides.
        curvature: φ'' of a ball that does not touch 0 if φ is not C² there.
        kinked: whether φ has a kink, which is then at 0 alone; φ is C¹ elsewhere.
        broken: whether φ is not C² at 0; it is C² elsewhere (relu and leaky relu, and elu, whose φ'' jumps).
        steepest: upper bound of `sup|φ'|`.
        gentlest: lower bound of `inf φ'`.
        bend: upper bound of `sup|φ''|`, the Lipschitz constant of φ' (between kinks).
        third: upper bound of `sup|φ'''|` where φ is C³ everywhere; None where it is not.
        jump: the jump of φ' at the kink.
        spread: the largest difference of two values of φ; None if it has no bound.
    """

    value: Callable[[arb], arb]
    slope: Callable[[arb], arb]
    curvature: Callable[[arb], arb]
    kinked: bool = False
    broken: bool = False
    steepest: float = 1.0
    gentlest: float = 0.0
    bend: float = 0.0
    third: float | None = None
    jump: arb = ZERO
    spread: float | None = None


FILES = {"relu": "piecewise", "leaky_relu": "piecewise", "elu": "piecewise", "tanh": "tanh", "sigmoid": "logistic",
         "softplus": "logistic", "gelu": "gelu", "silu": "logistic", "identity": "piecewise"}
"""Where each activation is defined, below `activations`."""


class _Activations(Mapping[str, Activation]):
    """Every activation by the name used in specs; its file is imported when it is asked for."""

    def __getitem__(self, name: str) -> Activation:
        found: Activation = import_module(f"certify.check.enclosure.activations.{FILES[name]}").OWN[name]
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(FILES)

    def __len__(self) -> int:
        return len(FILES)


ACTIVATIONS = _Activations()
"""Why the constants hold: proofs/activations.md, A2 to A12."""
