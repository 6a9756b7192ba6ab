"""Write the pages of `docs/reference/` from the program: `python docs/generate.py` (`--check`: which are stale).

Nothing of these pages is written by hand: verbs come from the command line, keys from the spec, quantities and theorems
from `certify.format`, names from the public modules, and the notebook's page from the notebook.
"""

from __future__ import annotations

import argparse
import base64
import importlib
import inspect
import itertools
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

HERE: Final = Path(__file__).resolve().parent
NOTE: Final = "<!-- written by docs/generate.py: change the program, then run it -->\n"
NOTEBOOK: Final = "notebooks/which-predictions-stay"

API: Final = {
    "certify": "The whole of the everyday interface.",
    "certify.rigor": "Enclosures of matrix quantities, with every rounding error bounded.",
    "certify.sets": "Sets as objects: projections, distances between them, cones; exact, or enclosed.",
    "certify.symbolic": "Exact moduli of small problems, in SymPy (`pip install '.[symbolic]'`).",
}
RESULTS: Final = (
    "certify.prove.rows.StablePredictions", "certify.prove.rows.Witness", "certify.prove.rows_shown.Prediction",
    "certify.prove.changed.accuracy.Accuracy", "certify.prove.changed.leave_one_out.LeaveOneOut",
    "certify.prove.changed.leave_one_out.Influence", "certify.prove.changed.left.groups.LeaveGroupsOut",
    "certify.prove.changed.left.groups.GroupInfluence", "certify.prove.changed.tolerated.ToleratedChanges",
    "certify.prove.changed.tolerated_shown.Tolerance", "certify.prove.changed.coefficients.Coefficients",
    "certify.prove.changed.signs.SignSurvival", "certify.problem.bound.Bound",
)
"""What the functions of `certify` return."""


def escaped(text: str) -> str:
    """Prose as Markdown: nothing outside code reads as a tag, an emphasis or a cell."""
    parts = re.split(r"(`[^`]+`)", re.sub(r"``([^`]+)``", r"`\1`", text))
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;").replace("*", r"\*").replace("_", r"\_")
                   for part in parts)


