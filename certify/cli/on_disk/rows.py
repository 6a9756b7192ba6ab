"""`certify rows`: rows that stay on disk, read by one process or several."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from certify.cli.app import decimal, whole

NOTHING = 4
"""Exit status where nothing was proved."""

FITS = 1 << 30
"""Bytes of a table up to which `certify audit`, which holds it in memory, is named where predictions stay open."""


def rows(
    model: Annotated[Path, typer.Argument(
        metavar="MODEL", help="A fitted RidgeClassifier, or LogisticRegression: a .skops file.")],
    data: Annotated[Path, typer.Argument(metavar="ROWS", help="The training rows: .npy, row by row, or .parquet.")],
    labels: Annotated[Path, typer.Option("--labels", metavar="FILE", help="Their labels: .npy.")],
    evaluation: Annotated[Path, typer.Option("--eval", metavar="FILE", help="Rows to predict: .npy.")],
    delete: Annotated[str | None, typer.Option(
        "--delete", metavar="M", help="Any M training rows are left out, or 1%.")] = None,
    relabel: Annotated[str | None, typer.Option(
        "--relabel", metavar="M", help="Any M training rows get another label, or 1%.")] = None,
    nproc: Annotated[int, typer.Option(
        "--nproc", parser=whole, metavar="N", help="Processes on this machine that share the rows.")] = 1,
    torchrun: Annotated[bool, typer.Option(
        "--torchrun", help="This process is one of those that torchrun has started.")] = False,
    checkpoint: Annotated[Path | None, typer.Option(
        "--checkpoint", metavar="DIR", help="Keep what was found there, for a run that follows one that was ended.")
    ] = None,
    memory: Annotated[float, typer.Option(
        "--memory", parser=decimal, metavar="BYTES", help="What each process may use.")] = 4e9,
    output: Annotated[Path | None, typer.Option(
        "-o", "--output", metavar="FILE", help="Write the answer as JSON.")] = None,
    certificate: Annotated[Path | None, typer.Option(
        "--certificate", metavar="DIR",
        help="Write certificate.json and certificate.safetensors there, which `certify check` proves again from the "
             "same files: of a RidgeClassifier, or of a LogisticRegression of two classes, with a "
             "witness.safetensors.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Nothing on stderr but errors.")] = False,
) -> None:
    """Say which predictions stay when any M rows of a large file are deleted or relabelled.

    The answer has the same bytes whatever the number of processes. Exit status 4 if nothing was proved.
    """
    from certify.certificate.stored import intended
    from certify.certificate.write import require_folder, write_together
    from certify.cli.text import one_line
    from certify.format.errors import InputError
    from certify.inputs.sklearn.skops_file import estimator_of
    from certify.problem.progress import shown
    from certify.prove.rows import kind_of
    from certify.prove.stored.predictions import stored_predictions

    if torchrun and nproc != 1:
        raise InputError("--nproc", f"{nproc}, and --torchrun", "give one of them")
    if output is not None:
        require_folder(output.parent, (output.name,))
    first = not torchrun or os.environ.get("RANK") == "0"
    estimator, targets = estimator_of(model), _array(labels, "--labels")
    changes = {"delete": _number("--delete", delete, targets), "relabel": _number("--relabel", relabel, targets)}
    kind = kind_of(**changes)
    files = {"data": data, "labels": labels, "evaluation": evaluation}
    writes = intended(certificate, model, estimator, files, kind[0], targets) if certificate and first else None
    with shown(quiet or not first) as tell:
        found = stored_predictions(estimator, data, targets,
                                   _array(evaluation, "--eval"), **changes, memory=memory,
                                   checkpoint=checkpoint, ranks="torchrun" if torchrun else nproc, progress=tell,
                                   witness=certificate is not None)
    if first:
        if writes is not None and writes.write(found, kind[1]) is None:
            print(f"no certificate is written, because nothing is proved: {found.reason}", file=sys.stderr)
        if output is not None:
            write_together({output: f"{found.json()}\n".encode()})
        every = len(found.proved) + len(found.flipped) + len(found.undecided)
        words = [line for line in (found.reason, _otherwise(data, *kind) if len(found.undecided) else "") if line]
        why = f" ({'; '.join(words)})" if words else ""
        print(found.json() if as_json else one_line(
            f"{found.words}: {len(found.proved)} of {every} prediction{'' if every == 1 else 's'} proved to stay, "
            f"{len(found.flipped)} flipped, {len(found.undecided)} undecided{why}"))
        sys.stdout.flush()
    raise typer.Exit(0 if len(found.proved) or len(found.flipped) else NOTHING)


def _number(option: str, given: str | None, labels: Any) -> int | None:
    """How many rows: a number, or a share of them.

    Raises:
        InputError: neither, or a share of less than one row.
    """
    from certify.prove.changed.shares import rows_or_share

    if given is None:
        return None
    number, share = rows_or_share(option, given)
    return number if share is None else share.of(len(labels))


def _otherwise(data: Path, kind: str, count: int) -> str:
    """The command that may decide what is left open here; "" where the table is too large for it."""
    if data.stat().st_size > FITS:
        return ""
    asked = "rows deleted" if kind == "delete" else "labels wrong"
    command = f"certify audit MODEL TABLE --eval NEW --ask \"{asked}\" --{kind} {count}"
    return (f"of a table that fits into memory `{command}` looks at each row and may decide more; TABLE: an .npz with "
            "X and y")


def _array(path: Path, asked: str) -> Any:
    """The one array of a `.npy` file; whatever its header says, no more is read than the file holds.

    Raises:
        InputError: it is none, or would have to be unpickled.
    """
    import numpy as np

    from certify.format.errors import InputError
    from certify.systems.head.rows.stored.on_disk import DAMAGED

    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except DAMAGED as error:
        raise InputError(asked, f"{path}: {' '.join(str(error).split())[:200]}", "give a .npy file") from None
    if not isinstance(found, np.memmap):
        raise InputError(asked, f"{path}, which holds no single array", "give a .npy file")
    return np.array(found)
