"""Jacobians of single rows, parameter by parameter: the rows of J themselves, not only products with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import jacrev, jvp, vmap

from certify.estimation.model.chunks import is_memory
from certify.estimation.model.convolution import Recording
from certify.estimation.model.probes import FAILURES, Tried
from certify.estimation.model.subject import ModuleProblem

Part = tuple[nn.Module, torch.Tensor, torch.Tensor]

_ANSWERED: WeakKeyDictionary[ModuleProblem, dict[int, bool]] = WeakKeyDictionary()
"""What :func:`by_layers` found for one row and for two, problem by problem, as long as the problem lives."""


@dataclass(frozen=True, eq=False)
class Block:
    """`∂f_{i,a}/∂w` for output a, the rows i of one chunk, and one parameter.

    Attributes:
        output: a, or the number of the direction.
        offset: where the parameter begins in the flat vector.
        rows: `(rows, size)` derivatives.
    """

    output: int
    offset: int
    rows: torch.Tensor


def blocks(
    problem: ModuleProblem, x: torch.Tensor, directions: torch.Tensor | None = None
) -> Iterator[Block]:
    """Every block of the Jacobian at rows x that pass through together.

    Convolutions, linear layers and frozen BatchNorms that are used once give theirs as products of inputs and adjoints,
    for the price of one backward pass an output; a module with other parameters is differentiated row by row.

    Args:
        problem: the problem.
        x: the rows.
        directions: `(m, rows, k)`; instead of the outputs' derivatives, those of `d_{m,i} · f_i`.
    """
    if directions is None:
        k = problem.k
        directions = torch.eye(k, dtype=x.dtype, device=x.device)[:, None, :].expand(k, len(x), k)
    beside = _beside_a_trial(problem, x, directions)
    if beside is not None:
        yield from beside
    elif by_layers(problem, len(x)):
        yield from _by_layers(problem, x, directions)
    else:
        yield from _row_by_row(problem, x, directions)


def by_layers(problem: ModuleProblem, rows: int = 2) -> bool:
    """Whether the derivatives of a module are those of its layers, each of known kind and used once.

    Args:
        problem: the problem.
        rows: how many pass through together: one alone is asked about apart from more, and only where it is needed.
    """
    known, some = _ANSWERED.setdefault(problem, {}), min(rows, 2)
    if some not in known:
        known[some] = _simple(problem) and _layers_tell(problem, some)
    return known[some] and (some == 2 or by_layers(problem))


def _simple(problem: ModuleProblem) -> bool:
    """Whether every parameter belongs to a layer of known kind, and to that one alone."""
    owners: dict[int, int] = {}
    for part in problem.module.modules():
        own = list(part.parameters(recurse=False))
        if own and not _known(part):
            return False
        for p in own:
            owners[id(p)] = owners.get(id(p), 0) + 1
    return all(count == 1 for count in owners.values()) and problem.batch_statistics == "frozen"


def _layers_tell(problem: ModuleProblem, rows: int) -> bool:
    """Whether the layers' own derivatives are all there is: on one row or on two, against a derivative of the whole.

    A weight that is also read elsewhere, a hook, a mask, a layer applied to something that is not the rows: all of
    them show, for one direction of the weights and one of every row's outputs, drawn at random. Rows are apart, so
    that what two give together each gives alone.
    """
    generator = torch.Generator().manual_seed(0)
    d = _drawn(problem, generator)
    tried = problem.tried or _along(problem, generator)
    if tried is None:
        return False
    d = d[: len(tried.rows[:rows])]
    found = _attempted(problem, tried.rows[:rows].to(problem.X), d[None])
    return found is not None and _agree(found, tried, d)


def _beside_a_trial(problem: ModuleProblem, x: torch.Tensor, directions: torch.Tensor) -> list[Block] | None:
    """The layers' blocks for one direction, from a pass that has the rows of :func:`_layers_tell` in front.

    A pass for two rows takes nearly as long as one for a hundred, so that the first blocks of all are asked for
    together with the trial of the layers. None: they were tried before, do not tell, or two more rows do not fit.
    """
    known, tried = _ANSWERED.setdefault(problem, {}), problem.tried
    fits = 2 <= len(x) <= problem.function.chunks.size - 2
    if 2 in known or tried is None or len(tried.rows) < 2 or len(directions) != 1 or not fits:
        return None
    d = _drawn(problem, torch.Generator().manual_seed(0))
    found = None
    if _simple(problem):
        found = _attempted(problem, torch.cat([tried.rows[:2].to(x), x]), torch.cat([d[None], directions], 1))
    known[2] = found is not None and _agree(found, tried, d)
    if found is None or not known[2]:
        return None
    return [Block(block.output, block.offset, block.rows[2:]) for block in found]


def _drawn(problem: ModuleProblem, generator: torch.Generator) -> torch.Tensor:
    """A direction of the outputs of each of two rows, (2, k)."""
    return torch.randn(2, problem.k, generator=generator, dtype=torch.float64).to(problem.w)


def _along(problem: ModuleProblem, generator: torch.Generator) -> Tried | None:
    """A derivative of the first rows in a direction drawn at random; None where torch has none."""
    x, r = problem.X[:2], torch.randn(problem.p, generator=generator, dtype=torch.float64).to(problem.w)
    try:
        return Tried(x, r, jvp(lambda w: problem.function.outputs(w, x), (problem.w,), (r,))[1])
    except FAILURES as error:
        if is_memory(error):
            raise
        return None


def _attempted(problem: ModuleProblem, x: torch.Tensor, directions: torch.Tensor) -> list[Block] | None:
    """The layers' blocks by one pass back, not one an output; None where the module does not pass."""
    try:
        return list(_by_layers(problem, x, directions))
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        if is_memory(error):
            raise
        return None


