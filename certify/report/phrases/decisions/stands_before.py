"""What stands before the features of a certificate, for those who read what `certify run` says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from certify.report.statements import prose

LONGEST = 200
"""Characters of somebody's text that are shown, as many as a checker shows."""


def before_note(problem: Mapping[str, Any]) -> str:
    r"""That claims are about features which something made of the data, as the spec states it; empty where it does not.

    >>> before_note({"about": {"behind": "StandardScaler"}})
    'the claims are about the features as they are after StandardScaler, which stays as it was (stated, not proved)'
    >>> before_note({"about": {"behind": "a scaler" + chr(10) + chr(27) + "[2J"}})[46:70]
    'after a scaler \\u001b[2J'
    >>> before_note({})
    ''
    """
    behind = prose((problem.get("about") or {}).get("behind") or "")
    short = behind if len(behind) <= LONGEST else behind[: LONGEST - 1] + "…"
    return short and (f"the claims are about the features as they are after {short}, which stays as it was (stated, "
                      "not proved)")
