r"""Which rows move the solution most: the modulus of every row of a training set, estimated in one sweep."""

from __future__ import annotations

import hashlib
import inspect
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.func import vjp

from certify.estimation.derivatives.jacobian import centred
from certify.estimation.derivatives.kernel import sketch_signs, sketched_rows
from certify.estimation.model.subject import ModuleProblem
from certify.estimation.options import require_whole
from certify.estimation.solvers.output_space import SKETCH_EQUATIONS, centres
from certify.format.errors import InputError
from certify.problem.progress import silent

Tell = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class Sensitivity:
    r"""Estimated moduli of single rows (M4): `κ_i = √λ_max(G_iᵀ (K⁻¹)_{ii} G_i)`, `G_i = ∂f_i/∂x_i`.

    If row i alone moves by u, the nearest weights that still give every output lie `κ_i |u|` away, to first order and
    for the worst direction of u.

    Attributes:
        moduli: `(n,)`, float64.
        columns: width of the sketch of J; equal to the number of parameters where it is J itself.
        exact: whether J itself was used; else the random sketch makes each number uncertain by about `spread`.
        spread: relative standard deviation to expect from the sketch; 0 where exact.
    """

    moduli: torch.Tensor
    columns: int
    exact: bool
    spread: float

    def ranking(self) -> list[int]:
        """Row numbers, the most sensitive first."""
        return [int(i) for i in torch.argsort(self.moduli, descending=True)]


def sensitivity(
    problem: ModuleProblem, *, columns: int | None = None, seed: int = 0, cache: str | Path | None = None,
    progress: Tell | None = None,
) -> Sensitivity:
    """Estimate the modulus of every row.

    Cost: per row of data one backward pass an output for its parameters and one for its inputs, then a Cholesky
    factorisation of N = n·k equations.

    Args:
        problem: its map has to keep outputs (interpolation, or critical points with base ``"given"``).
        columns: width of the sketch; default four times the equations, at most all parameters.
        seed: of the sketch.
        cache: folder in which every finished chunk of rows is kept: an interrupted sweep goes on from there.
        progress: told the stage and the fraction done.

    Raises:
        InputError: too many equations, or a map that does not keep outputs.
    """
    if problem.batch_statistics == "recomputed":
        raise InputError("sensitivity", "recomputed batch statistics, by which a row moves every other's outputs",
                         'use batch_statistics = "frozen"')
    if problem.map == "critical" and (problem.base != "given" or problem.weight_decay):
        raise InputError("sensitivity", "critical points that need not keep the outputs",
                         'use map = "interpolation", or base = "given" without weight decay')
    require_whole("seed", seed)
    if columns is not None:
        require_whole("columns", columns, 1)
    k, tell, centre = problem.k, progress or silent, centres(problem)
    N = problem.n * k
    if N > SKETCH_EQUATIONS:
        raise InputError("sensitivity", f"{N} equations", f"take at most {SKETCH_EQUATIONS // k} rows at once")
    free = problem.n * (k - 1 if centre else k)
    if free > problem.p:
        raise InputError("sensitivity", f"{free} equations and {problem.p} parameters", "take fewer rows")
    width = min(problem.p, 4 * N if columns is None else columns)
    if width < problem.p and width < N + 2:
        raise InputError("columns", f"{width} for {N} equations", f"give at least {N + 2}")
    store = None if cache is None else _Store(Path(cache), problem, width, seed)
    F, grams = _sweep(problem, width, seed, store, tell)
    tell("inverse of the kernel", 0.9)
    inverse = _inverse_blocks(F, centre, k)
    exact = width == problem.p
    if not exact:
        inverse *= 1 - (free + 1) / width  # the inverse of a Wishart matrix is too large by this factor, in the mean
    roots = _moduli(inverse, grams, centre)
    return Sensitivity(roots, width, exact, 0.0 if exact else math.sqrt(1 / (2 * max(width - free, 1))))


