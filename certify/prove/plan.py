"""The plan: what a problem will cost and what can come of it, before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from certify.format.words import Base, Map, Set
from certify.problem.closeness import said_of
from certify.problem.cost import Cost
from certify.problem.fit import Fit
from certify.problem.fitting import fit_of
from certify.problem.limits import Limits, duration, flops, limits_of, seconds, size
from certify.problem.question import answering, asked
from certify.theorems import rule_of
from certify.theorems.modulus.exact import require_exact
from certify.theorems.rule import Rule

if TYPE_CHECKING:
    from certify.problem.problem import Problem


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
        closeness: how near the weights are to a critical point, about; "" where nobody asks.
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
    closeness: str = ""

    def as_json(self) -> dict[str, Any]:
        """The plan as one JSON object."""
        return {"plan": "certify/1"} | asdict(self)

    def as_lines(self) -> list[str]:
        """The plan for a person."""
        layer = {"all": "all layers", "last": "the last layer alone"}.get(str(self.layer), f"layer {self.layer} alone")
        rows = "every row" if self.moving == self.n else f"{self.moving} of {self.n} rows"
        each = Set(self.set).moving.format(count=self.count)
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
        return _SYSTEMS[Map(self.map)](self)

    def _interpolation(self) -> list[tuple[str, str]]:
        merged = " after merging" if self.merge_duplicates else ""
        lines = [("equations", f"n·k = {self.equations}{merged} ≤ p = {self.parameters}, as interpolation needs")]
        lines += [("base", f"{self.base}: {words}") for words in filter(None, [_FITS[Base(self.base)]])]
        return [*lines, ("equal rows", self._equal_rows())]

    def _critical(self) -> list[tuple[str, str]]:
        return [("equations", f"gradient of the training loss = 0, {self.equations} equations"),
                ("base", f"{self.base}: {_CRITICAL[Base(self.base)]}"),
                *([("closeness", self.closeness)] if self.closeness else [])]

    def _sublevel(self) -> list[tuple[str, str]]:
        return [("equations", f"one inequality, training loss ≤ level, in p = {self.parameters} parameters")]

    def _equal_rows(self) -> str:
        if not self.equal:
            return "none"
        shown = "; ".join(" = ".join(map(str, group)) for group in self.equal[:8])
        more = f"; … ({len(self.equal)} groups)" if len(self.equal) > 8 else ""
        return f"{shown}{more}" + (", each group treated as one row" if self.merge_duplicates else "")


_SYSTEMS: Final = {Map.INTERPOLATION: Plan._interpolation, Map.CRITICAL: Plan._critical, Map.SUBLEVEL: Plan._sublevel}
_FITS: Final = {Base.GIVEN: "", Base.NEARBY: "first an exact solution has to be proved near the weights in the file"}
_CRITICAL: Final = {Base.GIVEN: "a tilt makes the given weights critical",
                    Base.NEARBY: "first an exact critical point has to be proved near the weights in the file"}
"""What the plan says of map and base."""


def make_plan(problem: Problem) -> Plan:
    """Estimate what a problem needs. Times come from one small matrix product on this machine.

    Args:
        problem: a problem that passed :func:`certify.problem.validity.require_problem`.
    """
    if problem.rational:
        require_exact(problem)
    rules = {name: rule_of(answering(problem, name)) for name in asked(problem)}
    limits = limits_of(problem)
    tiers = _tiers(problem, rules, limits)
    return Plan(
        map=problem.map, base=problem.base,
        widths=problem.network.widths, activation=getattr(problem.network, "activation", None),
        operations=getattr(problem.network, "operations", None), layer=problem.layer,
        n=problem.n, inputs=problem.inputs, outputs=problem.outputs,
        equations=problem.equations, parameters=problem.parameters, parameter=problem.parameter, set=problem.set,
        count=problem.count, moving=len(problem.rows), merge_duplicates=problem.merge_duplicates,
        equal=problem.groups or (),
        memory_there=limits.memory, memory_stated=limits.stated, time_limit=limits.seconds, tiers=tiers,
        quantities=tuple(_foresee(problem, name, rule, tiers) for name, rule in rules.items()),
        fit=fit_of(problem), closeness=said_of(problem) if problem.solutions.stationary and problem.nearby else "",
    )


def _tiers(problem: Problem, rules: Mapping[str, Rule[Any]], limits: Limits) -> tuple[Tier, ...]:
    """The ways of computing that come into question, in the order in which they are tried."""
    found: dict[str, dict[str, Cost]] = {}
    for quantity, rule in rules.items():
        for cost in rule.cost(problem):
            found.setdefault(cost.name, {})[quantity] = cost
    rate = flops()
    return tuple(_tier(name, costs, rate, limits) for name, costs in found.items())


def _tier(name: str, costs: Mapping[str, Cost], rate: float, limits: Limits) -> Tier:
    """One way of computing, for all quantities that may take it."""
    first, words = next(iter(costs.values())), {cost.when for cost in costs.values()}
    when = first.when if len(words) == 1 else ", ".join(f"{quantity} {cost.when}" for quantity, cost in costs.items())
    return Tier(name, when, first.memory, round(first.seconds(rate), 1), tuple(costs), limits.refusal(first))


def _foresee(problem: Problem, name: str, rule: Rule[Any], tiers: tuple[Tier, ...]) -> Quantity:
    """What stands in the way of a quantity."""
    vital = {cost.name for cost in rule.cost(problem) if cost.vital}
    own = [tier for tier in tiers if name in tier.quantities]
    needed = [tier for tier in own if tier.name in vital]
    able = [tier for tier in own if tier.name not in vital] or needed
    if not able:
        return Quantity(name, False, f"{problem.equations} equations are too many for it; modulus can be asked for")
    if doubt := rule.doubt(problem):
        return Quantity(name, False, doubt)
    barred = next((tier.refused for tier in needed if tier.refused), "")
    if barred or all(tier.refused for tier in able):
        return Quantity(name, False, barred or able[0].refused)
    if remark := rule.remark(problem):
        return Quantity(name, True, remark)
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
