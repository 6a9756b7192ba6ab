"""The pages for users, README and docs: their fenced blocks, and a run of one page as a reader would do it.

A page is a session. Python blocks share their names; a block with `title="file"` is written to that file too; a
`certify` line of a `bash` block, and what a Python block prints, is held against the `text` block that follows it. A
`bash` block without one is not run. In a `text` block `…` stands for anything, and numbers may differ in the fourth
digit, or with `title="about"` by a tenth; whole numbers never. With `title="error"` it is what stands on standard
error, of a command that is refused. Of `title="committed"` another test knows.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", flags=re.S | re.M)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, title (empty if none), text, and whether the one before it is a code block."""

    language: str
    title: str
    text: str
    follows: bool


def written() -> list[Path]:
    """Pages that people write, README first; generated ones say so in their third line."""
    return [README, *(path for path in sorted(DOCS.rglob("*.md")) if not generated(path))]


def generated(path: Path) -> bool:
    """Whether `docs/generate.py` writes the page."""
    return "<!-- written by docs/generate.py" in path.read_text(encoding="utf-8")


def blocks(path: Path, language: str | None = None) -> list[Block]:
    """The fenced blocks of a page, in one language or all."""
    text, found, end = path.read_text(encoding="utf-8"), [], -1
    for match in FENCE.finditer(text):
        found.append(Block(match[1], match[2] or "", match[3], end >= 0 and not text[end:match.start()].strip()))
        end = match.end()
    return [block for block in found if language in (None, block.language)]


def session(path: Path, folder: Path) -> Iterator[tuple[Block, str]]:
    """Run a page in a folder: each `text` block that follows a run one, with what was really printed."""
    names: dict[str, Any] = {"__name__": "page"}
    every = blocks(path)
    after = {id(one): two for one, two in zip(every, every[1:], strict=False) if two.follows and two.language == "text"}
    for place in ("reports", "examples"):
        (folder / place).symlink_to(ROOT / place)
    for block in every:
        said = after.get(id(block))
        if block.language in ("toml", "python") and block.title:
            (folder / block.title).write_text(block.text, encoding="utf-8")
        if block.language == "python":
            printed = printed_by(block.text, path, names)
        elif block.language == "bash" and said is not None and said.title != "committed":
            printed = commanded(block.text)[said.title == "error"]
        else:
            continue
        if said is not None and said.title != "committed":
            yield said, printed


def printed_by(source: str, path: Path, names: dict[str, Any]) -> str:
    """What Python prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(source, path.name, "exec"), names)
    assert out.getvalue().strip() or "print(" not in source, f"{path.name}: a block prints nothing"
    return out.getvalue()


def commanded(lines: str) -> tuple[str, str]:
    """What the `certify` lines of a block print on standard output, and on standard error."""
    from certify.cli.main import main

    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        for line in lines.splitlines():
            if line.startswith("certify "):
                main(shlex.split(line, comments=True)[1:])
    return out.getvalue(), err.getvalue()


def agree(said: Block, printed: str) -> bool:
    """Whether a block says what was printed."""
    within = 0.1 if said.title == "about" else 1e-3
    words, found = said.text.strip(), printed.strip()
    pattern = re.escape(NUMBER.sub("\0", words)).replace("\0", f"({NUMBER.pattern})").replace("…", ".*?")
    match = re.fullmatch(pattern, found, flags=re.S)
    numbers = NUMBER.findall(words)
    return match is not None and all(near(one, two, within) for one, two in zip(
        numbers, match.groups(), strict=True))


def near(one: str, two: str, within: float) -> bool:
    """Whether two numbers agree: whole ones exactly."""
    if one.isdigit() or two.isdigit():
        return one == two
    return abs(float(one) - float(two)) <= within * abs(float(one))


def anchors(text: str) -> set[str]:
    """The anchors of a page as mkdocs makes them."""
    bare = FENCE.sub("", text)
    found = set(re.findall(r"\{ ?#([\w.-]+) ?\}", bare))
    for heading in re.findall(r"^#+ (.*?)(?: \{.*\})?$", bare, flags=re.M):
        plain = re.sub(r"[`*]|\[|\]\([^)]*\)", "", heading).encode("ascii", "ignore").decode()
        found.add(re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower()))
    return found


def links(text: str) -> list[str]:
    """Where the links and pictures of a page lead; not those within code."""
    bare = re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))
    return re.findall(r"\]\(([^)\s]+)\)", bare)
