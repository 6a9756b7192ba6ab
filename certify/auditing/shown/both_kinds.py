"""Which rows of a change are left out and which get another label, where both may be at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from certify.systems.head.rows.change import DELETED, NONE

RELABELLED: Final = "relabelled"
"""Member of a claim as an audit reads it: by the number of a flipped prediction those training rows of the change that
flips it which get another label."""


def told_apart(certificate: Mapping[str, Any], arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The certificate as an audit reads it: claims of such changes say which rows get another label.

    The certificate lists the rows of a change, and its side file alone what becomes of each.

    Args:
        certificate: as it was written.
        arrays: by name, as its side file has them.
    """
    if certificate["problem"].get("relabelled") is None:
        return dict(certificate)
    return {**certificate, "claims": [_with_codes(claim, arrays) for claim in certificate["claims"]]}


def _with_codes(claim: Mapping[str, Any], arrays: Mapping[str, Any]) -> Mapping[str, Any]:
    start, flipped = f"{claim['witness'].get('array')}.flips", claim["witness"].get("flipped") or []
    if f"{start}.codes" not in arrays:
        return claim
    point, rows, codes = (np.asarray(arrays[f"{start}.{name}"]) for name in ("point", "rows", "codes"))
    other = (rows != NONE) & (codes != DELETED)
    return {**claim, RELABELLED: {j: frozenset(rows[point[j]][other[point[j]]].tolist()) for j in flipped}}
