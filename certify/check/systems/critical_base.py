"""The critical map: which of M5's cases the claims are about, and its member `base` (V7)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from flint import arb, arb_mat

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.losses.base import learned, loss_of
from certify.check.enclosure.objective import objective
from certify.check.enclosure.units import gradient, weights_by_units
from certify.check.kernel import DIGITS, Finding, decide, judged
from certify.check.linalg.balls import largest, norm
from certify.check.linalg.definite import Truth
from certify.check.reading.certificate import Base, Claim, Number
from certify.check.reading.subject import Problem
from certify.check.systems.point import Ladder, Point
from certify.check.table import row_of
from certify.check.words.cases import CASES, Case
from certify.format.canonical import show
from certify.format.refusal import Invalid

TOGETHER = ({"M5a"}, {"M5b", "M5d", "P1"}, {"M5c", "M5d", "P1"}, {"M5", "P1"})
"""Theorems that the claims of one certificate may rest on together; `M5` alone claims nothing."""
CONVEX = "convex"
"""What the case of theorems about the one solution of a convex last layer is called, which may stand together."""

GRADIENT, SHIFT = 2.0**-30, 2.0**-20
"""A stated size may exceed the true one by this much of what numbers can reach in the network, no more."""
OWN = 1 + GRADIENT  # or by as much of itself: the slopes of a loss such as Poisson's are no multiple of outputs

LOOSE = 2
"""The size of an output tilt comes from an inverse: the stated one may also be this many times the true one.

