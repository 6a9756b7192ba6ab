"""D32 in integers, number by number: what is stated bears every error that is stated, whatever its sign."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.theorems.head.rows.both_squared import base, sets
from certify.check.theorems.head.rows.codes import Codes
from certify.check.theorems.head.rows.head import BITS as PRECISION
from certify.check.theorems.head.rows.squared.node import BITS, ONE
from certify.check.theorems.head.rows.squared.ridge import ridge_of
from certify.format.refusal import Invalid
from certify.rigor.fp import Array
from tests.families.both_heads import both_head
from tests.unit.theorems.head.rows.both.test_numbers import all_sets, coupled, hat

ERROR = 2.0**-10
"""What every number that has an error is off by: of `1 − κ` and of contrasts it is little, of roundings much."""

TARGETS = np.array([[-1.0, 0.5, 0.25], [0.0, 1.0, 0.0], [1.0, -0.5, 0.0]])
"""Targets of three labels on three outputs, of which none is a mark."""


def whole(v: Array) -> Any:
    """In units of `2^−BITS`, rounded to the nearest."""
    return [[round(Fraction(float(x)) * ONE) for x in row] for row in v] if v.ndim == 2 else [
        round(Fraction(float(x)) * ONE) for x in v]


@dataclass(frozen=True, eq=False)
class Truth:
    """Numbers of one contrast as they are, and what the choices of deleted rows M take."""

    K: Array
    c: Array
    r: Array
    high: Array
    low: Array

    def taken(self, gone: tuple[int, ...], m: int) -> float:
        """Exactly, the worst labels of others among it."""
        at, rest = list(gone), [i for i in range(len(self.c)) if i not in gone]
        y = np.linalg.solve(np.eye(len(at)) - self.K[np.ix_(at, at)], self.c[at])
        after = (self.c + self.K[:, at] @ y)[rest]
        v = np.maximum(np.maximum(after * self.high[rest], after * self.low[rest]), 0.0)
        return float(y @ self.r[at] + np.sort(v)[::-1][:m].sum())


def drawn(rng: np.random.Generator, n: int, pair: base.Pair, thin: bool) -> tuple[Truth, Codes, list[int]]:
    """A contrast; where it is thin, labels take little beside what deleted rows do."""
    codes = Codes((TARGETS * (0.01 if thin else 1.0)).tolist(), [], [])
    own = rng.integers(0, 3, n).tolist()
    values = [float(base.contrast([(j == pair[0]) * pair[2] - (j == pair[1]) for j in range(3)], t))
              for t in codes.rows]
    high = np.array([values[y] - min(v for x, v in enumerate(values) if x != y) for y in own])
    low = np.array([values[y] - max(v for x, v in enumerate(values) if x != y) for y in own])
    return Truth(hat(rng, n, 0.7), rng.normal(size=n), rng.normal(size=n), high, low), codes, own


def based(t: Truth, codes: Codes, own: list[int], most: tuple[int, int], off: dict[str, Array],
          pair: base.Pair) -> tuple[base.Base, sets.One]:
    """What the checker would know of numbers that are off."""
    n, e = len(t.c), round(ERROR * ONE)
    wrong = {name: (e if name in off else 0) for name in "Kcr"}
    K, c, r = (whole(np.asarray(v + off.get(name, 0.0))) for name, v in zip("Kcr", (t.K, t.c, t.r), strict=True))
    K = [array("q", line) for line in K]
    outputs: Any = SimpleNamespace(R=[r, [0] * n, [0] * n] if pair[1] >= 0 else [[pair[2] * x for x in r]],
                                   er=-(-wrong["r"] // (2 if pair[1] >= 0 else 1)), shift=0)
    eK = wrong["K"] + 1
    low = [ONE - line[i] - eK for i, line in enumerate(K)]
    far = [base.farthest(codes, y, 0) for y in own]
    labels, farthest = base.sums(K, eK, far, most[1])
    x = [base.above((v + base.pair_error(outputs)) << BITS, d)
         for v, d in zip(base.ranges(outputs.R), low, strict=True)]
    first = [a + b for a, b in zip(base.sums(K, eK, x, most[0] - 1)[0], labels, strict=True)]
    omega = base.comparison(K, eK, low, first, most[0] - 1)
    found = base.Base(K, eK, low, outputs, {}, *most, labels, farthest, omega or [1] * n, codes, own)
    side, ec = found.side(pair), wrong["c"] + 1
    taken = sets.drops(side, c, ec)
    return found, sets.One(c, ec, side, 0, taken, sorted(range(n), key=lambda i: -taken[i]))


def cases(seeds: int) -> Iterator[tuple[Truth, Codes, list[int], tuple[int, int], dict[str, Array], base.Pair]]:
    """Numbers that are all right, or one kind of which is off by all that it may be, with any signs."""
    for seed in range(seeds):
        rng = np.random.default_rng([3, seed])
        n, most = 4, [(1, 1), (2, 1), (1, 2), (2, 2)][seed % 4]
        pair = (0, 1, 1) if seed % 3 else (0, -1, -1)
        t, codes, own = drawn(rng, n, pair, seed % 5 == 0)
        t = replace(t, r=t.r * (seed % 8 < 4))  # labels alone take where all residuals are 0
        yield t, codes, own, most, {}, pair
        for signs in product((-ERROR, ERROR), repeat=n):
            yield t, codes, own, most, {"c": np.array(signs)}, pair
            yield t, codes, own, most, {"r": np.array(signs)}, pair
            yield t, codes, own, most, {"K": np.outer(np.sign(signs), np.sign(signs)) * ERROR}, pair
            yield t, codes, own, most, {"K": -np.outer(np.sign(signs), np.sign(signs)) * ERROR}, pair


def test_sets_of_deletions_are_not_said_to_leave_what_they_take() -> None:
    tight = 0
    for t, codes, own, most, off, pair in cases(8):
        found, one = based(t, codes, own, most, off, pair)
        for gone in all_sets(list(range(4)), most[0])[1:]:
            true = t.taken(gone, most[1])
            for share, said in ((-1e-9, False), (0.2, True)):
                z = round(Fraction(true + share) * ONE * ONE)
                stays = sets.left(found, replace(one, least=z), gone)
                assert said or not stays, (off, gone)
                tight += stays
            solved = sets.solved(found, one, gone)
            if solved is not None:
                y = np.linalg.solve(np.eye(len(gone)) - t.K[np.ix_(gone, gone)], t.c[list(gone)])
                assert (np.abs(y - np.array(solved[0]) / ONE) <= solved[1] / ONE + 1e-12).all()
    assert tight > 1500


@pytest.mark.parametrize("name", ["c", "K"])
def test_influences_after_a_deletion_bear_what_those_before_and_the_hat_matrix_are_off_by(name: str) -> None:
    """A row of larger leverage than the deleted one: what y errs by is less than what its influence then does."""
    off = {name: -ERROR * np.ones((2, 2) if name == "K" else 2)}
    t = Truth(np.array([[0.2, 0.4], [0.4, 0.8]]), np.array([1.0, 0.5]), np.zeros(2), np.full(2, 2.0), np.ones(2))
    found, one = based(t, Codes(TARGETS.tolist(), [], []), [2, 2], (1, 1), off, (0, -1, 1))
    assert one.side.high == [2 * ONE] * 2 and one.side.low == [ONE] * 2
    for share, said in ((-1e-9, False), (0.2, True)):
        z = round(Fraction(t.taken((0,), 1) + share) * ONE * ONE)
        assert sets.left(found, replace(one, least=z), (0,)) == said


def test_shares_bear_every_choice() -> None:
    there = 0
    for t, codes, own, most, off, pair in cases(4):
        found, one = based(t, codes, own, most, off, pair)
        if found.omega == [1] * 4:
            continue
        there += 1
        each = sets.shares(found.side(pair), one.c, one.ec)
        x, omega = t.r / (1.0 - np.diagonal(t.K)), np.array(found.omega) / ONE
        assert (np.array(each) / ONE**2 + 1e-12 >= t.c * x + np.abs(t.c) * omega).all()
        labels = sum(sorted((max(v, 0) for v in one.taken), reverse=True)[: most[1]])
        for gone in all_sets(list(range(4)), most[0]):
            assert t.taken(gone, most[1]) <= (labels + sum(each[i] for i in gone)) / ONE**2 + 1e-12
    assert there > 50


@pytest.mark.parametrize("most", [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2)])
@pytest.mark.parametrize("few", [False, True])
def test_a_comparison_bears_every_set_of_deleted_and_relabelled_rows(most: tuple[int, int], few: bool) -> None:
    rng, there = np.random.default_rng(most), 0
    for off in (0.0, 2.0**-8):
        for _ in range(6):
            n = 6
            K = hat(rng, n, 0.9)
            x, moved = rng.exponential(size=n), rng.exponential(size=n) * (0.01 if few else 1.0)
            A, eK = [array("q", line) for line in whole(K)], round(off * ONE) + 1
            wide = np.abs(K) + off  # the true matrix may be this, with any signs; x is stated to bear its own errors
            np.fill_diagonal(wide, np.diagonal(K))
            low = [ONE - line[i] - eK for i, line in enumerate(A)]
            if min(low) <= 0:
                continue
            labels, far = base.sums(A, eK, whole(moved), most[1])
            first = [a + b for a, b in zip(base.sums(A, eK, whole(x), most[0] - 1)[0], labels, strict=True)]
            omega = base.comparison(A, eK, low, first, most[0] - 1)
            terms = wide * moved * (1 - np.eye(n))
            largest = np.sort(terms, axis=1)[:, ::-1][:, : most[1]].sum(axis=1)
            assert (np.array(labels) / ONE**2 + 1e-12 >= largest).all()
            assert (np.array(far) / ONE**2 + 1e-12 >= terms.max(axis=1)).all()
            if omega is not None:
                there += 1
                after = base.sums(A, eK, omega, most[0] - 1)[0]
                assert all(d * w > a + b for d, w, a, b in zip(low, omega, first, after, strict=True))  # strictly
                D = np.array(low) / ONE
                assert (np.array(omega) / ONE + 1e-12 >= coupled(wide, D, x, moved, *most)).all()
    assert there >= 2
    apart = [[ONE // 2 if i == j else ONE * 45 // 100 for j in range(4)] for i in range(4)]
    assert base.comparison(apart, 0, [ONE // 2] * 4, [ONE * ONE] * 4, 2) is None  # three of these rows are too many


def test_new_labels_take_what_the_worst_one_does() -> None:
    for pair in ((0, 1, 1), (2, 0, 1), (1, -1, 1), (1, -1, -1)):
        codes = Codes(TARGETS.tolist(), [], [])
        high, low = base.swing(pair, codes, [0, 1, 2], -3)
        weights = [(j == pair[0]) * pair[2] - (j == pair[1]) for j in range(3)]
        old = [sum(w * Fraction(x) for w, x in zip(weights, t, strict=True)) for t in TARGETS.tolist()]
        for y in range(3):
            gaps = [(old[y] - v) * 2 ** (BITS + 3) for x, v in enumerate(old) if x != y]
            assert (high[y], low[y]) == (max(gaps), min(gaps))
            assert base.farthest(codes, y, -3) >= max(map(abs, gaps))
    third = Codes([[1 / 3], [0.0]], [], [])  # rounded away from what a label takes
    (high, low), exact = base.swing((0, -1, 1), third, [0, 1], BITS), Fraction(1 / 3)
    assert high == [1, 0] and low == [0, -1] and base.farthest(third, 0, BITS) == 1 and 0 < exact < 1
    side: Any = SimpleNamespace(high=[3, 5, -2], low=[-1, 2, -7], size=[3, 5, 7])
    assert sets.drops(side, [2, -2, -1], 0) == [6, -4, 7] and sets.drops(side, [2, -2, -1], 10) == [36, 46, 77]


def test_the_hat_matrix_is_within_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    one = both_head(np.random.default_rng(5))
    with ctx.workprec(PRECISION):
        twin = one.twin
        system = ridge_of(twin, 1)
        found = base.hat_of(system, twin.rows)
        assert found is not None
        K, eK = found
        left = [i for i in range(one.head.n)]
        assert one._influences(())[1] == left and eK < 2**10
        exact = replace(one, head=replace(one.head, points=one.head.phi), change=one.change)
        if one.head.remaining:  # the decay after one deletion
            exact = replace(exact, head=replace(exact.head, remaining=False,
                                                weight_decay=one.head.weight_decay * (1 - 1 / one.head.n)))
        q, _ = exact._influences(())
        off = eK if not one.head.remaining else 2**12
        monkeypatch.setattr(base, "BLOCK", 3)
        for some in (K, base.hat_of(system, twin.rows)[0]):  # type: ignore[index]
            assert all(abs(some[i][j] - Fraction(int(q[i][j].p), int(q[i][j].q)) * ONE) <= off
                       for i in left for j in left)
        solved = type(system).solutions
        for error, refused in ((arb(2.0**-20), False), (arb(1.5), True), (arb("nan"), None)):
            monkeypatch.setattr(type(system), "solutions", lambda self, *given, error=error: [
                replace(s, off=error) for s in solved(self, *given)])
            if refused is None:
                with pytest.raises(Invalid):
                    base.hat_of(system, twin.rows)
            else:
                rough = base.hat_of(system, twin.rows)
                assert (rough is None) == refused and (rough is None or rough[1] >= 2 ** (BITS - 20))


@pytest.mark.parametrize("labels", [2, 3])
@pytest.mark.parametrize(("e", "er"), [(ONE >> 7, 0), (0, ONE >> 2)])
def test_what_is_known_before_deletions_bears_the_errors_of_its_numbers(labels: int, e: int, er: int,
                                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    """With every entry of the hat matrix, or every residual, nearer to 0 than it is, by all that it may be off."""
    there, hat_of, outputs_of = 0, base.hat_of, base.outputs_of

    def less(v: int, e: int = e) -> int:
        return v - e if v > 0 else v + e

    def near(R: list[list[int]]) -> list[list[int]]:
        """The largest output of every row less, and the least more."""
        if len(R) == 1:
            return [[less(x, er) for x in R[0]]]
        ends = [(max(row), min(row)) for row in zip(*R, strict=True)]
        return [[x - er * (x == most) + er * (x == least) for x, (most, least) in zip(r, ends, strict=True)] for r in R]

    for seed in range(30):
        one = both_head(np.random.default_rng([6, seed]), labels=labels)
        twin, rows, most = one.twin, list(one.change.rows), (one.change.deleted, one.change.relabelled)
        with ctx.workprec(PRECISION):
            system, at = ridge_of(twin, most[0]), [j for j, y in enumerate(twin.today) if y >= 0]
            right = base.base_of(twin, system, rows, at, most)
            monkeypatch.setattr(base, "hat_of", lambda *given: (
                [array("q", map(less, line)) for line in hat_of(*given)[0]], e + 2**10))  # type: ignore[index]
            monkeypatch.setattr(base, "outputs_of", lambda *given: replace(
                found := outputs_of(*given), er=er + found.er, R=near(found.R)))
            rough = base.base_of(twin, system, rows, at, most)
            monkeypatch.setattr(base, "hat_of", lambda *given: (
                (found := hat_of(*given))[0], ONE - max(line[i] for i, line in enumerate(found[0]))))  # type: ignore[index]
            assert base.base_of(twin, system, rows, at, most) is None  # a row is not proved to leave a refit
            monkeypatch.undo()
        if right is None or rough is None:
            continue
        K, there = np.array([list(line) for line in right.K]) / ONE, there + 1
        D, unit = 1.0 - np.diagonal(K), 1 / ONE
        assert (np.array(rough.low) * unit <= D + 1e-12).all()
        x = np.array(base.ranges(right.outputs.R)) * unit / D
        codes, own = np.array(twin.codes.rows), np.array(right.own)
        gaps = codes[:, None, :] - codes[None, :, :]
        far = (gaps.max(axis=2) - gaps.min(axis=2) if labels == 3 else np.abs(gaps[..., 0])).max(axis=0)
        worst = coupled(np.abs(K), D, x, far[own] * 2.0 ** -right.outputs.shift, *most)
        assert (np.array(rough.omega) * unit + 1e-12 >= worst).all()
    assert there >= 3


def test_contrasts_have_the_residuals_of_their_outputs() -> None:
    R = [[5, 7], [1, -2], [0, 3]]
    made: Any = SimpleNamespace(R=R, er=2, shift=BITS)
    codes = Codes(TARGETS.tolist(), [], [])
    K = [array("q", [0, 0]), array("q", [0, ONE // 2])]
    found = base.Base(K, 1, [ONE - 1, ONE // 2 - 1], made, {}, 1, 1, [0, 0], [0, 0], [10, 20], codes, [0, 1])
    side = found.side((0, 1, 1))
    assert side.r == [4, 9] and side.x == [4, 18] and found.pair_error == 4
    assert side.wide[0] >= 10 + 4 + 1 and side.wide[1] >= 20 + 8 + 1
    assert found.side((2, 0, 1)).r == [-5, -4] and base.ranges(R) == [5, 9] and base.ranges([[-3, 2]]) == [3, 2]
    alone = replace(found, outputs=SimpleNamespace(R=[[5, -7]], er=2, shift=BITS), made={})  # type: ignore[arg-type]
    assert alone.side((0, -1, -1)).r == [-5, 7] and alone.pair_error == 2
