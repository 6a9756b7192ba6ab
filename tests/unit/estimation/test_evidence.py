"""What an estimate in weight space says about itself, and what correctors make of it, at a critical point."""

from __future__ import annotations

import pytest
import torch

from certify.estimation import estimate, module_problem
from certify.estimation.derivatives.hessian import gradient, mixed
from certify.format.errors import InputError
from certify.report.cautions import cautions
from tests.families.nets import dense_hessian, mlp

DECAY = 0.05
ROWS = [1, 2]


@pytest.fixture(scope="module")
def critical():
    """A small network at a strict minimum of its loss."""
    torch.manual_seed(0)
    net = mlp().double().eval()
    X, y = torch.randn(12, 4, dtype=torch.float64), torch.randn(12, 3, dtype=torch.float64)
    optimiser = torch.optim.LBFGS(net.parameters(), max_iter=2000, tolerance_grad=1e-13, tolerance_change=0.0,
                                  line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        loss = (net(X) - y).square().sum(1).mean() / 2 + DECAY / 2 * sum(p.square().sum() for p in net.parameters())
        loss.backward()
        return loss

    optimiser.step(closure)
    p = module_problem(net, X, y, loss="squared", weight_decay=DECAY, map="critical", base="nearby")
    assert float(gradient(p).norm()) < 1e-8
    assert float(torch.linalg.eigvalsh(dense_hessian(p))[0]) > 0
    return p


def moved(p, size):
    return size * torch.randn(len(ROWS), 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def slope(p, X, s, w):
    """`∇L` with inputs X and sample weights s, by torch alone."""
    w = w.clone().requires_grad_(True)
    value = (s * p.loss.values(p.function.outputs(w, X), p.y)).mean() + DECAY / 2 * w.square().sum()
    return torch.autograd.grad(value, w)[0]


def test_what_is_left_of_the_gradient_against_torch_alone(critical):
    p, one = critical, torch.ones(critical.n, dtype=torch.float64)
    found = estimate(p, moved(p, 0.5), ROWS, solver="direct")
    X = found.change.data(p)[0]
    left, caused = (float(slope(p, X, one, w).norm()) for w in (p.w + found.step, p.w))
    assert found.evidence.gradient_left == pytest.approx(left / caused, rel=1e-9)
    gone = one.clone()
    gone[3] = 0.0
    found = estimate(p, [-1.0], [3], parameter="sample_weights", solver="direct")
    left, caused = (float(slope(p, p.X, gone, w).norm()) for w in (p.w + found.step, p.w))
    assert found.evidence.gradient_left == pytest.approx(left / caused, rel=1e-9)


def test_it_is_of_second_order_and_1_where_nothing_was_answered(critical):
    p = critical
    left = [estimate(p, moved(p, size), ROWS, solver="direct").evidence.gradient_left for size in (1e-2, 1e-3)]
    assert left[1] == pytest.approx(left[0] / 10, rel=0.2)
    held = estimate(p, moved(p, 1e-2), ROWS, solver="direct", damping=1e6).evidence.gradient_left
    assert held == pytest.approx(1.0, abs=1e-3)


def test_it_sees_a_hessian_that_changes_where_the_data_enter_linearly(critical):
    """A row counted ten times: no error of the data, and yet far from a solution. The page says so."""
    p = critical
    found = estimate(p, [9.0], [3], parameter="sample_weights", solver="direct")
    e = found.evidence
    assert e.data_error == 0.0 and e.gradient_left > 0.25
    result = {"evidence": {name: getattr(e, name) for name in e.__dataclass_fields__}, "residual": found.residual,
              "moved_rows_only": False, "correctors": [], "space": "weights", "stationary_norm": 0.0,
              "response_norm": 1.0}
    document = {"result": result, "options": {"tolerance": 1e-2},
                "problem": {"parameter": "sample_weights", "base": "nearby", "weights_norm": 1.0}}
    assert any("gradient that the change causes is left" in line for line in cautions(document))
    result["evidence"]["gradient_left"] = 0.0
    assert not any("gradient that the change causes is left" in line for line in cautions(document))


def test_there_is_none_where_the_question_is_another():
    torch.manual_seed(0)
    net, X, y = mlp().double().eval(), torch.randn(12, 4), torch.randn(12, 3)
    u = torch.ones(1, 4)
    outputs = module_problem(net, X, y, loss="squared")
    assert estimate(outputs, u, [0]).evidence.gradient_left is None
    shifted = module_problem(net, X, y, loss="squared", map="critical", weight_decay=DECAY)
    assert estimate(shifted, u, [0]).evidence.gradient_left is None


def test_correctors_reach_the_critical_point_of_the_changed_loss(critical):
    p = critical
    none, four = (estimate(p, moved(p, 0.01), ROWS, tolerance=1e-10, budget=1e4, corrector_steps=k) for k in (0, 4))
    left = [e.evidence.gradient_left for e in (none, four)]
    assert left[1] < 0.01 * left[0]
    assert four.cost.products > none.cost.products and none.correctors == ()
    lefts = [one.left for one in four.correctors]
    assert len(lefts) == 4 and all(one.taken and one.gradients > 0 for one in four.correctors)
    assert lefts == sorted(lefts, reverse=True) and lefts[-1] == pytest.approx(left[1] / left[0], rel=1e-6)
    torch.testing.assert_close(four.response, none.response)
    X, one = four.change.data(p)[0], torch.ones(p.n, dtype=torch.float64)
    assert float(slope(p, X, one, p.w + four.step).norm()) < 0.01 * float(slope(p, X, one, p.w + none.step).norm())


def test_one_corrector_is_a_chord_step(critical):
    p = critical
    found = estimate(p, moved(p, 0.1), ROWS, solver="direct", corrector_steps=1, tolerance=1e-12)
    H, one = dense_hessian(p), torch.ones(p.n, dtype=torch.float64)
    first = -torch.linalg.solve(H, mixed(p, found.change) + gradient(p))
    left = slope(p, found.change.data(p)[0], one, p.w + first)
    torch.testing.assert_close(found.step, first - torch.linalg.solve(H, left), rtol=1e-8, atol=1e-12)


def test_a_corrector_that_leads_away_is_not_taken(critical):
    p = critical
    none, four = (estimate(p, moved(p, 1.0), ROWS, solver="direct", corrector_steps=k) for k in (0, 4))
    assert four.evidence.gradient_left <= none.evidence.gradient_left
    assert "did not lessen the gradient" in four.status and "corrector" not in none.status
    assert not four.correctors[-1].taken and four.correctors[-1].left >= 1 and none.correctors == ()


def test_correctors_are_refused_where_the_loss_is_shifted():
    torch.manual_seed(0)
    p = module_problem(mlp().double().eval(), torch.randn(12, 4), torch.randn(12, 3), loss="squared", map="critical",
                       weight_decay=DECAY)
    with pytest.raises(InputError, match='base = "nearby"'):
        estimate(p, torch.ones(1, 4), [0], corrector_steps=1)


def test_no_product_goes_into_a_gradient_of_rounding(critical):
    """The step towards a critical point is left out, in words, where its gradient is negligible."""
    p = critical
    loose, tight = (estimate(p, moved(p, 0.1), ROWS, solver="minres_qlp", tolerance=t, budget=1e4)
                    for t in (1e-4, 1e-9))
    assert "left out" in loose.status and not loose.stationary.any()
    assert "left out" not in tight.status and tight.stationary.any()
    torch.testing.assert_close(loose.step, tight.step, rtol=1e-2, atol=1e-2 * float(tight.step.norm()))


def test_validity_is_measured_for_rises_too(critical):
    """A row that is deleted has a larger loss afterwards."""
    p = critical
    e = estimate(p, [-0.5], [0], parameter="sample_weights", solver="direct").evidence
    assert e.loss_predicted > e.loss_before
    ratio = (e.loss_after - e.loss_before) / (e.loss_predicted - e.loss_before)
    assert dict(e.validity)[1.0] == pytest.approx(ratio)
    assert 0.8 < dict(e.validity)[0.25] < 1.2
