"""All forgeries, by name, and the table of them."""

from __future__ import annotations

from pathlib import Path

from tests.forgeries import chosen, named, newer, readings, told

FORGERIES = {row.name: row for part in (chosen, named, told, readings, newer) for row in part.ROWS}
README = Path(__file__).with_name("README.md")
INTRODUCTION = """# Forgeries

Certificates with a true digest that say what does not follow, and files with a second reading. Each is made from an
honest certificate (of `tests/golden`, or of `files/`, made by `python -m tests.forgeries.write_files`) by a function
beside its row, so that bytes that are large need not be kept; `python -m tests.forgeries FOLDER` writes them all out,
for other checkers, and `python -m tests.forgeries` this table.

The first letter says what is attacked: **a** what the certificate chooses, **b** which files it is about, **c** what it
tells in words, **d** how its files can be read, **e** newer members. Exit status 2: invalid. 4: valid, and nothing is
decided by it unless its caller asks for the choice.

| forgery | what is forged | status | with | the answer has |
|---|---|---|---|---|
"""


def table() -> str:
    """The file README.md."""
    def cell(text: str) -> str:
        return text.replace("|", "\\|")

    lines = [f"| `{name}` | {row.what} | {row.status} | {cell(' '.join(row.options))} | `{cell(row.words)}` |"
             for name, row in FORGERIES.items()]
    return INTRODUCTION + "\n".join(lines) + "\n"
