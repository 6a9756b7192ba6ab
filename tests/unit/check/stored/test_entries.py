"""Solutions of long rows in few bits: no entry exceeds what the product and its error say."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, fmpz

from certify.check.stored.comparison.entries import FINE, QUICK, _short


@pytest.mark.parametrize("long", [0, 7, -9])
@pytest.mark.parametrize("bits", [QUICK[0] - 4, QUICK[0] + 12])
def test_an_entry_is_never_more_than_is_said_of_it(bits, long):
    """Features of so many bits, and solutions of a size of `2^long`; what is said is not much more either."""
    rng, p, least = np.random.default_rng(bits), 5, 1 << FINE
    deep = 60
    solved = [SimpleNamespace(u=[fmpz(int(x)) for x in rng.integers(-(1 << deep - 1), 1 << deep - 1, p)],
                              bits=deep - long, size=arb(2) ** (long + 1) * p, off=arb(2) ** -50) for _ in range(3)]
    short = _short(SimpleNamespace(system=SimpleNamespace(p=p), bits=bits), solved)
    for t, s in enumerate(solved):
        for _ in range(30):
            phi = [int(x) for x in rng.integers(-(1 << bits), 1 << bits, p)]
            few = [x >> bits - short.features for x in phi]
            product = abs(sum(x * int(short.u[t, a]) for a, x in enumerate(few)))
            exact = abs(sum(x * int(y) for x, y in zip(phi, s.u, strict=True))) * 2.0 ** (FINE - bits - s.bits)
            said = short.of(product, t)
            assert min(exact, 1 << FINE) * (1 - 1e-12) <= said
            least = min(least, said - min(exact, 1 << FINE))
    assert least < 2 * max(short.errors)
