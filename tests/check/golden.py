"""Write the golden certificates of this version: `python -m tests.check.golden`. Done once before a release.

They are never rewritten afterwards: a certificate that a released version wrote has to check for ever.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from certify import __version__
from certify.cli import main as certify
from tests.check import emitter
from tests.check.cases import plain

FOLDER = Path(__file__).parent / "golden"


def problems() -> dict[str, emitter.Case]:
    """The problems, by the name of their folder."""
    both = [{"quantity": "modulus", "max": 4, "rationale": "met"},
            {"quantity": "sample_modulus", "max": 0.5, "severity": "warn", "rationale": "failed"},
            {"quantity": "sample_modulus", "min": 0.5}]
    twins = plain(rows=[3, 1], activation="relu")
    twins.X[3] = twins.X[1]
    merged = plain(merge=True, rows=[2, 3])
    merged.X[3] = merged.X[1]
    return {
        "tanh": plain(gates=both),
        "relu-one-layer": plain(activation="relu", layer=2, biases=[None, np.array([1.0, 2.0])]),
        "targets": plain(parameter="targets", rows=[1, 2]), "twins": twins, "merged": merged,
    }


def main() -> None:
    """Write every problem, its certificate, and nothing else."""
    os.environ["SOURCE_DATE_EPOCH"] = "1764028800"
    for name, case in problems().items():
        folder = FOLDER / __version__ / name
        emitter.write_files(case, folder)
        certify(["run", str(folder / "spec.toml"), *(["--merge-duplicates"] if case.merge else [])])
        (folder / "report.html").unlink()


if __name__ == "__main__":
    main()
