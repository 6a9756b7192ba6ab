"""D7, Lemma 4: each rounding of the checker's refits of many listed sets by itself, next to where it would be wrong."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from flint import arb, arb_mat, ctx
from numpy.typing import NDArray

from certify.check.linalg.balls import norm
from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows import head as checked
from certify.check.theorems.head.rows.codes import Codes
from certify.check.theorems.head.rows.energy import listed, proved
from certify.check.theorems.head.rows.energy.lines import lines_of
from certify.check.theorems.head.rows.energy.listed import Narrow, outputs, settled
from certify.check.theorems.head.rows.energy.replay import LIST
from certify.check.theorems.head.rows.energy.sigmoids import BITS, CELLS, FINE, PLACES, ROUNDED
from certify.check.theorems.head.rows.losses.base import row_loss
from certify.format.refusal import Invalid
from tests.families.class_heads import as_checked, class_head
from tests.families.listed_sets import CASES, PRECISION, decided, lines_at, sigma


@pytest.mark.parametrize("name", CASES)
def test_what_is_said_holds_and_is_near_what_is(name: str) -> None:
    case, near = CASES[name]
    assert near <= case() <= 1


def test_an_output_takes_the_steepness_of_its_whole_cell() -> None:
    """Near the end of a cell: its chord is steeper at the other end."""
    with ctx.workprec(PRECISION):
        for k in (1, 1000, 3000, 9000):
            z = (k + 1) * 2.0**-CELLS - 2.0**-PLACES
            at = outputs(Narrow(lines_at(arb_mat([[1.0]]), [0], arb(1))), [(z, z)])
            assert at is not None
            s = sigma(-arb(k) * arb(2) ** -CELLS)
            assert bool(at.off[0] >= ROUNDED + s * (1 - s) * arb(2) ** -PLACES)
            assert at.least[0] <= z <= at.most[0]


def test_a_value_is_off_by_its_chord_and_what_is_told_beside_it() -> None:
    """Half a unit of the slope, over a cell, the first value and the cut, and by no more; at both ends of cells."""
    with ctx.workprec(160):
        for k in (-30000, -3000, -1349, -900, 0, 1, 900, 1349, 3000, 20000):
            ends = [sigma(arb(k + j) * arb(2) ** -CELLS) for j in (0, 1)]
            for at in (0, 1, 2**14, 2**15, 2**16 - 1):
                found = listed.values([(k << PLACES - CELLS) + at], listed.MIDDLE, 0)[0]
                away = arb(found) * arb(2) ** -BITS - ends[0] - (ends[1] - ends[0]) * at / 2 ** (PLACES - CELLS)
                assert bool(away <= arb(2) ** -31 + arb(2) ** (1 - FINE))
                assert bool(-away <= arb(2) ** -BITS + arb(2) ** -31 + arb(2) ** (1 - FINE))


@pytest.mark.parametrize("share", [float("inf"), float("nan"), -1.0, 0.0])
def test_no_modulus_settles_nothing(share: float) -> None:
    assert not decided([arb(1)], arb(0), [4.0], 0.25, 0.0, share)


@pytest.mark.parametrize("apart", [2.0**34, 2.0**60, 2.0**290])
def test_sets_too_far_apart_are_left_to_balls(apart: float) -> None:
    with ctx.workprec(PRECISION):
        narrow = Narrow(lines_at(arb_mat([[1.0, 1.0]]), [0], arb(1)))
        W = [[sign * apart, -sign * apart] for sign in (-1.0, 1.0)] * 10
        assert not any(settled(narrow, [arb(1), arb(0)], [[]] * 20, W))


def refits(phi: NDArray[np.float64], tau: list[int], sets: list[list[int]]) -> NDArray[np.float64]:
    """Of all weights with decay 1, by Newton's steps."""
    T, W = np.tile(np.array(tau, dtype=float), (len(sets), 1)), np.zeros((len(sets), phi.shape[1]))
    for t, some in zip(T, sets, strict=True):
        t[some] = 1 - t[some]
    for _ in range(60):
        q = 1 / (1 + np.exp(-W @ phi.T))
        H = np.einsum("bn,ni,nj->bij", q * (1 - q), phi, phi) + np.eye(phi.shape[1])
        W -= np.linalg.solve(H, ((q - T) @ phi + W)[..., None])[..., 0]
    return W


