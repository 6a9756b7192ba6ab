"""From what somebody asks, in words, to questions and their options."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Final

from certify.auditing.heard.columns import Known, in_groups, in_own_columns, unnamed
from certify.auditing.heard.everyday import everyday
from certify.auditing.heard.nearest import ALIKE, offered
from certify.auditing.questions import QUESTIONS
from certify.auditing.questions.base import Options, Question
from certify.auditing.subject import Subject
from certify.auditing.told import NAMED
from certify.format.errors import InputError

NUMBERS: Final = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
FILLERS: Final = frozenset("""
    a an and the of my our your any all may can could i we you do does did if is are was were be been being to for from
    with by training row rows record records sample samples point points example examples instance instances
    observation observations image images case cases datapoint datapoints prediction predictions stay stays survive
    change changes what happens when which how many much would should model models still each every data
    some it them they that s there at most up until value values off out whichever
    attacker attackers adversary somebody someone who decision decisions must
""".split())
"""Words that say nothing of which question is meant, or how it is."""
ADDED: Final = ("rows that join or are replaced are asked about in Python: certify.stable_predictions(problem, X_new, "
                "add=5), or replace=3 (docs/questions/added-rows.md)")
ROW: Final = r"\b(?:rows?|records?|points?|samples?|examples?)\b"
JOINED: Final = (rf"{ROW}.*\b(?:add(?:ed|s)?|inject(?:ed|s)?|insert(?:ed|s)?|join(?:s|ed)?)\b"
                 rf"|\b(?:add|inject|insert)(?:s|ing)?\b.*{ROW}|\breplac(?:e|es|ed|ing)\b")
"""Rows that are added or replaced, of which no question is, whatever else stands beside them."""
UNCALLED: Final = (
    (rf"\bnew (?:training )?{ROW}", ADDED),
    (r"\bpoison(?:ing|s)?\b|\battack(?:er|ers|s|ed)?\b|\badversar(?:y|ies|ial)\b",
     f"ask '3 labels wrong' where labels were tampered with, '3 rows deleted' where rows are gone; {ADDED}"))
"""What phrases are about that no question is called by, each with what answers it."""
RANKED: Final = ("no question ranks users, or other groups of rows",
                 "'1 user deleted' with --groups COLUMN tells which predictions change without some one of them, in "
                 "Python certify.stable_predictions(problem, X_new, delete=1, groups=users), whose .witness(13).groups "
                 "names them; 'which rows matter' ranks single rows")


def _ranked(said: str) -> bool:
    """Whether a phrase asks which groups matter."""
    matter = r"(?:matters?|important|influential|influence|decides?|count)"
    return re.search(rf"\b(?:which|what|whose|who)\b.*\b(?:{NAMED})\b.*\b{matter}\b|"
                     rf"\b(?:important|influential) (?:{NAMED})\b", said, re.IGNORECASE) is not None


MORE: Final = ((_ranked, RANKED),)
"""Phrases of which no question is made, each with what is said of it, and what answers it."""
SHORT: Final = 3
"""Letters of words that are not looked at for slips; the first letter is seldom the wrong one."""
LIVING: Final = ("patient|customer|client|user|person|applicant|borrower|case|row|sample|point|image|record|one|house|"
                 "loan|application")
OF_ONE: Final = (rf"\bthis (?:{LIVING})(?:['’]?s)?(?: (?:prediction|decision|label|output|outcome|result))?\b"
                 r"|\bthis decision\b")
"""The one evaluation row that `--prediction` names, as people call it."""
OF_COLUMNS: Final = r"\b(?:in|off|by|nois[ey]|noisy|errors?|signs?|coefficients?|slopes?)\b|±"
"""What stands in phrases that may name a column."""
OF_THEIR_OWN: Final = frozenset({"rows", "prediction", "groups"})
"""Options that name what no common question is about: one asks its question, beside those of other options, alone."""
OF_OPTIONS: Final = MappingProxyType({
    "delete": ("rows that are left out", "rows deleted"), "relabel": ("wrong labels", "labels wrong"),
    "rows": ("these rows", "these rows"), "prediction": ("one prediction", "which rows matter"),
    "noise": ("noise", "noise"), "level": ("noise", "noise"),
    "targets_off": ("targets that are off", "targets off"), "groups": ("groups of rows", "users deleted")})
"""By option: what the questions that use it are about, and what asks one of them."""


class Unread(InputError):
    """A phrase of which nothing is made, or not of every word."""


class Unused(InputError):
    """Something was said that no question is about, e.g. a row.

    Attributes:
        option: what was said.
    """

    def __init__(self, option: str, subject: str, words: str) -> None:
        written = f"--{option.replace('_', '-')}"
        super().__init__(written, f"named, and no question is about {subject}",
                         f"add --ask {words!r}, or leave out {written}")
        self.option = option


def first_wrong(unused: Unused, options: Options, subject: Callable[[Path], Subject]) -> InputError:
    """What to say first: that what was named is not there at all, where that can be seen; else that it is not used.

    Args:
        unused: what is said of the question.
        options: what was said.
        subject: reads the model and its data, with a folder for what it writes.
    """
    about = [question for question in QUESTIONS if unused.option in question.uses]
    try:
        with TemporaryDirectory(prefix="certify-audit-") as folder:
            read = subject(Path(folder))
            wrong = next(filter(None, (question.misnamed(read, options) for question in about)), "")
    except InputError:
        return unused
    if not wrong:
        return unused
    return InputError(unused.asked, wrong, f"correct what is named; then {unused.remedy}")


def asked_for(phrases: Sequence[str], options: Options, known: Known = unnamed,
              ) -> tuple[tuple[Question, ...], Options]:
    """The questions that phrases mean, and the options with the numbers and columns that stand in them.

    Args:
        phrases: e.g. ``"5 rows deleted"``, ``"noise in age"``; none: what an audit asks unasked, first what was asked
            by an option; and that alone where an option names what only a question of its own is about.
        options: what else was said.
        known: reads what the columns of the data are called.

    Raises:
        InputError: a phrase that means no question.

    >>> questions, options = asked_for(["5 rows deleted", "noise in age"], Options())
    >>> [q.slug for q in questions], options.delete, options.noise
    (['rows-deleted', 'noise'], 5, (('age', None),))
    >>> asked_for(["drop any three rows"], Options())[1].delete
    3
    """
    if not phrases:
        unprompted = [question for question in QUESTIONS if question.unprompted(options)]
        if OF_THEIR_OWN & options.said:
            return tuple(question for question in unprompted if question.demanded(options)), options
        return tuple(sorted(unprompted, key=lambda question: not question.demanded(options))), options
    said, options = options, replace(options, named=True)
    found: list[Question] = []
    for asked in phrases:
        try:
            question, phrase = _understood(asked, said, known)
        except Unread as unread:
            raise Unread(unread.asked, f"{unread.found}{_others(asked, phrases, said, known)}", unread.remedy) from None
        before, options = options, question.heard(phrase, options)
        if any(options.of(count) != before.of(count) for one in found for count in one.counts):
            raise InputError(f"--ask {phrase!r}", "other rows, or another number of them, than an earlier --ask has",
                             "ask for each in an audit of its own, with another folder")
        for count in question.counts:
            if count in said.said and options.of(count) != said.of(count):
                raise InputError(f"--ask {phrase!r}", f"another number than --{count} has",
                                 f"say it once: leave out --{count}, or the number in the phrase")
        options = replace(options, read=(*options.read, (asked, question.slug)))
        if question not in found:
            found.append(question)
    for option, (subject, words) in OF_OPTIONS.items():
        if option in said.said and not any(option in question.uses for question in found):
            raise Unused(option, subject, words)
    return tuple(found), options


def _others(unread: str, phrases: Sequence[str], said: Options, known: Known) -> str:
    """As what the other phrases are read: none is answered, as an audit of fewer questions may pass for one of all."""
    read = []
    for phrase in (one for one in phrases if one != unread):
        try:
            read.append(f"{phrase!r} as {_understood(phrase, said, known)[0].words[0]!r}")
        except InputError:
            read.append(f"{phrase!r} as no question either")
    return f" (no question is answered until it is corrected or left out; read is {', '.join(read)})" if read else ""


def _understood(phrase: str, said: Options, known: Known) -> tuple[Question, str]:
    """The question that a phrase means, and the phrase in its words: as it is, or else in everyday words.

    Raises:
        InputError: it means none, with those that are nearest; or it says something that is none.
    """
    own = in_groups(phrase, known().groups, _vocabulary()) if said.groups else phrase
    own = own if re.search(OF_COLUMNS, own, re.IGNORECASE) is None else in_own_columns(own, known(), _vocabulary())
    try:
        return _plainly(own, said)
    except Unread as unread:
        try:
            return _plainly(everyday(own, NAMED), said)
        except Unread:
            said_so = everyday(own, NAMED)
            found, remedy = next((words for holds, words in MORE if holds(said_so)), (unread.found, unread.remedy))
            raise Unread(f"--ask {phrase!r}", found, remedy) from None


def _plainly(phrase: str, said: Options) -> tuple[Question, str]:
    """The question that a phrase means in its own words, each of which means something there."""
    phrase = re.sub(OF_ONE, "this prediction", _with_digits(phrase), flags=re.IGNORECASE)
    question = _meant(phrase, said)
    _require_read(phrase, question)
    return question, phrase


def _vocabulary() -> frozenset[str]:
    """Words that mean a question, or nothing, whatever columns are called."""
    return FILLERS.union(*(re.findall(r"[a-z0-9]+", word) for question in QUESTIONS
                           for word in (*question.words, *question.besides)))


def _with_digits(phrase: str) -> str:
    """Small numbers in words as digits."""
    return re.sub(rf"\b({'|'.join(NUMBERS)})\b", lambda word: str(NUMBERS.index(word[1].lower()) + 1), phrase,
                  flags=re.IGNORECASE)


def _require_read(phrase: str, question: Question) -> None:
    """Refuse a phrase with words of which nothing is made, rather than answer another question.

    Raises:
        InputError: naming them.
    """
    said = (*question.words, question.slug, *question.besides)
    own = {part for word in said for part in re.findall(r"[a-z0-9]+", word)}
    left = [word for word in re.findall(r"\w+", question.rest(phrase).lower())  # a name with _ is named whole
            if not {part for part in word.split("_") if part} <= own | FILLERS]
    if left:
        raise Unread(f"--ask {phrase!r}",
                     f"taken for {question.words[0]!r}, and {', '.join(map(repr, left))} means nothing there",
                     f"{_meant_word(left)}{question.cure(left)}; {offered(phrase)}")


def _meant_word(words: Sequence[str]) -> str:
    """The first word that is one of a question's misspelled, and which one; "" where none is.

    >>> _meant_word(["delteed"]), _meant_word(["zebra"])
    ("did you mean 'deleted'? or ", '')
    """
    known = sorted({part for question in QUESTIONS for said in (*question.words, *question.besides)
                    for part in said.split() if len(part) > SHORT})
    for word in (word for word in words if len(word) > SHORT and word not in FILLERS and word not in known):
        if alike := get_close_matches(word, [one for one in known if one[0] == word[0]], 1, ALIKE):
            return f"did you mean {alike[0]!r}? or "
    return ""


def _meant(phrase: str, options: Options) -> Question:
    """The question that claims a phrase, or with the longest word that stands in it."""
    claimed = [question for question in QUESTIONS if question.claims(phrase)]
    if claimed:
        return claimed[0]
    if re.search(JOINED, phrase, re.IGNORECASE):
        raise InputError(f"--ask {phrase!r}", "no question is about that", ADDED)
    plain = re.sub(r"[^a-z0-9]+", " ", phrase.lower()).strip()
    plain = re.sub(r"\bthese [0-9]+ rows\b", "these rows", plain)
    ranked = sorted(((len(word), -place, question) for place, question in enumerate(QUESTIONS)
                     for word in (*question.words, question.slug.replace("-", " ")) if word in plain),
                    key=lambda entry: entry[:2], reverse=True)
    if not ranked:
        elsewhere = next((remedy for pattern, remedy in UNCALLED if re.search(pattern, phrase, re.IGNORECASE)), "")
        near = _meant_word(re.findall(r"[a-z]+", phrase.lower()))
        raise Unread(f"--ask {phrase!r}", "no question is called so", elsewhere or f"{near}{offered(phrase)}")
    slug = ranked[0][2].meant(options)
    return next(question for question in QUESTIONS if question.slug == slug)
