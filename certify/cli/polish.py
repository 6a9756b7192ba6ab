"""`certify polish`: finish the training on the stated loss, and write the weights, a spec and what changed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

_LAYERS = ("last", "all")


def polish(
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="The spec, a TOML file.")],
    output: Annotated[Path | None, typer.Option(
        "-o", "--output", metavar="DIR", help="Where to write (default: polished, beside the spec).")] = None,
    layer: Annotated[str | None, typer.Option(
        "--layer", metavar="last|all", help="What may move (default: solution.layer of the spec).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Nothing on stderr but errors.")] = False,
) -> None:
    """Finish the training: Newton's method on the stated loss until its gradient is 0 to rounding.

    Writes polished.safetensors, a certify.toml that names it, and polish.json, never over other files. Nothing is
    proved. Exit status 0 when a critical point was reached, 4 when not: the best weights are written then too.
    """
    from certify.certificate.polished import FIGURES, WEIGHTS, require_new
    from certify.certificate.polished import polish as finish
    from certify.cli.text import one_line
    from certify.format.errors import InputError
    from certify.problem.load import load_problem
    from certify.problem.progress import shown

    if layer not in (None, *_LAYERS):
        raise InputError("--layer", f"'{layer}'", "use last or all")
    folder = spec.parent / "polished" if output is None else output
    require_new(folder)
    problem = load_problem(spec)
    with shown(quiet) as tell:
        found = finish(problem, layer, progress=tell)  # type: ignore[arg-type]
    written = found.save(folder)
    print(json.dumps(found.as_json(), allow_nan=False) if as_json else one_line(found.sentence()))
    sys.stdout.flush()
    if not quiet:
        if found.layer != problem.layer:
            print(one_line(f"note: layer {found.layer} alone was polished, and the spec asks about "
                           f"{problem.layer!r}: give solution.layer = {found.layer} in {written}"
                           if found.layer != "all" else
                           f"note: all layers were polished, and the spec asks about layer {problem.layer} alone"),
                  file=sys.stderr)
        for what, path in (("weights", folder / WEIGHTS), ("spec   ", written), ("figures", folder / FIGURES)):
            print(one_line(f"{what} {path}"), file=sys.stderr)
    raise typer.Exit(0 if found.reached else 4)
