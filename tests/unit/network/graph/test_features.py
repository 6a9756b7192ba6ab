"""What the last layer of a graph reads: both sides contain an oracle's truth, and other last nodes are refused."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certify.check.theorems.head.frozen_part import FrozenPart
from certify.format.errors import InputError
from certify.format.refusal import Invalid
from certify.network.graph import features as module
from certify.network.graph.features import features
from certify.network.graph.graph import GraphNetwork
from tests.effort import examples
from tests.families.graph_heads import checked_head
from tests.oracles.graph import BITS, Builder, Tape, evaluate, random_graph
from tests.oracles.sequences import layer_norm, random_sequence, token_linear


def true_features(net: GraphNetwork, X: np.ndarray) -> list[list[arb]]:
    """Values of what the last node reads, by scalars on a tape."""
    last = net.nodes[-1]
    rest = GraphNetwork(net.nodes[:-1], {n: a for n, a in net.tensors.items() if n not in last.tensors.values()},
                        net.shape, last.inputs[0])
    found = []
    with ctx.workprec(BITS):
        for x in X:
            tape = Tape()
            params = {name: np.array([tape.put(arb(float(v))) for v in rest.tensors[name].ravel()]).reshape(
                rest.tensors[name].shape) for name in rest.learned}
            out, _ = evaluate(rest, x, tape, params)
            found.append([tape.values[a] for a in out])
    return found


@given(st.integers(0, 2**32), st.sampled_from(["image", "sequence", "tokens"]))
@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_both_contain_the_truth(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    net = random_graph(rng) if kind == "image" else random_sequence(rng, 3, kind == "tokens")
    X = rng.integers(0, 5, size=(3, net.widths[0])).astype(float) if kind == "tokens" else rng.normal(
        size=(3, net.widths[0]))
    true, (mid, rad) = true_features(net, X), features(net, X)
    with ctx.workprec(64):
        checked = checked_head(net, X).enter([tuple(x) for x in X.tolist()])
    with ctx.workprec(BITS):
        for row, near, r, balls in zip(true, mid.tolist(), rad.tolist(), checked, strict=True):
            away = sum(((x - arb(m)) ** 2 for x, m in zip(row, near, strict=True)), arb(0))
            assert away <= arb(r) ** 2 or (r == 0 and away.contains(0)), (away, r)
            size = sum((x**2 for x in row), arb(0)).sqrt()
            assert r <= 2.0**-44 * (1 + float(size)) * 1.01
            assert all(ball.overlaps(x) and ball.rad() < arb(2) ** -90 * (1 + size)
                       for ball, x in zip(balls, row, strict=True))


def test_images_whose_norms_outgrow_double_double_pass_in_balls(monkeypatch) -> None:
    rng = np.random.default_rng(3)
    net = random_graph(rng)
    X = rng.normal(size=(2, net.widths[0]))
    plain = features(net, X)
    monkeypatch.setattr(module, "_in_double_double", lambda *_: None)
    balls = features(net, X)
    assert (np.abs(plain[0] - balls[0]).max(axis=1) <= plain[1] + balls[1]).all()


def test_a_row_that_the_last_layer_reads_itself_is_exact() -> None:
    b = Builder(np.random.default_rng(0), (3,))
    b.linear(2)
    X = np.random.default_rng(1).normal(size=(4, 3))
    mid, rad = features(b.network(), X)
    assert (mid == X).all() and (rad == 0).all()


def scaled_after(rng: np.random.Generator) -> GraphNetwork:
    b = Builder(rng, (2, 3))
    token_linear(b, 2)
    b.add("mean_tokens")
    b.linear(2)
    b.add("times", factor=0.5)
    return b.network()


def normed_after(rng: np.random.Generator) -> GraphNetwork:
    b = Builder(rng, (4,))
    b.linear(3)
    layer_norm(b)
    return b.network()


def on_tokens(rng: np.random.Generator) -> GraphNetwork:
    b = Builder(rng, (2, 3))
    token_linear(b, 2)
    b.add("flatten")
    return b.network()


@pytest.mark.parametrize("made", [scaled_after, normed_after, on_tokens])
def test_a_graph_that_ends_in_another_node_is_refused_by_both(made) -> None:
    rng = np.random.default_rng(2)
    net = made(rng)
    X = rng.normal(size=(2, net.widths[0]))
    with pytest.raises(InputError, match="no linear one"):
        features(net, X)
    with pytest.raises(Invalid, match="a linear node as the output is needed"):
        checked_head(net, X)


def test_a_last_layer_with_the_weights_of_another_is_refused() -> None:
    b = Builder(np.random.default_rng(2), (3,))
    b.add("embedding", weight=b.tensor("weight", b.numbers(4, 2)))
    b.add("mean_tokens")
    b.linear(4)
    net = b.network()
    assert net.last.op == "linear"
    tied = GraphNetwork(net.nodes, net.tensors | {str(net.last.weight): net.tensors["n0.weight"].copy()}, net.shape,
                        net.output)
    with pytest.raises(InputError, match="as where weights are tied"):
        features(tied, np.array([[0.0, 1.0, 2.0]]))


def test_a_last_layer_that_is_another_turned_is_refused() -> None:
    rng = np.random.default_rng(2)
    for shape in ((2, 3), (2, 3, 1, 1)):
        b = Builder(rng, (3,) if len(shape) == 2 else (3, 1, 1))
        b.add("linear" if len(shape) == 2 else "conv2d", weight=b.tensor("weight", b.numbers(*shape)))
        if len(shape) > 2:
            b.add("flatten")
        b.linear(3)
        net = b.network()
        X = rng.normal(size=(1, 3))
        assert features(net, X)[0].shape == (1, 2)
        turned = net.tensors["n0.weight"].reshape(2, 3).T.copy()
        with pytest.raises(InputError, match="as where weights are tied"):
            features(GraphNetwork(net.nodes, net.tensors | {str(net.last.weight): turned}, net.shape, net.output), X)


def test_the_checker_makes_the_features_of_a_row_once_for_a_precision(monkeypatch) -> None:
    rng = np.random.default_rng(2)
    net = random_sequence(rng)
    X = rng.normal(size=(2, net.widths[0]))
    frozen = checked_head(net, X).enter
    assert isinstance(frozen, FrozenPart)
    points = [tuple(x) for x in X.tolist()]
    first = frozen(points)
    monkeypatch.setattr("certify.check.theorems.head.frozen_part.Pass", None)
    assert all(a is b for a, b in zip(frozen([points[1], points[0]]), first[::-1], strict=True))
