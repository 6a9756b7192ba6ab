"""Every bound of a reading in few bits, or of a curvature that is a little off, against the quantity itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import scale
from certify.check.stored.evaluated import Weights
from certify.check.stored.lengths import curvature, decided, points, reading
from certify.check.stored.run import check
from certify.check.theorems.head.rows.squared.ridge import Solution
from certify.format.refusal import Invalid
from tests.effort import examples
from tests.families.stored_logistic import Logistic, crowd, with_witness, written

Patch = pytest.MonkeyPatch
Array = np.ndarray
NUMBERS = 1e-9
"""What floats here may err by, as a part."""


@dataclass
class Seen:
    """What a check found: of every training row the influences on every evaluation row, and what it pulls."""

    held: list[decided.Held] = field(default_factory=list)
    readings: list[reading.Reading] = field(default_factory=list)
    points: list[points.Point] = field(default_factory=list)
    lengths: list[decided.Lengths] = field(default_factory=list)
    values: list[list[int]] = field(default_factory=list)
    bends: list[int] = field(default_factory=list)


def looked(path: Path, patch: Patch) -> Seen:
    """A check whose trap lets everything pass, and whose evaluation rows are all looked at."""
    seen, held, take = Seen(), decided.Lengths._held, points.Points.take

    def kept(own: decided.Lengths, found: reading.Reading) -> decided.Held:
        seen.lengths.append(own)
        seen.readings.append(found)
        seen.held.append(held(own, found))
        return seen.held[-1]

    def taken(own: points.Points, first: int, turned: fmpz_mat, pulls: points.Pulls) -> None:
        assert own.across is not None
        columns = (own.across * turned).tolist()
        seen.values += [[int(column[i]) * pulls.signs[i] for column in columns] for i in range(turned.ncols())]
        seen.bends += [pulls.bend] * turned.ncols()
        seen.points[:] = own.points
        take(own, first, turned, pulls)

    with patch.context() as inner:
        inner.setattr(decided.Lengths, "_held", kept)
        inner.setattr(points.Points, "take", taken)
        inner.setattr(decided.Lengths, "_possible", lambda *_: None)
        inner.setattr(decided, "kept", lambda _: arb(1e9))
        inner.setattr(decided, "apart", lambda *_: False)
        inner.setattr(decided, "least", lambda *_: arb(1))
        check(path, path.read_bytes(), {}, lambda _: None)
    return seen


def some(patch: Patch, meant: float, part: float) -> None:
    """How near the curvature has to be, and by what part lengths exceed those of it then."""
    patch.setattr(curvature, "MEANT", arb(meant))
    for module in (curvature, decided, points, reading):
        patch.setattr(module, "SOME", arb(part))


ROUGH: dict[str, list[tuple[tuple[object, ...], str, int, int]]] = {
    "features": [((curvature,), "WIDTHS", 9, 13)], "inverse": [((curvature,), "WIDE", -3, 1)],
    "slopes": [((reading, decided), "SLOPE_BITS", 5, 9)], "gradient": [((decided,), "GRADIENT_BITS", 6, 12)],
    "pulls": [((reading, points, decided), "FINE", 3, 10)], "evaluated": [((points,), "FEATURE_BITS", 8, 12)]}
"""Where few bits are, their names, and how many: one thing at a time, so that no bound hides another."""


def rough(what: str, rng: np.random.Generator, patch: Patch) -> None:
    """Few bits of one thing; the curvature that is proposed is the exact one."""
    for modules, name, least, most in ROUGH[what]:
        bits = int(rng.integers(least, most))
        for module in modules:
            patch.setattr(module, name, (bits,) if name == "WIDTHS" else bits)
    if what != "features":
        patch.setattr(curvature, "WIDTHS", (60,))
    patch.setattr(decided, "theta", lambda *_: (ZERO, ZERO))
    patch.setattr(decided, "UNSURE", 0.5)


def bounded(problem: Logistic, seen: Seen, centre: Array, deletes: bool) -> None:
    """All bounds, in columns of size 1."""
    held, found = seen.held[-1], seen.readings[-1]
    unit = np.array([float(scale(-s)) for s in seen.lengths[-1].system.shifts])
    phi, new, mu = problem.with_ones(problem.X) / unit, problem.with_ones(problem.new) / unit, problem.mu / unit**2
    w, s = centre * unit, np.where(problem.y == 1, 1.0, -1.0)
    p = 1.0 / (1.0 + np.exp(s * (phi @ w)))
    q = p * (1.0 - p)
    inverse = np.linalg.inv((phi * q[:, None]).T @ phi + np.diag(mu))
    z = np.sqrt(np.einsum("ni,ij,nj->n", phi, inverse, phi))
    g = mu * w - phi.T @ (s * p)
    # the curvature that is meant has other slopes of rows, by ε at most
    e = float(held.unsure) + NUMBERS
    more = np.sqrt(1.0 + e)
    assert float(held.gamma) * more >= np.sqrt(g @ inverse @ g) * (1.0 - NUMBERS)
    assert float(held.longest) * more >= z.max()
    assert (np.array(found.pulls) * more >= z * (p if deletes else 1.0)).all()
    assert (np.array(found.leverages) * more**4 >= q * z * z).all()
    solved = new @ inverse
    energy, out = np.sqrt(np.einsum("ki,ki->k", solved, new)), new @ w
    x = float(held.distance) * z
    beta = (np.expm1(x) - x) / x**2
    for k, one in enumerate(seen.points):
        sign = 1.0 if one.label else -1.0
        assert abs(float(one.margin.mid()) - sign * out[one.number]) <= float(one.margin.rad()) + 1e-12 * (
            np.abs(new[one.number] * w).sum())
        assert float(one.energy) * more >= energy[one.number]
        c = sign * s * (phi @ solved[one.number])
        influences = np.array([float(row[k]) for row in seen.values]) * float(one.unit(held.lost.bits))
        off = np.abs(influences - c).max() - e * z.max() * energy[one.number]
        assert float(held.each(one)) >= off
    assert (np.array(seen.bends) * float(scale(points.FINE)) * (1.0 + e) >= beta * (1.0 - 1e-6)).all()


def drawn(seed: int) -> tuple[Logistic, str]:
    rng = np.random.default_rng([7, seed])
    return crowd(rng, 150, bool(seed % 3), 8), ("labels", "deletions")[seed % 2]


@pytest.mark.parametrize("what", ROUGH)
@pytest.mark.parametrize("seed", range(examples(4)))
def test_bounds_in_few_bits_hold(seed: int, what: str, tmp_path: Path, monkeypatch: Patch) -> None:
    problem, change = drawn(seed)
    rng = np.random.default_rng([8, seed])
    path = written(tmp_path, problem, change, 2, list(range(len(problem.new))))
    centre = problem.weights() * (1.0 + 0.05 * rng.standard_normal(len(problem.mu)))
    if what == "features" and seed < 2:
        centre = 0.0 * centre  # margins are exact there, and leave nothing unsure
    phi = problem.with_ones(problem.X)
    p = 1.0 / (1.0 + np.exp(phi @ centre))
    K = (phi * (p * (1.0 - p))[:, None]).T @ phi + np.diag(problem.mu)
    with_witness(path, centre=centre, curvature=0.5 * (K + K.T))
    rough(what, rng, monkeypatch)
    some(monkeypatch, 0.99, 2.0**-40)
    bounded(problem, looked(path, monkeypatch), centre, change == "deletions")


@pytest.mark.parametrize("part", [0.99, 1.01])
@pytest.mark.parametrize("seed", range(examples(4)))
def test_bounds_by_a_curvature_that_is_a_little_off_hold(seed: int, part: float, tmp_path: Path, monkeypatch: Patch,
                                                         ) -> None:
    problem, change = drawn(seed)
    path = written(tmp_path, problem, change, 2, list(range(len(problem.new))))
    with_witness(path, curvature=part * problem.witness(change, 2)["curvature"])
    some(monkeypatch, 0.99, 2.0**-4)
    bounded(problem, looked(path, monkeypatch), problem.weights(), change == "deletions")


def held_of(folder: Path, patch: Patch) -> Seen:
    return looked(written(folder, drawn(1)[0], "deletions", 2, [0, 1]), patch)


def test_bits_that_lose_more_than_is_meant_are_refused(tmp_path: Path, monkeypatch: Patch) -> None:
    seen = held_of(tmp_path, monkeypatch)
    system, lost = seen.lengths[0].system, seen.held[0].lost
    assert curvature.theta(system, ZERO, lost)[0] == 0
    much = replace(lost, stacked=curvature.MEANT / system.stretch)
    with pytest.raises(Invalid, match="too nearly for features of 60 bits"):
        curvature.theta(system, ZERO, much)


def test_every_row_that_may_change_errs(tmp_path: Path, monkeypatch: Patch) -> None:
    held = replace(held_of(tmp_path, monkeypatch).held[0], count=3)
    one = points.Point(0, 1, arb(10), ZERO, Solution([], 0, ZERO, ZERO, ZERO), None)
    monkeypatch.setattr(decided.Held, "each", lambda *_: arb(1))
    monkeypatch.setattr(decided.Held, "rest", lambda *_: ZERO)
    assert decided.least(one, held, arb(1)) <= 7


def test_weights_that_are_cut_are_no_nearer(tmp_path: Path, monkeypatch: Patch) -> None:
    """Weights in 6 bits of which nothing but these is known, and a minimum that is the centre."""
    seen = held_of(tmp_path, monkeypatch)
    own, held = seen.lengths[0], replace(seen.held[0], gamma=ZERO)
    unit = np.array([float(scale(s)) for s in own.system.shifts])
    centre = np.array([float(x) for x in own.centre.mid.entries()]) * float(scale(own.centre.bits)) * unit
    rng = np.random.default_rng(0)
    for _ in range(20):
        given = centre * (1.0 + 0.1 * rng.standard_normal(len(centre)))
        cut = Weights(fmpz_mat(len(given), 1, [int(x) for x in np.floor(given / unit * 64.0)]), 6, own.centre.length)
        assert own._near(held, cut) >= np.linalg.norm(given - centre) / np.linalg.norm(given)


@pytest.mark.parametrize(("distance", "bent", "length", "weight"), [
    (2.0, 0.25, 0.0, 0.5), (2.0, 0.25, 0.1, 0.5 + 0.25 * np.expm1(0.2)), (2.0**1023, 0.25, 5e-324, 0.5),
    (1e308, 0.0, 1e-308, 0.5)])
def test_pulls_are_weighed_where_rows_have_no_length_or_distances_no_double(
        distance: float, bent: float, length: float, weight: float) -> None:
    asked = SimpleNamespace(distance=arb(distance) * 8, deletes=True, points=SimpleNamespace(wanted=set()))
    one = reading.Seen(1, fmpz(0), bent, 0.5, length / 8)
    found = reading.Reading._weighed(SimpleNamespace(asked=asked, _part=ZERO), 0, [one])  # type: ignore[arg-type]
    (top,) = (x * 2.0**-points.FINE for x in found.weights)
    assert weight <= top <= 1.0
    assert distance > 2.0 or top < weight * (1 + 1e-6) + 2.0**-points.FINE
