"""The graph of a torch module: traced once by torch.fx, then written to a file that needs no code."""

from __future__ import annotations

import copy
import operator
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from certify.format.errors import InputError, SpecError
from certify.inputs.torch.copies import RAISED, in_float64, line_of
from certify.inputs.torch.tracing.functions import added_parameter, functions, repeated
from certify.inputs.torch.tracing.images import averaged, padded, strided, two
from certify.inputs.torch.tracing.modules import plain_word, told
from certify.inputs.torch.tracing.moves import move, written
from certify.inputs.torch.tracing.products import followed, gated, multiplied
from certify.inputs.torch.tracing.recorder import REMEDY, Recorder
from certify.inputs.torch.tracing.values import require_untied, require_values
from certify.network.graph.graph import ACTIVATIONS, GraphNetwork, Node

_PLAIN: Final = frozenset(ACTIVATIONS) - {"identity"}


def trace(module: Any, shape: tuple[int, ...], asked: str = "module") -> GraphNetwork:
    """Trace a torch module in eval mode; its own tensors are the graph's.

    Args:
        module: a `torch.nn.Module` of convolutions, linear layers, BatchNorm2d, pooling, activations, sums, flattening,
            strided slices and padding of channels; or of attention, LayerNorm, linear layers and activations over
            sequences.
        shape: shape of one row of the input, e.g. `(3, 32, 32)`, or `(tokens, channels)`.
        asked: how to name the module in messages.

    Raises:
        InputError: it does something that no operation of a graph is; names it.
        SpecError: torch is not installed.

    The graph describes the module; `GraphNetwork.tensors` are its parameters in float64.
    """
    try:
        import torch
        from torch import fx
    except ImportError:
        raise SpecError(asked, "torch is not installed", "pip install torch") from None
    if not isinstance(module, torch.nn.Module):
        raise InputError(asked, f"a {type(module).__name__}", "give a torch.nn.Module")
    module = copy.deepcopy(module).eval().to(torch.float64)
    for name, part in module.named_modules():
        if part._forward_hooks or part._forward_pre_hooks:
            raise InputError(asked, f"{type(part).__name__} '{name}' has hooks, which are code", "remove them")
    try:
        with in_float64():
            tracer = fx.Tracer()
            tracer.proxy_buffer_attributes = True  # so that they may be cut to the length of a row
            traced = fx.GraphModule(module, tracer.trace(module))
    except (fx.proxy.TraceError, TypeError, RuntimeError) as error:
        raise InputError(asked, f"torch.fx cannot trace it ({error})", REMEDY) from None
    stored = frozenset(module.state_dict())
    reader = _read(traced, shape, asked, stored, 2)
    if reader.nodes != _read(traced, shape, asked, stored, 3).nodes:
        raise InputError(asked, "its numbers depend on how many rows pass through at once", REMEDY)
    used = {name for node in reader.nodes for name in node.tensors.values()}
    tensors = {name: tensor.numpy().copy() for name, tensor in module.state_dict().items() if name in used}
    left = {name for name, _ in module.named_parameters()} - used
    if left:
        raise InputError(asked, f"parameter '{min(left)}' is not used by the output", "remove it")
    require_untied(module, used, asked)
    network = GraphNetwork(reader.needed(), tensors, tuple(shape), reader.output)
    require_values(module, network, asked)
    return network


def _read(traced: Any, shape: tuple[int, ...], asked: str, stored: frozenset[str], rows: int) -> _Reader:
    """Follow the traced module with some rows of zeros."""
    import torch

    reader = _Reader(asked, traced, rows, stored)
    zeros = torch.zeros((rows, *shape), dtype=torch.float64)
    try:
        with in_float64():
            reader.run(zeros.long() if _reads_tokens(traced) else zeros)
    except InputError:
        raise
    except RAISED as error:
        raise InputError(asked, f"its forward raised {type(error).__name__} at rows of shape {tuple(shape)} in float64"
                         f": {line_of(error)}", "give the shape of its rows (--shape), and a module that computes in "
                         "float64") from None
    return reader


def _reads_tokens(traced: Any) -> bool:
    """Whether an embedding reads the row."""
    from torch import nn

    return any(n.op == "call_module" and type(traced.get_submodule(n.target)) is nn.Embedding and n.args
               and n.args[0].op == "placeholder" for n in traced.graph.nodes)


