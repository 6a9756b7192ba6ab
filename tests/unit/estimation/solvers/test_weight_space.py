"""The solve in weight space: against dense float64, whatever the chunks, the right-hand sides, the preconditioner."""

from __future__ import annotations

from copy import deepcopy
from functools import cache

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from certify.estimation import EstimateOptions, module_problem  # noqa: E402
from certify.estimation.derivatives.curvature_factor import curvature_factor  # noqa: E402
from certify.estimation.derivatives.hessian import gauss_newton, hessian  # noqa: E402
from certify.estimation.derivatives.taped import MOST_BYTES, Tape  # noqa: E402
from certify.estimation.derivatives.wider import in_float64  # noqa: E402
from certify.estimation.krylov import Operator, Status, low_rank_preconditioner, matrix_operator  # noqa: E402
from certify.estimation.model.blocks import blocks  # noqa: E402
from certify.estimation.solvers.direct import solve_directly  # noqa: E402
from certify.estimation.solvers.weight_space import solve  # noqa: E402
from tests.effort import some, turn  # noqa: E402


class Residual(nn.Module):
    """A convolution, a residual block and a linear layer."""

    def __init__(self, bn: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 3, 3, padding=1)
        self.bn = nn.BatchNorm2d(3) if bn else nn.Identity()
        self.block = nn.Conv2d(3, 3, 3, padding=1, bias=not bn)
        self.last = nn.Linear(12, 3)

    def forward(self, x):
        x = torch.tanh(self.bn(self.first(x)))
        x = torch.tanh(x + self.block(x))
        return self.last(nn.functional.avg_pool2d(x, 2).flatten(1))


def mlp():
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))


NETS = {"mlp": mlp, "resnet": lambda: Residual(False), "resnet-bn": lambda: Residual(True)}


@cache
def trained(name, n):
    """The net after some steps, its rows and their labels: every test is about the same few nets."""
    torch.manual_seed(3)
    net = NETS[name]()
    X = torch.randn(n, 4) if name == "mlp" else torch.randn(n, 1, 4, 4)
    if name == "resnet-bn":
        net(X), net(2 * X)
    y = torch.arange(n) % 3
    net, X = net.double(), X.double()
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    net.eval()
    for _ in range(200):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(X), y).backward()
        optimiser.step()
    return net, X, y


def problem(name, *, n=24, chunk=None, dtype=torch.float64, decay=0.0):
    net, X, y = trained(name, n)
    return module_problem(deepcopy(net).to(dtype), X.to(dtype), y, loss="cross_entropy", map="critical", chunk=chunk,
                          weight_decay=decay)


def matrix(p, damping=0.0):
    """The Hessian by torch's own forward over reverse, in float64."""
    wide = in_float64(p)

    def mean(w):
        return p.loss.values(wide.function.outputs(w, wide.X), wide.y).mean()

    eye = torch.eye(p.p, dtype=torch.float64)
    return torch.func.hessian(mean)(wide.w) + (p.weight_decay + damping) * eye


