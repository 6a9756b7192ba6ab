"""What the tests of the verified checker share: its verdicts, those of its twin, and certificates to judge."""

from __future__ import annotations

import copy
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from certify.auditing.spec_run import run_audit
from certify.check.main import check
from certify.format.canonical import encode
from certify.format.refusal import Invalid
from tests.families.sealing import seal
from tests.families.squared_heads import SmallHead, small_head
from tests.golden.heads import SPEC
from tests.unit.check.theorems.head.test_claims import NONE

VALID, INVALID, BEYOND = 0, 1, 3
Certificate = dict[str, Any]


def verdict(program: Path, certificate: Path) -> tuple[int, str]:
    """Exit status and last line; whatever it reads, it ends by itself with one of its own lines."""
    done = subprocess.run([program, certificate], capture_output=True, text=True, timeout=60, check=False)
    last = done.stdout.splitlines()[-1]
    assert done.stderr == ""
    assert (done.returncode, last.split()[0]) in {(VALID, "valid"), (INVALID, "invalid"), (BEYOND, "beyond")}
    return done.returncode, last


def objection(certificate: Path) -> str:
    """Why Python's checker refuses it; "" where it does not."""
    try:
        check(certificate, NONE)
    except Invalid as refused:
        return str(refused)
    return ""


def put(folder: Path, certificate: Certificate) -> Path:
    """The certificate with the files as they are now, its digests put in."""
    found = copy.deepcopy(certificate)
    for entry in found["subject"].values():
        path = folder / Path(entry["path"]).name
        data = path.read_bytes()
        entry.update(path=path.name, sha256=sha256(data).hexdigest(), bytes=len(data))
    (folder / "certificate.json").write_bytes(encode(seal(found)))
    return folder / "certificate.json"


def drawn(seed: int, n: int = 9) -> SmallHead:
    """A head of one output whose targets are of both kinds."""
    rng = np.random.default_rng([19, seed])
    while True:
        head = small_head(rng, n, 1)
        if len(set(head.label)) == 2 and head.phi[:, :-1].std() > 0:
            return head


def written(folder: Path, head: SmallHead, quantity: str, rows: str = "", parameter: str = "labels",
            count: int = 3) -> Certificate:
    """A question about a drawn head, answered."""
    folder.mkdir(parents=True, exist_ok=True)
    H = head.phi.T @ head.phi + head.mu * np.diag(head.decayed)
    V = np.linalg.solve(H, head.phi.T @ head.Y)[:, 0]
    save_file({"0.weight": V[None, :-1].copy(), "0.bias": V[-1:].copy()}, folder / "model.safetensors")
    np.savez(folder / "data.npz", X=head.phi[:, :-1].copy(), y=head.Y[:, 0].copy())
    np.savez(folder / "more.npz", X=head.points[:, :-1].copy())
    spec = SPEC.format(outputs=1, loss="squared", decay=repr(head.mu / len(head.phi)), weights="", balanced="",
                       bias_decay=str(bool(head.decayed[-1])).lower(),
                       change=f'parameter = "{parameter}"\nset = "sparse"\ncount = {count}\n{rows}', quantity=quantity,
                       evaluation=f'[evaluation]\nfile = "more.npz"\nthreshold = {head.threshold!r}\n', bar="min = 1")
    spec = spec.replace("widths = [2, ", f"widths = [{head.phi.shape[1] - 1}, ")
    (folder / "spec.toml").write_text(spec, encoding="utf-8")
    return run_audit(folder / "spec.toml")
