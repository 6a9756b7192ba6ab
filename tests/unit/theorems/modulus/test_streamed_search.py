"""The search for the ends of the modulus of many rows: it finds both, says why where not, and loses none (M2k)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from certify.format.errors import EnclosureError
from certify.network.network import Network
from certify.problem.limits import OutOfTime
from certify.problem.norms.function import Reference
from certify.problem.problem import Problem
from certify.problem.progress import silent
from certify.prove.prover import bound
from certify.systems.interpolation import cost, streamed
from certify.systems.interpolation.streamed import stream
from certify.theorems import fits
from certify.theorems.modulus import total
from certify.theorems.modulus.kernel import ModulusEnds
from certify.theorems.modulus.streamed import ends
from certify.theorems.modulus.streamed.ends import Step, streamed_modulus


def around_one_row(n=90):
    """Row 0 is nearly a combination of three, and no row is near another: the last rows know nothing of the worst."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, n + 10))
    X[0] = X[1] + X[2] - X[3] + 1e-3 * rng.standard_normal(n + 10)
    net = Network((rng.standard_normal((1, n + 10)) / 10,), (None,), "tanh")
    return Problem(net, X, None, "targets", tuple(range(n)))


def between(n=60, activation="tanh"):
    """The first rows have no factor at the modulus of the last, and have one at twice that."""
    rng = np.random.default_rng(0)
    weights = (rng.standard_normal((50, 5)) / 2, rng.standard_normal((1, 50)) / 7)
    net = Network(weights, (rng.standard_normal(50), None), activation)
    return Problem(net, rng.standard_normal((n, 5)), None, "targets", tuple(range(n)))


@pytest.fixture
def many(monkeypatch):
    """Four equations are many."""
    monkeypatch.setattr(cost, "DIRECT_FROM", 4)
    monkeypatch.setattr(cost, "STREAMED_FROM", 4)
    monkeypatch.setattr(fits, "FINE_LIMIT", 4)


def tiers_tried(monkeypatch):
    tried = []
    attempt = fits.TieredRule._attempt

    def noted(self, at, quantity, tier, keep):
        tried.append(next(name for name, known in fits.TIERS.items() if known == tier))
        return attempt(self, at, quantity, tier, keep)

    monkeypatch.setattr(fits.TieredRule, "_attempt", noted)
    return tried


@pytest.mark.parametrize("problem", [around_one_row(), between()], ids=["far above", "between"])
def test_an_upper_end_is_found_by_few_factorisations(monkeypatch, problem):
    whole = bound(problem, "modulus")
    factors = []
    lead = ends.lead
    monkeypatch.setattr(ends, "lead", lambda *a: factors.append(a) or lead(*a))
    last = list(streamed_modulus(stream(problem, silent), silent))[-1].ends
    assert whole.upper / 1.001 <= last.upper <= 1.002 * last.lower and last.lower <= whole.upper
    assert 2 <= len(factors) <= 4


def test_kappa_grows_where_the_estimate_is_too_low(monkeypatch):
    """A Lanczos vector may be anything."""
    found = ends.top_pair

    def low(C, solve):
        top = found(C, solve)
        return replace(top, value=top.value / 100) if len(C) == 90 else top

    monkeypatch.setattr(ends, "top_pair", low)
    steps = list(streamed_modulus(stream(around_one_row(), silent), silent))
    assert steps[-1].ends.upper is not None


@pytest.mark.parametrize("n", [60, 61])
def test_from_the_limit_on_no_other_tier_is_tried(monkeypatch, n):
    monkeypatch.setattr(cost, "DIRECT_FROM", 4)
    monkeypatch.setattr(cost, "STREAMED_FROM", 60)
    monkeypatch.setattr(fits, "FINE_LIMIT", 60)
    tried = tiers_tried(monkeypatch)
    assert bound(between(n), "modulus").upper is not None
    assert tried == ["streamed"]


def test_the_whole_kernel_stands_behind(monkeypatch, many):
    monkeypatch.setattr(total, "streamed_modulus", lambda *a: iter([Step(ModulusEnds(1e-3, None, None), 60)]))
    tried = tiers_tried(monkeypatch)
    found = bound(between(), "modulus")
    assert tried == ["streamed", "finer streamed", "direct"] and found.upper < 1.001 * found.lower


