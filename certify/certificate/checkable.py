"""A model in a format that checkers do not read, once more as `.safetensors`, with a spec that names it.

Where a spec names `net.pt`, the certificate is about `net.canonical.safetensors` and `certify.canonical.toml`, which
are written beside it: the same numbers, as float64, and the same spec but for the paths and a factory, which was held
against the network and which no checker runs. So nobody who checks has to read the formats of exporters, and what is
bound by digests is the numbers that were computed with.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from certify.certificate.build import file_member
from certify.certificate.canonical import Json
from certify.format.errors import InputError
from certify.inputs.chain import numbered
from certify.network.graph.graph import GraphNetwork
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.spec.sources import Digest, read_source
from certify.spec.text.paths import relative
from certify.spec.text.toml_text import document_text
from certify.spec.vocabulary import CHECKED

MARK: Final = ".canonical"
"""Of the names of the files, before their ending."""
HEAD: Final = "# The spec that was run, with the model as "
WRITTEN: Final = {"written_by": "certify run"}
"""What shows that a run has written a file: the next one may write over it."""
_PATHS: Final = (("model", "file"), ("model", "graph"), ("data", "file"), ("weights", "reference"),
                 ("perturbation", "file"), ("evaluation", "file"))


def checkable(
    problem: Problem, sources: Mapping[str, Digest], folder: Path
) -> tuple[dict[str, Digest], dict[Path, bytes], Json]:
    """The files that a certificate binds, those to write for it, and where they come from.

    Nothing is changed where the model is in a format that checkers read, where other files are not, and where the
    network has folded parameters, which a checker has to know of. The files that hold tensors of the model are named
    with their digests all the same: without them the model's own file does not bind its numbers.

    Args:
        problem: read from files.
        sources: their digests.
        folder: where the certificate will lie.

    Returns:
        Digests by role; the content of `….canonical.safetensors` and `….canonical.toml` by path; and a member of the
        certificate's environment that names the files as they were given.

    Raises:
        InputError: something else has one of these names.
    """
    beside = {role: file_member(digest, folder) for role, digest in sources.items() if role.startswith("model data ")}
    same: tuple[dict[str, Digest], dict[Path, bytes], Json] = (
        dict(sources), {}, {"read_from": beside} if beside else {})
    model, spec = sources["model"].path, sources["spec"].path
    network = problem.network
    if _read(model, "model") or problem.spec is None or network.reparameterised or not all(
            _read(sources[role].path, "data") for role in ("data", "reference", "evaluation") if role in sources):
        return same
    paths = {"model": folder / f"{model.stem}{MARK}.safetensors", "spec": folder / f"{spec.stem}{MARK}.toml"}
    original = read_source(spec, "spec again")
    if original.sha256 != sources["spec"].sha256 or any(_one(path, source.path) for path in paths.values()
                                                        for source in sources.values()):
        return same  # changed meanwhile, or the very names are in use
    text = _rewritten(original.content, spec.parent, paths["model"], folder)
    if text is None:
        return same
    content = {"model": model_bytes(network), "spec": text}
    for role, made in content.items():
        _require_own(paths[role], made)
    digests = {role: Digest(paths[role], hashlib.sha256(made).hexdigest(), len(made)) for role, made in content.items()}
    given = {role: file_member(sources[role], folder) for role in content}
    return ({**sources, **digests}, {paths[role]: made for role, made in content.items()},
            {"read_from": {**given, **beside}})


def model_bytes(network: Network | GraphNetwork) -> bytes:
    """The parameters as a `.safetensors` file, under the names of torch's Sequential, or those that the graph names."""
    from safetensors.numpy import save

    if isinstance(network, GraphNetwork):
        arrays = dict(network.tensors)
    else:
        parts = [array for pair in zip(network.weights, network.biases, strict=True) for array in pair
                 if array is not None]
        arrays = dict(zip(numbered([bias is not None for bias in network.biases]), parts, strict=True))
    return bytes(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, WRITTEN))


def _require_own(path: Path, made: bytes) -> None:
    """Refuse to write over what no run has written.

    Raises:
        InputError: names it.
    """
    if not os.path.lexists(path):
        return
    marks = (HEAD.encode(), json.dumps(WRITTEN, separators=(",", ":")).encode())
    with contextlib.suppress(OSError):
        with path.open("rb") as handle:
            start = handle.read(len(made))
        if start == made or any(mark in start[:1000] for mark in marks):
            return
    raise InputError(f"output {path}", "something that certify run has not written has the name of the model or spec "
                     "that it would write", "move it, or use -o")


def _read(path: Path, role: str) -> bool:
    """Whether checkers read a file of that ending."""
    return path.suffix.lower() in CHECKED[role]


def _one(path: Path, other: Path) -> bool:
    return path.resolve() == other.resolve()


def _rewritten(content: bytes, before: Path, model: Path, folder: Path) -> bytes | None:
    """The spec with the other model and with paths from its new folder; None where TOML does not say the same."""
    given = tomllib.loads(content.decode("utf-8"))
    wanted = copy.deepcopy(given)
    for table, key in _PATHS:
        if isinstance(wanted.get(table, {}).get(key), str):
            wanted[table][key] = relative(before / wanted[table][key], folder)
    wanted["model"]["file"] = model.name
    wanted["model"].pop("factory", None)
    text = f"{HEAD}{model.name}.\n{document_text(wanted)}"
    try:
        return text.encode("utf-8") if tomllib.loads(text) == wanted else None
    except (tomllib.TOMLDecodeError, RecursionError, UnicodeEncodeError):  # a folder's name need not be text
        return None
