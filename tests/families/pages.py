"""What tests of pages share: that nothing runs on them but the one script of the package."""

from __future__ import annotations

import base64
import hashlib
import re


def without_script(page: str) -> str:
    """A page without its one script, which is the package's own and the only one that the page lets run."""
    from certify.report.pages.script import script

    found = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert found == [script()]
    rest = page.replace(f"<script>{found[0]}</script>", "")
    digest = base64.b64encode(hashlib.sha256(found[0].encode()).digest()).decode()
    policies = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', rest)
    assert len(policies) == 1 and policies[0].startswith(f"default-src 'none'; script-src 'sha256-{digest}'; ")
    assert "<script" not in rest and "unsafe-eval" not in rest and "script-src 'unsafe" not in rest
    return rest
