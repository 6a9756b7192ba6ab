"""A traced graph against its module: at rows and parameters drawn at random they have to return the same."""

from __future__ import annotations

import copy
import math
from collections.abc import Collection
from typing import Any, Final

import numpy as np

from certify.format.errors import InputError
from certify.inputs.torch.copies import RAISED, in_float64
from certify.inputs.torch.tracing.recorder import REMEDY
from certify.network.graph.compiled import compile_graph
from certify.network.graph.floats import outputs_in_floats
from certify.network.graph.graph import GraphNetwork
from certify.rigor.arithmetic import Binary64

ROWS: Final = (3, 1)
"""Numbers of rows that are drawn."""
CLOSE: Final = 1e-7
"""Largest difference, relative to the largest output, that rounding in float64 is taken for."""


def require_untied(module: Any, used: Collection[str], asked: str) -> None:
    """Refuse a parameter with two names, which a graph would take for two.

    Raises:
        InputError: two of the names used are one parameter.
    """
    first: dict[int, str] = {}
    for name, tensor in module.named_parameters(remove_duplicate=False):
        known = first.setdefault(id(tensor), name)
        if known != name and {known, name} <= set(used):
            raise InputError(asked, f"parameters '{known}' and '{name}' are one", "give every layer its own")


def require_values(module: Any, network: GraphNetwork, asked: str) -> None:
    """Refuse a graph that returns something else than its module.

    What no step of a trace shows is seen here: operations in place whose input is read again, and a forward that was
    replaced. A comparison in floats proves nothing; it refuses only.

    Args:
        module: in float64 and eval mode.
        network: its graph.
        asked: how to name the module in messages.

    Raises:
        InputError: the outputs differ.
    """
    import torch

    draw = np.random.default_rng(0)
    module = copy.deepcopy(module)
    tensors = _drawn(network, draw)
    held = module.state_dict()
    for name, array in tensors.items():
        held[name].copy_(torch.from_numpy(array))
    for tensor in module.parameters():
        tensor.requires_grad_(True)  # else torch may leave out the modules within its transformers
    made = compile_graph(GraphNetwork(network.nodes, tensors, network.shape, network.output, network.input), Binary64())
    for rows in ROWS:
        X = _rows(network, rows, draw)
        with np.errstate(all="ignore"):
            ours = outputs_in_floats(made, X.reshape(rows, -1).astype(np.float64))
        try:
            with in_float64(), torch.enable_grad():
                theirs = module(torch.from_numpy(X)).detach().numpy()
        except RAISED:
            continue  # a module that takes several rows alone
        if not _close(ours, theirs):
            raise InputError(asked, "its graph would return something else, as rows drawn at random show: a step in "
                             "place whose input is read again, or a forward that was replaced", REMEDY)


def _drawn(network: GraphNetwork, draw: np.random.Generator) -> dict[str, Any]:
    """Its tensors, each a little elsewhere, so that zeros and ones hide nothing."""
    moved = {}
    for node in network.nodes:
        for role, name in node.tensors.items():
            array = network.tensors[name]
            size = 0.3 if array.ndim < 2 else 0.5 / math.sqrt(array.size / len(array))
            moved[name] = array * draw.uniform(0.7, 1.4, size=array.shape) + (
                0.1 if role == "var" else size * draw.normal(size=array.shape))
    return moved


def _rows(network: GraphNetwork, rows: int, draw: np.random.Generator) -> Any:
    if not network.discrete:
        return draw.normal(size=(rows, *network.shape))
    lengths = [len(network.tensors[str(node.weight)]) for node in network.nodes if node.op == "embedding"]
    return draw.integers(min(lengths), size=(rows, *network.shape))


def _close(ours: Any, theirs: Any) -> bool:
    if ours.size != theirs.size:
        return False
    ours = ours.reshape(theirs.shape)
    if not np.isfinite(ours).all() or not np.isfinite(theirs).all():
        return bool(np.isfinite(ours).all() == np.isfinite(theirs).all())
    return bool(np.abs(ours - theirs).max() <= CLOSE * max(1.0, float(np.abs(theirs).max())))
