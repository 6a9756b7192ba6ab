"""The plan: what a problem will cost and what can come of it, before anything is computed."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from certify.errors import EnvironmentRefused
from certify.inputs.archive import available_memory

if TYPE_CHECKING:
    from certify.problem import Problem

# Measured on the two kernels of certify.bounds, N equations, one thread: numbers of N² in memory at the peak,
# floating-point operations of N³, and seconds of N² that do not scale with the matrix products.
_PLAIN: Final = (15, 32.0, 3e-7)
_EXTENDED: Final = (32, 200.0, 4e-6)


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
        equations, parameters: nk and p; interpolation needs nk ≤ p.
        moving: number of rows that may move.
        equal: groups of rows with equal features.
        memory: bytes at the peak, in plain floats and with the extended kernel.
        memory_there: bytes of memory of this machine.
        seconds: estimated time, in plain floats and with the extended kernel.
        quantities: what will be computed.
    """

    widths: tuple[int, ...]
    activation: str
    layer: str | int
    n: int
    inputs: int
    outputs: int
    equations: int
    parameters: int
    parameter: str
    moving: int
    merge_duplicates: bool
    equal: tuple[tuple[int, ...], ...]
    memory: tuple[int, int]
    memory_there: int
    seconds: tuple[float, float]
    quantities: tuple[Quantity, ...]

    def as_json(self) -> dict[str, Any]:
        """The plan as one JSON object."""
        plan = asdict(self)
        for key in ("memory", "seconds"):
            plan[key] = dict(zip(("plain", "extended"), plan[key], strict=True))
        return {"plan": "certify/1"} | plan

    def as_lines(self) -> list[str]:
        """The plan for a person."""
        layer = "all layers" if self.layer == "all" else f"layer {self.layer} alone"
        rows = "every row" if self.moving == self.n else f"{self.moving} of {self.n} rows"
        lines = [
            ("network", f"{'-'.join(map(str, self.widths))} {self.activation}, p = {self.parameters} ({layer})"),
            ("data", f"n = {self.n} rows, {self.inputs} features, k = {self.outputs} outputs"),
            ("moving", f"{self.parameter} of {rows}"),
            ("equations", f"n·k = {self.equations}{' after merging' if self.merge_duplicates else ''} ≤ p = "
                          f"{self.parameters}, as interpolation needs"),
            ("equal rows", self._equal_rows()),
            ("memory", f"about {_bytes(self.memory[0])}, {_bytes(self.memory[1])} if the extended kernel is needed; "
                       f"this machine has {_bytes(self.memory_there)}"),
            ("time", f"about {_duration(self.seconds[0])}, {_duration(self.seconds[1])} with the extended kernel"),
        ]
        lines += [(q.name, f"{'feasible' if q.feasible else 'not feasible'}{q.remark and ': ' + q.remark}")
                  for q in self.quantities]
        width = max(len(name) for name, _ in lines)
        return [f"{name:<{width}}  {text}" for name, text in lines]

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

    N = problem.equations
    rate = _flops()
    plain, extended = ((flops * N**3 / rate + rest * N**2 + 0.2) for _, flops, rest in (_PLAIN, _EXTENDED))
    memory = _memory(N)
    there = memory_limit()
    return Plan(
        widths=problem.network.widths, activation=problem.network.activation, layer=problem.layer,
        n=problem.n, inputs=problem.inputs, outputs=problem.outputs,
        equations=N, parameters=problem.parameters, parameter=problem.parameter, moving=len(problem.rows),
        merge_duplicates=problem.merge_duplicates, equal=problem.groups,
        memory=memory, memory_there=there, seconds=(round(plain, 1), round(extended, 1)),
        quantities=tuple(_foresee(problem, name, memory, there) for name in quantities(problem)),
    )


def check_memory(problem: Problem) -> None:
    """Refuse, before computing, a problem whose matrices do not fit into the memory.

    Raises:
        EnvironmentRefused: with the number of equations that would fit.
    """
    need, there = _memory(problem.equations)[0], memory_limit()
    if need > there:
        fit = int((there / (8 * _PLAIN[0])) ** 0.5) // problem.outputs
        raise EnvironmentRefused(
            f"{problem.equations} equations",
            f"their matrices need about {_bytes(need)}, this machine has {_bytes(there)}",
            f"use at most about {fit} rows, or a larger machine",
        )


def memory_limit() -> int:
    """Bytes this process may use: the machine's memory, or the limit of its container."""
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
    except (OSError, ValueError):
        return available_memory()
    return min(limit, available_memory())


def _memory(equations: int) -> tuple[int, int]:
    base = 150 << 20
    plain, extended = (base + 8 * count * equations**2 for count, _, _ in (_PLAIN, _EXTENDED))
    return plain, extended


def _foresee(problem: Problem, name: str, memory: tuple[int, int], there: int) -> Quantity:
    """What stands in the way of a quantity."""
    movable = set(problem.rows)
    touched = [group for group in problem.groups if movable & set(group)]
    if memory[0] > there:
        return Quantity(name, False, "more memory is needed than there is")
    if touched and not problem.merge_duplicates:
        rows = " and ".join(map(str, touched[0][:2]))
        return Quantity(
            name, False, f"rows {rows} have equal features, so it is infinite unless the output does not depend on "
            "them; --merge-duplicates treats equal rows as one",
        )
    if memory[1] > there:
        return Quantity(name, True, "but not with the extended kernel, which ill-conditioned problems need")
    return Quantity(name, True, "")


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
