"""The estimate against pseudo-inverses of matrices that are formed, and against the new solutions themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from certify.estimation import estimate, module_problem
from certify.estimation.derivatives.jacobian import centred
from certify.estimation.model.losses import loss_named
from certify.format.errors import InputError
from tests.families.nets import SHAPES, Product, Residual, dense_hessian, dense_jacobian, mlp, problem

NETS = pytest.mark.parametrize("make", list(SHAPES), ids=lambda make: make.__name__)


def moved(p, count=2, size=0.1, seed=1):
    g = torch.Generator().manual_seed(seed)
    return size * torch.randn(count, *p.X.shape[1:], generator=g, dtype=torch.float64)


def wanted(p, u, rows):
    """`−J_u u` by differences that are exact enough, (n·k,)."""
    h = 1e-6
    out = torch.zeros(p.n, p.k, dtype=torch.float64)
    out[rows] = (p.function.outputs(p.w, p.X[rows] - h * u) - p.function.outputs(p.w, p.X[rows] + h * u)) / (2 * h)
    return out


@NETS
@pytest.mark.parametrize("map", ["interpolation", "critical"])
@pytest.mark.parametrize("preconditioner", ["auto", "none"])
def test_output_space_is_the_pseudo_inverse(make, map, preconditioner):
    p = problem(make, map=map)
    u = moved(p)
    found = estimate(p, u, [0, 3], solver="dual", tolerance=1e-10, budget=1e4, preconditioner=preconditioner)
    J, b = dense_jacobian(p), wanted(p, u, [0, 3])
    if map == "critical":
        J = centred(J.reshape(p.n, 3, -1).transpose(1, 2)).transpose(1, 2).reshape(-1, p.p)
        b = centred(b)
    exact = torch.linalg.pinv(J, rtol=1e-10) @ b.flatten()
    assert (found.step - exact).norm() < 1e-4 * exact.norm()
    assert found.residual < 1e-5
    assert found.start is not None
    K = slice(0, 3), slice(9, 12)
    J_K, b_K = torch.cat([J[part] for part in K]), torch.cat([b.flatten()[part] for part in K])
    start = torch.linalg.pinv(J_K, rtol=1e-10) @ b_K
    assert (found.start.step - start).norm() < 1e-4 * start.norm()


def test_the_step_keeps_outputs_to_second_order():
    p = problem(Residual, map="interpolation")
    u = moved(p)
    errors = []
    for t in (1e-2, 1e-3):
        found = estimate(p, t * u, [0, 3], tolerance=1e-9)
        X, _ = found.change.data(p)
        f = p.function
        errors.append((f.outputs(p.w + found.step, X) - f.outputs(p.w, p.X)).norm())
    assert errors[1] < 0.03 * errors[0]


def test_correctors_reach_the_new_solution():
    p = problem(mlp, map="interpolation")
    found = [estimate(p, moved(p, size=0.3), [0, 3], tolerance=1e-10, corrector_steps=steps) for steps in (0, 4)]
    X, _ = found[0].change.data(p)
    target = p.function.outputs(p.w, p.X)
    errors = [float((p.function.outputs(p.w + e.step, X) - target).norm()) for e in found]
    assert errors[1] < 0.01 * errors[0]
    assert len(found[1].correctors) == 4
    assert found[1].correctors[-1].left == pytest.approx(errors[1] / errors[0], rel=0.1)


@pytest.mark.parametrize("curvature", ["hessian", "gauss_newton"])
@pytest.mark.parametrize("solver", ["minres_qlp", "lsmr"])
def test_weight_space_is_the_pseudo_inverse(curvature, solver):
    p = problem(mlp, loss="squared", weight_decay=0.05, base="nearby")
    found = estimate(p, moved(p), [1, 2], solver=solver, curvature=curvature, tolerance=1e-10, budget=1e5)
    H = dense_hessian(p)
    if curvature == "gauss_newton":
        J = dense_jacobian(p)
        H = J.T @ J / p.n + 0.05 * torch.eye(p.p, dtype=torch.float64)
    from certify.estimation.derivatives.hessian import gradient, mixed

    exact = -torch.linalg.pinv(H) @ mixed(p, found.change)
    newton = -torch.linalg.pinv(H) @ gradient(p)
    assert (found.response - exact).norm() < 1e-6 * exact.norm()
    assert (found.stationary - newton).norm() < 1e-6 * newton.norm()
    torch.testing.assert_close(found.step, found.response + found.stationary)


def test_damping_is_added_to_the_hessian():
    p = problem(mlp, loss="squared", base="nearby")
    found = estimate(p, moved(p), [1, 2], solver="minres_qlp", curvature="hessian", damping=0.5, tolerance=1e-10,
                     budget=1e5)
    from certify.estimation.derivatives.hessian import mixed

    H = dense_hessian(p) + 0.5 * torch.eye(p.p, dtype=torch.float64)
    exact = -torch.linalg.solve(H, mixed(p, found.change))
    assert (found.response - exact).norm() < 1e-6 * exact.norm()


def test_toy_of_the_paper_with_a_singular_hessian():
    """Data (1, 2), (2, 4), x moved by 0.2·(−1, −2): v solves the reduced equation, along (2, 1)/√5."""
    p = module_problem(Product().double().eval(), [[1.0], [2.0]], [[2.0], [4.0]], loss="squared", map="critical",
                       base="nearby")
    found = estimate(p, [[-0.2], [-0.4]], solver="minres_qlp", curvature="hessian", tolerance=1e-12)
    H = dense_hessian(p)
    assert torch.linalg.matrix_rank(H) == 1
    # w₁w₂ = Σxy/Σx²: its derivative at (−0.2, −0.4) is 2·0.2 = 0.4; the shortest v with (w₂, w₁)·v = 0.4
    torch.testing.assert_close(found.response, 0.4 * torch.tensor([2.0, 1.0], dtype=torch.float64) / 5)
    assert found.residual < 1e-10


@pytest.mark.parametrize("solver", ["auto", "minres_qlp", "lsmr"])
def test_right_hand_side_outside_the_range_is_named(solver):
    """`f = w·x`, the second feature 0 everywhere: H = ½ diag(5, 0), moving that of row 0 gives C = ½(1, 1)."""
    module = nn.Linear(2, 1, bias=False).double().eval()
    with torch.no_grad():
        module.weight[:] = 1.0
    p = module_problem(module, [[1.0, 0.0], [2.0, 0.0]], [[0.0], [0.0]], loss="squared", map="critical", base="nearby")
    found = estimate(p, [[0.0, 0.1]], [0], solver=solver, curvature="hessian", tolerance=1e-8)
    assert found.residual == pytest.approx(0.5**0.5)
    assert "outside the range" in found.status.partition("; towards")[0]
    torch.testing.assert_close(found.response, torch.tensor([-0.02, 0.0], dtype=torch.float64))


def test_sample_weights_and_targets_in_output_space():
    p = problem(mlp, loss="squared", n=4)
    u = torch.randn(2, 3, dtype=torch.float64) * 0.1
    found = estimate(p, u, [0, 1], parameter="targets", tolerance=1e-10)
    b = torch.zeros(4, 3, dtype=torch.float64)
    b[[0, 1]] = u
    exact = torch.linalg.pinv(dense_jacobian(p)) @ b.flatten()
    assert (found.step - exact).norm() < 1e-6 * exact.norm()
    dropped = estimate(p, [-0.1], [2], parameter="sample_weights", tolerance=1e-10)
    b = torch.zeros(4, 3, dtype=torch.float64)
    b[2] = 0.1 * (p.function.outputs(p.w, p.X)[2] - p.y[2])
    exact = torch.linalg.pinv(dense_jacobian(p)) @ b.flatten()
    assert (dropped.step - exact).norm() < 1e-6 * exact.norm()


def test_members_change_no_output_to_first_order():
    p = problem(mlp, map="interpolation")
    found = estimate(p, moved(p), [0, 3], tolerance=1e-10)
    J = dense_jacobian(p)
    members = found.sample_members(3, scale=2.0, seed=5)
    for member in members:
        assert (J @ (member.step - found.step)).norm() < 1e-5 * member.step.norm()
        assert member.step.norm() > 1.2 * found.step.norm()
        assert member.evidence.distance == pytest.approx(float(member.step.norm()))
    assert members[0].state_dict()["0.weight"].shape == (8, 4)


def test_state_dict_is_the_module_s_own():
    p = problem(Residual)
    found = estimate(p, moved(p), [0, 3])
    fresh = Residual().double()
    fresh.load_state_dict(found.state_dict())
    X, _ = found.change.data(p)
    with torch.no_grad():
        torch.testing.assert_close(fresh.eval()(X), p.function.outputs(p.w + found.step, X))


def test_the_answer_does_not_depend_on_chunks_or_on_other_rows():
    p, q = problem(Residual, chunk=1), problem(Residual, chunk=5)
    for more in ({}, {"solver": "minres_qlp", "curvature": "hessian", "damping": 0.1, "budget": 1e4}):
        a, b = (estimate(x, moved(x), [0, 3], tolerance=1e-10, **more).response for x in (p, q))
        assert (a - b).norm() < 1e-6 * a.norm()


def test_the_problem_is_a_copy():
    module = mlp().double().eval()
    p = module_problem(module, torch.randn(3, 4), torch.tensor([0, 1, 2]), loss="cross_entropy", map="critical")
    before = p.w.clone()
    with torch.no_grad():
        module[0].weight += 1
    torch.testing.assert_close(p.w, before)
    assert all(q.requires_grad for q in module.parameters())


def test_memory_that_runs_out_makes_chunks_smaller_and_says_so():
    said: list[str] = []
    p = problem(mlp, tell=said.append)
    real = p.function.module.forward
    sizes = []

    def tight(x):
        sizes.append(len(x))
        if len(x) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes")
        return real(x)

    p.function.module.forward = tight
    from certify.estimation.derivatives.hessian import gradient

    g = gradient(p)
    p.function.module.forward = real
    torch.testing.assert_close(g, gradient(p))
    assert said == ["out of memory: going on with 2 rows at once"] and max(sizes) == 5


def test_one_row_too_large_is_an_error():
    p = problem(mlp)

    def never(x):
        raise MemoryError

    p.function.module.forward = never
    from certify.estimation.derivatives.hessian import gradient

    with pytest.raises(InputError.__bases__[0], match="one row does not fit"):
        gradient(p)


class Random(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x):
        return self.linear(nn.functional.dropout(x, 0.5, training=True))


class Counter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x):
        self.seen += 1
        return self.linear(x)


class Mixing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x):
        y = self.linear(x)
        return y - y.mean(0)


class Detached(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x):
        return self.linear(x).detach()


def built(module=None, X=None, y=None, **more):
    X = torch.randn(5, 4) if X is None else X
    y = torch.tensor([0, 1, 2, 0, 1]) if y is None else y
    return module_problem(module or mlp().eval(), X, y, **({"loss": "cross_entropy", "map": "critical"} | more))


def steep():
    module = nn.Linear(4, 3).eval()
    torch.nn.init.constant_(module.weight, 10.0)
    return module


def nan_mlp():
    module = mlp().eval()
    with torch.no_grad():
        module[0].weight[0, 0] = float("nan")
    return module


@pytest.mark.parametrize(("arguments", "words"), [
    ({"module": mlp()}, "train mode"),
    ({"module": Random().eval()}, "two different outputs"),
    ({"module": Counter().eval()}, "changes its buffer|inplace|two different"),
    ({"module": Detached().eval()}, "not differentiable"),
    ({"module": Mixing().eval()}, "depend on the rows beside it"),
    ({"module": nan_mlp()}, "NaN or infinity"),
    ({"module": mlp().half().eval()}, "float32 or float64"),
    ({"module": nn.Sequential(nn.ReLU()).eval()}, "no parameters"),
    ({"module": "model.pt"}, "a str"),
    ({"X": torch.full((5, 4), float("nan"))}, "X, row 0: nan .and in 4 more rows"),
    ({"X": torch.full((5, 4), 1e38), "module": steep()}, "not finite"),
    ({"X": torch.randn(5)}, "a row a sample"),
    ({"y": torch.tensor([0, 1, 2, 3, 0])}, "labels 0 … 2"),
    ({"y": torch.tensor([0, 1])}, "integer labels"),
    ({"y": torch.randn(5, 3), "loss": "squared", "map": "exact"}, "interpolation, critical"),
    ({"loss": "hinge"}, "squared, cross_entropy, logistic"),
    ({"weight_decay": -1.0}, "from 0 on"),
    ({"device": "cuda"}, "no CUDA device"),
])
def test_bad_problems_are_refused_in_words(arguments, words):
    if arguments.get("device") == "cuda" and torch.cuda.is_available():
        arguments = {"device": "cuda:99"}
    with pytest.raises(InputError, match=words):
        built(**arguments)


@pytest.mark.parametrize(("u", "rows", "more", "words"), [
    (torch.zeros(1, 4), [0, 1], {}, "shape"),
    (torch.full((1, 4), float("inf")), [0], {}, "u, row 0: inf"),
    (torch.zeros(1, 4), [9], {}, "0 to 4"),
    (torch.zeros(2, 4), [1, 1], {}, "each once"),
    (torch.zeros(1, 4), [], {}, "list row numbers"),
    (torch.zeros(1, 3), [0], {"parameter": "targets"}, "class labels"),
    (torch.tensor([-1.5]), [0], {"parameter": "sample_weights"}, "below -1"),
    (torch.zeros(1, 4), [0], {"parameter": "labels"}, "use features"),
    (torch.zeros(1, 4), [0], {"solver": "magic"}, "minres_qlp"),
    (torch.zeros(1, 4), [0], {"damping": -1.0}, "damping"),
])
def test_bad_changes_are_refused_in_words(u, rows, more, words):
    with pytest.raises(InputError, match=words):
        estimate(built(), u, rows, **more)


def test_arrays_of_any_byte_order_are_taken():
    swapped = np.array([0, 1, 2, 0, 1], dtype=">i4"), np.ones((5, 4), dtype=">f8")
    p = built(X=swapped[1], y=swapped[0])
    assert p.y.tolist() == [0, 1, 2, 0, 1]
    assert estimate(p, np.zeros((1, 4), dtype=">f4"), [0]).residual == 0.0


def test_no_change_is_no_step():
    p = problem(mlp)
    found = estimate(p, torch.zeros(1, 4, dtype=torch.float64), [0])
    assert float(found.step.norm()) == 0.0 and found.residual == 0.0


@pytest.mark.parametrize("more", [{"solver": "dual"}, {"solver": "minres_qlp", "curvature": "hessian", "damping": 0.1}])
def test_data_error_is_the_share_of_the_change_that_is_not_linear(more):
    """Second order: ten times smaller where the change is; and it is said where validity sees nothing."""
    p = problem(Residual)
    errors = [estimate(p, t * moved(p), [0, 3], budget=1e4, **more).evidence.data_error for t in (1e-1, 1e-2)]
    assert errors[1] == pytest.approx(errors[0] / 10, rel=0.2)


def test_data_error_against_differences_of_gradients():
    p = problem(mlp, loss="squared", weight_decay=0.05, base="nearby")
    found = estimate(p, moved(p, size=1.0), [1, 2], solver="direct")
    from certify.estimation.derivatives.hessian import mixed

    def slope(X):
        w = p.w.clone().requires_grad_(True)
        return torch.autograd.grad(p.loss.values(p.function.outputs(w, X), p.y).mean(), w)[0]

    C = mixed(p, found.change)
    true = slope(found.change.data(p)[0]) - slope(p.X) - C
    assert found.evidence.data_error == pytest.approx(float(true.norm() / C.norm()))
    assert estimate(p, [-0.5], [0], parameter="sample_weights", solver="direct").evidence.data_error == 0.0


def test_gradient_left_is_second_order_at_a_critical_point():
    """y = f: the gradient is 0 before the change, and after the step of the order of the change squared."""
    p = problem(mlp, loss="squared", weight_decay=0.0, base="nearby")
    p = replace(p, y=p.function.outputs(p.w, p.X))
    left = [estimate(p, t * moved(p), [1, 2], solver="direct").evidence.gradient_left for t in (1e-2, 1e-3)]
    assert left[0] < 0.1 and left[1] == pytest.approx(left[0] / 10, rel=0.3)
    assert estimate(p, moved(p), [1, 2], solver="dual").evidence.gradient_left is None


def restricted(p, rows):
    """Jacobian of the listed rows, centred where the loss is, (m·k, p)."""
    J = dense_jacobian(p).reshape(p.n, p.k, p.p)[rows]
    return (J - J.mean(1, keepdim=True) if p.loss.shift else J).reshape(-1, p.p)


@NETS
def test_base_nearby_adds_a_newton_step_of_the_moved_rows(make):
    """Its oracle is the Gauss–Newton step of the moved rows' mean loss in weight space, from matrices."""
    p = problem(make, loss="squared", map="critical", base="nearby")
    u, rows = moved(p), [0, 3]
    found = estimate(p, u, rows, solver="dual", tolerance=1e-11, budget=1e5, corrector_steps=0)  # that step alone
    J, slopes = restricted(p, rows), (p.function.outputs(p.w, p.X) - p.y)[rows].flatten()
    exact = -torch.linalg.pinv(J.T @ J / 2, rtol=1e-12, hermitian=True) @ (J.T @ slopes / 2)
    start = found.start
    assert (start.stationary - exact).norm() < 1e-4 * exact.norm()
    assert estimate(replace(p, base="given"), u, rows, solver="dual").stationary is None
    torch.testing.assert_close(start.step, start.response + start.stationary)
    torch.testing.assert_close(found.step, found.response + found.stationary)
    whole = dense_jacobian(p)
    goal = torch.zeros(p.n, p.k, dtype=torch.float64)
    goal[rows] = -slopes.reshape(2, -1)
    v = torch.linalg.pinv(whole, rtol=1e-10) @ goal.flatten()
    assert (found.stationary - v).norm() < 1e-4 * v.norm()  # the others held, the moved rows towards their targets
    together = estimate(p, u, rows, solver="dual", tolerance=1e-11, budget=1e5, apart=False, corrector_steps=0)
    assert together.stationary is None and (together.step - found.step).norm() < 1e-4 * v.norm()


