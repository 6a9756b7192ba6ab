"""Where a module compares a word of the vocabulary: `==`, `in`, `is`, a `case`, or a dict in whose place it is asked.

The words are those of :mod:`certify.format`: maps, bases, sets, parameters, norms, losses, quantities, theorem labels.
A word counts as a string, as a member (`Map.CRITICAL`), as a row (`quantities.MODULUS`), and behind a constant of the
module, because a new name for a word is the same comparison. A table keyed by the word, looked up once, is none.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from certify.format import quantities, theorems, words
from certify.format.quantities import Quantity
from certify.format.theorems import Theorem

KINDS: tuple[type[StrEnum], ...] = (
    words.Map, words.Base, words.Set, words.Parameter, words.WeightNorm, words.Loss)

VOCABULARY = frozenset({
    *(str(word) for kind in KINDS for word in kind), *(norm for norm in words.ROW_NORMS if isinstance(norm, str)),
    *quantities.QUANTITIES, *quantities.ESTIMATED, *theorems.LABELS})

MEMBERS = {f"{kind.__name__}.{member.name}": str(member) for kind in KINDS for member in kind}
ROWS = {name: str(row) for module in (quantities, theorems) for name, row in vars(module).items()
        if isinstance(row, Quantity | Theorem) and not name.startswith("_")}
ROW_MODULES = ("certify.format.quantities", "certify.format.theorems")

OWNERS = {"format": "where the words are, with what belongs to each"}
"""Folders or files below `certify/` that may compare words, each with the reason."""

COINCIDENCES = {
    ("rigor/cholesky.py", "residual"): "one of two ways of bounding the error of a factorisation",
    ("estimation/retraining.py", "given"): "one of three weights from which training starts",
    ("auditing/facts.py", "features"): "a usual name of an array in a data file",
    ("auditing/facts.py", "targets"): "a usual name of an array in a data file",
    ("auditing/facts.py", "labels"): "a usual name of an array in a data file",
}
"""Words of a file's own that are spelled as one of the vocabulary."""


@dataclass(frozen=True, order=True)
class Comparison:
    """One comparison.

    Attributes:
        file: below the package.
        line: of the file.
        words: those of the vocabulary that stand in it.
    """

    file: str
    line: int
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.file}:{self.line} compares {', '.join(self.words)}"


def room(file: str) -> str:
    """The folder below the package, or the file itself.

    >>> room("check/reading/spec.py"), room("__main__.py")
    ('check', '__main__.py')
    """
    return file.partition("/")[0]


def owned(file: str) -> bool:
    """Whether a file may compare words."""
    return any(file == owner or file.startswith(f"{owner}/") for owner in OWNERS)


def in_package(root: Path) -> list[Comparison]:
    """All comparisons of a package that nobody owns, by file and line."""
    files = {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*.py"))}
    return [found for file, path in files.items() if not owned(file)
            for found in comparisons(path.read_text(encoding="utf-8"), file)]


def by_room(found: list[Comparison]) -> dict[str, int]:
    """How many comparisons a room has."""
    counts: dict[str, int] = {}
    for one in found:
        counts[room(one.file)] = counts.get(room(one.file), 0) + 1
    return counts


def comparisons(source: str, file: str = "") -> list[Comparison]:
    """Those of one module, less its coincidences.

    >>> [str(c) for c in comparisons('if kind == "critical" or way in ("total", "other"): pass', "a.py")]
    ['a.py:1 compares critical', 'a.py:1 compares total']
    """
    tree = ast.parse(source)
    names = _names(tree)
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare | ast.match_case | ast.Subscript | ast.Call):
            continue  # what compares nothing
        said = tuple(word for side in _sides(node) for word in _words(side, names)
                     if (file, word) not in COINCIDENCES)
        if said:
            found.append(Comparison(file, _line(node), said))
    return sorted(found)


def _sides(node: ast.AST) -> list[ast.expr]:
    """What a node compares with."""
    if isinstance(node, ast.Compare):
        return [node.left, *node.comparators]
    if isinstance(node, ast.match_case):
        return [part.value for part in ast.walk(node.pattern) if isinstance(part, ast.MatchValue)]
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Dict):
        return [key for key in node.value.keys if key is not None]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get" \
            and isinstance(node.func.value, ast.Dict):
        return [key for key in node.func.value.keys if key is not None]
    return []


def _line(node: ast.AST) -> int:
    return node.pattern.lineno if isinstance(node, ast.match_case) else int(getattr(node, "lineno", 0))


def _names(tree: ast.Module) -> dict[str, tuple[str, ...]]:
    """What names of a module stand for: rows it imports, and constants that are words."""
    names: dict[str, tuple[str, ...]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in ROW_MODULES:
            names |= {alias.asname or alias.name: (ROWS[alias.name],) for alias in node.names if alias.name in ROWS}
    for node in tree.body:
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if value is None:
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        pairs = [(target, value) for target in targets if isinstance(target, ast.Name)]
        for target in targets:  # A, B = "total", "given"
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs += zip(target.elts, value.elts, strict=False)
        for target, part in pairs:
            if isinstance(target, ast.Name) and (said := tuple(_words(part, names))):
                names[target.id] = said
    return names


def _words(node: ast.expr, names: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """The words in one side of a comparison."""
    if isinstance(node, ast.Constant) and node.value in VOCABULARY:
        yield str(node.value)
    elif isinstance(node, ast.Name):
        yield from names.get(node.id, ())
    elif isinstance(node, ast.Attribute):
        yield from _of_attribute(node)
    elif isinstance(node, ast.Tuple | ast.List | ast.Set):
        for part in node.elts:
            yield from _words(part, names)
    elif isinstance(node, ast.BinOp):
        yield from _words(node.left, names)
        yield from _words(node.right, names)
    elif isinstance(node, ast.Call):  # set(...), str(Map.CRITICAL)
        for part in node.args:
            if isinstance(part, ast.Tuple | ast.List | ast.Set | ast.Attribute):
                yield from _words(part, names)


def _of_attribute(node: ast.Attribute) -> Iterator[str]:
    """`Map.CRITICAL`, `words.Map.CRITICAL`, `q.MODULUS`, and `.name` or `.value` of them."""
    *_, owner, last = ("", *ast.unparse(node).split("."))
    if last in ("name", "value", "label") and isinstance(node.value, ast.Attribute):
        yield from _of_attribute(node.value)
    elif f"{owner}.{last}" in MEMBERS:
        yield MEMBERS[f"{owner}.{last}"]
    elif last in ROWS and owner in ("q", "quantities", "theorems"):
        yield ROWS[last]
