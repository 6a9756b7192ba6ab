"""Certificates of what `stored_predictions` proves about rows on disk, for whoever has the same files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from certify._version import __version__
from certify.certificate.build import file_member, now
from certify.certificate.canonical import canonical_bytes, seal
from certify.certificate.write import require_folder, write_together
from certify.format.errors import InputError
from certify.format.stored import BESIDE, FORMAT, NAMED, QUANTITY, THEOREMS
from certify.inputs.sklearn.linear import linear
from certify.spec.sources import Digest, sha256_file
from certify.systems.head.rows.stored.state import State, require_same, state_of

if TYPE_CHECKING:
    from certify.inputs.sklearn.read import Linear
    from certify.prove.stored.answer import StoredPredictions

CERTIFICATE, MODEL, WITNESS = "certificate.json", "certificate.safetensors", "witness.safetensors"

CHANGES: Final[Mapping[str, str]] = {"relabel": "labels", "delete": "deletions"}
"""By what is asked: what a certificate calls it."""

AXES: Final[Mapping[str, int]] = {"data": 2, "labels": 1, "evaluation": 2}
"""By file the axes of its array."""

LETTERS, LARGEST, EXACT = 256, 8, 2**53
"""Letters of a word, bytes of a number, and size of an integer, that the checker reads."""


@dataclass(frozen=True)
class Intended:
    """A certificate that will be written, about files as they are now.

    Attributes:
        folder: where it will lie.
        paths, states: of the files, by role.
        source: the file of the estimator.
        read: what the estimator is.
        change: what may happen to the rows.
    """

    folder: Path
    paths: Mapping[str, Path]
    states: Mapping[str, State]
    source: Path
    read: Linear
    change: str

    @property
    def theorem(self) -> str:
        """What the certificate will rest on."""
        return THEOREMS[self.read.loss][self.change]

    def write(self, found: StoredPredictions, count: int) -> Path | None:
        """Write the certificate, the weights and the witness; the path of the certificate, None where none may be.

        Args:
            found: what was proved.
            count: how many rows may change.

        Raises:
            InputError: a file was written to since, or the folder is not writable.
        """
        from safetensors.numpy import save

        arrays = {"weight": self.read.weights} | ({} if self.read.bias is None else {"bias": self.read.bias})
        weights = save({name: np.ascontiguousarray(array, dtype=np.float64) for name, array in arrays.items()})
        beside = {self.folder / MODEL: weights}
        if BESIDE[self.theorem]:
            if not found.witness:
                return None
            beside[self.folder / WITNESS] = save({name: np.ascontiguousarray(x) for name, x in found.witness.items()})
        subject = {role: file_member(Digest(path, sha256_file(path, role), self.states[role][2]), self.folder)
                   for role, path in self.paths.items()} | {
            role: file_member(_digest_of(content, path), self.folder)
            for role, (path, content) in zip(("model", "witness"), beside.items(), strict=False)}
        for role, path in self.paths.items():
            require_same(str(path), self.states[role])
        certificate = seal({
            "format": FORMAT, "certify_version": __version__, "created": now(), "subject": subject,
            "problem": self._problem(count), "claim": claim_member(found, self.theorem),
            "environment": {"read_from": {"model": {"name": self.source.name, "sha256": sha256_file(self.source)}}}})
        write_together(beside | {self.folder / CERTIFICATE: canonical_bytes(certificate)})
        return self.folder / CERTIFICATE

    def _problem(self, count: int) -> dict[str, Any]:
        """The recipe of the model and the sizes, as the files have them."""
        sizes = {role: np.load(path, mmap_mode="r", allow_pickle=False).shape for role, path in self.paths.items()}
        k = len(self.read.weights)
        intercept = "none" if self.read.bias is None else "decayed" if self.read.bias_decay else "free"
        return {"loss": str(self.read.loss), "penalty": float(self.read.weight_decay), "intercept": intercept,
                "change": self.change, "count": count, "rows": sizes["data"][0], "columns": sizes["data"][1],
                "evaluation_rows": sizes["evaluation"][0], "classes": 2 if k == 1 else k}


def claim_member(found: StoredPredictions, theorem: str) -> dict[str, Any]:
    """What was proved of every evaluation row."""
    stays, flips = found.proved.tolist(), found.flipped.tolist()
    every = len(stays) + len(flips) + len(found.undecided)
    changed = [list(found.rows[j]) if j in found.rows else [] for j in flips] if NAMED[theorem] else None
    return {"quantity": QUANTITY, "theorem": theorem, "lower": len(stays), "upper": every - len(flips),
            "stays": stays, "flips": flips, "changed": changed}


def intended(folder: Path, source: Path, estimator: Any, paths: Mapping[str, Path], kind: str, labels: Any) -> Intended:
    """Refuse, before anything is computed, a certificate that could not be written or would not be read.

    Args:
        folder: where it will lie.
        source, estimator: the file of the model, and what is in it.
        paths: of the other files by role.
        kind: what is asked, `relabel` or `delete`.
        labels: of the training rows.

    Raises:
        InputError: what the checker does not read.
    """
    read = linear(estimator, labels, 1)
    if read.loss not in THEOREMS:
        several = " of several classes" if len(read.weights) > 1 else ""
        raise InputError("--certificate", f"a {type(estimator).__name__}{several}",
                         "fit a RidgeClassifier, or a LogisticRegression of two classes, or ask without it")
    require_folder(folder, (CERTIFICATE, MODEL, *([WITNESS] if BESIDE[THEOREMS[read.loss][CHANGES[kind]]] else [])))
    states = {role: state_of(str(path)) for role, path in paths.items()}
    for role, axes in AXES.items():
        _require_read(role, paths[role], axes)
    return Intended(folder, dict(paths), states, source, read, CHANGES[kind])


def _require_read(role: str, path: Path, axes: int) -> None:
    """Refuse a file that the checker, which has no numpy, does not read."""
    asked = f"--certificate, {role} file {path}"
    if path.suffix == ".parquet":
        raise InputError(asked, "a .parquet file, which certify check does not read",
                         "save the rows as .npy, row by row, and ask of that file")
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(asked, " ".join(str(error).split())[:200], "give a .npy file") from None
    size = found.dtype.itemsize
    words = found.dtype.kind == "U" and axes == 1 and 0 < size <= 4 * LETTERS
    if found.ndim != axes or not found.flags.c_contiguous or not (
            words or (found.dtype.kind in "biuf" and size <= LARGEST)):
        raise InputError(asked, f"{found.dtype} of shape {found.shape}",
                         f"save an array of {axes} axes, row by row (C order), of numbers of at most 64 bits")
    if found.dtype.kind in "iu" and size == LARGEST and found.size:
        largest = max(int(found.max()), -int(found.min()))
        if largest > EXACT:
            raise InputError(asked, f"the integer {largest}, in size beyond 2^53, which certify check does not read",
                             "number classes from 0 on, and save features as float64")


def _digest_of(content: bytes, path: Path) -> Digest:
    from hashlib import sha256

    return Digest(path, sha256(content).hexdigest(), len(content))
