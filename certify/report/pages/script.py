"""The one script of a page: it sorts and searches tables and saves them as CSV; a page is whole without it.

The page allows this text alone to run, by its digest, so that foreign text in the page runs nothing even if it got
through the escaping.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files


@cache
def script() -> str:
    """The text of the script."""
    return files("certify.report").joinpath("templates/tables.js").read_text(encoding="utf-8")


@cache
def policy() -> str:
    """The content security policy of a page with the script: nothing is fetched, and nothing else runs.

    >>> policy().startswith("default-src 'none'; script-src 'sha256-")
    True
    """
    digest = base64.b64encode(hashlib.sha256(script().encode("utf-8")).digest()).decode("ascii")
    return (f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
            "base-uri 'none'; form-action 'none'")