def test_heads_of_several_outputs_are_left_to_balls() -> None:
    """Also at weights that would be those of a refit if each output were one of its own."""
    head = class_head(np.random.default_rng(0), 8, 3, decay=0.125, free=False)
    lines = lines_of(as_checked(head, tuple(range(8)), 1))
    A = np.array([[float(x) for x in line] for line in lines.A.tolist()])
    w = refits(A, lines.tau, [[]])[0].tolist()
    with ctx.workprec(PRECISION):
        assert not any(settled(Narrow(lines), [arb(x) for x in w], [[]] * 20, [w] * 20))
        alone = lines_at(lines.A, lines.tau, arb(1))
        assert all(settled(Narrow(alone), [arb(x) for x in w], [[]] * 20, [w] * 20))


def test_every_set_is_looked_at_with_its_own_weights() -> None:
    """Of more sets than are looked at together: those with the weights of others are not settled, wherever they are."""
    rng = np.random.default_rng(0)
    phi = np.c_[np.round(np.r_[-2 + rng.standard_normal(12), 2 + rng.standard_normal(12)], 2), np.ones(24)]
    tau, sets = [0] * 12 + [1] * 12, [list(s) for size in range(3) for s in combinations(range(24), size)]
    W = refits(phi, tau, sets)
    assert len(sets) > listed.AT_ONCE
    with ctx.workprec(PRECISION):
        narrow, e = Narrow(lines_at(arb_mat(phi.tolist()), tau, arb(1))), [arb(3), arb(1)]
        assert all(settled(narrow, e, sets, W.tolist()))
        for at in (0, 140, 200, len(sets) - 1):
            V, other = W.copy(), [*sets]
            V[at] *= -1.0
            assert [b for b, yes in enumerate(settled(narrow, e, sets, V.tolist())) if not yes] == [at]
            other[at] = [*range(6)]
            assert [b for b, yes in enumerate(settled(narrow, e, other, W.tolist())) if not yes] == [at]


def lost_by_two(mu: float, size: float) -> checked.Head:
    """A head with one point, of that size, whose label two wrong ones change: twenty rows ±(1, 1), no intercept.

    Weights lie along (1, 1), on the side of eleven of the labels.
    """
    x = [1.0 if i % 2 else -1.0 for i in range(20)]
    label = [int(v > 0) if i >= 9 else int(v < 0) for i, v in enumerate(x)]
    A, points = arb_mat([[v, v] for v in x]), arb_mat([[2 * size, -size]])
    targets = [[2.0 * y - 1] for y in label]
    return checked.Head(
        phi=A, rows=A.tolist(), sizes=[norm(r).upper() for r in A.tolist()], targets=targets,
        codes=Codes([[-1.0], [1.0]], label, targets), loss=row_loss("logistic"), k=1, m=2, biased=False,
        bias_decay=True, decay=arb(mu / 20), remaining=False, evaluated=points,
        lengths=[norm(r).upper() for r in points.tolist()],
        threshold=0.0, today=[1], moving=tuple(range(20)), count=2, relabels=True)


@pytest.mark.parametrize(("mu", "w", "size"), [
    (2.0**384, 2.0**100, 2.0**-800), (2.0**212, 2.0**290, 2.0**-870), (2.0**200, 2.0**100, 2.0**-600),
    (1.0, 2.0**100, 2.0**-20)])
def test_no_weights_far_from_refits_prove_a_label_that_is_lost(mu: float, w: float, size: float) -> None:
    """At a point so short, and with a decay so large, that the way to the refit times its length is 0 in doubles."""
    sets = [s + (20,) * (2 - len(s)) for k in range(3) for s in combinations(range(20), k)]
    whole = [LIST, len(sets), *[x for s in sets for x in s]]
    V = [*[0.0] * 42, *[w, -w] * len(sets)]
    arrays = {
        "whole": Array((len(whole),), tuple(map(float, whole)), "i"), "points": Array((1,), (0.0,), "i"),
        "vectors": Array((21 + len(sets), 2), tuple(V), "f"), "numbers": Array((0,), (), "f"),
    }
    with ctx.workprec(PRECISION), pytest.raises(Invalid, match="does not show the label"):
        proved(lost_by_two(mu, size), arrays, "claim", [True])
