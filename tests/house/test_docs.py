"""The documentation site: pages run as they are written, links lead somewhere, generated pages are those of today."""

from __future__ import annotations

import importlib.util
import json
import pickle
import re
import subprocess
import sys
import tomllib
from html import unescape
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.house.pages import DOCS, README, ROOT, Block, agree, anchors, blocks, generated, links, session, written

CONFIG = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
NAV = re.findall(r"^ +- .*?: ([\w/-]+\.md)$", CONFIG.partition("\nnav:")[2], flags=re.M)
PAGES = {path.relative_to(ROOT).as_posix(): path for path in written()}


def loaded(name: str) -> ModuleType:
    """A script of `docs/`."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


def test_every_page_is_in_the_navigation_once():
    assert sorted(NAV) == sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


@pytest.mark.parametrize("path", [README, *sorted(DOCS.rglob("*.md"))], ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_of_a_page_lead_to_files_and_headings(path):
    for link in links(path.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (path.parent / place).resolve() if place else path
        assert target.is_file() or (path == README and target.exists()), f"{path.name}: {link}"
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{path.name}: {link}"


ANSWERS: dict[bytes, Any] = {}


def answered_once(problem: Any, X_eval: Any, **asked: Any) -> Any:
    """`certify.stable_predictions`, where several pages ask the same once, and with time enough on a busy machine."""
    from certify.prove.rows import stable_predictions

    key = pickle.dumps((problem.network, problem.X, problem.y, problem.labels, str(problem.loss), problem.weight_decay,
                        X_eval, asked))
    if key not in ANSWERS:
        ANSWERS[key] = stable_predictions(problem, X_eval, **{"seconds": 900.0, **asked})
    return ANSWERS[key]


@pytest.mark.parametrize("place", PAGES)
def test_a_page_is_what_a_reader_sees_who_follows_it(place, tmp_path, monkeypatch):
    monkeypatch.setattr("certify.stable_predictions", answered_once, raising=False)
    monkeypatch.chdir(tmp_path if PAGES[place] != README else ROOT)
    if place == "docs/python.md":
        monkeypatch.chdir(ROOT)  # its problem is one of the published audits, by its path in the repository
    for said, printed in session(PAGES[place], tmp_path):
        assert agree(said, printed), f"{place} says\n{said.text}\nand it is\n{printed}"


def test_what_is_printed_has_to_be_what_is_said():
    def say(text: str, title: str = "") -> Block:
        return Block("text", title, text, True)

    assert agree(say("proved in [5.1421, 6]\n"), "proved in [5.1422, 6]\n")
    assert not agree(say("proved in [5.1421, 6]\n"), "proved in [5.1521, 6]\n")
    assert agree(say("proved in [5.14, 6]", "about"), "proved in [5.5, 6]")
    assert not agree(say("136 of 143", "about"), "135 of 143") and not agree(say("136 stay"), "136 flip")
    assert agree(say("within …, 5"), "within 1e-8, 5") and not agree(say("136"), "")


def specs(path: Path) -> list[str]:
    return [block.text for block in blocks(path, "toml")]


def test_every_spec_of_the_pages_is_whole_and_valid():
    from certify.spec import parse_spec

    every = [text for path in written() for text in specs(path)]
    estimates = [text for text in every if "\n[estimate]\n" in text]
    assert len(every) >= 13 and len(estimates) == 1
    for text in every:
        assert tomllib.loads(text)["version"] == 1
        assert parse_spec(text.encode(), verb="estimate" if text in estimates else "run").gate


def test_no_page_says_a_command_or_an_option_that_there_is_not():
    from certify.cli.commands import app
    from certify.cli.explain import explain

    known = {verb.name or verb.callback.__name__ for verb in app.registered_commands}
    options = set(re.findall(r"--[a-z][\w-]*", (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")))
    for path in written():
        text = path.read_text(encoding="utf-8")
        for line in re.findall(r"^certify (.*?)(?:#.*)?$", "\n".join(b.text for b in blocks(path, "bash")), re.M):
            assert line.split()[0] in known and set(re.findall(r"--[a-z][\w-]*", line)) <= options, line
        for word in re.findall(r"`certify explain\s+(\"[^\"`]+\"|[\w]+)`", text):
            if word not in ("WORD", "LABEL"):
                assert explain(word.strip('"')), word


def test_generated_pages_are_those_of_the_program_today():
    assert loaded("generate").stale() == [], "run python docs/generate.py"
    assert sum(generated(path) for path in DOCS.rglob("*.md")) == 9


def test_the_reference_names_every_verb_key_and_public_name():
    import certify
    from certify.auditing.questions import QUESTIONS
    from certify.format.quantities import QUANTITIES

    pages = {name: (DOCS / "reference" / f"{name}.md").read_text(encoding="utf-8") for name in (
        "cli", "python", "quantities", "questions", "support")}
    verbs = ("audit", "compare", "polish", "rows", "run", "check", "attest", "verify", "report", "init", "explain")
    assert all(f"## certify {verb}\n" in pages["cli"] for verb in verbs)
    assert all(f"### certify.{name}\n" in pages["python"] for name in certify.__all__ if name != "__version__")
    assert all(f'| `--ask "{one.words[0]}"` |' in pages["questions"] for one in QUESTIONS)
    assert all(f"[`{name}`]" in pages["quantities"] and f"[`{name}`]" in pages["support"] for name in QUANTITIES)


def test_the_support_table_is_what_the_program_answers():
    """Cells that stand there, and others that must not."""
    found = loaded("generate").answered()
    assert found["critical", "stable_predictions", "sparse"]["D1"] == ["labels", "deletions"]
    assert found["sublevel", "persistence_radius", "per_sample"] == {"M6": ["features", "targets", "sample_weights"]}
    assert ("interpolation", "modulus", "sparse") not in found and ("sublevel", "distance", "total") not in found
    assert ("critical", "prediction_change", "given") in found and "M5" not in found["critical", "distance", "sparse"]


def test_the_notebook_runs_and_prints_what_it_holds(monkeypatch):
    monkeypatch.setattr("certify.stable_predictions", answered_once, raising=False)
    tool = loaded("notebook")
    book = json.loads(tool.PATH.read_text(encoding="utf-8"))
    names: dict[str, Any] = {"__name__": "notebook"}
    cells = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == [*range(1, len(cells) + 1)]
    for number, cell in enumerate(cells, 1):
        fresh = tool.outputs("".join(cell["source"]), names, number)
        assert [output["output_type"] for output in fresh] == [output["output_type"] for output in cell["outputs"]]
        for one, two in zip(fresh, cell["outputs"], strict=True):
            if "image/png" not in one.get("data", {}):
                assert agree(Block("text", "", text_of(two), True), text_of(one))
            table = unescape("".join(two.get("data", {}).get("text/html", "")))  # its seconds are of another day
            assert not table or all(line.strip() in table for line in text_of(two).splitlines()[1:])
    text = json.dumps(book)
    assert "/home/" not in text and "/work/" not in text and "/tmp/" not in text and "Traceback" not in text


def text_of(output: dict[str, Any]) -> str:
    return "".join(output.get("text", output.get("data", {}).get("text/plain", "")))


def test_links_out_of_the_docs_become_links_of_the_site_or_words():
    hooks = loaded("hooks")
    assert hooks.rewritten("[p](../proofs/finite.md#q7)", "docs/theory.md") == "[p](proofs/finite.md#q7)"
    assert hooks.rewritten("[p](../../proofs/graph.md)", "docs/questions/a.md") == "[p](../proofs/graph.md)"
    assert hooks.rewritten("[s](../reports/audits/toy/README.md)", "docs/a.md") == "s (`reports/audits/toy`)"
    assert hooks.rewritten("[v](../verdicts.md), [h](#h)", "docs/questions/a.md") == "[v](../verdicts.md), [h](#h)"
    assert hooks.rewritten("[f](finite.md#q7)", "proofs/README.md") == "[f](finite.md#q7)"
    assert hooks.titles('```text title="about"\n1') == "```text\n1"
    assert hooks.titles('```text title="error"') == '```text title="on standard error"'
    assert hooks.titles('```text title="notes"') == '```text title="notes"'
    assert hooks.bars(r"| `a\|b` | c\|d |") == r"| `a|b` | c\|d |" and hooks.bars(r"`a\|b`") == r"`a\|b`"


def test_the_site_is_built_without_a_warning_and_asks_nothing_of_the_network(tmp_path):
    pytest.importorskip("mkdocs")
    pytest.importorskip("material")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True,
                          env={"PATH": "/usr/bin:/bin", "NO_MKDOCS_2_WARNING": "1", "HOME": str(tmp_path)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 40
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for tag in re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", text):
            assert not re.search(r"(?:src|href)=\"?(?:https?:)?//", tag) or 'rel="canonical"' in tag, tag
