"""Graphs: the passes contain the exact gradients; kinks and ties are found; maps and tables are what they say."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certify.format.errors import EnclosureError, InputError
from certify.network.graph.balls import _Descent, _Row, descend_in_balls
from certify.network.graph.compiled import compile_graph
from certify.network.graph.gradients import descend_graph
from certify.network.graph.graph import GraphNetwork, Node
from certify.network.graph.maps import average, convolution, dense
from certify.network.graph.passes import graph_forward
from certify.rigor import fp
from certify.rigor.arithmetic import Binary64, DoubleDouble
from tests.effort import examples
from tests.oracles.graph import BITS, Builder, random_graph, truth

ARITHMETICS = (Binary64(), DoubleDouble())


def contains(lower, upper, ball) -> bool:
    """Whether the oracle's ball meets the enclosure; it is 2^-250 wide, so that meeting is containing in effect."""
    with ctx.workprec(BITS):
        low, high = (arb(int(x.numerator)) / int(x.denominator) if hasattr(x, "numerator") else arb(float(x))
                     for x in (lower, upper))
        return bool(not ball < low and not ball > high)


def check(net, X, loss, y, labels, decay, arithmetic):
    found = descend_graph(net, X, loss, y, labels, decay, None, arithmetic)
    if found.kinks[0]:
        return None
    exact = truth(net, X, loss, y, labels, decay)
    assert contains(found.weight_norm.lower, found.weight_norm.upper, exact.weight_norm)
    for i, (lower, upper) in enumerate(zip(found.input_lower, found.input_upper, strict=True)):
        assert contains(lower, upper, exact.rows[i])
    low = None if found.output.mid.lo is None else found.output.mid.lo
    with ctx.workprec(BITS):
        for i, row in enumerate(exact.outputs):
            mid = [arb(float(h)) + (0 if low is None else arb(float(low[i, a])))
                   for a, h in enumerate(found.output.mid.hi[i])]
            square = sum(((u - v) ** 2 for u, v in zip(mid, row, strict=True)), arb(0))
            assert not square > arb(float(found.output.rad[i])) ** 2
    return found


@given(st.integers(0, 2**32), st.sampled_from(ARITHMETICS), st.sampled_from(["squared", "cross_entropy", "logistic"]),
       st.sampled_from([0.0, 0.01]))
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_gradients_of_random_graphs_are_contained(seed, arithmetic, loss, decay):
    rng = np.random.default_rng(seed)
    net = random_graph(rng, 1 if loss == "logistic" else 3)
    X = rng.normal(size=(2, net.widths[0])).astype(np.float32).astype(np.float64)
    y = rng.normal(size=(2, 3)) if loss == "squared" else None
    labels = None if loss == "squared" else rng.integers(0, 2, size=2)
    check(net, X, loss, y, labels, decay, arithmetic)


