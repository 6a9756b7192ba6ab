"""Small parts of passes: weights without decay of biases, means and norms of tokens, the least curvature of losses."""

from __future__ import annotations

from operator import mul
from types import SimpleNamespace

import pytest
from flint import arb, arb_mat, ctx

from certify.check.enclosure.sequences.layer_norm import LayerNorm
from certify.check.enclosure.sequences.mean_tokens import MeanTokens
from certify.check.enclosure.sequences.rms_norm import RmsNorm
from certify.check.enclosure.units import _without_bias
from certify.check.theorems.head.rows.losses import one_vs_rest
from certify.check.theorems.head.rows.losses.poisson import LOSS


def test_every_layer_has_its_own_weights():
    """And 0 at each bias."""
    problem = SimpleNamespace(layers=[SimpleNamespace(biases=b) for b in (None, (1.0, 2.0), (3.0,))])
    parameters = SimpleNamespace(weights=[arb_mat([[1, 2]]), arb_mat([[3], [4]]), arb_mat([[5, 6]])])
    found = [_without_bias(problem, h, parameters) for h in (1, 2, 3)]
    assert found == [[arb(x) for x in part] for part in ([1, 2], [3, 0, 4, 0], [5, 6, 0])]


def test_the_mean_of_tokens_and_its_adjoint():
    """`⟨v, mean(x)⟩ = ⟨pull(v), x⟩` where there are more tokens than entries of one, and fewer."""
    for tokens, width in ((3, 2), (2, 5)):
        node = MeanTokens(SimpleNamespace(before=(tokens, width), tensors={}))
        x, v = [arb(3 * i * i - 7) for i in range(tokens * width)], [arb(i + 1) for i in range(width)]
        (value, _), ((back,), own) = node.value([x]), node.pull(v, None)
        assert len(value) == width and len(back) == len(x) and not own
        assert sum(map(mul, v, value), arb(0)).overlaps(sum(map(mul, back, x), arb(0)))


def test_the_least_curvature_of_several_poisson_outputs():
    """The least of `g + y`, in each place, falls by the reach."""
    for place in range(3):
        g, y = [arb(2)] * 3, [3.0, 1.0, 2.0]
        g[place] = arb(0.5) - y[place]
        found = LOSS.floor(g, y, arb(1))
        assert found.overlaps(arb(0.5) * (-arb(1)).exp())


@pytest.mark.parametrize("kind", [LayerNorm, RmsNorm])
@pytest.mark.parametrize("scaled", [True, False])
def test_norms_of_tokens_are_pulled_back_as_they_move(kind, scaled):
    """`⟨pull(v), z⟩` against a difference of values along z so fine that its error is far below."""
    tensors = {"weight": (2.0, -0.5, 3.0), "bias": (1.0, 1.0, 0.0)} if scaled else {}
    node = kind(SimpleNamespace(before=(2, 3), tensors=tensors, eps=0.125))
    x, z, v = ([arb(k * i * i - 7 * i + k) for i in range(6)] for k in (3, 5, -2))
    with ctx.workprec(400):
        h = arb(2) ** -100
        (here, kept), (there, _) = (node.value([[a + t * b for a, b in zip(x, z, strict=True)]]) for t in (arb(0), h))
        moved = sum((u * (b - a) / h for u, a, b in zip(v, here, there, strict=True)), arb(0))
        ((back,), _) = node.pull(v, kept)
        assert abs(sum(map(mul, back, z), arb(0)) - moved) < arb(2) ** -80


def test_the_least_curvature_of_several_logistic_outputs():
    """The least of `|g|(1 − |g|)`, in each place, however near 0 or 1 the slope lies."""
    for place in range(3):
        for sharp in (0.01, -0.99):
            g = [arb(0.5), arb(-0.4), arb(0.3)]
            g[place] = arb(sharp)
            assert one_vs_rest.LOSS.floor(g, [1.0, -1.0, -1.0], arb(1)).overlaps(arb(0.0099) * (-arb(1)).exp())
