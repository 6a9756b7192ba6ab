"""The bound that carries its numbers, theorem, hypotheses and witness, and the hypothesis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from certify.format.words import Rigour


@dataclass(frozen=True, eq=False)
class SideArray:
    """A member of a witness that lies in the side file: one array, or several under one name.

    Attributes:
        kind: what it is, the end of its name.
        content: the array, or arrays by the part of the name that follows.
        of: the quantity whose array it is, where a bound on another one rests on it.
    """

    kind: str
    content: Any
    of: str = ""


@dataclass(frozen=True)
class Hypothesis:
    """A hypothesis of a theorem, with the value that was verified (or that failed).

    Attributes:
        name: short key, stable across versions.
        statement: the hypothesis in words.
        value: the verified value, e.g. a proved lower bound; None where there is no number.
        holds: True only if it was verified rigorously.
    """

    name: str
    statement: str
    value: float | int | str | None
    holds: bool


@dataclass(frozen=True)
class Bound:
    """A two-sided bound on one quantity: numbers, theorem, hypotheses and witness travel together.

    Attributes:
        quantity: name of the quantity as in a spec, e.g. ``"modulus"``.
        theorem: label of the theorem in ``proofs/``, e.g. ``"M2"``.
        rigour: `PROVED` only if every listed side is proved.
        lower, upper: the enclosure, rounded outward; None where no finite bound was proved.
        unit: what one unit of the quantity is.
        hypotheses: the theorem's hypotheses with their verified values.
        witness: data that lets a checker repeat the step that needed a search, by the names of
            :mod:`certify.format.witnesses`; an array there is a :class:`SideArray` here.
        reason: where a side is missing, what blocked it and what would decide it; else empty.
        methods: where several were tried, what each left open or why it was not tried; for those who know them.
        each: of how far predictions move, an upper end for every evaluation row, which no certificate states; () where
            one for all is known alone.
        rows, row_lower, row_upper: values per training row (``sample_modulus``).
        sides: of a range: by the side of a gate, ``"max"`` or ``"min"``, the bound that is held against it.
        refuted: True if it is proved that the solution map is not Lipschitz-like at all.
    """

    quantity: str
    theorem: str
    rigour: Rigour
    lower: float | None
    upper: float | None
    unit: str
    hypotheses: tuple[Hypothesis, ...] = ()
    witness: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    rows: tuple[int, ...] = ()
    row_lower: tuple[float | None, ...] = ()
    row_upper: tuple[float | None, ...] = ()
    refuted: bool = False
    sides: Mapping[str, Bound] = field(default_factory=dict)
    methods: tuple[str, ...] = ()
    each: tuple[float, ...] = ()

    def against(self, side: str) -> Bound:
        """What is held against a gate of a side: of a range its largest, or its smallest, value."""
        return self.sides.get(side, self)

    def with_names(self) -> tuple[Bound, dict[str, Any]]:
        """The same with the names of its arrays, as a certificate states it, and the arrays by name.

        >>> found = Bound("modulus", "N1", Rigour.PROVED, None, 2.0, "", witness={"array": SideArray("shape", 7)})
        >>> bound, arrays = found.with_names()
        >>> bound.witness, arrays
        ({'array': 'modulus.shape'}, {'modulus.shape': 7})
        """
        arrays: dict[str, Any] = {}
        witness = dict(self.witness)
        for member, value in self.witness.items():
            if isinstance(value, SideArray):
                witness[member] = name = f"{value.of or self.quantity}.{value.kind}"
                parts = value.content
                arrays |= {f"{name}.{part}": parts[part] for part in parts} if isinstance(parts, Mapping) else {
                    name: parts}
        return replace(self, witness=witness), arrays
