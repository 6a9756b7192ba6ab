"""Training again, as evidence: it ends where the objective has its minimum, and agreement is measured as it says."""

from __future__ import annotations

import json
import sys

import pytest
import torch
from torch import nn

from certify.cli.main import main
from certify.estimation import estimate, module_problem
from certify.format.errors import InputError
from tests.families.nets import Product, Residual, dense_hessian, problem
from tests.families.small_estimate import MODULE, SPEC, write


def ridge(base="nearby", **more):
    """A linear network with weight decay: its minimum is known in closed form."""
    torch.manual_seed(0)
    X, y = torch.randn(20, 3, dtype=torch.float64), torch.randn(20, 1, dtype=torch.float64)
    net = nn.Linear(3, 1, bias=False).double()
    with torch.no_grad():
        net.weight.copy_(torch.linalg.solve(X.T @ X / 20 + 0.1 * torch.eye(3), X.T @ y / 20).T)
    return module_problem(net.eval(), X, y, loss="squared", weight_decay=0.1, map="critical", base=base, **more)


@pytest.mark.parametrize("start", ["given", "estimate", "scratch"])
def test_a_strictly_convex_problem_has_one_answer(start):
    p = ridge()
    u = 0.1 * torch.ones(2, 3, dtype=torch.float64)
    found = estimate(p, u, [0, 1], tolerance=1e-10)
    X = p.X.clone()
    X[[0, 1]] += u
    exact = torch.linalg.solve(X.T @ X / 20 + 0.1 * torch.eye(3), X.T @ p.y / 20).flatten()
    new = found.retrain(start, 100)
    assert (p.w + new.step - exact).norm() < 1e-6 and new.gradient_left < 1e-5 and 0 < new.gradients <= 100
    a = new.agreement
    assert a.outputs_apart == pytest.approx(
        float((X @ (found.step + p.w - exact)).norm() / (X @ (exact - p.w)).norm()), rel=1e-3)
    to = exact - p.w
    assert a.direction == pytest.approx(float(found.step @ to / (found.step.norm() * to.norm())), rel=1e-4)
    assert a.same_labels is None and a.distance_retrained == pytest.approx(float(to.norm()), rel=1e-3)
    assert a.loss_retrained == pytest.approx(float(((X @ exact)[:2] - p.y[:2, 0]).square().mean() / 2), rel=1e-5)


def test_first_order_agreement_improves_with_smaller_changes():
    """The estimate is a derivative: what it misses of the retrained outputs falls in proportion to the change."""
    p = ridge()
    apart = [estimate(p, t * torch.ones(2, 3, dtype=torch.float64), [0, 1], tolerance=1e-12).retrain(
        "given", 200).agreement.outputs_apart for t in (1e-1, 1e-2)]
    assert 5 < apart[0] / apart[1] < 20


