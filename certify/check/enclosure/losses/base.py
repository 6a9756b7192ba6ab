"""What every loss of one row knows about itself: values, slopes, curvature, and how they move with the outputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module

from flint import arb, arb_mat

from certify.check.linalg.balls import ONE
from certify.check.reading.subject import Problem

Matrix = list[list[arb]]


@dataclass(frozen=True)
class Losses:
    """Losses of the rows and their derivatives with respect to the outputs.

    Attributes:
        values: `ℓ_i`.
        slopes: `(n, k)`, row i is `∂ℓ_i/∂f`.
        bends: `λ_i`, Lipschitz constants of `f ↦ ∂ℓ_i/∂f`.
    """

    values: list[arb]
    slopes: arb_mat
    bends: list[arb]


class Loss(ABC):
    """One loss.

    Attributes:
        quadratic: whether the curvature is the identity everywhere.
        invariant: whether nothing changes where all outputs of a row grow by the same number.
    """

    quadratic = False
    invariant = False

    @abstractmethod
    def of(self, problem: Problem, rows: Matrix, at: slice) -> Losses:
        """Losses, slopes and their Lipschitz constants (L1), of the rows `at` with those outputs."""

    @abstractmethod
    def curvature(self, problem: Problem, i: int, f: list[arb]) -> Matrix:
        """`M_i = ∂²ℓ_i/∂f²` at the outputs f."""

    @abstractmethod
    def bent(self, problem: Problem, i: int, c: list[arb]) -> tuple[arb, Matrix]:
        """The weight `W_i` of the row, and `M_i` from the slope c (H2)."""

    @abstractmethod
    def spread(self, problem: Problem, i: int, c: list[arb], r: arb) -> tuple[arb, arb]:
        """How far slope and curvature (Frobenius norm) differ within r of outputs where the slope is c (L1, H2)."""

    @abstractmethod
    def relabelled(self, problem: Problem, row: int, old: float, u: Sequence[float]) -> float:
        """The label that the change u of its vector makes of an old one; raises `Invalid`."""


def loss_of(problem: Problem) -> Loss:
    """The loss of a problem."""
    found = import_module(f"certify.check.enclosure.losses.{problem.loss}").LOSS
    assert isinstance(found, Loss)
    return found


def near(lipschitz: arb, factor: arb | None, slope: arb, r: arb) -> arb:
    """`lipschitz·r`, or if it is less `factor·|c|·r(1 + factor·r(1 + factor·r))` where `factor·r ≤ 1` (L1)."""
    plain = lipschitz * r
    if factor is None or not factor * r <= ONE:
        return plain
    x = factor * r
    return plain.min(slope * x * (1 + x * (1 + x)))


def learned(problem: Problem) -> Iterator[float]:
    """All parameters, which the weight decay counts."""
    if problem.graph is None or problem.layers:
        return (v for layer in problem.layers for v in (*layer.weights, *(layer.biases or ())))
    return (v for node in problem.graph.nodes for role in ("weight", "bias") for v in node.tensors.get(role, ()))
