"""What a spec tells a reader and nothing rests on: names of features, words of labels, the files it was made from."""

from __future__ import annotations

import re

from certify.format.canonical import Json, show
from certify.format.refusal import Invalid

WORDS, FILES = ("names", "labels"), ("model", "data", "evaluation")


def read(section: Json) -> Json:
    """The section as it is.

    Raises:
        Invalid: lists that are none of words, or files without a plain name and a digest.
    """
    for key in WORDS:
        words = section.get(key, ["left out"])
        if not isinstance(words, list) or not words or not all(isinstance(word, str) and word for word in words):
            raise Invalid(f"spec, about.{key}", f"{show(words)} is stated", "a list of words is needed")
    if not isinstance(section.get("behind", ""), str):
        raise Invalid("spec, about.behind", f"{show(section['behind'])} is stated", "a text is needed")
    for key in FILES:
        if key in section and not _made(section[key]):
            raise Invalid(f"spec, about.{key}", f"{show(section[key])} is stated",
                          "the name of a file and its sha256 are needed")
    return {"about": section}


def _made(file: object) -> bool:
    if not isinstance(file, dict) or set(file) != {"name", "sha256"} or not _plain(file["name"]):
        return False
    return isinstance(file["sha256"], str) and bool(re.fullmatch("[0-9a-f]{64}", file["sha256"]))


def _plain(name: object) -> bool:
    """Whether it is the name of a file and no way to one."""
    return isinstance(name, str) and name not in ("", ".", "..") and not set(name) & set("/\\\0")
