"""The plan: what a problem will cost and what can come of it, before anything is computed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from certify.problem.cost import JACOBIAN_LIMIT
from certify.problem.fit import Fit, fit_of
from certify.problem.limits import Limits, duration, flops, limits_of, seconds, size
from certify.prove.costs import costs
from certify.spec.convexity import FIRST_ORDER
from certify.theorems.predictions.interpolation import prediction_entries

if TYPE_CHECKING:
    from certify.problem.problem import Problem

_ALWAYS: Final = ("solution", "radius", "Hessian")
"""Tiers without which the others are of no use."""


@dataclass(frozen=True)
class Tier:
    """One way of computing, with what it needs.

    Attributes:
        name: of the tier.
        when: when it is used, in words.
        memory: bytes at the peak.
        seconds: estimated time on this machine.
        quantities: what it can bound.
        refused: why the limits do not allow it; "" where they do.
    """

    name: str
    when: str
    memory: int
    seconds: float
    quantities: tuple[str, ...]
    refused: str = ""


@dataclass(frozen=True)
class Quantity:
    """Whether a quantity can be bounded, and if not, why."""

    name: str
    feasible: bool
    remark: str


@dataclass(frozen=True)
class Plan:
    """What is known before computing.

    Attributes:
        widths, activation, operations: the network; of a graph widths are its inputs and outputs, and operations are
            counted.
        equations, parameters: equations of the solution map and p; interpolation needs nk ≤ p.
        moving: number of rows that may move.
        equal: groups of rows with equal features.
        memory_there: bytes it may use: what the spec states, else what the machine has free.
        memory_stated: whether the spec states them.
        time_limit: seconds it may take, or None.
        tiers: what it may take, in the order in which it is tried.
        quantities: what will be computed.
        fit: how well the network, as it was understood, fits its data.
    """

    map: str
    base: str
    widths: tuple[int, ...]
    activation: str | None
    operations: dict[str, int] | None
    layer: str | int
    n: int
    inputs: int
    outputs: int
    equations: int
    parameters: int
    parameter: str
    set: str
    count: int | None
    moving: int
    merge_duplicates: bool
    equal: tuple[tuple[int, ...], ...]
    memory_there: int
    memory_stated: bool
    time_limit: float | None
    tiers: tuple[Tier, ...]
    quantities: tuple[Quantity, ...]
    fit: Fit

    def as_json(self) -> dict[str, Any]:
        """The plan as one JSON object."""
        return {"plan": "certify/1"} | asdict(self)

    def as_lines(self) -> list[str]:
        """The plan for a person."""
        layer = "all layers" if self.layer == "all" else f"layer {self.layer} alone"
        rows = "every row" if self.moving == self.n else f"{self.moving} of {self.n} rows"
        each = {"per_sample": ", each within its own budget", "given": ", by the change in the file",
                "sparse": f", at most {self.count} at once"}.get(self.set, "")
        lines = [
            ("network", f"{self._network()}, p = {self.parameters} ({layer})"),
            ("data", f"n = {self.n} rows, {self.inputs} features, k = {self.outputs} outputs"),
            ("fit", self.fit.sentence()),
            ("moving", f"{self.parameter.replace('_', ' ')} of {rows}{each}"),
            *self._system(),
        ]
        lines += [(tier.name, f"memory about {size(tier.memory)}, time about {duration(tier.seconds)}: "
                   + (f"left out, {tier.refused}" if tier.refused else tier.when)) for tier in self.tiers]
        there = "memory_limit is" if self.memory_stated else "this machine has free"
        lines.append(("memory", f"{there} {size(self.memory_there)}"))
        if self.time_limit is not None:
            lines.append(("time", f"time_limit is {seconds(self.time_limit)}; what is not proved by then is left open"))
        lines += [(q.name, f"{'feasible' if q.feasible else 'not feasible'}{q.remark and ': ' + q.remark}")
                  for q in self.quantities]
        width = max(len(name) for name, _ in lines)
        return [f"{name:<{width}}  {text}" for name, text in lines]

    def _network(self) -> str:
        if self.operations is None:
            return f"{'-'.join(map(str, self.widths))} {self.activation}"
        return "graph of " + ", ".join(f"{times} {op}" for op, times in self.operations.items())

    def _system(self) -> list[tuple[str, str]]:
        if self.map == "critical":
            base = "a tilt makes the given weights critical" if self.base == "given" else (
                "first an exact critical point has to be proved near the weights in the file")
            return [("equations", f"gradient of the training loss = 0, {self.equations} equations"),
                    ("base", f"{self.base}: {base}")]
        if self.map == "sublevel":
            return [("equations", f"one inequality, training loss ≤ level, in p = {self.parameters} parameters")]
        merged = " after merging" if self.merge_duplicates else ""
        lines = [("equations", f"n·k = {self.equations}{merged} ≤ p = {self.parameters}, as interpolation needs")]
        if self.base == "nearby":
            lines.append(("base", "nearby: first an exact solution has to be proved near the weights in the file"))
        return [*lines, ("equal rows", self._equal_rows())]

    def _equal_rows(self) -> str:
        if not self.equal:
            return "none"
        shown = "; ".join(" = ".join(map(str, group)) for group in self.equal[:8])
        more = f"; … ({len(self.equal)} groups)" if len(self.equal) > 8 else ""
        return f"{shown}{more}" + (", each group treated as one row" if self.merge_duplicates else "")


def make_plan(problem: Problem) -> Plan:
    """Estimate what a problem needs. Times come from one small matrix product on this machine.

    Args:
        problem: a problem that passed :func:`certify.problem.validity.require_problem`.
    """
    if problem.arithmetic == "exact":
        from certify.theorems.modulus.exact import require_exact

        require_exact(problem)
    from certify.prove.meaning import quantities

    names = quantities(problem)
    limits = limits_of(problem)
    tiers = _tiers(problem, names, limits)
    return Plan(
        map=problem.map, base=problem.base,
        widths=problem.network.widths, activation=getattr(problem.network, "activation", None),
        operations=getattr(problem.network, "operations", None), layer=problem.layer,
        n=problem.n, inputs=problem.inputs, outputs=problem.outputs,
        equations=problem.equations, parameters=problem.parameters, parameter=problem.parameter, set=problem.set,
        count=problem.count, moving=len(problem.rows), merge_duplicates=problem.merge_duplicates,
        equal=problem.groups or (),
        memory_there=limits.memory, memory_stated=limits.stated, time_limit=limits.seconds, tiers=tiers,
        quantities=tuple(_foresee(problem, name, tiers) for name in names),
        fit=fit_of(problem),
    )


def _tiers(problem: Problem, names: Collection[str], limits: Limits) -> tuple[Tier, ...]:
    """The ways of computing that come into question, in the order in which they are tried."""
    found: list[Tier] = []
    rate = flops()
    for cost in costs(problem):
        bounds = tuple(name for name in names if name in cost.quantities)
        if bounds:
            when = _when(cost.name, found, names, problem)
            spent = round(cost.seconds(rate), 1)
            found.append(Tier(cost.name, when, cost.memory, spent, bounds, limits.refusal(cost)))
    return tuple(found)


def _when(name: str, before: list[Tier], names: Collection[str], problem: Problem) -> str:
    """When a tier is used, in words."""
    if problem.map == "critical":
        return {"last layer": "one metric for each share of the curvature",
                "Hessian": "Hessian, symmetries, base point and inverse",
                "mixed derivative": "both ends of the modulus", "predictions": "both ends, row by row"}[name]
    if problem.map == "sublevel":
        return {"passes": "one forward, one backward, tried first", "radius": "proved radius and attack",
                "aubin": "aubin, after modulus",
                "double-double": "the same, where rounding leaves a gap",
                "balls": "where double-double leaves one: many layers"}[name]
    if name == "congruence":
        if not before or problem.base == "nearby":
            return "tried first"
        return "sample_modulus, and modulus where needed" if len(names) > 1 else "where needed"
    finer = "modulus, where rounding leaves a gap" if before else "modulus, tried first"
    return {"solution": "an exact solution nearby", "distance": "distance",
            "constants": "the same with LipSDP, where it can gain on norms of layers", "aubin": "aubin, after modulus",
            "window": "both sets on the window",
            "direct": "modulus, tried first", "finer direct": finer,
            "double-double": "where the problem is ill-conditioned", "Jacobian": "where it is worse than that"}[name]


def _foresee(problem: Problem, name: str, tiers: tuple[Tier, ...]) -> Quantity:
    """What stands in the way of a quantity."""
    movable = set(problem.rows)
    touched = [group for group in problem.groups or () if movable & set(group)]
    able = [tier for tier in tiers if name in tier.quantities and tier.name not in _ALWAYS]
    needed = [tier for tier in tiers if name in tier.quantities and tier.name in _ALWAYS]
    if not able:
        return Quantity(name, False, f"{problem.equations} equations are too many for it; modulus can be asked for")
    if name == FIRST_ORDER and problem.map == "interpolation" and prediction_entries(problem) > JACOBIAN_LIMIT:
        return Quantity(name, False, "gradients of predictions are too many to be formed; use fewer evaluation rows")
    barred = next((tier.refused for tier in needed if tier.refused), "")
    if barred or all(tier.refused for tier in able):
        return Quantity(name, False, barred or able[0].refused)
    if touched and not problem.merge_duplicates and problem.map == "interpolation":
        rows = " and ".join(map(str, touched[0][:2]))
        if problem.base == "nearby":
            return Quantity(name, False, f"rows {rows} have equal features, so the equations are not independent; "
                            "--merge-duplicates treats equal rows as one")
        return Quantity(
            name, False, f"rows {rows} have equal features, so it is infinite unless the output does not depend on "
            "them; --merge-duplicates treats equal rows as one",
        )
    if problem.map == "sublevel" and name != "persistence_radius" and problem.level is not None:
        return Quantity(name, True, "it is 0 if the level is above the loss")
    beyond = [tier.name for tier in able if tier.refused]
    if beyond:
        remark = f"but there is too little memory or time for {_joined(beyond)}, which some problems need"
        return Quantity(name, True, remark)
    return Quantity(name, True, "")


def _joined(names: list[str]) -> str:
    """Names as a list in words.

    >>> _joined(["a"]), _joined(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), names[-1]])
