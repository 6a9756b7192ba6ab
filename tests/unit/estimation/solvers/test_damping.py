"""The damping that is chosen: against matrices of known eigenvalues, and never in place of one that was given."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from certify.estimation import EstimateOptions, estimate, module_problem  # noqa: E402
from certify.estimation.krylov import Operator, Status, matrix_operator  # noqa: E402
from certify.estimation.krylov.lanczos import least_curvature  # noqa: E402
from certify.estimation.solvers import damping as module  # noqa: E402
from certify.estimation.solvers.damping import answer, rung_above  # noqa: E402
from certify.estimation.solvers.system import System, failure  # noqa: E402


@pytest.fixture
def system(monkeypatch):
    """A problem whose matrix is any that is given: only its number of parameters, of rows and its decay are used."""
    def make(matrix, decay=0.0, most=0):
        net = nn.Linear(len(matrix), 1, bias=False).double().eval()
        p = module_problem(net, torch.ones(4, len(matrix)).double(), torch.ones(4, 1).double(), loss="squared",
                           map="critical", base="nearby", weight_decay=decay)
        A = matrix.double()

        def operator(problem, curvature, damping=0.0):
            shifted = A + (decay + damping) * torch.eye(len(A)).double()
            made = matrix_operator(shifted)
            return Operator(len(A), len(A), made.product, made.adjoint, symmetric=True)

        for name in ("certify.estimation.solvers.solve", "certify.estimation.solvers.damping"):
            monkeypatch.setattr(f"{name}.operator_of", operator)
        monkeypatch.setattr("certify.estimation.solvers.solve.MOST_PARAMETERS", most)  # 0: nothing is formed
        monkeypatch.setattr("certify.estimation.solvers.solve._worth_forming", lambda *_: False)
        monkeypatch.setattr("certify.estimation.derivatives.curvature_factor.curvature_factor", None)
        for name in (module.__name__, "certify.estimation.solvers.solve"):
            monkeypatch.setattr(f"{name}.curvature_factor", lambda *_, **known: A.new_zeros(0, len(A)))
        return p
    return make


def solved(p, b, first=None, **options):
    chosen = EstimateOptions(**{"tolerance": 1e-9, **options})
    return answer(p, "hessian", torch.tensor(b, dtype=torch.float64), chosen, lambda words, done: None, first)


def test_an_indefinite_system_is_damped_beyond_twice_its_negative_curvature(system):
    """Eigenvalues 3.01 and -0.99, with the decay: the least of 1, 3, 10, … that is at least 1.98 is 3."""
    A, b = torch.tensor([[1.0, 2.0], [2.0, 1.0]]), [[1.0, -1.0], [0.5, 2.0]]
    found = solved(system(A, decay=0.01), b)
    assert found.system.chosen and found.system.damping == 3.0
    assert found.system.least_curvature == pytest.approx(-0.99)
    B = A.double() + 3.01 * torch.eye(2).double()
    x = torch.linalg.solve(B, torch.tensor(b).double().T).T
    torch.testing.assert_close(found.solved.x, x)
    left = (torch.tensor(b).double() - x @ (B - 3 * torch.eye(2).double()))[0].norm() / 2**0.5
    assert found.system.undamped == pytest.approx(float(left)) and found.system.undamped > 0.5
    assert found.solved.residual[0] < 1e-9 and not failure(float(found.solved.residual[0]), found.system)
    assert "along some direction the curvature is -0.99 or less" in found.system.why
    assert "is left of the system without it" in found.system.words()
    again = found.again(torch.tensor(b).double()[1:], lambda words, done: None)
    torch.testing.assert_close(again.x, x[1:])  # correctors solve the same system


@pytest.mark.parametrize("given", [0.0, 0.5, 7.0])
@pytest.mark.parametrize("solver", ["auto", "minres_qlp"])
def test_a_damping_that_was_given_is_kept(system, given, solver):
    A, b = torch.tensor([[1.0, 2.0], [2.0, 1.0]]), [[1.0, -1.0]]
    found = solved(system(A, decay=0.01), b, damping=given, solver=solver)
    assert found.system.damping == given and not found.system.chosen and not found.system.why
    B = A.double() + (0.01 + given) * torch.eye(2).double()
    torch.testing.assert_close(found.solved.x, torch.linalg.solve(B, torch.tensor(b).double().T).T)
    assert (found.system.undamped is None) == (given == 0)


def test_a_solver_that_was_named_is_not_damped_unasked(system):
    found = solved(system(torch.tensor([[1.0, 2.0], [2.0, 1.0]]), decay=0.01), [[1.0, -1.0]], solver="cg")
    assert not found.system.damping and not found.system.chosen
    assert found.solved.status == (Status.CURVATURE,)


def test_a_system_that_is_solved_is_not_damped(system):
    A, b = torch.diag(torch.tensor([2.0, 0.5, 1.0])), [[1.0, 1.0, 1.0]]
    for decay in (0.0, 0.1):
        found = solved(system(A, decay), b)
        assert not found.system.damping and not found.system.chosen and found.system.words() == "; " + (
            found.system.preconditioner)
        torch.testing.assert_close(found.solved.x[0], 1 / (A.diagonal() + decay).double())


def test_a_small_indefinite_matrix_is_solved_as_it_is(system, monkeypatch):
    """Where every eigenvalue is known the question is answered as it was asked."""
    A = torch.tensor([[1.0, 2.0], [2.0, 1.0]])
    found = solved(system(A, most=10), [[1.0, -1.0]])
    assert not found.system.damping and found.system.preconditioner.startswith("a dense matrix")
    torch.testing.assert_close(found.solved.x, torch.tensor([[-1.0, 1.0]]).double())


def hard(n=400):
    """Eigenvalues from 1 down to 1e-8: no budget of a few products solves it undamped."""
    g = torch.Generator().manual_seed(0)
    Q = torch.linalg.qr(torch.randn(n, n, generator=g, dtype=torch.float64))[0]
    A = (Q * torch.logspace(0, -8, n, dtype=torch.float64)) @ Q.T
    return (A + A.T) / 2, torch.randn(2, n, generator=g, dtype=torch.float64).tolist()


def test_the_ladder_goes_down_while_the_solver_converges(system):
    A, b = hard()
    damped = []
    for budget in (60.0, 240.0):
        found = solved(system(A), b, tolerance=1e-2, budget=budget)
        assert found.system.chosen and found.solved.converged.all()
        damped.append(found.system.damping)
        B = A + found.system.damping * torch.eye(len(A)).double()
        left = (torch.tensor(b).double() - found.solved.x @ B).norm(dim=1)
        assert (left <= 1.01e-2 * torch.tensor(b).double().norm(dim=1)).all()
        undamped = (torch.tensor(b).double() - found.solved.x @ A)[0].norm() / torch.tensor(b[0]).double().norm()
        assert found.system.undamped == pytest.approx(float(undamped), rel=1e-6) and undamped > 1e-2
    assert damped[1] < damped[0] <= 1.0


def test_a_first_answer_comes_before_the_rest(system):
    A, b = hard()
    heard = []
    found = solved(system(A), b, lambda solved, system: heard.append((solved, system)), tolerance=1e-2, budget=60.0)
    assert len(heard) == 1 and heard[0][1].damping > found.system.damping and heard[0][0].converged.all()
    assert found.products > int(found.solved.products.max())


def test_rungs_are_one_and_three_times_powers_of_ten():
    assert [rung_above(x) for x in (1e-7, 2e-3, 3e-3, 3.1e-3, 0.99, 5.0)] == [1e-7, 3e-3, 3e-3, 1e-2, 1.0, 10.0]


@pytest.mark.parametrize("least", [-2.0, 0.5])
def test_lanczos_finds_the_least_eigenvalue_of_a_known_spectrum(least):
    g = torch.Generator().manual_seed(1)
    Q = torch.linalg.qr(torch.randn(30, 30, generator=g, dtype=torch.float64))[0]
    values = torch.linspace(1.0, 5.0, 30, dtype=torch.float64)
    values[0] = least
    A = matrix_operator(((Q * values) @ Q.T + ((Q * values) @ Q.T).T) / 2)
    found, products = least_curvature(A, torch.randn(30, generator=g, dtype=torch.float64), 30)
    assert products == 30 and found == pytest.approx(least, abs=1e-9)
    few, products = least_curvature(A, torch.randn(30, generator=g, dtype=torch.float64), 5)
    assert products == 5 and few >= least - 1e-9  # a Ritz value is a curvature that is there


def test_lanczos_ends_in_an_invariant_space():
    A = matrix_operator(torch.diag(torch.tensor([-1.0, 2.0, 3.0], dtype=torch.float64)))
    assert least_curvature(A, torch.tensor([0.0, 2.0, 0.0], dtype=torch.float64)) == (2.0, 1)


@pytest.mark.parametrize("residual, fails", [(0.0, False), (0.5, False), (0.500001, True), (float("nan"), True)])
def test_a_residual_above_a_half_is_a_failure(residual, fails):
    assert bool(failure(residual, System("hessian", 0.1))) == fails


def outside(share):
    """`f = w·x` whose second feature is 0 everywhere: what moving it asks for lies outside the range in part."""
    net = nn.Linear(2, 1, bias=False).double().eval()
    with torch.no_grad():
        net.weight[:] = torch.tensor([[1.0, share]])
    return module_problem(net, [[1.0, 0.0], [2.0, 0.0]], [[0.0], [0.0]], loss="squared", map="critical", base="nearby")


def test_an_estimate_that_fails_says_so_and_one_that_does_not_does_not():
    """`H = ½ diag(5, 0)`; moving the second feature of row 0 by t asks for `½(share, 1)·t`: 1 of it is out of reach."""
    bad = estimate(outside(1.0), [[0.0, 0.1]], [0], curvature="hessian")
    assert bad.residual == pytest.approx(0.5**0.5)
    assert bad.failure == "the system H was not solved: the relative residual is 0.71, above 0.5"
    assert bad.status.startswith("failed, the system H was not solved")
    good = estimate(outside(4.0), [[0.0, 0.1]], [0], curvature="hessian")
    assert good.failure == "" and not good.status.startswith("failed") and 0 < good.residual < 0.5


def test_in_output_space_the_residual_is_that_of_the_damped_system():
    """One row, one output: `JJᵀ = 2`, and with n·δ = 2 the step answers a half of what is asked."""
    net = nn.Linear(2, 1, bias=False).double().eval()
    with torch.no_grad():
        net.weight[:] = 1.0
    p = module_problem(net, [[1.0, 1.0]], [[2.0]], loss="squared", map="interpolation")
    found = estimate(p, [[1.0]], [0], parameter="targets", damping=2.0, tolerance=1e-10)
    assert found.residual < 1e-9 and found.system.undamped == pytest.approx(0.5) and not found.failure
    assert found.system.formula == "JJᵀ/n + 2·I" and not found.system.chosen
    torch.testing.assert_close(found.step, torch.tensor([0.25, 0.25]).double())