@pytest.mark.parametrize("lost, passes, word", [(0.0, [False], "ended before"), (np.inf, [False, True], "ill-cond")])
def test_why_there_is_no_upper_end(monkeypatch, many, lost, passes, word):
    """Finer passes are made where rounding is in the way, and the kernel is not blamed for a search that stopped."""
    made = []
    monkeypatch.setattr(total, "stream", lambda p, tell, fine: made.append(fine) or stream(p, tell, False))
    monkeypatch.setattr(total, "streamed_modulus", lambda *a: iter([Step(ModulusEnds(1e-3, None, None), 60, lost)]))
    listed = cost.direct_tiers(between())
    monkeypatch.setattr(total.Total, "cost", lambda self, p: listed[:2])
    found = bound(between(), "modulus")
    assert found.upper is None and made == passes and word in found.reason


def test_a_kernel_without_a_factor_is_said_to_be_one():
    base = between(12)
    X = np.vstack([base.X, base.X[0] * (1 + 1e-12)])
    steps = list(streamed_modulus(stream(replace(base, X=X, rows=tuple(range(13))), silent), silent))
    assert steps[-1].ends.upper is None and np.isinf(steps[-1].lost)


@pytest.mark.parametrize("wrong", [OutOfTime(), MemoryError(), EnclosureError("a", "b", "c"),
                                   np.linalg.LinAlgError("it gave up")])
def test_what_was_proved_is_kept_however_it_ends(monkeypatch, many, wrong):
    def ending(*a):
        yield Step(ModulusEnds(1e-3, None, None), 3)
        yield Step(ModulusEnds(2e-3, 1e3, None), 60)
        raise wrong

    monkeypatch.setattr(total, "streamed_modulus", ending)
    listed = cost.direct_tiers(between())
    monkeypatch.setattr(total.Total, "cost", lambda self, p: listed[:1])
    found = bound(between(), "modulus")
    assert (found.lower, found.upper) == (2e-3, 1e3)


@pytest.mark.parametrize("n, measured", [(2000, 4.23), (4000, 2.09), (10_000, 1.18)])
def test_costs_are_upper_ones(n, measured):
    """Memory as the benchmark measured it, and as many factorisations as may be tried."""
    widths = (784, 512, 512, 1)
    weights = tuple(np.zeros((b, a)) for a, b in zip(widths, widths[1:], strict=False))
    net = Network(weights, (None, None, None), "tanh")
    found = cost._streamed_tiers(Problem(net, np.arange(n)[:, None] * np.ones(784), None, "targets", (0,)))
    held = [c.memory - cost.BASE_MEMORY for c in found]
    assert all(c.flops >= ends.ROUNDS * n**3 / 3 for c in found)
    assert measured * 8 * n**2 <= held[0] < 3 * measured * 8 * n**2 and held[0] <= held[1]


def test_what_is_not_streamed():
    """Several outputs, an exact fit nearby, and the function norm ask for a whole kernel."""
    problem = between(6)
    assert cost.streamable(problem)
    assert not cost.streamable(replace(problem, y=np.zeros((6, 1)), base="nearby"))
    assert not cost.streamable(replace(problem, weight_norm="function", reference=Reference(problem.X[:2], 0.1)))


def test_a_kink_of_any_pass_is_seen(monkeypatch, many):
    """Of the second batch, under the number of its row."""
    monkeypatch.setattr(streamed, "ROWS", 4)
    problem = between(8, "relu")
    X = problem.X.copy()
    W, b = problem.network.weights[0], problem.network.biases[0].copy()
    X[6] = 0.0
    b[3] = 0.0
    net = Network(problem.network.weights, (b, None), "relu")
    at = stream(replace(problem, network=net, X=X), silent)
    assert at.passed.kinks[0] == 1 and at.passed.kinks[1][0].row == 6 and W.shape == (50, 5)
    found = bound(replace(problem, network=net, X=X), "modulus")
    assert found.lower is None and found.upper is None and "row 6 layer 1 unit 3" in found.reason


def test_radii_follow_their_rows():
    """The rows are put in another order: a huge radius of one row stays with it."""
    problem = between(12)
    at = stream(problem, silent)
    at.parts.e[2] = at.Q.eta[2] = 1.0
    order = np.roll(np.arange(12), 5)
    taken = at.taken(order)
    assert np.array_equal(taken.parts.e, at.parts.e[order]) and np.array_equal(taken.Q.eta, at.Q.eta[order])
    assert np.array_equal(taken.parts.s, at.parts.s[order]) and not np.array_equal(at.parts.e, taken.parts.e)
