"""Plain networks of gelu in whole numbers: the truth lies inside, wrong versions miss it, what does not fit is left."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from flint import arb, ctx, fmpz_mat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from certify.check.enclosure import gradients
from certify.check.enclosure.lanes import chain, curves, descent
from certify.check.enclosure.lanes.lanes import Open
from certify.check.enclosure.network import forward
from certify.check.enclosure.network import given as weights_of
from certify.check.linalg.definite import Truth
from certify.check.linalg.fixed import scale
from certify.check.reading.spec import read_spec
from certify.check.reading.subject import build_problem
from certify.check.systems import sublevel
from certify.check.systems.point import Point
from certify.check.theorems.modulus.sublevel import lower, upper
from tests.effort import examples

QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck))
MANY = 512
"""Bits of the balls that are taken for the truth."""


@pytest.fixture(autouse=True)
def of_few_rows(monkeypatch):
    """Rows of tests are few, and each number lies in a cell of its own."""
    monkeypatch.setattr(descent, "FEW", 1)
    monkeypatch.setattr(curves, "DEAR", 0)


def made(folder, seed, loss="cross_entropy", parameter="features", decay=0.0, size=np.float32, spread=1.0,
         biases=True, widths=(3, 7, 5, 3), n=9, more=""):
    """A problem of a plain network of gelu."""
    rng = np.random.default_rng(seed)
    k, arrays = widths[-1], {}
    for j, (d, m) in enumerate(zip(widths, widths[1:], strict=False)):
        arrays[f"{2 * j}.weight"] = (spread * rng.standard_normal((m, d))).astype(size)
        if biases:
            arrays[f"{2 * j}.bias"] = rng.standard_normal(m).astype(size)
    X = rng.standard_normal((n, widths[0]))
    y = rng.standard_normal((n, k)) if loss == "squared" else rng.integers(0, max(2, k), n)
    save_file(arrays, folder / "model.safetensors")
    np.savez(folder / "data.npz", X=X, y=y)
    spec = (f'version = 1\n[model]\nfile = "model.safetensors"\nwidths = {list(widths)}\nactivation = "gelu"\n'
            f'[data]\nfile = "data.npz"\nfeatures = "X"\ntargets = "y"\n[training]\nloss = "{loss}"\n'
            f'weight_decay = {decay}\n[solution]\nmap = "sublevel"\n[perturbation]\nparameter = "{parameter}"\n{more}')
    return build_problem(read_spec(spec.encode()), (folder / "model.safetensors").read_bytes(),
                         (folder / "data.npz").read_bytes(), False)


def numbers(found):
    """Loss, slopes, gradient and rows' sizes."""
    slopes = found.losses.slopes.entries()
    return [found.loss, *found.losses.values, *slopes, found.weight_gradient, *found.row_sizes, found.data_gradient]


def compared(problem):
    """Whether all numbers hold the truth, and the largest radius of one; None where whole numbers say nothing."""
    with ctx.workprec(128):
        whole = descent.descend(problem)
        if whole is None:
            return None
        found = numbers(whole)
    with ctx.workprec(MANY):
        weights = weights_of(problem)
        truth = numbers(gradients.descend(problem, weights, forward(problem, weights, problem.features)))
        return (all(a.overlaps(b) for a, b in zip(found, truth, strict=True)),
                max(float(a.rad() / (1 + abs(a.mid()))) for a in found))


@given(seed=st.integers(0, 2**32), loss=st.sampled_from(["squared", "cross_entropy", "logistic"]),
       decay=st.sampled_from([0.0, 0.01]), size=st.sampled_from([np.float32, np.float64]), biases=st.booleans(),
       moves=st.sampled_from(["features", "sample_weights"]), layer=st.sampled_from(["", "layer = 2\n"]))
@settings(QUIET, max_examples=examples(120))
def test_the_truth_lies_inside(tmp_path_factory, seed, loss, decay, size, biases, moves, layer):
    rng = np.random.default_rng(seed)
    problem = made(tmp_path_factory.mktemp("gelu"), seed, loss, moves, decay, size, 10.0 ** rng.uniform(-1, 0.7),
                   biases, (3, 7, 5, 1 if loss == "logistic" else 3))
    if layer:
        problem = replace(problem, free=(2,))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(descent, "ROWS", int(rng.integers(1, 10)))
        held, widest = compared(problem)
    assert held and widest < 2.0**-36


