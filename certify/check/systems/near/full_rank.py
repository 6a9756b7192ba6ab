"""M5a: critical points nearby are the solutions of an interpolation system where its kernel is positive definite."""

from __future__ import annotations

from certify.check.kernel import decide
from certify.check.linalg.definite import Truth
from certify.check.systems.interpolation import kernel_definite
from certify.check.systems.point import Ladder
from certify.format.refusal import Invalid


def require_rank(where: str, ladder: Ladder) -> None:
    """M5a: only where K ≻ 0 are the critical points nearby the solutions of an interpolation system."""
    finding = decide(kernel_definite, ladder)
    if finding.truth is not Truth.PROVED:
        raise Invalid(where, '"M5a" is stated', f"it needs a Jacobian of full row rank: {finding.found}")
