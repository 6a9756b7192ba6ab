"""From the bytes of a TOML file to a :class:`Spec`, or to one line that says what to change."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from pydantic import BaseModel, ValidationError

from certify.format.errors import SpecError
from certify.spec.models import Spec
from certify.spec.sources import read_source
from certify.spec.validity import require_spec
from certify.spec.vocabulary import BUILT


def load_spec(path: str | Path, verb: str = "run") -> Spec:
    """Read and check a spec file.

    Args:
        path: the TOML file.
        verb: ``"run"`` or ``"estimate"``: who will act on it.

    Raises:
        InputError: the file cannot be read.
        SpecError: it is not TOML (with the line), has an unknown key (with the nearest known one), a value of
            the wrong kind, or asks for something contradictory or not built yet (by name).
    """
    source = read_source(Path(path), "spec")
    return parse_spec(source.content, source.path.name, verb)


def parse_spec(content: bytes, name: str = "spec", verb: str = "run") -> Spec:
    """Parse and check the bytes of a spec; `name` is used in messages, `verb` is who will act on it.

    >>> spec = parse_spec(b'''
    ... version = 1
    ... model = { file = "m.safetensors", widths = [2, 5, 1], activation = "tanh" }
    ... data = { file = "d.npz" }
    ... ''')
    >>> spec.solution.map, spec.perturbation.set
    ('interpolation', 'total')
    """
    document = _parse_toml(content, name)
    try:
        spec = Spec.model_validate(document)
    except ValidationError as error:
        _refuse(error, document, name)
    require_spec(spec, name, verb)
    return spec


def _parse_toml(content: bytes, name: str) -> dict[str, Any]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SpecError(f"{name} line {line}", "bytes that are not UTF-8", "save the file as UTF-8") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.fullmatch(r"(?s)(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", str(error))
        message = found[1] if found else str(error)
        line = int(found[2]) if found and found[2] else text.count("\n") + 1
        column = f", column {found[3]}" if found and found[3] else ", the end of the file"
        raise SpecError(f"{name} line {line}{column}", f"not TOML: {message}", "mend that line") from None
    except RecursionError:
        raise SpecError(name, "values nested too deeply", "a spec needs no nesting below lists") from None
    except ValueError:
        raise SpecError(name, "an integer of thousands of digits", "give a shorter number") from None


def _refuse(error: ValidationError, document: Mapping[str, Any], name: str) -> NoReturn:
    """Turn the most telling of pydantic's errors into one line: an unknown key explains a missing one."""
    errors = error.errors(include_url=False)
    first = min(errors, key=lambda e: e["type"] != "extra_forbidden")
    location = _keys(first["loc"])
    if first["type"] == "extra_forbidden":
        _refuse_key(location, name)
    if first["type"] == "missing":
        raise SpecError(f"{name}: {_place(location)}", "missing", _missing_remedy(location))
    value = _value_at(document, location)
    within = [e for e in errors if _keys(e["loc"])[: len(location)] == location]
    if isinstance(value, list) and len(value) > 0:  # what is wrong is an entry, not that it is a list
        first = max(within, key=lambda e: len(_keys(e["loc"])))
        location = _keys(first["loc"])
        value = _value_at(document, location)
    if location == ("gate",):
        raise SpecError(f"{name}: gate", f"found {_abbreviate(value)}", "write every gate as [[gate]]")
    same = [e for e in within if _keys(e["loc"]) == location]
    wanted = " or ".join(dict.fromkeys(_wanted(e["type"], e.get("ctx", {}), e["msg"]) for e in same))
    found = _abbreviate(value)
    nearest = _nearest(found.strip("'"), re.findall(r"'([^']+)'", wanted))
    path = ".".join(str(part) for part in location if isinstance(part, str))
    raise SpecError(
        f"{name}: {_place(location)}", f"found {found}",
        f"give {wanted}{nearest}{_built_among(path, wanted)}{_still(location)}{_share(location, value)}",
    )


def _keys(location: Iterable[int | str]) -> tuple[int | str, ...]:
    return tuple(part for part in location if _is_key(part))


def _built_among(path: str, wanted: str) -> str:
    """Which of the words at this place this version can act on, where that is not all of them."""
    built = BUILT.get(path)
    return f"; built so far: {', '.join(built)}" if built and set(re.findall("'([^']+)'", wanted)) - {*built} else ""


def _still(location: Sequence[int | str]) -> str:
    """How to hold a feature fixed: a unit of 0 is what many try first."""
    if location[:2] != ("perturbation", "scale"):
        return ""
    return "; to hold a feature fixed, list the others in perturbation.columns and give it no unit"


