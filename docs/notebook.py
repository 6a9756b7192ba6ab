"""Run the notebook and keep its outputs: `python docs/notebook.py`. No Jupyter is needed.

A cell's outputs are what it prints, the value of its last line (of certify's own with its table), and a picture if it
drew one.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any, Final

PATH: Final = Path(__file__).resolve().with_name("notebooks") / "which-predictions-stay.ipynb"


def run(source: str, names: dict[str, Any]) -> tuple[str, Any, bytes]:
    """What a cell prints, the value of its last line or None, and that value as PNG where it is a figure."""
    from matplotlib.figure import Figure

    tree, printed, value = ast.parse(source), io.StringIO(), None
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "cell", "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    if not isinstance(value, Figure):
        return printed.getvalue(), value, b""
    picture = io.BytesIO()
    value.savefig(picture, format="png", dpi=90, bbox_inches="tight", metadata={"Software": None})
    return printed.getvalue(), None, picture.getvalue()


def outputs(source: str, names: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """The outputs of a cell in the notebook's format."""
    printed, value, picture = run(source, names)
    found: list[dict[str, Any]] = []
    if printed:
        found.append({"name": "stdout", "output_type": "stream", "text": printed.splitlines(keepends=True)})
    if value is not None:
        data = {"text/plain": repr(value).splitlines(keepends=True)}
        if type(value).__module__.startswith("certify.") and hasattr(value, "_repr_html_"):
            data = {"text/html": value._repr_html_().splitlines(keepends=True), **data}
        found.append({"data": data, "execution_count": number, "metadata": {}, "output_type": "execute_result"})
    if picture:
        found.append({"data": {"image/png": base64.b64encode(picture).decode()}, "metadata": {},
                      "output_type": "display_data"})
    return found


def main() -> int:
    """Run every cell and write the notebook again."""
    book, names, number = json.loads(PATH.read_text(encoding="utf-8")), {"__name__": "notebook"}, 0
    for cell in book["cells"]:
        if cell["cell_type"] == "code":
            number += 1
            cell["execution_count"] = number
            cell["outputs"] = outputs("".join(cell["source"]), names, number)
    PATH.write_text(json.dumps(book, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(PATH.parents[2]))
    sys.exit(main())