def test_the_newton_step_lowers_the_loss_below_what_it_was():
    p = problem(mlp, map="critical", base="nearby")
    p = replace(p, y=p.function.outputs(p.w, p.X).argmax(1))
    given = estimate(replace(p, base="given"), moved(p, size=0.01), [0, 3], solver="dual", tolerance=1e-10)
    nearby = estimate(p, moved(p, size=0.01), [0, 3], solver="dual", tolerance=1e-10)
    assert given.loss_after == pytest.approx(given.evidence.loss_original, rel=1e-2)
    assert nearby.loss_after < 0.8 * given.evidence.loss_original
    J = dense_jacobian(p).reshape(p.n, p.k, p.p)
    still = (J[[1, 2, 4]] @ nearby.step)
    assert (still - still.mean(1, keepdim=True)).norm() < 1e-6  # to first order nothing else moves


def test_correctors_run_where_every_row_moves():
    p = problem(mlp, map="critical", base="nearby", loss="squared")
    f = p.function.outputs(p.w, p.X)
    p = replace(p, y=f + 0.02 * p.y)
    u = moved(p, count=5, size=0.02)
    found = [estimate(p, u, solver="dual", tolerance=1e-10, corrector_steps=steps) for steps in (0, 5)]
    losses = [f.loss_all_after for f in found]
    assert losses[1] < 1e-3 * losses[0]  # the targets themselves are reached


