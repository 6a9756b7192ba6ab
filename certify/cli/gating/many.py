"""Several specs: a line each, and the worst exit status of all."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from certify.cli.gating.one import Asked
from certify.format.errors import CertifyError, InputError, SpecError

FORMAT: Final = "certify-runs/1"
NAME: Final = "certify.toml"
MOST: Final = 10_000
"""Specs of a folder at most."""

INVALID: Final = 2


def specs_of(given: Iterable[Path]) -> tuple[Path, ...]:
    """Every spec that is named, and of folders each `certify.toml` in them or below, in the order of their names.

    Raises:
        InputError: a folder holds none, or too many.
    """
    found: dict[Path, None] = {}
    for path in given:
        below = [path]
        if path.is_dir():
            below = sorted(one for one in path.rglob(NAME) if not _hidden(one.relative_to(path)))
            if not below or len(below) > MOST:
                raise InputError(f"folder {path}", f"{len(below)} files {NAME} in it or below", "name the specs")
        found |= dict.fromkeys(below)
    return tuple(found)


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def folders_of(specs: Sequence[Path], output: Path | None) -> dict[Path, Path]:
    """Where each spec writes: its own folder, or one of its name below `output`.

    Raises:
        SpecError: two of them would write into one folder.
    """
    found: dict[Path, Path] = {}
    for spec in specs:
        folder = spec.parent if output is None else output / _name(spec, specs)
        other = next((one for one, place in found.items() if place.resolve() == folder.resolve()), None)
        if other is not None:
            raise SpecError(f"{other} and {spec}", f"both would write into {folder}",
                            "run them apart, or give -o DIR: each then has a folder of its name there")
        found[spec] = folder
    return found


def _name(spec: Path, specs: Sequence[Path]) -> str:
    """What the folder of a spec is called: as the spec, with the folder before it where several have one name."""
    alike = sum(other.stem == spec.stem for other in specs) > 1
    parent = spec.resolve().parent.name
    return (parent if spec.name == NAME else f"{parent}-{spec.stem}") if alike and parent else spec.stem


def run_many(specs: Sequence[Path], asked: Asked) -> int:
    """Prove each spec, whatever became of those before it; the worst exit status.

    Raises:
        CertifyError: what was asked for makes no sense for several specs.
    """
    from certify.cli.formats import JSON, TEXT, formats
    from certify.cli.text import one_line
    from certify.gating.status import require_word
    from certify.prove.gates import worst

    require_word(asked.on_inconclusive)
    wanted = formats(asked.form, asked.as_json)
    if wanted.files or wanted.out not in (TEXT, JSON):
        raise SpecError("--format", f"{len(specs)} specs would be written into one file",
                        "leave it out, and make it of each certificate: certify report CERT --format NAME")
    if asked.baseline is not None and asked.baseline.name != str(asked.baseline):
        raise SpecError(f"--baseline {asked.baseline}", f"it is one certificate, and there are {len(specs)} specs",
                        "give a name alone: the file of that name beside each spec is its baseline")
    name = asked.baseline
    if name is not None and not any((spec.parent / name).exists() or (spec.parent / name).is_symlink()
                                    for spec in specs):
        raise InputError(f"--baseline {name}", "no such file lies beside any of the specs",
                         "make it of a certificate: certify baseline update CERT; or leave --baseline out")
    folders = folders_of(specs, asked.output)
    entries = []
    for spec, folder in folders.items():
        entry = _run(spec, folder, asked)
        entries.append(entry)
        if wanted.out == TEXT:
            print(one_line(entry["line"]), flush=True)
    status = worst(*(entry["status"] for entry in entries))
    if wanted.out == JSON:
        runs = [{key: value for key, value in entry.items() if key != "line"} for entry in entries]
        print(json.dumps({"format": FORMAT, "status": status, "runs": runs}, allow_nan=False))
    if not asked.quiet:
        kept = sum(entry["from_cache"] for entry in entries)
        print(f"{len(entries)} specs, {kept} from cache; exit status {status}", file=sys.stderr)
    return status


def _run(spec: Path, folder: Path, asked: Asked) -> dict[str, Any]:
    """One of them: its exit status, its line, and what `--json` says of it."""
    from certify.auditing.spec_run import run_audit
    from certify.cli.text import one_line
    from certify.gating.status import open_note, status_of
    from certify.problem.progress import shown
    from certify.report.messages import run_object, verdict_line

    told, made = list[str](), list[str]()
    try:
        policy = replace(asked, baseline=_baseline(spec, asked.baseline)).policy(told.append, made.append)
        with shown(asked.quiet) as tell:
            certificate = run_audit(spec, folder, asked.merge_duplicates, tell, policy)
    except CertifyError as error:
        return {"spec": str(spec), "status": INVALID, "from_cache": False, "error": str(error),
                "line": f"{spec}: invalid: {error}"}
    note = open_note(certificate, asked.on_inconclusive)
    for line in (*(f"warning: {words}" for words in told), *([note] if note else [])):
        print(one_line(f"{spec}: {line}"), file=sys.stderr, flush=True)
    status = status_of(certificate, asked.on_inconclusive)
    since = f" (from cache, proved {made[0]})" if made else ""
    return {"spec": str(spec), "status": status, "from_cache": bool(made), **run_object(certificate),
            "line": f"{spec}: {verdict_line(certificate, reason=True)}{since}"}


def _baseline(spec: Path, name: Path | None) -> Path | None:
    """The baseline of one spec: the file of that name beside it, where it has gates over time and the file is there."""
    from certify.spec.load import load_spec

    if name is None or not any(gate.over_time for gate in load_spec(spec).gate):
        return None
    path = spec.parent / name
    return path if path.exists() or path.is_symlink() else None
