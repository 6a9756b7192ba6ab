"""Labels that every network within a distance of the given one gives: `stable_predictions` of exact fits (P2; V57).

The distance is the claim's own, `witness.reach`, and is proved again as an upper end of `distance` is (V30, V31).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from flint import arb, arb_mat

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.network import forward, given
from certify.check.enclosure.norms import layer_squares
from certify.check.kernel import Finding, expect, judged
from certify.check.linalg.balls import ONE, ZERO, norm, root
from certify.check.linalg.small.spectral import spectral
from certify.check.lipschitz.over_ball import Rows, carried, carried_back, reaches, slope_spread
from certify.check.reading import label_rules
from certify.check.reading.certificate import Claim, Number, array_name, number, stated
from certify.check.reading.subject import Problem
from certify.check.rule import Rule, Side, always
from certify.check.systems.interpolation import hypotheses
from certify.check.systems.point import Ladder, Point
from certify.check.theorems.distance.form import Layered
from certify.format.canonical import Json, show
from certify.format.refusal import Invalid

PARTS = 4
"""Parts of the way to the distance, each with a slope of its own."""


@dataclass(frozen=True)
class Labels(Layered):
    """A distance to an exact fit, and what proves it."""

    reach: Number | None = stated(number)
    array: str | None = stated(array_name)

    def scope(self, claim: Claim[object], problem: Json) -> str:
        """The distance, which is part of the claim; and what a label is."""
        return f" for all weights within {self.reach!r}{label_rules.scope(problem)}"


def check_form(claim: Claim[Labels], problem: Problem) -> None:
    """V8 for these claims: a count, the distance, and what proves that; or nothing at all.

    Raises:
        Invalid: the claim has another form.
    """
    where, rows, witness = f"{claim.where}.witness", len(problem.evaluation), claim.witness
    there = [member is not None for member in (witness.reach, witness.array, witness.layer, witness.sigma)]
    if (claim.lower, claim.upper) == (None, None):
        needed = [False] * 4
    elif claim.lower is None or claim.upper != rows or claim.lower % 1:
        raise Invalid(f"{claim.where}.lower, .upper", show([claim.lower, claim.upper]),
                      f"a whole number and {rows}, the number of evaluation rows, or null twice, are needed")
    else:
        needed = [True, True, False, False] if problem.budget.single else [True, False, True, True]
    if there != needed:
        raise Invalid(where, f"reach, array, layer and sigma are there: {show(there)}", f"{show(needed)} is needed")
    if witness.constants is not None and witness.layer is None:
        raise Invalid(where, "constants are there and no layer", "they belong to a layer")
    if witness.reach is not None and not witness.reach > 0:
        raise Invalid(f"{where}.reach", show(witness.reach), "a number above 0 is needed")
    if witness.layer is not None and (witness.layer not in problem.free or not (witness.sigma or 0) > 0):
        raise Invalid(f"{where}.layer, .sigma", show([witness.layer, witness.sigma]),
                      f"a free layer, of {show(problem.free)}, and a number above 0 are needed")


def check_ends(claim: Claim[Labels], ladder: Ladder, side: Side) -> None:
    """The distance by its rule, and then the count by V57.

    Raises:
        Invalid: one cannot be re-derived.
    """
    if claim.witness.reach is None or claim.lower is None:
        return
    where = f"{claim.where}.witness.reach"
    if claim.witness.layer is None:
        from certify.check.theorems.distance import given_change

        given_change.check_upper(where, claim.witness.reach, claim.witness.array, ladder.problem, side)
    else:
        from certify.check.theorems.distance import compensation

        compensation.check_upper(where, claim.witness.reach, claim, ladder, side)
    if claim.lower:
        count = partial(stable_at_least, least=claim.lower, radius=claim.witness.reach)
        expect(f"{claim.where}.lower", claim.lower, count, ladder, once=True)


def stable_at_least(point: Point, least: float, radius: float) -> Finding:
    """V57: at `least` evaluation rows all networks within the radius of the given one give the same label."""
    found = stable_rows(point.problem, arb(radius))
    return judged(sum(found) >= least, False, f"it is proved of {sum(found)} evaluation rows")


def stable_rows(problem: Problem, radius: arb) -> list[bool]:
    """For every evaluation row whether its label is proved the same on the ball of that radius.

    The margin `Δ = f_a − f_b` of the label over every other output (one output: how far it lies from the threshold)
    has to exceed what it may change by.
    """
    ball, k = Ball(problem, radius), problem.outputs
    if k == 1:
        margins = {i: abs(label_rules.apart(problem, f[0])) for i, f in enumerate(ball.outputs)}
        return ball.held(margins, [[ONE]] * len(margins), ONE)
    labels = [max(range(k), key=[float(x.mid()) for x in f].__getitem__) for f in ball.outputs]
    stable = [True] * len(labels)
    for b in range(k):
        margins = {i: ball.outputs[i][a] - ball.outputs[i][b] for i, a in enumerate(labels) if a != b and stable[i]}
        seeds = [[ONE if j == labels[i] else -ONE if j == b else ZERO for j in range(k)] for i in margins]
        for i, held in zip(margins, ball.held(margins, seeds, arb(2).sqrt()), strict=True):
            stable[i] = held
    return stable


@dataclass(frozen=True)
class Part:
    """How far passes may go on one part of the way.

    Attributes:
        reach: of every layer, how far it may move.
        inputs: of every layer and row, the radius of its inputs.
        slopes: of every hidden layer and row, the radius of its `φ'`.
        outputs: of every row, the radius of the outputs.
        kinked: of every row whether a pre-activation is not proved away from a kink.
    """

    reach: list[arb]
    inputs: list[list[arb]]
    slopes: list[list[arb]]
    outputs: list[arb]
    kinked: list[bool]


class Ball:
    """Passes over the evaluation rows at the given weights, and their radii on every part of the way.

    Args:
        problem: the problem.
        radius: R, in the norm of the weights.
    """

    def __init__(self, problem: Problem, radius: arb) -> None:
        self.problem, self.radius, self.scale = problem, radius, layer_squares(problem)
        self.parameters, phi = given(problem), ACTIVATIONS[problem.activation]
        passed = forward(problem, self.parameters, problem.evaluation)
        self.inputs, self.outputs = [A.tolist() for A in passed.inputs], passed.outputs.tolist()
        widths = [layer.outputs for layer in problem.layers]
        self.before = [[list(z[i:i + m]) for i in range(0, len(z), m)]
                       for z, m in zip(passed.before, widths, strict=False)]
        self.slopes = [[[phi.slope(x) for x in row] for row in Z] for Z in self.before]
        self.sizes = [spectral(W) for W in self.parameters.weights]
        self.parts = [self._part(radius * k / PARTS) for k in range(1, PARTS + 1)]

    def _part(self, radius: arb) -> Part:
        phi, reach = ACTIVATIONS[self.problem.activation], reaches(self.problem, radius)
        inputs, kinked = [[ZERO] * len(self.outputs)], [False] * len(self.outputs)
        slopes: list[list[arb]] = []
        for h, size in enumerate(self.sizes, 1):
            spread = carried(self.problem, h, size, reach[h - 1], self.inputs[h - 1], inputs[-1])
            if h == len(self.sizes):
                return Part(reach, inputs, slopes, spread, kinked)
            if phi.kinked:
                kinked = [found or not all(abs(x) > s for x in row)
                          for found, row, s in zip(kinked, self.before[h - 1], spread, strict=True)]
            slopes.append([slope_spread(phi.bend, phi.steepest, row, s)
                           for row, s in zip(self.slopes[h - 1], spread, strict=True)])
            inputs.append([(phi.steepest * s).upper() for s in spread])
        raise AssertionError("a network has a last layer")

    def held(self, margins: Mapping[int, arb], seeds: Rows, size: arb) -> list[bool]:
        """Whether a margin `⟨c, f⟩` of each of these rows exceeds what it may change by on the ball.

        That is at most `|c|` times how far the outputs move, and where no kink is in reach `(R/m)Σ_k G(kR/m)`, G(s) a
        bound of `|S⁻¹∂_w⟨c, f⟩|` on the ball of radius s.

        Args:
            margins: by number of the evaluation row.
            seeds: the c, one for each.
            size: `|c|`.
        """
        moved = self.parts[-1]
        found = {i: bool(margin > size * moved.outputs[i]) for i, margin in margins.items()}
        asked = [(i, c) for (i, held), c in zip(found.items(), seeds, strict=True) if not held and not moved.kinked[i]]
        if asked:
            rows = [i for i, _ in asked]
            totals = self._slopes(rows, [c for _, c in asked])
            found |= {i: bool(margins[i] > self.radius / PARTS * total) for i, total in zip(rows, totals, strict=True)}
        return list(found.values())

    def _slopes(self, rows: list[int], seeds: Rows) -> list[arb]:
        """`Σ_k G(kR/m)` of these rows."""
        depth, adjoints, pulled = len(self.sizes), [seeds], []
        for h in range(depth, 1, -1):
            pulled.append((arb_mat(adjoints[-1]) * self.parameters.weights[h - 1]).tolist())
            own = [self.slopes[h - 2][i] for i in rows]
            adjoints.append([[x * s for x, s in zip(*pair, strict=True)] for pair in zip(pulled[-1], own, strict=True)])
        totals = [ZERO] * len(rows)
        for part in self.parts:
            apart, squares = [ZERO] * len(rows), [ZERO] * len(rows)
            for h in range(depth, 0, -1):
                V = adjoints[depth - h]
                if h in self.scale:
                    one = 0 if self.problem.layers[h - 1].biases is None else 1
                    for j, i in enumerate(rows):
                        length = (norm(self.inputs[h - 1][i]) + part.inputs[h - 1][i]) ** 2 + one
                        squares[j] += self.scale[h] * (norm(V[j]) + apart[j]) ** 2 * length
                if h > 1:
                    loose = [part.slopes[h - 2][i] for i in rows]
                    apart = carried_back(self.problem, self.sizes[h - 1], part.reach[h - 1], V, pulled[depth - h],
                                         apart, loose)
            totals = [total + root(square).upper() for total, square in zip(totals, squares, strict=True)]
        return totals


def _units(claim: Claim[object], problem: Problem) -> tuple[str, ...]:
    return label_rules.units(problem)


RULE = Rule(always("P2"), _units, check_form, check_ends, hypotheses, Labels)
