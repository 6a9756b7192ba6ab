"""Reader of `.pt2` files of torch.export: its graph, which must be a chain of linear layers, and its weights.

The graph is JSON and the weights are plain bytes: nothing in the file is executed, and torch is not needed.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from typing import Any, Final, NoReturn

import numpy as np

from certify.format.errors import InputError
from certify.format.words import Activation, words
from certify.inputs.chain import BATCH_NORM, BRANCHES, SOFTMAX, Chain, key_of, numbered, require_option
from certify.inputs.formats.archive import ZIP_ERRORS, Archive

_TYPES: Final = {1: "|u1", 2: "|i1", 3: "<i2", 4: "<i4", 5: "<i8", 6: "<f2", 7: "<f4", 8: "<f8", 13: "<u2"}
_BFLOAT16: Final = 13
_ACTIVATIONS: Final = {word: word for word in words(Activation) if word != Activation.IDENTITY}
"""Names of torch's operations, which are our words."""
_REMEDY: Final = "export nn.Sequential of Linear and activations, in eval mode, or save its state_dict()"
_LARGEST_JSON: Final = 64 << 20


class ExportArchive(Archive):
    """The tensors of an exported chain, under the names '0.weight', '0.bias', '2.weight', … in the order of use.

    Args:
        content: the bytes of the file.
        asked: how to name the file in messages.

    Raises:
        InputError: not an archive of torch.export, damaged, or its graph is not a plain chain (names the operation).
    """

    def __init__(self, content: bytes, asked: str) -> None:
        self._asked = asked
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
            members = self._zip.namelist()
        except ZIP_ERRORS as error:
            raise InputError(asked, f"not a .pt2 file, or damaged ({_line(error)})", "export it again") from None
        if "serialized_exported_program.json" in members:
            self._refuse("the archive of an older torch", "export it with torch 2.8 or later")
        graphs = [name for name in members if name.endswith(".json") and "/models/" in name]
        if len(graphs) != 1 or graphs[0].count("/") != 2:
            self._refuse(f"{len(graphs)} exported graphs", "export one module with torch.export.save")
        self._root = graphs[0].partition("/")[0]
        if f"{self._root}/byteorder" in members and self._member("byteorder") != b"little":
            self._refuse("numbers in the byte order of another machine", "export it on a usual machine")
        try:
            self._config = self._json("data/weights/model_weights_config.json")["config"]
            program = self._json(graphs[0].partition("/")[2])
            layers = self._follow(program["graph_module"])
            self._tensors = self._named(layers)
        except InputError:
            raise
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            self._refuse(f"damaged, or of a form that is not known ({_line(error)})", "export it again")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tensors, in the order of use."""
        return tuple(self._tensors)

    def read(self, name: str) -> np.ndarray[Any, Any]:
        """The tensor of that name."""
        parameter = self._tensors[name]
        try:
            return self._tensor(parameter)
        except InputError:
            raise
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
            self._refuse(f"tensor '{key_of(parameter)}' is damaged ({_line(error)})", "export it again")

    def _follow(self, module: dict[str, Any]) -> list[tuple[str, str | None]]:
        """Names of weight and bias of every linear layer, by following the input through the graph."""
        graph, parameters, chain = module["graph"], {}, Chain(self._asked)
        inputs = []
        for spec in module["signature"]["input_specs"]:
            (kind, entry), = spec.items()
            if kind == "parameter":
                parameters[entry["arg"]["name"]] = entry["parameter_name"]
            elif kind == "user_input":
                inputs.append(entry["arg"]["as_tensor"]["name"])
            else:
                name = key_of(str(entry.get("buffer_name", "")))
                norm = name.rpartition(".")[2] in ("running_mean", "running_var", "num_batches_tracked")
                found = f"its graph has the buffer '{name}'" if name else f"its graph has a {key_of(kind)}"
                self._refuse(found + (", of a BatchNorm" if norm else ""), BATCH_NORM if norm else _REMEDY)
        outputs = module["signature"]["output_specs"]
        if len(inputs) != 1 or len(outputs) != 1 or set(outputs[0]) != {"user_output"}:
            self._refuse(f"a graph of {len(inputs)} inputs and {len(outputs)} outputs", _REMEDY)
        value, layers = inputs[0], []
        for node in graph["nodes"]:
            operation = node["target"].removeprefix("torch.ops.aten.").removesuffix(".default")
            arguments = {entry["name"]: entry["arg"] for entry in node["inputs"]}
            taken = [argument["as_tensor"]["name"] for argument in arguments.values() if "as_tensor" in argument]
            if sum(name not in parameters for name in taken) > 1:
                self._refuse(f"the operation {key_of(operation)} joins two branches of its graph", BRANCHES)
            first = node["inputs"][0]["arg"]
            if first.get("as_tensor", {}).get("name") != value:
                self._refuse(f"the operation {key_of(operation)} does not follow the one before it", _REMEDY)
            if operation == "linear":
                weight, bias = (self._parameter(arguments.get(key), parameters) for key in ("weight", "bias"))
                if weight is None:
                    raise ValueError("a linear layer without a weight")
                chain.linear()
                layers.append((weight, bias))
            else:
                self._activation(operation, arguments, chain)
            (output,) = node["outputs"]
            value = output["as_tensor"]["name"]
            if value in parameters:
                raise ValueError(f"the operation {operation} overwrites a parameter")
        if outputs[0]["user_output"]["arg"]["as_tensor"]["name"] != value:
            self._refuse("an output that is not the last operation's", _REMEDY)
        self.activation = chain.activation_between()
        return layers

    def _activation(self, operation: str, arguments: dict[str, Any], chain: Chain) -> None:
        """An operation without parameters: an activation with its usual options, or nothing at all."""
        options = {key: next(iter(value.items())) for key, value in list(arguments.items())[1:]}
        if operation == "dropout" and options.get("train") == ("as_bool", False):
            return
        if operation not in _ACTIVATIONS:
            remedy = SOFTMAX if "softmax" in operation else _REMEDY
            self._refuse(f"the operation {key_of(operation)}, no part of a plain fully connected network", remedy)
        word = _ACTIVATIONS[operation]
        for option, (_, given) in options.items():
            if option in ("scale", "input_scale") and type(given) in (int, float) and given == 1:
                continue
            if option not in ("negative_slope", "alpha", "beta", "threshold", "approximate"):
                self._refuse(f"{word} with {key_of(option)}", _REMEDY)
            require_option(word, option, given, self._asked)
        chain.activation(word)

    def _parameter(self, argument: dict[str, Any] | None, parameters: dict[str, str]) -> str | None:
        if argument is None or "as_none" in argument:
            return None
        name = argument["as_tensor"]["name"]
        if name not in parameters:
            self._refuse(f"a linear layer whose weight or bias '{key_of(name)}' is no parameter", _REMEDY)
        return parameters[name]

    def _named(self, layers: list[tuple[str, str | None]]) -> dict[str, str]:
        keys = numbered([bias is not None for _, bias in layers])
        stored = [name for layer in layers for name in layer if name is not None]
        if len(set(stored)) < len(stored):
            self._refuse("a parameter that two layers share", "give every layer parameters of its own")
        paths = [self._config[name]["path_name"] for name in stored]
        if len(set(paths)) < len(paths):
            self._refuse("two parameters in one place", "give every layer parameters of its own")
        return dict(zip(keys, stored, strict=True))

    def _tensor(self, parameter: str) -> np.ndarray[Any, Any]:
        entry = self._config[parameter]
        meta, asked = entry["tensor_meta"], f"tensor '{key_of(parameter)}'"
        if entry["use_pickle"] is not False or meta["dtype"] not in _TYPES:
            self._refuse(f"{asked} is pickled or not of real numbers", "export it again with float32 or float64")
        shape, strides = (tuple(_whole(v["as_int"]) for v in meta[key]) for key in ("sizes", "strides"))
        offset, dtype = _whole(meta["storage_offset"]["as_int"]), np.dtype(_TYPES[meta["dtype"]])
        path = entry["path_name"]
        if not isinstance(path, str):
            raise ValueError("a path that is no text")
        flat = np.frombuffer(self._member(f"data/weights/{path}"), dtype)
        if not math.prod(shape) or len(shape) != len(strides) or math.prod(shape) > flat.size:
            self._refuse(f"{asked} is empty or larger than its bytes (shape {shape})", "export it again")
        if offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) >= flat.size:
            self._refuse(f"{asked} reaches beyond its bytes", "export it again")
        steps = tuple(s * dtype.itemsize for s in strides)
        array = np.lib.stride_tricks.as_strided(flat[offset:], shape, steps, writeable=False)
        if meta["dtype"] == _BFLOAT16:
            return (array.astype("<u4") << 16).view("<f4")
        return np.ascontiguousarray(array)

    def _json(self, name: str) -> Any:
        content = self._member(name)
        if len(content) > _LARGEST_JSON:
            self._refuse(f"{len(content)} bytes of JSON in {key_of(name)}", "export a smaller module")
        try:
            return json.loads(content)
        except RecursionError:
            raise ValueError("JSON nested too deeply") from None

    def _member(self, name: str) -> bytes:
        try:
            member = self._zip.getinfo(f"{self._root}/{name}")
            if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
                self._refuse(f"its member {key_of(name)} is compressed or encrypted", "use torch.export.save")
            return self._zip.read(member)
        except InputError:
            raise
        except ZIP_ERRORS as error:
            self._refuse(f"damaged ({_line(error)})", "copy or export it again")

    def _refuse(self, found: str, remedy: str) -> NoReturn:
        raise InputError(self._asked, found, remedy)


def _whole(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**40:
        raise ValueError("a size that is no whole number")
    return value


def _line(error: BaseException) -> str:
    return key_of(" ".join(str(error).split())[:100]) or type(error).__name__
