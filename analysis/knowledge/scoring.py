"""Is an answer right? Four scores from the same output, and which credits look suspicious.

`contains` is the paper's rule (arXiv 2509.16596): a gold answer or an alias of it stands in the output. The exact match
normalises as SQuAD does (arXiv 1606.05250): lower case, no ASCII punctuation, no articles, single spaces. Does not know
models, tokens or prompts.

Worked example, gold "Paris": the output "Parisian life" scores contains, and contains_first_line, but neither
contains_word nor exact_match; "The Paris.\nLyon" scores all four; "Lyon\nParis" contains and contains_word only.
"""

from __future__ import annotations

import re
import string
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

from analysis.records import IN_DOMAIN, OUT_OF_DOMAIN, Question, ScoreName

Flag = Literal["short-alias", "alias-in-question", "outside-first-line", "inside-longer-word"]
FLAGS: tuple[Flag, ...] = get_args(Flag)

# The paper's Table 12: object -> what is accepted beside it.
ALIASES: dict[str, tuple[str, ...]] = {
    "United States of America": ("USA", "United States"),
    "New York City": ("New York",),
    "University of Michigan": ("UMich",),
    "South Korea": ("Republic of Korea", "Korea"),
    "Saint Petersburg": ("St. Petersburg",),
    "Buenos Aires": ("Baires",),
    "People's Republic of China": ("PRC", "China"),
    "Ohio State University": ("Ohio State",),
    "Bosnia and Herzegovina": ("Bosnia", "Bosna i Hercegovina"),
    "University of Texas at Austin": ("University of Texas", "UT Austin"),
    "University of Cambridge": ("Cambridge University", "Cambridge"),
    "United States Military Academy": ("West Point",),
    "Rio de Janeiro": ("Rio de",),
    "University of Edinburgh": ("Edinburgh University",),
    "Museo del Prado": ("Prado Museum", "Museo Nacional del Prado"),
    "Salt Lake City": ("Salt Lake",),
    "North Carolina State University": ("NC State",),
    "University of Durham": ("Durham University",),
    "Harvard Law School": ("Harvard University",),
    "University of Paris (1896-1968)": ("Université de Paris", "University of Paris", "Paris University"),
    "Newcastle upon Tyne": ("Newcastle",),
    "University of Oslo": ("Oslo University",),
    "Hebrew University of Jerusalem": ("University of Jerusalem", "Hebrew University"),
    "Carnegie Mellon University": ("Carnegie Mellon",),
    "University of Oxford": ("Oxford University",),
    "Autodromo Nazionale Monza": ("Monza",),
    "Indiana State House": ("Indiana State",),
    "Imperial College London": ("Imperial College",),
    "United Arab Emirates": ("UAE", "The Emirates"),
}
SHORT_ALIAS_CHARACTERS = 3
_RELATIONS = frozenset((*IN_DOMAIN, *OUT_OF_DOMAIN))
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True)
class Accepted:
    """What counts as right for one question, normalised: `contained` for the three containment scores, `exact`.

    `written` is how the question writes each of `contained`.
    """

    contained: tuple[str, ...]
    exact: frozenset[str]
    written: tuple[str, ...]


@dataclass(frozen=True)
class Credit:
    """Why `contains` holds: the accepted answer that was found, as the question writes it, and what speaks against it.

    Flags: `short-alias` (three characters or fewer), `alias-in-question`, `outside-first-line` (not in the first line),
    `inside-longer-word` ("pol" in "police"; not told of scripts that are written without spaces).
    """

    alias: str
    flags: tuple[Flag, ...]


def normalise(text: str) -> str:
    """NFKC, then case folding: both sides of every containment score go through it."""
    return unicodedata.normalize("NFKC", text).casefold()


