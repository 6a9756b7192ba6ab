"""The side file of a certificate: arrays too large for it, which repeat what the prover found by search."""

from __future__ import annotations

from collections.abc import Sequence

from certify.check.reading.arrays import Array, read_arrays
from certify.check.reading.certificate import Base, Claim, Witness, array_name, text
from certify.check.reading.certificate import array_names as named
from certify.check.reading.subject import Problem
from certify.format.canonical import show
from certify.format.refusal import Invalid

CENTRE = "distance.centre"
"""What the arrays of a solution after one given change are called, before the name of the layer."""


def array_start(value: object, where: str) -> str:
    """What the names of several arrays begin with, before a dot; or `Invalid`."""
    return text(value, where)


def read_side(
    claims: Sequence[Claim[Witness]], base: Base, problem: Problem, data: bytes | None,
) -> dict[str, Array]:
    """The arrays of the side file: exactly those the certificate needs.

    Args:
        claims, base: of the certificate.
        problem: the problem.
        data: the bytes of the file; None where there is none.

    Raises:
        Invalid: the file is missing or idle, or holds other arrays.
    """
    needed = {name for claim in claims for name in named(claim.witness, array_name)}
    starts = {name for claim in claims for name in named(claim.witness, array_start)}
    if CENTRE in needed:
        needed = needed - {CENTRE} | set(centre_names(problem))
    if problem.nearby and base.distance is not None and not _convex(claims):
        needed |= set(array_names(problem))
    arrays = {} if data is None else read_arrays(data, "witness file")
    for start in starts:
        under = {name for name in arrays if name.startswith(f"{start}.")}
        needed |= under or {f"{start}.…"}
    if set(arrays) != needed or (data is not None and not needed):
        found = "it is missing" if data is None else f"its arrays are {show(sorted(arrays))}"
        raise Invalid("subject.witness", found,
                      f"the certificate needs {show(sorted(needed))}")
    return arrays


def _convex(claims: Sequence[Claim[Witness]]) -> bool:
    """Whether all claims are about the one solution of a convex loss, which needs no centre."""
    from certify.check.words.cases import CASES

    cases = {CASES.get(claim.theorem) for claim in claims}
    return bool(cases) and all(case is not None and case.convex for case in cases)


def array_names(problem: Problem) -> tuple[str, ...]:
    """The arrays that a side file of a solution holds."""
    return tuple(f"{kind}.{h}.{part}" for h, layer in enumerate(problem.layers, 1)
                 for kind in ("weight", *(("bias",) if layer.biases is not None else ())) for part in ("hi", "lo"))


def centre_names(problem: Problem) -> tuple[str, ...]:
    """The arrays of the side file that propose a solution of the moved system."""
    return tuple(f"{CENTRE}.{name}" for name in array_names(problem))
