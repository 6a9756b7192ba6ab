"""LipSDP in whole numbers without a factorisation (Q8): what it proves is so in rationals, and it proves enough."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpz_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.check.linalg.balls import ONE
from certify.check.lipschitz import lipsdp_unfactored
from certify.check.lipschitz.lipsdp_unfactored import Near, Top, Unfactored, eliminated, hidden
from certify.check.lipschitz.whole_numbers import WIDTH, Diagonal, Image, raised
from certify.finders.lipsdp_multipliers import closed_form, propose_multipliers
from certify.network.lipschitz.lipsdp import Chain, chain_bound
from tests.effort import examples
from tests.unit.network.lipschitz.test_lipsdp import chain_of, matrix, positive

ROOM = 2.0**-13


def narrow(rng: np.random.Generator, depth: int, half: float, most: int = 6, least: int = 1) -> Chain:
    """A chain of so many hidden layers with slopes within about `half` of their middles, both exact in few bits."""
    chain = chain_of(rng, tuple(rng.integers(least, most, depth + 2).tolist()), -0.2, 1.1)
    few = lambda v: np.round(v * 2.0**20) / 2.0**20  # noqa: E731
    return replace(chain, mids=tuple(few(m) for m in chain.mids),
                   halves=tuple(few(half * (0.5 + rng.random(len(m)))) + 2.0**-20 for m in chain.mids))


def near(chain: Chain) -> Near:
    rows = [arb_mat([[arb(x) for x in row] for row in W.tolist()]) for W in (*chain.weights, chain.last)]
    found = Unfactored(rows).near([([arb(x) for x in m.tolist()], [arb(x) for x in h.tolist()])
                                   for m, h in zip(chain.mids, chain.halves, strict=True)])
    assert found is not None
    return found


def wider(chain: Chain, bound: float) -> float:
    """A bound with what the prover leaves, and with some bits of the product of all norms for rounding."""
    whole = np.prod([np.linalg.norm(W, 2) for W in (*chain.weights, chain.last)]) * 1.2 ** len(chain.mids)
    return float(np.hypot(bound * (1 + ROOM), whole * 2.0**-8))


def proved(chain: Chain, multipliers, bound: float) -> bool:
    """Of `x ↦ C·a`."""
    with ctx.workprec(64):
        return near(chain).rows_below([arb(float(x)) for part in multipliers for x in part], arb(bound))


def proved_inputs(chain: Chain, multipliers, bound: float) -> bool:
    """Of `x ↦ a`, the last hidden layer's outputs."""
    with ctx.workprec(64):
        return near(chain).inputs_below([arb(float(x)) for part in multipliers for x in part], arb(bound))


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1, 2]), st.sampled_from([1e-5, 1e-3, 1e-2, 0.1]))
def test_what_is_proved_is_positive_definite_in_rationals(seed, depth, half):
    """Also with multipliers and numbers that nobody looked for: just where the whole matrix stops being definite."""
    rng = np.random.default_rng(seed)
    chain = narrow(rng, depth, half, 4)
    found = propose_multipliers(chain)
    if found is None:
        return
    multipliers = tuple(m * np.exp(rng.normal(size=len(m)) * rng.choice([0, 0.3, 2.0])) for m in found[0])
    low, high = 0.0, found[1] * 4
    for _ in range(18):
        middle = (low + high) / 2
        low, high = (low, middle) if proved(chain, multipliers, middle) else (middle, high)
    if high < found[1] * 4:
        assert positive(matrix(chain, multipliers, high))
    assert not proved(chain, multipliers, closed_form(chain)[1] * (1 - 1e-9))


@settings(max_examples=examples(40), deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1, 2, 3]), st.sampled_from([1e-5, 1e-4]))
def test_what_the_prover_states_is_proved_where_slopes_are_nearly_known(seed, depth, half):
    rng = np.random.default_rng(seed)
    chain = narrow(rng, depth, half)
    if depth <= lipsdp_unfactored.DEEPEST:
        found = propose_multipliers(chain)
        assert found is not None
        bound = chain_bound(chain, *found)
        assert bound is not None and proved(chain, found[0], wider(chain, bound))
    top = Chain(chain.weights[:-1], chain.mids[:-1], chain.halves[:-1], chain.weights[-1],
                np.abs(chain.mids[-1]) + chain.halves[-1])
    found = propose_multipliers(top)
    assert found is not None
    bound = chain_bound(top, *found)
    assert bound is not None and proved_inputs(chain, found[0], wider(top, bound))
    steepest = np.linalg.norm(top.factors[:, None] * top.last, 2) if depth == 1 else closed_form(top)[1]
    assert not proved_inputs(chain, found[0], steepest * (1 - 1e-6))


