"""Graphs in whole numbers: the truth lies inside, wrong versions miss it, and what they cannot hold is left."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, ctx, fmpz
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certify.auditing.spec_run import run_audit
from certify.check.enclosure.graph_gradients import GraphDescent
from certify.check.enclosure.graph_passes import Pass
from certify.check.enclosure.lanes import maps, passes, sums, totals
from certify.check.enclosure.lanes.lanes import FRACTION, ROOM, Lanes
from certify.check.kernel import NotSmooth
from certify.check.linalg.definite import Truth
from certify.check.linalg.fixed import scale
from certify.check.main import main
from certify.check.systems.sublevel import smooth_at
from tests.effort import examples
from tests.oracles.graph import BITS, Builder, truth
from tests.unit.check.enclosure.test_graph import ATTACKS, copied, problem_of, resealed, write


@pytest.fixture(autouse=True)
def of_few_rows(monkeypatch):
    """Rows of tests are few."""
    monkeypatch.setattr(totals, "FEW", 1)


def drawn(rng, k=3):
    """Convolutions, sums, relu and linear layers, with the numbers of 32 bits that files hold."""
    b = Builder(rng, (int(rng.integers(1, 3)), int(rng.integers(3, 6)), int(rng.integers(3, 6))))
    for _ in range(int(rng.integers(1, 4))):
        skip, kernel = b.at, int(rng.integers(1, 1 + min(3, *b.here[1:])))
        if rng.integers(3):
            stride, padding = int(rng.integers(1, 3)), int(rng.integers(2))
            b.conv(int(rng.integers(1, 4)), kernel, stride, padding, bool(rng.integers(2)))
        else:
            b.conv(b.here[0], 3, 1, 1, True)
            b.add("add", (b.at, skip))
        b.add("relu")
    if rng.integers(2):
        b.linear(4)
        b.add("relu")
    b.linear(k, bool(rng.integers(2)))
    return b.network()


def rows_of(rng, net, n=3):
    return rng.normal(size=(n, net.widths[0])).astype(np.float32).astype(float)


def inside(folder, net, X, y, loss="cross_entropy", decay=0.0):
    """Whether the truth lies in the numbers, and how wide the widest is; None where they say nothing."""
    write(folder, net, X, y, loss, decay=decay)
    problem = problem_of(folder)
    with ctx.workprec(128):
        if totals.in_lanes(problem, problem.graph) is None:
            return None
        descent = GraphDescent(problem, problem.graph)
        found = [descent.weight_gradient, descent.loss, descent.kinks.low.union(descent.kinks.high), *descent.row_sizes]
    exact = truth(net, X, loss, y if loss == "squared" else None, None if loss == "squared" else y, decay)
    with ctx.workprec(BITS):
        pairs = list(zip(found, (exact.weight_norm, exact.loss, None, *exact.rows), strict=True))
        held = [a.overlaps(b) for a, b in pairs if b is not None]
        return all(held), max(float(a.rad() / (1 + abs(a.mid()))) for a in found)


@given(st.integers(0, 2**32), st.sampled_from(["squared", "cross_entropy", "logistic"]))
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_truth_lies_inside(tmp_path_factory, seed, loss):
    rng = np.random.default_rng(seed)
    net = drawn(rng, 1 if loss == "logistic" else 3)
    X = rows_of(rng, net)
    y = rng.normal(size=(3, 3)) if loss == "squared" else rng.integers(0, 2, size=3)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(totals, "ROWS", int(rng.integers(1, 4)))
        found = inside(tmp_path_factory.mktemp("lanes"), net, X, y, loss, 0.01)
    if found is not None:  # a window of padding alone, without a bias, is a kink
        assert found[0] and found[1] < 2.0**-40


def without_cuts(monkeypatch):
    right = passes.applied
    monkeypatch.setattr(passes, "applied", lambda *told: replace(right(*told), off=0))


def with_exact_words(monkeypatch):
    right = passes._shortened

    def shortened(units, x):
        words, seen = right(units, x)
        return replace(words, off=arb(0)), seen

    monkeypatch.setattr(passes, "_shortened", shortened)


def with_exact_sums(monkeypatch):
    def pairs(*told):
        found = sums.pairs(*told)
        return replace(found, off=arb(0), shifts=[shift.mid() for shift in found.shifts])

    monkeypatch.setattr(totals, "pairs", pairs)


def with_every_unit_on(monkeypatch):
    monkeypatch.setattr(Lanes, "mask", lambda self, words: (fmpz(1) << 192 * self.count) - 1)


def with_exact_outputs(monkeypatch):
    right = totals.forward

    def forward(graph, *told):
        passed = right(graph, *told)
        passed.values[graph.output] = replace(passed.values[graph.output], off=0)
        return passed

    monkeypatch.setattr(totals, "forward", forward)


@pytest.mark.parametrize("wrong", [without_cuts, with_exact_words, with_exact_sums, with_every_unit_on,
                                   with_exact_outputs])
def test_wrong_versions_miss_the_truth(tmp_path, monkeypatch, wrong):
    rng = np.random.default_rng(3)
    b = Builder(rng, (2, 4, 4))
    b.conv(3)
    b.add("relu")
    b.conv(3)
    b.add("relu")
    b.linear(3)
    net = b.network()
    X, y = rows_of(rng, net), np.array([0, 1, 2])
    assert inside(tmp_path, net, X, y)[0]
    wrong(monkeypatch)
    assert not inside(tmp_path, net, X, y)[0]


def plain(rng, kernel=1.0):
    b = Builder(rng, (1, 1, 2))
    b.conv(1, 1, 1, 0, bias=False)
    b.add("relu")
    b.linear(2)
    b.tensors["n0.weight"] = np.full((1, 1, 1, 1), kernel)
    return b.network()


LEFT = {
    "zero": (1.0, [[0.0, 1.0]]), "data of more bits": (1.0, [[0.1, 1.0]]), "large data": (1.0, [[512.0, 1.0]]),
    "weights of more bits": (2.0**-65, [[0.5, 1.0]]), "weights beyond all bounds": (1.5e300, [[0.5, 1.0]]),
    "a number beyond a lane": (2.0**80, [[0.5, 1.0]]),
}


@pytest.mark.parametrize("why", LEFT)
def test_what_is_not_held_is_left_to_balls(tmp_path, why, monkeypatch):
    kernel, X = LEFT[why]
    net = plain(np.random.default_rng(0), kernel)
    write(tmp_path, net, np.array(X), np.array([1]))
    problem = problem_of(tmp_path)
    with ctx.workprec(128):
        assert totals.in_lanes(problem, problem.graph) is None
        if why == "zero":
            with pytest.raises(NotSmooth):
                _ = GraphDescent(problem, problem.graph).weight_gradient
    write(tmp_path, plain(np.random.default_rng(0)), np.array([[0.5, 1.0]]), np.array([1]))
    problem = problem_of(tmp_path)
    with ctx.workprec(128):
        assert totals.in_lanes(problem, problem.graph) is not None
        assert totals.in_lanes(replace(problem, scale=(1.0, 2.0)), problem.graph) is None
        monkeypatch.setattr(totals, "MOST", 5)  # of 2 places and 2 · 2 weights there are 6
        assert totals.in_lanes(problem, problem.graph) is None


@pytest.mark.parametrize("number, off, smooth", [(5, 4, True), (4, 4, False), (0, 0, False), (-4, 4, False),
                                                 (-5, 4, True)])
def test_a_sign_is_proved_only_beyond_what_a_number_is_off(number, off, smooth):
    """The other numbers are large: the smallest is found among those whose leading bits are alike."""
    lanes, kinks = Lanes(2), passes.Kinks()
    units = [lanes.joined([fmpz(9 << 60), fmpz(-7)]), lanes.joined([fmpz(number), fmpz(1 << 90)])]
    held = passes.Held(units, off, 1 << 91)
    node = type("Relu", (), {"inputs": ("x",), "name": "r", "op": "relu"})()
    passed = passes.Passed(lanes, {"x": held})
    if not smooth:
        with pytest.raises(passes.Open):
            passes._rectified(node, passed, kinks, 0)
        return
    made = passes._rectified(node, passed, kinks, 0)
    assert [lanes.numbers(unit) for unit in made.units] == [[9 << 60, 0], [max(number, 0), 1 << 90]]
    assert 0 < kinks.low <= (abs(number) - off) * scale(FRACTION) <= kinks.low * 1.001 and not kinks.where


def test_no_sum_leaves_its_lane():
    most = passes.Held([fmpz(1)], 0, int(ROOM) - 1)
    with pytest.raises(passes.Open):
        passes.together(most, most)
    with pytest.raises(passes.Open):
        passes.applied(Lanes(1), maps.Sums([([fmpz(1 << 32)], [0])], 32), most)


@pytest.mark.parametrize("rows, held, read", [(0, 1 << 22, False), (23, 1 << 22, False), (24, 1 << 22, True),
                                              (30, 1 << 7, False)])
def test_few_rows_side_by_side_are_left_to_balls(tmp_path, monkeypatch, rows, held, read):
    """Data without rows, too few of them, and too few at a time: balls decide before a weight is read."""
    monkeypatch.undo()
    net = plain(np.random.default_rng(0))
    write(tmp_path, net, np.array([[0.5, 1.0]] * 30), np.array([1] * 30))
    problem = problem_of(tmp_path)
    problem = replace(problem, features=problem.features[:rows], labels=problem.labels[:rows])
    asked, right = [], totals.linear
    monkeypatch.setattr(totals, "HELD", held)
    monkeypatch.setattr(totals, "linear", lambda *told: asked.append(told) or right(*told))
    with ctx.workprec(128):
        assert (totals.in_lanes(problem, problem.graph) is not None) is read
    assert bool(asked) is read


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lanes")
    rng = np.random.default_rng(5)
    b = Builder(rng, (3, 8, 8))
    b.conv(4, 3, 2, 1)
    skip = b.add("relu")
    b.conv(4)
    b.add("add", (b.at, skip))
    b.add("relu")
    b.linear(5)
    b.add("relu")
    b.linear(3)
    net = b.network()
    run_audit(write(folder, net, rows_of(rng, net), np.array([0, 2, 1])))
    return folder


def test_a_certificate_is_checked_without_a_ball_of_a_graph(audited, monkeypatch, capsys):
    monkeypatch.setattr(Pass, "__init__", lambda *_: pytest.fail("a pass in balls"))
    assert main([str(audited / "certificate.json"), "--quiet"]) == 0
    assert capsys.readouterr().out.startswith("certified")


@pytest.mark.parametrize("name", ["upper end", "lower end", "row", "margin", "margin null"])
def test_a_tampered_certificate_is_refused(audited, tmp_path, name, capsys):
    folder = copied(audited, tmp_path)
    resealed(folder, ATTACKS[name])
    assert main([str(folder / "certificate.json"), "--quiet"]) == 2
    assert capsys.readouterr().out.startswith("invalid")


@pytest.mark.parametrize("stated, code", [(0.5, 0), (math.nextafter(0.5, 0), 0), (math.nextafter(0.5, 1), 2)])
def test_a_margin_is_accepted_as_it_is_and_not_a_double_above(tmp_path, stated, code, capsys):
    """Whole numbers leave the margin itself open, as they are off by some units, and balls decide."""
    run_audit(write(tmp_path, plain(np.random.default_rng(0)), np.array([[0.5, 1.0]]), np.array([1])))

    def change(certificate):
        for claim in certificate["claims"]:
            for hypothesis in claim["hypotheses"]:
                if hypothesis["name"] == "smooth":
                    hypothesis["value"] = stated

    resealed(tmp_path, change)
    assert main([str(tmp_path / "certificate.json"), "--quiet"]) == code
    assert capsys.readouterr().out.startswith("invalid" if code else "certified")


@pytest.mark.parametrize("least, truth", [(0.25, Truth.PROVED), (0.375, Truth.UNDECIDED), (0.5, Truth.UNDECIDED),
                                          (0.625, Truth.DISPROVED)])
def test_a_margin_is_refused_only_above_both_ends(least, truth):
    """The least distance lies from 0.25 to 0.5, both ends among it."""
    kinks = passes.Kinks(low=arb(0.25), high=arb(0.5))
    point = SimpleNamespace(of=lambda _: SimpleNamespace(kinks=kinks))
    assert smooth_at(point, least).truth is truth
