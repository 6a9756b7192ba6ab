"""Endings of the files that a spec names, and words that this version, or one verb of it, does not act on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from certify.format.errors import SpecError
from certify.spec.vocabulary import DATA_FORMATS, FOREIGN, MODEL_FORMATS, WORDS

if TYPE_CHECKING:
    from certify.spec.models import Spec


def require_files(spec: Spec, name: str, built: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse a file whose ending tells a format that is not read.

    Args:
        spec: the spec.
        name: its file's name, for messages.
        built: the words that can be acted on, by key of the spec.

    Raises:
        SpecError: with the format it can become.
    """
    _require_ending(spec.model.file, "model.file", MODEL_FORMATS, name, built["model.file"])
    _require_ending(spec.data.file, "data.file", DATA_FORMATS, name, built["data.file"])
    for key, file in (("weights.reference", spec.weights.reference),
                      ("evaluation.file", None if spec.evaluation is None else spec.evaluation.file)):
        if file is not None:
            _require_ending(file, key, DATA_FORMATS, name, DATA_FORMATS)


def _require_ending(file: str, key: str, known: tuple[str, ...], name: str, built: tuple[str, ...]) -> None:
    ending = PurePath(file).suffix.lower()
    if ending in built:
        return
    remedy = f"save it as {either(built, '')}"
    if known is MODEL_FORMATS:
        remedy = FOREIGN.get(ending, remedy)
    found = f"'{ending}' is none of its formats ({', '.join(known)})" if ending else "a name without an ending"
    if ending in known:
        found = f"reading {ending} is not built yet"
    raise SpecError(f'{name}: {key} = "{file}"', found, remedy)


def require_built(spec: Spec, name: str, built: Mapping[str, tuple[str, ...]], unbuilt: Sequence[str] = ()) -> None:
    """Refuse by name what the format knows and a verb does not do.

    Args:
        spec: the spec.
        name: its file's name, for messages.
        built: the words that can be acted on, by key of the spec.
        unbuilt: keys that may not be given.

    Raises:
        SpecError: with the words that would do.
    """
    for path in unbuilt:
        if _value(spec, path) is not None:
            raise SpecError(f"{name}: {path}", f"{path} is not built yet", "remove it")
    for path, words in built.items():
        value = None if path.startswith("gate.") or path.endswith(".file") else _value(spec, path)
        if value is not None and value not in words:
            other = f", or `certify estimate {name}`" if value in WORDS[path] else ""
            raise SpecError(f'{name}: {path} = "{value}"', f"'{value}' is not built yet", f"use {either(words)}{other}")


def _value(spec: Spec, path: str) -> Any:
    section, key = path.split(".")
    return getattr(getattr(spec, section), key)


def either(words: tuple[str, ...], mark: str = '"') -> str:
    """Words as alternatives.

    >>> either(("a", "b"))
    '"a" or "b"'
    """
    return " or ".join(f"{mark}{word}{mark}" for word in words)
