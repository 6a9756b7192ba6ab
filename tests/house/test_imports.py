"""Rules 1, 2, 6 and 8 of the house: who may import whom, how large things are, and which verbs refuse.

Every rule is a function that lists what breaks it, held against the product and against a small package that does.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.house.imports import FLOORS, Import, circles, folder, imports, modules, statements, upward

ROOT = Path(__file__).resolve().parents[2]
FILES, LINES, BODY = 15, 400, 70
"""Most files a folder, lines a file, lines a function."""

BESIDE = ("__init__", "__main__", "_public", "_version", "check")
"""What stands beside the floors of `certify/`: the public face, the version, and the checker."""

WAITING = 0
"""Circles that are still there, all within the checker. No more may come."""

LARGE: dict[str, int] = {}
"""Files and folders that are too large for now, with what they may be at most: none."""


@pytest.fixture(scope="module")
def known() -> dict[str, Path]:
    return modules(ROOT, "certify")


@pytest.fixture(scope="module")
def found(known) -> list[Import]:
    return imports(known)


def package(folder: Path, files: Mapping[str, str]) -> dict[str, Path]:
    """A fabricated package `certify` of these files."""
    for name, text in files.items():
        path = folder / "certify" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return modules(folder, "certify")


# Rule 1: the ground floor and the checker stand alone


def strangers(found: list[Import], place: str, allowed: tuple[str, ...]) -> list[Import]:
    """Imports of a folder beyond the standard library and what is allowed."""
    def fits(name: str) -> bool:
        return name.partition(".")[0] in sys.stdlib_module_names or any(
            name == one or name.startswith(f"{one}.") for one in allowed)

    return [entry for entry in found if folder(entry.importer, "certify") == place and not fits(entry.imported)]


def of_the_checker(found: list[Import]) -> list[Import]:
    """Imports of the checker by anything but itself and the command line."""
    return [entry for entry in found if folder(entry.imported, "certify") == "check"
            and folder(entry.importer, "certify") not in ("check", "cli")]


CHECKER = ("flint", "certify.check", "certify.format")


def test_the_ground_floor_imports_the_standard_library_alone(found):
    assert not strangers(found, "format", ("certify.format",))


def test_the_checker_imports_flint_the_ground_floor_and_itself(found):
    assert not strangers(found, "check", CHECKER)


def test_nothing_imports_the_checker_but_the_command_line(found):
    assert not of_the_checker(found)


def test_rule_one_can_fail(tmp_path):
    known = package(tmp_path, {
        "format/words.py": "import json\nimport numpy\n",
        "check/main.py": "from flint import arb\nfrom certify.format import words\n\n"
                         "def f():\n    from certify.rigor import fp\n",
        "check/flints.py": "import flints\n",
        "rigor/fp.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from certify.check.main import f\n",
        "cli/run.py": "import certify.check.main\n",
    })
    found = imports(known)
    assert [entry.imported for entry in strangers(found, "format", ("certify.format",))] == ["numpy"]
    assert [str(entry) for entry in strangers(found, "check", CHECKER)] == [
        "certify.check.flints:1 imports flints (top level)", "certify.check.main:5 imports certify.rigor.fp (lazy)"]
    assert [str(entry) for entry in of_the_checker(found)] == [
        "certify.rigor.fp:3 imports certify.check.main (type checking)"]


# Rule 2: floors, and no circles


def test_every_folder_has_its_floor(known):
    assert {folder(name, "certify") or "__init__" for name in known} <= {*FLOORS, *BESIDE}


def test_no_floor_imports_a_higher_one(found):
    assert not upward(found, "certify")


def test_floors_import_neither_the_public_face_nor_the_way_in(found):
    assert not [entry for entry in found if entry.imported in ("certify", "certify.__main__")]


def test_modules_import_in_no_circle(found, known):
    inside = {name for name in known if folder(name, "certify") == "check"}
    left = circles(found, known)
    assert not [circle for circle in left if not set(circle) <= inside]
    assert len(left) <= WAITING


def test_rule_two_can_fail(tmp_path):
    known = package(tmp_path, {
        "__init__.py": "",
        "rigor/fp.py": "def f():\n    from certify.prove.plan import g\n",
        "prove/plan.py": "from typing import TYPE_CHECKING\nfrom certify.prove import tiers\n"
                         "if TYPE_CHECKING:\n    from certify.rigor.fp import f\n",
        "prove/tiers.py": "from . import costs\n",
        "prove/costs.py": "def h():\n    from .plan import g\n",
    })
    found = imports(known)
    assert [str(entry) for entry in upward(found, "certify")] == [
        "certify.rigor.fp:2 imports certify.prove.plan (lazy)"]
    assert circles(found, known) == [
        ("certify.prove.costs", "certify.prove.plan", "certify.prove.tiers", "certify.rigor.fp")]


FACES = ("certify", "certify.problem", "certify.sets", "certify.inputs", "certify.prove", "certify.certificate",
         "certify.report", "certify.cli", "certify.estimation", "certify.symbolic", "certify.check", "certify.spec")


ALONE = """
import json, os, sys, traceback
import flint, jinja2, numpy, pydantic, safetensors, scipy.linalg, scipy.optimize, sympy, torch, typer
assert not [name for name in sys.modules if name.partition(".")[0] == "certify"]
for name in json.loads(sys.argv[1]):
    if os.fork() == 0:
        try:
            face = __import__(name, fromlist=["_"])
            for word in getattr(face, "__all__", ()):
                getattr(face, word)
        except BaseException:
            print(name, traceback.format_exc(), file=sys.stderr)
        os._exit(0)
    os.wait()