def write_graph(factory: str, shape: str, path: Path) -> dict[str, int]:
    """Trace the module a factory returns, and write its graph file.

    Args:
        factory: `package.module:callable`; modules are also looked for in the folder of `path`.
        shape: shape of one row, e.g. "3,32,32".
        path: the file; one that is there is not replaced.

    Returns:
        How often each operation occurs.

    Raises:
        SpecError: the factory or the shape is none.
        InputError: the module is no graph, or the file cannot be written.
    """
    from certify.inputs.graph_file import graph_bytes
    from certify.inputs.graphs.new_file import write_new
    from certify.inputs.torch.factory import call_factory

    if re.fullmatch(r"[1-9][0-9]{0,6}(,[1-9][0-9]{0,6}){0,2}", shape) is None:
        raise SpecError(f"--shape {shape}", "no shape of a row",
                        "give features, tokens,channels as 8,16, or channels,height,width as 3,32,32")
    network = trace(call_factory(factory, path.parent), tuple(map(int, shape.split(","))), f"factory {factory}")
    write_new(path, graph_bytes(network.nodes, network.shape, network.output, network.input), "graph file")
    return network.operations


def require_same(network: GraphNetwork, traced: GraphNetwork, key: str) -> None:
    """Refuse a graph file that does not say what the factory's module does; names of nodes do not matter.

    Raises:
        InputError: another operation, tensor or option.
    """
    numbers: dict[Any, int] = {}
    theirs, ours = _meaning(traced, numbers), _meaning(network, numbers)
    if ours[network.output] == theirs[traced.output]:
        return
    known = set(theirs.values())
    odd = next((n.name for n in network.nodes if ours[n.name] not in known), network.output)
    raise InputError(key, f"the module does not compute node '{odd}' of the graph file", "write the graph file again")


def _meaning(network: GraphNetwork, numbers: dict[Any, int]) -> dict[str, int]:
    """A number for what each node computes, whatever its name; nodes of two graphs with one number compute the same."""
    found = {network.input: numbers.setdefault(("input", network.shape), len(numbers))}
    for node in network.nodes:
        inputs = tuple(found[name] for name in node.inputs)
        plain = (replace(node, name="", inputs=()), tuple(sorted(inputs)) if node.op == "add" else inputs)
        found[node.name] = numbers.setdefault(plain, len(numbers))
    return found


