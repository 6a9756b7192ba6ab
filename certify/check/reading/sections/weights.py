"""The section `[weights]` with more than a norm: reference rows and τ of the function norm."""

from __future__ import annotations

from certify.check.reading.numbers import is_number
from certify.check.words.weight_norms import WEIGHT_NORMS
from certify.format.canonical import Json, kind, show
from certify.format.refusal import Invalid

DEFAULT_TAU = 2.0**-10
"""τ of the function norm where the spec gives none."""


def read(section: Json) -> Json:
    """Reference rows, and τ, by default 2^-10; the other norms have neither."""
    norm, reference, tau = section.get("norm", "euclidean"), section.get("reference"), section.get("tau")
    if not WEIGHT_NORMS[norm].seen:
        if (reference, tau) != (None, None):
            raise Invalid("spec, weights", "reference or tau is stated", f"the norm is {norm}, which has none")
        return {}
    if not isinstance(reference, str) or not reference:
        raise Invalid("spec, weights.reference", f"it is {kind(reference)}", "the name of a data file is needed")
    if tau is not None and not (is_number(tau) and 2.0**-40 <= tau <= 2.0**40):
        raise Invalid("spec, weights.tau", f"{show(tau)} is stated", "a number from 2^-40 to 2^40 is needed")
    return {"reference": reference, "tau": DEFAULT_TAU if tau is None else float(tau)}
