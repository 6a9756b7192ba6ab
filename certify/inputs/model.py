"""The network a spec names, from its file: weight and bias pairs in natural key order."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from certify.format.errors import InputError
from certify.inputs.chain import BATCH_NORM
from certify.inputs.formats.archive import Archive, listed
from certify.inputs.formats.table import open_archive
from certify.inputs.numbers import exact_float64
from certify.network.network import Network
from certify.spec.sources import read_source

if TYPE_CHECKING:
    from certify.network.graph.graph import GraphNetwork
    from certify.spec.models import Spec


def read_network(spec: Spec, folder: Path) -> Network:
    """Read a plain fully connected network.

    Args:
        spec: names the file, the widths and the activation; and a factory, whose code is run, if it likes.
        folder: the spec's folder; paths are relative to it.

    Raises:
        InputError: the file is missing, damaged or a pickle; a key is no weight or bias; the shapes are not
            those of the widths (says both); a parameter is not finite (says where); the file's own graph or the
            factory's module is another network.
    """
    return read_network_and_names(spec, folder)[0]


def read_network_and_names(spec: Spec, folder: Path) -> tuple[Network, list[str]]:
    """As :func:`read_network`, and the names that the file gives its layers, in order."""
    source = read_source(folder / spec.model.file, "model")
    archive = open_archive(source, "model")
    asked = f"model file {source.path}"
    prefixes = _layers(archive, asked)
    raw = {name: archive.read(name) for name in archive.names}
    if spec.model.factory is not None:
        _require_factory(spec, folder, {name: array.shape for name, array in raw.items()}, prefixes, asked)
    widths, activation = spec.model.widths, spec.model.activation
    assert widths is not None and activation is not None  # require_spec, or the factory
    if archive.activation not in (None, activation):
        raise InputError(
            asked, f'its layers are joined by {archive.activation}, model.activation is "{activation}"',
            f'give activation = "{archive.activation}"',
        )
    _require_widths(widths, [raw[_join(p, "weight")] for p in prefixes], prefixes, asked)
    weights, biases = [], []
    for prefix, (_, out) in zip(prefixes, pairwise(widths), strict=True):
        bias = raw.get(_join(prefix, "bias"))
        if bias is not None and bias.shape != (out,):
            raise InputError(
                asked, f"'{_join(prefix, 'bias')}' has shape {bias.shape}, widths {list(widths)} need ({out},)",
                "correct model.widths or the file",
            )
        weights.append(exact_float64(raw[_join(prefix, "weight")], f"'{_join(prefix, 'weight')}' in {asked}"))
        biases.append(None if bias is None else exact_float64(bias, f"'{_join(prefix, 'bias')}' in {asked}"))
    return Network(tuple(weights), tuple(biases), activation, archive.reparameterised), prefixes


def read_graph_network(spec: Spec, folder: Path) -> GraphNetwork:
    """Read the graph that a spec names, with the tensors of its model file.

    A factory, where the spec has one, is run, its module is traced, and must give the same graph.

    Args:
        spec: with `model.graph`.
        folder: the spec's folder; paths are relative to it.

    Raises:
        InputError: graph and model do not fit together; the factory's module is another network.
    """
    from certify.inputs.graph_file import read_graph

    assert spec.model.graph is not None
    network = read_graph(folder / spec.model.graph, folder / spec.model.file)
    if spec.model.factory is not None:
        from certify.inputs.torch.factory import call_factory
        from certify.inputs.torch.trace import require_same, trace

        key = f'model.factory = "{spec.model.factory}"'
        require_same(network, trace(call_factory(spec.model.factory, folder), network.shape, key), key)
    return network


def _require_factory(
    spec: Spec, folder: Path, shapes: dict[str, tuple[int, ...]], prefixes: list[str], asked: str
) -> None:
    """Run the factory, and hold the spec and the file against its module."""
    from certify.inputs.torch import factory

    assert spec.model.factory is not None
    key = f'model.factory = "{spec.model.factory}"'
    found = factory.recognise(factory.call_factory(spec.model.factory, folder), key)
    factory.require_spec_agrees(found, spec.model.widths, spec.model.activation, key)
    factory.require_file(found, shapes, prefixes, asked)


def widths_of(path: Path) -> list[int]:
    """Widths of the fully connected network in a file: the first of :func:`chain_of`."""
    return chain_of(path)[0]


def chain_of(path: Path) -> tuple[list[int], str | None]:
    """Widths of the fully connected network in a file, and the activation between its layers where the file says it.

    Raises:
        InputError: its weights do not chain up.
    """
    archive = open_archive(read_source(path, "model"), "model")
    asked = f"model file {path}"
    shapes = [archive.read(_join(prefix, "weight")).shape for prefix in _layers(archive, asked)]
    if any(len(s) != 2 for s in shapes) or any(a[0] != b[1] for a, b in pairwise(shapes)):
        raise InputError(asked, f"weights of shapes {shapes} are no chain of layers", "write widths yourself")
    return [shapes[0][1], *(shape[0] for shape in shapes)], archive.activation


def natural(key: str) -> list[tuple[int, int, str]]:
    """A sorting key in which numbers count as numbers.

    >>> sorted(["10.weight", "2.weight", "fc.weight"], key=natural)
    ['2.weight', '10.weight', 'fc.weight']
    """
    parts = re.split(r"([0-9]+)", key)
    return [(0, int(p), "") if p.isdecimal() and p.isascii() else (1, 0, p) for p in parts if p]


def _layers(archive: Archive, asked: str) -> list[str]:
    """Prefixes of the layers' keys, in natural order; every key must belong to one."""
    _refuse_other_layers(archive, asked)
    prefixes: dict[str, set[str]] = {}
    for key in archive.names:
        prefix, _, last = key.rpartition(".")
        if last not in ("weight", "bias"):
            raise InputError(
                asked, f"the key '{key}' is neither a weight nor a bias; it holds {listed(archive.names)}",
                "save a plain fully connected network: '0.weight', '0.bias', '2.weight', …"
                + (" (kernels of Keras or Flax transposed)" if any("kernel" in name for name in archive.names) else ""),
            )
        prefixes.setdefault(prefix, set()).add(last)
    for prefix, found in prefixes.items():
        if "weight" not in found:
            raise InputError(
                asked, f"'{_join(prefix, 'bias')}' has no '{_join(prefix, 'weight')}'", "save both or neither"
            )
    if not prefixes:
        raise InputError(asked, "no tensor in it", "save the network's state_dict")
    return sorted(prefixes, key=natural)