def cell(text: str) -> str:
    """The same on one line, for a table."""
    return escaped(" ".join(text.split())).replace("|", r"\|")


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of Markdown."""
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


# --- the command line ------------------------------------------------------------------------------------------------

def cli() -> str:
    """Every verb with its arguments, options and defaults."""
    from certify.check.main import _parser
    from certify.cli.commands import app

    parts = ["# Command line\n", NOTE, escaped(str(app.info.help)) + "\n", escaped(str(app.info.epilog)) + "\n",
             "[Commands](../commands.md) says which verb is for what.\n"]
    verbs = {verb.name or str(getattr(verb.callback, "__name__", "")).replace("_", "-"): verb
             for verb in app.registered_commands}
    for name, verb in sorted(verbs.items()):  # else it is the order in which modules happen to be imported
        parts.append(f"## certify {name}\n")
        parts += [escaped(" ".join(block.split())) + "\n"
                  for block in inspect.cleandoc(verb.callback.__doc__ or "").split("\n\n")]
        rows = list(_of_argparse(_parser()) if name == "check" else _of_typer(verb.callback))
        if rows:
            parts.append(table(("argument or option", "meaning", "default"), rows))
    return "\n".join(parts)


def _of_typer(verb: Any) -> Iterator[tuple[str, str, str]]:
    """Arguments and options as they are declared; how a version of typer prints them does not matter."""
    hints = get_type_hints(verb, include_extras=True)
    for name, one in inspect.signature(verb).parameters.items():
        kind, *more = get_args(hints[name])
        declared = next(extra for extra in more if hasattr(extra, "metavar"))
        shown = declared.metavar or ("" if kind is bool else getattr(kind, "__name__", "text").upper())
        first = declared.default if str(declared.default).startswith("-") else None  # typer keeps the first one there
        options = (*([first] if first else []), *(getattr(declared, "param_decls", None) or ()))
        names = ", ".join(options) or (f"--{name.replace('_', '-')}" if "Option" in type(declared).__name__ else "")
        default = "" if one.default is None or one.default is False else f"`{one.default}`"
        required = one.default is inspect.Parameter.empty
        yield (f"`{names} {shown}`".replace(" `", "`") if names else f"`{shown.strip('[]')}`",
               cell(declared.help or ""), "required" if required else default)


def _of_argparse(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str, str]]:
    for one in parser._actions:
        if "--help" in one.option_strings:
            continue
        names = ", ".join(one.option_strings) or str(one.metavar)
        takes = f" {one.metavar}" if one.metavar and one.option_strings else ""
        yield f"`{names}{takes}`", cell(one.help or ""), "required" if one.required else ""


# --- the questions of an audit ----------------------------------------------------------------------------------------

def questions() -> str:
    """Every question of an audit: what it asks, the words that mean it, and when it is asked unasked."""
    from certify.auditing.questions import QUESTIONS
    from certify.auditing.questions.base import Options

    def unasked(question: Any) -> str:
        if question.unprompted(Options()):
            return "yes"
        return "with `--rows`" if question.unprompted(Options(rows=(0,))) else "no"

    rows = ((f'`--ask "{q.words[0]}"`', cell(_first_line(q)), ", ".join(q.words[1:]), unasked(q)) for q in QUESTIONS)
    return "\n".join([
        "# Questions of an audit\n", NOTE,
        "`certify audit` and `certify.audit` ask these. A phrase means the question whose longest word stands in it; a "
        "number in it is that of the rows, and what follows *in* is a feature: `--ask \"5 rows deleted\"`, "
        "`--ask \"noise in age\"`. [Audit the model you have](../audit.md) shows them at work.\n",
        table(("ask", "what it asks", "other words for it", "unasked"), rows)])


def _first_line(question: Any) -> str:
    return inspect.cleandoc(type(question).__doc__ or "").split("\n\n")[0]


# --- the spec --------------------------------------------------------------------------------------------------------

def spec() -> str:
    """Every section and key of a spec, with its words and default."""
    from certify.spec import models

    parts = ["# Keys of a spec\n", NOTE,
             "A spec is a TOML file with `version = 1`. `[model]` and `[data]` are required, all other sections may be "
             "left out. An unknown key is an error that names the nearest known one. "
             "[Writing a spec](../specs.md) has whole examples.\n"]
    for name, field in models.Spec.model_fields.items():
        kind = next((one for one in (field.annotation, *get_args(field.annotation), *(
            inner for outer in get_args(field.annotation) for inner in get_args(outer)))
            if inspect.isclass(one) and issubclass(one, models.Section)), None)
        if kind is None:
            continue
        head, keys = _attributes(kind)
        parts += [f"## {'[[gate]]' if name == 'gate' else f'[{name}]'}\n", head + "\n",
                  table(("key", "meaning", "values", "default"), _keys(kind, keys))]
    return "\n".join(parts)


def _attributes(kind: type) -> tuple[str, dict[str, str]]:
    """The summary of a docstring, and what it says of each attribute."""
    head, _, rest = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:")
    found: dict[str, str] = {}
    for names, text in re.findall(r"^    (\w+(?:, \w+)*): (.*(?:\n {8,}.*)*)", rest, flags=re.M):
        found.update(dict.fromkeys(names.split(", "), text))
    summary = head.split("\n\n")[0].partition(": ")[2]
    return escaped(summary[:1].upper() + summary[1:]), found


def _keys(kind: Any, said: dict[str, str]) -> Iterator[tuple[str, str, str, str]]:
    schema = kind.model_json_schema()
    for name, field in kind.model_fields.items():
        default = "required" if field.is_required() else "" if field.default is None else (
            f"`{_toml(field.default)}`")
        yield f"`{name}`", cell(said.get(name, "")), _values(schema["properties"][name], schema), default


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else json.dumps(str(value)) if isinstance(value, str) else (
        str(value))


def _values(schema: dict[str, Any], whole: dict[str, Any]) -> str:
    """The words or the type that a key takes."""
    if "$ref" in schema:
        return _values(whole["$defs"][schema["$ref"].rsplit("/", 1)[1]], whole)
    if "anyOf" in schema:
        found = [_values(one, whole) for one in schema["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(found))
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{_toml(word)}`" for word in schema.get("enum", [schema.get("const")]))
    names = {"string": "text", "number": "number", "integer": "whole number", "boolean": "`true`, `false`",
             "array": "list", "object": "table"}
    return names.get(schema.get("type", ""), "")


# --- quantities, theorems, support -----------------------------------------------------------------------------------

def quantities() -> str:
    """Every quantity a gate may name."""
    from certify.cli.explain import WORDS
    from certify.format.quantities import QUANTITIES, unit
    from certify.format.support import BOUNDING

    kinds = {"pointwise": "a limit for ever smaller changes", "first order": "a limit, scaled to a size",
             "finite": "about changes as large as they are"}
    rows = ((f"[`{q.name}`](#{q.name})", kinds[str(q.kind)],
             cell(unit(q.name, "features", "total", "euclidean")),
             ", ".join(dict.fromkeys(f"[{t.label}](theorems.md#{t.label.lower()})" for t in BOUNDING[q.name])))
            for q in QUANTITIES.values())
    parts = ["# Quantities\n", NOTE,
             "A quantity is what a gate bounds: `[[gate]] quantity = \"…\"` with `max` or `min`. "
             "[The support table](support.md) says for which questions each is built.\n",
             table(("quantity", "what its number says", "unit (features, one budget for all)", "theorems"), rows)]
    for q in QUANTITIES.values():
        parts += [f"## {q.name} {{ #{q.name} }}\n", escaped(WORDS[q.name]) + "\n"]
    return "\n".join(parts)


def theorems() -> str:
    """Every theorem that a claim may name: what it says, what it bounds, where the proof is."""
    from certify.format.texts import labels, text
    from certify.format.theorems import THEOREMS

    parts = ["# Theorems\n", NOTE,
             "A claim names the theorem it follows from. `certify explain M2` says the same in a terminal. "
             "[Theory](../theory.md) says how theorems, claims and certificates hang together.\n"]
    rows = []
    for t in THEOREMS:
        page, section = t.page.split("#")
        names = ", ".join(f"[`{q.name}`](quantities.md#{q.name})" for q in t.quantities)
        rows.append((f"[{t.label}](#{t.label.lower()})", f"`{t.map}`", names, f"[{page}](../../proofs/{page})"))
    parts += ["## Which theorem bounds what\n", table(("theorem", "map", "quantities", "proof"), rows)]
    for label in labels():
        found = text(label)
        own = [t for t in THEOREMS if t.label == label]
        parts += [f"## {label} {{ #{label.lower()} }}\n", f"**{escaped(found.name)}.** {escaped(found.statement)}\n",
                  escaped(found.explanation) + "\n"]
        rests = sorted({other for t in own for other in t.rests})
        if rests:
            parts.append("Rests on " + ", ".join(f"[{other}](#{other.lower()})" for other in rests) + ".\n")
    return "\n".join(parts)


def support() -> str:
    """Map × quantity × set: which parameters may move, and by which theorem."""
    from certify.format.quantities import QUANTITIES
    from certify.format.words import Map, Set

    parts = ["# What is supported\n", NOTE,
             "A cell names what may move, and the theorem that answers. An empty cell is refused, in a line that says "
             "what to ask instead. Further conditions (the base, the layer, the loss, the norm) are with each "
             "[theorem](theorems.md); `certify run SPEC --plan` says of one spec whether it is feasible.\n"]
    found = answered()
    for name in Map:
        rows = []
        for quantity in QUANTITIES:
            cells = [_cell(found, str(name), quantity, str(kind)) for kind in Set]
            if any(cells):
                rows.append((f"[`{quantity}`](quantities.md#{quantity})", *cells))
        parts += [f'## map = "{name}"\n', table(("quantity", *(f'set = "{kind}"' for kind in Set)), rows)]
    return "\n".join(parts)


def _cell(found: dict[tuple[str, str, str], dict[str, list[str]]], *key: str) -> str:
    return "; ".join(f"{', '.join(moving)} ([{label}](theorems.md#{label.lower()}))"
                     for label, moving in found.get(key, {}).items())  # type: ignore[call-overload]


def answered() -> dict[tuple[str, str, str], dict[str, list[str]]]:
    """By map, quantity and set: by label of a theorem the parameters that it answers, where no law forbids them."""
    from certify.format.question import Question
    from certify.format.support import broken
    from certify.format.theorems import THEOREMS
    from certify.format.words import Parameter, Set

    found: dict[tuple[str, str, str], dict[str, list[str]]] = {}
    for theorem, kind, moves in itertools.product(THEOREMS, Set, Parameter):
        for quantity in theorem.quantities:
            asked = (_question(Question, quantity, domain, kind, moves, level) for domain in theorem.applies
                     for level in (True, False))
            if any(q is not None and broken(q) is None and theorem.covers(q) for one in asked for q in one):
                key = (str(theorem.map), quantity.name, str(kind))
                moving = found.setdefault(key, {}).setdefault(theorem.label, [])
                if str(moves) not in moving:
                    moving.append(str(moves))
    return found


def _question(make: Any, quantity: Any, domain: Any, kind: Any, moves: Any, level: bool) -> Iterator[Any]:
    """Questions of a domain about one set and one parameter, with what each needs to be said."""
    free = {key: given for key, given in domain.keys.items() if key not in ("set", "parameter")}
    for chosen in itertools.product(*free.values()):
        said = dict(zip(free, chosen, strict=True))
        said.setdefault("level", level and said.get("map") == "sublevel")
        said.setdefault("decay", True)
        needs = {"radius": kind.sized and moves.sized, "count": kind == "sparse",
                 "change": kind == "given" and not moves.leaves, "reference": said.get("weight_norm") == "function",
                 "evaluation": "evaluation" in quantity.needs, "window": "window" in quantity.needs}
        yield make(quantity.name, **{**needs, **said, "set": kind, "parameter": moves})


# --- the certificate --------------------------------------------------------------------------------------------------

def certificate() -> str:
    """What the JSON Schema of a certificate is for, what it leaves unsaid, and what claims carry by theorem."""
    from certify.certificate.json_schema import UNSAID
    from certify.format.theorems import THEOREMS

    rows = [(", ".join((t.label, *t.cases)), f"`{t.map}`", ", ".join(f"`{q.name}`" for q in t.quantities),
             ", ".join(f"`{member}`" for member in t.witness.members()) or "nothing",
             ", ".join(f"`{name}`" for name in t.hypotheses)) for t in THEOREMS]
    return "\n".join([
        "# Certificates as JSON\n", NOTE,
        "[certificate.schema.json](certificate.schema.json) is the JSON Schema (2020-12) of `certify/1`, made from the "
        "tables that prover and checker use. A program that reads certificates can validate against it first.\n",
        "**A document that it accepts may still be false.** What it refuses is no `certify/1`. It does not say:\n",
        "\n".join(f"* {line}" for line in UNSAID) + "\n",
        "All this says [the format](../../proofs/certificate-format.md), and only `certify check` finds it out. "
        "Numbers are binary64: a reader that rounds them to fewer digits, or to the nearest decimal, may turn a bound "
        "into a number that is none.\n",
        "## What claims carry\n",
        "A claim names its theorem. By theorem, the members that its `witness` may have (one that is not needed is "
        "absent) and the names that its `hypotheses` may have:\n",
        table(("theorem", "map", "quantities", "witness", "hypotheses"), rows)])


def certificate_schema() -> str:
    """The JSON Schema itself."""
    from certify.certificate.json_schema import json_schema

    return json.dumps(json_schema(), indent=1, sort_keys=True) + "\n"


# --- Python ----------------------------------------------------------------------------------------------------------

def python() -> str:
    """Public names with their signatures and docstrings."""
    parts = ["# Python\n", NOTE, "[From Python](../python.md) shows these names at work.\n"]
    for name, about in API.items():
        module = importlib.import_module(name)
        parts += [f"## {name}\n", about + "\n"]
        names = sorted((n for n in module.__all__ if not n.startswith("_")), key=str.lower)
        if name == "certify":
            for one in names:
                parts += _entry(f"{name}.{one}", getattr(module, one), 3)
        else:
            parts.append(table(("name", "what it is"), ((f"`{one}`", _first(getattr(module, one))) for one in names)))
    parts.append("## What they return\n")
    for path in RESULTS:
        module_name, _, name = path.rpartition(".")
        parts += _entry(name, getattr(importlib.import_module(module_name), name), 3)
    return "\n".join(parts)


def _first(thing: Any) -> str:
    return cell(_plain(inspect.getdoc(thing) or "").split("\n\n")[0])


def _entry(name: str, thing: Any, depth: int) -> list[str]:
    """A function or a class, with its public members; a result's also those that results share."""
    found = [f"{'#' * depth} {name}\n"]
    if inspect.isclass(thing):
        found += [docstring(thing.__doc__ or "")]
        shared = [kin for kin in thing.__mro__[1:] if kin.__module__.startswith("certify.prove.")]
        members = {name: what for kin in (*shared[::-1], thing) for name, what in vars(kin).items()}
        for member, what in sorted(members.items()):
            if member.startswith("_") or not (inspect.isfunction(what) or isinstance(what, property | staticmethod)):
                continue
            function = what.fget if isinstance(what, property) else getattr(what, "__func__", what)
            signed = f"{member}" if isinstance(what, property) else _signature(member, function)
            found += [f"```python\n{signed}\n```\n", docstring(function.__doc__ or "")]
        return found
    return [*found, f"```python\n{_signature(name, thing)}\n```\n", docstring(thing.__doc__ or "")]


