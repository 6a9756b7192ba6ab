"""Training data from the named columns of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certify.check.reading.data import Data, missing, targets
from certify.format.canonical import show
from certify.format.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.reading.formats.table import Table
    from certify.check.reading.spec import Spec


def from_table(table: Table, spec: Spec) -> Data:
    """Data from named columns: the listed ones, else all but the targets, in the order of the inputs."""
    features = (spec.features,) if isinstance(spec.features, str) else spec.features
    aside = (spec.targets, (spec.kind or {}).get("groups"), spec.row_weights)
    names = tuple(n for n in table.names if n not in aside) if features is None else features
    wanted = names if spec.targets is None else (*names, spec.targets)
    if not set(wanted) <= set(table.names) or "" in wanted or len(set(wanted)) < len(wanted):
        raise missing(table.names, spec)
    if len(names) != spec.widths[0]:
        raise Invalid("data file", f"the features are {show(names)}", f"{spec.widths[0]} are needed")
    rows = tuple(zip(*(table.column(name).values for name in names), strict=True))
    if spec.targets is None:
        return Data(rows, None, None, names)
    return Data(rows, *targets(table.column(spec.targets), len(rows), spec), names)
