"""Ties between windows of equal numbers: no kink while the row stays, in prover and checker, and gradients are true."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from certify.auditing.spec_run import run_audit
from certify.check.enclosure.graph_gradients import GraphDescent as Checked
from certify.check.enclosure.graph_passes import Kinks, Operators, Pass
from certify.check.enclosure.graph_twins import Functions
from certify.check.main import main
from certify.network.graph.balls import descend_in_balls
from certify.network.graph.compiled import compile_graph
from certify.network.graph.gradients import descend_graph
from certify.network.graph.graph import GraphNetwork
from certify.network.graph.passes import graph_forward
from certify.network.graph.twins import twin_labels
from certify.rigor import fp
from certify.rigor.arithmetic import Binary64, DoubleDouble
from tests.oracles.graph import BITS, Builder, random_graph, truth
from tests.unit.check.enclosure.test_graph import claims, problem_of, write


def cnn(rng: np.random.Generator, affine: bool = True) -> GraphNetwork:
    """Two convolutions, each with a maximum behind it; biases above 0, so that flat windows are alive."""
    b = Builder(rng, (1, 8, 8))
    for channels in (2, 3):
        b.conv(channels)
        b.tensors[b.nodes[-1].bias] = np.abs(b.tensors[b.nodes[-1].bias]) + 0.5
        if affine:
            b.norm()
        b.add("relu")
        b.add("max_pool", kernel=(2, 2), stride=(2, 2), padding=(0, 0))
    b.linear(3)
    return b.network()


def pictures(rng: np.random.Generator, n: int = 4) -> np.ndarray:
    """A few strokes on a flat background, whose windows are equal."""
    X = np.zeros((n, 1, 8, 8))
    X[:, :, 2:4, 3:5] = rng.uniform(0.2, 1, size=(n, 1, 2, 2))
    return X.reshape(n, -1)


def loss_at(net: GraphNetwork, tensors: dict[str, np.ndarray], X: np.ndarray, y: np.ndarray) -> float:
    moved = GraphNetwork(net.nodes, tensors, net.shape, net.output, net.input)
    f = graph_forward(compile_graph(moved, Binary64()), X, Binary64()).values[net.output].mid.hi
    return float((np.log(np.exp(f).sum(axis=1)) - f[np.arange(len(y)), y]).mean())


@pytest.mark.parametrize("seed", range(6))
def test_the_gradient_is_that_of_the_loss_where_flat_windows_tie(seed: int) -> None:
    rng = np.random.default_rng(seed)
    net, X, y = cnn(rng, bool(seed % 2)), pictures(rng), np.array([0, 1, 2, 1])
    data = (net, X, "cross_entropy", None, y, 0.0, None)
    moving = descend_graph(*data, DoubleDouble())
    found = descend_graph(*data, DoubleDouble(), fixed=True)
    balls = descend_in_balls(*data, 1e-6, fixed=True)
    assert moving.kinks[0] > 0 and found.kinks[0] == balls.kinks[0] == 0 and found.margin and found.margin > 0
    with ctx.workprec(BITS):
        true = truth(net, X, "cross_entropy", None, y)
        norm = true.weight_norm
        for one in (found, balls):
            assert arb(fp.down(one.weight_norm.lower)) <= norm.upper() and norm.lower() <= arb(
                fp.up(one.weight_norm.upper))
    # a step along any direction changes the loss as the gradient says: the loss has no kink there
    names = sorted({n for node in net.nodes for n in (node.weight, node.bias) if n is not None})
    direction = {n: rng.normal(size=net.tensors[n].shape) for n in names}
    ahead, behind = ((loss_at(net, {**net.tensors, **{n: net.tensors[n] + t * direction[n] for n in names}}, X, y)
                      - loss_at(net, dict(net.tensors), X, y)) / t for t in (1e-6, -1e-6))
    assert abs(ahead - behind) < 1e-4 * (1 + abs(ahead))


@pytest.mark.parametrize("seed", range(30))
def test_equal_labels_are_equal_functions_of_the_weights(seed: int) -> None:
    """Other weights near by: entries with one label stay equal, of every operation, for prover and checker alike."""
    rng = np.random.default_rng(seed)
    net = random_graph(rng)
    X = rng.integers(0, 2, size=(1, net.widths[0])).astype(float) * (rng.random((1, net.widths[0])) < 0.3)
    made = compile_graph(net, Binary64())
    passed = graph_forward(made, X, Binary64())
    still = {name: mask[0] for name, mask in passed.still.items()}
    tensors = {name: a * (1 + 1e-7 * rng.normal(size=a.shape)) + 1e-7 * rng.normal(size=a.shape)
               if name.rpartition(".")[2] in ("weight", "bias") else a for name, a in net.tensors.items()}
    with ctx.workprec(BITS):
        near = compile_graph(GraphNetwork(net.nodes, tensors, net.shape, net.output), DoubleDouble())
        values = graph_forward(near, X, DoubleDouble()).values
    for node in net.nodes:
        labels = twin_labels(made, X[0], still, node.name)
        v = values[node.name]
        exact = v.mid.hi[0] + (0.0 if v.mid.lo is None else v.mid.lo[0])
        for label in np.unique(labels):
            same = exact[labels == label]
            assert np.ptp(same) <= 4 * v.rad[0] + 1e-14 * (1 + np.abs(same).max())
            assert label != 0 or np.abs(same).max() <= 2 * v.rad[0]


@pytest.mark.parametrize("seed", range(12))
def test_prover_and_checker_name_alike(seed: int, tmp_path: Any) -> None:
    rng = np.random.default_rng(100 + seed)
    net = random_graph(rng)
    X = rng.integers(0, 2, size=(2, net.widths[0])).astype(float)
    write(tmp_path, net, X, np.array([0, 2]), parameter="sample_weights")
    problem = problem_of(tmp_path)
    assert problem.graph is not None
    made = compile_graph(net, Binary64())
    passed = graph_forward(made, X, Binary64())
    with ctx.workprec(128):
        theirs = Pass(Operators(problem.graph), problem.features, 0, Kinks(), True)
    for i in range(2):
        still = {name: mask[i] for name, mask in passed.still.items()}
        functions = Functions(problem.graph, problem.features[i], theirs.operators.tables, theirs.operators.choices,
                              {name: rows[i] for name, rows in theirs.still.items()})
        for node in net.nodes:
            ours, names = twin_labels(made, X[i], still, node.name), functions.names(node.name)
            pairs = set(zip(ours.tolist(), names, strict=True))
            assert len(pairs) == len(set(ours.tolist())) == len(set(names))


def test_a_certificate_about_flat_pictures_is_derived_again(tmp_path: Any) -> None:
    rng = np.random.default_rng(3)
    net, X = cnn(rng), pictures(rng)
    spec = write(tmp_path, net, X, np.array([0, 1, 2, 1]), parameter="sample_weights")
    run_audit(spec)
    found = claims(tmp_path)["modulus"]
    assert found["lower"] > 0 and found["upper"] < found["lower"] * (1 + 1e-6)
    assert "one function of the weights" in json.dumps(found["hypotheses"])
    assert main([str(tmp_path / "certificate.json"), "-q"]) == 0


def test_moving_features_end_at_the_tie_as_before(tmp_path: Any) -> None:
    rng = np.random.default_rng(3)
    net, X = cnn(rng), pictures(rng)
    run_audit(write(tmp_path, net, X, np.array([0, 1, 2, 1])))
    found = claims(tmp_path)["modulus"]
    assert found["upper"] is None and "are equal whatever the weights (row 0, node n" in found["reason"]
    assert "'sample_weights' or 'targets'" in found["reason"]
    with ctx.workprec(128):
        assert Checked(problem_of(tmp_path), problem_of(tmp_path).graph).totals.kinks.where  # type: ignore[arg-type]


def test_such_a_tie_ends_the_search_at_the_first_arithmetic(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    monkeypatch.setattr("certify.systems.sublevel.descent.descend_in_balls", None)
    net, X = cnn(rng), pictures(rng)
    run_audit(write(tmp_path, net, X, np.array([0, 1, 2, 1])))
    assert "are equal whatever the weights" in claims(tmp_path)["modulus"]["reason"]


def test_a_tie_of_different_functions_is_one_for_both(tmp_path: Any) -> None:
    """Two windows with other numbers whose sums are equal at these weights alone."""
    b = Builder(np.random.default_rng(0), (1, 1, 4))
    b.conv(1, 1, 1, 0)
    b.add("max_pool", kernel=(1, 2), stride=(1, 2), padding=(0, 0))
    b.linear(3)
    b.tensors[b.nodes[0].weight][...] = 0.0  # 1·w and 2·w tie at w = 0
    net = b.network()
    X = np.array([[1.0, 2.0, 0.5, 0.5]])
    data = (net, X, "cross_entropy", None, np.array([1]), 0.0, None)
    for found in (descend_graph(*data, DoubleDouble(), fixed=True), descend_in_balls(*data, 1e-6, fixed=True)):
        assert found.kinks[0] == 1 and found.kinks[1][0].unit == 0
    write(tmp_path, net, X, np.array([1]), parameter="sample_weights")
    problem = problem_of(tmp_path)
    with ctx.workprec(128):
        assert "place 0" in Checked(problem, problem.graph).totals.kinks.where  # type: ignore[arg-type]


def test_names_do_not_mix_operations(tmp_path: Any) -> None:
    """Nodes called after operations: what they make has names of its own."""
    b = Builder(np.random.default_rng(0), (2, 2, 2))
    b.norm()
    b.add("add", ("n0", "n0"))
    b.add("max_pool", kernel=(1, 2), stride=(1, 2), padding=(0, 0))
    b.linear(3)
    net = b.network()
    write(tmp_path, net, np.zeros((1, 8)), np.array([1]), parameter="sample_weights")
    text = (tmp_path / "graph.json").read_text(encoding="utf-8").replace('"n0"', '"add"').replace('"n1"', '"max_pool"')
    (tmp_path / "graph.json").write_text(text, encoding="utf-8")
    problem = problem_of(tmp_path)
    assert problem.graph is not None
    operators = Operators(problem.graph)
    functions = Functions(problem.graph, problem.features[0], operators.tables, operators.choices, {})
    nodes = [functions.names(name) for name in ("add", "max_pool", "n2")]
    assert all(len(set(names)) == 2 for names in nodes) and not set(nodes[0]) & set(nodes[1])
