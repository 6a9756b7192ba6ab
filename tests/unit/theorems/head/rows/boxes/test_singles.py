"""D6, single rows without a box: every refit lies where the steps say, and no point that a refit loses is closed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.theorems.head.rows.boxes import singles as checker
from certify.check.theorems.head.rows.boxes.fixed_rows import WEIGHT
from certify.check.theorems.head.rows.boxes.fixed_rows import sums as exact_sums
from certify.check.theorems.head.rows.boxes.leaves import base as check_base
from certify.check.theorems.head.rows.boxes.margins import points as exact_points
from certify.check.theorems.head.rows.boxes.singles import Singles, Step
from certify.check.theorems.head.rows.boxes.slabs import below
from certify.check.theorems.head.rows.boxes.trap import centre as check_centre
from certify.finders.head.boxes import minimiser
from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.sums import Sums, sums
from certify.systems.head.rows.boxes.trap import centre
from certify.theorems.head.rows.boxes.leaves import Base, base
from certify.theorems.head.rows.boxes.singles import open_rows, rough, sharp, steps


def example(seed: int, scale: float = 1.0) -> tuple[Sums, Array, Array]:
    """Rows, points on their side of the centre, and the centre with one row out."""
    g = np.random.default_rng([seed, 77])
    n, p = 14, 3
    S = g.normal(size=(n, p)) * scale
    S[:, -1] = g.choice([-1.0, 1.0], n)
    s = sums(S, np.array([1.0, 1.0, g.choice([0.0, 1.0])]) * 10.0 ** g.uniform(-1, 1))
    kept = np.ones(n)
    kept[3] = 0.0
    w = minimiser(s, kept, np.zeros(p))
    e = g.normal(size=(20, p)) * scale
    return s, e * np.where(e @ w > 0, 1.0, -1.0)[:, None], w


def at(s: Sums, w: Array) -> Base:
    kept = np.ones(len(s.S))
    kept[3] = 0.0
    b = base(centre(s, kept, w))
    assert b is not None
    return b


@pytest.mark.parametrize("scale", [1e-3, 1.0, 3.0])
def test_refits_lie_within_the_radii(scale: float) -> None:
    rows = np.array([i for i in range(14) if i != 3])
    bounded = closed = 0
    for seed in range(40):
        s, e, w = example(seed, scale)
        b = at(s, w)
        it = steps(b, rows)
        for radii in (rough(b, it), sharp(b, it)):
            open_ = open_rows(b, it, radii, e)
            for a, i in enumerate(rows):
                kept = b.c.kept.copy()
                kept[i] = 0.0
                true = minimiser(s, kept, w)
                H = (s.S.T * (b.c.kept * b.c.at.D)) @ s.S + np.diag(s.decay)
                u = np.linalg.solve(H, s.S[i])
                h = b.c.at.D[i] * (s.S[i] @ u)
                step = w - b.c.at.p[i] / (1.0 - h) * u
                away = true - step
                away = float(np.sqrt(away @ (H - b.c.at.D[i] * np.outer(s.S[i], s.S[i])) @ away))
                assert away <= radii[a] * (1 + 1e-9)
                bounded += np.isfinite(radii[a])
                assert ((e @ true)[~open_[:, a]] > 0).all()
                closed += int((~open_[:, a]).sum())
    assert bounded > 500 and closed > 5000


def test_the_checker_closes_what_the_prover_closes() -> None:
    rows = [i for i in range(14) if i != 3]
    for seed in range(25):
        s, e, w = example(seed)
        b = at(s, w)
        it = steps(b, np.array(rows))
        open_ = open_rows(b, it, np.minimum(rough(b, it), sharp(b, it)), e)
        with ctx.workprec(64):
            exact = exact_sums(s.S.tolist(), [arb(x) for x in s.decay], False)
            twin = check_base(check_centre(exact, [3], w.tolist()))
            assert twin is not None
            found = Singles(twin, rows, exact_points(e.tolist(), 3)).open()
        for a, i in enumerate(rows):
            assert set(found.get(i, [])) <= set(np.flatnonzero(open_[:, a]).tolist())


def test_a_centre_that_is_none_closes_nothing() -> None:
    s, e, w = example(1)
    b = at(s, w + 1.0)
    it = steps(b, np.arange(3))
    assert open_rows(b, it, sharp(b, it), e).all()


def test_curvatures_known_up_to_a_ball_are_counted_at_their_lower_end() -> None:
    with ctx.workprec(64):
        s, e, w = example(0)
        exact = exact_sums(s.S.tolist(), [arb(x) for x in s.decay], False)
        twin = check_base(check_centre(exact, [3], w.tolist()))
        assert twin is not None
        c = replace(twin.c, D=[arb(D.mid(), 1e-9) for D in twin.c.D])
        found = Singles(replace(twin, c=c), [0], exact_points(e.tolist(), 3))
        assert all(D - arb(below(D)) * arb(2) ** -WEIGHT <= found.bent for D in c.D)


@pytest.mark.parametrize("long_rows", [2, 64])
def test_the_checkers_changes_remainders_and_radii_hold_for_every_refit(
        long_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is passed on is at least the true change of any margin and the true remainder, and radii hold the refit."""
    monkeypatch.setattr(checker, "LONG_ROWS", long_rows)
    said: list[tuple[str, Step, float]] = []
    middle, left, within = Singles._middle, Singles._left, Singles._within

    def spy_middle(self: Singles, h: Step, far: float) -> float:
        said.append(("far", h, far))
        return middle(self, h, far)

    def spy_left(self: Singles, k: list[float], pull: float, more: float, farthest: float) -> float:
        found = left(self, k, pull, more, farthest)
        row = next(j for j, v in enumerate(k) if v == 0.0 and j != 3)
        said.extend((what, Step(row, 0.0, 1.0, 0.0, 0.0, 0.0), x) for what, x in (("rho", found), ("far", farthest)))
        return found

    def spy_within(self: Singles, x: Step, rho: float, away: float) -> float:
        found = within(self, x, rho, away)
        said.append(("radius", x, found))
        said.append(("away", x, away))
        return found

    for name, spy in (("_middle", spy_middle), ("_left", spy_left), ("_within", spy_within)):
        monkeypatch.setattr(Singles, name, spy)
    seen = dict.fromkeys(("far", "rho", "radius", "away"), 0)
    closed = 0
    for seed in range(40):
        s, e, w = example(seed, 1.5)
        b, rows = at(s, w), [i for i in range(14) if i not in (3, 13)]
        said.clear()
        with ctx.workprec(64):
            exact = exact_sums(s.S.tolist(), [arb(x) for x in s.decay], False)
            twin = check_base(check_centre(exact, [3], w.tolist()))
            assert twin is not None
            open_ = Singles(twin, rows, exact_points(e.tolist(), 3)).open()
        t, D, p = s.S @ w, b.c.at.D * b.c.kept, b.c.at.p
        H = (s.S.T * D) @ s.S + np.diag(s.decay)
        for i in rows:
            u = np.linalg.solve(H, s.S[i])
            tau = -p[i] / (1.0 - D[i] * (s.S[i] @ u)) * (s.S @ u) * b.c.kept
            tau[i] = 0.0
            r = 1.0 / (1.0 + np.exp(t)) - 1.0 / (1.0 + np.exp(t + tau)) - D * tau
            true = refitted(s, b, i, w)
            gone = true - (w + np.linalg.solve(H - D[i] * np.outer(s.S[i], s.S[i]), -p[i] * s.S[i]))
            least = {"far": np.abs(tau).max(), "rho": np.sqrt((r[D > 0] ** 2 / D[D > 0]).sum()),
                     "radius": np.sqrt(gone @ (H - D[i] * np.outer(s.S[i], s.S[i])) @ gone),
                     "away": (np.abs(t + tau) - np.abs(t))[b.c.kept > 0].max()}
            for what, step, value in said:
                if step.row == i:
                    assert value >= least[what] * (1.0 - 1e-9), what
                    seen[what] += bool(np.isfinite(value))
            good = [j for j in range(len(e)) if j not in open_.get(i, [])]
            assert (e[good] @ true > 0).all()
            closed += len(good)
    assert min(seen.values()) > 20 and closed > 5000


def refitted(s: Sums, b: Base, i: int, w: Array) -> Array:
    """The minimiser without row i too."""
    kept = b.c.kept.copy()
    kept[i] = 0.0
    return minimiser(s, kept, w)
