"""What a verdict rests on: how many lines of `certify` a certificate loads, measured in a process of its own."""

from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

from certify.check import table, trusted
from certify.check.words.solutions import MAPS

ROOT = Path(__file__).resolve().parents[2]
GOLDEN, AUDITS = "tests/golden/0.1.0", "reports/audits"

CERTIFICATES = {
    f"{GOLDEN}/tanh": 3795, f"{GOLDEN}/critical": 6820, f"{GOLDEN}/boundary": 4230, f"{GOLDEN}/inside": 4905,
    f"{GOLDEN}/per-sample": 4605, f"{GOLDEN}/change": 4225, f"{GOLDEN}/nearby": 4790, f"{GOLDEN}/window": 4060,
    f"{AUDITS}/toy/features": 6550, f"{AUDITS}/diabetes/boundary": 4255, f"{AUDITS}/expansion/breast-cancer": 4055,
    f"{AUDITS}/breast-cancer-logistic/last-layer-any-1": 6285, f"{AUDITS}/breast-cancer": 4260,
}
"""Most lines that a certificate may load, all of them: a ratchet, never raised without a reason in the commit.

Raised by 150 for what a certificate tells in words (V82, `told`), and by 100 more where it tilts the loss or merges
rows (V81, `choices`): before, a forger said under a passing check what he liked, and chose which problem it was about.
By 5 for the call by which a check that is too large is refused, and by up to 35 for where random probes may decide
about large matrices: before, 2,000 equations took four times as long. By 5 for holding the estimate of a longer way
against the limits before it is taken. By 35 where features move in a sublevel set, for bounds with few bits first and
exact products of large networks: before, 1,797 rows of 256 units took more than three times as long as their proof.
"""

CODE = {f"{GOLDEN}/tanh": 2330, f"{GOLDEN}/boundary": 2585, f"{GOLDEN}/window": 2560,
        f"{AUDITS}/expansion/breast-cancer": 2555, f"{AUDITS}/breast-cancer": 2600}
"""The same of lines of code: the design has 2,600 for M2, of which the last is the largest that is published."""

KERNEL, INNERMOST = "certify/check/kernel.py", 400
"""The innermost ring, with the files of the format that are loaded: most lines of them (the design has 900)."""

FOREIGN = {
    "modulus.kernel": ("hessian", "critical", "graph", "aubin", "predictions", "excess", "lipschitz", "theorems.head"),
    "modulus.rows": ("hessian", "critical", "graph", "aubin", "predictions", "excess", "lipschitz", "theorems.head"),
    "modulus.sublevel": ("hessian", "critical", "interpolation", "graph", "aubin", "lipschitz", "theorems.head"),
    "modulus.critical": ("graph", "aubin", "predictions", "lipschitz", "theorems.head", "systems.interpolation"),
    "aubin.interpolation": ("hessian", "critical", "graph", "predictions", "theorems.head", "excess"),
    "excess.window": ("hessian", "critical", "graph", "aubin", "predictions", "lipschitz", "theorems.head"),
    "distance.given_change": ("hessian", "critical", "graph", "aubin", "predictions", "theorems.head"),
    "predictions.first_order": ("graph", "aubin", "lipschitz", "theorems.head"),
    "head.claims": ("hessian", "graph", "aubin", "predictions", "systems.critical", "systems.nearby"),
}
"""Words that no name of a module may hold which the rule of a theorem imports."""


def loaded_by(code: str) -> set[str]:
    """The modules of certify that a process has after running this code."""
    listed = "; print(*(m for m in sys.modules if m.split('.')[0] == 'certify'))"
    done = subprocess.run([sys.executable, "-c", f"import sys; {code}{listed}"], cwd=ROOT, capture_output=True,
                          text=True, check=True)
    return set(done.stdout.split())


def code_lines(text: str) -> int:
    r"""Lines without blank ones, comments and docstrings.

    >>> code_lines("'A file.'\n\nX = [  # two\n    1, 2]\n'One more.'\n")
    2
    """
    no_code = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type not in no_code]
    found = {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}
    said = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)]
    return len(found - {line for node in said for line in range(node.lineno, (node.end_lineno or 0) + 1)})