def _agree(found: list[Block], tried: Tried, d: torch.Tensor) -> bool:
    """Whether blocks are, at their first len(d) rows, what was tried: `d_i · J_i r`."""
    r, wanted = tried.direction.to(d), (tried.along[: len(d)].to(d) * d).sum(1)
    gained = torch.zeros_like(wanted)
    for block in found:
        gained += block.rows[: len(d)] @ r[block.offset : block.offset + block.rows.shape[1]]
    return float((gained - wanted).norm()) <= 10 * torch.finfo(d.dtype).eps ** 0.5 * float(wanted.norm())


def _known(part: nn.Module) -> bool:
    if type(part) is nn.Conv2d:
        return part.groups == 1 and part.padding_mode == "zeros" and not isinstance(part.padding, str)
    return type(part) in (nn.Linear, nn.BatchNorm2d, nn.BatchNorm1d)


def _by_layers(problem: ModuleProblem, x: torch.Tensor, directions: torch.Tensor) -> Iterator[Block]:
    passed: dict[str, Part] = {}
    versions: dict[str, int] = {}
    twice: list[str] = []

    def keeper(name: str) -> Callable[[nn.Module, tuple[torch.Tensor, ...], torch.Tensor], torch.Tensor]:
        def keep(part: nn.Module, given: tuple[torch.Tensor, ...], out: torch.Tensor) -> torch.Tensor:
            if name in passed:
                twice.append(name)
            if not out.requires_grad:  # the first of all: adjoints begin here, and weights get no derivatives
                out.requires_grad_(True)
            passed[name], versions[name] = (part, given[0].detach(), out), given[0]._version
            return out.clone()  # what follows may work in place

        return keep

    layers = {name: part for name, part in problem.module.named_modules() if list(part.parameters(recurse=False))}
    hooks = [part.register_forward_hook(keeper(name)) for name, part in layers.items()]
    try:
        with Recording(folds=False):
            out = problem.function.outputs(problem.w, x)
    finally:
        for hook in hooks:
            hook.remove()
    overwritten = any(part[1]._version != versions[name] for name, part in passed.items())
    if twice or overwritten or any(part[2].ndim > 2 and type(part[0]) is nn.Linear for part in passed.values()):
        del out, passed
        yield from _row_by_row(problem, x, directions)
        return
    offsets = _offsets(problem)
    many = len(directions) > 1  # else patches are made where they are used: they are larger than all else
    unfolded = {name: _patches(part) for name, part in passed.items() if many and type(part[0]) is nn.Conv2d}
    outs = [part[2] for part in passed.values()]
    for a, direction in enumerate(directions):
        adjoints = torch.autograd.grad((direction * out).sum(), outs, retain_graph=True, allow_unused=True)
        for (name, part), b in zip(passed.items(), adjoints, strict=True):
            if b is not None:
                yield from _layer(name, part, b.detach(), unfolded.get(name), a, offsets)


