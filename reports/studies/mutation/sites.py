"""Places in a file of the checker where one small error can be made, and the source with it.

An error is one that a tired author makes: a comparison the other way round, a number off by one, a sign, the smaller
for the larger, `and` for `or`, a condition that always or never holds, half of a returned bound, a radius that is
forgotten, a demand that is not made. Words, annotations and defaults are left alone.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FLIPPED = {ast.Lt: ">=", ast.GtE: "<", ast.Gt: "<=", ast.LtE: ">", ast.Eq: "!=", ast.NotEq: "==", ast.In: "not in",
           ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is"}
OTHER_NAME = {"min": "max", "max": "min", "any": "all", "all": "any", "lower": "upper", "upper": "lower"}
BOUND = re.compile(r"bound|error|radius|norm|upper|most|width|slack|defect|length|reach|largest|sum")
DEMAND = re.compile(r"require|check|expect|refuse|demand|raise_|same|need|must")


@dataclass(frozen=True)
class Site:
    """One error that can be made.

    Attributes:
        kind: what is done.
        line, start, stop: of the text that is replaced, `start` and `stop` in the whole file.
        new: what stands there then.
        within: the outermost function it is in, with its class; empty at the top of the file.
    """

    kind: str
    line: int
    start: int
    stop: int
    new: str
    within: str


class Text:
    """The source of a file, and where its nodes are."""

    def __init__(self, path: Path) -> None:
        self.source = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.source)
        self._starts = [0]
        for line in self.source.encode().split(b"\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)

    def span(self, node: ast.AST) -> tuple[int, int]:
        """In bytes."""
        at = [self._starts[getattr(node, line) - 1] + getattr(node, col)
              for line, col in (("lineno", "col_offset"), ("end_lineno", "end_col_offset"))]
        return at[0], at[1]

    def of(self, node: ast.AST) -> str:
        start, stop = self.span(node)
        return self.source.encode()[start:stop].decode()

    def replaced(self, site: Site) -> str:
        """The source with the error."""
        data = self.source.encode()
        return (data[:site.start] + site.new.encode() + data[site.stop:]).decode()


def sites(text: Text) -> list[Site]:
    """All of a file."""
    found: list[Site] = []
    for top in text.tree.body:
        if isinstance(top, ast.FunctionDef):
            found += _inside(text, top, top.name)
        elif isinstance(top, ast.ClassDef):
            for one in top.body:
                if isinstance(one, ast.FunctionDef):
                    found += _inside(text, one, f"{top.name}.{one.name}")
        elif isinstance(top, ast.Assign) and _number(top.value):
            found += _numbers(text, top.value, "")
    return found


def _number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def _inside(text: Text, function: ast.FunctionDef, within: str) -> Iterator[Site]:
    """Of the body of a function, but for its words."""
    if function.name.startswith("__") and function.name != "__post_init__":
        return
    queue: list[ast.AST] = list(function.body)
    while queue:
        node = queue.pop(0)
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.Assert):
            continue
        if isinstance(node, ast.Call) and text.of(node.func) in ("Invalid", "Finding", "show", "quantity", "asked"):
            queue += node.args[:1]
            continue
        for kind, at, new in _errors(text, node, function):
            start, stop = text.span(at)
            yield Site(kind, getattr(at, "lineno", 0), start, stop, new, within)
        if isinstance(node, ast.FunctionDef):
            queue += node.body
        elif isinstance(node, ast.AnnAssign):
            queue += [node.value] if node.value else []
        else:
            queue += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.arguments)]


def _errors(text: Text, node: ast.AST, function: ast.FunctionDef) -> Iterator[tuple[str, ast.AST, str]]:
    """What can be done to one node: the kind, what is replaced, and by what."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        left, right = text.of(node.left), text.of(node.comparators[0])
        yield "comparison", node, f"({left}) {FLIPPED[type(node.ops[0])]} {right}"
    elif isinstance(node, ast.Constant) and _number(node):
        for site in _numbers(text, node, ""):
            yield site.kind, node, site.new
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and not _number(node.operand):
        yield "sign", node, text.of(node.operand)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "condition", node, f"({text.of(node.operand)})"
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        left, right = text.of(node.left), text.of(node.right)
        if not any(isinstance(side, ast.Constant | ast.JoinedStr | ast.List | ast.Tuple)
                   for side in (node.left, node.right)):
            plus = isinstance(node.op, ast.Add)
            yield "sign", node, f"({left} {'-' if plus else '+'} {right})"
            yield "a part dropped", node, f"({left})"
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
        yield from _calls(node)
    elif isinstance(node, ast.BoolOp):
        word = " or " if isinstance(node.op, ast.And) else " and "
        yield "and, or", node, f"({word.join(f'({text.of(value)})' for value in node.values)})"
    elif isinstance(node, ast.If | ast.IfExp):
        yield "condition", node.test, "True"
        yield "condition", node.test, "False"
    elif isinstance(node, ast.Return) and node.value is not None and BOUND.search(function.name):
        if function.returns is not None and text.of(function.returns) in ("arb", "float", "Fraction", "int"):
            whole = "//" if text.of(function.returns) == "int" else "/"
            yield "half of a bound", node.value, f"({text.of(node.value)}) {whole} 2"
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        name = text.of(node.value.func).rpartition(".")[2]
        if DEMAND.search(name):
            yield "a demand dropped", node, "pass"


def _calls(node: ast.Call) -> Iterator[tuple[str, ast.AST, str]]:
    """The smaller for the larger."""
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name in OTHER_NAME:
        yield "min, max, any, all", node.func, OTHER_NAME[name]
    elif isinstance(node.func, ast.Attribute) and node.func.attr in ("lower", "upper", "min", "max") and not node.args:
        yield "lower, upper", node.func, f"({ast.unparse(node.func.value)}).{OTHER_NAME[node.func.attr]}"


def _numbers(text: Text, node: ast.AST, within: str) -> Iterator[Site]:
    """A whole number off by one, another number doubled or halved."""
    start, stop = text.span(node)
    value = getattr(node, "value", 0)
    for new in (f"{value + 1}", f"({value - 1})") if isinstance(value, int) else (f"{value * 2}", f"{value / 2}"):
        yield Site("number", getattr(node, "lineno", 0), start, stop, new, within)
