"""The network in words: its kind, its size, its operations, and what of it may adjust."""

from __future__ import annotations

from certify.certificate.schema import Problem
from certify.report.digits import count

_OPERATIONS = {
    "conv2d": "convolution", "linear": "linear layer", "batch_norm": "frozen batch normalisation",
    "avg_pool": "average pooling", "max_pool": "maximum pooling", "add": "residual sum",
    "subsample": "subsampling", "pad_channels": "channel padding",
    "layer_norm": "layer normalisation", "rms_norm": "normalisation by mean squares", "multiply": "product of values",
    "times": "product with a number", "attention": "attention layer", "mean_tokens": "token mean",
    "position": "learned position", "shift": "sum with constants",
    "prepend": "learned token", "embedding": "embedding",
}
_UNSAID = ("flatten", "reshape", "transpose", "slice")
"""Operations that move numbers and change none."""


def architecture(problem: Problem) -> str:
    """The widths of the layers."""
    return "–".join(map(str, problem.widths or ()))


def operations(problem: Problem) -> str:
    """The operations of a graph but for changes of shape, counted, in words."""
    assert problem.graph is not None
    names = {op: _OPERATIONS.get(op, f"{op.replace('_', ' ')} activation") for op in problem.graph.operations}
    return ", ".join(f"{count(times)} {names[op]}{'s' * (times != 1)}"
                     for op, times in problem.graph.operations.items() if op not in _UNSAID)


def network(problem: Problem) -> str:
    """Kind, size and biases of the network."""
    if problem.graph is not None:
        shape = " × ".join(map(str, problem.graph.shape))
        return f"a graph, rows of shape {shape}: {operations(problem)}"
    biases = problem.biases or []
    with_bias = "every layer has a bias" if all(biases) else "no layer has a bias" if not any(biases) else "some biases"
    return f"fully connected, {architecture(problem)}, {problem.activation}; {with_bias}"


def adjusting(problem: Problem) -> str:
    """Which weights may adjust, for a table."""
    if problem.layer == "last":
        return "weights and bias of the last linear layer; all before it stays as it is"
    if problem.graph is not None:
        normed = "batch_norm" in problem.graph.operations
        stays = ", also of the batch normalisations; their running statistics stay as they are"
        return "all weights and biases" + (stays if normed else "")
    if problem.layer == "all":
        return "all weights and biases"
    return f"weights and bias of layer {problem.layer}; the other layers stay as they are"


def alone(problem: Problem) -> str:
    """That one layer adjusts alone, in brackets; nothing where all do."""
    return "" if problem.layer == "all" else f" ({named_layer(problem)} alone adjusting)"


def named_layer(problem: Problem) -> str:
    """The one layer that adjusts."""
    return "the last layer" if problem.layer == "last" else f"layer {problem.layer}"