class _Reader(Recorder):
    """Follows the traced module with zeros, and turns what it does into nodes."""

    output = ""

    def run(self, zeros: Any) -> None:
        """Run every node of the trace."""
        import torch
        from torch import fx

        reader = self

        class Follower(fx.Interpreter):  # type: ignore[misc]
            def run_node(self, n: Any) -> Any:
                result = super().run_node(n)
                reader.results[n] = result
                if n.op == "placeholder":
                    if reader.names:
                        reader.refuse(n, "a second input")
                    reader.names[n] = "input"
                elif n.op == "output":
                    if n.args[0] in reader.moved:
                        written(reader, n, n.args[0])
                    if n.args[0] not in reader.names:
                        reader.refuse(n, "an output that is no single tensor")
                    reader.output = reader.names[n.args[0]]
                elif n.op == "get_attr":
                    if n.target in reader.stored:
                        held = reader.parameters if isinstance(result, torch.nn.Parameter) else reader.buffers
                        held[n] = str(n.target)
                elif reader.depends(n):
                    reader.tensor(n, result)
                return result

        follower = Follower(self.traced)
        follower.extra_traceback = False  # it would be appended to our messages
        follower.run(zeros)

    def needed(self) -> tuple[Node, ...]:
        """The nodes that the output depends on."""
        wanted = {self.output}
        for node in reversed(self.nodes):
            wanted |= set(node.inputs) if node.name in wanted else set()
        return tuple(node for node in self.nodes if node.name in wanted)

    def depends(self, n: Any) -> bool:
        """Whether a step makes tensors of the network's values or parameters."""
        import torch

        result = self.results[n]
        made = isinstance(result, torch.Tensor) or (
            isinstance(result, tuple | list) and any(isinstance(part, torch.Tensor) for part in result))
        if made and repeated(self, n):
            return False
        return made and any(x in self.names or x in self.moved or x in self.parameters or x in self.scores or (
            n.op == "call_module" and x in self.results) for x in n.all_input_nodes)

    def tensor(self, n: Any, result: Any) -> None:
        """Turn one step that makes a tensor into a node, or into another name of its input."""
        import torch

        args = [self.value(a) for a in n.args]
        options = {key: self.value(a) for key, a in n.kwargs.items()}
        if followed(self, n, args, options, result):
            return
        if n.op == "call_module" and told(self, n, self.traced.get_submodule(n.target), args, options):
            return
        if n.op == "call_function" and n.target in functions():
            self._told(n, args, options)
            return
        if args and self._moves(n, args, result) and move(self, n, args, options):
            return
        if not isinstance(result, torch.Tensor) or result.ndim < 2 or len(result) != self.rows:
            found = f"shape {tuple(result.shape)}" if isinstance(result, torch.Tensor) else "several tensors"
            self.refuse(n, f"a value of {found} for {self.rows} rows")
        if args and args[0] in self.moved and n.op == "call_module" and type(
                self.traced.get_submodule(n.target)) in (torch.nn.Identity, torch.nn.Dropout):
            self.moved[n] = self.moved[args[0]]
            return
        for x in n.all_input_nodes:
            if x in self.scores:
                multiplied(self, n, x)
            if x in self.moved:
                written(self, n, x)
        shape = tuple(result.shape)
        if not args or not (self.known(args[0]) or any(x in self.parameters for x in args)):
            self.refuse(n, "an operation on something else than the network's values")
        if n.op == "call_module":
            self._module(n, self.traced.get_submodule(n.target), args[0])
        elif n.op == "call_function":
            self._function(n, n.target, args, options, shape)
        elif n.op == "call_method":
            self._method(n, str(n.target), args, options, shape)
        else:
            self.refuse(n, "an operation that no graph has")

    def _told(self, n: Any, args: list[Any], options: dict[str, Any]) -> None:
        """A function that works on sequences."""
        tell, names = functions()[n.target]
        of = dict(zip(names, args, strict=False)) | options
        if len(args) > len(names) or set(of) - set(names):
            self.refuse(n, "arguments that are not known here")
        for key, x in of.items():
            if key == "input" and x in self.moved:
                written(self, n, x)
            if key == "input" and not self.known(x):
                self.refuse(n, "an operation on something else than the network's values")
        tell(self, n, of)

    def _moves(self, n: Any, args: list[Any], result: Any) -> bool:
        """Whether a step is one of those that move entries of sequences, rather than of images."""
        import torch

        x = args[0]
        if x in self.moved:
            return True
        if x not in self.names:
            return False
        before = self.shape(x)
        after = tuple(result.shape) if isinstance(result, torch.Tensor) else ()
        plain = after in (before, (before[0], int(np.prod(before[1:]))))
        return not plain and not (n.target is operator.getitem and len(before) == 4)

    def _module(self, n: Any, part: Any, x: Any) -> None:
        from torch import nn

        prefix, kind = f"{n.target}.", type(part)
        bias = f"{prefix}bias" if getattr(part, "bias", None) is not None else None
        if kind is nn.Linear:
            self.emit(n, "linear", x, weight=f"{prefix}weight", bias=bias)
        elif kind is nn.Conv2d:
            plain = part.padding_mode == "zeros" and not isinstance(part.padding, str)
            if part.groups != 1 or part.dilation != (1, 1) or not plain:
                self.refuse(n, "a convolution with groups, dilation or another padding than zeros in numbers")
            self.emit(n, "conv2d", x, weight=f"{prefix}weight", bias=bias, stride=part.stride, padding=part.padding)
        elif kind is nn.BatchNorm2d:
            if part.running_mean is None:
                self.refuse(n, "a BatchNorm without running statistics")
            weight = f"{prefix}weight" if part.weight is not None else None
            self.emit(n, "batch_norm", x, weight=weight, bias=bias, mean=f"{prefix}running_mean",
                      var=f"{prefix}running_var", eps=float(part.eps))
        elif kind is nn.AvgPool2d:
            if part.divisor_override is not None:
                self.refuse(n, "an average with a divisor of its own")
            self._pool(n, "avg_pool", x, part.kernel_size, part.stride, part.padding, part.ceil_mode,
                       part.count_include_pad)
        elif kind is nn.MaxPool2d:
            self._pool(n, "max_pool", x, part.kernel_size, part.stride, part.padding, part.ceil_mode,
                       part.dilation in (1, (1, 1)) and not part.return_indices)
        elif kind is nn.AdaptiveAvgPool2d:
            self._adaptive(n, x, part.output_size)
        elif kind is nn.Flatten:
            if part.start_dim != 1 or part.end_dim not in (-1, len(self.shape(x)) - 1):
                self.refuse(n, f"flattening of axes {part.start_dim} to {part.end_dim}")
            self.emit(n, "flatten", x)
        else:
            word = plain_word(self, part, str(n.target))
            self.same(n, x) if word == "identity" else self.emit(n, word, x)

    def _pool(self, n: Any, op: str, x: Any, kernel: Any, stride: Any, padding: Any, ceil: bool, plain: bool) -> None:
        if ceil or not plain and (op == "max_pool" or two(padding) != (0, 0)):
            self.refuse(n, "pooling with ceil_mode, dilation, indices, another divisor or uncounted padding")
        if stride is None or stride in ([], ()):
            stride = kernel
        self.emit(n, op, x, kernel=two(kernel), stride=two(stride), padding=two(padding))

    def _adaptive(self, n: Any, x: Any, size: Any) -> None:
        if two(size) != (1, 1):
            self.refuse(n, f"adaptive pooling to {size}; only to 1")
        h, w = self.shape(x)[2:]
        self.emit(n, "avg_pool", x, kernel=(h, w), stride=(h, w), padding=(0, 0))

    def _function(self, n: Any, target: Any, args: list[Any], options: dict[str, Any], shape: tuple[int, ...]) -> None:
        import torch
        from torch.nn import functional as F

        x = args[0]
        words: dict[Any, str] = {torch.relu: "relu", torch.tanh: "tanh", torch.sigmoid: "sigmoid", torch.relu_: "relu"}
        words |= {getattr(F, word): word for word in _PLAIN if hasattr(F, word)}
        if target in words and len(args) == 1 and set(options) <= {"inplace"}:
            self.emit(n, words[target], x)
        elif target in (operator.add, operator.iadd, torch.add) and len(args) == 2 and not options:
            self._add(n, x, args[1], shape)
        elif target is torch.flatten:
            self._flat(n, x, shape)
        elif target in (F.avg_pool2d, F.max_pool2d, torch.max_pool2d):
            self._pool_function(n, x, args, options, "avg_pool" if target is F.avg_pool2d else "max_pool")
        elif target is F.adaptive_avg_pool2d and not options:
            self._adaptive(n, x, args[1])
        elif target is F.pad:
            padded(self, n, x, args[1:], options)
        elif target is operator.getitem:
            strided(self, n, x, args[1])
        elif target is torch.mean:
            averaged(self, n, x, args[1:], options, shape)
        elif target is F.dropout:
            if (args[2] if len(args) > 2 else options.get("training", True)) and (
                    args[1] if len(args) > 1 else options.get("p", 0.5)):
                self.refuse(n, "a dropout that is on in eval mode, which is chance (training=self.training)")
            self.same(n, x)
        elif target in (operator.mul, torch.mul) and gated(self, n, x, args, options):
            return
        else:
            self.refuse(n, "a function that no operation of a graph is")

    def _pool_function(self, n: Any, x: Any, args: list[Any], options: dict[str, Any], op: str) -> None:
        members = dict(zip(("kernel_size", "stride", "padding"), args[1:4], strict=False)) | options
        known = {"kernel_size", "stride", "padding", "ceil_mode", "return_indices", "dilation"}
        if len(args) > 4 or set(members) - known:
            self.refuse(n, "pooling with more options than kernel, stride and padding")
        plain = two(members.get("dilation", 1)) == (1, 1) and not members.get("return_indices")
        self._pool(n, op, x, members["kernel_size"], members.get("stride"), members.get("padding", 0),
                   bool(members.get("ceil_mode")), plain)

    def _method(self, n: Any, target: str, args: list[Any], options: dict[str, Any], shape: tuple[int, ...]) -> None:
        x, simple = args[0], not options and len(args) == 1
        if target in ("relu", "tanh", "sigmoid") and simple:
            self.emit(n, target, x)
        elif target in ("view", "reshape", "flatten", "squeeze"):
            self._flat(n, x, shape)
        elif target in ("add", "add_") and len(args) == 2 and not options:
            self._add(n, x, args[1], shape)
        elif target == "mean":
            averaged(self, n, x, args[1:], options, shape)
        elif target in ("contiguous", "clone", "detach") and simple:
            self.same(n, x)
        else:
            self.refuse(n, "a method that no operation of a graph is")

    def _add(self, n: Any, x: Any, y: Any, shape: tuple[int, ...]) -> None:
        if added_parameter(self, n, x, y):
            return
        if not self.known(x) or not self.known(y) or self.shape(y) != self.shape(x):
            self.refuse(n, "a sum of something else than two values of one shape")
        self.emit(n, "add", x, y)

    def _flat(self, n: Any, x: Any, shape: tuple[int, ...]) -> None:
        before = self.shape(x)
        if shape == before:
            self.same(n, x)
        elif shape == (before[0], int(np.prod(before[1:]))):
            self.emit(n, "flatten", x)
        else:
            self.refuse(n, f"a change of shape from {before[1:]} to {shape[1:]}")