@pytest.mark.parametrize("name", ["cross_entropy", "logistic", "squared"])
def test_towards_is_newton_s_step_near_a_minimum_and_bounded_far_away(name):
    loss = loss_named(name)
    g = torch.Generator().manual_seed(2)
    k = 1 if name == "logistic" else 4
    f = 3 * torch.randn(30, k, generator=g, dtype=torch.float64)
    y = {"cross_entropy": f.argmax(1), "logistic": f.sign(), "squared": f.flip(0)}[name]
    slopes, move = loss.slopes(f, y), loss.towards(f, y)
    for i in range(30):
        B = torch.stack([loss.curve(f[i : i + 1], y[i : i + 1], e[None])[0] for e in torch.eye(k, dtype=f.dtype)])
        exact = -torch.linalg.pinv(B, rtol=1e-12, hermitian=True) @ slopes[i]
        well = name != "cross_entropy" or float(f[i].softmax(0).max()) > 0.5
        if well:
            torch.testing.assert_close(move[i], exact, rtol=1e-7, atol=1e-7)
        assert float(move[i] @ slopes[i]) <= 0  # downhill
    worst = 300 * torch.eye(k, dtype=f.dtype)[:1]
    wrong = {"cross_entropy": torch.tensor([1 % k]), "logistic": -worst.sign(), "squared": worst}[name]
    assert torch.isfinite(loss.towards(worst, wrong)).all() and loss.towards(worst, wrong).abs().max() <= 2


