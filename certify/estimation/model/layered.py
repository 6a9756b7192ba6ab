r"""Plain fully connected networks: recognised for certain, so that their derivatives need no tape and no probing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from torch import nn
from torch.nn.modules import module as torch_module

from certify.estimation.model.activations import Derivatives, derivatives_of

_HOOKS = (
    "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_state_dict_hooks",
    "_buffers", "_is_full_backward_hook",
)
_GLOBAL = ("_global_forward_hooks", "_global_forward_pre_hooks", "_global_backward_hooks",
           "_global_backward_pre_hooks")


@dataclass(frozen=True, eq=False)
class Layered:
    r"""`f(x) = a_H`, `z_h = W_h a_{h−1} + b_h`, `a_h = φ_h(z_h)`, `a_0` = x, flattened.

    Attributes:
        layers: the linear layers, in the order in which they are applied.
        names: what they are called in the module: "" for a lone layer.
        activations: φ_h, each with its first two derivatives; None is the identity.
        flattens: whether rows are flattened first.
    """

    layers: tuple[nn.Linear, ...]
    names: tuple[str, ...]
    activations: tuple[Callable[[np.ndarray], Derivatives] | None, ...]
    flattens: bool

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return self.layers[-1].out_features

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Whether rows of this shape pass through."""
        return (len(shape) == 1 or self.flattens) and math.prod(shape) == self.layers[0].in_features


def layered(module: nn.Module) -> Layered | None:
    """The module as a chain of linear layers and smooth or piecewise smooth activations, or None.

    None wherever anything is not known for certain: a subclass, a hook, a forward of its own, a parameter used twice,
    another layer, a parametrisation, train mode.

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).eval()
    >>> layered(net).names, layered(net).activations[1] is None, layered(nn.LayerNorm(2)) is None
    (('1', '3'), True, True)
    """
    if any(getattr(torch_module, name, None) for name in _GLOBAL):
        return None
    layers: list[nn.Linear] = []
    names: list[str] = []
    activations: list[Callable[[np.ndarray], Derivatives] | None] = []
    flattens = False
    for name, part in _chain(module, ""):
        if part is None or part.training or not _plain(part):
            return None
        kind = type(part)
        if kind is nn.Linear:
            if layers and layers[-1].out_features != part.in_features:
                return None
            layers.append(part)
            names.append(name)
            activations.append(None)
        elif kind is nn.Flatten:
            if layers or part.start_dim != 1 or part.end_dim != -1:
                return None
            flattens = True
        elif kind not in (nn.Identity, nn.Dropout):
            phi = derivatives_of(part)
            if phi is None or not layers or activations[-1] is not None:
                return None
            activations[-1] = phi
    held = [id(p) for part in layers for p in part._parameters.values() if p is not None]
    if not layers or len(set(held)) < len(held):
        return None
    return Layered(tuple(layers), tuple(names), tuple(activations), flattens)


def _chain(part: nn.Module, name: str) -> list[tuple[str, nn.Module | None]]:
    """The leaves of nested `nn.Sequential`s; None stands for what is not a plain one."""
    if type(part) is not nn.Sequential:
        return [(name, None if part._modules else part)]
    if part.training or not _plain(part) or part._parameters:
        return [(name, None)]
    prefix = f"{name}." if name else ""
    return [leaf for last, child in part._modules.items() if child is not None
            for leaf in _chain(child, prefix + last)]


def _plain(part: nn.Module) -> bool:
    own = part.__dict__
    if "forward" in own or "__call__" in own or any(own.get(name) for name in _HOOKS):
        return False
    return set(own["_parameters"]) == ({"weight", "bias"} if type(part) is nn.Linear else set())


def copied(module: nn.Module, places: Layered) -> tuple[nn.Module, Layered]:
    """A copy of a recognised module that shares no parameter with it; much faster than a deep copy."""
    made: dict[int, nn.Module] = {}

    def copy(part: nn.Module) -> nn.Module:
        new: nn.Module = object.__new__(type(part))
        new.__dict__.update({key: value.copy() if isinstance(value, dict) else value
                             for key, value in part.__dict__.items()})
        for key, p in part._parameters.items():
            if p is not None:
                new._parameters[key] = nn.Parameter(p.detach().clone(), requires_grad=False)
        for key, child in part._modules.items():
            if child is not None:
                new._modules[key] = copy(child)
        made[id(part)] = new
        return new

    own = copy(module)
    layers = tuple(made[id(layer)] for layer in places.layers)
    return own, replace(places, layers=layers)  # type: ignore[arg-type]
