"""What is made of many equations by factors of their layers, against the kernel itself."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, arb_mat

from certify.check.enclosure.network import backward, forward, tangent_kernel
from certify.check.enclosure.network import given as parameters_of
from certify.check.enclosure.norms import layer_squares
from certify.check.probed.many_equations import ManyEquations
from tests.unit.check.lipschitz.test_of_outputs import built


@pytest.mark.parametrize("widths", [(3, 2), (2, 4, 2), (2, 3, 4, 2)])
def test_the_energy_is_that_of_the_kernel(tmp_path, widths):
    problem = built(tmp_path, widths)
    parameters = parameters_of(problem)
    passed = forward(problem, parameters, problem.features)
    adjoint = backward(problem, parameters, passed)
    K = tangent_kernel(problem, passed, adjoint, layer_squares(problem))
    many = ManyEquations(SimpleNamespace(problem=problem, forward=passed, backward=adjoint))
    rng = np.random.default_rng(1)
    for _ in range(4):
        z = arb_mat(K.nrows(), 1, [arb(float(x)) for x in rng.standard_normal(K.nrows())])
        assert many.energy(z.entries()).overlaps((z.transpose() * K * z)[0, 0])
