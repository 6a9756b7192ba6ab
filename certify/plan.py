"""The plan: what a problem will cost and what can come of it, before anything is computed."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from certify.errors import EnvironmentRefused
from certify.inputs.archive import available_memory

if TYPE_CHECKING:
    from certify.problem import Problem

BASE_MEMORY: Final = 150 << 20
"""Bytes of the program itself."""

# Measured, one thread. Interpolation: numbers of N² in memory at the peak, floating-point operations of N³, and seconds
# of N² that do not scale with matrix products; of the Jacobian tier numbers of N·p and operations of N²·p beside.
_DIRECT: Final = (7, 3.0, 2e-7)
_CONGRUENCE: Final = (15, 40.0, 3e-7)
_DOUBLE_DOUBLE: Final = (30, 100.0, 4e-6)
_JACOBIAN: Final = (20, 72.0)
# Sublevel: numbers and seconds for each row and unit of the network; of the persistence radius seconds and, for each
# number of a chunk of per-row Jacobians, numbers.
_PASS: Final = (10, 1e-6)
_PASS_DOUBLE: Final = (30, 1.5e-5)
_PERSISTENCE: Final = (4, 1.2e-4)


@dataclass(frozen=True)
class Tier:
    """One way of computing, with what it needs.

    Attributes:
        name: of the tier.
        when: when it is used, in words.
        memory: bytes at the peak.
        seconds: estimated time on this machine.
        quantities: what it can bound.
    """

    name: str
    when: str
    memory: int
    seconds: float
    quantities: tuple[str, ...]


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
        equations, parameters: equations of the solution map and p; interpolation needs nk ≤ p.
        moving: number of rows that may move.
        equal: groups of rows with equal features.
        memory_there: bytes of memory of this machine.
        tiers: what it may take, in the order in which it is tried.
        quantities: what will be computed.
    """

    map: str
    base: str
    widths: tuple[int, ...]
    activation: str
    layer: str | int
    n: int
    inputs: int
    outputs: int
    equations: int
    parameters: int
    parameter: str
    set: str
    moving: int
    merge_duplicates: bool
    equal: tuple[tuple[int, ...], ...]
    memory_there: int
    tiers: tuple[Tier, ...]
    quantities: tuple[Quantity, ...]

    def as_json(self) -> dict[str, Any]:
        """The plan as one JSON object."""
        return {"plan": "certify/1"} | asdict(self)

    def as_lines(self) -> list[str]:
        """The plan for a person."""
        layer = "all layers" if self.layer == "all" else f"layer {self.layer} alone"
        rows = "every row" if self.moving == self.n else f"{self.moving} of {self.n} rows"
        each = ", each within its own budget" if self.set == "per_sample" else ""
        lines = [
            ("network", f"{'-'.join(map(str, self.widths))} {self.activation}, p = {self.parameters} ({layer})"),
            ("data", f"n = {self.n} rows, {self.inputs} features, k = {self.outputs} outputs"),
            ("moving", f"{self.parameter.replace('_', ' ')} of {rows}{each}"),
            *self._system(),
        ]
        lines += [(tier.name, f"memory about {_bytes(tier.memory)}, time about {_duration(tier.seconds)}: {tier.when}")
                  for tier in self.tiers]
        lines.append(("memory", f"this machine has {_bytes(self.memory_there)}"))
        lines += [(q.name, f"{'feasible' if q.feasible else 'not feasible'}{q.remark and ': ' + q.remark}")
                  for q in self.quantities]
        width = max(len(name) for name, _ in lines)
        return [f"{name:<{width}}  {text}" for name, text in lines]

    def _system(self) -> list[tuple[str, str]]:
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
        problem: a problem that passed :func:`certify.spec.validity.check_problem`.
    """
    from certify.audit import quantities

    names = quantities(problem)
    there = memory_limit()
    tiers = _tiers(problem, names, _flops())
    return Plan(
        map=problem.map, base=problem.base,
        widths=problem.network.widths, activation=problem.network.activation, layer=problem.layer,
        n=problem.n, inputs=problem.inputs, outputs=problem.outputs,
        equations=problem.equations, parameters=problem.parameters, parameter=problem.parameter, set=problem.set,
        moving=len(problem.rows), merge_duplicates=problem.merge_duplicates, equal=problem.groups or (),
        memory_there=there, tiers=tiers, quantities=tuple(_foresee(problem, name, tiers, there) for name in names),
    )


def check_memory(problem: Problem) -> None:
    """Refuse, before computing, a problem some quantity of which is too large even for its cheapest tier.

    Raises:
        EnvironmentRefused: with what would fit.
    """
    from certify.audit import quantities

    names, there = quantities(problem), memory_limit()
    tiers = _tiers(problem, names, 1e10)
    needs = {name: need for name in names if (need := _least(problem, tiers, name)) is not None}
    if not needs or max(needs.values()) <= there:
        return
    need = max(needs.values())
    remedies = []
    if problem.map == "interpolation" and needs.get("modulus", need) < need and needs["modulus"] <= there:
        remedies.append(f"ask for modulus alone with a gate (about {_bytes(needs['modulus'])})")
    fit = int(problem.equations * max((there - BASE_MEMORY) / (need - BASE_MEMORY), 0.0) ** 0.5) // problem.outputs
    if problem.map == "sublevel":
        fit = int(problem.n * max((there - BASE_MEMORY) / (need - BASE_MEMORY), 0.0))
    remedies += [f"use at most about {fit} rows"] if fit else []
    size = f"{problem.equations} equations" if problem.map == "interpolation" else f"{problem.n} rows"
    what = "their matrices need" if problem.map == "interpolation" else "the passes through the network need"
    raise EnvironmentRefused(
        size, f"{what} about {_bytes(need)}, this machine has {_bytes(there)}",
        ", or ".join([*remedies, "a larger machine"]) if remedies else "use a larger machine",
    )


def memory_limit() -> int:
    """Bytes this process may use: the machine's memory, or the limit of its container."""
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
    except (OSError, ValueError):
        return available_memory()
    return min(limit, available_memory())


