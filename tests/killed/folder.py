"""What may lie in a folder after a process that wrote into it was killed: whole files, and all that was said."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from certify.certificate.write import UNFINISHED

Faults = list[str]
CHECKED: dict[tuple[bytes, ...], int] = {}
"""Status of `certify check` by the bytes of the certificate and of what lies beside it: each is checked once."""


def faults_of(folder: Path, printed: str = "") -> Faults:
    """Everything that is wrong with a folder.

    Args:
        folder: of results.
        printed: what the killed process had said of answers: none of these may be missing.
    """
    found: Faults = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if UNFINISHED.fullmatch(path.name) or path.name == ".certify-draft.toml":
            continue  # nobody takes it for a result, and the next run takes it away
        why = _half(path)
        if why:
            found.append(f"{path.relative_to(folder)}: {why}")
    return found or [*_refused(folder), *_lost(folder, printed)]


def left(folder: Path) -> list[str]:
    """Hidden files that are there after a run that ended by itself, other than an audit's list."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob(".*") if path.name != ".certify-audit.json")


def _half(path: Path) -> str:
    """Why a file is not whole; "" where it is."""
    content = path.read_bytes()
    try:
        if path.suffix in (".json", ".sarif"):
            json.loads(content)
        elif path.suffix == ".toml":
            tomllib.loads(content.decode())
        elif path.suffix == ".html" and not content.rstrip().endswith(b"</html>"):
            return "the page does not end"
        elif path.suffix == ".xml" and not content.rstrip().endswith(b"</testsuites>"):
            return "the list of tests does not end"
        elif path.suffix == ".certify":
            head, _, rest = content.partition(b"\n")
            stated = json.loads(head)
            sizes = stated["certificate"], stated["witness"]
            parts = rest[:sizes[0]], rest[sizes[0]:]
            digests = [hashlib.sha256(part).hexdigest() for part in parts]
            if len(rest) != sum(sizes) or digests != [stated["certificate_sha256"], stated["witness_sha256"]]:
                return "the entry of the cache is not what it says"
        elif path.suffix == ".safetensors":
            from safetensors.numpy import load

            load(content)
    except Exception as error:  # whatever a reader raises
        return f"{type(error).__name__}: {error}"
    return ""


def _refused(folder: Path) -> Faults:
    """Certificates that `certify check` calls invalid, and pages of other certificates."""
    found = []
    for path in sorted(folder.rglob("certificate.json")):
        if checked(path) not in (0, 3, 4):
            found.append(f"{path.relative_to(folder)}: certify check gives {checked(path)}")
        page = path.with_name("report.html")
        digest = json.loads(path.read_bytes())["digest"].partition(":")[2]
        if page.exists() and digest not in page.read_text(encoding="utf-8"):
            found.append(f"{page.relative_to(folder)}: of another certificate")
    return found


def checked(certificate: Path) -> int:
    """Exit status of `certify check`."""
    from certify.check.main import main

    beside = [certificate.parent / file["path"] for file in json.loads(certificate.read_bytes())["subject"].values()]
    key = (certificate.read_bytes(), *(path.read_bytes() if path.is_file() else b"" for path in beside))
    if key not in CHECKED:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            CHECKED[key] = main([str(certificate)])
    return CHECKED[key]


def _lost(folder: Path, printed: str) -> Faults:
    """Answers that were printed and are not on the disk, or are listed and have no certificate."""
    lines = [line for line in printed.splitlines() if re.match(r"(proved|refuted|open)\s", line)]
    if not lines and not (folder / "audit.json").is_file():
        return []
    if not (folder / "audit.json").is_file():
        return [f"printed and not on the disk: {line}" for line in lines]
    answers: list[dict[str, Any]] = json.loads((folder / "audit.json").read_bytes())["answers"]
    said = " ".join(answer["answer"] for answer in answers)
    return [*(f"printed and not on the disk: {line}" for line in lines
              if line.partition(" ")[2].strip().split(" [")[0][:60] not in said),
            *(f"listed, with no certificate: {answer['certificate']}" for answer in answers
              if not (folder / answer["certificate"]).is_file())]
