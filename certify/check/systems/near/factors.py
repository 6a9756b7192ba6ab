"""The factor of K that is asked before other matrices are factorised: one proposed, or that which proved `K ≻ 0`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certify.check.linalg.by_factor import ByFactor

if TYPE_CHECKING:
    from certify.check.linalg.by_probes import Found
    from certify.check.systems.interpolation import Interpolation


def factor_of(at: Interpolation, proposed: Found | None) -> ByFactor | None:
    """None where K is not proved positive definite."""
    if proposed is not None:
        from certify.check.linalg.by_probes import ByProbes

        return ByProbes(proposed, at.moved, at.point.width)
    found = at.definite
    return None if found.R is None else ByFactor(found.R, found.defect, at.moved, at.point.width)