def _tiers(problem: Problem, names: Collection[str], rate: float) -> tuple[Tier, ...]:
    """The ways of computing that come into question, in the order in which they are tried."""
    return _passes(problem, names) if problem.map == "sublevel" else _matrices(problem, names, rate)


def _matrices(problem: Problem, names: Collection[str], rate: float) -> tuple[Tier, ...]:
    """The tiers of :class:`certify.bounds.interpolation.Interpolation`."""
    from certify.bounds.interpolation import CONGRUENCE_LIMIT, DIRECT_FROM, EXTENDED_LIMIT, JACOBIAN_LIMIT

    N, p = problem.equations, problem.parameters
    nearby = problem.base == "nearby"
    found: list[Tier] = []

    def add(name: str, when: str, size: tuple[int, float, float], bounds: tuple[str, ...], more: int = 0) -> None:
        numbers, flops, rest = size
        seconds = (flops * N**3 + more * _JACOBIAN[1] * N * N) / rate + rest * N**2 + 0.2
        memory = BASE_MEMORY + 8 * (numbers * N**2 + more * _JACOBIAN[0] * N)
        found.append(Tier(name, when, memory, round(seconds, 1), bounds))

    both = tuple(names)
    if nearby:
        add("solution", "an exact solution nearby", _DOUBLE_DOUBLE, both)
    if DIRECT_FROM <= N and "modulus" in names:
        add("direct", "modulus, tried first", _DIRECT, ("modulus",))
    if N <= CONGRUENCE_LIMIT:
        later = "sample_modulus, and modulus where needed" if found and len(both) > 1 else "where needed"
        first = not any("modulus" in tier.quantities for tier in found) or nearby
        add("congruence", "tried first" if first else later, _CONGRUENCE, both)
    if N <= EXTENDED_LIMIT:
        add("double-double", "where the problem is ill-conditioned", _DOUBLE_DOUBLE, both)
        if N * p <= JACOBIAN_LIMIT:
            add("Jacobian", "where it is worse than that", _DOUBLE_DOUBLE, both, more=p)
    return tuple(found)


