"""Steepness of outputs by one hidden layer (Q4): it is asked of no other network, and of none that is too large."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb
from safetensors.numpy import save_file

from certify.check.enclosure.network import forward
from certify.check.enclosure.network import given as parameters_of
from certify.check.lipschitz import of_outputs
from certify.check.reading.spec import read_spec
from certify.check.reading.subject import build_problem


def built(folder, widths):
    """A network of these widths at three rows."""
    rng = np.random.default_rng(0)
    arrays = {}
    for j, (d, m) in enumerate(zip(widths, widths[1:], strict=False)):
        arrays |= {f"{2 * j}.weight": rng.standard_normal((m, d)), f"{2 * j}.bias": rng.standard_normal(m)}
    save_file(arrays, folder / "model.safetensors")
    np.savez(folder / "data.npz", X=rng.standard_normal((3, widths[0])))
    spec = (f'version = 1\n[model]\nfile = "model.safetensors"\nwidths = {list(widths)}\nactivation = "tanh"\n'
            '[data]\nfile = "data.npz"\nfeatures = "X"\n[solution]\nlayer = "all"\n[perturbation]\nset = "total"\n'
            'radius = 0.03\n[[gate]]\nquantity = "distance"\nmax = 9.0\n')
    return build_problem(read_spec(spec.encode()), (folder / "model.safetensors").read_bytes(),
                         (folder / "data.npz").read_bytes(), False)


@pytest.mark.parametrize(("widths", "largest", "said"), [
    ((2, 4, 2), None, True), ((2, 2, 2, 2), None, False), ((2, 4, 2), 23, False), ((2, 4, 2), 24, True),
])
def test_one_hidden_layer_that_is_not_too_large(tmp_path, monkeypatch, widths, largest, said):
    problem = built(tmp_path, widths)
    if largest is not None:
        monkeypatch.setattr(of_outputs, "LARGEST", largest)
    parameters = parameters_of(problem)
    passed = forward(problem, parameters, problem.features)
    assert (of_outputs.output_steepness(problem, parameters, passed, arb(0.1)) is not None) is said


def test_vectors_further_apart_than_doubles_are_bounded():
    """The share of the short one was 0, and divided what was seen of it."""
    long, short = arb("1e60"), arb("1e-280")
    found = of_outputs._square([long, arb(0)], [(arb(1), [arb(0), short])])
    assert long**2 + short**2 <= found <= long**2 * 1.01
