"""A fully connected network that was read from files, as a torch module, so that estimates take it too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from certify.estimation.model.solution_map import SOLUTION_MAPS
from certify.estimation.model.subject import ModuleProblem, module_problem
from certify.format.errors import InputError
from certify.inputs.torch.fully_connected import module_of
from certify.problem.perturbations.parameters import MOVING

if TYPE_CHECKING:
    from certify.problem.problem import Problem


def module_problem_of(problem: Problem) -> ModuleProblem:
    """A loaded problem as one about a torch module.

    Without targets they are the network's own outputs, as for the interpolation map with base ``"given"``.

    Raises:
        InputError: the sublevel map, one layer alone, merged rows, rows that carry weights, or biases without weight
            decay, which estimates do not know.
    """
    if problem.map not in SOLUTION_MAPS:
        raise InputError("estimate", f'map = "{problem.map}"', 'use map = "interpolation", or Problem.from_module')
    if problem.layer != "all" or problem.merge_duplicates:
        raise InputError("estimate", "one layer alone, or merged rows", 'use layer = "all", without merging')
    if problem.weights is not None:
        raise InputError("estimate", "rows that carry weights, and every row counts the same in estimates",
                         "use bound, stable_predictions or leave_one_out, which know them")
    if problem.bias_decay is False:
        raise InputError("estimate", "bias_decay = False, and all weights decay in estimates", "use another question")
    module = module_of(problem.network)
    y, loss = problem.labels if problem.y is None else problem.y, problem.loss
    if y is None:
        with torch.no_grad():
            y, loss = module(torch.from_numpy(np.array(problem.X))), "squared"
    return module_problem(
        module, problem.X, y, loss=loss, weight_decay=problem.weight_decay, map=problem.map, base=problem.base
    )


def of_loaded(
    problem: Problem, u: Any, rows: Sequence[int] | None, parameter: str | None
) -> tuple[str, Sequence[int], Any]:
    """What changes, in which rows and by how much: as the problem says, features in the units of its scale.

    Raises:
        InputError: a feature moves that the problem holds fixed.
    """
    parameter = parameter or problem.parameter
    listed = problem.rows if rows is None else rows
    if problem.scale is None or not MOVING[parameter].inputs:
        return parameter, listed, u
    move = u.detach().cpu().numpy() if isinstance(u, torch.Tensor) else np.asarray(u)
    if move.ndim == 2 and move.shape[1] == len(problem.scale):
        still = (problem.scale == 0) & (move != 0).any(axis=0)
        if still.any():
            raise InputError("u", f"it moves feature {int(np.argmax(still))}, which the problem holds fixed",
                             "give 0 there, or list the feature in perturbation.columns")
        move = move * problem.scale
    return parameter, listed, move