def _passes(problem: Problem, names: Collection[str]) -> tuple[Tier, ...]:
    """The tiers of :class:`certify.bounds.sublevel.Sublevel`: passes through the network, no matrix over the rows."""
    from certify.network.reach import CHUNK

    entries = problem.n * sum(problem.network.widths)
    pointwise = tuple(name for name in names if name != "persistence_radius")

    def tier(name: str, when: str, size: tuple[int, float], bounds: tuple[str, ...], more: int = 0) -> Tier:
        memory = BASE_MEMORY + 8 * (size[0] * entries + more)
        return Tier(name, when, memory, round(size[1] * entries + 0.2, 1), bounds)

    found = [tier("passes", "one forward, one backward, tried first", _PASS, tuple(names))]
    if pointwise:
        found.append(tier("double-double", "the same, where rounding leaves a gap", _PASS_DOUBLE, pointwise))
    if "persistence_radius" in names and problem.parameter == "features":
        chunk = min(CHUNK, problem.n * problem.inputs * max(problem.network.widths[1:]))
        size = (_PASS[0], _PERSISTENCE[1])
        bounds = ("persistence_radius",)
        found.append(tier("radius", "proved radius and attack", size, bounds, more=_PERSISTENCE[0] * chunk))
    return tuple(found)


def _least(problem: Problem, tiers: Collection[Tier], name: str) -> int | None:
    """Bytes without which a quantity cannot be tried; None where no tier is there for it."""
    able = {tier.name: tier.memory for tier in tiers if name in tier.quantities}
    needed = [able.pop(always) for always in ("solution", "radius") if always in able]
    if not able:
        return None
    return max([*needed, min(able.values())])


def _foresee(problem: Problem, name: str, tiers: tuple[Tier, ...], there: int) -> Quantity:
    """What stands in the way of a quantity."""
    movable = set(problem.rows)
    touched = [group for group in problem.groups or () if movable & set(group)]
    least = _least(problem, tiers, name)
    if least is None:
        return Quantity(name, False, f"{problem.equations} equations are too many for it; modulus can be asked for")
    if least > there:
        return Quantity(name, False, "more memory is needed than there is")
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
    beyond = [tier.name for tier in tiers if name in tier.quantities and tier.memory > there]
    if beyond:
        remark = f"but there is too little memory for {_joined(beyond)}, which some problems need"
        return Quantity(name, True, remark)
    return Quantity(name, True, "")


def _joined(names: list[str]) -> str:
    """Names as a list in words.

    >>> _joined(["a"]), _joined(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), names[-1]])


def _flops() -> float:
    """Floating-point operations a second in a matrix product, measured."""
    import numpy as np

    size = 384
    A = np.full((size, size), 0.5)
    A @ A
    start = time.perf_counter()
    A @ A
    return 2.0 * size**3 / max(time.perf_counter() - start, 1e-6)


def _bytes(count: int) -> str:
    """A size in the largest fitting unit.

    >>> _bytes(3 << 30), _bytes(512 << 20)
    ('3.0 GiB', '512 MiB')
    """
    return f"{count / (1 << 30):.1f} GiB" if count >= 1 << 30 else f"{count / (1 << 20):.0f} MiB"


def _duration(seconds: float) -> str:
    """A time in the largest fitting unit.

    >>> _duration(0.3), _duration(90), _duration(9000)
    ('1 s', '2 min', '2.5 h')
    """
    if seconds < 60:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
