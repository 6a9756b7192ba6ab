"""Activations with enclosed values and derivatives: one file each, registered here.

To add one: a file with a final subclass of :class:`Activation`, its proof in proofs/activations.md, its line in
`ACTIVATIONS`, and its line in the tests' registry (tests/unit/rigor/activation/registry.py).
"""

from collections.abc import Mapping
from types import MappingProxyType

from certify.format.errors import InputError
from certify.rigor.activation.base import Activation, Enclosed, EnclosedPair
from certify.rigor.activation.elu import Elu
from certify.rigor.activation.gelu import Gelu
from certify.rigor.activation.identity import Identity
from certify.rigor.activation.leaky_relu import LeakyRelu
from certify.rigor.activation.relu import Relu
from certify.rigor.activation.sigmoid import Sigmoid
from certify.rigor.activation.silu import Silu
from certify.rigor.activation.softplus import Softplus
from certify.rigor.activation.tanh import Tanh

__all__ = ["ACTIVATIONS", "Activation", "Enclosed", "EnclosedPair", "activation"]

ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {a.name: a for a in (Relu(), LeakyRelu(), Elu(), Tanh(), Sigmoid(), Softplus(), Gelu(), Silu(), Identity())}
)
"""Every activation by the name used in specs."""


def activation(name: str) -> Activation:
    """The activation of that name.

    Raises:
        InputError: if there is none.

    >>> activation("gelu").smooth, activation("relu").smooth
    (True, False)
    """
    if name not in ACTIVATIONS:
        raise InputError("activation", f"unknown name '{name}'", f"use one of {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
