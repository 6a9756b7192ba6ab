"""Text that came from somebody else, made safe to print."""

from __future__ import annotations


def one_line(text: str) -> str:
    r"""Text from a file or a name, safe to print: on one line, control characters made visible.

    >>> one_line("a\nb\x1b[31m")
    'a b\\x1b[31m'
    """
    text = "".join(" " if c in "\n\r\t" else c for c in text)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
