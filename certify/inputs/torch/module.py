"""The torch module a spec names, with the tensors of its file: a factory's, or a plain fully connected network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from certify.format.errors import InputError
from certify.inputs.formats.archive import listed
from certify.inputs.formats.table import open_archive
from certify.inputs.model import read_network_and_names
from certify.inputs.torch.factory import call_factory
from certify.spec.sources import read_source

if TYPE_CHECKING:
    from torch import nn

    from certify.spec.models import Spec


def read_module(spec: Spec, folder: Path) -> tuple[nn.Module, dict[str, str]]:
    """The module in eval mode, in the precision of the file (float32 at least); torch must be there.

    Args:
        spec: names the file and either a factory, whose code is run, or widths and activation.
        folder: the spec's folder; paths are relative to it.

    Returns:
        The module, and what the file calls each of its tensors.

    Raises:
        InputError: the file is missing, damaged or a pickle; its tensors are not exactly those of the module.
    """
    from certify.inputs.torch.fully_connected import module_of

    if spec.model.factory is None:
        network, prefixes = read_network_and_names(spec, folder)
        module = module_of(network)
        layers = [f"{2 * h}" for h in range(len(prefixes))]
        names = {f"{layer}.{last}": f"{prefix}.{last}" if prefix else last
                 for layer, prefix in zip(layers, prefixes, strict=True) for last in ("weight", "bias")}
        return module, {name: names[name] for name in module.state_dict()}
    made, stored = made_and_filled(spec.model.factory, folder / spec.model.file, folder)
    return made, {name: name for name in stored}


def made_and_filled(factory: str, weights: Path, folder: Path) -> tuple[nn.Module, tuple[str, ...]]:
    """The module that a factory makes, in eval mode, with the tensors of a file; the factory's code is run.

    Nothing in the file is: a pickle is followed by a reader that calls nothing
    (:mod:`certify.inputs.torch.weights_file`).

    Args:
        factory: `package.module:callable`.
        weights: `.safetensors`, or a state dict as `.pt`, `.pth` or `.th`.
        folder: where modules are looked for, after the usual places.

    Returns:
        The module in the precision of the file, float32 at least, and the names of the file's tensors.

    Raises:
        InputError: the file is missing, damaged or a pickle of more than tensors; its tensors are not those of the
            module.
        SpecError: no such module or callable, or it raised an error.
    """
    source = read_source(weights, "model")
    archive = open_archive(source, "model")
    arrays = {name: archive.read(name) for name in archive.names}
    key = f'model.factory = "{factory}"'
    made = _made(call_factory(factory, folder), key)
    _load(made, arrays, key, f"model file {source.path}")
    return made, tuple(arrays)


def _made(module: Any, key: str) -> nn.Module:
    from torch import nn

    if not isinstance(module, nn.Module):
        raise InputError(key, f"the callable returned a {type(module).__name__}", "return a torch.nn.Module")
    return module.eval()  # every new module is in train mode; the weights of a file are those of a trained one


def _load(module: nn.Module, arrays: Mapping[str, np.ndarray[Any, Any]], key: str, asked: str) -> None:
    """Put the arrays into the module, strictly: every name and shape of either side on the other."""
    import torch

    wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    absent, unknown = [n for n in wanted if n not in arrays], [n for n in arrays if n not in wanted]
    if absent or unknown:
        found = [f"the file lacks {listed(absent, 3)}"] if absent else []
        found += [f"the module has no {listed(unknown, 3)}"] if unknown else []
        raise InputError(asked, " and ".join(found), f"save the state_dict of the module that {key} makes")
    for name, shape in wanted.items():
        if arrays[name].shape != shape:
            raise InputError(asked, f"tensor '{name}' has shape {arrays[name].shape}, the module's has {shape}",
                             f"give the file that belongs to {key}")
    floats = [array.dtype for array in arrays.values() if array.dtype.kind == "f"]
    module.to(torch.float64 if np.dtype(np.float64) in [d.newbyteorder("=") for d in floats] else torch.float32)
    module.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()})
