"""D4 in integers: hat matrix, residuals, influences and contrast before any deletion."""

from __future__ import annotations

from fractions import Fraction

from flint import arb, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO, norm
from certify.check.linalg.fixed import scale
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.squared.node import BITS, Node
from certify.check.theorems.head.rows.squared.ridge import FEATURE_BITS, Ridge, Solution, Whole, influences
from certify.check.theorems.head.rows.squared.roots import Roots, weighed
from certify.check.theorems.head.rows.squared_labels import contrast, weights_of
from certify.format.refusal import Invalid


def units(x: int | fmpz, bits: int) -> int:
    """`x·2^−bits` in units of `2^−BITS`, rounded down."""
    return int(x) >> (bits - BITS) if bits >= BITS else int(x) << (BITS - bits)


def ceiling(error: arb, shift: int) -> int:
    """An upper bound of `error·2^(BITS − shift)`, whole.

    Raises:
        Invalid: the error is no finite number.
    """
    if not error.is_finite():
        raise Invalid("squared_deletions", "what solutions err by is no finite number",
                      "features of ordinary size are needed")
    top = (error * arb(2) ** (BITS - shift)).upper().ceil().upper()
    mantissa, e = top.man_exp()
    return (int(mantissa) << int(e) if e >= 0 else int(mantissa) >> -int(e)) + 1


def bottom(value: arb, shift: int) -> int:
    """A lower bound of a number that is not negative, times `2^(BITS − shift)`, whole."""
    low = (value * arb(2) ** (BITS - shift)).lower().floor().lower()
    if not low > 0:
        return 0
    mantissa, e = low.man_exp()
    return int(mantissa) << int(e) if e >= 0 else int(mantissa) >> -int(e)


def hat(system: Ridge, rows: list[list[arb]], roots: Roots | None = None) -> tuple[list[list[int]], int]:
    """`ΦH⁻¹Φᵀ` on some rows, times roots if there are any, and what every entry errs by."""
    features, solutions = system.of_rows(rows, roots)
    product = (features * fmpz_mat(len(rows), system.p, [x for s in solutions for x in s.u]).transpose()).tolist()
    # column l has the bits of solution l
    K = [[units(x, FEATURE_BITS + s.bits) for x, s in zip(row, solutions, strict=True)] for row in product]
    error = ZERO
    for s in solutions:
        error = error.max(s.off)  # no number stays none
    return K, ceiling(error, 0) + 1


Side = tuple[list[int], int, int, fmpz_mat, int, arb, arb]


class Sides:
    """Residuals of the contrasts, each computed when it is first asked for."""

    def __init__(self, head: Head, system: Ridge, rows: list[int]) -> None:
        self.head, self.system, self.rows = head, system, rows
        self._kept: dict[tuple[int, int], Side] = {}

    def residuals(self, today: int, b: int) -> Side:
        """Of the rows that may go with their error and power of two; `ΦᵀT`, bits of T, `|T|`, and what T errs by."""
        if (today, b) not in self._kept:
            weights = weights_of(today, b, self.head.k)
            old = [contrast(weights, y) for y in self.head.targets]
            bits = max(x.denominator.bit_length() - 1 for x in old)
            T, bits, wrong = weighed(self.system.roots, [int(x * (1 << bits)) for x in old], bits)
            b_mid = self.system.phi.mid.transpose() * fmpz_mat(len(T), 1, T)
            length = (norm(map(arb, T)) * scale(bits)).upper()
            right = Whole(b_mid.transpose(), FEATURE_BITS + bits, ZERO)
            (v,) = self.system.solved(right, [(self.system.loose * length).upper()])
            (fitted,) = influences(self.system, [v])
            fine = FEATURE_BITS + v.bits
            r = [(T[i] << max(fine - bits, 0)) - (int(fitted[i]) << max(bits - fine, 0)) for i in self.rows]
            fine = max(fine, bits)
            shift = max((x.bit_length() for x in r), default=0) - fine
            error = ceiling(v.off + wrong, shift) + 1
            self._kept[today, b] = [units(x, fine + shift) for x in r], error, shift, b_mid, bits, length, wrong
        return self._kept[today, b]

    def root(self, K: list[list[int]], eK: int, today: int, b: int, solution: Solution,
             q: list[fmpz]) -> tuple[Node, int]:
        """The node of no deletion, and the power of two of its residuals."""
        r, er, r_shift, products, bits, length, wrong = self.residuals(today, b)
        fine = FEATURE_BITS + solution.bits
        c_shift = max((int(x.bit_length()) for x in q), default=0) - fine
        c = [units(x, fine + c_shift) for x in q]
        total = sum((x * y for x, y in zip(solution.u, products.entries(), strict=True)), fmpz(0))
        offset = weights_of(today, b, self.head.k)[0] * Fraction(self.head.threshold) if b < 0 else Fraction(0)
        value = arb(total) * scale(fine + bits) - arb(offset.numerator) / offset.denominator
        shift = r_shift + c_shift
        middle = value.mid() * arb(2) ** (BITS - shift)
        mantissa, e = middle.mid().man_exp()
        z = int(mantissa) << int(e) if e >= 0 else int(mantissa) >> -int(e)
        off = solution.off * length + (solution.length + solution.off) * wrong
        error = ceiling(value.rad() + off + abs(value.mid()) * arb(2) ** -50, shift) + 2
        node = Node(self.rows, K, r, c, z, eK, er, ceiling(solution.off, c_shift) + 1, error)
        return node, r_shift