"""


def test_every_public_package_is_imported_alone_and_gives_its_names():
    """Each in a process of its own: an import order that some other module made would hide a circle.

    What others have written is imported before the processes part, which takes most of the time.
    """
    nowhere = "certify.nowhere"
    done = subprocess.run([sys.executable, "-c", ALONE, json.dumps([*FACES, nowhere])], cwd=ROOT, capture_output=True,
                          text=True, check=True)
    assert done.stderr.startswith(f"{nowhere} Traceback") and done.stderr.count("Traceback") == 1, done.stderr


# Rule 6: sizes


def too_large(known: Mapping[str, Path], allowed: Mapping[str, int]) -> list[str]:
    """Folders, files and functions beyond the limits, in words.

    Args:
        known: the modules.
        allowed: by name, limits of their own.
    """
    folders: dict[Path, int] = {}
    wrong = []
    for path in known.values():
        folders[path.parent] = folders.get(path.parent, 0) + 1
        text = path.read_text(encoding="utf-8")
        lines = len(text.splitlines())
        if lines > allowed.get(path.name, LINES):
            wrong.append(f"{path.name}: {lines} lines")
        if lines > BODY:  # no function is longer than its file
            wrong += [f"{path.name}: {node.name}, {size} lines" for node, size in functions(text) if size > BODY]
    return wrong + [f"{place.name}/: {count} files" for place, count in folders.items()
                    if count > allowed.get(f"{place.name}/", FILES)]


def functions(text: str) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]]:
    """Every function of a text, with its length from `def` on."""
    for node in statements(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, (node.end_lineno or 0) - node.lineno + 1


def test_folders_files_and_functions_stay_small(known):
    assert not too_large(known, LARGE)


def test_rule_six_can_fail(tmp_path):
    long = "def f():\n" + "    pass\n" * BODY
    known = package(tmp_path, {"rigor/fp.py": long, "rigor/long.py": "x = 1\n" * (LINES + 1)}
                    | {f"sets/{i}.py": "" for i in range(FILES + 1)})
    assert sorted(too_large(known, {})) == [
        "fp.py: f, 71 lines", "long.py: 401 lines", "sets/: 16 files"]


# Rule 8: `require_` refuses, `check_` is the checker's


def verbs(known: Mapping[str, Path]) -> list[str]:
    """Functions outside the checker that are named as its own, and `require_` functions that cannot refuse."""
    wrong = []
    for name, path in known.items():
        if folder(name, "certify") == "check":
            continue
        text = path.read_text(encoding="utf-8")
        if not re.search(r"\bdef _*(check|require)_", text):
            continue
        own = [node for node, _ in functions(text)]
        able = refusing(own)
        for node in own:
            verb = node.name.lstrip("_")
            if verb.startswith("check_"):
                wrong.append(f"{name}: {node.name} is named as the checker's: call it require_…")
            elif verb.startswith("require_") and node.name not in able:
                wrong.append(f"{name}: {node.name} never refuses")
    return wrong


def refusing(own: Sequence[ast.FunctionDef | ast.AsyncFunctionDef]) -> set[str]:
    """Functions of a module that raise, or call one that does: of the module, or of another and named `require_…`."""
    names = {node.name for node in own}
    able: set[str] = set()
    while True:
        more = {node.name for node in own if any(_refuses(inner, names, able) for inner in ast.walk(node))}
        if more <= able:
            return able
        able |= more


def _refuses(inner: ast.AST, names: set[str], able: set[str]) -> bool:
    if not isinstance(inner, ast.Call):
        return isinstance(inner, ast.Raise)
    called = ast.unparse(inner.func).rpartition(".")[2]
    return called in able or (called not in names and called.startswith("require_"))


def test_refusals_are_named_require_and_only_the_checker_checks(known):
    assert not verbs(known)


def test_rule_eight_can_fail(tmp_path):
    known = package(tmp_path, {
        "spec/labels.py": "def check_labels(spec):\n    raise ValueError\n\n\n"
                          "def require_labels(spec):\n    return spec\n\n\n"
                          "def require_both(spec):\n    require_labels(spec)\n\n\n"
                          "def require_all(spec):\n    require_elsewhere(spec)\n    check_labels(spec)\n",
        "check/main.py": "def check_labels(spec):\n    return spec\n",
    })
    assert verbs(known) == ["certify.spec.labels: check_labels is named as the checker's: call it require_…",
                            "certify.spec.labels: require_labels never refuses",
                            "certify.spec.labels: require_both never refuses"]