def test_towards_of_probabilities_is_downhill_and_zero_at_the_minimum():
    loss = loss_named("cross_entropy")
    f = torch.tensor([[1.0, -2.0, 0.5], [0.0, 0.0, 0.0]], dtype=torch.float64)
    assert loss.towards(f, 2 * f.softmax(1)).abs().max() < 1e-12
    assert loss.towards(f, torch.zeros_like(f)).abs().max() == 0
    y = torch.tensor([[0.0, 0.5, 0.5], [1.0, 2.0, 1.0]], dtype=torch.float64)
    assert ((loss.towards(f, y) * loss.slopes(f, y)).sum(1) < 0).all()


def test_a_corrector_that_leads_away_is_not_taken_and_said():
    p = problem(mlp, map="interpolation")
    plain, corrected = (estimate(p, moved(p, size=30.0), [0, 3], tolerance=1e-10, corrector_steps=k) for k in (0, 3))
    X, _ = plain.change.data(p)
    target = p.function.outputs(p.w, p.X)
    errors = [float((p.function.outputs(p.w + e.step, X) - target).norm()) for e in (plain, corrected)]
    assert "did not lessen the error of the outputs: it was not taken" in corrected.status
    assert len(corrected.correctors) <= 3 and not corrected.correctors[-1].taken
    assert errors[1] <= errors[0] and "taken" not in plain.status
