"""Recomputed batch statistics: a row that moves moves every other's outputs, in the evidence and the step alike."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.func import jvp

from certify.estimation import estimate, module_problem, sensitivity
from certify.estimation.change import change_of
from certify.estimation.derivatives.hessian import gradient, mixed
from certify.estimation.model.chunks import OutOfMemory
from certify.format.errors import InputError


def problem(**more):
    """BatchNorm over columns: a row alone has no variance, and torch refuses it."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 2)).double().eval()
    X, y = torch.randn(9, 4, dtype=torch.float64), torch.randn(9, 2, dtype=torch.float64)
    return module_problem(net, X, y, **{"map": "critical", "base": "nearby", "weight_decay": 0.1,
                                        "batch_statistics": "recomputed"} | more)


def moved(size=0.01):
    return size * torch.randn(2, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_evidence_is_of_all_rows_together():
    p = problem()
    found = estimate(p, moved(0.3), [1, 4], line_search=True)
    X, y = found.change.data(p)
    f, along = jvp(lambda w: p.function.outputs(w, X), (p.w,), (found.step,))
    new = p.function.outputs(p.w + found.step, X)
    e = found.evidence
    old = p.function.outputs(p.w, p.X)
    assert e.loss_all_original == pytest.approx(p.loss.mean(old, p.y))
    assert e.loss_original == pytest.approx(p.loss.mean(old[[1, 4]], p.y[[1, 4]]))
    assert e.loss_predicted == pytest.approx(p.loss.mean((f + along)[[1, 4]], y[[1, 4]]))
    assert e.loss_after == pytest.approx(p.loss.mean(new[[1, 4]], y[[1, 4]]))
    ratio = (e.loss_after - e.loss_before) / (e.loss_predicted - e.loss_before)
    assert dict(e.validity)[1.0] == pytest.approx(ratio)


def test_a_row_that_is_left_out_of_the_loss_stays_in_the_statistics():
    p = problem()
    change = change_of(p, torch.tensor([-1.0, 0.5]), [2, 7], "sample_weights")
    s = torch.ones(9, dtype=torch.float64)
    s[2], s[7] = 0.0, 1.5
    torch.testing.assert_close(mixed(p, change), gradient(p, s) - gradient(p))


def test_the_step_leads_to_a_point_with_less_gradient():
    left = estimate(problem(), moved(), [1, 4], tolerance=1e-8, corrector_steps=3).evidence.gradient_left
    assert left < 0.5


def test_what_takes_rows_apart_is_refused():
    with pytest.raises(InputError, match='use map = "critical"'):
        problem(map="interpolation", weight_decay=0.0)
    with pytest.raises(InputError, match="recomputed batch statistics"):
        estimate(problem(weight_decay=0.0), moved(), [1, 4], solver="dual")
    with pytest.raises(InputError, match="recomputed"):
        sensitivity(problem(weight_decay=0.0, base="given"))


def test_memory_that_runs_out_does_not_change_the_statistics():
    p = problem()
    real = p.function.module.forward

    def tight(x):
        if len(x) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes")
        return real(x)

    p.function.module.forward = tight
    with pytest.raises(OutOfMemory, match='batch_statistics = "frozen"'):
        gradient(p)
    assert p.function.chunks.size == 9
