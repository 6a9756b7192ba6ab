"""The layer scale of a weight norm `|w|_s² = Σ_h s_h²|w^(h)|²`, as one object for every solution map (S1).

In the coordinates `v = Sw` the norm is Euclidean, so every bound in the norm is the Euclidean one with `G_w S⁻¹` in
place of `G_w`. What is known exactly is `s_h⁻²`, a rational; `s_h⁻¹` is its root and has an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.format.errors import InputError
from certify.network.network import Network
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.ball import Balls
from certify.rigor.fp import RAISE

LARGEST = Fraction(2) ** 200
"""`s_h⁻²` lies between this and its reciprocal: beyond, scaled vectors would come near underflow (R0)."""


@dataclass(frozen=True)
class LayerScale:
    """`|w|_s² = Σ_h s_h²|w^(h)|²`, `w^(h)` the weights and biases of layer h.

    Attributes:
        squares: `s_h⁻²`, one a layer, exact.

    >>> net = Network((np.array([[3.0, 4.0]]), np.array([[0.5]])), (np.zeros(1), None), "tanh")
    >>> LayerScale.relative(net, (1, 2)).squares
    (Fraction(25, 1), Fraction(1, 4))
    """

    squares: tuple[Fraction, ...]

    def __post_init__(self) -> None:
        """Refuse what would leave the range of R0."""
        for h, square in enumerate(self.squares, 1):
            if not 1 / LARGEST <= square <= LARGEST:
                raise InputError(f"norm of the weights, layer {h}", f"a squared size of {fp.shown(square)}",
                                 "rescale the network, so that it lies between 2^-200 and 2^200")

    @staticmethod
    def euclidean(depth: int) -> LayerScale:
        """All `s_h = 1`."""
        return LayerScale((Fraction(1),) * depth)

    @staticmethod
    def relative(network: Network, free: tuple[int, ...]) -> LayerScale:
        """`s_h = 1/‖W_h‖_F`: the change of a layer, biases included, in units of the size of its weight matrix.

        Biases do not enter `‖W_h‖_F` (proofs/norms.md says why). Layers that are not free get 1; they do not move.

        Raises:
            InputError: a free layer's weights are all 0, or so small or large that scaling would leave the range.
        """
        squares = []
        for h, W in enumerate(network.weights, 1):
            if h not in free:
                squares.append(Fraction(1))
                continue
            square = fp.inner(W.ravel(), W.ravel())
            if square == 0:
                raise InputError('weights.norm = "relative"', f"all weights of layer {h} are 0",
                                 'the relative change of that layer has no meaning: use norm = "euclidean"')
            squares.append(square)
        return LayerScale(tuple(squares))

    @property
    def plain(self) -> bool:
        """Whether this is the Euclidean norm."""
        return all(square == 1 for square in self.squares)

    def adjoints(self, adjoints: tuple[Balls, ...], arithmetic: Arithmetic) -> tuple[Balls, ...]:
        """`B_h/s_h` for every layer h (`B_0 = ∂f/∂x` as it is): with these, `JJᵀ` becomes `JS⁻²Jᵀ` (S1).

        `|b t − fl(b̂ t̂)| ≤ t·rad + (fp.SCALE_ROOT or u)·t|b| + unit·t|b̂|`, t = `s_h⁻¹`.
        """
        if self.plain:
            return adjoints
        scaled = [self._times(b, h, arithmetic) for h, b in enumerate(adjoints[1:], 1)]
        return (adjoints[0], *scaled)

    def _times(self, b: Balls, h: int, arithmetic: Arithmetic) -> Balls:
        if self.squares[h - 1] == 1:
            return b
        t, error = self.root(h, arithmetic.extended)
        mid = arithmetic.multiply(b.mid, t.reshape(1, 1))
        most = self.longest((h,))
        rad = (b.rad + (error + arithmetic.unit) * b.norm) * most * RAISE
        return Balls.make(mid, rad, arithmetic)

    def root(self, h: int, extended: bool = False) -> tuple[Pair, float]:
        """`s_h⁻¹` as a pair of shape (1,), and a bound of its relative error."""
        root = fp.sqrt_up(self.squares[h - 1])
        hi = float(root)
        if not extended:
            return Pair(np.array([hi])), 2.0 * fp.U
        return Pair(np.array([hi]), np.array([float(root - Fraction(hi))])), fp.SCALE_ROOT

    def longest(self, layers: tuple[int, ...]) -> float:
        """Upper bound of the largest `s_h⁻¹` of these layers: `|w| ≤ longest·|w|_s`."""
        return fp.up(fp.sqrt_up(max(self.squares[h - 1] for h in layers)))

    def columns(self, network: Network, layers: tuple[int, ...], extended: bool = False) -> tuple[Pair, float]:
        """`s_h⁻¹` for every free parameter, in the order of the Jacobian's columns, and their relative error.

        For maps that form their derivatives by weights: column j of `G_w S⁻¹` is that of `G_w` times entry j.
        """
        roots = [(self.root(h, extended), network.parameters(h)) for h in layers]
        hi = np.concatenate([np.full(count, t.hi[0]) for (t, _), count in roots])
        if not extended:
            return Pair(hi), 2.0 * fp.U
        lo = np.concatenate([np.full(count, 0.0 if t.lo is None else t.lo[0]) for (t, _), count in roots])
        return Pair(hi, lo), fp.SCALE_ROOT

    def length(self, squares: Mapping[int, Fraction]) -> Fraction:
        """Upper bound of `|w|_s` from (bounds of) `|w^(h)|²` of the layers that move."""
        return fp.sqrt_up(sum((square / self.squares[h - 1] for h, square in squares.items()), Fraction(0)))

    def reach(self, layers: tuple[int, ...], radius: float) -> dict[int, float]:
        """For each layer an upper bound of `|w^(h)|` over `|w|_s ≤ radius`: `radius/s_h`."""
        return {h: fp.up(Fraction(radius) * fp.sqrt_up(self.squares[h - 1])) for h in layers}

