"""Small problems for the checker's tests, from a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from flint import ctx
from hypothesis import strategies as st

from certify.check.choices.allowed import Allowed
from certify.check.main import Result, check
from tests.families import emitter
from tests.families.emitter import BITS, Case

NO_FILES: dict[str, Path | None] = {"spec": None, "model": None, "data": None}


def run(certificate: dict, folder: Path, asked=()) -> Result:
    """Seal, write and check a certificate, by a caller who wants what it says of equal rows and of a tilt."""
    return check(emitter.write(certificate, folder), NO_FILES, asked, allowed=Allowed(True, True))


def random_case(seed: int, **changes) -> Case:
    """A net with widths up to 5, up to 6 rows and up to 3 outputs; numbers with few digits, so that ties occur."""
    rng = np.random.default_rng(seed)
    widths = [*rng.integers(1, 6, rng.integers(1, 4)).tolist(), int(rng.integers(1, 4))]
    n = int(rng.integers(1, 7))

    def numbers(*shape: int) -> np.ndarray:
        return np.round(rng.normal(size=shape), 2)

    rows = "all" if rng.random() < 0.5 else rng.permutation(n)[: rng.integers(1, n + 1)].tolist()
    made = {
        "weights": [numbers(o, i) for i, o in zip(widths, widths[1:], strict=False)],
        "biases": [numbers(o) if rng.random() < 0.7 else None for o in widths[1:]],
        "activation": str(rng.choice(["tanh", "relu"])),
        "X": numbers(n, widths[0]), "y": numbers(n, widths[-1]),
        "parameter": "features" if rng.random() < 0.7 else "targets",
        "rows": rows, "layer": "all" if rng.random() < 0.7 else int(rng.integers(1, len(widths))),
    }
    return Case(**(made | changes))


def solvable(case: Case) -> emitter.Truth | None:
    """The exact values, or None where the kernel is singular or a pre-activation is zero."""
    if case.parameters < len(case.kept) * case.widths[-1]:
        return None
    exact = emitter.truth(case)
    with ctx.workprec(BITS):
        if exact.smallest_input is not None and not exact.smallest_input > 0:
            return None
        try:
            exact.K.inv()
        except ZeroDivisionError:
            return None
    return exact


seeds = st.integers(0, 10**9)


def plain(**changes) -> Case:
    """One fixed, well-behaved problem: tanh 3-4-2, four rows, two outputs, gates on both quantities."""
    rng = np.random.default_rng(5)
    made = {
        "weights": [rng.normal(size=(4, 3)), rng.normal(size=(2, 4))],
        "biases": [rng.normal(size=4), rng.normal(size=2)],
        "activation": "tanh", "X": rng.normal(size=(4, 3)), "y": rng.normal(size=(4, 2)),
    }
    return Case(**(made | changes))
