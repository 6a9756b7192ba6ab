"""A graph that was read from an ONNX file, against what the file's operations give by ONNX's own definition of them.

The reader follows a file with a few numbers of rows; a file may be made so that it does something else with others, or
use an operation in a way that was read wrongly. Both show at rows drawn at random, where the package `onnx` is there.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from certify.format.errors import InputError
from certify.inputs.chain import key_of
from certify.inputs.onnx.graph.read import fixed_rows
from certify.inputs.onnx.parsing import opset_of
from certify.network.graph.compiled import compile_graph
from certify.network.graph.floats import outputs_in_floats
from certify.network.graph.graph import GraphNetwork
from certify.rigor.arithmetic import Binary64
from certify.rigor.fp import Array

ROWS: Final = (1, 2, 3, 7, 16)
"""Numbers of rows that are drawn, unless the file takes one number alone."""
CLOSE: Final = 1e-5
"""Largest difference, as a share of the largest output, that rounding is taken for: some operations of the evaluator
round to float32."""
SECONDS: Final = 20.0
"""After which no further number of rows is tried."""
AS_STATED: Final = 14
"""Before this version BatchNorm with one output is that of eval mode; the evaluator blends in what it is given."""
TROUBLES: Final = (RuntimeError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError, ImportError)
"""What the evaluator raises at operations or types that it does not take."""


def compared(content: bytes, network: GraphNetwork, asked: str, folder: Path) -> str:
    """What came of comparing a graph with its file, in a sentence for a reader.

    A comparison in floats proves nothing; it refuses only.

    Args:
        content: the bytes of the file.
        network: the graph that was read.
        asked: how to name the file in messages.
        folder: where it lies, with the tensors that it keeps in other files.

    Raises:
        InputError: the outputs differ.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
        from onnx.reference import ReferenceEvaluator
    except ImportError:
        return not_compared("the package onnx is not installed (pip install onnx)")
    try:
        model = onnx.load_model_from_string(content)
        onnx.external_data_helper.load_external_data_for_model(model, str(folder))
        evaluator = ReferenceEvaluator(_wide(onnx, model), new_ops=_amended(opset_of(content)))
    except (*TROUBLES, OSError, DecodeError, onnx.checker.ValidationError) as error:
        return not_compared(f"the evaluator of onnx does not take it ({type(error).__name__})")
    entry = next(value.name for value in model.graph.input
                 if value.name not in {tensor.name for tensor in model.graph.initializer})
    own, draw = fixed_rows(content), np.random.default_rng(0)
    made, done, until = compile_graph(network, Binary64()), [], time.monotonic() + SECONDS
    for rows in (own,) if own else ROWS:
        X = _rows(network, rows, draw)
        try:
            with np.errstate(all="ignore"):
                theirs = np.asarray(evaluator.run(None, {entry: X})[0], dtype=np.float64)
        except TROUBLES as error:
            return not_compared(f"the evaluator of onnx fails at {rows} rows ({type(error).__name__})")
        with np.errstate(all="ignore"):
            ours = outputs_in_floats(made, X.reshape(rows, -1).astype(np.float64))
        if not np.isfinite(theirs).any():
            return not_compared(f"no output of the evaluator of onnx is finite at {rows} rows")
        if not _close(ours, theirs):
            raise InputError(asked, "its graph would return something else than onnx itself makes of it, as "
                             f"{rows} rows drawn at random show", "export it again, by torch.onnx.export or the like")
        done.append(rows)
        if time.monotonic() > until:
            break
    return f"compared with what onnx itself makes of {', '.join(map(str, done))} rows drawn at random: the same"


def not_compared(why: str) -> str:
    """The sentence where no comparison was made."""
    return f"the graph was not compared with what onnx itself makes of the file: {key_of(why)}"


def _amended(version: int) -> list[Any]:
    """Operations that the evaluator takes for others than ONNX's definition has."""
    from onnx.reference.op_run import OpRun

    class BatchNormalization(OpRun):
        """That of eval mode."""

        op_domain = ""

        def _run(self, x: Any, weight: Any, bias: Any, mean: Any, var: Any, epsilon: float = 1e-5, **rest: Any) -> Any:
            weight, bias, mean, var = (a.reshape(-1, *[1] * (x.ndim - 2)) for a in (weight, bias, mean, var))
            return ((x - mean) / np.sqrt(var + epsilon) * weight + bias,)

    return [BatchNormalization] if version < AS_STATED else []


def _wide(onnx: Any, model: Any) -> Any:
    """The model with float64 for its floats."""
    from onnx import TensorProto, numpy_helper

    floats = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16)

    def widen(tensor: Any) -> None:
        if tensor.data_type in floats:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))

    for tensor in model.graph.initializer:
        widen(tensor)
    for node in model.graph.node:
        for option in node.attribute:
            if option.type == onnx.AttributeProto.TENSOR:
                widen(option.t)
            if node.op_type == "Cast" and option.name == "to" and option.i in floats:
                option.i = TensorProto.DOUBLE
    return model


def _rows(network: GraphNetwork, rows: int, draw: np.random.Generator) -> Any:
    if not network.discrete:
        return draw.normal(size=(rows, *network.shape))
    lengths = [len(network.tensors[str(node.weight)]) for node in network.nodes if node.op == "embedding"]
    return draw.integers(min(lengths), size=(rows, *network.shape))


def _close(ours: Array, theirs: Array) -> bool:
    if ours.size != theirs.size:
        return False
    theirs = theirs.reshape(ours.shape)
    finite = np.isfinite(theirs)
    if (np.isfinite(ours) != finite).any():
        return False
    ours, theirs = ours[finite], theirs[finite]
    return bool((np.abs(ours - theirs) <= CLOSE * np.abs(theirs).max(initial=0.0)).all())
