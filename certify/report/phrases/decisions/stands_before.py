"""What stands before the features of a certificate, for those who read what `certify run` says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def before_note(problem: Mapping[str, Any]) -> str:
    """That claims are about features which something made of the data, as the spec states it; empty where it does not.

    >>> before_note({"about": {"behind": "StandardScaler"}})
    'the claims are about the features as they are after StandardScaler, which stays as it was (stated, not proved)'
    >>> before_note({})
    ''
    """
    behind = (problem.get("about") or {}).get("behind")
    return behind and (f"the claims are about the features as they are after {behind}, which stays as it was (stated, "
                       "not proved)") or ""