Where only lower ends are claimed (M5d) that inverse may be as bad as it likes: a bound is then all that is asked for.
"""


def case_of(claims: Sequence[Claim[object]], problem: Problem) -> str:
    """`CONVEX` of a convex last layer; `M5a`; `M5d` where only lower ends are claimed; `M5` for any other case.

    Raises:
        Invalid: the theorems do not go together, or M5a's conditions on loss and decay do not hold.
    """
    theorems = {claim.theorem for claim in claims if not row_of(claim, problem).apart}
    cases = [CASES.get(label) for label in theorems]
    if cases and all(case is not None and case.convex for case in cases):
        from certify.check.theorems.head.domain import DOMAINS

        for label in sorted(theorems):
            if words := DOMAINS[label](problem):
                raise Invalid("claims, theorem", f"{label} is stated", words)
        return CONVEX
    if not any(theorems <= case for case in TOGETHER):
        raise Invalid("claims, theorem", show(sorted(theorems)), "one case of M5 is needed")
    only = cases[0] if len(cases) == 1 else None
    if only is None or not only.by_row:
        return "M5d" if only is not None and only.lower else "M5"
    for wrong, stated, needed in (
        (problem.weight_decay != 0, f"the weight decay is {problem.weight_decay!r}", "M5a needs none"),
        (problem.block == 0, "there is one output", "M5a with cross-entropy needs two"),
        (problem.nearby and not loss_of(problem).quadratic, f"the loss is {problem.loss}",
         "with base nearby M5a needs the squared loss"),
        (problem.contrasts and problem.targets is not None and not all(map(any, problem.targets)),
         "a row of probabilities is 0", "M5a needs a positive sum in every row"),
    ):
        if wrong:
            raise Invalid("claims, theorem", f"M5a is stated and {stated}", needed)
    return "M5a"


def check_critical_base(base: Base, ladder: Ladder, case: str) -> None:
    """Re-derive the numbers of `base` at the weights in the file: upper bounds that are not idle.

    Args:
        base: the member.
        ladder: the point at the weights in the file.
        case: from :func:`case_of`.

    Raises:
        Invalid: a number is missing, below the true value, or far above it.
    """
    problem, asked = ladder.problem, CASES.get(case, Case(convex=True))
    shifts = (base.shift_worst, base.shift_worst_row, base.shift_norm, base.shift_loss)
    if base.residual is None:
        if asked.by_row or base.tilt is not None or (problem.nearby and base.distance is not None):
            raise Invalid("base.residual", "null", "a number is needed where something is claimed")
    else:
        reach = _gradient_reach(problem)
        _expect(ladder, "base.residual", base.residual, reach * GRADIENT, lambda e: norm(_gradient(e)), factor=OWN)
    if asked.convex:
        _check_convex(base, ladder)
        return
    if problem.nearby:
        if (base.distance is None) != (base.radius is None):
            raise Invalid("base.radius", show(base.radius), f"the distance is {show(base.distance)}")
        if base.tilt is not None or shifts != (None,) * 4:
            raise Invalid("base.tilt, .shift", show([base.tilt, *shifts]), "with base nearby they are null")
        return
    if base.radius is not None or not (base.distance == 0 or (base.distance is None and base.tilt is None)):
        raise Invalid("base.distance, .radius", show([base.distance, base.radius]),
                      "with base given the solution is at distance 0, and radius is null")
    if base.tilt is None:
        if shifts != (None,) * 4:
            raise Invalid("base.shift", show(shifts), "without a tilt they are null")
    elif base.tilt == "weights":
        _check_weight_tilt(base, ladder, asked)
    else:
        _check_output_tilt(base, ladder, asked)


def _check_convex(base: Base, ladder: Ladder) -> None:
    """The one solution of a convex last layer lies within `|∇F(w̄)|/λ` of the weights in the file (Q6)."""
    problem = ladder.problem
    nulls = (base.tilt, base.shift_worst, base.shift_worst_row, base.shift_norm, base.shift_loss)
    if (base.residual, base.distance, base.radius, *nulls) == (None,) * 8 and problem.nearby:
        return  # memory or time ran out before anything was proved; then no claim may have a number
    if not problem.nearby or nulls != (None,) * 5 or base.residual is None:
        raise Invalid("base", show([problem.base, base.residual, *nulls]),
                      "base nearby with a residual, and without a shift")
    if base.distance is None or base.distance != base.radius:
        raise Invalid("base.distance, .radius", show([base.distance, base.radius]), "one number is needed")
    if not problem.bias_decay and problem.layers[-1].biases is not None:
        return  # by a centre of the side file, once that is read
    slack, decay = _gradient_reach(problem) * GRADIENT / problem.weight_decay, problem.weight_decay
    _expect(ladder, "base.distance", base.distance, slack, lambda e: norm(_gradient(e)) / decay, factor=OWN)


def _check_weight_tilt(base: Base, ladder: Ladder, case: Case) -> None:
    problem = ladder.problem
    if case.by_row or (base.shift_worst, base.shift_worst_row) != (None, None):
        raise Invalid("base.tilt", show([base.tilt, base.shift_worst, base.shift_worst_row]),
                      "a tilt in weight space has no worst row, and M5a has none")
    if base.shift_norm is None or base.shift_loss is None:
        raise Invalid("base.shift", show([base.shift_norm, base.shift_loss]), "with a tilt they are numbers")
    reach, size = _gradient_reach(problem) * GRADIENT, math.hypot(*learned(problem))
    _expect(ladder, "base.shift_norm", base.shift_norm, reach, lambda e: norm(_gradient(e)))

    def pairing(point: Point) -> arb:
        own = weights_by_units(problem, point.parameters)
        return abs(sum((g * w for g, w in zip(_gradient(point), own, strict=True)), arb(0)))

    _expect(ladder, "base.shift_loss", base.shift_loss, reach * size, pairing)


def _check_output_tilt(base: Base, ladder: Ladder, case: Case) -> None:
    problem, row, n = ladder.problem, base.shift_worst_row, len(ladder.problem.features)
    factor = math.inf if case.lower else LOOSE
    if base.shift_worst is None or row is None or base.shift_norm is None or base.shift_loss is None:
        raise Invalid("base.shift", show([base.shift_worst, row, base.shift_norm, base.shift_loss]),
                      "with an output tilt they are numbers")
    if row >= n:
        raise Invalid("base.shift_worst_row", show(row), "it is not a row of the problem")

    def rows(point: Point) -> list[list[arb]]:
        c = objective(problem, point.forward.outputs).plain if case.by_row else _output_tilt(point)
        found: list[list[arb]] = (c * arb(n)).tolist()
        return found

    outputs = _output_reach(problem)
    reach = math.sqrt(n) * (outputs + 1) * SHIFT
    _expect(ladder, "base.shift_norm", base.shift_norm, reach, lambda e: norm(v for r in rows(e) for v in r),
            factor=factor)
    _expect(ladder, "base.shift_worst", base.shift_worst, reach, lambda e: largest([norm(r) for r in rows(e)]),
            lambda e: norm(rows(e)[row]), factor)

    def pairing(point: Point) -> arb:
        c = arb_mat(rows(point)).entries()
        return abs(sum((u * f for u, f in zip(c, point.forward.outputs.entries(), strict=True)), arb(0))) / n

    def largest_pairing(point: Point) -> arb:
        c = arb_mat(rows(point)).entries()
        return norm(c) * norm(point.forward.outputs.entries()) / n

    _expect(ladder, "base.shift_loss", base.shift_loss, reach * (outputs + 1), pairing, largest_pairing, factor)


def _output_tilt(point: Point) -> arb_mat:
    from certify.check.systems.critical import stationary

    c = point.of(stationary).tilt
    assert c is not None
    return c


def _gradient(point: Point) -> list[arb]:
    """`∇_w L(0, w̄)`, untilted."""
    slopes = objective(point.problem, point.forward.outputs).plain
    return gradient(point.problem, point.parameters, point.forward, slopes)


def _expect(
    ladder: Ladder, where: str, stated: Number, slack: float, value: Callable[[Point], arb],
    most: Callable[[Point], arb] | None = None, factor: float = 1,
) -> None:
    """Prove `value ≤ stated ≤ factor·most + slack`, `most` by default the value itself."""

    def rule(point: Point) -> Finding:
        least = value(point)
        above = (least if most is None else most(point)) * min(factor, 1e300) + arb(min(slack, 1e300))
        proved, wrong = least <= stated and stated <= above, least > stated or stated > above
        return judged(proved, wrong, f"the recomputed value is {least.str(DIGITS, radius=False)}")

    finding = decide(rule, ladder)
    if finding.truth is not Truth.PROVED:
        raise Invalid(where, f"{stated!r} is stated", finding.found)


def _output_reach(problem: Problem) -> float:
    """A size that outputs and targets do not exceed by much; decides only how loose a true bound may be."""
    size = max(math.hypot(*map(float, x)) for x in problem.enter(problem.features))
    for layer in problem.layers:
        size = math.hypot(*layer.weights) * size + math.hypot(*(layer.biases or (0.0,)))
    return size + max((math.hypot(*y) for y in problem.targets or ()), default=0.0)


def _gradient_reach(problem: Problem) -> float:
    """The same for the gradient: slopes of the losses through the norms of the layers, and the decay."""
    steepest = ACTIVATIONS[problem.activation].steepest
    sizes = [max(math.hypot(*map(float, x)) for x in problem.enter(problem.features))]
    for layer in problem.layers:
        sizes.append(math.hypot(*layer.weights) * sizes[-1] + math.hypot(*(layer.biases or (0.0,))))
    slope, total = _output_reach(problem) + 1, 0.0
    for layer, size in zip(reversed(problem.layers), reversed(sizes[:-1]), strict=True):
        total += slope * (size + 1)
        slope *= steepest * math.hypot(*layer.weights)
    return total + problem.weight_decay * math.hypot(*learned(problem))
