"""The ground floor stands on the standard library alone, and stays small."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

FORMAT = Path(__file__).resolve().parents[2] / "certify" / "format"


def test_the_format_imports_the_standard_library_and_itself():
    for source in FORMAT.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{source}: a relative import"
                names += [node.module or ""]
            for name in names:
                known = name.split(".")[0] in sys.stdlib_module_names or name.startswith("certify.format")
                assert known, f"{source}: {name}"
