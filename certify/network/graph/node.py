"""One operation of a graph."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Node:
    """One operation.

    Attributes:
        name: of the node, each once.
        op: one of :data:`certify.network.graph.graph.OPERATIONS`.
        inputs: names of the nodes it reads, or of the graph's input.
        weight, bias, mean, var: names of tensors of the model file; None where it has none.
        kernel, stride, padding: of windows, `(height, width)`; stride also of `subsample`.
        eps: of normalisations, a float.
        before, after: numbers of zero channels that `pad_channels` adds.
        heads, scale, causal: of `attention`; scale None: one over the root of a head's channels.
        axis, start, stop: of `slice`.
        size: the shape that `reshape` gives.
        factor: of `times`.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    weight: str | None = None
    bias: str | None = None
    mean: str | None = None
    var: str | None = None
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    eps: float = 0.0
    before: int = 0
    after: int = 0
    heads: int = 1
    scale: float | None = None
    causal: bool = False
    axis: int = 0
    start: int = 0
    stop: int = 1
    size: tuple[int, ...] = ()
    factor: float = 1.0

    @property
    def tensors(self) -> dict[str, str]:
        """Names of its tensors in the model file, by role."""
        roles = {"weight": self.weight, "bias": self.bias, "mean": self.mean, "var": self.var}
        return {role: name for role, name in roles.items() if name is not None}
