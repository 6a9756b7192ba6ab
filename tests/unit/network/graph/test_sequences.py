"""Graphs of sequences: prover and checker contain an oracle's truth, and what does not fit together is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certify.auditing.spec_run import run_audit
from certify.check.enclosure.graph_gradients import GraphDescent
from certify.check.main import main
from certify.format.errors import InputError
from certify.format.refusal import Invalid
from certify.inputs.graph_file import graph_bytes, parse_graph
from certify.network.graph.balls import descend_in_balls
from certify.network.graph.compiled import compile_graph
from certify.network.graph.floats import outputs_in_floats
from certify.network.graph.graph import GraphNetwork
from certify.network.graph.passes import graph_forward
from certify.rigor.arithmetic import Binary64
from tests.effort import examples
from tests.families.graph_problem import checked_problem
from tests.oracles.graph import BITS, Builder, random_graph, truth
from tests.oracles.sequences import attend, layer_norm, random_sequence, token_linear
from tests.unit.check.enclosure.test_graph import claims, resealed, write


def drawn(seed: int, tokens: bool) -> tuple[GraphNetwork, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    net = random_sequence(rng, 3, tokens)
    X = rng.integers(0, 5, size=(2, net.widths[0])).astype(float) if tokens else rng.normal(size=(2, net.widths[0]))
    return net, X, rng.integers(0, 3, size=2)


@given(st.integers(0, 2**32), st.booleans())
@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_balls_of_both_contain_the_truth(seed: int, tokens: bool) -> None:
    net, X, y = drawn(seed, tokens)
    exact = truth(net, X, "cross_entropy", None, y, 0.01)
    found = descend_in_balls(net, X, "cross_entropy", None, y, 0.01, None, 1e-6)
    problem = checked_problem(net, X, y, 0.01, "sample_weights" if tokens else "features")
    assert problem.parameters == net.parameters("all")
    with ctx.workprec(128):
        checked = GraphDescent(problem, problem.graph)
        weights, rows, loss = checked.weight_gradient, checked.row_sizes, checked.loss
    with ctx.workprec(BITS):
        low, high = (arb(int(end.numerator)) / int(end.denominator)
                     for end in (found.weight_norm.lower, found.weight_norm.upper))
        assert not exact.weight_norm < low and not exact.weight_norm > high and high - low < 1e-20 * (1 + high)
        assert tokens or all(not true < arb(a) and not true > arb(b) for a, b, true in zip(
            found.input_lower.tolist(), found.input_upper.tolist(), exact.rows, strict=True))
        for ball, true in ((weights, exact.weight_norm), (loss, exact.loss),
                           *(() if tokens else zip(rows, exact.rows, strict=True))):
            assert ball.overlaps(true) and ball.rad() < arb(2) ** -60 * (1 + abs(true))
        floats = outputs_in_floats(compile_graph(net, Binary64()), X)
        assert max(abs(float(v) - floats[i, a]) for i, row in enumerate(exact.outputs)
                   for a, v in enumerate(row)) < 1e-9 * (1 + np.abs(floats).max())


@pytest.mark.parametrize("seed", range(12))
def test_floats_of_images_are_those_of_the_enclosure(seed: int) -> None:
    rng = np.random.default_rng(seed)
    net = random_graph(rng)
    X, made = rng.normal(size=(3, net.widths[0])), compile_graph(net, Binary64())
    wanted = graph_forward(made, X, Binary64()).values[net.output].mid.hi
    assert np.abs(outputs_in_floats(made, X) - wanted).max() <= 1e-12 * (1 + np.abs(wanted).max())


def block(rng: np.random.Generator) -> GraphNetwork:
    """A transformer block and a mean over its tokens."""
    b = Builder(rng, (3, 4))
    attend(b, 2)
    layer_norm(b)
    skip = b.at
    token_linear(b, 6)
    b.add("gelu")
    token_linear(b, 4)
    b.add("add", (b.at, skip))
    b.add("mean_tokens")
    b.linear(3)
    return b.network()


GATES = '[[gate]]\nquantity = "persistence_radius"\nmin = 0.001'


@pytest.mark.parametrize("parameter, level, gates", [
    ("sample_weights", "level = 30.0", GATES), ("sample_weights", "", ""), ("features", "", "")])
def test_a_block_is_certified_and_checked_and_a_forged_end_is_not(tmp_path, parameter, level, gates, capsys) -> None:
    rng = np.random.default_rng(3)
    spec = write(tmp_path, block(rng), rng.normal(size=(4, 12)), np.array([0, 1, 2, 1]), parameter=parameter,
                 level=level, gates=gates)
    run_audit(spec)
    for claim in claims(tmp_path).values():
        assert claim["verdict"] == "certified" and claim["upper"] / claim["lower"] - 1 < 1e-6
    assert main([str(tmp_path / "certificate.json"), "--quiet"]) == 0
    page = (tmp_path / "report.html").read_text()
    assert "attention layer" in page and "layer normalisation" in page
    resealed(tmp_path, lambda c: c["claims"][0].update(lower=c["claims"][0]["upper"] * (1 + 1e-9),
                                                       upper=c["claims"][0]["upper"] * (1 + 1e-8)))
    capsys.readouterr()
    assert main([str(tmp_path / "certificate.json"), "--quiet"]) == 2


def test_tokens_are_certified_while_they_stay_and_refused_where_they_move(tmp_path) -> None:
    net, X, y = drawn(5, True)
    spec = write(tmp_path, net, X.astype(np.int64), y, parameter="sample_weights")
    run_audit(spec)
    assert claims(tmp_path)["modulus"]["verdict"] == "certified"
    assert main([str(tmp_path / "certificate.json"), "--quiet"]) == 0
    spec.write_text(spec.read_text().replace("sample_weights", "features"))
    with pytest.raises(InputError, match="rows are whole numbers, which do not move"):
        run_audit(spec)
    with pytest.raises(Invalid, match="whole numbers that do not move"):
        checked_problem(net, X, y, parameter="features")


@pytest.mark.parametrize("token", [0.5, -1.0, 5.0])
def test_a_number_that_is_no_token_is_refused_by_both(tmp_path, token: float) -> None:
    net, X, y = drawn(5, True)
    X[1, 0] = token
    with pytest.raises(InputError, match="where a token is meant"):
        run_audit(write(tmp_path, net, X, y, parameter="sample_weights"))
    problem = checked_problem(net, X, y, parameter="sample_weights")
    with pytest.raises(Invalid, match="whole numbers from 0 to 4"):
        _ = GraphDescent(problem, problem.graph).loss


def changed(net: GraphNetwork, op: str, members: dict[str, object]) -> bytes:
    """The graph file with other members of the first node of an operation."""
    top = json.loads(graph_bytes(net.nodes, net.shape, net.output))
    node = next(node for node in top["nodes"] if node["op"] == op)
    node.update(members)
    return json.dumps(top).encode()


@pytest.mark.parametrize("op, members", [
    ("attention", {"heads": 3}), ("attention", {"heads": 0}), ("attention", {"heads": True}),
    ("attention", {"scale": -1.0}), ("attention", {"scale": "1"}), ("attention", {"causal": 1}),
    ("attention", {"inputs": ["n1", "n2"]}), ("attention", {"inputs": ["n0", "n2", "n3"]}), ("slice", {"stop": 99}),
    ("slice", {"start": 4}), ("slice", {"axis": 2}), ("slice", {"start": -1}), ("layer_norm", {"eps": -1.0}),
    ("layer_norm", {"weight": "n0.bias"}), ("layer_norm", {"mask": None}), ("mean_tokens", {"op": "max_tokens"}),
    ("linear", {"weight": "n10.weight"}), ("mean_tokens", {"op": "reshape", "size": [5]}),
    ("mean_tokens", {"op": "reshape", "size": []}), ("mean_tokens", {"op": "embedding", "weight": "n0.weight"}),
    ("mean_tokens", {"op": "position", "weight": "n0.weight"}), ("mean_tokens", {"op": "prepend", "weight": "n7.bias"}),
    ("layer_norm", {"op": "prepend", "weight": "n10.weight"}),
], ids=str)
def test_members_and_shapes_that_do_not_fit_are_refused_by_both(op: str, members: dict[str, object]) -> None:
    rng = np.random.default_rng(3)
    net = block(rng)
    content = changed(net, op, members)
    with pytest.raises(InputError):
        nodes, shape, output, entry = parse_graph(content, "graph")
        GraphNetwork(nodes, net.tensors, shape, output, entry)
    with pytest.raises(Invalid):
        checked_problem(net, rng.normal(size=(2, 12)), np.array([0, 1]), graph=content)


def test_an_embedding_reads_the_row_alone() -> None:
    b = Builder(np.random.default_rng(1), (3,))
    b.add("tanh")
    with pytest.raises(InputError, match="takes the row itself"):
        b.add("embedding", weight=b.tensor("weight", b.numbers(5, 2)))


def test_a_layer_norm_without_eps_of_equal_channels_is_open_and_no_crash(tmp_path) -> None:
    b = Builder(np.random.default_rng(1), (2, 3))
    layer_norm(b, eps=0.0)
    b.add("mean_tokens")
    b.linear(2)
    run_audit(write(tmp_path, b.network(), np.ones((1, 6)), np.array([1]), parameter="sample_weights"))
    found = claims(tmp_path)["modulus"]
    assert found["verdict"] == "inconclusive" and "without bounds" in found["reason"]
