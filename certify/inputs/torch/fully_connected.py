"""A fully connected network that was read from files, as a torch module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

if TYPE_CHECKING:
    from certify.network.network import Network

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU, "leaky_relu": nn.LeakyReLU, "elu": nn.ELU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid,
    "softplus": nn.Softplus, "gelu": nn.GELU, "silu": nn.SiLU, "identity": nn.Identity,
}


def module_of(network: Network) -> nn.Sequential:
    """The network as a torch module in eval mode, float64, with names "0.weight", "0.bias", "2.weight", ….

    >>> from certify.network.network import Network
    >>> net = module_of(Network((np.array([[1.0, 2.0]]), np.array([[3.0]])), (None, np.array([4.0])), "relu"))
    >>> list(net.state_dict()), net(torch.tensor([[1.0, 1.0]], dtype=torch.float64)).tolist()
    (['0.weight', '2.weight', '2.bias'], [[13.0]])
    """
    parts: list[nn.Module] = []
    for weight, bias in zip(network.weights, network.biases, strict=True):
        linear = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(np.array(weight)))
            if bias is not None:
                linear.bias.copy_(torch.from_numpy(np.array(bias)))
        parts += [linear, _ACTIVATIONS[network.activation]()]
    return nn.Sequential(*parts[:-1]).eval()