def _layer(
    name: str, part: Part, b: torch.Tensor, patches: tuple[torch.Tensor, int] | None, a: int, offsets: dict[str, int]
) -> Iterator[Block]:
    layer, given, _ = part
    weight, bias = (f"{name}.{last}" if name else last for last in ("weight", "bias"))
    rows = len(b)
    if type(layer) is nn.Conv2d:
        seen, width = patches or _patches(part)
        W = torch.bmm(_in_lines(b, width, seen.shape[1]), seen)
        beta = b.flatten(2).sum(2)
    elif isinstance(layer, nn.Linear):
        W, beta = b[:, :, None] * given[:, None, :], b
    else:
        assert isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)
        assert layer.running_mean is not None and layer.running_var is not None
        shape = (1, -1) + (1,) * (given.ndim - 2)
        unit = (given - layer.running_mean.view(shape)) * torch.rsqrt(layer.running_var + layer.eps).view(shape)
        W, beta = ((b * unit).flatten(2).sum(2), b.flatten(2).sum(2)) if b.ndim > 2 else (b * unit, b)
    if weight in offsets:
        yield Block(a, offsets[weight], W.reshape(rows, -1))
    if bias in offsets:
        yield Block(a, offsets[bias], beta)


def _patches(part: Part) -> tuple[torch.Tensor, int]:
    """What each place of the output sees, `(rows, places, channels · kernel)`, and the number of places in a line.

    As `unfold`, in a fraction of its time. With stride 1 the lines of places run on over the padded lines of the input,
    into places that are none: long runs of numbers are copied several times faster than short ones.
    """
    layer, given, _ = part
    assert isinstance(layer, nn.Conv2d) and not isinstance(layer.padding, str)
    (up, left), (down, right) = layer.stride, layer.dilation
    x = F.pad(given, (layer.padding[1], layer.padding[1], layer.padding[0], layer.padding[0])).contiguous()
    (kernel_h, kernel_w), (n, c, h, w), step = layer.kernel_size, x.shape, x.stride()
    high, wide = (h - down * (kernel_h - 1) - 1) // up + 1, (w - right * (kernel_w - 1) - 1) // left + 1
    around = (n, c, kernel_h, kernel_w), (step[0], step[1], step[2] * down, step[3] * right)
    if (up, left) == (1, 1):
        seen = x.as_strided((*around[0], (high - 1) * w + wide), (*around[1], 1))
    else:
        seen, w = x.as_strided((*around[0], high, wide), (*around[1], step[2] * up, step[3] * left)), wide
    return seen.reshape(n, c * kernel_h * kernel_w, -1).transpose(1, 2), w


def _in_lines(b: torch.Tensor, width: int, places: int) -> torch.Tensor:
    """Adjoints `(rows, channels, high, wide)` as `(rows, channels, places)`, zero at places that are none."""
    return F.pad(b, (0, width - b.shape[3])).flatten(2)[:, :, :places]


def _row_by_row(problem: ModuleProblem, x: torch.Tensor, directions: torch.Tensor) -> Iterator[Block]:
    try:
        of_row = jacrev(lambda w, row: problem.function.outputs(w, row[None])[0])
        J = vmap(of_row, in_dims=(None, 0))(problem.w, x).detach()
    except (RuntimeError, ValueError) as error:  # not every module passes through a vmap
        if is_memory(error):
            raise
        J = torch.stack([_of_one_row(problem, row[None]) for row in x])
    for a, direction in enumerate(directions):
        yield Block(a, 0, torch.einsum("ra,rap->rp", direction, J))


def _of_one_row(problem: ModuleProblem, row: torch.Tensor) -> torch.Tensor:
    """`∂f/∂w` of one row, (k, p), an output after the other."""
    w = problem.w.detach().clone().requires_grad_(True)
    out = problem.function.outputs(w, row)[0]
    return torch.stack([torch.autograd.grad(f, w, retain_graph=True)[0] for f in out])


def _offsets(problem: ModuleProblem) -> dict[str, int]:
    found, at = {}, 0
    for name, size in zip(problem.function.names, problem.function.sizes, strict=True):
        found[name] = at
        at += size
    return found
