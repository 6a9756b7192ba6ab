"""Functions of torch that work on sequences, each told as operations of a graph."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from certify.inputs.torch.tracing.moves import as_heads, heads_of, written
from certify.inputs.torch.tracing.recorder import Recorder

Told = Callable[[Recorder, Any, dict[str, Any]], None]
"""Writes the nodes of a step: recorder, step, arguments by name."""


def attention(recorder: Recorder, n: Any, of: dict[str, Any]) -> None:
    """F.scaled_dot_product_attention, causal or without a mask."""
    if of.get("attn_mask") is not None or of.get("enable_gqa"):
        recorder.refuse(n, "an attention with a mask, or with fewer heads of keys")
    if of.get("dropout_p"):
        recorder.refuse(n, f"an attention with dropout {of['dropout_p']}, which is chance")
    named = [heads_of(recorder, n, of[key]) for key in ("query", "key", "value")]
    heads = {number for _, number in named}
    if len(heads) > 1:
        recorder.refuse(n, f"an attention of {sorted(heads)} heads")
    scale = of.get("scale")
    name = recorder.write(n.name, "attention", tuple(name for name, _ in named), heads=heads.pop(),
                          scale=None if scale is None else float(scale), causal=bool(of.get("is_causal")))
    shape = recorder.shape(n)
    if len(shape) == 3:
        recorder.names[n] = name
    else:
        as_heads(recorder, n, name, shape[1], shape[2], shape[1] * shape[3])


def layer_norm(recorder: Recorder, n: Any, of: dict[str, Any]) -> None:
    """F.layer_norm over the last axis."""
    if tuple(of["normalized_shape"]) != recorder.shape(of["input"])[-1:]:
        recorder.refuse(n, f"a LayerNorm over the axes {tuple(of['normalized_shape'])}")
    recorder.emit(n, "layer_norm", of["input"], eps=float(of.get("eps", 1e-5)),
                  weight=parameter(recorder, n, of.get("weight")), bias=parameter(recorder, n, of.get("bias")))


def linear(recorder: Recorder, n: Any, of: dict[str, Any]) -> None:
    """F.linear with parameters of the module."""
    recorder.emit(n, "linear", of["input"], weight=parameter(recorder, n, of["weight"]),
                  bias=parameter(recorder, n, of.get("bias")))


def concatenation(recorder: Recorder, n: Any, of: dict[str, Any]) -> None:
    """torch.cat of learned tokens, the same for every row, and a sequence."""
    parts = list(of["tensors"])
    if len(parts) != 2 or of.get("dim", 0) not in (1, -2) or parts[0] not in recorder.parameters or (
            len(recorder.shape(n)) != 3):
        recorder.refuse(n, "a concatenation of something else than learned tokens before a sequence")
    written(recorder, n, parts[1])
    recorder.emit(n, "prepend", parts[1], weight=recorder.parameters[parts[0]])


def repeated(recorder: Recorder, n: Any) -> bool:
    """Follow a parameter that is repeated for every row, or gets or loses axes of length 1; whether a step is that."""
    for known in (recorder.parameters, recorder.buffers):
        if n.args and n.args[0] in known and _as_it_is(recorder, n):
            known[n] = known[n.args[0]]
            return True
    if n.op != "call_method" or n.target not in ("expand", "repeat") or n.args[0] not in recorder.parameters:
        return False
    before, after = recorder.shape(n.args[0]), recorder.shape(n)
    if before[0] != 1 or after != (recorder.rows, *before[1:]):
        recorder.refuse(n, f"a parameter of shape {before} repeated as {after}")
    recorder.parameters[n] = recorder.parameters[n.args[0]]
    return True


def _as_it_is(recorder: Recorder, n: Any) -> bool:
    """Whether a step leaves all numbers of a parameter in their order, but for axes of length 1 before them."""
    before, after = ([length for at, length in enumerate(shape) if any(s != 1 for s in shape[:at + 1])]
                     for shape in (recorder.shape(n.args[0]), recorder.shape(n)))
    if before != after:
        return False
    if n.op == "call_function" and n.target is operator.getitem:
        parts = n.args[1] if isinstance(n.args[1], tuple) else (n.args[1],)
        return all(part is None or part is Ellipsis or isinstance(part, slice | int) for part in parts)
    return n.op == "call_method" and n.target in ("unsqueeze", "view", "reshape", "squeeze")


def parameter(recorder: Recorder, n: Any, x: Any) -> str | None:
    """The name of a parameter that a step reads."""
    if x is None:
        return None
    if x not in recorder.parameters:
        recorder.refuse(n, "a weight or bias that is no parameter of the module")
    return recorder.parameters[x]


def gelu(recorder: Recorder, n: Any, of: dict[str, Any]) -> None:
    """F.gelu in both its forms."""
    words = {"none": "gelu", "tanh": "gelu_tanh"}
    form = of.get("approximate", "none")
    if form not in words:
        recorder.refuse(n, f"a gelu by {form!r}")
    recorder.emit(n, words[form], of["input"])


def functions() -> dict[Any, tuple[Told, tuple[str, ...]]]:
    """What tells each function, and the names of its arguments in their order."""
    import torch
    from torch.nn import functional as F

    norm = (layer_norm, ("input", "normalized_shape", "weight", "bias", "eps"))
    return {F.scaled_dot_product_attention: (attention, ("query", "key", "value", "attn_mask", "dropout_p", "is_causal",
                                                         "scale", "enable_gqa")),
            F.layer_norm: norm, torch.layer_norm: norm, F.linear: (linear, ("input", "weight", "bias")),
            F.gelu: (gelu, ("input", "approximate")), torch.cat: (concatenation, ("tensors", "dim"))}


def added_parameter(recorder: Recorder, n: Any, x: Any, y: Any) -> bool:
    """Write a sum with a parameter of the shape of the value; whether it is one."""
    if y in recorder.names:
        x, y = y, x
    if x not in recorder.names or (y not in recorder.parameters and y not in recorder.buffers):
        return False
    found, wanted = recorder.shape(y), recorder.shape(x)[1:]
    ahead = len(found) - len(wanted)
    if ahead < 0 or found[ahead:] != wanted or set(found[:ahead]) - {1}:
        recorder.refuse(n, f"a parameter of shape {found} added to values of shape {wanted}")
    if y in recorder.parameters:
        recorder.emit(n, "position", x, weight=recorder.parameters[y])
    else:
        recorder.emit(n, "shift", x, mean=recorder.buffers[y])
    return True