def _signature(name: str, function: Any) -> str:
    """The call on lines of its arguments, with annotations as they are written."""
    given = [str(one).replace("'", '"') if one.annotation is inspect.Parameter.empty else _parameter(one)
             for one in inspect.signature(function).parameters.values() if one.name != "self"]
    stars = [one for one in inspect.signature(function).parameters.values() if one.kind is one.KEYWORD_ONLY]
    if stars and not any(one.startswith("*") for one in given):
        given.insert(len(given) - len(stars), "*")
    line = f"{name}({', '.join(given)})"
    return line if len(line) <= 100 else f"{name}(\n    " + ",\n    ".join(given) + ",\n)"


def _parameter(one: inspect.Parameter) -> str:
    kinds = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}
    default = "" if one.default is inspect.Parameter.empty else f" = {one.default!r}"
    return f"{kinds.get(one.kind, '')}{one.name}: {one.annotation}{default}"


def _plain(text: str) -> str:
    """A docstring without roles of Sphinx."""
    return re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)


def docstring(text: str) -> str:
    """A docstring as Markdown: prose, lists of arguments, doctests as code."""
    found, section = [], ""
    for block in re.split(r"\n\s*\n", _plain(inspect.cleandoc(text))):
        if block.startswith(">>>"):
            found.append(f"```python\n{block}\n```\n")
            continue
        head, _, rest = block.partition("\n")
        if re.fullmatch(r"(Args|Returns|Raises|Attributes|Yields):", head):
            section = head.removesuffix(":")
            titles = {"Args": "Arguments", "Raises": "Errors"}
            found.append(f"**{titles.get(section, section)}**\n")
            found.append("\n".join(f"* {item}" for item in _items(rest)) + "\n")
        else:
            found.append(escaped(" ".join(block.split())) + "\n")
    return "\n".join(found)