def one(half: float = 2.0**-8) -> tuple[Chain, tuple[np.ndarray, ...], float]:
    chain = narrow(np.random.default_rng(3), 2, half, least=4)
    multipliers, value = propose_multipliers(chain)
    return chain, multipliers, chain_bound(chain, multipliers, value) * (1 + 2.0**-8)


@pytest.mark.parametrize("spoil", [
    lambda m, v: (tuple(0 * x for x in m), v), lambda m, v: (m, 0.9 * v), lambda m, v: (m, np.nan),
    lambda m, v: (m, np.inf), lambda m, v: (m, -v), lambda m, v: (m, 0.0),
    lambda m, v: (tuple(-x for x in m), v), lambda m, v: (tuple(x * np.nan for x in m), v),
    lambda m, v: (tuple(x * np.inf for x in m), v), lambda m, v: (tuple(x * 1e300 for x in m), v),
    lambda m, v: (tuple(x * 1e-300 for x in m), v), lambda m, v: (tuple(1e-3 * x for x in m), v),
    lambda m, v: ((m[0], 1e-3 * m[1]), v), lambda m, v: ((1e-3 * m[0], m[1]), v),
])
def test_what_does_not_prove_a_bound_is_refused(spoil):
    chain, multipliers, bound = one()
    assert proved(chain, multipliers, bound)
    assert not proved(chain, *spoil(multipliers, bound))


def test_three_hidden_layers_and_what_is_not_finite_are_left_to_others():
    chain = narrow(np.random.default_rng(0), 3, 1e-4)
    found = propose_multipliers(chain)
    assert found is not None and not proved(chain, found[0], found[1] * 2)
    for x in ("nan", "inf"):
        assert hidden([arb(x)], [arb(0)]) is None
        assert Unfactored([arb_mat([[1]]), arb_mat([[arb(x)]])]).near([([arb(1)], [arb(0)])]) is None
        known = hidden([arb(1)], [arb(x)])
        assert known is not None and known.steepest is None and eliminated(known, [arb(1)]) is None


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.tuples(st.floats(-2, 2), st.floats(0, 1), st.floats(0, 2.0**-20)), min_size=1, max_size=4))
def test_slopes_are_widened_by_what_is_rounded(drawn):
    with ctx.workprec(64):
        found = hidden([arb(m, r) for m, _, r in drawn], [arb(h) for _, h, _ in drawn])
        squares = found.steepest
    with ctx.workprec(2200):
        for value, half, (m, h, r), square in zip(found.mids.values, found.halves, drawn, squares.values, strict=True):
            middle = arb(value) * arb(2) ** -WIDTH
            for side in (-1, 1):
                end = arb(m) + side * (arb(r) + arb(h))
                assert abs(end - middle) <= half
                assert end * end <= arb(square) * arb(2) ** -squares.bits
            assert half <= arb(h) + 2 * arb(r) + arb(2) ** (1 - WIDTH)


def exact(x: arb) -> Fraction:
    man, exp = x.man_exp()
    return Fraction(int(man)) * Fraction(2) ** int(exp)


def told(d: Diagonal) -> list[Fraction]:
    return [Fraction(int(x)) / Fraction(2) ** d.bits for x in d.values]


def rows_of(M: np.ndarray) -> arb_mat:
    return arb_mat([[arb(x) for x in row] for row in M.tolist()])


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(0, 2**32))
def test_traces_and_what_takes_the_place_of_inverses_are_upper_bounds(seed):
    """In rationals: `q ≥ tr(Λ^-½QΛ^-½)`, `D ≥ Λ⁻¹/(1 − q)`, `κ ≥ DΛ`, `G ≥ ρ²λ`; and the trace of a layer below."""
    rng = np.random.default_rng(seed)
    k, n, m = (int(x) for x in rng.integers(1, 4, 3))
    C, W = (rng.standard_normal(shape) * 10.0 ** rng.uniform(-3, 3) for shape in ((k, n), (n, m)))
    factors = 10.0 ** rng.uniform(-3, 3, n) * 50 * np.linalg.norm(C) ** 2
    with ctx.workprec(64):
        last = lipsdp_unfactored.layer(rows_of(C))
        part = eliminated(hidden([arb(x) for x in rng.uniform(-1, 1, n).tolist()],
                                 [arb(x) for x in rng.uniform(0, 0.1, n).tolist()]), [arb(x) for x in factors.tolist()])
        over, below = (raised([arb(x) for x in rng.uniform(0, 2, size).tolist()]) for size in (k, m))
        q = last.share(over, part.inverse)
    E, lam, c, w = told(over), [Fraction(x) for x in factors.tolist()], *(
        [list(map(Fraction, row)) for row in M.tolist()] for M in (C, W))
    Q = [[sum(e * row[a] * row[b] for e, row in zip(E, c, strict=True)) for b in range(n)] for a in range(n)]
    assert exact(q) >= sum(Q[i][i] / lam[i] for i in range(n))
    if not q < 1:
        return
    with ctx.workprec(64):
        top = Top.of(last.weights, over, part, q)
        trace, inverse = top.share(lipsdp_unfactored.layer(rows_of(W)).weights, below), part.against(q)
        kappa = part.kappa(inverse)
    D, mu = told(inverse), told(part.mids)
    assert all(d * x * (1 - exact(q)) >= 1 for d, x in zip(D, lam, strict=True))
    assert all(d * x <= exact(kappa.upper()) for d, x in zip(D, lam, strict=True))
    assert all(g >= exact(h) ** 2 * x for g, h, x in zip(told(part.around), part.halves, lam, strict=True))
    M = [[mu[a] * mu[b] * (Q[a][b] + sum(Q[a][i] * D[i] * Q[i][b] for i in range(n))) for b in range(n)]
         for a in range(n)]
    whole = sum(d * M[a][b] * w[a][i] * w[b][i] for i, d in enumerate(told(below)) for a in range(n) for b in range(n))
    assert whole <= exact(trace) <= whole * (1 + Fraction(1, 2**9)) + sum(told(below)) * Fraction(
        float(np.linalg.norm(C) * np.linalg.norm(W))) ** 2 / 2**9


