"""A spec with other file names: comments stay where the text allows, and the document is the one that is meant."""

from __future__ import annotations

import tomllib

import pytest

from certify.spec.text.rewritten import rewritten

SPEC = """\
version = 1  # mine
[model]
file = 'old.npz'  # the weights
widths = [3, 1]
[data]
file = "old.npz"
[[gate]]
quantity = "modulus"
max = 1e6
"""
VALUES = {("model", "file"): 'ne"w\\.safetensors', ("data", "file"): "../d.npz", ("evaluation", "file"): "absent"}


def test_lines_are_edited_and_comments_stay():
    found = rewritten(SPEC.encode(), VALUES)
    document = tomllib.loads(found.decode())
    assert document["model"] == {"file": 'ne"w\\.safetensors', "widths": [3, 1]}
    assert document["data"] == {"file": "../d.npz"} and "evaluation" not in document
    assert b"# mine" in found and b"# the weights" in found


@pytest.mark.parametrize("text", [
    'version = 1\nmodel = { file = "m", widths = [2, 1] }\ndata = { file = "d" }\n',
    'version = 1\nmodel.file = "m"\nmodel.widths = [2, 1]\ndata.file = "d"\n',
    'version = 1\n[model]\n"file" = """m"""\nwidths = [\n 2,\n 1]\n[data]\nfile = "d"\n[training]\nbias_decay = false\n'
    '[perturbation]\nscale = { "a b" = 1.5, c = 2 }\npairs = [[0, 1]]\n[[gate]]\nmax = 1\n[[gate]]\nmax = 2.5\n',
])
def test_what_cannot_be_edited_is_written_anew(text):
    meant = tomllib.loads(text)
    meant["model"]["file"], meant["data"]["file"] = "a\nb", "ü"
    assert tomllib.loads(rewritten(text.encode(), {("model", "file"): "a\nb", ("data", "file"): "ü"}).decode()) == meant
