"""How an estimate is computed: everything has a default that gives something useful at once."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass, fields
from typing import Any

from certify.format.errors import InputError

SOLVERS = ("auto", "dual", "direct", "cg", "lsmr", "minres_qlp")


@dataclass(frozen=True)
class EstimateOptions:
    """What can be chosen.

    Attributes:
        hold: ``"all"``: rows that do not move keep their outputs; ``"moved"``: only the moved rows are looked at, which
            is a start, not an answer.
        solver: ``"auto"``, ``"dual"`` (in output space), ``"direct"`` (a dense matrix), ``"cg"``, ``"lsmr"`` or
            ``"minres_qlp"`` (in weight space).
        curvature: ``"auto"``, ``"hessian"`` or ``"gauss_newton"``, for solvers in weight space.
        damping: δ ≥ 0, added to the diagonal of the system; 0 leaves the question as it is. None: 0 where the system is
            solved so; else, in weight space with solver ``"auto"``, the least that is found to suit it
            (:mod:`certify.estimation.solvers.damping`), and the estimate says which.
        tolerance: relative residual at which the solver stops.
        budget: full-batch gradients that the products of one solve may cost, about; a corrector solves again.
        corrector_steps: Newton steps after the first-order step, on the real outputs (dual solver; each taken only if
            it lessens their error) or the real gradient (weight space), with the derivatives of the given parameters.
            None: with base ``"nearby"`` steps towards a critical point go on while they help
            (:mod:`certify.estimation.solvers.correctors`): in output space, and in weight space where a damping was
            chosen; elsewhere none.
        line_search: whether to shorten the step while that lowers the loss on the moved rows.
        seed: of everything random.
        apart: base ``"nearby"`` in output space: whether the system of all rows is solved for the response and for the
            step towards a critical point apart; False: for their sum, with half of the products.
        preconditioner: ``"auto"`` (dual solver: a sketch of the tangent kernel; in weight space with damping: the rows'
            curvature), ``"nystrom"`` or ``"none"``.
    """

    hold: str = "all"
    solver: str = "auto"
    curvature: str = "auto"
    damping: float | None = None
    tolerance: float = 1e-2
    budget: float = 120.0
    corrector_steps: int | None = None
    line_search: bool = False
    seed: int = 0
    apart: bool = True
    preconditioner: str = "auto"

    @property
    def shift(self) -> float:
        """The damping, 0 where it was left out."""
        return self.damping or 0.0

    @property
    def steps(self) -> int:
        """Corrector steps, 0 where they were left out."""
        return self.corrector_steps or 0

    def __post_init__(self) -> None:
        """Refuse words and numbers that mean nothing."""
        for name, words in (("hold", ("all", "moved")), ("solver", SOLVERS),
                            ("curvature", ("auto", "hessian", "gauss_newton")),
                            ("preconditioner", ("auto", "nystrom", "none"))):
            if getattr(self, name) not in words:
                raise InputError(name, f"'{getattr(self, name)}'", f"use one of {', '.join(words)}")
        for name in ("damping", "tolerance", "budget"):
            value = getattr(self, name)
            if (name != "damping" or value is not None) and (
                isinstance(value, bool) or not isinstance(value, int | float)):
                raise InputError(name, f"{value!r}", "give a number")
        if not (0 <= self.shift < math.inf and 0 <= self.tolerance < 1 and 0 < self.budget < math.inf):
            raise InputError("estimate", f"damping {self.shift}, tolerance {self.tolerance}, budget {self.budget}",
                             "give damping ≥ 0, a tolerance below 1 and a positive budget, all finite")
        for name in ("line_search", "apart"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(name, f"{getattr(self, name)!r}", "give True or False")
        for name in ("corrector_steps", "seed"):
            if name == "seed" or self.corrector_steps is not None:
                require_whole(name, getattr(self, name))


def require_whole(name: str, value: Any, least: int = 0) -> None:
    """Refuse what is no whole number, or too small.

    >>> require_whole("seed", 1.5)
    Traceback (most recent call last):
    certify.format.errors.InputError: seed: 1.5; give a whole number from 0 on
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**63:
        raise InputError(name, f"{value!r}", f"give a whole number from {least} on")


def options_of(given: dict[str, Any]) -> EstimateOptions:
    """Options by name; a name that is none is refused with the nearest that is.

    >>> options_of({"corector_steps": 1})
    Traceback (most recent call last):
    certify.format.errors.InputError: estimate: there is no option 'corector_steps'; did you mean corrector_steps?
    """
    known = [field.name for field in fields(EstimateOptions)]
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise InputError("estimate", f"there is no option '{name}'",
                             f"did you mean {near[0]}?" if near else f"options are {', '.join(known)}")
    return EstimateOptions(**given)
