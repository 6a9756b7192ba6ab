"""Motions of rows as whole numbers, as the checker reads them."""

from __future__ import annotations

import io

import numpy as np
import pytest

from certify.check.probed import answer
from certify.finders.proposals.motions import answers


@pytest.mark.parametrize("scale", [1.0, 1e-95, 0.0])
@pytest.mark.parametrize("formed", [True, False])
def test_rows_without_motion_are_sent_with_the_others(scale, formed, monkeypatch):
    """Their bits do not differ from those of the longest fraction by more than may be."""
    rng, p, d = np.random.default_rng(1), 30, 2
    Y = rng.normal(size=(3 * d, p)) * scale
    Y[d:2 * d] = 0
    V = np.linalg.qr(rng.normal(size=(p, 24)))[0]
    monkeypatch.setattr(answer, "LARGE", p if formed else 0)
    said = io.BufferedReader(io.BytesIO(b"".join(answers(np.eye(p), None, [Y.T @ Y] if formed else [V, V], Y, d))))
    found = answer.read(said, p, 3, d)
    assert found is not None
    for number in range(3):
        sent = np.array([[float(x) for x in row] for row in found.motion(number).tolist()])
        near = np.ldexp(sent, -found.row_bits[number])
        assert np.abs(near - Y[d * number:d * number + d]).max() <= 2.0**-49 * np.abs(Y).max()
