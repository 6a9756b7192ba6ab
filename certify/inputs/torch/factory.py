"""A network made by the user's own code: `model.factory = "package.module:callable"`.

This is the one reader that runs code: the module that the spec names is imported and its callable is called
without arguments. It must return a torch module that is a plain chain; its tensors still come from the file.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from certify.format.errors import InputError, SpecError
from certify.inputs.chain import OPTIONS, Chain, require_option

_CLASSES: Final = {
    "ReLU": "relu", "LeakyReLU": "leaky_relu", "ELU": "elu", "Tanh": "tanh", "Sigmoid": "sigmoid",
    "Softplus": "softplus", "GELU": "gelu", "SiLU": "silu", "Identity": "identity", "Dropout": "identity",
}


@dataclass(frozen=True)
class Recognised:
    """A chain found in a module.

    Attributes:
        prefixes: names of its linear layers, in the order in which the input meets them.
        widths: its widths.
        activation: the activation between its layers, None for one layer.
        shapes: shapes of its tensors, by name.
    """

    prefixes: tuple[str, ...]
    widths: tuple[int, ...]
    activation: str | None
    shapes: dict[str, tuple[int, ...]]


def call_factory(factory: str, folder: Path) -> Any:
    """Import the module and call the callable. What it prints goes to stderr; what it raises is said in one line.

    Args:
        factory: `package.module:callable`.
        folder: where modules are looked for, after the usual places.

    Raises:
        SpecError: no such module or callable, torch is not installed, or the code raised an error.
    """
    key = f'model.factory = "{factory}"'
    match = re.fullmatch(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)", factory)
    if match is None:
        raise SpecError(key, "no name of a callable in a module", 'write "package.module:callable"')
    if importlib.util.find_spec("torch") is None:
        raise SpecError(key, "torch is not installed", "pip install torch, or give widths and activation instead")
    with _also_from(folder), contextlib.redirect_stdout(sys.stderr):
        with _not_ours(key, f"importing '{match[1]}'", folder):
            module = importlib.import_module(match[1])
        maker = getattr(module, match[2], None)
        if not callable(maker):
            raise SpecError(key, f"'{match[1]}' has no callable '{match[2]}'", "correct the name after the colon")
        with _not_ours(key, f"'{match[2]}'", folder):
            return maker()


def recognise(module: Any, asked: str) -> Recognised:
    """Find the chain in a torch module.

    Args:
        module: `nn.Sequential`, nested or not, of `Linear`, activations, `Flatten`, `Dropout`, `Identity`.
        asked: how to name it in messages.

    Raises:
        InputError: anything else, named; options that make another function; hooks; shared parameters.
    """
    from torch import nn

    if not isinstance(module, nn.Module):
        raise InputError(asked, f"the callable returned a {type(module).__name__}", "return a torch.nn.Module")
    chain, linears = Chain(asked), []
    for name, part in parts_of(module, "", asked):
        if type(part) is nn.Linear:
            chain.linear()
            linears.append((name, part))
        elif type(part) is nn.Flatten:
            if part.start_dim != 1 or part.end_dim != -1:
                raise InputError(asked, f"'{name}' flattens axes {part.start_dim} to {part.end_dim}", "use Flatten()")
        else:
            chain.activation(activation_word(part, name, asked))
    activation = chain.activation_between()
    sizes = [(part.in_features, part.out_features) for _, part in linears]
    if any(before[1] != after[0] for before, after in zip(sizes, sizes[1:], strict=False)):
        raise InputError(asked, f"linear layers of sizes {sizes}, which do not fit together", "correct the module")
    tensors = dict(module.named_parameters(remove_duplicate=False))
    if len({id(tensor) for tensor in tensors.values()}) < len(tensors):
        raise InputError(asked, "parameters that two layers share", "give every layer parameters of its own")
    return Recognised(
        tuple(name for name, _ in linears), (sizes[0][0], *(out for _, out in sizes)), activation,
        {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()},
    )


def require_file(found: Recognised, shapes: dict[str, tuple[int, ...]], order: Sequence[str], asked: str) -> None:
    """Refuse a file whose tensors are not those of the module, by name, shape and order.

    The order matters because a checker, which does not run the factory, takes the layers in natural key order.
    """
    for name in (*found.shapes, *shapes):
        if shapes.get(name) != found.shapes.get(name):
            theirs = f"the file has {shapes.get(name, 'none')}, the module {found.shapes.get(name, 'none')}"
            raise InputError(asked, f"tensor '{name}': {theirs}", "give the file that belongs to the factory")
    if list(order) != list(found.prefixes):
        raise InputError(
            asked, f"layers used in the order {list(found.prefixes)}, which is not the natural order of their names",
            "name them in the order of use",
        )


def require_spec_agrees(found: Recognised, widths: Sequence[int] | None, activation: str | None, key: str) -> None:
    """Refuse a spec that does not state the network itself, or another one.

    A certificate must be checkable from files without running anybody's code, so widths and activation are in
    the spec too; the factory is held against them.
    """
    states = f"widths = {list(found.widths)} and activation = \"{found.activation or activation or 'identity'}\""
    if widths is None or activation is None:
        raise SpecError(
            key, "widths and activation are not given, and a checker runs no factory", f"add {states} to [model]"
        )
    if tuple(widths) != found.widths or found.activation not in (None, activation):
        raise SpecError(
            key, f'the module is another network than widths = {list(widths)}, activation = "{activation}"',
            f"give {states}",
        )


def parts_of(module: Any, prefix: str, asked: str) -> Iterator[tuple[str, Any]]:
    """The parts of nested sequences, in the order of use, each with its name."""
    from torch import nn

    for hooks in ("_forward_hooks", "_forward_pre_hooks"):
        if getattr(module, hooks):
            raise InputError(asked, f"{type(module).__name__} '{prefix}' has hooks, which are code", "remove them")
    if type(module).forward is not nn.Sequential.forward:
        yield prefix, module
        return
    for name, part in module.named_children():
        yield from parts_of(part, f"{prefix}.{name}" if prefix else name, asked)


def activation_word(
    part: Any, name: str, asked: str, what: str = "part of a plain fully connected network",
    remedy: str = "return nn.Sequential of Linear, Flatten and activations",
) -> str:
    """The activation that a module is; `what` and `remedy` are for the refusal of any other."""
    kind = type(part)
    word = _CLASSES.get(kind.__name__) if kind.__module__.startswith("torch.nn.modules.") else None
    if word is None:
        place = f" '{name}'" if name else ""
        raise InputError(
            asked, f"{kind.__name__}{place} is no {what}", remedy,
        )
    for option in OPTIONS[word]:
        require_option(word, option, getattr(part, option), f"{asked}, '{name}'")
    return word


@contextlib.contextmanager
def _not_ours(key: str, what: str, folder: Path) -> Iterator[None]:
    """Say in one line what code of the user's raised, and where: it is bad input, not a crash of this program.

    Anybody's code may raise anything, and may call `sys.exit`; a lack of memory has a message of its own.
    """
    try:
        yield
    except MemoryError:
        raise
    except ModuleNotFoundError as error:
        raise SpecError(key, f"there is no module '{error.name}'", f"install it, or put it into {folder}") from None
    except (Exception, SystemExit) as error:  # the one place where code runs that is not ours
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = (error.filename, error.lineno) if isinstance(error, SyntaxError) else (last.filename, last.lineno)
        words = str(error).strip().partition("\n")[0]
        raised = f"{type(error).__name__}{f': {words}' if words else ''}"
        where = f"{Path(place[0] or '').name}, line {place[1]}"
        raise SpecError(key, f"{what} raised {raised} ({where})", "correct that code") from error


@contextlib.contextmanager
def _also_from(folder: Path) -> Iterator[None]:
    """Look for modules in a folder too, after all other places."""
    entry = str(folder.resolve())
    sys.path.append(entry)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(entry)
