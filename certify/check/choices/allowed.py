"""What a certificate chooses and the spec does not say: nothing is decided by it unless the caller says it too (V81).

Equal rows that count as one may move less, and a loss that is tilted in weight space is another loss than one tilted
through its outputs. A forger who may choose turns a refuted gate into one that is met.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from certify.check.reading.certificate import Base, Claim, Witness
from certify.check.reading.subject import Problem

TILTS = {"output": "through the outputs", "weights": "in weight space"}


@dataclass(frozen=True)
class Allowed:
    """What the caller says beside the spec.

    Attributes:
        merged: equal rows may count as one.
        weight_tilt: the loss may be tilted in weight space.
        most_tilt: length of a tilt at most; None: any.
        radius_u, radius_w: of `aubin` at least, where the spec gives none; None: any.
    """

    merged: bool = False
    weight_tilt: bool = False
    most_tilt: float | None = None
    radius_u: float | None = None
    radius_w: float | None = None


@dataclass(frozen=True)
class Choices:
    """What a certificate chose: in words, and which of it nobody asked for."""

    lines: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()


def chosen(base: Base, claims: Sequence[Claim[Witness]], problem: Problem, allowed: Allowed | None) -> Choices:
    """What a certificate chose, and what of it is not allowed.

    Args:
        base, claims: of the certificate.
        problem: with merged rows, or without.
        allowed: by the caller; None: nothing.
    """
    allowed, merged = allowed or Allowed(), len(problem.kept) < len(problem.features)
    free = False
    if base.tilt == "weights" and not allowed.weight_tilt:
        from certify.check.choices.tilts import through_outputs

        free = through_outputs(problem)
    return choices(merged, base, [claim.witness for claim in claims], allowed, free)


def choices(
    merged: bool, base: Base, witnesses: Sequence[Witness], allowed: Allowed, free: bool = True,
) -> Choices:
    """What a certificate chose, and what of it is not allowed.

    Args:
        merged: whether it counts equal rows, of which there are some, as one.
        base, witnesses: of the certificate.
        allowed: by the caller.
        free: whether a tilt in weight space was a choice, because there is one through the outputs.

    >>> base = Base(None, 0, None, None, None, "weights", 0.25)
    >>> choices(False, base, [], Allowed(weight_tilt=True)).unasked
    ()
    >>> choices(True, base, [], Allowed(merged=True, most_tilt=0.125)).unasked
    ('--weight-tilt', '--max-tilt')
    """
    lines, unasked = [], []
    if merged:
        lines.append("equal rows count as one")
        if not allowed.merged:
            unasked.append("--merge-duplicates")
    if base.tilt is not None:
        lines.append(f"of the loss tilted {TILTS[base.tilt]} by at most {base.shift_norm!r}")
        if base.tilt == "weights" and free and not allowed.weight_tilt:
            unasked.append("--weight-tilt")
        if allowed.most_tilt is not None and not (base.shift_norm or 0) <= allowed.most_tilt:
            unasked.append("--max-tilt")
    for name, least in (("radius_u", allowed.radius_u), ("radius_w", allowed.radius_w)):
        own = [getattr(witness, name, None) for witness in witnesses]  # its verdict line says them
        if least is not None and any(radius is not None and not radius >= least for radius in own):
            unasked.append(f"--least-{name.replace('_', '-')}")
    if unasked:
        lines.append("nothing is decided: the certificate chose this, and the spec does not say it (see "
                     f"{', '.join(unasked)})")
    return Choices(tuple(lines), tuple(unasked))
