"""An inverse at a critical point that another process proposes: used where a residual proves it one, else not."""

from __future__ import annotations

import io
import json
from array import array
from dataclasses import replace

import pytest
from flint import arb, ctx, fmpz_mat

from certify.check.kernel import CHANCE
from certify.check.probed import answer
from certify.check.probed import asked as answered
from certify.check.systems import critical, critical_nearby
from certify.check.systems.nearby import PRECISION
from tests.unit.check.probed.test_point import Case, path  # noqa: F401


@pytest.fixture(autouse=True)
def asked(monkeypatch):
    """Where another process may be asked, of a point of any size, and no pass judges what it says."""
    monkeypatch.setattr(critical_nearby, "ASKED", 0)
    monkeypatch.setattr(answered, "WIDE", 10**9)
    token = CHANCE.set([])
    yield
    assert CHANCE.get() == [], "nothing rests on chance here"
    CHANCE.reset(token)


def own(monkeypatch) -> list[int]:
    """The bits of every inverse that the checker looks for by itself."""
    found, honest = [], critical.proposed
    monkeypatch.setattr(critical, "proposed", lambda A, width: found.append(width) or honest(A, width))
    return found


def proved(case: Case):
    with ctx.workprec(PRECISION):
        return critical_nearby.critical_point(case.problem, case.start)


def test_the_checker_looks_for_none_then(path, monkeypatch):  # noqa: F811
    looked = own(monkeypatch)
    centre, known = proved(Case(path))
    assert not looked and known.inverse.error < 1e-9 and centre.radius < 1e-20


@pytest.mark.parametrize("change", [
    lambda X: replace(X, bits=X.bits + 1), lambda X: replace(X, bits=-X.bits),
    lambda X: replace(X, mid=X.mid * 0), lambda X: replace(X, mid=-X.mid),
    lambda X: replace(X, mid=fmpz_mat([row[::-1] for row in X.mid.tolist()])),
])
def test_another_matrix_is_seen_to_be_none(change, path, monkeypatch):  # noqa: F811
    case, looked, honest = Case(path), own(monkeypatch), answer.asked_inverse
    truth, _ = proved(case)
    monkeypatch.setattr(answer, "asked_inverse", lambda *told: (change(honest(*told)[0]), None))
    centre, known = proved(case)
    assert looked == [known.width] and known.inverse.error < 1e-9
    assert all(abs(x - y) < 1e-20 for one, other in zip(centre.middle.weights, truth.middle.weights, strict=True)
               for x, y in zip(one.entries(), other.entries(), strict=True))


def test_where_nothing_may_rest_on_others_none_is_asked(path, monkeypatch):  # noqa: F811
    looked = own(monkeypatch)
    CHANCE.set(None)
    proved(Case(path))
    CHANCE.set([])
    assert looked


def said(p: int, bits: object, tail: bytes = b"") -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(json.dumps(bits).encode() + b"\n" + array("q", [1] * (p * p)).tobytes() + tail))


def test_an_answer_of_another_form_is_none():
    found, factor = answer.read_inverse(said(5, [9]), 5)
    assert factor is None and found.mid == fmpz_mat(5, 5, [1] * 25) and found.bits == 9 and found.radius == arb(0)
    for bits, tail in (([9, 9], b""), ([9.0], b""), ([True], b""), ([2000], b""), (9, b""), ([9], b"x")):
        assert answer.read_inverse(said(5, bits, tail), 5) is None
    assert answer.read_inverse(said(4, [9]), 5) is None
