"""Modules of torch that work on sequences, each told as operations of a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from certify.inputs.graphs.moved import standing
from certify.inputs.torch.factory import activation_word
from certify.inputs.torch.tracing.moves import written
from certify.inputs.torch.tracing.recorder import REMEDY, Recorder

Told = Callable[[Recorder, Any, Any, str, list[Any], dict[str, Any]], None]
"""Writes the nodes of a step: recorder, step, module, prefix of its tensors' names, arguments, options."""


def layer_norm(recorder: Recorder, n: Any, part: Any, prefix: str, args: list[Any], options: dict[str, Any]) -> None:
    """nn.LayerNorm over the last axis."""
    recorder.names[n] = _normed(recorder, n, n.name, part, prefix, recorder.names[args[0]])


def _normed(recorder: Recorder, n: Any, name: str, part: Any, prefix: str, x: str) -> str:
    _plain(recorder, n, part, "LayerNorm")
    if len(part.normalized_shape) != 1:
        recorder.refuse(n, f"a LayerNorm over the axes {tuple(part.normalized_shape)}")
    return recorder.write(name, "layer_norm", (x,), eps=float(part.eps),
                          weight=None if part.weight is None else f"{prefix}weight",
                          bias=None if part.bias is None else f"{prefix}bias")


def rms_norm(recorder: Recorder, n: Any, part: Any, prefix: str, args: list[Any], options: dict[str, Any]) -> None:
    """nn.RMSNorm over the last axis."""
    if len(part.normalized_shape) != 1 or part.eps is None:
        recorder.refuse(n, "an RMSNorm over several axes, or with the eps of the numbers' type")
    weight = None if part.weight is None else f"{prefix}weight"
    recorder.emit(n, "rms_norm", args[0], eps=float(part.eps), weight=weight)


def embedding(recorder: Recorder, n: Any, part: Any, prefix: str, args: list[Any], options: dict[str, Any]) -> None:
    """nn.Embedding of the row, or of the numbers of its places."""
    if part.max_norm is not None:
        recorder.refuse(n, "an Embedding with max_norm, which changes its weights as it reads them")
    if args[0] in recorder.names:
        recorder.emit(n, "embedding", args[0], weight=f"{prefix}weight")
        return
    places = recorder.results[args[0]]
    if places.reshape(-1).tolist() != list(range(len(part.weight))):
        recorder.refuse(n, f"an Embedding of {len(part.weight)} rows that are not read one after the other")
    recorder.parameters[n] = f"{prefix}weight"


def multihead(recorder: Recorder, n: Any, part: Any, prefix: str, args: list[Any], options: dict[str, Any]) -> None:
    """nn.MultiheadAttention of one sequence with itself."""
    values = dict(zip(("query", "key", "value", "key_padding_mask", "need_weights", "attn_mask"), args,
                      strict=False)) | options
    if values["query"] is not values.get("key") or values["query"] is not values.get("value"):
        recorder.refuse(n, "a MultiheadAttention of different sequences")
    _unmasked(recorder, n, [values.get("key_padding_mask"), values.get("attn_mask"), values.get("is_causal")])
    name = _attended(recorder, n, n.name, part, prefix, recorder.names[values["query"]])
    recorder.moved[n] = (standing(name, tuple(recorder.results[n][0].shape[1:]), recorder.rows), None)


def _plain(recorder: Recorder, n: Any, part: Any, word: str) -> None:
    """Refuse another class in the place of one of torch.nn, a subclass among them: its forward is its own."""
    from torch import nn

    if type(part) is not getattr(nn, word):
        recorder.refuse(n, f"a {type(part).__name__} where a {word} of torch.nn belongs")


def _unmasked(recorder: Recorder, n: Any, masks: list[Any]) -> None:
    """Refuse masks."""
    if any(mask is not None and mask is not False for mask in masks):
        recorder.refuse(n, "an attention with a mask")


def _attended(recorder: Recorder, n: Any, name: str, part: Any, prefix: str, x: str) -> str:
    """One product for queries, keys and values, three slices of it, the attention, one product after it."""
    _plain(recorder, n, part, "MultiheadAttention")
    if not part.batch_first:
        recorder.refuse(n, "a MultiheadAttention without batch_first=True")
    if part.in_proj_weight is None or part.bias_k is not None or part.add_zero_attn:
        recorder.refuse(n, "a MultiheadAttention with other widths of keys, a bias of keys, or added zeros")
    e, bias = part.embed_dim, part.in_proj_bias is not None
    both = recorder.write(f"{name}_in", "linear", (x,), weight=f"{prefix}in_proj_weight",
                          bias=f"{prefix}in_proj_bias" if bias else None)
    parts = tuple(recorder.write(f"{name}_{word}", "slice", (both,), axis=1, start=at * e, stop=(at + 1) * e)
                  for at, word in enumerate("qkv"))
    heads = recorder.write(f"{name}_heads", "attention", parts, heads=part.num_heads)
    return recorder.write(f"{name}_out", "linear", (heads,), weight=f"{prefix}out_proj.weight",
                          bias=f"{prefix}out_proj.bias" if part.out_proj.bias is not None else None)


