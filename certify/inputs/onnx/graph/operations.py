"""Operations of ONNX that become nodes of a graph."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

import numpy as np

from certify.inputs.chain import SOFTMAX, require_option
from certify.inputs.graphs.attention import Scores, Times, attended, in_the_form, scores_of
from certify.inputs.graphs.moved import Moved
from certify.inputs.onnx.graph.values import Erf, Known, Reader, Value

Tell = Callable[[Reader], Value]
NEAR: Final = 2.0**-20
"""Relative distance of a float32 from the number that stands in a formula, at most."""
_EPSILON: Final = float(np.float32(1e-5))
_SLOPE: Final = float(np.float32(0.01))


def conv(reader: Reader) -> Value:
    """A convolution of images."""
    options = reader.only(group=1, dilations=([1, 1],), auto_pad=("NOTSET", "VALID"), kernel_shape=None, pads=None,
                          strides=None)
    x = reader.node(reader.moved(0))
    pads = options.get("pads", [0, 0, 0, 0])
    if len(pads) != 4 or pads[:2] != pads[2:]:
        reader.refuse(f"pads {pads} that differ between the sides, or are none of an image")
    members = {role: reader.parameter(reader.input(at), role) for at, role in ((1, "weight"), (2, "bias"))}
    return reader.standing(reader.write(reader.step.outputs[0], "conv2d", (x,), padding=tuple(pads[:2]), stride=tuple(
        options.get("strides", [1, 1])), **members))


def pool(reader: Reader) -> Value:
    """Largest entries or averages over windows."""
    options = reader.only(dilations=([1, 1],), auto_pad=("NOTSET", "VALID"), ceil_mode=0, storage_order=0,
                          kernel_shape=None, pads=None, strides=None, count_include_pad=None)
    op = {"MaxPool": "max_pool", "AveragePool": "avg_pool"}[reader.step.kind]
    kernel, pads = options["kernel_shape"], options.get("pads", [0, 0, 0, 0])
    if len(kernel) != 2 or pads[:2] != pads[2:]:
        reader.refuse(f"windows {kernel} with pads {pads}")
    if op == "avg_pool" and any(pads) and not options.get("count_include_pad", 0):
        reader.refuse("averages that leave padding out")
    return reader.standing(reader.write(reader.step.outputs[0], op, (reader.node(reader.moved(0)),), kernel=tuple(
        kernel), stride=tuple(options.get("strides", [1, 1])), padding=tuple(pads[:2])))


def mean(reader: Reader) -> Value:
    """Means over height and width, or over tokens."""
    x = reader.moved(0)
    if reader.step.kind == "GlobalAveragePool":
        axes, keep = list(range(2, x.index.ndim)), True
    else:
        given = reader.integers(1, "axes")
        axes = [axis % x.index.ndim for axis in (given if given is not None else range(x.index.ndim))]
        keep = bool(reader.only(keepdims=None, axes=None, noop_with_empty_axes=0).get("keepdims", 1))
    source = reader.node(x)
    shape = reader.shapes[source]
    if len(shape) == 3 and sorted(axes) == [2, 3]:
        made = reader.standing(reader.write(reader.step.outputs[0], "avg_pool", (source,), kernel=shape[1:],
                                            stride=shape[1:]))
        return made if keep else made.by(made.index.reshape(made.index.shape[:2]), reader.step.outputs[0])
    if len(shape) == 2 and axes == [1]:
        made = reader.standing(reader.write(reader.step.outputs[0], "mean_tokens", (source,)))
        return made.by(made.index[:, None], reader.step.outputs[0]) if keep else made
    reader.refuse(f"a mean over the axes {axes}")


def batch_norm(reader: Reader) -> Value:
    """BatchNorm of images in eval mode."""
    options = reader.only(epsilon=None, momentum=None, training_mode=0)
    if reader.version < 9 or len(reader.step.outputs) != 1:
        reader.refuse("a BatchNorm in training mode, or of an old form", "export in eval mode, opset 9 or later")
    x = reader.node(reader.moved(0))
    members = {role: reader.parameter(reader.input(at), role, constant=role in ("mean", "var"))
               for at, role in enumerate(("weight", "bias", "mean", "var"), 1)}
    return reader.standing(reader.write(reader.step.outputs[0], "batch_norm", (x,), eps=options.get(
        "epsilon", _EPSILON), **members))


def _tokens(reader: Reader, x: Moved) -> tuple[str, Any]:
    """The node whose vectors along the last axis a value holds, and their numbers, in the value's order."""
    width, flat = x.index.shape[-1], x.index.reshape(-1, x.index.shape[-1])
    if x.shape[-1] != width or len(x.shape) > 2 or (flat[:, :1] % width).any() or (
            flat != flat[:, :1] + np.arange(width)).any() or x.index.size != reader.rows * x.size:
        x = reader.standing(reader.node(x))
        if len(x.shape) > 2 or x.shape[-1] != width:
            reader.refuse(f"a linear map of values of shape {x.shape}")
    return x.source, x.index[..., 0] // width


