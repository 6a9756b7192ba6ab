"""What imports what in a package: every module, every import with its kind, the circles, and the floors.

Three kinds count alike: at the top of a module, lazily inside a function, and under ``TYPE_CHECKING``: whoever reads a
file has to know all of them. A name that a package resolves from a table of strings is no import: only public faces do
that, and they are listed where the rule is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

FLOORS = (
    "format", "rigor", "sets", "network", "spec", "inputs", "problem", "systems", "finders", "theorems", "prove",
    "estimation", "certificate", "attestation", "report", "gating", "auditing", "symbolic", "cli", "testing",
)
"""The folders of `certify/`, lowest first; a lower one imports no higher one. `check/` stands beside them."""

TOP, LAZY, TYPES = "top level", "lazy", "type checking"


@dataclass(frozen=True, order=True)
class Import:
    """One module that imports another.

    Attributes:
        importer, imported: dotted names.
        kind: `TOP`, `LAZY` or `TYPES`.
        line: of the statement.
    """

    importer: str
    imported: str
    kind: str
    line: int

    def __str__(self) -> str:
        """As an editor finds it."""
        return f"{self.importer}:{self.line} imports {self.imported} ({self.kind})"


def modules(root: Path, package: str) -> dict[str, Path]:
    """Every module of a package below `root`, by its dotted name; a folder's name stands for its `__init__`."""
    found = {}
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(known: Mapping[str, Path]) -> list[Import]:
    """Every import of every module, also of what is not `known`; of a name of a package that package, or its module."""
    return sorted({entry for name, path in known.items() for entry in _of_module(name, path, known)})


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """A tree and every statement in it, at any depth: expressions, most of all nodes, hold none."""
    yield tree
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        inner = getattr(tree, field, None)
        for node in inner if isinstance(inner, list) else ():
            yield from statements(node)


def _of_module(name: str, path: Path, known: Mapping[str, Path]) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = {id(node) for node in tree.body}
    every = [node for node in statements(tree) if isinstance(node, ast.If | ast.Import | ast.ImportFrom)]
    types = {id(inner) for node in every if _only_types(node) for inner in statements(node)}
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in every:
        kind = TYPES if id(node) in types else TOP if id(node) in top else LAZY
        for target in _targets(node, package, known):
            if target != name:
                yield Import(name, target, kind, getattr(node, "lineno", 0))


def _only_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _targets(node: ast.AST, package: str, known: Mapping[str, Path]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        here = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        base = ".".join([*here, *([node.module] if node.module else [])])
        for alias in node.names:
            whole = f"{base}.{alias.name}"
            yield whole if whole in known else base


def circles(found: Iterable[Import], known: Mapping[str, Path]) -> list[tuple[str, ...]]:
    """Sets of two or more modules that import one another, whatever the kinds (strongly connected components)."""
    graph: dict[str, set[str]] = {name: set() for name in known}
    for entry in found:
        if entry.imported in known:
            graph[entry.importer].add(entry.imported)
    order: list[str] = []
    seen: set[str] = set()
    for name in graph:
        order += _finished(graph, name, seen)
    turned: dict[str, set[str]] = {name: set() for name in known}
    for name, others in graph.items():
        for other in others:
            turned[other].add(name)
    seen = set()
    parts = [_finished(turned, name, seen) for name in reversed(order)]
    return sorted(tuple(sorted(part)) for part in parts if len(part) > 1)


def _finished(graph: Mapping[str, set[str]], start: str, seen: set[str]) -> list[str]:
    """What is reached from `start` and was not seen, in the order in which depth-first search leaves it."""
    done: list[str] = []
    stack: list[tuple[str, Iterator[str]]] = []
    if start not in seen:
        seen.add(start)
        stack.append((start, iter(sorted(graph[start]))))
    while stack:
        name, rest = stack[-1]
        step = next((other for other in rest if other not in seen), None)
        if step is None:
            done.append(name)
            stack.pop()
        else:
            seen.add(step)
            stack.append((step, iter(sorted(graph[step]))))
    return done


def folder(module: str, package: str) -> str:
    """The folder below the package in which a module lies; of a module outside any, and of others, ``""``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == package else ""


def upward(found: Iterable[Import], package: str, floors: tuple[str, ...] = FLOORS) -> list[Import]:
    """Imports from a floor to a higher one."""
    rank = {name: place for place, name in enumerate(floors)}
    wrong = []
    for entry in found:
        low, high = folder(entry.importer, package), folder(entry.imported, package)
        if low in rank and high in rank and rank[high] > rank[low]:
            wrong.append(entry)
    return wrong