def encoder_layer(recorder: Recorder, n: Any, part: Any, prefix: str, args: list[Any], options: dict[str, Any]) -> None:
    """nn.TransformerEncoderLayer, with the norms before or behind."""
    _unmasked(recorder, n, [*args[1:], *options.values()])
    recorder.names[n] = _encoded(recorder, n, n.name, part, prefix, recorder.names[args[0]])


def encoder(recorder: Recorder, n: Any, part: Any, prefix: str, args: list[Any], options: dict[str, Any]) -> None:
    """nn.TransformerEncoder: its layers one after the other, and its norm if it has one."""
    _unmasked(recorder, n, [*args[1:], *options.values()])
    x = recorder.names[args[0]]
    for number, layer in enumerate(part.layers):
        _plain(recorder, n, layer, "TransformerEncoderLayer")
        x = _encoded(recorder, n, f"{n.name}_{number}", layer, f"{prefix}layers.{number}.", x)
    recorder.names[n] = x if part.norm is None else _normed(recorder, n, f"{n.name}_norm", part.norm, f"{prefix}norm.",
                                                            x)


def _encoded(recorder: Recorder, n: Any, name: str, part: Any, prefix: str, x: str) -> str:
    def norm(number: int, at: str) -> str:
        word = f"norm{number}"
        return _normed(recorder, n, f"{name}_{word}", getattr(part, word), f"{prefix}{word}.", at)

    def attend(at: str) -> str:
        return _attended(recorder, n, f"{name}_attn", part.self_attn, f"{prefix}self_attn.", at)

    def feed(at: str) -> str:
        _plain(recorder, n, part.linear1, "Linear")
        _plain(recorder, n, part.linear2, "Linear")
        inner = recorder.write(f"{name}_linear1", "linear", (at,), weight=f"{prefix}linear1.weight",
                               bias=None if part.linear1.bias is None else f"{prefix}linear1.bias")
        word = _activation(recorder, n, part.activation)
        active = inner if word == "identity" else recorder.write(f"{name}_{word}", word, (inner,))
        return recorder.write(f"{name}_linear2", "linear", (active,), weight=f"{prefix}linear2.weight",
                              bias=None if part.linear2.bias is None else f"{prefix}linear2.bias")

    if part.norm_first:
        y = recorder.write(f"{name}_add1", "add", (x, attend(norm(1, x))))
        return recorder.write(f"{name}_add2", "add", (y, feed(norm(2, y))))
    y = norm(1, recorder.write(f"{name}_add1", "add", (x, attend(x))))
    return norm(2, recorder.write(f"{name}_add2", "add", (y, feed(y))))


def _activation(recorder: Recorder, n: Any, function: Any) -> str:
    from torch import nn
    from torch.nn import functional as F

    if isinstance(function, nn.Module):
        return plain_word(recorder, function, str(n.target))
    word = {F.relu: "relu", F.gelu: "gelu", F.silu: "silu", F.elu: "elu"}.get(function)
    if word is None:
        recorder.refuse(n, f"the activation {getattr(function, '__name__', function)}")
    return word


def plain_word(recorder: Recorder, part: Any, name: str) -> str:
    """The activation of a graph that a module is."""
    from torch import nn

    if type(part) is nn.GELU and part.approximate == "tanh":
        return "gelu_tanh"
    return activation_word(part, name, recorder.asked, "operation of a graph", REMEDY)


MODULES: Final[dict[str, Told]] = {
    "LayerNorm": layer_norm, "RMSNorm": rms_norm, "Embedding": embedding, "MultiheadAttention": multihead,
    "TransformerEncoderLayer": encoder_layer, "TransformerEncoder": encoder}
"""What tells each module, by the name of its class in torch.nn."""


def told(recorder: Recorder, n: Any, part: Any, args: list[Any], options: dict[str, Any]) -> bool:
    """Write the nodes of a module that works on sequences; whether it is one."""
    kind = type(part)
    tell = MODULES.get(kind.__name__) if kind.__module__.startswith("torch.nn.modules.") else None
    if tell is None:
        return False
    for x in args:
        if x in recorder.moved:
            written(recorder, n, x)
    if kind.__name__ != "Embedding" and args[0] not in recorder.names:
        recorder.refuse(n, "an operation on something else than the network's values")
    tell(recorder, n, part, f"{n.target}.", args, options)
    return True
