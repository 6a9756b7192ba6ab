"""Every test here works at 160 bits."""

import flint
import pytest


@pytest.fixture(autouse=True)
def precision():
    old, flint.ctx.prec = flint.ctx.prec, 160
    yield
    flint.ctx.prec = old