def _share(location: Sequence[int | str], value: object) -> str:
    """How a share is given: a threshold of a spec is how many predictions, and 95 for 95 % would be another promise."""
    if location[:1] != ("gate",) or location[-1] not in ("max", "min"):
        return ""
    if not isinstance(value, str) or re.fullmatch(r"\s*[0-9.]{1,12}\s*%\s*", value, re.ASCII) is None:
        return ""
    value = value.strip()
    return f"; of predictions how many: certify audit --{location[-1]} QUANTITY={value} makes a number of a share"


def _is_key(part: int | str) -> bool:
    """Whether a part of pydantic's location is a key or an index, not the name of a branch of a union."""
    return isinstance(part, int) or re.fullmatch(r"[^\[\]]*", part) is not None and not part.startswith("constrained-")


def _refuse_key(location: Sequence[int | str], name: str) -> NoReturn:
    *section, key = location
    known = list(_fields(section))
    place = f"in {_place(section)}" if section else "at the top level"
    homes = [_place([s]) for s in Spec.model_fields if str(key) in _fields([s])]
    homes += ["the top level, above all sections"] if section and str(key) in Spec.model_fields else []
    nearest = f" (it belongs in {' or '.join(homes)})" if homes else _nearest(str(key), known)
    raise SpecError(
        f"{name}: unknown key {_abbreviate(key)} {place}", f"the keys known there are {', '.join(known)}",
        f"remove or correct {_abbreviate(key)}{nearest}",
    )


def _fields(section: Iterable[int | str]) -> Mapping[str, Any]:
    """Fields of the section at that place in a spec."""
    model: type[BaseModel] = Spec
    for part in section:
        if isinstance(part, int):
            continue
        inner = _section_class(model.model_fields[part].annotation) if part in model.model_fields else None
        if inner is None:
            return {}
        model = inner
    return model.model_fields


def _section_class(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _section_class(inner)
        if found is not None:
            return found
    return None


def _nearest(word: str, known: Sequence[str]) -> str:
    match = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.5)
    return f" (did you mean '{match[0]}'?)" if match else ""


def _place(location: Sequence[int | str]) -> str:
    """The place in TOML's own notation.

    >>> _place(("gate", 0, "max")), _place(("model", "widths", 1)), _place(("version",))
    ('gate 1: max', 'model.widths, entry 1', 'version')
    """
    if not location:
        return "the spec"
    if location[0] == "gate" and len(location) > 1:
        inner = f": {location[2]}" if len(location) > 2 else ""
        return f"gate {int(location[1]) + 1}{inner}"
    keys = ".".join(str(part) for part in location if isinstance(part, str))
    if len(location) == 1 and location[0] in Spec.model_fields and _fields([location[0]]):
        keys = f"[{keys}]"
    return keys + "".join(f", entry {part}" for part in location if isinstance(part, int))


def _missing_remedy(location: Sequence[int | str]) -> str:
    remedies: dict[tuple[str, ...], str] = {
        ("version",): "write `version = 1` at the top",
        ("model",): "add a [model] section with file, widths and activation",
        ("data",): "add a [data] section with file, features and targets",
    }
    return remedies.get(tuple(map(str, location)), f"give '{location[-1]}'")


_WANTED = {
    "string_type": "a string", "int_type": "an integer", "float_type": "a finite number",
    "tuple_type": "a list", "dict_type": "a table", "finite_number": "a finite number",
    "model_type": "a section (a table)", "bool_type": "true or false", "string_too_short": "a name that is not empty",
}


def _wanted(kind: str, context: Mapping[str, Any], message: str) -> str:
    """What would be right, in a few words."""
    if kind in ("literal_error", "enum"):
        return str(context["expected"])
    if kind == "greater_than":
        return f"a number above {context['gt']:g}"
    if kind == "greater_than_equal":
        return f"a number of at least {context['ge']:g}"
    if kind == "less_than_equal":
        return f"an integer of at most {'2^53' if context['le'] == 2**53 else context['le']}"
    if kind == "less_than":
        return f"a number below {context['lt']:g}"
    if kind == "too_short":
        return f"a list of at least {context['min_length']}"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    return _WANTED.get(kind, message[:1].lower() + message[1:])


def _value_at(document: Any, location: Sequence[int | str]) -> Any:
    for part in location:
        document = document[part]
    return document


def _abbreviate(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # an integer too long to print
        return "an integer of thousands of digits"
    return text if len(text) <= 60 else f"{text[:57]}..."
