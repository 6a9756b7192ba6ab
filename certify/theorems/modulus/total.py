"""M2: the Lipschitz modulus `lip S = ‖G_w⁺G_u‖` of exact fits under one budget for all rows together."""

from __future__ import annotations

import math
from collections.abc import Callable

from certify.format.quantities import FIRST_ORDER_DISTANCE, MODULUS
from certify.format.theorems import M2
from certify.format.words import Rigour
from certify.network.layers.kernel import Kernel
from certify.problem.bound import Bound, Hypothesis
from certify.problem.cost import Cost
from certify.problem.problem import Problem
from certify.systems.interpolation.congruence import Congruence
from certify.systems.interpolation.cost import direct_tiers, tiers
from certify.systems.interpolation.linearisation import Linearisation
from certify.systems.interpolation.point import InterpolationPoint
from certify.systems.interpolation.streamed import Streamed, stream
from certify.systems.interpolation.words import kink_reason
from certify.theorems.fits import COARSE_GAP, TieredRule, of_modulus
from certify.theorems.modulus.direct import direct_modulus
from certify.theorems.modulus.kernel import ModulusEnds, enclose_modulus
from certify.theorems.modulus.streamed.ends import streamed_modulus

_NOTHING = ModulusEnds(None, None, None)

_ILL = "no Cholesky of κ²K − Q went through: K is too ill-conditioned"

_STOPPED = "the search ended before an upper end was proved"

_ROUNDED = "whether rounding parts the streamed ends"


class Total(TieredRule):
    """M2."""

    theorem, rational = M2, True

    def cost(self, problem: Problem) -> tuple[Cost, ...]:
        """The direct tiers of a large problem, then those with a congruence."""
        direct = direct_tiers(problem)
        found = tiers(problem, "where needed" if direct else "tried first")
        vital = tuple(cost for cost in found if cost.vital)
        return (*vital, *direct, *found[len(vital):])

    def modulus(self, at: InterpolationPoint) -> Bound:
        """Both ends, by the first tier whose ends meet."""
        return self.best(at, MODULUS.name)

    def first_order_distance(self, at: InterpolationPoint) -> Bound:
        """The modulus times the radius."""
        return of_modulus(at, FIRST_ORDER_DISTANCE.name)

    def direct(self, at: InterpolationPoint, lin: Linearisation) -> Bound:
        """Both ends from the kernel itself."""
        assert isinstance(lin.kernel, Kernel)
        ends = direct_modulus(lin.kernel, lin.Q, lin.arithmetic)
        return self._of(at, lin, ends, at.hypotheses(lin, None, ends.upper is not None))

    def streamed(self, at: InterpolationPoint, fine: bool, keep: Callable[[Bound], None]) -> Bound:
        """Both ends from a kernel that is made as it is factorised; told and kept as they improve."""
        if fine and not at.shared(_ROUNDED, lambda: True):
            return self.open(at, MODULUS.name, "finer passes would gain nothing: rounding is not what parts the ends")
        at.forget()  # one large factor at a time
        lin = stream(at.problem, at.progress, fine)
        if lin.passed.kinks[0]:
            return self.open(at, MODULUS.name, kink_reason(at.problem, lin), at.hypotheses(lin, None, False))
        lost, found = math.inf, self._of(at, lin, _NOTHING, at.hypotheses(lin, None, False), _STOPPED)
        for step in streamed_modulus(lin, at.progress, COARSE_GAP / 2):
            proved, lost = step.ends.upper is not None, step.lost
            why = _ILL if math.isinf(lost) else _STOPPED
            found = self._of(at, lin, step.ends, at.hypotheses(lin, None, proved), why)
            keep(found)
            at.progress(step.words, 0.5)
        at.shared(_ROUNDED, lambda: lost > COARSE_GAP / 8)
        return found

    def enclosed(
        self, at: InterpolationPoint, quantity: str, lin: Linearisation, X: Congruence,
        hypotheses: tuple[Hypothesis, ...],
    ) -> Bound:
        """Both ends through the congruence."""
        return self._of(at, lin, enclose_modulus(lin.kernel, lin.Q, X, lin.arithmetic), hypotheses)

    def _of(
        self, at: InterpolationPoint, lin: Linearisation | Streamed, ends: ModulusEnds,
        hypotheses: tuple[Hypothesis, ...], why: str = _ILL,
    ) -> Bound:
        """The bound of these ends; `why` there is no upper one."""
        lower, upper = at.problem.measure.lengths(ends.lower, ends.upper)
        ends = ModulusEnds(lower, upper, ends.z)
        reason = "" if ends.upper is not None else why
        witness = {} if ends.z is None or ends.lower is None else {"z": lin.multipliers(ends.z)}
        return Bound(MODULUS.name, self.theorem.label, Rigour.PROVED, ends.lower, ends.upper, at.unit(MODULUS.name),
                     hypotheses, witness, reason)
