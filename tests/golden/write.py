"""Write the golden certificates of this version: `python -m tests.golden.write [names]`. Once before a release.

They are never rewritten afterwards: a certificate that a released version wrote has to check for ever.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from pathlib import Path

import numpy as np

from certify import __version__
from certify.cli.main import main as certify
from tests.families import emitter
from tests.families.check_cases import plain
from tests.families.prover_cases import edit, outputs
from tests.golden import heads

FOLDER = Path(__file__).parent


def problems() -> dict[str, emitter.Case]:
    """The problems, by the name of their folder."""
    both = [{"quantity": "modulus", "max": 4, "rationale": "met"},
            {"quantity": "sample_modulus", "max": 0.5, "severity": "warn", "rationale": "failed"},
            {"quantity": "sample_modulus", "min": 0.5}]
    twins = plain(rows=[3, 1], activation="relu")
    twins.X[3] = twins.X[1]
    merged = plain(merge=True, rows=[2, 3])
    merged.X[3] = merged.X[1]
    fitted = plain(X=np.random.default_rng(1).normal(size=(3, 3)), y=np.zeros((3, 2)), activation="gelu")
    fitted.y = np.round(outputs(fitted), 3)
    return {
        "critical": emitter.Case([np.array([[1.0]]), np.array([[2.0]])], [None, None], "identity",
                                 np.array([[1.0], [2.0]]), np.array([[2.0], [4.0]])),
        "nearby": fitted,
        "inside": plain(rows=[0, 2], columns=[0, 2], scale={"2": 0.5}, activation="silu",
                        gates=[{"quantity": "persistence_radius", "min": 1e-4}, {"quantity": "modulus", "max": 1}]),
        "boundary": plain(activation="softplus"),
        "tanh": plain(gates=both),
        "relu-one-layer": plain(activation="relu", layer=2, biases=[None, np.array([1.0, 2.0])]),
        "targets": plain(parameter="targets", rows=[1, 2]), "twins": twins, "merged": merged,
        "per-sample": plain(gates=[{"quantity": "modulus", "max": 8}, {"quantity": "first_order_distance", "max": 2}]),
        "sparse": plain(activation="sigmoid", gates=[{"quantity": "first_order_distance", "max": 8}]),
        "change": plain(rows=[2, 0]),
        "window": plain(rows=[2, 0], activation="relu", layer=2, biases=[None, np.array([1.0, 2.0])], gates=[
            {"quantity": "excess", "max": 16}, {"quantity": "hausdorff", "max": 16}]),
    }


EDITS = {
    "critical": {"[solution]\n": '[solution]\nmap = "critical"\n'},
    "nearby": {"[solution]\n": '[solution]\nbase = "nearby"\n'},
    "inside": {"[solution]\n": '[solution]\nmap = "sublevel"\nlevel = 20.0\n'},
    "per-sample": {"[perturbation]\n": '[perturbation]\nset = "per_sample"\nnorm = "inf"\nradius = 0.25\n'},
    "sparse": {"[perturbation]\n": '[perturbation]\nset = "sparse"\ncount = 2\nnorm = 1\nradius = 8.0\n'},
    "change": {"[perturbation]\n": '[perturbation]\nset = "given"\nfile = "change.npz"\n'},
    "window": {"[perturbation]\n": '[window]\nradius = 8.0\n\n[perturbation]\nset = "given"\nfile = "change.npz"\n'},
    "boundary": {"[solution]\n": '[solution]\nmap = "sublevel"\n',
                 "[perturbation]\n": '[perturbation]\nset = "per_sample"\n'},
}
"""Changes of the spec that the emitter cannot write."""


def main(names: Collection[str]) -> None:
    """Write the named problems (none: every one), their certificates, and nothing else."""
    os.environ["SOURCE_DATE_EPOCH"] = "1764028800"
    for name, case in problems().items():
        if names and name not in names:
            continue
        folder = FOLDER / __version__ / name
        if folder.exists():
            continue
        emitter.write_files(case, folder)
        if name in ("change", "window"):
            np.savez(folder / "change.npz", u=np.array([[0.5, -0.25, 0.0], [0.125, 1.0, 2.0]]))
        edit(folder, EDITS.get(name, {}))
        certify(["run", str(folder / "spec.toml"), *(["--merge-duplicates"] if case.merge else [])])
        (folder / "report.html").unlink()
    for name, asked in heads.ASKED.items():
        folder = FOLDER / __version__ / name
        if (names and name not in names) or folder.exists():
            continue
        certify(["run", str(heads.write(asked, folder))])
        (folder / "report.html").unlink()


if __name__ == "__main__":
    main(sys.argv[1:])