def test_base_given_asks_for_the_old_outputs():
    p = problem(Residual, map="interpolation", base="given")
    u = 1e-3 * torch.randn(2, *p.X.shape[1:], generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = estimate(p, u, [0, 3], tolerance=1e-10)
    new = found.retrain("estimate", 300)
    X = p.X.clone()
    X[[0, 3]] += u
    old, now, then = p.function.all_outputs(p.w, p.X), p.function.all_outputs(p.w, X), p.function.all_outputs(
        p.w + new.step, X)
    assert (then - old).norm() < 1e-2 * (now - old).norm()


def test_base_given_in_weight_space_starts_from_a_solution():
    """Without a change the tilted objective has a zero gradient at the given weights, trained or not."""
    p = problem(Residual, map="critical", weight_decay=1e-2)
    found = estimate(p, torch.zeros(1, *p.X.shape[1:], dtype=torch.float64), [0])
    assert found.rows is None
    new = found.retrain("given", 5)
    assert new.step.norm() < 1e-12 and new.agreement.direction is None


def test_a_state_dict_of_one_s_own():
    p = ridge()
    found = estimate(p, torch.ones(1, 3, dtype=torch.float64), [0])
    same = found.compare(found.state_dict())
    assert same.start == "theirs" and same.agreement.outputs_apart == 0.0
    assert same.agreement.direction == pytest.approx(1) and (same.step - found.step).norm() < 1e-15
    with pytest.raises(InputError, match="'weight' is missing"):
        found.compare({})
    with pytest.raises(InputError, match="of shape"):
        found.compare({"weight": torch.ones(2, 2)})
    with pytest.raises(InputError, match="'weight' holds NaN"):
        found.compare({"weight": torch.full((1, 3), float("nan"))})
    with pytest.raises(InputError, match="the module has no 'bias'"):
        found.compare({"weight": torch.ones(1, 3), "bias": torch.ones(1)})


def test_a_state_dict_with_other_batch_statistics_is_no_state_of_this_network():
    p = problem(Residual, map="interpolation")
    found = estimate(p, 0.01 * torch.ones(1, *p.X.shape[1:], dtype=torch.float64), [0])
    state = found.state_dict()
    name = next(name for name in state if name.endswith("running_var"))
    assert found.compare({**state, name.replace("running_var", "num_batches_tracked"): torch.tensor(7)}).gradients == 0
    with pytest.raises(InputError, match=f"buffer '{name}' is not that of the module"):
        found.compare({**state, name: 2 * state[name]})
    alone = {key: value for key, value in state.items() if "running" not in key and "num_b" not in key}
    assert found.compare(alone).agreement.outputs_apart == 0.0


def test_refusals():
    X = torch.tensor([[1.0], [2.0]])
    p = module_problem(Product().eval(), X, 2 * X, loss="squared", map="critical")
    found = estimate(p, torch.zeros(1, 1), [0])
    with pytest.raises(InputError, match="no reset_parameters"):
        found.retrain("scratch")
    with pytest.raises(InputError, match="use one of given"):
        found.retrain("elsewhere")
    for gradients in (0, 1.5, True):
        with pytest.raises(InputError, match="gradients: .*from 1 on"):
            found.retrain("given", gradients)


def test_drawn_weights_follow_the_seed_and_leave_other_generators_alone():
    found = estimate(ridge(), torch.ones(1, 3, dtype=torch.float64), [0])
    before = torch.get_rng_state()
    first, same, other = (found.retrain("scratch", 1, seed=seed).step for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, same) and not torch.equal(first, other)


def test_members_in_weight_space_change_no_gradient_to_first_order():
    p = problem(Residual, map="critical", base="nearby")
    found = estimate(p, torch.ones(1, *p.X.shape[1:], dtype=torch.float64) * 1e-2, [0], tolerance=1e-8, budget=1e4)
    assert found.rows is None
    H = dense_hessian(p)
    for member in found.sample_members(2, seed=1):
        away = member.step - found.step
        assert away.norm() > 1e-2 * found.step.norm() and (H @ away).norm() < 1e-5 * H.norm() * away.norm()


def test_a_strict_minimum_has_no_other_members():
    for options in ({}, {"damping": 0.1}):
        found = estimate(ridge(), torch.ones(1, 3, dtype=torch.float64), [0], **options)
        with pytest.raises(InputError, match="one point"):
            found.sample_members(1)


def test_the_verb_trains_again_on_request(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    sys.modules.pop(MODULE, None)
    spec = write(tmp_path, SPEC + "[estimate]\nfine_tune = 20\nfrom_scratch = 30\n")
    assert main(["estimate", str(spec)]) == 0, capsys.readouterr().err
    sys.modules.pop(MODULE, None)
    found = json.loads((tmp_path / "estimate.json").read_bytes())["retrained"]
    assert [one["start"] for one in found] == ["given", "scratch"]
    assert found[0]["gradients"] <= 25 and found[0]["agreement"]["distance_retrained"] > 0
    page = (tmp_path / "estimate.html").read_text(encoding="utf-8")
    assert "Trained again, for comparison" in page and "From weights drawn anew" in page
