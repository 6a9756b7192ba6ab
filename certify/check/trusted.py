"""What a verdict rests on: the files of `certify` that this process has loaded to check a certificate, ring by ring."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from certify.format.canonical import Json

LIMITS, COMMAND = "certify.check.limits", ("certify.check.__main__", "certify.check.main")
"""What reads the command line, keeps to limits and prints: no number is found there, and no verdict but that a check
was too large."""
ENCLOSURES = ("linalg", "enclosure", "lipschitz", "systems")


@dataclass(frozen=True)
class Ring:
    """Files that are trusted for the same reason.

    Attributes:
        name: of the ring.
        files: paths from the folder that holds `certify`, and their lines.
    """

    name: str
    files: tuple[tuple[str, int], ...]

    @property
    def lines(self) -> int:
        """Of all its files."""
        return sum(lines for _, lines in self.files)


def rings(loaded: Mapping[str, ModuleType] | None = None) -> tuple[Ring, ...]:
    """The files of the checker among the loaded modules: kernel and reading, enclosures, theorems.

    What a process has loaded for an earlier certificate is counted too; what reads the command line and prints is not.

    Args:
        loaded: modules by name; None: those of this process.

    >>> [ring.name for ring in rings()]
    ['kernel and reading', 'enclosures', 'theorems']
    """
    found: dict[str, list[tuple[str, int]]] = {"kernel and reading": [], "enclosures": [], "theorems": []}
    for name, module in sorted((sys.modules if loaded is None else loaded).items()):
        parts, path = name.split("."), getattr(module, "__file__", None)
        counted = parts[0] == "certify" and (len(parts) == 1 or parts[1] in ("check", "format"))
        if path is None or not counted or name in (__name__, *COMMAND) or name.startswith(LIMITS):
            continue
        below = parts[2] if len(parts) > 2 and parts[1] == "check" else ""
        ring = "theorems" if below == "theorems" else "enclosures" if below in ENCLOSURES else "kernel and reading"
        ending = "/__init__.py" if Path(path).name == "__init__.py" else ".py"
        found[ring].append(("/".join(parts) + ending, Path(path).read_bytes().count(b"\n")))
    return tuple(Ring(name, tuple(files)) for name, files in found.items())


def table(found: tuple[Ring, ...]) -> str:
    """The files as lines of text, the sums first."""
    files, lines = sum(len(ring.files) for ring in found), sum(ring.lines for ring in found)
    said = [f"this verdict rests on {files} files of certify, {lines} lines"]
    for ring in found:
        said.append(f"{ring.name}: {len(ring.files)} files, {ring.lines} lines")
        said += [f"{count:6} {file}" for file, count in ring.files]
    said.append("not counted, what reads the command line, keeps to limits and prints: main.py, limits/ and trusted.py "
                "in certify/check")
    return "\n".join(said)


def members(found: tuple[Ring, ...]) -> Json:
    """The same as a JSON object."""
    return {"lines": sum(ring.lines for ring in found),
            "rings": [{"ring": ring.name, "lines": ring.lines,
                       "files": [{"file": file, "lines": lines} for file, lines in ring.files]} for ring in found]}
