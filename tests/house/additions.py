"""A copy of the package in which a thing is added by new files and rows of tables, and nothing else can be done."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SEVERAL = """
import contextlib, io, json, sys
from certify.cli.main import main
said = []
for line in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        status = main(line)
    said.append((status, out.getvalue(), err.getvalue()))
print(json.dumps(said))
"""


@dataclass
class Copy:
    """A copy of `certify/` below a folder, and what was added to it.

    Attributes:
        new: files that were not there before.
        rows: files to which lines were added; not one of their lines may go or change.
    """

    folder: Path
    new: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        half = shutil.ignore_patterns("*.pyc.*")  # what another process is compiling just now
        shutil.copytree(ROOT / "certify", self.folder / "certify", ignore=half)

    def file(self, path: str, text: str) -> None:
        """Add a file."""
        place = self.folder / "certify" / path
        if place.exists():
            raise ValueError(f"{path} is there already: a new thing is a new file")
        place.write_text(text, encoding="utf-8")
        self.new.append(path)

    def row(self, path: str, after: str, line: str) -> None:
        """Add a line after the first one that holds `after`; where that line closes a list, inside it."""
        place = self.folder / "certify" / path
        lines = place.read_text(encoding="utf-8").splitlines()
        at = next(i for i, text in enumerate(lines) if after in text)
        lines.insert(at + 1, line)
        self._change(path, "\n".join(lines) + "\n")

    def entry(self, path: str, old: str, more: str) -> None:
        """Add an entry to a list that stands on one line: `old` stays, `more` follows it."""
        place = self.folder / "certify" / path
        text = place.read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise ValueError(f"{old!r} stands {text.count(old)} times in {path}")
        self._change(path, text.replace(old, old + more))

    def _change(self, path: str, text: str) -> None:
        place = self.folder / "certify" / path
        for compiled in place.parent.glob(f"__pycache__/{place.stem}.*"):  # no clock decides whether it is stale
            compiled.unlink()
        place.write_text(text, encoding="utf-8")
        if path not in self.rows:
            self.rows.append(path)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command line of the copy."""
        return self.python("-m", "certify", *arguments)

    def runs(self, *lines: Sequence[str | Path]) -> list[subprocess.CompletedProcess[str]]:
        """Several command lines of the copy, by one process: most of the time of one is taken by imports."""
        done = self.python("-c", SEVERAL, json.dumps([[str(word) for word in line] for line in lines]))
        assert done.returncode == 0, done.stderr
        return [subprocess.CompletedProcess(line, *said) for line, said in zip(
            lines, json.loads(done.stdout), strict=True)]

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Python, which imports the copy."""
        environment = os.environ | {"PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run([sys.executable, *arguments], cwd=self.folder, env=environment, capture_output=True,
                              text=True, timeout=120)