def test_a_network_of_one_layer_and_rows_that_are_right_but_for_a_hair(tmp_path):
    """Slopes of rows as far apart as `2^-300` are known to the same relative accuracy."""
    problem = made(tmp_path, 3, widths=(2, 3))
    far = replace(problem, features=((300.0, 1.0), (1e-3, 2.0), *problem.features[2:]))
    assert compared(far)[0]
    with ctx.workprec(128):
        found = descent.descend(far).row_sizes
    assert min(float(x.mid()) for x in found) < 2.0**-200 and all(x.rad() < x.mid() * 2.0**-36 for x in found)


@pytest.mark.parametrize("beside", [1e-3, 1e-9, 0.0])
def test_a_row_that_is_nearly_right_leaves_the_others_as_they_are(beside, tmp_path):
    problem = made(tmp_path, 8, loss="squared")
    with ctx.workprec(200):
        outputs = forward(problem, weights_of(problem), problem.features).outputs.tolist()[0]
    right = tuple(float(v.mid()) + beside for v in outputs)
    near = replace(problem, targets=(right, *problem.targets[1:]))
    assert compared(near)[0]
    with ctx.workprec(128):
        found = descent.descend(near)
        assert found.weight_gradient.rad() < found.weight_gradient.mid() * 2.0**-46
        assert found.row_sizes[5].rad() < found.row_sizes[5].mid() * 2.0**-46


def blind(module, name, change):
    """A module without one part of what it counts."""
    right = getattr(module, name)
    return module, name, lambda *given: change(right(*given), *given)


def moved(x):
    """All numbers a little larger."""
    return replace(x, units=[[v + (1 << 30) for v in unit] for unit in x.units])


def sure(x):
    """The same as if they were true."""
    return replace(x, off=x.off * 0)