def small_resnet(rng, width=4):
    """ResNet-20 in small: BatchNorm everywhere, option-A shortcuts, average pooling to 1."""
    b = Builder(rng, (3, 8, 8))

    def block(c, stride):
        start, before = b.at, b.here[0]
        b.conv(c, 3, stride, 1, False)
        b.norm()
        b.add("relu")
        b.conv(c, 3, 1, 1, False)
        main = b.norm()
        if stride > 1:
            b.add("subsample", (start,), stride=(stride, stride))
            start = b.add("pad_channels", before=(c - before) // 2, after=(c - before) // 2)
        b.add("add", (main, start))
        b.add("relu")

    b.conv(width, 3, 1, 1, False)
    b.norm()
    b.add("relu")
    for c, stride in ((width, 1), (2 * width, 2), (4 * width, 2)):
        block(c, stride)
    b.add("avg_pool", kernel=b.here[1:], stride=b.here[1:])
    b.linear(3)
    return b.network()


@given(st.integers(0, 2**32), st.sampled_from(["squared", "cross_entropy", "logistic"]), st.sampled_from([0.0, 0.01]))
@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_balls_contain_the_gradients_and_are_narrower(seed, loss, decay):
    rng = np.random.default_rng(seed)
    net = random_graph(rng, 1 if loss == "logistic" else 3)
    X = rng.normal(size=(2, net.widths[0]))
    y = rng.normal(size=(2, 3)) if loss == "squared" else None
    labels = None if loss == "squared" else rng.integers(0, 2, size=2)
    found = descend_in_balls(net, X, loss, y, labels, decay, None, 1e-6)
    fine = descend_graph(net, X, loss, y, labels, decay, None, DoubleDouble())
    if found.kinks[0]:
        assert fine.kinks[0]
        return
    exact, norm = truth(net, X, loss, y, labels, decay), found.weight_norm
    assert contains(norm.lower, norm.upper, exact.weight_norm)
    assert norm.upper - norm.lower <= fp.up(norm.upper) * 1e-15
    with ctx.workprec(BITS):
        total = sum((arb(float(v)) for v in found.terms.value), arb(0)) / 2
        error = float(found.terms.value_error.sum()) * 1.01
        size = sum((arb(float(w)) ** 2 for a in net.arrays for w in a.ravel()), arb(0))
        assert not abs(total + arb(decay) / 2 * size - exact.loss) > error
    for i, row in enumerate(exact.rows):
        assert contains(found.input_lower[i], found.input_upper[i], row)
    assert fine.margin is None or fine.kinks[0] or fine.margin <= found.margin * (1 + 1e-12)


@pytest.mark.parametrize("arithmetic", ARITHMETICS, ids=lambda a: a.name)
def test_a_resnet_with_batch_norm_and_option_a_shortcuts(arithmetic):
    rng = np.random.default_rng(5)
    net = small_resnet(rng)
    X = rng.normal(size=(2, net.widths[0]))
    found = check(net, X, "cross_entropy", None, np.array([0, 2]), 1e-4, arithmetic)
    assert found is not None and found.margin > 0
    if arithmetic.extended:
        assert float((found.weight_norm.upper - found.weight_norm.lower) / found.weight_norm.upper) < 1e-6


def test_chunks_make_no_difference_to_what_is_contained(monkeypatch):
    from certify.network.graph import gradients as graph_gradients

    rng = np.random.default_rng(8)
    net = small_resnet(rng)
    X, labels = rng.normal(size=(5, net.widths[0])), np.array([0, 1, 2, 0, 1])
    whole = descend_graph(net, X, "cross_entropy", None, labels, 0.0, None, Binary64())
    monkeypatch.setattr(graph_gradients, "NUMBERS", 1)
    parts = descend_graph(net, X, "cross_entropy", None, labels, 0.0, None, Binary64())
    a, b = whole.weight_norm, parts.weight_norm
    assert max(a.lower, b.lower) <= min(a.upper, b.upper)
    assert (np.maximum(whole.input_lower, parts.input_lower) <= np.minimum(whole.input_upper, parts.input_upper)).all()


def test_balls_take_over_where_norms_outgrow_double_double():
    from certify.problem.problem import Problem
    from certify.prove.prover import bound

    rng = np.random.default_rng(2)
    b = Builder(rng, (8,))
    for _ in range(24):
        W = b.tensor("weight", np.linalg.qr(b.numbers(8, 8))[0] * np.geomspace(30.0, 0.3, 8)[:, None])
        b.add("linear", weight=W)
        b.add("tanh" if len(b.nodes) > 44 else "leaky_relu")
    b.linear(2)
    net, X = b.network(), rng.normal(size=(3, 8)) * 1e-30
    labels = np.array([0, 1, 0])
    problem = Problem(net, X, None, "features", (0, 1, 2), labels=labels, map="sublevel", loss="cross_entropy")
    fine = descend_graph(net, X, "cross_entropy", None, problem.labels, 0.0, None, DoubleDouble())
    found = bound(problem, "modulus")
    assert found.upper is not None and found.upper - found.lower <= 1e-6 * found.upper
    wide = fine.weight_norm
    assert fine.kinks[0] or wide.upper - wide.lower > fp.up(wide.upper) * 1e-6


def test_a_pre_activation_of_zero_is_a_kink_and_is_named():
    net = GraphNetwork((Node("a", "relu", ("input",)), Node("b", "linear", ("a",), weight="w")),
                       {"w": np.ones((1, 2))}, (2,), "b")
    X = np.array([[1.0, 1.0], [1.0, 0.0]])
    found = descend_graph(net, X, "squared", np.zeros((2, 1)), None, 0.0, None, Binary64())
    assert found.kinks[0] == 1
    first = found.kinks[1][0]
    assert (first.row, first.layer, first.unit) == (1, "a", 1)


def test_a_tied_maximum_is_a_kink_but_not_among_units_that_are_off():
    def pooled(x, relu):
        nodes = [*([Node("r", "relu", ("input",))] if relu else []),
                 Node("p", "max_pool", ("r" if relu else "input",), kernel=(1, 2), stride=(1, 2)),
                 Node("f", "flatten", ("p",)), Node("o", "linear", ("f",), weight="w")]
        net = GraphNetwork(tuple(nodes), {"w": np.ones((1, 2))}, (1, 1, 4), "o")
        return descend_graph(net, np.array([x]), "squared", np.zeros((1, 1)), None, 0.0, None, Binary64())

    assert pooled([1.0, 1.0, 3.0, 2.0], False).kinks[0] == 1
    assert pooled([1.0, 1.0, 3.0, 2.0], True).kinks[0] == 1
    assert pooled([-1.0, -1.0, 3.0, 2.0], False).kinks[0] == 1
    off = pooled([-1.0, -1.0, 3.0, 2.0], True)
    assert off.kinks[0] == 0 and off.margin <= 1.0
    assert pooled([-1.0, np.nextafter(-1.0, 0), 3.0, 2.0], False).kinks[0] == 1


def test_padded_channels_are_no_kinks_where_nothing_can_move_them():
    def padded(bias):
        nodes = (Node("p", "pad_channels", ("input",), before=1, after=0), Node("r", "relu", ("p",)),
                 Node("c", "conv2d", ("r",), weight="k", bias="b" if bias else None), Node("s", "relu", ("c",)),
                 Node("f", "flatten", ("s",)), Node("o", "linear", ("f",), weight="w"))
        k = np.zeros((2, 2, 1, 1))
        k[0, 0], k[1, 1] = 1.0, 1.0
        tensors = {"k": k, "w": np.ones((1, 2))} | ({"b": np.zeros(2)} if bias else {})
        return descend_graph(GraphNetwork(nodes, tensors, (1, 1, 1), "o"), np.array([[2.0]]), "squared",
                             np.zeros((1, 1)), None, 0.0, None, Binary64())

    # channel 0 of the convolution is 1·0 + 0·2: a motion of its second weight moves it away from 0
    assert padded(False).kinks[0] == 1 and padded(True).kinks[0] == 1
    assert all(k.layer == "s" for k in padded(False).kinks[1])


def test_windows_of_off_units_without_bias_stay_off_and_with_bias_do_not():
    def net(bias):
        nodes = (Node("r", "relu", ("input",)), Node("l", "linear", ("r",), weight="a", bias="b" if bias else None),
                 Node("s", "relu", ("l",)), Node("t", "add", ("s", "input")), Node("o", "linear", ("t",), weight="w"))
        tensors = {"a": np.ones((2, 2)), "w": np.ones((1, 2))} | ({"b": np.zeros(2)} if bias else {})
        return descend_graph(GraphNetwork(nodes, tensors, (2,), "o"), np.array([[-1.0, -2.0]]), "squared",
                             np.zeros((1, 1)), None, 0.0, None, Binary64())

    assert net(False).kinks[0] == 0 and net(True).kinks[0] == 2
    assert abs(float(net(False).weight_norm.upper) - 3 * np.sqrt(5)) < 1e-9  # only w: (f − 0)·(−1, −2), f = −3


@given(st.integers(0, 2**32))
@settings(max_examples=examples(40), deadline=None)
def test_windows_and_their_transposes_are_transposes_with_verified_norms(seed):
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 4)), int(rng.integers(2, 6)), int(rng.integers(2, 6)))
    kernel = (int(rng.integers(1, 3)), int(rng.integers(1, 3)))
    stride = (int(rng.integers(1, 4)), int(rng.integers(1, 3)))
    padding = (int(rng.integers(0, kernel[0] // 2 + 1)), int(rng.integers(0, kernel[1] // 2 + 1)))
    W = rng.integers(-3, 4, size=(int(rng.integers(1, 4)), shape[0], *kernel)).astype(float)
    pairs = [convolution(W, None, shape, stride, padding), average(shape, kernel, stride, padding, Binary64())]
    if seed % 2:
        pairs.append(dense(rng.integers(-3, 4, size=(3, 5)).astype(float), None))
    from certify.rigor.ball import exact_points

    for forth, back in pairs:
        T = forth.apply(exact_points(np.eye(forth.inputs), Binary64()), Binary64()).mid.hi
        B = back.apply(exact_points(np.eye(back.inputs), Binary64()), Binary64()).mid.hi
        assert np.allclose(T, B.T, rtol=0, atol=1e-15)
        assert np.linalg.norm(T, 2) <= forth.norm * (1 + 1e-12) and forth.norm == pytest.approx(back.norm)


def test_a_graph_refuses_what_it_cannot_be():
    w = {"w": np.ones((1, 2))}
    plain = Node("o", "linear", ("input",), weight="w")
    cases = [
        ((), w, (2,), "o", "no nodes"), ((plain, plain), w, (2,), "o", "two nodes"),
        ((Node("o", "linear", ("x",), weight="w"),), w, (2,), "o", "reads 'x'"),
        ((Node("o", "linear", ("input",), weight="v"),), w, (2,), "o", "not in the model"),
        ((Node("a", "relu", ("input",)), plain), w, (2,), "o", "does not depend"),
        ((Node("o", "linear", ("input",), weight="w"),), {"w": np.ones((1, 3))}, (2,), "o", "shape"),
        ((Node("o", "conv2d", ("input",), weight="w"),), w, (2,), "o", "(channels, height, width)"),
        ((plain,), {"w": np.array([[1.0, np.nan]])}, (2,), "o", "finite"),
        ((Node("o", "softmax", ("input",)),), w, (2,), "o", "no operation"),
        ((Node("a", "linear", ("input",), weight="w"), Node("o", "linear", ("a",), weight="w")), w, (2,), "o", "twice"),
        ((plain,), w, (2,), "input", "output"),
    ]
    for nodes, tensors, shape, output, words in cases:
        with pytest.raises(InputError, match=words.replace("(", r"\(").replace(")", r"\)")):
            GraphNetwork(tuple(nodes), tensors, shape, output)


def test_variance_without_eps_must_be_positive():
    nodes = (Node("b", "batch_norm", ("input",), mean="m", var="v"), Node("f", "flatten", ("b",)))
    with pytest.raises(InputError, match="variance"):
        GraphNetwork(nodes, {"m": np.zeros(1), "v": np.zeros(1)}, (1, 1, 1), "f")


def test_subnormal_scales_lose_nothing():
    """Products that underflow are within the radii."""
    rng = np.random.default_rng(3)
    b = Builder(rng, (1, 2, 2))
    b.norm()
    b.tensors["n0.weight"][:] = 2.0**-1060
    b.tensors["n0.bias"][:] = 0.0
    b.linear(1)
    net, X = b.network(), rng.normal(size=(1, 4)) * 2.0**-60
    made = compile_graph(net, Binary64())
    passed = graph_forward(made, X, Binary64())
    assert (passed.values["n0"].rad >= 2.0**-1074).all()
    check(net, X, "squared", np.ones((1, 1)), None, 0.0, Binary64())


def tied_below_a_rounding():
    """A maximum over 1 − 2^-60 and 1 + 2^-60, one float, that the next layer spreads to −1 and 1; and its row."""
    nodes = (Node("c", "conv2d", ("input",), weight="k"), Node("m", "max_pool", ("c",), kernel=(1, 2), stride=(1, 2)),
             Node("f", "flatten", ("m",)), Node("o", "linear", ("f",), weight="w", bias="b"))
    tensors = {"k": np.ones((1, 2, 1, 1)), "w": np.array([[2.0**60]]), "b": np.array([-(2.0**60)])}
    return GraphNetwork(nodes, tensors, (2, 1, 2), "o"), np.array([[1.0, 1.0, -(2.0**-60), 2.0**-60]])


def test_the_loss_at_a_tie_that_floats_do_not_see_is_that_of_the_largest_entry():
    net, X = tied_below_a_rounding()
    y = -np.ones((1, 1))
    for found in (*(descend_graph(net, X, "squared", y, None, 0.0, None, a) for a in ARITHMETICS),
                  descend_in_balls(net, X, "squared", y, None, 0.0, None, 1e-6)):
        assert found.kinks[0] == 1
        assert abs(found.terms.value[0] - 2.0) <= found.terms.value_error[0]  # f = 1; the other entry would give 0


def idle_by_a_tie_alone():
    """A maximum over a unit that is off and over `2^600 + 1 − 2^600`, whose ball at 512 bits is wide around 0; a relu
    and `(0, 100)` times that follow, so the loss of label 0 is 100."""
    nodes = (Node("c", "conv2d", ("input",), weight="c.weight", bias="c.bias"), Node("r", "relu", ("c",)),
             Node("s", "conv2d", ("r",), weight="s.weight"),
             Node("m", "max_pool", ("s",), kernel=(1, 2), stride=(1, 2)), Node("p", "relu", ("m",)),
             Node("f", "flatten", ("p",)), Node("o", "linear", ("f",), weight="o.weight"))
    large = 2.0**300
    tensors = {"c.weight": np.array([large, 1 / large, large]).reshape(3, 1, 1, 1), "c.bias": np.zeros(3),
               "s.weight": np.array([1.0, 1.0, -1.0]).reshape(1, 3, 1, 1), "o.weight": np.array([[0.0], [100.0]])}
    return GraphNetwork(nodes, tensors, (1, 1, 2), "o"), np.array([[-large, large]])


def test_the_winner_of_a_tie_is_not_0_because_it_is_off():
    net, X = idle_by_a_tie_alone()
    row = _Row(_Descent(compile_graph(net, Binary64()), None, False), 0, X[0])
    assert row.of.kinks[0] and not row.still["m"].any() and row.output[1].overlaps(arb(100))
    with pytest.raises(EnclosureError):
        descend_in_balls(net, X, "cross_entropy", None, np.array([0]), 0.0, None, 1e-6)


def test_losses_of_astronomical_size_are_refused_in_balls():
    """`e^(−10^12)` as a rational would fill the memory."""
    nodes = (Node("o", "linear", ("input",), weight="w"),)
    net = GraphNetwork(nodes, {"w": np.array([[1e12]])}, (1,), "o")
    with pytest.raises(EnclosureError, match="astronomical"):
        descend_in_balls(net, np.ones((1, 1)), "logistic", None, np.ones(1), 0.0, None, 1e-6)
