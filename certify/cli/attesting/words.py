"""The line of an attestation: what the checker derived, in the words of `certify check`."""

from __future__ import annotations

from certify.attestation.summary import Claim, Summary
from certify.format.quantities import QUANTITIES
from certify.format.words import Severity

SIGNS = {"<=": "≤", ">=": "≥"}


def derived_words(found: Summary) -> str:
    """Version, verdict, and every claim with its threshold and ends; first the claims that decided it."""
    deciding = sorted(found.claims, key=lambda claim: claim.verdict is not found.verdict)
    parts = [_claim(claim) for claim in deciding]
    at = found.solution
    if at.tilt is not None:
        parts.append(f"of the loss tilted ({at.tilt}) by at most {at.shift_norm!r}")
    elif at.distance:
        far = ": too far, so the ends are about that solution, not about these weights" if at.far else ""
        parts.append(f"at an exact solution within {at.distance!r} of the given weights{far}")
    if found.policy.within is not None:
        parts.append(f"a solution within {found.policy.within!r} of their length counts, by the signer's command line")
    if found.problem.get("merge_duplicates") is True:
        parts.append("equal rows count as one")
    source = found.policy.source.replace("the command line", "the signer's command line")
    version = found.verifier.version.get("certify", "of unknown version")
    return (f"the checker {version} derived {found.verdict} {'; '.join(parts)} "
            f"[thresholds: {source}; derived {found.time}]")


def _claim(claim: Claim) -> str:
    row = QUANTITIES.get(claim.quantity)
    if claim.infinite:
        proved = "infinite: two rows are equal"
    elif claim.lower is None and claim.upper is None:
        proved = "nothing proved"
    else:
        least = "-∞" if row is not None and row.signed else "0"
        low = least if claim.lower is None else repr(claim.lower)
        high = "∞" if claim.upper is None else repr(claim.upper)
        proved = f"proved in [{low}, {high}]{claim.scope}"
    if claim.threshold is None:
        return f"{claim.quantity} ({proved})"
    warn = ", warning only" if claim.threshold.severity is Severity.WARN else ""
    sign = SIGNS[claim.threshold.comparator]
    return f"{claim.quantity} {sign} {claim.threshold.value!r} {claim.state} ({proved}{warn})"