_REMEDY = "only chains of linear layers and activations can be read"


def _refuse_other_layers(archive: Archive, asked: str) -> None:
    """Name a layer that no fully connected network has, by the shape of its weight or the names of its buffers."""
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    found = next((key for key in archive.names if key.rpartition(".")[2] in buffers), None)
    if found is not None:
        raise InputError(asked, f"not a fully connected network: '{found}' belongs to a BatchNorm", BATCH_NORM)
    for key in archive.names:
        if key.rpartition(".")[2] != "weight":
            continue
        shape = archive.read(key).shape
        if len(shape) >= 3:
            raise InputError(
                asked, f"not a fully connected network: '{key}' has shape {shape}, a convolution", _REMEDY
            )
        if len(shape) < 2:
            raise InputError(
                asked, f"not a fully connected network: '{key}' has shape {shape}, a normalisation", _REMEDY
            )


def _require_widths(
    widths: tuple[int, ...], weights: list[np.ndarray[Any, Any]], prefixes: list[str], asked: str
) -> None:
    """Refuse weights whose shapes are not those of the widths, quoting both."""
    wanted = [(out, into) for into, out in pairwise(widths)]
    found = [w.shape for w in weights]
    if found == wanted:
        return
    remedy = "correct model.widths"
    if all(len(shape) == 2 for shape in found) and all(a[1] == b[0] for b, a in pairwise(found)):
        remedy += f" (the file fits widths = {[found[0][1], *(shape[0] for shape in found)]})"
    elif [shape[::-1] for shape in found] == wanted:
        remedy = "transpose the weights: a weight is stored as (outputs, inputs)"
    if len(found) != len(wanted):
        keys = listed([_join(p, "weight") for p in prefixes])
        raise InputError(
            asked, f"{len(found)} weights ({keys}), widths {list(widths)} need {len(wanted)}", remedy
        )
    h = next(h for h, (f, w) in enumerate(zip(found, wanted, strict=True)) if f != w)
    raise InputError(
        asked, f"'{_join(prefixes[h], 'weight')}' has shape {found[h]}, widths {list(widths)} need {wanted[h]}", remedy
    )


def _join(prefix: str, last: str) -> str:
    return f"{prefix}.{last}" if prefix else last