def sides(p, count):
    return torch.randn(count, p.p, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(p.X.dtype)


def run(p, b, **options):
    chosen = EstimateOptions(**{"budget": 10_000.0, "tolerance": 1e-10, **options})
    return solve(p, "hessian", b, chosen, lambda words, done: None)


def relative(x, y):
    return float(((x.double() - y).norm(dim=1) / y.norm(dim=1)).max())


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_hessian_products_are_those_of_the_dense_matrix(name, decay):
    p = problem(name, chunk=7, decay=decay)
    V = sides(p, 3)
    assert relative(hessian(p, 0.5).product(V), V @ matrix(p, 0.5)) < 1e-10


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("solver", ["auto", "direct", "minres_qlp", "lsmr"])
def test_answer_is_the_dense_one(name, solver):
    p = problem(name)
    damping = 1.0  # beyond every negative eigenvalue
    b, A = sides(p, 2), matrix(p, damping)
    assert float(torch.linalg.eigvalsh(A)[0]) > 0
    solved = run(p, b, solver=solver, damping=damping)
    assert solved.converged.all()
    assert relative(solved.x, torch.linalg.solve(A, b.T).T) < 1e-7


@pytest.mark.parametrize("name", NETS)
def test_indefinite_system_is_solved_all_the_same(name):
    p = problem(name)
    ends = torch.linalg.eigvalsh(matrix(p))
    assert float(ends[0]) < 0
    damping = -0.4 * float(ends[0])
    b, A = sides(p, 2), matrix(p, damping)
    solved = run(p, b, damping=damping)
    assert solved.converged.all()
    assert relative(solved.x, torch.linalg.solve(A, b.T).T) < 1e-6


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("solver", ["auto", "direct"])
def test_chunks_do_not_change_the_answer(name, solver):
    """A peer sums inverses of batches: halving the batch changes its answer beyond recognition."""
    b = sides(problem(name, n=6), 2)
    answers = [run(problem(name, n=6, chunk=chunk), b, solver=solver, damping=1.0).x for chunk in (1, 4, 6)]
    for other in answers[1:]:
        assert relative(other, answers[0]) < 1e-8


@pytest.mark.parametrize(("name", "solver"), [(name, solver) for number, solver in enumerate((
    "auto", "direct", "cg", "minres_qlp")) for name in turn(tuple(NETS), number, 2)])
def test_more_right_hand_sides_do_not_change_an_answer(name, solver):
    """A peer returns zeros for right-hand sides beyond the number of parameters."""
    p = problem(name, n=12)
    b = sides(p, p.p + 3)
    together = run(p, b, solver=solver, damping=1.0).x
    assert bool((together.norm(dim=1) > 0).all())
    for i in some((0, p.p + 2, p.p - 1, 1, p.p), 2):
        assert relative(run(p, b[i : i + 1], solver=solver, damping=1.0).x, together[i : i + 1]) < 1e-8


@pytest.mark.parametrize("name", NETS)
def test_preconditioner_changes_the_speed_and_not_the_answer(name):
    p = problem(name)
    b = sides(p, 1)
    plain = run(p, b, solver="cg", damping=0.5, preconditioner="none")
    quick = run(p, b, solver="cg", damping=0.5)
    assert relative(quick.x, plain.x) < 1e-8
    assert int(quick.products[0]) <= int(plain.products[0])


@cache
def gauss_newton_matrix(name):
    """Of the problem in chunks of five rows."""
    p = problem(name, n=12, chunk=5)
    return gauss_newton(p).product(torch.eye(p.p, dtype=torch.float64))


@pytest.mark.parametrize("name", NETS)
def test_curvature_rows_give_the_gauss_newton_matrix(name):
    p = problem(name, n=12, chunk=5)
    R, G = curvature_factor(p, 1e-12), gauss_newton_matrix(name)
    assert float((R.T @ R - G).norm() / G.norm()) < 1e-9


@pytest.mark.parametrize("name", NETS)
def test_curvature_rows_left_out_weigh_little(name):
    p = problem(name, n=12, chunk=5)
    G = gauss_newton_matrix(name)
    top, counts = float(torch.linalg.eigvalsh(G)[-1]), []
    for shift in (1e-6 * top, 1e-3 * top, 1e-1 * top, 1e3 * top):
        R = curvature_factor(p, shift)
        left = torch.linalg.eigvalsh(G - R.T @ R)
        assert float(left[0]) > -1e-10 * top
        assert float(left[-1]) <= 10 * shift + 1e-10 * top
        counts.append(len(R))
    assert counts == sorted(counts, reverse=True) and counts[-1] == 0 < counts[0]


@pytest.mark.parametrize("name", NETS)
def test_blocks_of_directions_are_combinations_of_those_of_outputs(name):
    p = problem(name)
    J = torch.zeros(p.n, p.k, p.p, dtype=torch.float64)
    for block in blocks(p, p.X):
        J[:, block.output, block.offset : block.offset + block.rows.shape[1]] = block.rows
    directions = torch.randn(2, p.n, p.k, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    out = torch.zeros(2, p.n, p.p, dtype=torch.float64)
    for block in blocks(p, p.X, directions):
        out[block.output, :, block.offset : block.offset + block.rows.shape[1]] = block.rows
    assert torch.allclose(out, torch.einsum("mik,ikp->mip", directions, J), atol=1e-12)


def test_what_float32_cannot_settle_goes_on_in_float64():
    p = problem("resnet", dtype=torch.float32)
    b, A = sides(p, 1), matrix(p, 0.5)
    truth = torch.linalg.solve(A, b.double().T).T
    narrow = run(p, b, solver="cg", damping=0.5, tolerance=1e-11)
    assert narrow.status == (Status.STALLED,)
    wide = run(p, b, damping=0.5, tolerance=1e-11)
    assert wide.status == (Status.CONVERGED,)
    assert wide.x.dtype == torch.float32
    assert relative(wide.x, truth) < 5e-7
    assert int(wide.products[0]) > int(narrow.products[0])


@pytest.mark.parametrize("solver", ["auto", "direct"])
def test_singular_system_gives_the_pseudo_inverse(solver):
    torch.manual_seed(0)
    net = nn.Linear(5, 2).double().eval()
    X = torch.randn(3, 5, dtype=torch.float64)
    p = module_problem(net, X, torch.randn(3, 2, dtype=torch.float64), loss="squared", map="critical")
    b, A = sides(p, 2), matrix(p)
    solved = run(p, b, solver=solver)
    assert solved.status == (Status.OUTSIDE, Status.OUTSIDE)
    assert solved.minimum_norm
    assert relative(solved.x, b @ torch.linalg.pinv(A, hermitian=True)) < 1e-9


def test_direct_says_what_is_outside_and_what_is_not_finite():
    A = matrix_operator(torch.diag(torch.tensor([2.0, -1.0, 0.0], dtype=torch.float64)))
    b = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 4.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    solved = solve_directly(A, b, 1e-9)
    assert solved.status == (Status.CONVERGED, Status.OUTSIDE, Status.CONVERGED)
    assert torch.allclose(solved.x, torch.tensor([[1.0, -1.0, 0.0], [0.0, -3.0, 0.0], [0.0] * 3]).double())
    assert solved.residual[1] == pytest.approx(0.8)
    bad = solve_directly(A, torch.full((1, 3), torch.nan, dtype=torch.float64), 1e-9)
    assert bad.status == (Status.NOT_FINITE,)


@pytest.mark.parametrize("name", NETS)
def test_tape_without_memory_gives_the_same(name):
    p = problem(name, chunk=5)
    V = sides(p, 2)

    kept, not_kept = Tape(p), Tape(p, spare=0)
    assert torch.equal(kept.product(V), not_kept.product(V))
    assert len(kept.kept) == 5
    assert not not_kept.kept


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("spare", [MOST_BYTES, 0])
def test_outputs_of_a_tape_are_those_of_the_network_and_take_no_second_recording(name, spare, monkeypatch):
    p, recorded = problem(name, chunk=5), []
    tape, record = Tape(p, spare=spare), Tape._record
    monkeypatch.setattr(Tape, "_record", lambda self, part: (recorded.append(part), record(self, part))[1])
    assert torch.allclose(tape.outputs(), p.function.all_outputs(p.w, p.X), rtol=1e-6, atol=1e-9)
    assert len(recorded) == (5 if spare else 1)  # where one chunk does not fit, the others only pass forward
    tape.product(sides(p, 1))
    assert len(recorded) == (5 if spare else 1 + 5)


@pytest.mark.parametrize("shape", [(3, 8), (20, 8), (0, 8)])
def test_low_rank_map_is_the_inverse(shape):
    R = torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    eye = torch.eye(8, dtype=torch.float64)
    M = low_rank_preconditioner(R, 0.3)
    assert torch.allclose(M.apply(eye), 0.3 * torch.linalg.inv(R.T @ R + 0.3 * eye), atol=1e-10)
    assert not M.keeps_range


@pytest.mark.parametrize(("rows", "shift"), [(torch.ones(1, 2), 0.0), (torch.full((1, 2), torch.nan), 1.0)])
def test_low_rank_refuses(rows, shift):
    from certify.format.errors import InputError

    with pytest.raises(InputError):
        low_rank_preconditioner(rows, shift)


def test_direct_does_not_claim_a_tolerance_it_missed():
    g = torch.Generator().manual_seed(0)
    Q = torch.linalg.qr(torch.randn(30, 30, dtype=torch.float64, generator=g))[0]
    A = ((Q * torch.logspace(0, -5, 30, dtype=torch.float64)) @ Q.T).float()
    b = torch.randn(2, 30, generator=g)
    solved = solve_directly(matrix_operator((A + A.T) / 2), b, 1e-12)
    assert set(solved.status) == {Status.STALLED} and (solved.residual > 1e-12).all()
    true = (b.double() - solved.x.double() @ ((A + A.T) / 2).double()).norm(dim=1) / b.double().norm(dim=1)
    assert (solved.residual > 0.1 * true.numpy()).all()


def test_direct_measures_the_operator_and_not_the_matrix_it_formed():
    """An operator that is not linear: what it gives for unit vectors is not what it gives for the solution."""
    crooked = Operator(3, 3, lambda V: V + 0.1 * V * V * V, lambda V: V, symmetric=True)
    solved = solve_directly(crooked, torch.tensor([[5.0, 0.0, 0.0]], dtype=torch.float64), 1e-9)
    assert solved.residual[0] > 0.1 and solved.status[0] is not Status.CONVERGED


@pytest.mark.parametrize("few", [True, False])
def test_a_small_matrix_is_solved_by_one_thread_of_blas_and_the_user_s_number_comes_back(few, monkeypatch):
    from threadpoolctl import threadpool_info, threadpool_limits

    from certify.estimation.solvers import direct

    def threads():
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    p, seen = problem("mlp"), []
    operator, b = hessian(p, 1.0), sides(p, 2)
    assert operator.formed is not None
    plain = solve_directly(operator, b, 1e-10).x

    def formed(dtype):
        seen.append(threads())
        return operator.formed(dtype)

    monkeypatch.setattr(direct, "ALONE", p.p if few else p.p - 1)
    with threadpool_limits(2, user_api="blas"):
        before = threads()  # a library built for one thread keeps it
        assert 2 in before
        found = solve_directly(Operator(p.p, p.p, operator.product, operator.product, True, formed), b, 1e-10)
        assert threads() == before
    assert seen[0] == ({1} if few else before) and relative(found.x, plain) < 1e-12


def test_a_dense_matrix_is_made_part_by_part_and_told():
    p, told = problem("resnet", n=6), []
    operator, b = hessian(p, 1.0), sides(p, 2)
    assert operator.formed is None and p.p > 128
    solved = solve_directly(operator, b, 1e-10, lambda stage, fraction: told.append((stage, fraction)))
    assert [stage for stage, _ in told] == ["dense matrix"] * -(-p.p // 64)
    fractions = [fraction for _, fraction in told]
    assert fractions == sorted(set(fractions)) and fractions[0] == 0.0 and fractions[-1] < 1.0
    assert relative(solved.x, torch.linalg.solve(matrix(p, 1.0), b.T).T) < 1e-9


def test_a_matrix_that_fits_into_no_memory_is_refused_before_it_is_made():
    from certify.format.errors import InputError

    net = nn.Sequential(nn.Linear(200, 100), nn.Tanh(), nn.Linear(100, 1)).eval()
    p = module_problem(net, torch.ones(2, 200), torch.ones(2, 1), map="critical", base="nearby")
    with pytest.raises(InputError, match='"direct" for 20201 parameters.*minres_qlp'):
        run(p, torch.ones(1, p.p), solver="direct")
