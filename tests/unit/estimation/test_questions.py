"""Options that would be answered as another question, or not be heard, are refused."""

from __future__ import annotations

import pytest
import torch

from certify.estimation import estimate, module_problem
from certify.format.errors import InputError
from tests.families.nets import mlp, problem

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


def taken(X=((1.0, 2.0), (3.0, 4.0)), y=((0.0,), (1.0,)), **more):
    return module_problem(torch.nn.Linear(2, 1).eval(), torch.tensor(X, dtype=torch.float64), torch.tensor(y), **more)


@pytest.mark.parametrize(("more", "words"), [
    ({"X": [[1.0, 2.0], [3.0, float("nan")]]}, "X, row 1: nan"),
    ({"X": [[1e300, 2.0], [1e300, 4.0]]}, r"X, row 0: 1e\+300 is too large for float32 \(and in 1 more rows\)"),
    ({"y": [[0.0], [float("inf")]]}, "y, row 1: inf"), ({"y": [[0.0, 1.0]]}, "shape"),
    ({"y": [[0.5], [float("nan")]], "loss": "cross_entropy"}, "y, row 1: nan"),
    ({"y": [[0.5], [-0.5]], "loss": "cross_entropy"}, "y, row 1: -0.5"),
    ({"y": [0.0, float("nan")], "loss": "logistic"}, "y, row 1: nan"),
])
def test_a_number_that_is_none_is_found(more, words):
    assert taken().n == 2
    with pytest.raises(InputError, match=words):
        taken(**more)


def test_the_row_of_a_change_or_an_output_that_is_not_finite_is_named():
    with pytest.raises(InputError, match="u, row 1: nan"):
        estimate(taken(), [[0.0, 0.0], [0.0, float("nan")]], [0, 1])
    X = torch.ones(60, 2)
    X[55] = 3e38
    with pytest.raises(InputError, match="outputs of the module, row 55: inf"):
        estimate(module_problem(doubled(), X, torch.ones(60, 1), map="critical"), X[:1] * 0, [0])


def doubled():
    net = torch.nn.Linear(2, 1).eval()
    torch.nn.init.constant_(net.weight, 2.0)
    return net


@pytest.mark.parametrize("f", [-40.0, -20.0, 20.0, 40.0])
def test_the_curvature_of_a_sure_logistic_output_is_not_lost(f):
    from certify.estimation.model.losses import loss_named

    loss, at = loss_named("logistic"), torch.tensor([[f]])
    found = loss.curve(at, torch.ones(1, 1), torch.ones(1, 1))
    torch.testing.assert_close(found, torch.exp(-at.abs()), rtol=1e-5, atol=0.0)
    torch.testing.assert_close(found, loss.hessians(at, torch.ones(1, 1))[:, :, 0], rtol=1e-5, atol=0.0)


def test_what_is_printed_of_a_problem_and_an_estimate_is_no_data():
    p = problem(n=50)
    assert repr(p) == ("ModuleProblem(Sequential, 67 parameters, 50 rows of shape (4,), 3 outputs, "
                       "loss='cross_entropy', map='critical', base='given')")
    found = estimate(p, U, [0, 3])
    shown = [repr(one) for one in (found, found.change, found.sample_members(1)[0], found.retrain("given", 2))]
    assert all("tensor" not in one and len(one) < 900 for one in shown), shown
    assert "Change(features of 2 rows)" in shown[0] and "residual=" in shown[0]


@pytest.mark.parametrize(("more", "of"), [({"map": "interpolation"}, "Jacobian"), ({"base": "nearby"}, "Hessian")])
def test_members_of_a_kernel_that_the_solver_did_not_find_are_refused(more, of):
    p, found = problem(**more), []
    for budget in (1e4, 1.0):
        solver = "dual" if of == "Jacobian" else "minres_qlp"
        found.append(estimate(p, U, [0, 3], solver=solver, preconditioner="none", tolerance=1e-6, budget=budget))
    assert len(found[0].sample_members(2)) == 2
    with pytest.raises(InputError, match=f"could not tell the kernel of the {of}"):
        found[1].sample_members(2)


class Told(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, x):
        return {"out": self.layer(x)}


@pytest.mark.parametrize(("wrong", "words"), [
    ({"X": [[1.0, 2.0], [3.0]]}, "X: lists of different lengths"), ({"X": None}, "X: None"), ({"y": None}, "y: None"),
    ({"y": ["a", "b"]}, "y: entries of type <U1"), ({"device": 3.5}, "device: '3.5'"),
    ({"module": Told().eval()}, "outputs of type dict"),
    ({"module": torch.nn.Linear(2, 1, device="meta").eval()}, "on meta"),
    ({"module": torch.jit.script(torch.nn.Linear(2, 1).eval())}, "a scripted module"),
])
def test_what_is_no_problem_is_refused_by_its_name(wrong, words):
    given = {"module": torch.nn.Linear(2, 1).eval(), "X": torch.ones(2, 2), "y": torch.ones(2, 1)} | wrong
    with pytest.raises(InputError, match=words):
        module_problem(given.pop("module"), given.pop("X"), given.pop("y"), **given)


def test_what_is_no_problem_at_all():
    with pytest.raises(InputError, match="problem: a NoneType; give what certify.Problem.from_module"):
        estimate(None, U)
    with pytest.raises(InputError, match="u: None"):
        estimate(problem(), None, [0])
    with pytest.raises(InputError, match="scale: 'x'"):
        estimate(problem(), U, [0, 3]).sample_members(1, scale="x")
