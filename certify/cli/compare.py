"""`certify compare A B`: which of two models is proved better."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from certify.cli.app import app, interruptible


@app.command()
@interruptible
def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="A certificate, or the folder of an audit or a run.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="The same of the other model.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Compare two models by what is proved about them, on the same data and rows: ends that do not overlap decide."""
    from certify.auditing.comparison import compare as compared
    from certify.cli.text import one_line
    from certify.format.digits import enclosure

    found = compared(a, b)
    if as_json:
        print(json.dumps(found.as_json(), allow_nan=False))
        return
    for words in found.alarms:
        print(one_line(f"WARNING: {words}"))
    for one in found.compared:
        ends = f"A {enclosure(*one.a)}, B {enclosure(*one.b)}"
        print(one_line(f"{one.quantity}, {one.change}: {ends}: {one.why}"))
    print("note: read from the certificates, of which nothing is proved again: `certify check` does that",
          file=sys.stderr)
    for words in found.left:
        print(one_line(f"not compared: {words}"), file=sys.stderr)
