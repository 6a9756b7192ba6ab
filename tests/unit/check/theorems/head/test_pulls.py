"""What rows pull at the last layer, in balls and as whole numbers: no bound is less than the truth (Q6c)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.linalg.definite import Truth
from certify.check.linalg.fixed import Fixed
from certify.check.theorems.head import whole
from certify.check.theorems.head.effects import InBalls
from certify.check.theorems.head.whole import Whole

Pulls = InBalls | Whole

EXACT = 600


@pytest.fixture(autouse=True)
def bits():
    with ctx.workprec(128):
        yield


def matrix(values: np.ndarray) -> arb_mat:
    return arb_mat([[arb(float(x)) for x in row] for row in values])


class Case:
    """Slopes and inputs of some rows, R, and another row; and the exact `y_i`."""

    def __init__(self, seed: int, n: int = 7, k: int = 2, m: int = 3) -> None:
        rng = np.random.default_rng([6, seed])
        self.g, self.phi, self.other = rng.normal(size=(n, k)), rng.normal(size=(n, m)), rng.normal(size=m)
        self.g[0] *= 1e-3 if seed % 2 else 1.0
        self.R = np.tril(rng.normal(size=(k * m, k * m)))
        with ctx.workprec(EXACT):
            crossed = arb_mat([[x * y for x in u for y in v] for u, v in zip(
                matrix(self.g).tolist(), matrix(self.phi).tolist(), strict=True)])
            self.Y = crossed * matrix(self.R).transpose()

    def made(self, kind: type[Pulls]) -> Pulls:
        return kind(matrix(self.g), matrix(self.phi), matrix(self.R))

    def products(self) -> np.ndarray:
        return np.array([[float(x) for x in row] for row in (self.Y * self.Y.transpose()).tolist()])

    def beside(self, falling: bool, count: int) -> list[float]:
        found = []
        for i, row in enumerate(self.products()):
            others = np.delete(row, i)
            found.append(np.sort(np.maximum(others, 0) if falling else np.abs(others))[-count:].sum())
        return found

    def top(self) -> float:
        return float(np.linalg.eigvalsh(self.products())[-1])

    def along(self) -> list[list[arb]]:
        k = self.g.shape[1]
        with ctx.workprec(EXACT):
            columns = arb_mat([[arb(float(x)) if a == b else arb(0) for b in range(k) for x in self.other]
                               for a in range(k)])
            return (columns * matrix(self.R).transpose() * self.Y.transpose()).tolist()


def holds(case: Case, own: Pulls, near: float | None = None) -> bool:
    """Whether nothing is less than the truth; or farther from it than that part."""
    least, most = 1 - 1e-12, 1 + 1e-12 if near is None else 1 + near
    pairs = [*zip(own.sizes, np.sqrt(np.diag(case.products())), strict=True), (own.top(), case.top())]
    for falling in (True, False):
        for count in (1, 3):
            pairs += zip(own.beside(falling, count), case.beside(falling, count), strict=True)
    fine = all(x >= arb(float(y)) * least for x, y in pairs)
    along = own.along([arb(float(x)) for x in case.other])
    fine = fine and all(x.contains(y) for row, exact in zip(along, case.along(), strict=True)
                        for x, y in zip(row, exact, strict=True))
    return fine and (near is None or all(x <= arb(float(y)) * most + 1e-13 for x, y in pairs))


@pytest.mark.parametrize("kind", [InBalls, Whole])
@pytest.mark.parametrize("seed", range(6))
def test_they_hold_and_are_near(kind, seed):
    case = Case(seed)
    assert holds(case, case.made(kind), 2e-2)  # a high power of the trace is that near


def test_the_largest_value_is_seen_by_a_few_vectors(monkeypatch):
    """Without a high power, where there are many weights; it is not less than the truth."""
    case = Case(0, 60, 10, 10)
    monkeypatch.setattr(whole, "top_of_gram", lambda S: arb("inf"))
    found, truth = case.made(Whole).top(), case.top()
    assert truth * (1 - 1e-12) <= float(found) <= truth * (1 + 1e-5)


def test_a_largest_value_that_is_not_proved_is_not_taken(monkeypatch):
    """Nor is one of which the vectors do not say that it is too small."""
    own = Case(0, 60, 10, 10).made(Whole)
    monkeypatch.setattr(whole.Largest, "by_vectors", lambda *_: Truth.UNDECIDED)
    monkeypatch.setattr(whole, "top_of_gram", lambda S: arb("inf"))
    assert not own.top().is_finite()


def off_by(own: Whole, radius: arb) -> Whole:
    """Of the same middle, off by so much."""
    own._Y = Fixed(own._Y.mid, own._Y.bits, radius)
    return own


@pytest.mark.parametrize("part", [0.5, 2.0**-20])
def test_rows_as_far_off_as_they_may_be_have_no_larger_value(part):
    """Of one column, whose middle and error point the same way: `(|ŷ| + r)²` is the truth."""
    own = Case(0, 5, 1, 1).made(Whole)
    r = own._Y.size * part
    assert off_by(own, r).top() >= (own._Y.size + r) ** 2 * (1 - arb(2) ** -60)


def test_every_product_is_off_by_so_much():
    """The longest row and one beside it, both off along the other: each of three products counts."""
    own = off_by(Case(0).made(Whole), arb(0))
    plain, r = own.beside(False, 3), arb(2) ** -20
    off = r * (2 * whole.longest_row(own._Y) + r)
    found = off_by(own, r).beside(False, 3)
    assert all(x - y >= 3 * off * (1 - arb(2) ** -60) for x, y in zip(found, plain, strict=True))


@pytest.mark.parametrize("bits", [6, 10, 20])
def test_with_few_bits_they_hold_as_well(bits, monkeypatch):
    monkeypatch.setattr(whole, "WIDE", bits)
    for seed in range(20):
        case = Case(seed)
        assert holds(case, case.made(Whole))


@pytest.mark.parametrize("what", ["sizes", "beside", "top", "along"])
def test_wrong_versions_are_seen(what, monkeypatch):
    """Each of them has to count by how much the whole numbers are off."""
    honest = getattr(Whole, what)

    def wrong(self: Whole, *told: object) -> object:
        own = Whole.__new__(Whole)
        own.__dict__ |= {"_Y": replace(self._Y, radius=arb(0)), "_R": replace(self._R, radius=arb(0)), "_blocks": None}
        return honest.func(own) if what == "sizes" else honest(own, *told)

    def all_hold() -> bool:
        for case in map(Case, range(20)):
            monkeypatch.setattr(whole, "WIDE", 6)
            own = case.made(Whole)
            monkeypatch.setattr(whole, "WIDE", 60)
            if not holds(case, own):
                return False
        return True

    assert all_hold()
    monkeypatch.setattr(Whole, what, property(wrong) if what == "sizes" else wrong)
    assert not all_hold()


@pytest.mark.parametrize("bad", ["nan", "inf"])
def test_what_is_no_number_bounds_nothing(bad):
    case = Case(1)
    g = matrix(case.g)
    g[0, 0] = arb(bad)
    for kind in (InBalls, Whole):
        own = kind(g, matrix(case.phi), matrix(case.R))
        assert not own.sizes[0] < 1e300 and not own.top() < 1e300
        assert not own.beside(False, 1)[0] < 1e300 and not own.along([arb(1)] * 3)[0][0] < 1e300
