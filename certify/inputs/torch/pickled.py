"""A pickle read as a list of instructions: containers, numbers and strings are built, nothing is ever called.

Python's own unpickler imports and calls what a pickle names. Here :func:`pickletools.genops` only splits the
bytes into instructions, and a small machine follows those that build plain data. A name is looked up in the
caller's table; one that is not there ends the reading.
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any, Final, NoReturn

from certify.format.errors import InputError


@dataclass(frozen=True)
class Builder:
    """What a name in the caller's table stands for where the pickle calls it: our function, not theirs."""

    build: Callable[..., object]


Names = Mapping[str, object]
"""From `module.name` to a :class:`Builder`, or to any other object that may be passed around."""

_CONSTANTS: Final = {
    "NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": (),
}
_LITERALS: Final = {
    "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "INT", "LONG", "BINFLOAT", "FLOAT", "BINUNICODE",
    "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES",
}
_KEYS: Final = (str, int, float, bool, tuple, type(None))
_MARK: Final = object()


def read_pickle(stream: IO[bytes], asked: str, names: Names, persistent: Callable[[object], object]) -> Any:
    """Read one pickle from a stream, which is left behind its end.

    Args:
        stream: the bytes.
        asked: how to name the file in messages.
        names: what the names in the pickle stand for.
        persistent: what a persistent id stands for.

    Raises:
        InputError: a name that is not among `names` (says which), an instruction that plain data does not
            need, or a damaged pickle.
    """
    machine = _Machine(asked, names, persistent)
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            if opcode.name == "STOP":
                return machine.pop()
            machine.step(opcode.name, argument)
    except InputError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, struct.error, MemoryError) as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise InputError(asked, f"a damaged pickle ({reason})", "copy or save it again") from None
    raise InputError(asked, "a damaged pickle (no end)", "copy or save it again")


class _Machine:
    """Stack and memo of one pickle."""

    def __init__(self, asked: str, names: Names, persistent: Callable[[object], object]) -> None:
        self._asked, self._names, self._persistent = asked, names, persistent
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def pop(self) -> Any:
        """The top of the stack."""
        value = self._stack.pop()
        if value is _MARK:
            raise ValueError("a mark where a value is needed")
        return value

    def step(self, name: str, argument: Any) -> None:
        """Follow one instruction."""
        if name in _LITERALS:
            self._stack.append(argument)
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name])
        else:
            follow = getattr(self, f"_on_{name.lower()}", None)
            if follow is None:
                raise InputError(
                    self._asked, f"a pickle with the instruction {name}, which a state dict does not need",
                    "save module.state_dict() with torch.save; nothing in it was executed",
                )
            follow(argument)

    def _marked(self) -> list[Any]:
        at = max(i for i, value in enumerate(self._stack) if value is _MARK)
        values = self._stack[at + 1 :]
        del self._stack[at:]
        return values

    def _top(self, kind: type) -> Any:
        if not isinstance(self._stack[-1], kind):
            raise ValueError(f"{kind.__name__} needed")
        return self._stack[-1]

    def _fill(self, table: dict[Any, Any], values: list[Any]) -> None:
        if len(values) % 2:
            raise ValueError("a key without a value")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if not isinstance(key, _KEYS):
                raise ValueError("a key that is no word or number")
            table[key] = value

    def _on_proto(self, version: int) -> None:
        if version > 5:
            raise ValueError(f"protocol {version}")

    def _on_frame(self, size: int) -> None:
        """A hint for faster reading."""

    def _on_mark(self, _: None) -> None:
        self._stack.append(_MARK)

    def _on_empty_dict(self, _: None) -> None:
        self._stack.append({})

    def _on_empty_list(self, _: None) -> None:
        self._stack.append([])

    def _on_list(self, _: None) -> None:
        self._stack.append(self._marked())

    def _on_dict(self, _: None) -> None:
        table: dict[Any, Any] = {}
        self._fill(table, self._marked())
        self._stack.append(table)

    def _on_tuple(self, _: None) -> None:
        self._stack.append(tuple(self._marked()))

    def _tuple(self, length: int) -> None:
        values = tuple(self.pop() for _ in range(length))
        self._stack.append(values[::-1])

    def _on_tuple1(self, _: None) -> None:
        self._tuple(1)

    def _on_tuple2(self, _: None) -> None:
        self._tuple(2)

    def _on_tuple3(self, _: None) -> None:
        self._tuple(3)

    def _on_append(self, _: None) -> None:
        value = self.pop()
        self._top(list).append(value)

    def _on_appends(self, _: None) -> None:
        values = self._marked()
        self._top(list).extend(values)

    def _on_setitem(self, _: None) -> None:
        value, key = self.pop(), self.pop()
        self._fill(self._top(dict), [key, value])

    def _on_setitems(self, _: None) -> None:
        values = self._marked()
        self._fill(self._top(dict), values)

    def _put(self, index: int) -> None:
        self._memo[index] = self._stack[-1]

    _on_put = _on_binput = _on_long_binput = _put

    def _on_memoize(self, _: None) -> None:
        self._put(len(self._memo))

    def _get(self, index: int) -> None:
        self._stack.append(self._memo[index])

    _on_get = _on_binget = _on_long_binget = _get

    def _on_global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._look_up(module, name)

    def _on_stack_global(self, _: None) -> None:
        name, module = self.pop(), self.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise ValueError("a name that is no text")
        self._look_up(module, name)

    def _look_up(self, module: str, name: str) -> None:
        full = f"{module}.{name}"
        if full not in self._names:
            self._refuse(full)
        self._stack.append(self._names[full])

    def _refuse(self, full: str) -> NoReturn:
        shown = repr(full[:80])[1:-1]
        found = f"a pickle that calls {shown}, which is code"
        if full.startswith("torch.nn."):
            found = f"a whole module ({shown}), which is code, not the numbers of a state dict"
        raise InputError(
            self._asked, found, "save module.state_dict() with torch.save; nothing in it was executed",
        )

    def _on_reduce(self, _: None) -> None:
        arguments, called = self.pop(), self.pop()
        if not isinstance(called, Builder) or not isinstance(arguments, tuple):
            raise ValueError("a call of what cannot be called")
        self._stack.append(called.build(*arguments))

    def _on_build(self, _: None) -> None:
        """Attributes of a table (torch notes versions there) are dropped."""
        state = self.pop()
        if not isinstance(state, dict):
            raise ValueError("attributes that are no table")
        self._top(dict)

    def _on_binpersid(self, _: None) -> None:
        self._stack.append(self._persistent(self.pop()))
