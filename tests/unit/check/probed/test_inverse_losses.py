"""What a proposed inverse lacks (W8): every term of it counts, is handed on, and is held against what is stated."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest
from flint import arb, arb_mat

from certify.check.linalg.definite import Truth
from certify.check.probed import inverse_blocks
from certify.check.probed.inverse_blocks import Inverse, inverse_of, tried_first
from certify.check.theorems.modulus.rows import compared


def exact(x: arb) -> Fraction:
    man, exp = x.man_exp()
    return Fraction(int(man)) * Fraction(2) ** int(exp)


def identity(n: int) -> arb_mat:
    return arb_mat(n, n, [arb(i % (n + 1) == 0) for i in range(n * n)])


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize(("square", "above", "truth"), [
    (3, True, Truth.UNDECIDED), (5, True, Truth.PROVED), (1.2, True, Truth.DISPROVED), (1.5, True, Truth.UNDECIDED),
    (1.2, False, Truth.PROVED), (1.5, False, Truth.UNDECIDED), (3, False, Truth.UNDECIDED),
    (5, False, Truth.DISPROVED)])
def test_ends_are_held_against_both_sides(outputs: int, square: float, above: bool, truth: Truth) -> None:
    """With P = 2 and ε = 1/2 all that is known of κ² is that it lies between 4/3 and 4."""
    unit = identity(outputs)
    point: Any = SimpleNamespace(of=lambda _: SimpleNamespace(moved={0: unit.tolist()}), precision=128)
    assert compared(point, 0, arb(square), above, unit * 2, arb(0.5)).truth is truth


def test_what_is_lost_is_handed_on() -> None:
    told: list[tuple[bool, arb]] = []

    def judge(point: object, number: int, square: arb, above: bool, P: arb_mat, lost: arb) -> Any:
        told.append((above, lost))
        return SimpleNamespace(truth=Truth.UNDECIDED)

    point: Any = SimpleNamespace(of=lambda _, number: [(arb_mat([[2]]), arb(0.5))])
    asked: Any = lambda *_: None  # noqa: E731
    for rule in tried_first((asked, asked), judge):
        rule(point, 0, 1.0)
    assert told == [(True, arb(0.5)), (False, arb(0.5))]


@pytest.mark.parametrize(("x", "off", "loose"), [(1.0, 0.0, 0.5), (1.0, 0.25, 0.25), (2.0, -0.25, 0.125),
                                                 (0.5, 0.125, 1.0), (1.0, 0.5, 0.0)])
def test_what_is_lost_is_no_less_than_the_page_says(x: float, off: float, loose: float) -> None:
    """`β(|r̂| + ϱ|x|)²‖M⁻¹‖` for every M, the smallest too, of the balls that a K in balls leaves."""
    most = 3
    found = Inverse(arb_mat([[arb(x)]]), arb_mat([[arb(off)]]), arb(loose), arb(most), arb(x), arb(abs(off)), arb(1))
    ((_, lost),) = found.block(0, 1)
    X, R, r = Fraction(x), Fraction(off), Fraction(loose)
    assert exact(lost) >= most * (abs(R) + r * X) ** 2 / (X + R * X - r * X * X)


def proposed(monkeypatch: pytest.MonkeyPatch, K: arb_mat, P: arb_mat, X: arb_mat | None = None) -> Inverse | None:
    """What is proved with a factor P, and with X in place of `PᵀP`, both of K times a power of two."""
    honest = inverse_blocks.cut
    monkeypatch.setattr(inverse_blocks, "factor", lambda *_: (P, P))
    if X is not None:
        monkeypatch.setattr(inverse_blocks, "cut", lambda M, places: (
            X if places == inverse_blocks.PLACES else honest(M, places)))
    return inverse_of(K)


@pytest.mark.parametrize(("K", "X"), [
    ([[1, 2], [2, 1]], [["-2/3", "4/3"], ["4/3", "-2/3"]]), ([[1]], [[3]]), ([["1 +/- 0.4"]], [["1.8"]])])
def test_a_matrix_far_from_the_product_proves_nothing(K: list[list[Any]], X: list[list[Any]],
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    """The inverse of an indefinite K; 1/2 + 1/2·2 in place of less than 1; and that with the whole of a ball alone."""
    quotient = arb_mat([[arb(str(x).split("/")[0]) / int((str(x).split("/") + ["1"])[1]) for x in row] for row in X])
    balls = arb_mat([[arb(x) for x in row] for row in K])
    assert proposed(monkeypatch, balls, identity(len(K)), quotient.mid()) is None


@pytest.mark.parametrize(("K", "proves"), [(0.75, True), (0.99, True), (1.0, False), (1.1, False), (1.25, False)])
def test_a_product_beyond_twice_the_inverse_proves_nothing(K: float, proves: bool,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    """`1 − KX` is −1 and less from K = 1 on, and then β would be negative; till then β is a bound."""
    unit = 1.0 if K < 1 else 0.5
    found = proposed(monkeypatch, arb_mat([[arb(K)]]), arb_mat([[2 * arb(0.5 / unit).sqrt()]]))
    assert (found is not None) is proves
    assert found is None or found.most >= 1 / (arb(K) * unit)


def test_the_norm_of_the_inverse_counts_how_far_the_product_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 1 for `PᵀP` and 7/4 for X, near 2, the inverse of 1/2: `(1 + 3/4)/(1 − 1/8)`, which is 2."""
    found = proposed(monkeypatch, arb_mat([[1]]), arb_mat([[1]]), arb_mat([[arb(1.75)]]))
    assert found is not None and 2 <= found.most.upper() < 2.0001