def real(M: Image) -> np.ndarray:
    return np.array([[float(Fraction(int(x)) / Fraction(2) ** M.bits) for x in row] for row in M.mid.tolist()])


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("small", ["", "first", "second", "ends"])
def test_what_slopes_add_is_no_more_than_is_said(depth, seed, small):
    """`R ⪯ share·A + spread·I`, each term of it alone where others are small; with one unit a layer it is met."""
    rng = np.random.default_rng(seed)
    widths = [3, *([1] * depth if seed < 3 else rng.integers(1, 4, depth).tolist()), 1]
    matrices = [rng.standard_normal((m, d)) for d, m in zip(widths, widths[1:], strict=False)]
    matrices[-1] *= 1e-6 if small == "ends" else 1.0
    with ctx.workprec(64):
        row, parts = near_of(matrices, widths[1:-1], rng), []
        for j, known in enumerate(row.slopes):
            halves = [x * (2.0**-20 if small == ("first", "second")[j] else 1) for x in known.halves]
            factors = [arb(40.0 * 10.0 ** (2 * (depth - j)))] * len(halves)
            parts.append(eliminated(replace(known, halves=halves), factors))
        form, rest = row._form(raised([ONE]), parts)
        one = Image(fmpz_mat([[int(i == j) for j in range(3)] for i in range(3)]), 0, ONE, arb(2), arb(0))
        seen = rest.seen(one)
    A, R = real(form), real(seen)
    over = float(rest.share) * A + float(rest.spread) * np.eye(3) - R
    assert np.linalg.eigvalsh(over + over.T)[0] >= -1e-12 - 2 * float(form.radius + seen.radius)
    assert R.any() and np.linalg.eigvalsh(R + R.T)[0] >= -1e-12 - 2 * float(seen.radius)


@pytest.mark.parametrize("wide", [0, 1])
def test_weights_around_a_middle_add_what_they_can_be(wide):
    """`R ⪰ γ_2|J|² + γ_1|W_1|²`, one unit a layer: of the longest member, half as long again as the middle."""
    with ctx.workprec(64):
        layers = [lipsdp_unfactored.layer(arb_mat([[x]])) for x in (arb(1), arb(1), arb("1e-6"))]
        layers[wide] = replace(layers[wide], weights=replace(layers[wide].weights, radius=arb(0.5)))
        slopes = [hidden([arb(1)], [arb(0.1 if at == wide or not wide else 2.0**-20)]) for at in (0, 1)]
        parts = [eliminated(known, [arb(x)]) for known, x in zip(slopes, (4000, 40), strict=True)]
        _, rest = Near(layers, slopes)._form(raised([ONE]), parts)
        first, second = (part.halves[0] ** 2 * part.factors[0] for part in parts)
        assert layers[wide].weights.reach < 1.01 and second > 0.3
        assert rest.spread >= first * (1 if wide else 1.5**2) + second * 1.5**2


def near_of(matrices: list[np.ndarray], widths: list[int], rng: np.random.Generator) -> Near:
    found = Unfactored([rows_of(W) for W in matrices]).near(
        [([arb(x) for x in rng.uniform(0.5, 1, m).tolist()], [arb(0.1)] * m) for m in widths])
    assert found is not None
    return found