def _of_tokens(reader: Reader, name: str, places: Any) -> Moved:
    """A node made of the tokens of another, its vectors in the order of that value."""
    made = reader.standing(name)
    width = made.shape[-1]
    return made.by(places[..., None] * width + np.arange(width), name)


def linear(reader: Reader) -> Value:
    """Gemm, or MatMul by a stored matrix: a linear layer at every token; MatMul of two values: an attention."""
    gemm = reader.step.kind == "Gemm"
    options = reader.only(alpha=1.0, beta=1.0, transA=0, transB=(0, 1))
    W, bias = reader.input(1), reader.input(2)
    if not gemm and not isinstance(W, Known):
        return product(reader)
    if not isinstance(W, Known) or W.array.ndim != 2:
        reader.refuse("a weight that is no stored matrix")
    turned = options.get("transB", 0) == 1
    source, places = _tokens(reader, reader.moved(0))
    if isinstance(bias, Known) and bias.array.shape[-1:] != (bias.array.size,):
        reader.refuse(f"a bias of shape {bias.array.shape}, which is no vector")
    weight = reader.parameter(W, "weight", None if turned else W.array.T)
    return _of_tokens(reader, reader.write(
        reader.step.outputs[0], "linear", (source,), weight=weight,
        bias=None if bias is None else reader.parameter(bias, "bias", np.ravel(getattr(bias, "array", ())))), places)


def layer_norm(reader: Reader) -> Value:
    """LayerNorm over the last axis."""
    x = reader.moved(0)
    options = reader.only(axis=(-1, x.index.ndim - 1), epsilon=None, stash_type=None)
    source, places = _tokens(reader, x)
    members = {role: reader.parameter(reader.input(at), role) for at, role in ((1, "weight"), (2, "bias"))}
    return _of_tokens(reader, reader.write(reader.step.outputs[0], "layer_norm", (source,), eps=options.get(
        "epsilon", _EPSILON), **members), places)


def add(reader: Reader) -> Value:
    """A sum of two values, the bias of a linear layer before it, or a learned array."""
    x, y = (reader.settled(reader.input(at)) for at in (0, 1))
    if isinstance(x, Known):
        x, y = y, x
    if isinstance(x, Erf) and _scalar(y, x) == 1 and not x.one:
        return replace(x, one=True)
    if isinstance(x, Scores):
        reader.refuse("an attention with a mask")
    if not isinstance(x, Moved):
        reader.refuse("a sum of something else than values and parameters")
    if isinstance(y, Known):
        return _shifted(reader, x, y)
    if not isinstance(y, Moved) or x.index.shape != y.index.shape:
        reader.refuse("a sum of values of different shapes")
    if x.shape == y.shape and np.array_equal(x.index, y.index) and x.index.size == reader.rows * x.size:
        made = reader.write(reader.step.outputs[0], "add", (x.source, y.source))
        return Moved(made, x.shape, x.index, x.steps)
    return reader.standing(reader.write(reader.step.outputs[0], "add", (reader.node(x), reader.node(y))))