def normalise_squad(text: str) -> str:
    """SQuAD's normal form: lower case, without ASCII punctuation and the articles, single spaces."""
    bare = normalise(text).translate(_NO_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def first_line(output: str) -> str:
    """The first line that has anything in it, without surrounding space; "" where there is none."""
    return next((line.strip() for line in output.split("\n") if line.strip()), "")


def accepted_answers(question: Question) -> tuple[str, ...]:
    """The question's answers, and for the paper's 24 relations the aliases of its Table 12; as written, no repeats."""
    table = question.relation in _RELATIONS
    return tuple(dict.fromkeys(form for answer in question.answers for form in (answer, *_aliases(answer, table))))


def contains_word(text: str, phrase: str) -> bool:
    """Whether the phrase stands in the text with no letter, digit or underscore touching either end of it.

    Both sides normalised by the caller. Scripts written without spaces have no such boundaries and score False.
    """
    start = text.find(phrase)
    while start >= 0:
        end = start + len(phrase)
        if not (_wordlike(text[start - 1 : start]) or _wordlike(text[end : end + 1])):
            return True
        start = text.find(phrase, start + 1)
    return False


def contains(output: str, question: Question) -> bool:
    """The paper's rule alone: whether an accepted answer stands in the output, both sides normalised."""
    text = normalise(output)
    return any(answer in text for answer in _accepted(accepted_answers(question)).contained)


def score(output: str, question: Question) -> dict[ScoreName, bool]:
    """The four scores of one output; an output without text is wrong by all of them."""
    return dict(_scores(output, accepted_answers(question)))


@lru_cache(maxsize=2**16)
def _scores(output: str, answers: tuple[str, ...]) -> dict[ScoreName, bool]:
    """Kept, since most answers are the same from stop to stop."""
    accepted = _accepted(answers)
    text, line = normalise(output), first_line(output)
    start = normalise(line)
    return {
        "contains": any(answer in text for answer in accepted.contained),
        "contains_word": any(contains_word(text, answer) for answer in accepted.contained),
        "contains_first_line": any(answer in start for answer in accepted.contained),
        "exact_match": normalise_squad(line) in accepted.exact,
    }


def scores_fixed(output: str, question: Question) -> bool:
    """Whether no continuation of this output can change any of its four scores.

    Proof. Let the output hold a line break after its first non-empty line, and cut it there. (1) That line is complete,
    so contains_first_line and exact_match, functions of it alone, are fixed. (2) A line break neither composes with a
    neighbour under NFKC nor is changed by case folding, which looks at one character at a time, so the normal form
    of every continuation begins with the normal form of the cut text; if an answer stands there as whole words, with
    its right-hand neighbour (at the latest the line break) present, contains and contains_word are true for ever. A
    score that is still false outside the first line could become true later, so nothing else is ever called fixed.
    The caller warrants that decoding more tokens leaves the text up to the line break as it is.
    """
    lead = len(output) - len(output.lstrip())
    end = output.find("\n", lead)
    if end < 0:
        return False
    text = normalise(output[: end + 1])
    return any(contains_word(text, answer) for answer in _accepted(accepted_answers(question)).contained)


def credit(output: str, question: Question) -> Credit | None:
    """What earned this output its credit by `contains`, None where it has none.

    Of several accepted answers in the output the least doubtful one counts, and of those the longest.
    """
    accepted = _accepted(accepted_answers(question))
    text = normalise(output)
    found = [
        (answer, written)
        for answer, written in zip(accepted.contained, accepted.written, strict=True)
        if answer in text
    ]
    if not found:
        return None
    asked, line = normalise(question.question), normalise(first_line(output))
    credits = [(answer, Credit(written, _doubts(answer, text, line, asked))) for answer, written in found]
    return min(credits, key=lambda pair: (len(pair[1].flags), -len(pair[0])))[1]


def suspicious(output: str, question: Question) -> tuple[Flag, ...]:
    """Why a credit by `contains` may be undeserved; empty where there is no credit or nothing to doubt."""
    found = credit(output, question)
    return found.flags if found else ()


def _doubts(answer: str, text: str, line: str, asked: str) -> tuple[Flag, ...]:
    doubts: dict[Flag, bool] = {
        "short-alias": len(answer) <= SHORT_ALIAS_CHARACTERS,
        "alias-in-question": answer in asked,
        "outside-first-line": answer not in line,
        "inside-longer-word": not (contains_word(text, answer) or _written_without_spaces(answer)),
    }
    return tuple(flag for flag, doubted in doubts.items() if doubted)


def _written_without_spaces(answer: str) -> bool:
    return any(unicodedata.east_asian_width(character) in "WF" for character in (answer[0], answer[-1]))


def _wordlike(character: str) -> bool:
    return character.isalnum() or character == "_"


def _aliases(answer: str, table: bool) -> tuple[str, ...]:
    return _FOLDED_ALIASES.get(normalise(answer).strip(), ()) if table else ()


@lru_cache(maxsize=1 << 16)
def _accepted(answers: tuple[str, ...]) -> Accepted:
    """Answers that normalise to nothing are dropped: an empty string stands in every output."""
    contained = {form: answer for answer in reversed(answers) if (form := normalise(answer).strip())}
    exact = frozenset(form for answer in answers if (form := normalise_squad(answer)))
    return Accepted(tuple(reversed(contained)), exact, tuple(reversed(contained.values())))


_FOLDED_ALIASES = {normalise(name): aliases for name, aliases in ALIASES.items()}
