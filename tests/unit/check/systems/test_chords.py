"""Chords of few bits to a solution nearby: what they propose is judged, and a bad proposal is refused."""

from __future__ import annotations

import pytest
from flint import arb, arb_mat, ctx
from hypothesis import assume, given, settings

from certify.check.systems import nearby
from certify.check.systems.near import chords
from certify.format.refusal import Invalid
from tests.effort import examples
from tests.families.check_cases import seeds
from tests.families.prover_cases import checked, edit, forged, prove
from tests.families.prover_cases import nearby as case
from tests.unit.check.systems.test_nearby import ANY, HAIR, QUIET


@pytest.fixture
def few(monkeypatch):
    """Chords from two equations on, and every ball that they found."""
    found, right = [], chords.by_chords

    def noted(*given):
        found.append(right(*given))
        return found[-1]

    monkeypatch.setattr(nearby, "MANY", 2)
    monkeypatch.setattr(chords, "by_chords", noted)
    return found


@settings(QUIET, max_examples=examples(10))
@given(seed=seeds)
def test_what_they_find_is_the_same_solution(seed, few, tmp_path):
    case(seed, tmp_path)
    edit(tmp_path, ANY)
    certificate = prove(tmp_path)
    assume(certificate is not None)
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]
    claim = certificate["claims"][0]
    assume(claim["lower"] and claim["upper"] < claim["lower"] * (1 + HAIR))
    with pytest.raises(Invalid, match="upper"):
        checked(forged(certificate, 0, lower=0.0, upper=claim["lower"] * (1 - 2 * HAIR), witness={}), tmp_path)


class Line:
    """`f(w) = w − 1` twice over, from a start at 3: what `by_chords` asks for, with passes made by hand."""

    points, targets = (), ()


@pytest.mark.parametrize("judged", [True, False])
def test_a_bad_factor_is_refused_by_what_judges_it_alone(judged, monkeypatch):
    """R is a thousandth of what it should be, so that chords end far away; without the judge they would be believed."""
    unit = arb_mat([[1, 0], [0, 1]])
    monkeypatch.setattr(chords, "_passes", lambda *_: (None, None, unit))
    monkeypatch.setattr(chords, "inverse_factor", lambda K: unit * arb(2) ** -10)
    monkeypatch.setattr(chords, "forward", lambda problem, w, points: w)
    monkeypatch.setattr(chords, "residual", lambda system, w: w - arb_mat([[1], [1]]))
    monkeypatch.setattr(chords, "moved_by", lambda problem, w, passed, adjoint, v: w - arb_mat(2, 1, v))
    monkeypatch.setattr(chords, "spread", lambda problem, w, radius: w)
    if not judged:
        monkeypatch.setattr(chords, "defect_of", lambda *_: arb(0))
    with ctx.workprec(192):
        found = chords.by_chords(None, arb_mat([[3], [3]]), Line())
    if judged:
        assert found is None
    else:  # the wrong version claims a solution within a radius in which there is none
        assert found is not None and not abs(found.middle[0, 0] - 1) < found.radius


@pytest.mark.parametrize(("part", "found"), [(1 - 2**-20, True), (0.9, False)])
def test_steps_that_contract_slowly_are_left_to_more_bits(part, found, monkeypatch):
    """R is a tenth too short: a solution is proved, but in a ball wider than a tenth of the way from the start."""
    unit = arb_mat([[1, 0], [0, 1]])
    monkeypatch.setattr(chords, "_passes", lambda *_: (None, None, unit))
    monkeypatch.setattr(chords, "inverse_factor", lambda K: unit * arb(part))
    monkeypatch.setattr(chords, "forward", lambda problem, w, points: w)
    monkeypatch.setattr(chords, "residual", lambda system, w: w - arb_mat([[1], [1]]))
    monkeypatch.setattr(chords, "moved_by", lambda problem, w, passed, adjoint, v: w - arb_mat(2, 1, v))
    monkeypatch.setattr(chords, "spread", lambda problem, w, radius: w)
    with ctx.workprec(192):
        start = arb_mat([[3], [3]])
        assert (chords.by_chords(None, start, Line()) is not None) is found
        monkeypatch.setattr(chords, "CLOSE", arb(1))
        every = chords.by_chords(None, start, Line())
    assert every is not None and (every.radius < arb(2) ** -40) is found


def test_no_number_proves_nothing(monkeypatch):
    unit = arb_mat([[1, 0], [0, 1]])
    monkeypatch.setattr(chords, "_passes", lambda *_: (None, None, unit))
    monkeypatch.setattr(chords, "inverse_factor", lambda K: unit)
    monkeypatch.setattr(chords, "forward", lambda problem, w, points: w)
    monkeypatch.setattr(chords, "residual", lambda system, w: arb_mat([[arb("nan")], [0]]))
    monkeypatch.setattr(chords, "moved_by", lambda problem, w, passed, adjoint, v: w)
    monkeypatch.setattr(chords, "spread", lambda problem, w, radius: w)
    assert chords.by_chords(None, arb_mat([[3], [3]]), Line()) is None
