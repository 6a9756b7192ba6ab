"""The line of an attestation: what the checker found, in the words of `certify check`, and whose thresholds are met."""

from __future__ import annotations

from collections.abc import Sequence

from certify.attestation.judged import Demand
from certify.attestation.summary import COMMAND, Claim, Summary
from certify.check.choices.allowed import TILTS
from certify.check.main import changes_words, proved_words
from certify.format.words import Severity

SIGNS = {"<=": "≤", ">=": "≥"}


def found_words(found: Summary, demands: Sequence[Demand] = ()) -> str:
    """Version, verdict, and every claim with its threshold and ends; first the claims that decided it.

    Args:
        found: what was signed, under the thresholds that count.
        demands: those of them that the verifier demands.
    """
    own = {str(one) for one in demands}
    owners = {**dict.fromkeys(found.policy.asked, ", the signer's threshold"), **dict.fromkeys(own, ", your threshold")}
    deciding = sorted(found.claims, key=lambda claim: claim.verdict is not found.verdict)
    parts = [_claim(claim, owners.get(claim.demand, "")) for claim in deciding]
    parts.append(changes_words(found.problem))
    at = found.solution
    if at.tilt is not None:
        parts.append(f"of the loss tilted {TILTS[at.tilt]} by at most {at.shift_norm!r}")
    elif at.distance:
        far = ": too far, so the ends are about that solution, not about these weights" if at.far else ""
        parts.append(f"at an exact solution within {at.distance!r} of the given weights{far}")
    if found.policy.within is not None:
        parts.append(f"a solution within {found.policy.within!r} of their length counts, by the signer's command line")
    if found.problem.get("merge_duplicates") is True:
        parts.append("equal rows count as one")
    version = found.verifier.version.get("certify", "of unknown version")
    return (f"the checker {version} found {found.verdict} {'; '.join(parts)} "
            f"[thresholds: {_source(found, own)}; checked {found.time}]")


def _source(found: Summary, own: set[str]) -> str:
    """Whose thresholds they are."""
    signed = found.policy.source.replace(COMMAND, f"the signer's command line ({', '.join(found.policy.asked)})")
    if not own:
        return signed
    others = any(claim.threshold is not None and claim.demand not in own for claim in found.claims)
    return f"yours ({', '.join(sorted(own))})" + (f", and on the rest {signed}" if others else "")


def _claim(claim: Claim, owner: str) -> str:
    proved = ("infinite: two rows are equal" if claim.infinite
              else proved_words(claim.quantity, claim.lower, claim.upper, claim.scope))
    if claim.threshold is None:
        return f"{claim.quantity} ({proved})"
    warn = ", warning only" if claim.threshold.severity is Severity.WARN else ""
    sign = SIGNS[claim.threshold.comparator]
    return f"{claim.quantity} {sign} {claim.threshold.value!r} {claim.state} ({proved}{warn}{owner})"