def _items(text: str) -> Iterator[str]:
    for item in re.split(r"\n(?! {5,})", text):
        whole = " ".join(item.split())
        names, colon, said = whole.partition(": ")
        yield f"`{names}`: {escaped(said)}" if colon and re.fullmatch(r"[\w, *|]+", names) else escaped(whole)


# --- the notebook ----------------------------------------------------------------------------------------------------

def notebook() -> dict[str, str | bytes]:
    """The notebook as a page, with its pictures beside it."""
    cells = json.loads((HERE / f"{NOTEBOOK}.ipynb").read_text(encoding="utf-8"))["cells"]
    name = Path(NOTEBOOK).name
    parts: list[str] = [f"{NOTE}\nThis page is a [notebook]({name}.ipynb) that you can run.\n"]
    pages: dict[str, str | bytes] = {}
    for one in cells:
        source = "".join(one["source"])
        if one["cell_type"] == "markdown":
            parts.append(source + "\n")
            continue
        parts.append(f"```python\n{source}\n```\n")
        for output in one["outputs"]:
            data = output.get("data", {})
            if "image/png" in data:
                picture = f"{name}-{len(pages) + 1}.png"
                pages[f"notebooks/{picture}"] = base64.b64decode("".join(data["image/png"]))
                parts.append(f"![{output.get('metadata', {}).get('alt', 'the plot')}]({picture})\n")
            elif "text/html" in data:
                parts.append("".join(data["text/html"]) + "\n")
            else:
                text = "".join(output.get("text", data.get("text/plain", "")))
                parts.append(f"```text\n{text.rstrip()}\n```\n")
    title, *rest = parts[1].split("\n", 1)
    return {**pages, f"{NOTEBOOK}.md": "\n".join([title + "\n", parts[0], *rest, *parts[2:]])}


def pages() -> dict[str, str | bytes]:
    """Every generated file by its place in `docs/`."""
    written: dict[str, str | bytes] = {f"reference/{make.__name__}.md": make() for make in (
        cli, questions, spec, quantities, theorems, support, certificate, python)}
    written["reference/certificate.schema.json"] = certificate_schema()
    return {**written, **notebook()} if (HERE / f"{NOTEBOOK}.ipynb").exists() else written


def stale() -> list[str]:
    """The generated files that are not what the program would write today."""
    return [place for place, content in pages().items() if not (HERE / place).exists()
            or (HERE / place).read_bytes() != _bytes(content)]


def _bytes(content: str | bytes) -> bytes:
    return content.encode("utf-8") if isinstance(content, str) else content


def main(arguments: list[str]) -> int:
    """Write them, or with `--check` say which are stale."""
    if arguments == ["--check"]:
        found = stale()
        print("\n".join(found) or "no page is stale")
        return int(bool(found))
    for place, content in pages().items():
        (HERE / place).parent.mkdir(parents=True, exist_ok=True)
        (HERE / place).write_bytes(_bytes(content))
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))
    sys.exit(main(sys.argv[1:]))