def _shifted(reader: Reader, x: Moved, y: Known) -> Value:
    last = reader.nodes[-1] if reader.nodes else None
    if y.array.ndim > x.index.ndim:
        reader.refuse(f"numbers of shape {y.array.shape} added to a value of {x.index.ndim} axes")
    if last is not None and last.name == x.source and last.op == "linear" and last.bias is None and (
            _alone(reader, x) and y.array.shape[-1:] == (y.array.size,) == x.index.shape[-1:] == x.shape[-1:]
            and (x.index % y.array.size == np.arange(y.array.size)).all()):  # its channels last, and in their order
        reader.nodes[-1] = replace(last, bias=reader.parameter(y, "bias", y.array.reshape(-1)))
        return x
    source = reader.node(x)
    shape, found = reader.shapes[source], y.array.shape
    if found[len(found) - len(shape):] != shape or set(found[:len(found) - len(shape)]) - {1}:
        reader.refuse(f"numbers of shape {found} added to values of shape {shape}")
    return reader.standing(reader.write(reader.step.outputs[0], "position", (source,), weight=reader.parameter(
        y, "weight")))


def _alone(reader: Reader, x: Moved) -> bool:
    """Whether all entries of a node go into the step under construction, and nowhere else."""
    names = [name for name, value in reader.values.items() if getattr(value, "source", None) == x.source]
    return all(reader.uses[name] == 1 for name in names) and np.array_equal(
        np.sort(x.index, axis=None), np.arange(reader.rows * x.size))


def _scalar(value: Value | None, of: Value | None) -> Fraction | None:
    """A number that may meet every entry of a value: no array with more axes, which would give it some."""
    if not isinstance(value, Known) or value.array.size != 1 or not np.isfinite(value.array).all():
        return None
    inner = of.moved if isinstance(of, Times) else of.q if isinstance(of, Scores) else of.x if isinstance(
        of, Erf) else of
    if not isinstance(inner, Moved) or value.array.ndim > inner.index.ndim:
        return None
    return Fraction(float(value.array.reshape(-1)[0]))


def times(reader: Reader) -> Value:
    """A product with a number, on the way to an attention or to gelu; or silu."""
    x, y = reader.input(0), reader.input(1)
    if reader.step.kind == "Mul" and (isinstance(x, Known) or isinstance(y, Erf)):
        x, y = y, x
    number, mul = _scalar(y, x), reader.step.kind == "Mul"
    if number is not None and (mul or number):
        number = number if mul else 1 / number
        if isinstance(x, Moved):
            return Times(x, number)
        if isinstance(x, Times | Scores) and not getattr(x, "weighed", False):
            return replace(x, factor=x.factor * number)
        if isinstance(x, Erf) and x.one:
            return _gelu(reader, replace(x, factor=x.factor * number))
    if isinstance(x, Erf) and x.one and not x.by and mul:
        by, factor = (y.moved, y.factor) if isinstance(y, Times) else (y, Fraction(1))
        if isinstance(by, Moved) and _alike(by, x.x):
            return _gelu(reader, replace(x, by=True, factor=x.factor * factor))
    return _silu(reader, x, y)


def _alike(x: Moved, y: Moved) -> bool:
    return x.source == y.source and np.array_equal(x.index, y.index)


def _gelu(reader: Reader, erf: Erf) -> Value:
    """`½x(1 + erf(x/√2))`, once x and the factor ½ are met."""
    return _entrywise(reader, erf.x, "gelu") if erf.by and erf.factor == Fraction(1, 2) else erf


def _silu(reader: Reader, x: Value | None, y: Value | None) -> Value:
    for a, b in ((x, y), (y, x)):
        if isinstance(a, Moved) and isinstance(b, Moved) and reader.step.kind == "Mul" and np.array_equal(
                a.index, b.index):
            made = next((node for node in reader.nodes if node.name == b.source), None)
            if made is not None and made.op == "sigmoid" and made.inputs == (a.source,):
                return _entrywise(reader, a, "silu")
    x, y = reader.settled(x), reader.settled(y)
    if not isinstance(x, Moved) or not isinstance(y, Moved) or x.index.shape != y.index.shape or (
            reader.step.kind != "Mul"):
        reader.refuse("a product or quotient of something else than two values, or a value and a number")
    return reader.standing(reader.write(reader.step.outputs[0], "multiply", (reader.node(x), reader.node(y))))


def erf(reader: Reader) -> Value:
    """The error function, of `x/√2` alone."""
    x = reader.input(0)
    if not isinstance(x, Times) or abs(float(x.factor) * math.sqrt(2.0) - 1.0) > NEAR:
        reader.refuse("an error function outside gelu")
    return Erf(x.moved)