WRONG = {
    "rows in another order": blind(chain, "words", lambda found, *_: found[::-1]),
    "slopes": blind(chain, "curved", lambda two, *_: (two[0], moved(two[1]))),
    "values": blind(chain, "curved", lambda two, *_: (moved(two[0]), two[1])),
    "back without a slope": blind(chain, "times", lambda b, p, s: p),
    "rows of one size": blind(descent, "_seeds", lambda found, *_: (*found[:2], [0] * len(found[2]))),
    "sums twice": blind(descent, "_sum", lambda found, *_: (found[0] * 2, found[1])),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_versions_are_caught(name, tmp_path, monkeypatch):
    problem = made(tmp_path, 1)
    assert compared(problem)[0]
    module, what, wrong = WRONG[name]
    monkeypatch.setattr(module, what, wrong)
    assert not compared(problem)[0]


def coarse(M):
    """Weights without their last bits."""
    m, n = M.whole.nrows(), M.whole.ncols()
    lost = (arb(m * n).sqrt() * scale(M.bits - 30)).upper()
    whole = fmpz_mat(m, n, [v >> 30 << 30 for v in M.whole.entries()])
    return replace(M, whole=whole, lost=lost, norm=(M.norm + lost).upper())


SHORT = {
    "values": (chain, "LONGEST", 20, blind(chain, "curved", lambda two, *_: (sure(two[0]), two[1]))),
    "weights": (chain, "linear", lambda layer, right=chain.linear: coarse(right(layer)), blind(
        chain, "linear", lambda M, *_: replace(coarse(M), lost=M.lost * 0))),
    "slopes of losses": (chain, "LONGEST", 20, blind(
        descent, "_seeds", lambda found, *_: (found[0], sure(found[1]), found[2]))),
    "inputs in sums": (descent, "SHORT", 20, blind(descent, "_sum", lambda found, *_: (found[0], found[1] * 0))),
    "adjoints": (chain.Sums, "cut", lambda z, long, cut=chain.Sums.cut: cut(z, long).cut(20),
                 blind(chain, "times", lambda b, p, s: sure(b))),
}
"""Where fewer bits make what is cut matter, and a version that does not count it."""


@pytest.mark.parametrize("name", SHORT)
def test_what_is_cut_counts(name, tmp_path, monkeypatch):
    module, what, fewer, (wrong_module, wrong_name, wrong) = SHORT[name]
    problem = made(tmp_path, 1, size=np.float64, widths=(3, 7, 3))
    problem = replace(problem, features=tuple(tuple(round(64 * v) / 64 for v in row) for row in problem.features))
    monkeypatch.setattr(module, what, fewer)
    assert compared(problem)[0]
    monkeypatch.setattr(wrong_module, wrong_name, wrong)
    assert not compared(problem)[0]


def test_an_end_beyond_the_truth_is_refused(tmp_path):
    """Both ends, of all rows and of one, are decided where they are a billionth off, and only on the right side."""
    problem = made(tmp_path, 5)
    with ctx.workprec(128):
        point, known = Point(problem, 128), descent.descend(problem)
        assert isinstance(point.of(sublevel.descent_of), descent.WholeDescent)
        for at in (None, 4):
            data = known.data_gradient if at is None else known.row_sizes[at]
            truth = float((data / known.weight_gradient / len(problem.features)).mid())
            for end, rule, right in ((truth * (1 + 1e-9), upper, True), (truth * (1 - 1e-9), upper, False),
                                     (truth * (1 - 1e-9), lower, True), (truth * (1 + 1e-9), lower, False)):
                found = partial(rule, point, end, *(() if at is None else (at,)))().judged()
                assert found.truth is (Truth.PROVED if right else Truth.DISPROVED)


@pytest.mark.parametrize("change", [
    {"activation": "tanh"}, {"weight_norm": "relative"}, {"scale": (1.0, 2.0, 1.0)},
    {"reference": ((0.0, 1.0, 0.0),)}, {"graph": object()},
    {"features": ((1e25, 0.0, 0.0),) * 9}, {"features": ((1e-300, 1e300, 0.0),) * 9}])
def test_what_does_not_fit_is_left(change, tmp_path):
    with ctx.workprec(128):
        assert descent.descend(made(tmp_path, 2)) is not None
        assert descent.descend(replace(made(tmp_path, 2), **change)) is None


def test_weights_so_small_that_sums_are_far_too_long_are_left(tmp_path):
    problem = made(tmp_path, 2, biases=False)
    first, *others = problem.layers
    small = replace(first, weights=tuple(2.0**-200 * w for w in first.weights))
    with ctx.workprec(128):
        assert descent.descend(replace(problem, layers=(small, *others))) is None


@pytest.mark.parametrize("level, bits, kind", [(None, 128, descent.WholeDescent), (None, 256, gradients.Descent),
                                               (9.0, 128, gradients.Descent)])
def test_balls_are_taken_with_a_level_and_with_many_bits(level, bits, kind, tmp_path):
    problem = replace(made(tmp_path, 2), level=level)
    with ctx.workprec(bits):
        assert type(sublevel.descent_of(Point(problem, bits))) is kind


def test_few_rows_are_left(tmp_path, monkeypatch):
    monkeypatch.setattr(descent, "FEW", 10)
    assert descent.descend(made(tmp_path, 2)) is None


@pytest.mark.parametrize("values", [(1e300,), (2.0**-950,), (float(2**40), 2.0**-200)])
def test_numbers_of_other_sizes_are_cut_or_left(values):
    """Numbers that lose something are counted; no number that is too long is made."""
    layer = type("Layer", (), {"outputs": 1, "inputs": len(values), "weights": values, "biases": None})
    try:
        M = chain.linear(layer)
    except Open:
        return
    whole = [int(v) for v in M.whole.entries()]
    assert all(abs(v) < 1 << 62 for v in whole)
    lost = [abs(v - w * 2.0**-M.bits) for v, w in zip(values, whole, strict=True)]
    assert M.lost >= max(lost) and M.norm >= max(map(abs, values))
