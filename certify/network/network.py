"""A fully connected network as plain layers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.format.errors import InputError
from certify.rigor.activation import activation


def owned(array: np.ndarray) -> np.ndarray:
    """The same numbers where the caller cannot change them: what was verified of them stays true.

    An array that nobody can write to already, as those read from files, is shared.

    >>> x = np.zeros(2)
    >>> y = owned(x)
    >>> x[0] = 1.0
    >>> y.tolist(), owned(y) is y
    ([0.0, 0.0], True)
    """
    part: object = array
    while isinstance(part, np.ndarray) and not part.flags.writeable:  # a read-only view may look at writable numbers
        part = part.base
    if type(array) is np.ndarray and not isinstance(part, np.ndarray):
        return array
    own = np.array(array)
    own.flags.writeable = False
    return own


@dataclass(frozen=True, eq=False)
class Network:
    """`f(x) = z_H`, `z_h = W_h a_{h−1} + b_h`, `a_h = φ(z_h)`, `a_0 = x`; no activation after the last layer.

    Attributes:
        weights: one `(out, in)` float64 array a layer.
        biases: one `(out,)` float64 array, or None, a layer.
        activation: name of φ, one of those registered in :mod:`certify.rigor.activation`.
        reparameterised: whether these are folded parameters, not those of the network before it was exported.

    The arrays are kept read-only; writable ones are copied.

    >>> net = Network((np.eye(2), np.ones((1, 2))), (None, np.zeros(1)), "tanh")
    >>> net.widths, net.parameters("all"), net.parameters(2)
    ((2, 2, 1), 7, 3)
    """

    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray | None, ...]
    activation: str
    reparameterised: bool = False

    def __post_init__(self) -> None:
        if not self.weights or len(self.weights) != len(self.biases):
            raise InputError("Network", f"{len(self.weights)} weights and {len(self.biases)} biases",
                             "give one weight and one bias (or None) a layer")
        activation(self.activation)
        for h, (W, b) in enumerate(zip(self.weights, self.biases, strict=True), 1):
            before = self.weights[h - 2].shape[0] if h > 1 else W.shape[-1]
            if W.ndim != 2 or min(W.shape) == 0 or W.shape[1] != before:
                raise InputError(f"layer {h} of the network", f"weight of shape {W.shape} after width {before}",
                                 "give an (out, in) matrix that fits the layer before")
            if b is not None and b.shape != (W.shape[0],):
                raise InputError(f"layer {h} of the network", f"bias of shape {b.shape} for {W.shape[0]} units",
                                 "give one bias a unit")
            for array in (W, b):
                if isinstance(array, np.ma.MaskedArray):
                    raise InputError(f"layer {h} of the network", "a masked array", "fill or drop the masked entries")
                if array is not None and (array.dtype != np.float64 or not np.isfinite(array).all()):
                    raise InputError(f"layer {h} of the network", "parameters that are not finite float64",
                                     "give finite float64 arrays")
        object.__setattr__(self, "weights", tuple(owned(W) for W in self.weights))
        object.__setattr__(self, "biases", tuple(None if b is None else owned(b) for b in self.biases))

    @property
    def depth(self) -> int:
        """Number H of layers."""
        return len(self.weights)

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths from the input to the output."""
        return (self.weights[0].shape[1], *(W.shape[0] for W in self.weights))

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """All parameters: the weights, then the biases."""
        return (*self.weights, *(b for b in self.biases if b is not None))

    @property
    def units(self) -> int:
        """Numbers that a pass makes for each row."""
        return sum(self.widths)

    @property
    def kinked(self) -> bool:
        """Whether the network has a kink anywhere."""
        return self.depth > 1 and not activation(self.activation).smooth

    def layers(self, layer: str | int) -> tuple[int, ...]:
        """Numbers, from 1, of the layers that `layer` names."""
        return tuple(range(1, self.depth + 1)) if layer == "all" else (int(layer),)

    def parameters(self, layer: str | int) -> int:
        """Number of parameters in the layers that `layer` names."""
        total = 0
        for h in self.layers(layer):
            b = self.biases[h - 1]
            total += self.weights[h - 1].size + (0 if b is None else b.size)
        return total
