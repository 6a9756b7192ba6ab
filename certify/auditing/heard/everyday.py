"""Everyday words in the words that questions know; what is not translated stays, and is refused after it."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

ROWS: Final = (r"(?:training )?(?:rows?|records?|points?|samples?|examples?|instances?|observations?|images?|cases?|"
               r"datapoints?|data points?)")
UNITS: Final = {word: number for number, word in enumerate(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen".split())}
TENS: Final = {word: 10 * number for number, word in enumerate(
    "twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
NUMBER_WORD: Final = (rf"\b(?:({'|'.join(TENS)})(?:[ -]({'|'.join(list(UNITS)[1:10])}))?|({'|'.join(UNITS)}))"
                      r"(?:( hundred)|( thousand))?\b")
MORE_NUMBERS: Final = ((r"\ba dozen\b", "12"), (r"\b(?:a couple of|a couple|a pair of|both)\b", "2"),
                       (r"\b(?:a|one) hundred\b", "100"), (r"\b(?:a|one) thousand\b", "1000"),
                       (r"\bhalf (?:of )?(?:all )?(?:the |my |our )?(?=labels|rows)", "50 % of "),
                       (r"\ba single\b", "1"))

GONE: Final = (r"(?:drop(?:s|ped|ping)?|los(?:e|es|ing|t)|missing|gone|exclud(?:e|es|ed|ing)|eras(?:e|es|ed|ing)|"
               r"discard(?:s|ed|ing)?|remov(?:e|es|ed|ing)|deleting|unlearn(?:s|ed|ing)?|omit(?:s|ted|ting)?|absent|"
               r"disappear(?:s|ed)?|forgetting|leaving out|(?:tak(?:e|en|ing)|throw(?:n|ing)?) (?:out|away)|without)")
"""What happens to rows that are left out."""
QUIT: Final = (r"(?:ha(?:s|ve) left|leaves?|leaving|left|quits?|go(?:es)?|churns?|cancels?|opt(?:s|ed)? out|"
               r"(?:withdraw|revoke)s? (?:their |its |his |her )?(?:consent|data)|withdraw(?:s|n)?)\b(?! out)")
"""What people do whose rows are left out."""
WRONG: Final = (r"(?:incorrect(?:ly)?|corrupt(?:ed)?|swapped|noisy|erroneous|faulty|inaccurate|switched|mistaken|"
                r"false|wrongly|bad|dirty)")
SLIPS: Final = r"(?:typos?|mistakes?|errors?|noise)"
LABELS: Final = r"(?:labels?|labell?ings?|annotations?|annotators?|classes)"
BEARS: Final = (r"(?:(?:can|could|may|does|do|will|would) )?(?:it|this model|the model|my model|they|we|i) (?:still )?"
                r"(?:take|bear|tolerate|handle|withstand|stand|endure|survive|cope with|get away with)")
IDLE: Final = (r"\b(?:anything|suppose|imagine|please|tell me|show me|i want to know|happened|actually|really|simply|"
               r"just|ever|different|differently)\b")
"""Words that say nothing of which question is meant."""
CELLS: Final = r"\b(?:values?|entr(?:y|ies)|cells?|columns?|features?|variables?)\b"
"""What of rows is missing, where it is not the rows."""
NUMBERED: Final = rf"{ROWS}\s*(?:no\.?|number|#)?\s*([0-9]{{1,9}})"
ONE_ROW: Final = (
    rf"(?:is|was|does|how much does) {NUMBERED}(?: an?)?\s+(?:important|influential|relevant|outlier|matter|count|"
    r"decisive)(?: much| at all)?",
    rf"(?:how (?:important|influential|relevant) (?:is|was)|(?:what is )?(?:the )?(?:influence|importance) of|"
    rf"(?:what )?(?:happens|changes|if|is different|would happen|would change) without) {NUMBERED}")
"""A question about one row by its number: it is answered by leaving it out."""


def everyday(phrase: str, groups: str) -> str:
    """The phrase in the words of questions.

    Args:
        phrase: e.g. ``"drop any three rows"``.
        groups: a pattern of what groups of rows are called.

    >>> everyday("drop any three rows", "users?"), everyday("what if 5 customers leave", "customers?")
    ('deleted any 3 rows', 'what if 5 customers deleted')
    >>> everyday("typos in the labels", "users?"), everyday("is row 17 important?", "users?")
    ('labels wrong', 'these rows 17')
    """
    said = with_numbers(" ".join(phrase.split()))
    for pattern in ONE_ROW:
        if (named := re.fullmatch(rf"{pattern}\s*\??", said, re.IGNORECASE)) is not None:
            return f"these rows {named[1]}"
    said = re.sub(r"\b(?:leave|leaving)[ -](?:one|1)[ -]out\b|\bloo\b|\bjack-?knife\b", "rows deleted", said,
                  flags=re.IGNORECASE)
    said = _of_labels(said)
    if not re.search(CELLS, said, re.IGNORECASE):
        owned = re.search(rf"\b(?:{groups})\b", said, re.IGNORECASE) is not None
        said = re.sub(r"\b(?:deletions|removals?)\b", "deleted" if owned else "rows deleted", said,
                      flags=re.IGNORECASE)
    if re.search(rf"\b{ROWS}\b", said, re.IGNORECASE) and not re.search(CELLS, said, re.IGNORECASE):
        said = re.sub(rf"\b{GONE}\b", "deleted", said, flags=re.IGNORECASE)
    if re.search(rf"\b(?:{groups})\b", said, re.IGNORECASE):
        said = re.sub(rf"\b(?:{GONE}\b|{QUIT})", "deleted", said, flags=re.IGNORECASE)
    if re.search(r"\bhow (?:many|far)\b", said, re.IGNORECASE):
        said = re.sub(rf"\b{BEARS}\b", "survive", said, flags=re.IGNORECASE)
    if re.search(r"\btargets?\b", said, re.IGNORECASE):
        said = re.sub(r"\bwrong by\b", "off by", said, flags=re.IGNORECASE)
    said = re.sub(r"\boutliers\b", "outlier", re.sub(IDLE, "", said, flags=re.IGNORECASE), flags=re.IGNORECASE)
    return " ".join(said.split())


def with_numbers(phrase: str) -> str:
    """Numbers in words as digits, and "1 in 100" as a share.

    >>> with_numbers("twenty-five rows"), with_numbers("a dozen labels wrong"), with_numbers("1 in 50 labels wrong")
    ('25 rows', '12 labels wrong', '2 % of labels wrong')
    >>> with_numbers("two hundred rows"), with_numbers("three thousand rows")
    ('200 rows', '3000 rows')
    """
    for pattern, number in MORE_NUMBERS:
        phrase = re.sub(pattern, number, phrase, flags=re.IGNORECASE)
    phrase = re.sub(NUMBER_WORD, _number, phrase, flags=re.IGNORECASE)
    return re.sub(r"\b([0-9]{1,6}) (?:in|of|out of) (?:every )?([1-9][0-9]{0,5})(?= (?:labels|rows|training))", _share,
                  phrase, flags=re.IGNORECASE)


def _number(found: re.Match[str]) -> str:
    tens, more, small, hundred, thousand = found.groups()
    number = (TENS[tens.lower()] if tens else 0) + sum(UNITS[word.lower()] for word in (more, small) if word)
    return str(number * (100 if hundred else 1000 if thousand else 1))


def _share(found: re.Match[str]) -> str:
    """So many in a hundred, where few digits say it exactly; else as it is."""
    share = Fraction(100 * int(found[1]), int(found[2]))
    text = f"{float(share):.9f}".rstrip("0").rstrip(".")
    return f"{text} % of" if Fraction(text) == share else found[0]


def _of_labels(said: str) -> str:
    """Labels that are not right, in one word for it."""
    for pattern, plain in (
            (rf"\b{SLIPS} (?:in|of|among) (?:the |my |our )?{LABELS}\b", "labels wrong"),
            (rf"\b{LABELS}[ -]{SLIPS}\b", "labels wrong"),
            (rf"\b{WRONG}[ -]{LABELS}\b", "labels wrong"), (
                r"\bwrong (?:annotations?|class(?:es)?|labels?|labell?ings?)\b", "labels wrong"),
            (rf"\b(?:annotations?|classes|labels?) (?:(?:are|is|were|be) )?{WRONG}\b", "labels wrong"),
            (r"\bmislabell?ing\b", "mislabelled"), (r"\b(?:labell?ed|annotated) (?:wrong|wrongly|incorrectly)\b",
                                                    "labels wrong")):
        said = re.sub(pattern, plain, said, flags=re.IGNORECASE)
    return said