@pytest.mark.parametrize("folder", CERTIFICATES)
def test_a_verdict_rests_on_few_lines(folder):
    command = [sys.executable, "-m", "certify.check", f"{folder}/certificate.json", "--trusted", "--json", "--quiet"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 3, 4), done.stderr
    found = json.loads(done.stdout)["trusted"]
    files = {entry["file"]: entry["lines"] for ring in found["rings"] for entry in ring["files"]}
    assert found["lines"] == sum(files.values()) <= CERTIFICATES[folder]
    innermost = {file: lines for file, lines in files.items() if file == KERNEL or file.startswith("certify/format/")}
    assert KERNEL in innermost and sum(innermost.values()) <= INNERMOST
    texts = [(ROOT / file).read_text(encoding="utf-8") for file in files]
    assert [len(text.splitlines()) for text in texts] == [*files.values()]
    assert sum(map(code_lines, texts)) <= CODE.get(folder, CERTIFICATES[folder])


def test_what_is_listed_is_all_that_is_loaded():
    path = f"{GOLDEN}/tanh/certificate.json"
    code = f"from pathlib import Path; from certify.check.run import check; check(Path({path!r}), {{}})"
    loaded = loaded_by(code)
    names = loaded_by(f"{code}; from certify.check import trusted; found = trusted.rings()")
    assert names - loaded == {"certify.check.trusted"}
    assert all(name == "certify" or name.startswith(("certify.check", "certify.format")) for name in loaded)


def test_the_list_follows_the_verdict_line():
    command = [sys.executable, "-m", "certify.check", f"{GOLDEN}/targets/certificate.json", "--trusted"]
    verdict, first, second, *_ = subprocess.run(command, cwd=ROOT, capture_output=True, text=True,
                                                check=False).stdout.splitlines()
    assert verdict.startswith("certified ") and first.startswith("this verdict rests on ")
    assert second.startswith("kernel and reading: ")


ROWS = sorted({row.module for system in MAPS for row in table.rows_of(system)})
EACH = """
import importlib, json, os, sys
import certify.check.run
for name in json.loads(sys.argv[1]):
    if os.fork() == 0:
        try:
            module = importlib.import_module("certify.check.theorems." + name)
            assert isinstance(module.RULE, sys.modules["certify.check.rule"].Rule)
            print(name, *(one for one in sys.modules if one.split(".")[0] == "certify"), flush=True)
        finally:
            os._exit(0)
    os.wait()
"""


@pytest.fixture(scope="module")
def loaded_by_rules() -> dict[str, set[str]]:
    """The modules of certify that a process has which imported the checker and one rule, by the rule's name."""
    done = subprocess.run([sys.executable, "-c", EACH, json.dumps([*ROWS, "no_rule", "modulus"])], cwd=ROOT,
                          capture_output=True, text=True, check=True)
    return {name: set(loaded) for name, *loaded in map(str.split, done.stdout.splitlines())}


@pytest.mark.parametrize("module", ROWS)
def test_a_rule_imports_what_it_rests_on_alone(module, loaded_by_rules):
    """And each is a module with a rule, that no other rule is needed to find."""
    loaded, own = loaded_by_rules[module], "certify.check.theorems." + module
    assert {own, "certify.check.run"} < loaded
    foreign = FOREIGN.get(module, ())
    wrong = {name for name in loaded for word in foreign if f".{word}" in name.removeprefix("certify.check")}
    assert not wrong - {own}


def test_a_rule_is_told_of_that_has_one_and_is_loaded_without_others(loaded_by_rules):
    """Neither what is no module nor one without a rule; two rules that do not rest on each other are apart."""
    assert {*loaded_by_rules} == {*ROWS}
    first, second = (f"certify.check.theorems.{name}" for name in ("modulus.kernel", "head.claims"))
    assert second not in loaded_by_rules["modulus.kernel"] and first not in loaded_by_rules["head.claims"]


def test_the_checker_without_a_certificate_loads_no_theorem():
    loaded = loaded_by("import certify.check.run")
    assert not {name for name in loaded if name.startswith("certify.check.theorems")}


def test_rings_count_the_checker_alone():
    modules = {name: sys.modules[name] for name in ("certify", "certify.check.kernel", "certify.check.table", "json")}
    first, *others = trusted.rings(modules)
    assert [file for file, _ in first.files] == ["certify/__init__.py", "certify/check/kernel.py",
                                                 "certify/check/table.py"]
    assert not any(ring.files for ring in others)
    assert trusted.members((first,))["lines"] == first.lines
    assert trusted.table((first,)).startswith(f"this verdict rests on 3 files of certify, {first.lines} lines\n")
