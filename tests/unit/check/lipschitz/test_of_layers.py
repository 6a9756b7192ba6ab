"""Constants of layers in a certificate (Q8, V31): proved again from their multipliers, refused where these fail."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.activations.piecewise import LEAK
from certify.check.enclosure.network import forward
from certify.check.enclosure.network import given as parameters_of
from certify.check.lipschitz import lipsdp
from certify.check.lipschitz import of_layers as steepness
from certify.check.lipschitz import reach as growth
from certify.check.lipschitz.lipsdp import layer_constants, multipliers, quotients
from certify.check.lipschitz.lipsdp_unfactored import Unfactored
from certify.check.main import check
from certify.check.reading.arrays import Array
from certify.check.reading.spec import read_spec
from certify.check.reading.subject import build_problem
from certify.check.theorems.distance import compensation
from certify.format.refusal import Invalid
from certify.report.exporters.html import render
from tests.containment.sublevel_aubin import PHI
from tests.effort import examples
from tests.families import emitter
from tests.families.check_cases import NO_FILES
from tests.families.prover_cases import checked, prove
from tests.unit.network.lipschitz.test_lipsdp import network, quotient

NAME = "distance.constants"


def made(folder, activation="tanh", kind='set = "total"\nradius = 0.03', widths=(3, 12, 12, 1), layer="layer = 3"):
    rng = np.random.default_rng(0)
    arrays = {}
    for j, (d, m) in enumerate(zip(widths, widths[1:], strict=False)):
        arrays |= {f"{2 * j}.weight": rng.standard_normal((m, d)) / 2, f"{2 * j}.bias": rng.standard_normal(m)}
    save_file(arrays, folder / "model.safetensors")
    np.savez(folder / "data.npz", X=rng.standard_normal((5, widths[0])))
    (folder / "spec.toml").write_text(
        f'version = 1\n[model]\nfile = "model.safetensors"\nwidths = {list(widths)}\nactivation = "{activation}"\n'
        f'[data]\nfile = "data.npz"\nfeatures = "X"\n[solution]\n{layer}\n[perturbation]\n{kind}\n'
        '[[gate]]\nquantity = "distance"\nmax = 9.0\n', encoding="utf-8")  # fmt: skip
    certificate = prove(folder)
    assert certificate["claims"][0]["theorem"] == "Q4"
    return certificate


def altered(certificate, folder, **arrays):
    """The certificate with other arrays in its side file."""
    path = folder / "witness.safetensors"
    kept = load_file(path) | arrays
    save_file({name: np.ascontiguousarray(array) for name, array in kept.items() if array is not None}, path)
    certificate["subject"]["witness"] = emitter.record(path, "witness.safetensors")
    return checked(certificate, folder)


@pytest.mark.parametrize("activation", sorted(set(ACTIVATIONS) - {"identity"}))
def test_what_the_prover_says_is_re_derived(activation, tmp_path):
    certificate = made(tmp_path, activation, kind='set = "total"\nradius = 0.01')
    assert certificate["claims"][0]["witness"]["constants"] == NAME
    assert check(tmp_path / "certificate.json", NO_FILES).verdict == "certified"
    assert "row by row" in render(certificate)


@pytest.mark.parametrize("kind", ['set = "per_sample"\nnorm = "inf"\nradius = 0.003',
                                  'set = "total"\nradius = 0.01\nscale = {0 = 2.0}\ncolumns = [0, 2]',
                                  'set = "total"\nradius = 0.01\nrows = [1, 3]'])
@pytest.mark.parametrize("layer", [2, 3])
def test_budgets_units_and_few_rows(kind, layer, tmp_path):
    certificate = made(tmp_path, kind=kind, layer=f"layer = {layer}")
    assert certificate["claims"][0]["witness"]["constants"] == NAME
    assert check(tmp_path / "certificate.json", NO_FILES).verdict == "certified"


def test_more_features_than_units(tmp_path):
    """The first layer is then decided in as many dimensions as it has units."""
    certificate = made(tmp_path, widths=(6, 4, 12, 1))
    assert certificate["claims"][0]["witness"]["constants"] == NAME
    assert check(tmp_path / "certificate.json", NO_FILES).verdict == "certified"


@pytest.mark.parametrize(("column", "factor"), [(0, 0.7), (1, 0.7), (slice(2, 26), 0.01), (slice(26, None), 0.01),
                                                (slice(2, None), 0.0), (slice(2, None), -1.0)])
def test_altered_numbers_and_multipliers_are_refused(column, factor, tmp_path):
    """Constants that their multipliers do not prove are as if they were not there, and then the bound is not proved."""
    certificate = made(tmp_path)
    array = load_file(tmp_path / "witness.safetensors")[NAME]
    array[:, column] *= factor
    with pytest.raises(Invalid, match="upper"):
        altered(certificate, tmp_path, **{NAME: array})


def test_smaller_constants_do_not_buy_a_smaller_bound(tmp_path):
    certificate = made(tmp_path)
    array = load_file(tmp_path / "witness.safetensors")[NAME]
    array[:, :2] *= 0.9
    certificate["claims"][0]["upper"] *= 0.9
    with pytest.raises(Invalid, match="upper"):
        altered(certificate, tmp_path, **{NAME: array})


@pytest.mark.parametrize("kind", [{"kind": 'set = "total"\nradius = 0.001', "layer": "layer = 2"},
                                  {"widths": (6, 4, 5, 1)}, {"widths": (6, 4, 5, 1), "activation": "relu"}])
def test_each_way_proves_it_without_the_other(kind, tmp_path, monkeypatch):
    """A factorisation alone and whole numbers alone, of constants that are needed: with neither nothing is proved."""
    certificate = made(tmp_path, **{"kind": 'set = "total"\nradius = 0.0003', **kind})
    assert certificate["claims"][0]["witness"]["constants"] == NAME
    for without, verdict in (("a factorisation", "certified"), ("whole numbers", "certified"), ("both", None)):
        with monkeypatch.context() as patch:
            if without != "whole numbers":
                patch.setattr(lipsdp, "_proved", lambda *_: False)
                patch.setattr(lipsdp, "_inputs", lambda *_: False)
            if without != "a factorisation":
                patch.setattr(Unfactored, "near", lambda *_: None)
            if verdict is None:
                with pytest.raises(Invalid, match="upper"):
                    check(tmp_path / "certificate.json", NO_FILES)
            else:
                assert check(tmp_path / "certificate.json", NO_FILES).verdict == verdict


def test_what_is_stated_comes_alone_and_then_beside_norms(tmp_path, monkeypatch):
    """A stated number that is far too large is proved, too; it does no harm where norms are better."""
    seen = []

    def told(*asked):
        for found in right(*asked):
            seen.append(found)
            yield found

    right = compensation.steepness
    monkeypatch.setattr(compensation, "steepness", told)
    certificate = made(tmp_path)
    assert check(tmp_path / "certificate.json", NO_FILES).verdict == "certified" and len(seen) == 1
    array = load_file(tmp_path / "witness.safetensors")[NAME]
    array[:, :2] *= 2.0**20
    with pytest.raises(Invalid, match="upper"):
        altered(certificate, tmp_path, **{NAME: array})
    first, large, small, *_ = seen
    for kind in ("inputs", "rows"):
        pairs = list(zip(*(getattr(found, kind) for found in (first, large, small)), strict=True))
        assert all(stated < norms < far for stated, far, norms in pairs)


@pytest.mark.parametrize("shape", [lambda a: a[:, :-1], lambda a: a[:-1], lambda a: a.ravel(), lambda a: None])
def test_another_shape_is_refused(shape, tmp_path):
    certificate = made(tmp_path)
    array = load_file(tmp_path / "witness.safetensors")[NAME]
    with pytest.raises(Invalid, match="witness"):
        altered(certificate, tmp_path, **{NAME: shape(array)})


@pytest.mark.parametrize("change", [{"constants": "distance.change"}, {"constants": None}, {"constants": 3},
                                    {"layer": 2}, {"layer": None, "sigma": None}])
def test_altered_witnesses_are_refused(change, tmp_path):
    certificate = made(tmp_path, layer='layer = "all"')
    assert certificate["claims"][0]["witness"]["layer"] == 3
    witness = certificate["claims"][0]["witness"]
    for name, value in change.items():
        if value is None:
            del witness[name]
        else:
            witness[name] = value
    with pytest.raises(Invalid):
        checked(certificate, tmp_path)


def problem_of(net, X, folder):
    arrays = {f"{2 * j}.weight": W for j, W in enumerate(net.weights)}
    arrays |= {f"{2 * j}.bias": b for j, b in enumerate(net.biases) if b is not None}
    save_file(arrays, folder / "m.safetensors")
    np.savez(folder / "d.npz", X=X)
    spec = (f'version = 1\n[model]\nfile = "m.safetensors"\nwidths = {json.dumps([int(w) for w in net.widths])}\n'
            f'activation = "{net.activation}"\n[data]\nfile = "d.npz"\nfeatures = "X"\n').encode()
    model, data = ((folder / name).read_bytes() for name in ("m.safetensors", "d.npz"))
    return build_problem(read_spec(spec), model, data, False)


@settings(max_examples=examples(40), deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(sorted(ACTIVATIONS)))
def test_no_constant_below_a_secant_is_proved_whatever_the_multipliers(seed, activation):
    import tempfile
    from pathlib import Path

    rng = np.random.default_rng(seed)
    depth = int(rng.integers(2, 4))
    net = network(rng, activation, depth)
    h, t = int(rng.integers(2, depth + 1)), float(10.0 ** rng.uniform(-3, 1))
    X = rng.standard_normal((2, net.widths[0]))
    with tempfile.TemporaryDirectory() as name:
        problem = problem_of(net, X, Path(name))
    passed = forward(problem, parameters_of(problem), problem.features)
    attained = np.array([quotient(net, x, t, h, np.ones(len(x)), rng) for x in X])
    count = multipliers(problem, h)
    for size in (0.1, 1.0, 10.0, 1e3):
        values = np.concatenate([attained * (1 - 1e-6), size * np.exp(rng.standard_normal((2, count)))], axis=1)
        stated = Array(values.shape, tuple(values.ravel().tolist()), "f")
        reach = growth.Reach(problem, parameters_of(problem), passed)
        assert layer_constants(reach, parameters_of(problem), h, arb(t), stated) == ({}, {})


@settings(max_examples=examples(300), deadline=None)
@given(st.sampled_from(sorted(ACTIVATIONS)), st.floats(-6, 6), st.floats(-6, 6), st.floats(1e-3, 1.5))
def test_quotients_lie_in_their_intervals(activation, z, step, share):
    if abs(step) < 1e-3:
        return
    phi, far = PHI[activation][0], arb(abs(step) * max(share, 1.0))
    slope = ACTIVATIONS[activation].slope(arb(z))
    mid, half = quotients(activation, arb(z), slope.mid() if not slope.is_exact() and z == 0 else slope, far)
    quotient = float((phi(np.array([z + step])) - phi(np.array([z])))[0] / step)
    assert float(mid) - float(half) - 1e-9 <= quotient <= float(mid) + float(half) + 1e-9


def ends_at_the_kink(bits):
    """Of the slopes of leaky relu where the sign is open, with the midpoint that the network's passes give."""
    with ctx.workprec(bits):
        mid, half = quotients("leaky_relu", arb(0), ACTIVATIONS["leaky_relu"].slope(arb(0, 1)).mid(), arb(1))
    with ctx.workprec(300):
        return mid - half, mid + half


@pytest.mark.parametrize("bits", [steepness.PRECISION, growth.PRECISION])
def test_both_slopes_are_kept_where_the_sign_is_open(bits):
    """The midpoint is taken for an exact number, so its precision has to hold it: 53 bits do not."""
    low, high = ends_at_the_kink(bits)
    assert not low > LEAK and not high < 1
    assert ends_at_the_kink(53)[1] < 1


@pytest.mark.parametrize("activation, bits", [("tanh", [30, 64]), ("leaky_relu", [64]), ("relu", [64])])
def test_few_bits_are_tried_where_nothing_is_taken_for_exact(activation, bits, monkeypatch):
    tried = []
    monkeypatch.setattr(growth, "_rise", lambda *told: tried.append(told[-1]) or arb(1))
    growth.rise(SimpleNamespace(activation=activation), None, None, None, arb(1), arb("0.5"))
    assert tried == bits
