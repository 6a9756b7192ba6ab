"""What one reading proves of every evaluation row that is stated (D14)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from flint import arb, fmpz, fmpz_mat

from certify.check.kernel import CHANCE
from certify.check.linalg.balls import ZERO, largest
from certify.check.linalg.fixed import Fixed, scale
from certify.check.linalg.probes import bound_of
from certify.check.reading.arrays import Array
from certify.check.stored.beside import energies
from certify.check.stored.conditions import lasts
from certify.check.stored.evaluated import Weights, weights_of_file
from certify.check.stored.ground import Rows
from certify.check.stored.lengths.curvature import SOME, Cut, Proposed, cuts_of, theta
from certify.check.stored.lengths.points import FINE, Point, Points, evaluated
from certify.check.stored.lengths.reading import MOVED, SLOPE_BITS, Asked, Reading, above
from certify.check.stored.lengths.sizes import sizes_of
from certify.check.stored.lengths.slopes import bend_over, kept
from certify.check.stored.npy import Stored
from certify.check.stored.stated import Stated
from certify.check.theorems.head.rows.squared.ridge import Whole
from certify.format.canonical import show
from certify.format.refusal import Invalid

Tell = Callable[[str], None]

UNSURE = 2.0**-10
"""What of the curvature of a row may be unsure."""

GRADIENT_BITS = 110
"""Bits of the gradient behind the point."""

PROBED = 16
"""Columns from which random probes judge the curvature, where they may: of fewer the whole takes no longer."""


@dataclass(frozen=True)
class Held:
    """What holds for every choice of rows; everything no less, but for `borne`.

    Attributes:
        gamma: the length of the gradient in the norm of the inverse of H.
        unsure: ε.
        borne: at most `(1 − ε)ω` of the longest row: what is left of the curvature.
        distance: of the minimum from ŵ, whatever the choice.
        longest: the largest length of a row.
        share: what `|(H − K)u|` is at most of `|u|`, in the norms of the inverse of K and of K.
        lost: what bits of features lose.
        count: how many rows may change.
    """

    gamma: arb
    unsure: arb
    borne: arb
    distance: arb
    longest: arb
    share: arb
    lost: Cut
    count: int

    def each(self, one: Point) -> arb:
        """What an influence `c_j = s_j·H⁻¹e` may err by: `|s_j||e − Hu|`, and the bits of the row and of u."""
        s = one.solution
        off = s.off + self.share * (one.energy + s.off)
        return (self.longest * off * (1 + SOME) + self.lost.row * s.size + one.cut).upper()

    def rest(self, one: Point, unit: arb) -> arb:
        """What linearising leaves, and the gradient: by lengths, or by the largest influence that bends."""
        x = self.distance * self.longest
        bent = (1 + self.unsure) * bend_over(x) * x + self.unsure
        along = arb(one.bent) * unit * scale(FINE) + self.each(one) * bend_over(x)
        whole = (one.energy * bent * self.distance).upper()
        single = ((1 + self.unsure) * self.distance**2 * along + self.unsure * one.energy * self.distance).upper()
        return (whole.min(single) + one.energy * self.gamma).upper()


class Lengths:
    """The evaluation rows that are stated to stay, or to flip, of a logistic regression.

    Args:
        rows: the training rows.
        stated: what is stated.
        arrays: of the witness file.
        tell: told what was done.

    Attributes:
        already: how many of those that flip have another label before any change.
        near: at least how far the weights of the model file are from the minimum, as a part of their length.

    Raises:
        Invalid: a witness of another form.
    """

    def __init__(self, rows: Rows, stated: Stated, arrays: dict[str, Array], tell: Tell) -> None:
        p = rows.shape[1]
        needed = {"centre": (p,), "curvature": (p, p), "distance": (1,)}
        shapes = {name: array.shape for name, array in arrays.items()}
        if shapes != needed:
            raise Invalid("witness file", f"it has arrays {show({name: list(x) for name, x in shapes.items()})}",
                          f"{show({name: list(x) for name, x in needed.items()})} are needed")
        self.rows, self.stated, self.tell = rows, stated, tell
        self.distance = arb(arrays["distance"].values[0])
        if not self.distance > 0:
            raise Invalid("witness file", "it has a distance", "a number above 0 is needed")
        mu, decayed = arb(stated.penalty), [True] * (p - 1) + [not stated.free]
        sizes = sizes_of(rows, mu, decayed)
        tell("the rows are read, and their bytes are the ones the certificate binds")
        values = arrays["curvature"].values
        self.system = Proposed([values[a * p:(a + 1) * p] for a in range(p)], sizes, rows.shape[0], mu, decayed)
        # ŵ may be any vector: it is these integers
        own = {"weight": Array((1, p), arrays["centre"].values, "f")}
        self.centre = weights_of_file(own, 1, p, False, "witness file", sizes.shifts)
        self.counts = Counter(rows.classes)
        self.already, self.near = 0, math.inf

    def decide(self, new: Stored, model: dict[str, Array]) -> None:
        """Every evaluation row that is stated.

        Args:
            new: the evaluation rows.
            model: the weights that were given.

        Raises:
            Invalid: what is stated of one of them is not proved.
        """
        given = weights_of_file(model, 1, self.stated.columns, self.rows.ones, "model file", self.system.shifts)
        assert self.stated.changed is not None
        asked: dict[int, tuple[int, ...] | None] = dict.fromkeys(self.stated.stays)
        asked |= dict(zip(self.stated.flips, self.stated.changed, strict=True))
        left = list[Point]()
        for one in evaluated(self.system, new, self.rows.ones, self.centre, given, asked):
            self._possible(one)
            if one.rows is not None or not apart(one, self.distance):
                left.append(one)
        self.tell(f"{len(left)} evaluation rows are left for the influences of all training rows")
        *quick, sharp = cuts_of(self.system, self.centre.length, self.distance, self.stated.deletes)
        for lost in quick:
            try:
                held = self._proved(left, lost)
                break
            except Invalid as refusal:
                self.tell(f"features of {lost.bits} bits do not do ({refusal})")
        else:
            held = self._proved(left, sharp)
        self.near = self._near(held, given)

    def _near(self, held: Held, given: Weights) -> float:
        """`|ŵ − w| ≤ γ/F` in the norm of H; of the weights that were given, in columns as they are."""
        units = [scale(s) for s in self.system.shifts]
        lengths = [ZERO, ZERO]
        for x, y, unit in zip(given.mid.entries(), self.centre.mid.entries(), units, strict=True):
            own = arb(x) * scale(given.bits) * unit
            off = own - arb(y) * scale(self.centre.bits) * unit
            lengths = [lengths[0] + own * own, lengths[1] + off * off]
        cut = largest(units) * scale(given.bits) * arb(len(units)).sqrt()
        moved = held.gamma / held.borne * self.system.stretch * (1 + SOME) * largest(units)
        part = (lengths[1].sqrt() + cut + moved) / (lengths[0].sqrt() - cut).max(ZERO)
        return above(part)

    def _proved(self, left: list[Point], lost: Cut) -> Held:
        """By one reading all that lengths do not decide."""
        reading = Reading(Asked(self.rows, self.system, lost, self.centre, self.distance,
                                self.stated.deletes, Points(left, self.stated.count, lost.bits), self.stated.count))
        held = self._held(reading)
        self.tell("the minimum is near enough to the centre after every change")
        for one in left:
            unit = one.unit(lost.bits)
            if not (least(one, held, unit) > 0 if one.rows is None else most(one, held, unit) < 0):
                raise _wrong(one, "it is not proved")
        self.already = sum(one.rows is not None and bool(one.margin + held.rest(one, one.unit(lost.bits)) < 0)
                           for one in left)
        return held

    def _possible(self, one: Point) -> None:
        """Refuse what no model that is trained again says: a class without rows is none of its."""
        if one.label < 0:
            raise _wrong(one, "the weights in the model file do not give it one label")
        own, other = self.counts[one.label], self.counts[1 - one.label]
        if one.rows is None and own <= self.stated.count:
            raise _wrong(one, lasts(own))
        if one.rows is not None:
            gone = Counter(self.rows.classes[i] for i in one.rows)
            more = 0 if self.stated.deletes else gone[one.label]
            if other - gone[1 - one.label] + more < 1:
                raise _wrong(one, "the rows named leave no row of the other class")

    def _held(self, reading: Reading) -> Held:
        """The reading, and what D14 says then: `P < (F − κ)a` for the distance a that is stated."""
        system, lost = self.system, reading.asked.lost
        off = self._off(reading)
        part, moved = theta(system, off + scale(system.matrix.bits), lost)
        unsure = reading.doubt
        if not unsure < UNSURE:
            raise Invalid("witness file", "it has a centre", "the curvature of a row is not known there")
        gamma = self._gamma(reading, unsure)
        pulls, kappa = reading.largest(self.stated.count)
        kappa = kappa if self.stated.deletes else ZERO
        longest = arb(reading.longest)
        x = (self.distance * longest).upper()
        borne = (1 - unsure) * kept(x) if x < MOVED else ZERO
        if not gamma + pulls < (borne - kappa) * self.distance:
            raise Invalid("witness file", "the minimum moves no farther than its distance, whichever rows change",
                          f"that is not proved: they may pull {float((gamma + pulls).mid()):.3g}, of which "
                          f"{float(((borne - kappa) * self.distance).mid()):.3g} is borne")
        share = ((1 + moved) ** 2 * (1 + part) - 1).upper()
        return Held(gamma, unsure, borne, self.distance, longest, share, lost, self.stated.count)

    def _off(self, reading: Reading) -> arb:
        """At least `‖Ĥ − K‖` for the middle of K, by one reading."""
        p, said = self.system.p, CHANCE.get()
        if said is not None and p >= PROBED:
            return bound_of("H − K", p, reading.image)
        image, bits, error = reading.image(None)
        return Fixed(image, bits, ZERO).size + error * arb(p).sqrt()

    def _gamma(self, reading: Reading, unsure: arb) -> arb:
        """At least `|∇G(ŵ)|` in the norm of the inverse of H.

        `|Σ α_js_j| ≤ |α/r|₂` there, as `Σ r_j²s_js_jᵀ ⪯ H`: what margins lose, `α_j ≤ (1 + ε)r_j²·δ` with `r_j ≤ 0.51`.
        """
        system, lost, centre = self.system, reading.asked.lost, self.centre
        n, p = arb(system.n), system.p
        own = [mu * x for mu, x in zip(system.decay, centre.mid.entries(), strict=True)]
        here, there = system.matrix.bits + centre.bits, lost.bits + SLOPE_BITS
        whole = [_moved(x, GRADIENT_BITS - here) - _moved(y, GRADIENT_BITS - there)
                 for x, y in zip(own, reading.pulled.entries(), strict=True)]
        g = Whole(fmpz_mat(1, p, whole), GRADIENT_BITS, (2 * arb(p).sqrt() * scale(GRADIENT_BITS)).upper())
        (length,) = energies([whole], g.bits, g.radius, system.solved(g))
        cuts = reading.slack * scale(SLOPE_BITS) * n * system.longest
        cuts += arb(reading.squares).sqrt() * scale(SLOPE_BITS) * n.sqrt() * lost.row
        cuts += scale(system.matrix.bits) * centre.length
        margins = (1 + unsure) * lost.margin.exp() * lost.margin * n.sqrt() * arb(0.51)
        return ((length + cuts * system.stretch) * (1 + SOME) + margins).upper()


def _moved(x: fmpz, up: int) -> fmpz:
    """`x·2^up`, rounded down."""
    return x << up if up >= 0 else x >> -up


def apart(one: Point, distance: arb) -> bool:
    """Whether lengths alone keep a label: `|e·(w − ŵ)| ≤ |e||w − ŵ|`."""
    return bool(one.margin > one.energy * distance)


def least(one: Point, held: Held, unit: arb) -> arb:
    """At most `e·w` after any choice: the rows that take most, and what linearising leaves."""
    taken = arb(sum(one.most, fmpz(0))) * unit * scale(FINE) + held.count * held.each(one)
    return (one.margin - taken - held.rest(one, unit)).lower()


def most(one: Point, held: Held, unit: arb) -> arb:
    """At least `e·w` after the choice that is named."""
    error = arb(0, 1) * held.each(one)
    taken = sum(((arb(value) * unit + error) * pull for value, pull in one.named.values()), ZERO)
    return (one.margin - taken + held.rest(one, unit)).upper()


def _wrong(one: Point, why: str) -> Invalid:
    where = f"claim.{'stays' if one.rows is None else 'flips'}, evaluation row {one.number}"
    return Invalid(where, "it is stated", why)
