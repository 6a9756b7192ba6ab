"""A torch module that is a plain fully connected network, as such a network; the activation is the module's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from certify.format.errors import InputError
from certify.inputs.chain import Chain
from certify.inputs.onnx.batch_norm import BatchNorm, batch_norm, fold
from certify.inputs.torch.copies import RAISED, one_tensor, passed
from certify.inputs.torch.factory import activation_word, parts_of
from certify.inputs.torch.rows import module_rows
from certify.inputs.torch.trace import trace
from certify.network.graph.graph import ACTIVATIONS
from certify.network.network import Network
from certify.rigor.fp import Array

if TYPE_CHECKING:
    from torch import nn

SAME: Final = 2.0**-26
"""Share of the largest output by which the module and the network read from it may differ (torch's softplus is x itself
above 20)."""


@dataclass(frozen=True)
class Flattened:
    """Rows of another shape as lists of numbers, in the order of memory.

    Attributes:
        shape: of one row.
    """

    shape: tuple[int, ...]

    @property
    def words(self) -> str:
        """What is done."""
        return f"rows of shape {self.shape} as lists of {int(np.prod(self.shape))} numbers"

    def given(self, X: Any, name: str) -> Array:
        """Rows in any form that :func:`certify.inputs.torch.rows.module_rows` reads; targets are left.

        Raises:
            InputError: rows of another shape.
        """
        rows, _ = module_rows(X, name)
        if rows.shape[1:] != self.shape:
            raise InputError(name, f"rows of shape {rows.shape[1:]}", f"give {self.shape}, that of the training rows")
        return self(rows)

    def __call__(self, rows: Array) -> Array:
        """The same numbers, `(n, d)` float64.

        >>> Flattened((2, 1))(np.array([[[1], [2]]])).tolist()
        [[1.0, 2.0]]
        """
        return np.ascontiguousarray(rows, dtype=np.float64).reshape(len(rows), -1)


def plain_chain(module: nn.Module, rows: Array) -> Network | None:
    """The fully connected network that a module is; None where it is another function.

    Args:
        module: a copy in float64 and eval mode.
        rows: `(n, …)` on which both are compared.

    Raises:
        InputError: the network that was read computes something else than the module.

    >>> import torch
    >>> made = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1)).eval()
    >>> made = made.double().requires_grad_(False)
    >>> plain_chain(made, np.ones((4, 2))).activation, plain_chain(torch.nn.Bilinear(2, 2, 1), np.ones((4, 2)))
    ('tanh', None)
    """
    if _tied(module):
        return None
    walked = _walked(module)
    net = _network(walked) if walked is not None and not walked.norms else _traced(module, rows)
    if net is not None:
        _require_same(module, net, rows)
    return net


def folded_chain(module: nn.Module, rows: Array) -> Network | None:
    """As :func:`plain_chain` of an `nn.Sequential` with BatchNorm1d, each folded into a layer beside it.

    The network is marked reparameterised: claims are about the folded parameters, whose weight decay is another one.
    """
    walked = None if _tied(module) else _walked(module)
    if walked is None:
        return None
    net = _network(walked)
    _require_same(module, net, rows)
    return net


@dataclass
class _Walked:
    """Layers of nested sequences with the BatchNorms before and behind each, and the activation between them."""

    layers: list[list[Any]]
    activation: str | None = None

    @property
    def norms(self) -> bool:
        return any(before or behind for _, before, behind in self.layers)


def _walked(module: nn.Module) -> _Walked | None:
    """The parts of nested sequences in the order of use; None where they are no chain."""
    from torch import nn

    chain, found, pending = Chain("module"), _Walked([]), None
    beside = False  # whether a linear layer is the last thing that was met
    try:
        for name, part in parts_of(module, "", "module"):
            if type(part) is nn.Linear:
                chain.linear()
                found.layers.append([part, pending, None])
                pending, beside = None, True
            elif type(part) is nn.BatchNorm1d and part.running_mean is not None and pending is None:
                if beside:
                    found.layers[-1][2] = _norm(part)
                else:
                    pending = _norm(part)
                beside = False
            elif type(part) is not nn.Flatten:
                word = activation_word(part, name, "module")
                if pending is not None and word != "identity":
                    return None
                chain.activation(word)
                beside = beside and word == "identity"
        found.activation = chain.activation_between()
    except InputError:  # what this is about is said where the module is read as any other
        return None
    return None if pending is not None else found


def _network(walked: _Walked) -> Network:
    made = []
    for part, before, behind in walked.layers:
        W, b = part.weight.numpy(), None if part.bias is None else part.bias.numpy()
        made.append(fold(W, b, before, behind, "module") if before or behind else (W, b))
    return Network(tuple(W for W, _ in made), tuple(b for _, b in made), walked.activation or "identity",
                   reparameterised=walked.norms)


def _traced(module: nn.Module, rows: Array) -> Network | None:
    """The chain that torch.fx finds in code; None where there is none."""
    try:
        graph = trace(module, tuple(rows.shape[1:]), "module")
    except (*RAISED, InputError):
        return None
    chain, value, layers = Chain("module"), graph.input, []
    try:
        for node in graph.nodes:
            if node.inputs != (value,) or node.op not in (*ACTIVATIONS, "linear", "flatten"):
                return None
            if node.op == "linear":
                chain.linear()
                layers.append((node.weight, node.bias))
            elif node.op != "flatten":
                chain.activation(node.op)
            value = node.name
        word = chain.activation_between()
    except InputError:
        return None
    used = [name for layer in layers for name in layer if name is not None]
    if len(set(used)) < len(used):
        return None
    tensors = graph.tensors
    return Network(tuple(tensors[str(weight)] for weight, _ in layers),
                   tuple(None if bias is None else tensors[bias] for _, bias in layers), word or "identity")


def _norm(part: Any) -> BatchNorm:
    ones = np.ones(part.num_features)
    scale, shift = (ones, 0 * ones) if part.weight is None else (part.weight.numpy(), part.bias.numpy())
    return batch_norm([scale, shift, part.running_mean.numpy(), part.running_var.numpy()], part.eps, "module")


def _tied(module: nn.Module) -> bool:
    """Whether two layers share a parameter."""
    found = [id(tensor) for _, tensor in module.named_parameters(remove_duplicate=False)]
    return len(set(found)) < len(found)


def _require_same(module: nn.Module, net: Network, rows: Array) -> None:
    """Refuse a network that is not the module, as far as the rows show."""
    from certify.inputs.torch.fully_connected import module_of

    ours, flat = module_of(net), rows.reshape(len(rows), -1)
    theirs = one_tensor(passed(module, rows.astype(np.float64)), len(rows))
    found = one_tensor(passed(ours, flat.astype(np.float64)), len(rows))
    if found.shape != theirs.shape or not np.abs(found - theirs).max() <= SAME * max(1.0, float(np.abs(theirs).max())):
        raise InputError("module", "in eval mode it computes something else than its linear layers and activations",
                         "give a module without chance or other operations in eval mode")