def _sweep(
    problem: ModuleProblem, width: int, seed: int, store: _Store | None, tell: Tell
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of J (or of its sketch) and `G_i G_iᵀ`, chunk by chunk."""
    signs = None if width == problem.p else sketch_signs(problem, seed)
    F = torch.empty(problem.n, problem.k, width, dtype=problem.X.dtype, device=problem.X.device)
    grams = torch.empty(problem.n, problem.k, problem.k, dtype=torch.float64, device=problem.X.device)

    def work(part: slice) -> tuple[torch.Tensor, torch.Tensor]:
        kept = None if store is None else store.read(part)
        if kept is not None:
            return kept[0].to(F), kept[1].to(grams)
        made = sketched_rows(problem, problem.X[part], width, signs), _input_gram(problem, problem.X[part])
        if store is not None:
            store.write(part, *made)
        return made

    for part, (rows, gram) in problem.function.chunks.run(problem.n, work):
        F[part], grams[part] = rows, gram
        tell("Jacobians of single rows", 0.9 * part.stop / problem.n)
    return F, grams


def _input_gram(problem: ModuleProblem, x: torch.Tensor) -> torch.Tensor:
    out, back = vjp(lambda a: problem.function.outputs(problem.w, a), x)
    rows = []
    for a in range(problem.k):
        seed = torch.zeros_like(out)
        seed[:, a] = 1.0
        rows.append(back(seed, retain_graph=True)[0].flatten(1).double())
    G = torch.stack(rows, 1)
    return G @ G.transpose(1, 2)


def _inverse_blocks(F: torch.Tensor, centre: bool, k: int) -> torch.Tensor:
    """Diagonal blocks of `(FFᵀ)⁻¹`, (n, k, k); for centred outputs of the pseudo-inverse, in an orthonormal basis."""
    basis = _basis(k, F) if centre else torch.eye(k, dtype=F.dtype, device=F.device)
    flat = torch.einsum("nkm,kj->njm", F, basis).reshape(-1, F.shape[2])
    K = torch.empty(len(flat), len(flat), dtype=torch.float64, device=F.device)
    for i in range(0, len(flat), 2048):
        K[i : i + 2048] = (flat[i : i + 2048] @ flat.T).double()
    shift = 1e-10 * float(K.diagonal().mean())
    K.diagonal().add_(shift)
    lower, failed = torch.linalg.cholesky_ex(K)
    if int(failed):
        raise InputError("sensitivity", "a numerically singular kernel: some rows cannot keep their outputs",
                         "remove duplicated rows")
    inverse = torch.cholesky_inverse(lower)
    j = basis.shape[1]
    blocks = torch.stack([inverse[i * j : (i + 1) * j, i * j : (i + 1) * j] for i in range(len(F))])
    wide = basis.double()
    return wide @ blocks @ wide.T


def _basis(k: int, like: torch.Tensor) -> torch.Tensor:
    """An orthonormal basis of the vectors that sum to 0, (k, k − 1)."""
    centring = torch.eye(k, dtype=torch.float64) - 1.0 / k
    return torch.linalg.eigh(centring)[1][:, 1:].to(like)


def _moduli(inverse: torch.Tensor, grams: torch.Tensor, centre: bool) -> torch.Tensor:
    """`√λ_max(Gᵀ B G)`, which is the largest eigenvalue of `L G Gᵀ Lᵀ` for `B = LᵀL`."""
    values, vectors = torch.linalg.eigh(inverse)
    root = vectors @ torch.diag_embed(values.clamp_min(0).sqrt()) @ vectors.transpose(1, 2)
    if centre:
        grams = centred(centred(grams).transpose(1, 2)).transpose(1, 2)
    return torch.linalg.eigvalsh(root @ grams @ root)[:, -1].clamp_min(0).sqrt()


def _source(kind: type) -> str:
    """The code of a module that is not torch's own: a changed forward leaves names, shapes and weights alone."""
    if kind.__module__.startswith("torch."):
        return ""
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):  # typed into a prompt, or built
        return ""


class _Store:
    """Finished chunks in a folder of their own, named by what they were made from; written atomically."""

    def __init__(self, folder: Path, problem: ModuleProblem, width: int, seed: int) -> None:
        digest = hashlib.sha256(f"{width} {seed} {problem.k} {problem.loss.name}".encode())
        digest.update(repr(problem.module).encode())
        for source in sorted({_source(type(part)) for part in problem.module.modules()}):
            digest.update(source.encode())
        for tensor in (problem.w, problem.X, *problem.function.buffers):
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        self.folder = folder / digest.hexdigest()[:32]
        self.folder.mkdir(parents=True, exist_ok=True)

    def _path(self, part: slice) -> Path:
        return self.folder / f"{part.start}-{part.stop}.safetensors"

    def read(self, part: slice) -> tuple[torch.Tensor, torch.Tensor] | None:
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            kept = load_file(self._path(part))
        except (FileNotFoundError, SafetensorError):
            return None
        return kept["rows"], kept["gram"]

    def write(self, part: slice, rows: torch.Tensor, gram: torch.Tensor) -> None:
        from safetensors.torch import save_file

        path = self._path(part)
        scratch = path.with_suffix(f".{os.getpid()}.part")
        save_file({"rows": rows.contiguous(), "gram": gram.contiguous()}, scratch)
        os.replace(scratch, path)
