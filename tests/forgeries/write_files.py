"""Write the honest certificates in `files/` and `kinds/`, and the copy of a solution.

    python -m tests.forgeries.write_files
"""

from __future__ import annotations

import copy
import math
import os
import re
import shutil
import tempfile
from pathlib import Path
from unittest.mock import patch

import numpy as np

from certify.systems.critical import settle
from tests.families import emitter
from tests.families.prover_cases import edit, prove
from tests.forgeries import seeds, specimens
from tests.forgeries.forgery import FILES, KINDS, ROOT
from tests.unit.check.systems.test_nearness import NEARBY, audited, deep_linear, without


def rescaled_copy(folder: Path) -> None:
    """The claims of a rescaled copy, put over spec, model and data of the honest certificate: every number is true."""
    with tempfile.TemporaryDirectory() as elsewhere:
        honest = audited(deep_linear(), folder, NEARBY)
        other = audited(deep_linear(2.0), Path(elsewhere) / "other", NEARBY)
        own, far = deep_linear(), deep_linear(2.0)
        gap = math.hypot(*(v for a, b in zip(own.weights, far.weights, strict=True) for v in (a - b).ravel()))
        forged = copy.deepcopy(honest)
        forged["claims"] = other["claims"]
        forged["base"] |= {"radius": other["base"]["radius"], "distance": gap * (1 + 1e-9)}
        for claim in forged["claims"]:
            claim["hypotheses"] = [h for h in claim["hypotheses"] if h["name"] != "solution"]
        shutil.copy(Path(elsewhere) / "other" / "witness.safetensors", folder)
        forged["subject"]["witness"] = emitter.record(folder / "witness.safetensors", "witness.safetensors")
        emitter.write(without(forged), folder)


def weight_tilt(folder: Path) -> None:
    """Decay that no tilt through the outputs undoes."""
    case = emitter.Case([np.array([[0.5, -1.0]]), np.array([[0.75]])], [np.array([0.25]), None], "tanh",
                        np.array([[1.0, 0.5], [-0.5, 1.0]]), np.array([[1.0], [-1.0]]))
    emitter.write_files(case, folder)
    edit(folder, {"[solution]\n": '[solution]\nmap = "critical"\n',
                  "[training]\n": "[training]\nweight_decay = 0.125\n"})
    certificate = prove(folder)
    assert certificate is not None and certificate["base"]["tilt"] == "weights"


def chosen_tilt(folder: Path) -> None:
    """The tilt in weight space where there is one through the outputs, by a prover that is made not to find it."""
    rng = np.random.default_rng(6)
    case = emitter.Case([np.array([[0.5, -1.0]])], [None], "identity", rng.normal(size=(8, 2)), rng.normal(size=(8, 1)))
    emitter.write_files(case, folder)
    edit(folder, {"[solution]\n": '[solution]\nmap = "critical"\n'})
    honest = prove(folder)
    with patch.object(settle, "_tilt", lambda *_: "none"):
        certificate = prove(folder)
    assert honest is not None and certificate is not None
    assert [one["base"]["tilt"] for one in (honest, certificate)] == ["output", "weights"]
    assert certificate["claims"][0]["lower"] > 1.01 * honest["claims"][0]["upper"]  # a gate from below is met by it


def main() -> None:
    """Write what is not there."""
    os.environ["SOURCE_DATE_EPOCH"] = "1795824000"
    makers = {"rescaled-copy": rescaled_copy, "weight-tilt": weight_tilt, "chosen-tilt": chosen_tilt,
              **{name: lambda folder, name=name: seeds.prove(name, folder) for name in seeds.SEEDS}}
    every = {ROOT / FILES / name: make for name, make in makers.items()} | {
        ROOT / KINDS / name: make for name, make in specimens.MAKERS.items()}
    for folder, make in every.items():
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            make(folder)
            for path in folder.iterdir():
                if re.search(r"\.(html|pdf|json|svg|js|css|txt)$", path.name) and path.name not in (
                        "certificate.json", "graph.json"):
                    path.unlink()


if __name__ == "__main__":
    main()
