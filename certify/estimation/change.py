"""The change of the training data whose effect is estimated."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from certify.estimation.model.functional import as_tensor, require_finite
from certify.estimation.model.probes import require_input_derivative
from certify.estimation.model.subject import MANY, ModuleProblem
from certify.format.errors import InputError


@dataclass(frozen=True, eq=False)
class Change:
    """Which rows change, in what, and by how much.

    Attributes:
        parameter: ``"features"``, ``"targets"`` or ``"sample_weights"``.
        rows: `(m,)` row numbers, each once.
        u: the change: `(m, *X.shape[1:])`, `(m, k)` or `(m,)`; a sample weight of −1 deletes its row.
    """

    parameter: str
    rows: torch.Tensor
    u: torch.Tensor

    def __repr__(self) -> str:
        """In a line, without the numbers."""
        return f"Change({self.parameter} of {len(self.rows)} rows)"

    def inputs(self, problem: ModuleProblem, t: float = 1.0) -> torch.Tensor:
        """Inputs of the changed rows after `t` times the change."""
        x = problem.X[self.rows]
        return x + t * self.u if self.parameter == "features" else x

    def targets(self, problem: ModuleProblem, t: float = 1.0) -> torch.Tensor:
        """Targets of the changed rows after `t` times the change."""
        y = problem.y[self.rows]
        return y + t * self.u if self.parameter == "targets" else y

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
        weights = torch.ones(problem.n, dtype=problem.X.dtype, device=problem.X.device)
        if self.parameter == "sample_weights":
            weights[self.rows] += t * self.u
        return weights


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
    if parameter not in ("features", "targets", "sample_weights"):
        raise InputError("parameter", f"'{parameter}'", "use features, targets or sample_weights")
    listed = list(range(problem.n)) if rows is None else _numbers(rows)
    if not listed or len(set(listed)) != len(listed) or min(listed) < 0 or max(listed) >= problem.n:
        raise InputError("rows", f"{listed[:5]}{'…' if len(listed) > 5 else ''}",
                         f"list row numbers from 0 to {problem.n - 1}, each once")
    if parameter == "targets" and not problem.y.is_floating_point():
        raise InputError("parameter", "targets that are class labels", "give rows of probabilities as y to move them")
    if parameter == "targets" and problem.loss.name == "logistic":
        raise InputError("parameter", "targets of the logistic loss, which are signs", "delete rows by sample_weights")
    wanted = {"features": (len(listed), *problem.X.shape[1:]), "targets": (len(listed), problem.k),
              "sample_weights": (len(listed),)}[parameter]
    move = as_tensor(u, "u")
    if tuple(move.shape) != wanted or move.is_complex():
        raise InputError("u", f"{move.dtype} of shape {tuple(move.shape)}", f"give an array of shape {wanted}")
    given = move
    move = move.to(dtype=problem.X.dtype, device=problem.X.device)
    require_finite(move, "u", given)
    if parameter == "features" and problem.plain is None:
        shared = problem.batch_statistics == "recomputed"
        require_input_derivative(problem.function, problem.X[:MANY] if shared else problem.X[listed[:2]])
    if parameter == "sample_weights" and bool((move < -1).any()):
        raise InputError("u", "a sample weight below -1", "−1 deletes a row; less has no meaning")
    return Change(parameter, torch.tensor(listed, device=problem.X.device), move)


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
