"""Steps that nobody asked for go on while they help, with base `nearby` alone; a number that was given is kept."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from certify.estimation import estimate, module_problem  # noqa: E402
from certify.estimation.solvers.correctors import MOST_UNASKED, Onward, corrected, unasked  # noqa: E402


class Clock:
    def now(self):
        return 0.0


def steps(values, onward, level=0.0):
    """Chord steps of 1 along a line on which the measure is `values`."""
    def measure(v):
        return values[int(v)] if v == int(v) else 1e9  # a part of a step helps nowhere

    v, made = corrected(torch.tensor(0.0), onward, lambda v: torch.tensor([1.0]), lambda lack, tell: lack[0], Clock(),
                        lambda words, done: None, measure, level)
    return int(v), made


@pytest.mark.parametrize("values, level, taken, words", [
    ([1.0, 0.5, 0.25, 0.24, 0.1], 0.0, 3, "3 further steps left 0.24 of it, and the last took less than a tenth off"),
    ([1.0, 0.5, 0.6], 0.0, 1, "1 further step left 0.5 of it, and the next would not have helped"),
    ([1.0, 2.0], 0.0, 0, "no further step: the first did not lessen it"),
    ([1.0, 0.5, 0.2, 0.1], 0.3, 2, "2 further steps left 0.2 of it, and that is as low as that of the rows"),
    ([2.0**-i for i in range(40)], 0.0, MOST_UNASKED, "10 further steps left 0.00098 of it, and no more are taken"),
    ([1.0, 0.5], 2.0, 0, ""),
])
def test_unasked_steps_stop_by_the_rule(values, level, taken, words):
    onward = Onward(MOST_UNASKED, asked=False)
    end, made = steps(values, onward, level)
    assert end == taken == sum(one.taken for one in made)
    assert words in unasked(made, onward, "it") and bool(words) == bool(unasked(made, onward, "it"))


def test_steps_that_were_asked_for_go_on_while_they_lessen_at_all():
    assert steps([1.0, 0.99, 0.98, 0.97, 0.96], Onward(4))[0] == 4
    assert steps([1.0, 0.99, 0.98, 0.97, 0.96], Onward(10, asked=False))[0] == 1


def test_an_unasked_step_that_goes_too_far_is_shortened():
    """On a parabola with its least at 0.3 a step of 1 from 0 leads away, and a half of it does not."""
    onward = Onward(1, asked=False)
    v, made = corrected(torch.tensor(0.0), onward, lambda v: torch.tensor([1.0]), lambda lack, tell: lack[0], Clock(),
                        lambda words, done: None, lambda v: float((v - 0.3) ** 2))
    assert float(v) == 0.5 and made[0].taken and made[0].left == pytest.approx(0.04 / 0.09)
    v, made = corrected(torch.tensor(0.0), Onward(1), lambda v: torch.tensor([1.0]), lambda lack, tell: lack[0],
                        Clock(), lambda words, done: None, lambda v: float((v - 0.3) ** 2))
    assert float(v) == 0.0 and not made[0].taken  # one that was asked for is taken whole or not at all


def logits(base, sure=0.2):
    """Free outputs of four rows of two classes (one-hot features): a step moves its own row's logits alone."""
    net = nn.Linear(4, 2, bias=False).double().eval()
    with torch.no_grad():
        net.weight[:] = torch.tensor([[6.0, 6.0, -6.0, sure], [-6.0, -6.0, 6.0, -sure]])
    return module_problem(net, torch.eye(4).double(), torch.tensor([0, 0, 1, 0]), loss="cross_entropy", map="critical",
                          base=base)


def test_the_loss_of_the_moved_rows_falls_to_the_level_of_the_others():
    """One Newton step of a sure row's logits takes a factor e off its loss: one is not enough, and the rule says when.

    Row 3 is deleted from its place and drawn anew by halving its feature: its loss is far above that of the others.
    """
    p = logits("nearby")
    found, none = (estimate(p, [[0, 0, 0, -0.1]], [3], solver="dual", corrector_steps=k) for k in (None, 0))
    others = math.log1p(math.exp(-12.0))
    assert none.correctors == () and none.loss_after > 1e3 * others
    assert 3 < len(found.correctors) <= MOST_UNASKED and found.loss_after < 1e-2 * none.loss_after
    losses = [one.left for one in found.correctors]
    assert all(after < 0.9 * before for before, after in zip([1.0, *losses], losses, strict=False))
    assert found.correctors[-1].left == pytest.approx(found.loss_after / none.loss_after)
    assert "of the mean loss of the moved rows" in found.status
    assert found.evidence.unmoved_output_change < 1e-9  # the others are held


@pytest.mark.parametrize("asked", [0, 2])
def test_a_number_that_was_given_is_kept(asked):
    found = estimate(logits("nearby"), [[0, 0, 0, -0.1]], [3], solver="dual", corrector_steps=asked)
    assert len(found.correctors) <= asked and "further step" not in found.status


def test_with_base_given_no_step_is_taken_unasked():
    p = logits("given")
    assert estimate(p, [[0, 0, 0, -0.1]], [3]).correctors == ()
    assert estimate(replace(p, weight_decay=0.1), [[0, 0, 0, -0.1]], [3]).correctors == ()


def test_in_weight_space_steps_go_on_where_a_damping_was_chosen(monkeypatch):
    import certify.estimation.solvers.solve as module

    p = replace(logits("nearby"), weight_decay=0.01)
    exact = estimate(p, [[0, 0, 0, -0.1]], [3])
    assert not exact.system.damping and exact.correctors == ()
    monkeypatch.setattr(module, "MOST_PARAMETERS", 0)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 12), nn.Tanh(), nn.Linear(12, 2)).double().eval()
    bent = module_problem(net, torch.randn(20, 3).double(), torch.arange(20) % 2, loss="cross_entropy",
                          map="critical", base="nearby", weight_decay=1e-3)
    found, none = (estimate(bent, [[0.1, 0.0, 0.0]], [3], corrector_steps=k) for k in (None, 0))
    assert found.system.chosen and found.system == none.system and none.correctors == ()
    assert len(found.correctors) > 1 and found.evidence.gradient_left < none.evidence.gradient_left
    assert "further step" in found.status and "of the gradient" in found.status
