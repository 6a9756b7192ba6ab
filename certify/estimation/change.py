"""The change of the training data whose effect is estimated."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Final, final

import torch
from torch.func import jvp

from certify.estimation.derivatives.jacobian import input_derivative
from certify.estimation.model.functional import as_tensor, require_finite
from certify.estimation.model.probes import require_input_derivative
from certify.estimation.model.subject import MANY, ModuleProblem
from certify.format.errors import InputError

Pulled = Callable[[torch.Tensor, torch.Tensor, torch.Tensor | None], torch.Tensor]
"""`Σ s_i ∇_w ℓ(f(x_i), y_i)` of rows x, y and weights s (None: 1)."""


@dataclass(frozen=True, eq=False)
class Change(ABC):
    """Which rows change, in what (one subclass a parameter), and by how much.

    Attributes:
        parameter: ``"features"``, ``"targets"`` or ``"sample_weights"``.
        moves_outputs: whether its rows shall have other outputs; where features move, moved rows shall have the same.
        linear: whether the training loss is linear in it.
        rows: `(m,)` row numbers, each once.
        u: the change: `(m, *X.shape[1:])`, `(m, k)` or `(m,)`; a sample weight of −1 deletes its row.
    """

    parameter: ClassVar[str]
    moves_outputs: ClassVar[bool] = True
    linear: ClassVar[bool] = False

    rows: torch.Tensor
    u: torch.Tensor

    def __repr__(self) -> str:
        """In a line, without the numbers."""
        return f"Change({self.parameter} of {len(self.rows)} rows)"

    @classmethod
    @abstractmethod
    def shape(cls, problem: ModuleProblem, m: int) -> tuple[int, ...]:
        """The shape of u for m rows; an InputError where this cannot move."""

    @classmethod
    def of(cls, problem: ModuleProblem, listed: list[int], u: torch.Tensor) -> Change:
        """The change, or an InputError that says why the numbers have no meaning."""
        return cls(torch.tensor(listed, device=problem.X.device), u)

    @abstractmethod
    def moved(self, problem: ModuleProblem) -> torch.Tensor | None:
        """What it is added to, on the changed rows; None for sample weights, which are numbers of no file."""

    @abstractmethod
    def everywhere(self, problem: ModuleProblem) -> torch.Tensor:
        """u on all rows, 0 on those that do not change."""

    @abstractmethod
    def along(self, pulled: Pulled, x: torch.Tensor, y: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
        """`d/dt` of the summed gradient of rows x, y at t = 0, after t times u."""

    @abstractmethod
    def keeping_fits(self, problem: ModuleProblem) -> torch.Tensor:
        """How the outputs of its rows have to change so that exact fits stay exact, (m, k)."""

    @abstractmethod
    def keeping_slopes(self, problem: ModuleProblem) -> torch.Tensor:
        """How they have to change so that no slope of a loss does, (m, k)."""

    def output_change(self, problem: ModuleProblem, base: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
        """What it does to its rows' outputs at the given weights: the linear part, and all; None where nothing."""
        return None

    def inputs(self, problem: ModuleProblem, t: float = 1.0) -> torch.Tensor:
        """Inputs of the changed rows after `t` times the change."""
        return problem.X[self.rows]

    def targets(self, problem: ModuleProblem, t: float = 1.0) -> torch.Tensor:
        """Targets of the changed rows after `t` times the change."""
        return problem.y[self.rows]

    def data(self, problem: ModuleProblem, t: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
        """All inputs and all targets after `t` times the change."""
        X, y = problem.X.clone(), problem.y.clone()
        X[self.rows], y[self.rows] = self.inputs(problem, t), self.targets(problem, t)
        return X, y

    def outputs(self, problem: ModuleProblem, w: torch.Tensor, t: float = 1.0) -> torch.Tensor:
        """Outputs of the changed rows after `t` times the change, (m, k), among all rows if those share statistics."""
        if problem.batch_statistics == "recomputed":
            return problem.function.all_outputs(w, self.data(problem, t)[0])[self.rows]
        return problem.function.all_outputs(w, self.inputs(problem, t))

    def sample_weights(self, problem: ModuleProblem, t: float = 1.0) -> torch.Tensor:
        """`1 + u_i` of every row, (n,)."""
        return torch.ones(problem.n, dtype=problem.X.dtype, device=problem.X.device)

    def _spread(self, like: torch.Tensor) -> torch.Tensor:
        whole = torch.zeros_like(like)
        whole[self.rows] = self.u
        return whole


@final
class Features(Change):
    """`x_i + u_i`."""

    parameter = "features"
    moves_outputs = False

    @classmethod
    def shape(cls, problem: ModuleProblem, m: int) -> tuple[int, ...]:
        """As in :class:`Change`."""
        return (m, *problem.X.shape[1:])

    @classmethod
    def of(cls, problem: ModuleProblem, listed: list[int], u: torch.Tensor) -> Change:
        """As in :class:`Change`: the outputs need a derivative in the inputs."""
        if problem.plain is None:
            shared = problem.batch_statistics == "recomputed"
            require_input_derivative(problem.function, problem.X[:MANY] if shared else problem.X[listed[:2]])
        return super().of(problem, listed, u)

    def inputs(self, problem: ModuleProblem, t: float = 1.0) -> torch.Tensor:
        """As in :class:`Change`."""
        return problem.X[self.rows] + t * self.u

    def moved(self, problem: ModuleProblem) -> torch.Tensor | None:
        """As in :class:`Change`."""
        return problem.X[self.rows]

    def everywhere(self, problem: ModuleProblem) -> torch.Tensor:
        """As in :class:`Change`."""
        return self._spread(problem.X)

    def along(self, pulled: Pulled, x: torch.Tensor, y: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
        """As in :class:`Change`."""
        return jvp(lambda a: pulled(a, y, None), (x,), (u,))[1].detach()

    def keeping_fits(self, problem: ModuleProblem) -> torch.Tensor:
        """`−J_u u`."""
        return -input_derivative(problem, problem.X[self.rows], self.u)

    def keeping_slopes(self, problem: ModuleProblem) -> torch.Tensor:
        """The same: slopes follow outputs."""
        return self.keeping_fits(problem)

    def output_change(self, problem: ModuleProblem, base: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
        """As in :class:`Change`."""
        x = problem.X[self.rows]
        linear = input_derivative(problem, x, self.u)
        return linear, problem.function.all_outputs(problem.w, x + self.u) - base[self.rows]


@final
class Targets(Change):
    """`y_i + u_i`."""

    parameter = "targets"

    @classmethod
    def shape(cls, problem: ModuleProblem, m: int) -> tuple[int, ...]:
        """As in :class:`Change`: neither class labels nor signs move a little."""
        if not problem.y.is_floating_point():
            raise InputError("parameter", "targets that are class labels",
                             "give rows of probabilities as y to move them")
        if not problem.loss.slides:
            raise InputError("parameter", "targets of the logistic loss, which are signs",
                             "delete rows by sample_weights")
        return m, problem.k

    def targets(self, problem: ModuleProblem, t: float = 1.0) -> torch.Tensor:
        """As in :class:`Change`."""
        return problem.y[self.rows] + t * self.u

    def moved(self, problem: ModuleProblem) -> torch.Tensor | None:
        """As in :class:`Change`."""
        return problem.y[self.rows]

    def everywhere(self, problem: ModuleProblem) -> torch.Tensor:
        """As in :class:`Change`."""
        return self._spread(problem.y)

    def along(self, pulled: Pulled, x: torch.Tensor, y: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
        """As in :class:`Change`."""
        return jvp(lambda b: pulled(x, b, None), (y,), (u,))[1].detach()

    def keeping_fits(self, problem: ModuleProblem) -> torch.Tensor:
        """The change itself."""
        return self.u

    def keeping_slopes(self, problem: ModuleProblem) -> torch.Tensor:
        """`(∂²ℓ_i)⁺ u_i`: the slopes of the losses here are linear in the targets, up to their sum."""
        x, y = problem.X[self.rows], problem.y[self.rows]
        return problem.loss.against_curvature(problem.function.all_outputs(problem.w, x), y, self.u)


@final
class SampleWeights(Change):
    """`(1/n) Σ (1 + u_i) ℓ_i`."""

    parameter = "sample_weights"
    linear = True

    @classmethod
    def shape(cls, problem: ModuleProblem, m: int) -> tuple[int, ...]:
        """As in :class:`Change`."""
        return (m,)

    @classmethod
    def of(cls, problem: ModuleProblem, listed: list[int], u: torch.Tensor) -> Change:
        """As in :class:`Change`: no weight falls below 0."""
        if bool((u < -1).any()):
            raise InputError("u", "a sample weight below -1", "−1 deletes a row; less has no meaning")
        return super().of(problem, listed, u)

    def sample_weights(self, problem: ModuleProblem, t: float = 1.0) -> torch.Tensor:
        """As in :class:`Change`."""
        weights = super().sample_weights(problem, t)
        weights[self.rows] += t * self.u
        return weights

    def moved(self, problem: ModuleProblem) -> torch.Tensor | None:
        """As in :class:`Change`."""
        return None

    def everywhere(self, problem: ModuleProblem) -> torch.Tensor:
        """As in :class:`Change`."""
        return self.sample_weights(problem) - 1

    def along(self, pulled: Pulled, x: torch.Tensor, y: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
        """As in :class:`Change`."""
        return pulled(x, y, u)

    def keeping_fits(self, problem: ModuleProblem) -> torch.Tensor:
        """Fits are exact under any weights."""
        raise InputError("parameter", "sample_weights with map interpolation, which they do not enter",
                         'use map = "critical"')

    def keeping_slopes(self, problem: ModuleProblem) -> torch.Tensor:
        """`−(∂²ℓ_i)⁺ u_i ∂ℓ_i`."""
        x, y = problem.X[self.rows], problem.y[self.rows]
        f = problem.function.all_outputs(problem.w, x)
        return problem.loss.against_curvature(f, y, -self.u[:, None] * problem.loss.slopes(f, y))


CHANGES: Final[Mapping[str, type[Change]]] = MappingProxyType({
    kind.parameter: kind for kind in (Features, Targets, SampleWeights)})
"""By the word of its parameter."""


def change_of(problem: ModuleProblem, u: Any, rows: Sequence[int] | None, parameter: str) -> Change:
    """A change, checked against the problem.

    Args:
        problem: the problem.
        u: the change of the listed rows.
        rows: their numbers, from 0; None: all rows.
        parameter: what changes.

    Raises:
        InputError: rows that are not there or listed twice, a wrong shape, NaN, class labels asked to move.
    """
    if parameter not in tuple(CHANGES):
        raise InputError("parameter", f"'{parameter}'", "use features, targets or sample_weights")
    listed = list(range(problem.n)) if rows is None else _numbers(rows)
    if not listed or len(set(listed)) != len(listed) or min(listed) < 0 or max(listed) >= problem.n:
        raise InputError("rows", f"{listed[:5]}{'…' if len(listed) > 5 else ''}",
                         f"list row numbers from 0 to {problem.n - 1}, each once")
    kind = CHANGES[parameter]
    wanted = kind.shape(problem, len(listed))
    move = as_tensor(u, "u")
    if tuple(move.shape) != wanted or move.is_complex():
        raise InputError("u", f"{move.dtype} of shape {tuple(move.shape)}", f"give an array of shape {wanted}")
    given = move
    move = move.to(dtype=problem.X.dtype, device=problem.X.device)
    require_finite(move, "u", given)
    return kind.of(problem, listed, move)


def _numbers(rows: Any) -> list[int]:
    """Row numbers, and nothing that only looks like them: a mask, a fraction, a single number."""
    given = rows.tolist() if hasattr(rows, "tolist") else rows
    if not isinstance(given, Iterable) or isinstance(given, str):
        raise InputError("rows", f"{rows!r}", "give a list of row numbers, such as [3]")
    numbers = list(given)
    odd = [i for i in numbers if isinstance(i, bool) or not hasattr(i, "__index__")]
    if odd:
        raise InputError("rows", f"{odd[0]!r}", "give whole row numbers, from 0; of a mask, the numbers of its rows")
    return [operator.index(i) for i in numbers]
