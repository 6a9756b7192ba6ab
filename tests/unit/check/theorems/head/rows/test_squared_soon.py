"""What decides squared-loss heads in the checker before influences are formed: lengths, and the normal matrix."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

import numpy as np
import pytest
from flint import arb, ctx, fmpq, fmpq_mat, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.theorems.head.rows.changes.base import DELETED
from certify.check.theorems.head.rows.head import BITS, OPEN
from certify.check.theorems.head.rows.refitted.refit import labels_after as in_balls
from certify.check.theorems.head.rows.squared import refits
from certify.check.theorems.head.rows.squared.ridge import FEATURE_BITS, Ridge, Whole, ridge_of
from certify.check.theorems.head.rows.squared_labels import Labels, margins, soon_tolerated
from certify.check.theorems.head.rows.squared_tree import leverages
from certify.check.theorems.head.rows.squared_tree.root import root_of
from certify.format.refusal import Invalid
from tests.effort import FULL
from tests.families.squared_heads import SmallHead, as_checked, as_head, small_head
from tests.oracles import squared_head as oracle


def ridge(head: SmallHead) -> Ridge:
    return Ridge(head.phi.tolist(), arb(head.mu), head.decayed.tolist())


def exactly(x: object) -> fmpq:
    f = Fraction(x)  # type: ignore[arg-type]
    return fmpq(f.numerator, f.denominator)


@pytest.mark.parametrize("outputs", [1, 3])
def test_lengths_alone_prove_what_is_true(outputs: int) -> None:
    """Never a change more than the exact number, and often one."""
    soon = told = 0
    for seed in range(40):
        if seed >= 10 and soon > (20 if outputs == 1 else 0) and not FULL:
            break
        head = small_head(np.random.default_rng([seed, outputs, 7]), 5, outputs)
        may = [[c for c in range(len(head.codes)) if c != a] for a in head.label]
        labels = Labels(ridge(head), head.Y.tolist(), head.codes.tolist(), may, head.threshold)
        if labels.system.inverse.X is None:
            continue
        solutions = labels.system.solutions(head.points.tolist())
        for e, today, solution in zip(head.points.tolist(), head.today.tolist(), solutions, strict=True):
            strict, loose = oracle.tolerated_labels(head.phi.tolist(), head.Y.tolist(), head.mu, head.decayed.tolist(),
                                                    e, today, head.codes.tolist(), may, head.threshold)
            found = [margins(labels.system, solution, product, s) for s, product in labels.conditions(today)]
            for m in range(-1, 6):
                answer = soon_tolerated(found, m)
                assert answer is not True or m <= strict
                assert answer is not False or loose < 0 or strict != loose
                soon, told = soon + (answer is True and m > 0), told + (answer is False)
    assert soon > (20 if outputs == 1 else 0) and told == 0


@pytest.mark.parametrize("seed", range(12))
def test_lengths_and_errors_of_solutions_hold(seed: int) -> None:
    """`|Φu|`, `|u|`, `|ΦH⁻¹e − Φu|` and `|e − Hu|_{H⁻¹}` in rationals; the first two are not much less.

    Of u that are far longer than `Φu` the cut matrix does not say how long that is.
    """
    head = small_head(np.random.default_rng([seed, 1, 9]), 6, 1)
    system = ridge(head)
    if system.inverse.X is None:
        return
    n, p = head.phi.shape
    phi = fmpq_mat(n, p, [exactly(head.phi[i, a]) / exactly(2) ** system.shifts[a] for i in range(n) for a in range(p)])
    H = phi.transpose() * phi + fmpq_mat(p, p, [
        exactly(head.mu) / exactly(4) ** system.shifts[a] if a == b and head.decayed[a] else fmpq(0)
        for a in range(p) for b in range(p)])
    for e, s in zip(head.points.tolist(), system.solutions(head.points.tolist()), strict=True):
        u = fmpq_mat(p, 1, [fmpq(x) / exactly(2) ** s.bits for x in s.u])
        right = fmpq_mat(p, 1, [exactly(x) / exactly(2) ** k for x, k in zip(e, system.shifts, strict=True)])
        w = H.solve(right)
        rest = right - H * u
        for bound, exact, near in ((s.length, phi * u, s.size < s.length * 2**10), (s.size, u, True),
                                   (s.off, phi * (w - u), False)):
            square = arb(sum((x * x for x in exact.entries()), fmpq(0)))
            assert bound**2 >= square.lower()
            assert not near or bound**2 <= square * (1 + arb(2) ** -20) + arb(2) ** -60
        assert s.off**2 >= arb((rest.transpose() * H.solve(rest))[0, 0]).lower()


def test_a_residual_of_a_right_side_with_more_bits_than_the_product() -> None:
    """Long targets: the right side has 60 bits and theirs, the matrix with the solution some 110."""
    system = Ridge([[1.0, 0.5], [0.25, 1.0], [0.5, 0.5]], arb(1), [True, True])
    right = Whole(fmpz_mat(1, 2, [3 << 300, 1 << 301]), FEATURE_BITS + 240, ZERO)
    (s,) = system.solved(right)
    assert FEATURE_BITS + 240 > system.judge.bits + s.bits
    assert s.off < s.length * arb(2) ** -40


def changes_of(small: SmallHead, rng: np.random.Generator, number: int) -> list[tuple[tuple[int, int], ...]]:
    n, codes = len(small.phi), len(small.codes)
    found = []
    for _ in range(number):
        rows = rng.choice(n, int(rng.integers(0, 4)), replace=False)
        found.append(tuple((int(i), int((small.label[i] + 1 + rng.integers(codes - 1)) % codes)) for i in sorted(rows)))
    return found


def refit(small: SmallHead, change: tuple[tuple[int, int], ...]) -> list[float]:
    Y = small.Y.copy()
    for i, c in change:
        Y[i] = small.codes[c]
    H = small.phi.T @ small.phi + small.mu * np.diag(small.decayed)
    return [float(x) for x in np.linalg.lstsq(H, small.phi.T @ Y, rcond=None)[0].T.ravel()]


@pytest.mark.parametrize("outputs", [1, 3])
def test_refits_by_the_normal_matrix_have_the_exact_labels(outputs: int) -> None:
    """Every label that is said is that of the exact refit, and nearly all are said."""
    said = every = 0
    for seed in range(20):
        rng = np.random.default_rng([seed, outputs, 11])
        small = small_head(rng, 7, outputs)
        changes = changes_of(small, rng, 6)
        twin = as_checked(small, as_head(small), tuple(range(7)), 3, True)
        with ctx.workprec(BITS):
            found = refits.labels_after(twin, changes, [refit(small, c) for c in changes])
        for change, labels in zip(changes, found, strict=True):
            Y = small.Y.copy()
            for i, c in change:
                Y[i] = small.codes[c]
            W = oracle.refit(small.phi.tolist(), Y.tolist(), small.mu, small.decayed.tolist())
            for e, label in zip(small.points.tolist(), labels, strict=True):
                assert label == OPEN or (W is not None and oracle.margin(W, e, label, small.threshold) > 0)
                said, every = said + (label != OPEN), every + 1
    assert said > 0.8 * every


@pytest.mark.parametrize("outputs", [1, 3])
def test_weights_far_from_the_refit_prove_no_label(outputs: int) -> None:
    rng = np.random.default_rng(3)
    small = small_head(rng, 7, outputs)
    twin = as_checked(small, as_head(small), tuple(range(7)), 3, True)
    change = changes_of(small, rng, 1)
    far = [1e6 + x for x in refit(small, change[0])]
    with ctx.workprec(BITS):
        assert refits.labels_after(twin, change, [far]) == [[OPEN] * len(small.points)]


def test_deleted_rows_and_weights_are_left_to_balls() -> None:
    rng = np.random.default_rng(5)
    small = small_head(rng, 7, 1)
    twin = as_checked(small, as_head(small), tuple(range(7)), 1, False)
    keep = np.arange(7) != 2
    H = small.phi[keep].T @ small.phi[keep] + small.mu * np.diag(small.decayed)
    V = [np.linalg.solve(H, small.phi[keep].T @ small.Y[keep]).T.ravel().tolist()]
    with ctx.workprec(BITS):
        found = refits.labels_after(twin, [((2, DELETED),)], V)
        assert found == in_balls(twin, [((2, DELETED),)], V) and "ridge" not in twin.made


@pytest.mark.parametrize("long", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_leverages_and_influences_of_shared_trees(monkeypatch: pytest.MonkeyPatch, seed: int, long: bool) -> None:
    """Row by row or all at once, with the whole inverse and with one of two words: within what each says it errs by."""
    if long:
        monkeypatch.setattr(leverages, "LONG", 0)
        monkeypatch.setattr(leverages, "WORDS", 120)
    rng = np.random.default_rng(seed)
    phi = np.c_[rng.standard_normal((12, 4)), np.ones(12)]
    small = SmallHead(phi, np.sign(phi[:, :1]), np.array([[-1.0], [1.0]]), (phi[:, 0] > 0).astype(np.int64), 0.5,
                      np.ones(5, bool), rng.standard_normal((3, 5)), np.ones(3, np.int64), 0.0)
    rows = [0, 1, 3, 4, 5, 6, 7, 8, 9, 11]
    twin = as_checked(small, as_head(small), tuple(rows), 2, False)
    H = phi.T @ phi + 0.5 * np.eye(5)
    c = phi[rows] @ np.linalg.solve(H, small.points.T)
    d = (phi[rows] * np.linalg.solve(H, phi[rows].T).T).sum(axis=1)
    reach = (small.points * np.linalg.solve(H, small.points.T).T).sum(axis=1)
    with ctx.workprec(BITS):
        system = ridge_of(twin)
        assert not long or leverages._cut(system, arb(9))[1] > 0
        root = root_of(twin, system, rows, [2], [0, 1, 2], 2)
    assert np.allclose(np.array(root.d, float) / 2.0**56, d, atol=1e-9)
    for j, point in root.points.items():
        unit = reach[j] ** 0.5 / isqrt(point.reach)  # what c is counted in, but for a little
        one = np.array([point.c.at(point.place, i) for i in range(10)], float)
        point.c.form_all(point.place)
        whole = np.array([point.c.at(point.place, i) for i in range(10)], float)
        assert np.array_equal(one, whole)
        assert np.allclose(one * unit, c[:, j], atol=1e-9)
        assert (np.abs(one) <= 2.0**56).all()


def test_an_inverse_is_not_cut_where_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    system = Ridge([[1.0, 1.0], [1.0, 1.0 + 2.0**-20]], arb(2.0**-40), [True, True])
    assert system.inverse.X is not None
    monkeypatch.setattr(leverages, "WORDS", 80)
    X, off = leverages._cut(system, arb(2))
    assert X is system.inverse.X and off == 0


def test_a_reach_that_is_no_number_is_refused() -> None:
    from certify.check.theorems.head.rows.squared_tree.influences import exponent

    assert [exponent(arb(x)) for x in (3, 4, 0.5, 0)] == [2, 3, 0, 0]
    for x in ("inf", "nan"):
        with pytest.raises(Invalid):
            exponent(arb(x))
