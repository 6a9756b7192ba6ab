"""Options that would be answered as another question, or not be heard, are refused."""

from __future__ import annotations

import pytest
import torch

from certify.errors import InputError
from certify.estimation import estimate, module_problem
from tests.estimation.nets import mlp, problem

U = 0.1 * torch.ones(2, 4, dtype=torch.float64)


@pytest.mark.parametrize("solver", ["cg", "lsmr", "minres_qlp", "direct"])
def test_the_interpolation_map_is_not_answered_by_critical_points(solver):
    with pytest.raises(InputError, match='with map = "interpolation".*use solver = "dual"'):
        estimate(problem(map="interpolation"), U, [0, 3], solver=solver)


def test_looking_at_the_moved_rows_alone_needs_output_space():
    with pytest.raises(InputError, match='hold: "moved" in weight space'):
        estimate(problem(base="nearby"), U, [0, 3], hold="moved")


def test_a_prepared_kernel_is_that_of_the_problem():
    p = problem()
    whole, some = (estimate(p, U, [0, 3], hold=hold) for hold in ("all", "moved"))
    assert torch.allclose(estimate(p, 2 * U, [0, 3], prepared=whole.rows).step, estimate(p, 2 * U, [0, 3]).step)
    for prepared, asked in ((some.rows, p), (whole.rows, problem(n=6)), (whole.rows, problem(seed=1)),
                            (whole.rows, problem(map="interpolation"))):
        with pytest.raises(InputError, match="rows of another problem"):
            estimate(asked, U, [0, 3], prepared=prepared)
    with pytest.raises(InputError, match="rows of another problem"):
        estimate(p, U, [0, 3], prepared=whole.rows, solver="minres_qlp")


def test_a_set_of_one_point_has_no_other_members():
    damped = estimate(problem(), U, [0, 3], damping=0.1)
    with pytest.raises(InputError, match="damping"):
        damped.sample_members(2)
    torch.manual_seed(0)
    X = torch.randn(40, 4, dtype=torch.float64)
    p = module_problem(mlp().double().eval(), X, torch.randn(40, 3), map="interpolation")  # 120 equations, 67 weights
    with pytest.raises(InputError, match="Jacobian of full rank"):
        estimate(p, U, [0, 3]).sample_members(2)


@pytest.mark.parametrize(("asked", "words"), [
    ({"budget": float("inf")}, "all finite"), ({"budget": float("nan")}, "all finite"),
    ({"seed": 1.5}, "seed: 1.5"), ({"seed": -1}, "seed"), ({"corrector_steps": True}, "corrector_steps: True"),
])
def test_numbers_that_mean_nothing(asked, words):
    with pytest.raises(InputError, match=words):
        estimate(problem(), U, [0, 3], **asked)


@pytest.mark.parametrize("decay", ["0.1", True, -1.0, float("nan"), float("inf")])
def test_weight_decay_is_a_finite_number(decay):
    with pytest.raises(InputError, match="weight_decay"):
        problem(weight_decay=decay)


@pytest.mark.parametrize("steps", [0, 1])
def test_a_system_that_no_step_answers_says_that_none_is_taken(steps):
    """Rows of zeros: no weight changes an output, and the targets of one row move."""
    p = module_problem(torch.nn.Linear(2, 1, bias=False).eval(), torch.zeros(2, 2), torch.zeros(2, 1))
    found = estimate(p, [[1.0]], [0], parameter="targets", corrector_steps=steps)
    assert not found.step.any() and found.residual == 1.0 and "no step is taken" in found.status
