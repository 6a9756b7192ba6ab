"""Questions about any so many rows: the number may stand in the phrase."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from certify.auditing.questions.base import Options, Question
from certify.format.errors import InputError

NUMBER = r"\b([0-9]{1,9})\b"


class Counted(Question):
    """A question about a number of rows, which is the member `option` of the options."""

    def rest(self, phrase: str) -> str:
        """Without the number of rows."""
        return re.sub(NUMBER, "", phrase, count=1)

    def heard(self, phrase: str, options: Options) -> Options:
        """The first number.

        Raises:
            InputError: it is 0, or a share.
        """
        if re.search(r"[0-9]\s*%|[0-9]\.[0-9]|\bper ?cent\b", phrase):
            raise InputError(f"--ask {phrase!r}", "a share of the rows",
                             "give the number: 1 % of 400 rows are 4")
        found = re.search(NUMBER, phrase)
        if found is not None and int(found[1]) < 1:
            raise InputError(f"--ask {phrase!r}", "0 rows", "give a number of rows from 1 on")
        member: dict[str, Any] = {} if found is None else {self.option: int(found[1])}
        return replace(options, **member)
