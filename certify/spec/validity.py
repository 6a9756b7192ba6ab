"""What makes sense together, and what this version can do.

:func:`require_spec` needs only the spec; :func:`certify.problem.validity.require_problem` also needs the network and
the data. Which combination of words exists is said by the table of theorems; here are the few rules that are about
numbers, files and keys. Every refusal hands over what would work instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from certify.spec.rules.changes import require_kind
from certify.spec.rules.estimates import require_estimate_spec, require_proofs
from certify.spec.rules.files import require_built, require_files
from certify.spec.rules.functionals import require_functionals
from certify.spec.rules.moves import require_change_file, require_listed_rows, require_rows, require_weights_left
from certify.spec.rules.network import require_network
from certify.spec.rules.thresholds import require_label_threshold, require_threshold
from certify.spec.rules.weights import require_reference, require_within
from certify.spec.supported import require_supported
from certify.spec.vocabulary import BUILT
from certify.spec.window import require_few_inputs

if TYPE_CHECKING:
    from certify.spec.models import Spec

__all__ = ["require_rows", "require_spec"]


def require_spec(spec: Spec, name: str = "spec", verb: str = "run") -> None:
    """Refuse a spec that contradicts itself or asks for something not built yet.

    Args:
        spec: the spec.
        name: its file's name, for messages.
        verb: ``"run"`` or ``"estimate"``: who will act on it.

    Raises:
        SpecError: with what would work.
    """
    require_network(spec, name)
    require_within(spec, name)
    require_listed_rows(spec, name)
    for number, gate in enumerate(spec.gate, 1):
        require_threshold(gate, f"{name}: gate {number}")
    if verb == "estimate":
        require_estimate_spec(spec, name)
        return
    require_proofs(spec, name)
    require_built(spec, name, BUILT)
    require_reference(spec, name)
    require_change_file(spec, name)
    require_functionals(spec, name)
    theorems = require_supported(spec, name)
    require_kind(spec, name)
    require_weights_left(spec, name, theorems)
    require_few_inputs(spec, name, theorems)
    require_label_threshold(spec, name)
    require_files(spec, name, BUILT)