def _entrywise(reader: Reader, x: Moved, word: str) -> Value:
    """A function of every entry, in whatever order they are."""
    if x.index.size != reader.rows * x.size:
        x = reader.standing(reader.node(x))
    return Moved(reader.write(reader.step.outputs[0], word, (x.source,)), x.shape, x.index, x.steps)


_WORDS: Final = {"Relu": "relu", "LeakyRelu": "leaky_relu", "Elu": "elu", "Tanh": "tanh", "Sigmoid": "sigmoid",
                 "Softplus": "softplus"}


def activation(reader: Reader) -> Value:
    """An activation of a graph."""
    word = _WORDS[reader.step.kind]
    for option, given in reader.only(alpha=None).items():
        if not (reader.step.kind == "LeakyRelu" and given == _SLOPE):
            require_option(word, "negative_slope" if reader.step.kind == "LeakyRelu" else option, given, reader.asked)
    return _entrywise(reader, reader.moved(0), word)


def gelu(reader: Reader) -> Value:
    """Both forms of gelu."""
    form = reader.only(approximate=("none", "tanh")).get("approximate", "none")
    return _entrywise(reader, reader.moved(0), {"none": "gelu", "tanh": "gelu_tanh"}[form])


def product(reader: Reader) -> Value:
    """Scores of queries and keys, or what their softmax makes of values."""
    left, right = reader.input(0), reader.input(1)
    if isinstance(left, Scores) and left.weighed and isinstance(right, Moved):
        return _attended(reader, left, right)
    if not isinstance(left, Moved | Times) or not isinstance(right, Moved | Times) or len(
            (right.moved if isinstance(right, Times) else right).index.shape) < 3:
        reader.refuse("a product of values outside an attention")
    return scores_of(left, right)


def _attended(reader: Reader, scores: Scores, v: Moved) -> Value:
    name, heads = attended(scores, v, reader.rows, reader.step.outputs[0], reader.write, reader.refuse)
    tokens, channels = reader.shapes[name]
    return in_the_form(scores.q, name, tokens, channels, heads, reader.rows)


def softmax(reader: Reader) -> Value:
    """The softmax of scores."""
    scores = reader.input(0)
    if not isinstance(scores, Scores) or scores.weighed:
        reader.refuse("a softmax outside an attention", SOFTMAX)
    if "axis" not in reader.step.options and reader.version < 13:
        reader.refuse("a softmax over all axes but the first, which is what no axis meant before opset 13", SOFTMAX)
    reader.only(axis=(-1, scores.q.index.ndim - 1))
    return replace(scores, weighed=True)


def embedding(reader: Reader) -> Value:
    """Rows of a stored table, chosen by the row of the data."""
    table, x = reader.input(0), reader.moved(1)
    reader.only(axis=0)
    return reader.standing(reader.write(reader.step.outputs[0], "embedding", (reader.node(x),),
                                        weight=reader.parameter(table, "weight")))


def concatenation(reader: Reader) -> Value:
    """Learned tokens, the same for every row, before a sequence."""
    first, x = reader.input(0), reader.input(1)
    if len(reader.step.inputs) != 2 or not isinstance(first, Known) or not isinstance(x, Moved) or (
            x.index.ndim != 3 or reader.only(axis=None)["axis"] not in (1, -2) or first.array.ndim != 3
            or len(first.array) not in (1, reader.rows) or (first.array != first.array[:1]).any()):
        reader.refuse("a concatenation of something else than learned tokens before a sequence")
    return reader.standing(reader.write(reader.step.outputs[0], "prepend", (reader.node(x),), weight=reader.parameter(
        first, "weight", first.array[:1])))


OPERATIONS: Final[dict[str, Tell]] = {
    "Conv": conv, "MaxPool": pool, "AveragePool": pool, "GlobalAveragePool": mean, "ReduceMean": mean,
    "BatchNormalization": batch_norm, "Gemm": linear, "MatMul": linear, "LayerNormalization": layer_norm, "Add": add,
    "Concat": concatenation,
    "Mul": times, "Div": times, "Erf": erf, "Gelu": gelu, "Softmax": softmax, **dict.fromkeys(_WORDS, activation)}
"""What tells each operation."""
