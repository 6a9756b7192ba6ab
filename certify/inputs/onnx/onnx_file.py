"""Reader of `.onnx` files whose graph is a chain of linear layers and activations; the onnx package is not needed.

A BatchNorm in eval mode is folded into the layer beside it (:mod:`certify.inputs.onnx.batch_norm`). Exporters fold
too. In both cases the parameters are not those of the network that was exported, and the archive is marked
*reparameterised*.
What an exporter did shows, if at all, in what it names things (torch 2.13):

* `torch.onnx.export(dynamo=True)` folds BatchNorm behind a linear layer under the layer's own names, and notes the rule
  at the node: `pkg.onnxscript.rewriter.rule_name = FuseBatchNormIntoGemm`. A bias that it makes is called
  `….weight_bias`. Tools that strip such notes leave nothing to see unless the layer had no bias.
* `dynamo=False` leaves such a BatchNorm in the graph. What it computes from parameters is called `onnx::Gemm_12`. In
  `onnx::MatMul_12` that cannot be told from the transposed weight of a layer without bias, which is no other
  parametrisation and has the same norm; it is not marked. Nor is what `dynamo=True` computes from parameters other
  than by that rule (weight norm gives a tensor called `mul`, which could be a parameter's name).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np

from certify.format.errors import InputError
from certify.inputs.chain import BRANCHES, SOFTMAX, Chain, key_of, numbered, require_option
from certify.inputs.formats.archive import Archive
from certify.inputs.onnx.batch_norm import BatchNorm, batch_norm, fold
from certify.inputs.onnx.external import Beside
from certify.inputs.onnx.parsing import Node, as_bytes, axes_of, node_of, opset_of, tensor_of, text_field
from certify.inputs.onnx.protobuf import fields

_ACTIVATIONS: Final = {
    "Relu": "relu", "LeakyRelu": "leaky_relu", "Elu": "elu", "Tanh": "tanh", "Sigmoid": "sigmoid",
    "Softplus": "softplus", "Gelu": "gelu", "Identity": "identity",
}
_GRAPH: Final = "write its graph: certify graph FILE.onnx"
_REMEDY: Final = ("export nn.Sequential of Linear and activations, in eval mode, or save its state_dict(), or "
                  f"{_GRAPH}")
_EPSILON: Final = struct.unpack("<f", struct.pack("<f", 1e-5))[0]
_EVAL_BY_OUTPUTS: Final = 9
"""From this version of the operations on a BatchNorm of one output is in eval mode, but for training_mode = 1."""
_SLOPE: Final = struct.unpack("<f", struct.pack("<f", 0.01))[0]


@dataclass
class _Layer:
    weight: np.ndarray[Any, Any]
    bias: np.ndarray[Any, Any] | None = None
    before: BatchNorm | None = None
    behind: BatchNorm | None = None


@dataclass
class _Place:
    """Where in the chain the reader is.

    Attributes:
        linear: whether the last operation that counts was a linear layer's.
        pending: a BatchNorm that the next linear layer has to take up.
        matrix: whether the value is known to have two axes, rows and features.
    """

    linear: bool = False
    pending: BatchNorm | None = None
    matrix: bool = False


class OnnxArchive(Archive):
    """The tensors of an exported chain, under the names '0.weight', '0.bias', '2.weight', … in the order of use.

    A weight is `(outputs, inputs)` as everywhere in certify; the file may hold its transpose.

    Args:
        content: the bytes of the file.
        asked: how to name the file in messages.
        folder: where it lies; tensors in other files are read from there alone. None: from nowhere.

    Raises:
        InputError: not an ONNX model, damaged, or its graph is not a plain chain (names the operation).
    """

    def __init__(self, content: bytes, asked: str, folder: Path | None = None) -> None:
        self._asked, self._beside = asked, Beside(folder, asked)
        self._layers: list[_Layer] = []
        self._place = _Place()
        try:
            self._version = opset_of(content)
            graphs = [value for number, wire, value in fields(content) if (number, wire) == (7, 2)]
            if any(number == 25 for number, _, _ in fields(content)):
                self._refuse("functions of its own", _REMEDY)
            if len(graphs) != 1 or not isinstance(graphs[0], bytes):
                raise ValueError(f"{len(graphs)} graphs")
            self._read_graph(graphs[0])
        except InputError:
            raise
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, struct.error) as error:
            reason = key_of(" ".join(str(error).split())) or type(error).__name__
            self._refuse(f"not an .onnx file, or damaged ({reason})", "export it again")
        arrays = [array for layer in self._layers for array in (layer.weight, layer.bias) if array is not None]
        self._arrays = dict(zip(numbered([layer.bias is not None for layer in self._layers]), arrays, strict=True))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tensors, in the order of use."""
        return tuple(self._arrays)

    def read(self, name: str) -> np.ndarray[Any, Any]:
        """The tensor of that name."""
        return self._arrays[name]

    def _read_graph(self, graph: bytes) -> None:
        nodes: list[Node] = []
        tensors: dict[str, bytes] = {}
        inputs: list[str] = []
        outputs: list[str] = []
        axes: dict[str, int | None] = {}
        for number, _, value in fields(graph):
            if number == 1:
                nodes.append(node_of(as_bytes(value)))
            elif number == 5:
                name = text_field(as_bytes(value), 8)
                if name in tensors:
                    raise ValueError(f"the tensor {name} occurs twice")
                tensors[name] = as_bytes(value)
            elif number in (11, 12):
                (inputs if number == 11 else outputs).append(text_field(as_bytes(value), 1))
                if number == 11 and inputs[-1] not in tensors:
                    axes[inputs[-1]] = axes_of(as_bytes(value))
            elif number == 15:
                self._refuse("sparse tensors", _REMEDY)
        inputs = [name for name in inputs if name not in tensors]
        if len(inputs) != 1 or len(outputs) != 1:
            self._refuse(f"a graph of {len(inputs)} inputs and {len(outputs)} outputs", _REMEDY)
        self._place.matrix = axes.get(inputs[0]) == 2
        self._follow(nodes, tensors, inputs[0], outputs[0])
        if self._place.pending is not None:
            self._refuse("a BatchNorm with no linear layer beside it", _REMEDY)
        for layer in self._layers:
            if layer.before is not None or layer.behind is not None:
                layer.weight, layer.bias = fold(layer.weight, layer.bias, layer.before, layer.behind, self._asked)

    def _follow(self, nodes: list[Node], tensors: dict[str, bytes], value: str, output: str) -> None:
        """Follow the input through the graph."""
        chain, used, before = Chain(self._asked), [], ""
        constants: dict[str, bytes] = {}  # what only a BatchNorm may use
        for node in nodes:
            if node.domain not in ("", "ai.onnx"):
                self._refuse(f"the operation {key_of(node.kind)} of the domain '{key_of(node.domain)}'", _REMEDY)
            if node.kind == "Identity" and node.inputs[0] in tensors:
                constants[node.outputs[0]] = tensors[node.inputs[0]]
                continue
            if node.kind == "Constant" and isinstance(node.options.get("value"), bytes):
                constants[node.outputs[0]] = node.options["value"]
                continue
            if node.kind == "BatchNormalization":
                self._batch_norm(node, value, constants | tensors)
                value, before = node.outputs[0], node.kind
                if value in tensors:
                    self._refuse(f"a BatchNorm with the output {key_of(value)}", _REMEDY)
                continue
            twice = next((name for name in node.inputs if name in constants), None)
            if twice is not None:
                self._refuse(f"the tensor '{key_of(twice)}' in two places: two layers share it, or hold equal "
                             "parameters that the exporter merged, or the network is no plain chain",
                             f"save its state_dict(), or {_GRAPH}")
            if sum(name != "" and name not in tensors for name in node.inputs) > 1:
                self._refuse(f"the operation {key_of(node.kind)} joins two branches of its graph",
                             f"{BRANCHES}, or {_GRAPH}" + (
                                 "; if it is SiLU's, save the state_dict()" if node.kind == "Mul" else ""))
            parameters = [name for name in node.inputs if name != value]
            if len(node.inputs) - len(parameters) != 1 or (node.inputs[0] != value and node.kind != "Add"):
                self._refuse(f"the operation {key_of(node.kind)} does not follow the one before it", _REMEDY)
            if node.kind in ("Gemm", "MatMul", "Add"):
                names = [name for name in parameters if name]
                missing = next((name for name in names if name not in tensors), None)
                if missing is not None or not 1 <= len(names) <= (2 if node.kind == "Gemm" else 1):
                    self._refuse(f"{node.kind} with '{key_of(missing or '')}', which is no stored tensor", _REMEDY)
                used += names
                self._look_for_folding(node, names)
                self._linear(node, [self._tensor(name, tensors[name]) for name in names], before, chain)
            else:
                self._activation(node, chain)
            if len(node.outputs) != 1 or node.outputs[0] in tensors:
                self._refuse(f"the operation {key_of(node.kind)} with outputs {key_of(str(node.outputs))}", _REMEDY)
            value, before = node.outputs[0], node.kind
        if value != output:
            self._refuse("an output that is not the last operation's", _REMEDY)
        if len(set(used)) < len(used):
            self._refuse("a parameter that two layers share", "give every layer parameters of its own")
        self.activation = chain.activation_between()

    def _batch_norm(self, node: Node, value: str, constants: dict[str, bytes]) -> None:
        """Hold a BatchNorm for the linear layer before it, else for the one behind it."""
        options, place = node.options, self._place
        if (len(node.outputs) != 1 or self._version < _EVAL_BY_OUTPUTS or options.get("training_mode", 0) != 0
                or not set(options) <= {"epsilon", "momentum", "training_mode"}):
            self._refuse("a BatchNorm in training mode, or of an old form", "export in eval mode, opset 9 or later")
        if node.inputs[:1] != [value]:
            self._refuse("a BatchNorm that does not follow the operation before it", _REMEDY)
        if len(node.inputs) != 5 or not set(node.inputs[1:]) <= set(constants):
            self._refuse("a BatchNorm whose numbers are no stored tensors", "export in eval mode")
        epsilon = options.get("epsilon", _EPSILON)
        if not isinstance(epsilon, float):
            raise ValueError(f"epsilon = {epsilon}")
        norm = batch_norm([self._tensor(name, constants[name]) for name in node.inputs[1:]], epsilon, self._asked)
        if place.linear and self._layers[-1].behind is None:
            if not place.matrix:
                self._refuse("a BatchNorm behind values of unknown shape", "export with an example input of two axes")
            self._layers[-1].behind = norm
        elif place.linear or place.pending is not None:
            self._refuse("two BatchNorms in a row", _REMEDY)
        else:
            place.pending = norm
        self.reparameterised = True

    def _look_for_folding(self, node: Node, names: list[str]) -> None:
        """Mark what an exporter's names and notes give away."""
        made = node.kind == "Gemm" and any(re.fullmatch(r"onnx::Gemm_[0-9]+", name) for name in names)
        bias = len(names) == 2 and names[1] == f"{names[0]}_bias"
        if made or bias or "BatchNorm" in node.rule:
            self.reparameterised = True

    def _linear(self, node: Node, arrays: list[np.ndarray[Any, Any]], before: str, chain: Chain) -> None:
        for option, given in node.options.items():
            wanted = {"alpha": (1,), "beta": (1,), "transA": (0,), "transB": (0, 1)}.get(option, ())
            if given not in wanted:
                self._refuse(f"{node.kind} with {key_of(option)} = {key_of(str(given))}", _REMEDY)
        if node.kind == "Add":
            if before != "MatMul" or self._layers[-1].bias is not None:
                self._refuse("an Add that is not the bias of a MatMul", _REMEDY)
            bias = arrays[0]
        else:
            chain.linear()
            self._place.linear, self._place.matrix = True, self._place.matrix or node.kind == "Gemm"
            transposed = node.options.get("transB", 0) == 1
            if arrays[0].ndim != 2:
                raise ValueError(f"a weight of shape {arrays[0].shape}")
            self._layers.append(_Layer(arrays[0] if transposed else np.ascontiguousarray(arrays[0].T)))
            if self._place.pending is not None and not self._place.matrix:
                self._refuse("a BatchNorm of values of unknown shape", "export with an example input of two axes")
            self._layers[-1].before, self._place.pending = self._place.pending, None
            if len(arrays) == 1:
                return
            bias = arrays[1]
        weight = self._layers[-1].weight
        if bias.shape not in ((len(weight),), (1, len(weight))):
            self._refuse(f"a bias of shape {bias.shape} for {len(weight)} outputs", _REMEDY)
        self._layers[-1].bias = bias.reshape(-1)

    def _activation(self, node: Node, chain: Chain) -> None:
        if node.kind == "Flatten" and node.options.get("axis", 1) == 1:
            self._place.matrix = True
            return
        if node.kind not in _ACTIVATIONS:
            remedy = SOFTMAX if node.kind in ("Softmax", "LogSoftmax") else _REMEDY
            self._refuse(f"the operation {key_of(node.kind)}, no part of a plain fully connected network", remedy)
        word = _ACTIVATIONS[node.kind]
        for option, given in node.options.items():
            if word == "leaky_relu" and option == "alpha" and given == _SLOPE:
                continue  # 0.01, in the only precision that this format has
            if (word, option) not in (("leaky_relu", "alpha"), ("elu", "alpha"), ("gelu", "approximate")):
                self._refuse(f"{word} with {key_of(option)}", _REMEDY)
            require_option(word, "negative_slope" if word == "leaky_relu" else option, given, self._asked)
        chain.activation(word)
        self._place.linear = self._place.linear and word == "identity"

    def _tensor(self, name: str, message: bytes) -> np.ndarray[Any, Any]:
        return tensor_of(name, message, self._beside, self._asked)

    def _refuse(self, found: str, remedy: str) -> NoReturn:
        raise InputError(self._asked, found, remedy)
