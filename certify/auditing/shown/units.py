"""In what the outputs of a regression are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from certify.auditing.subject import Subject
from certify.format.quantities import PREDICTION_CHANGE


def unit(subject: Subject, claim: Mapping[str, Any]) -> str:
    """The unit behind a claim of how far outputs move; "" where it has no end, or outputs are no amounts.

    Args:
        subject: what the claim is about.
        claim: of the certificate.
    """
    told = claim["quantity"] == PREDICTION_CHANGE.name and not subject.classifies and not subject.logarithmic
    return " (in the units of the targets)" if told and (claim["lower"] or claim["upper"] is not None) else ""
