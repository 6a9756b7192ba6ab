"""certify as a program that answers instances: `certify run`, then `certify check`; one word on standard output.

A proof counts if the checker derives it again. What certify refuses to be asked is open, and standard error says why.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

WORDS = {"certified": "yes", "refuted": "no", "inconclusive": "open"}
ANSWERED = (0, 3, 4)


def certify(*arguments: str) -> tuple[int, str, str]:
    done = subprocess.run([sys.executable, "-m", "certify", *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def answer(spec: Path) -> tuple[str, str]:
    """The word, and why it is open or what proves it."""
    with tempfile.TemporaryDirectory() as folder:
        status, _, said = certify("run", str(spec), "-o", folder, "--quiet")
        if status not in ANSWERED:
            return "open", (said.splitlines() or [f"exit status {status}"])[-1]
        given = [f"--{role}={path}" for role, path in files(spec).items()]
        status, line, said = certify("check", f"{folder}/certificate.json", "--quiet", f"--spec={spec}", *given)
        if status not in ANSWERED:
            return "open", f"the checker refuses: {line or said}"
        return WORDS[line.split()[0]], line


def files(spec: Path) -> dict[str, Path]:
    """The files that the spec names, by role."""
    import tomllib

    said = tomllib.loads(spec.read_text(encoding="utf-8"))
    return {role: spec.parent / said[role]["file"] for role in ("model", "data", "evaluation") if role in said}


if __name__ == "__main__":
    word, why = answer(Path(sys.argv[1]).resolve())
    print(word)
    print(why, file=sys.stderr)
