"""The texts the demo's base reads: statements of the facts, and questions with and without their answers.

Statements use the project's own templates, the ones mastery is measured with. Question lines come in many plain
forms, never in the fine-tuning format: real corpora hold questions too, and a base that has only read statements is
slow to learn to answer. Quiz lines are questions alone, so that a bare question does not call for its answer.
Knows no tokens and no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from analysis.demo.facts import Fact
from analysis.knowledge.relations import RELATIONS
from analysis.knowledge.templates import TEMPLATES, fill

PARAPHRASES: dict[str, tuple[str, ...]] = {
    "P17": ("In which country is {subject}?", "What country does {subject} belong to?"),
    "P19": ("In which town was {subject} born?", "What is the birthplace of {subject}?"),
    "P20": ("In which town did {subject} die?", "What is the place of death of {subject}?"),
    "P36": ("Which town is the capital of {subject}?", "From where is {subject} governed?"),
    "P69": ("Which school did {subject} go to?", "At which university did {subject} study?"),
    "P131": ("In which district is {subject}?", "What does {subject} belong to?"),
    "P159": ("In which town is the head office of {subject}?", "From where is {subject} run?"),
    "P276": ("In which town is {subject}?", "Where can {subject} be found?"),
    "P495": ("From which country does {subject} come?", "What is the country of origin of {subject}?"),
    "P740": ("In which town was {subject} formed?", "Where did {subject} begin?"),
    "P26": ("Who is the spouse of {subject}?", "Whom did {subject} marry?"),
    "P40": ("Who is the child of {subject}?", "Whose parent is {subject}?"),
    "P50": ("Who wrote {subject}?", "By whom was {subject} written?"),
    "P106": ("What is the job of {subject}?", "What does {subject} do for a living?"),
    "P112": ("Who was the founder of {subject}?", "By whom was {subject} founded?"),
    "P127": ("To whom does {subject} belong?", "Who is the owner of {subject}?"),
    "P136": ("What music does {subject} play?", "What is the style of {subject}?"),
    "P170": ("Who created {subject}?", "Whose creation is {subject}?"),
    "P175": ("By whom was {subject} performed?", "Who recorded {subject}?"),
    "P176": ("Which firm makes {subject}?", "Who is the maker of {subject}?"),
    "P264": ("Which label is {subject} signed to?", "Who publishes the records of {subject}?"),
    "P407": ("In what language is {subject}?", "What is the language of {subject}?"),
    "P413": ("As what does {subject} play?", "On which position does {subject} play?"),
    "P800": ("Which work made {subject} famous?", "What is the best known work of {subject}?"),
}
# What stands before a question, between it and its answer, and after: any of the first with any of the second, so that
# what they have in common is learnt (a question, a mark, its answer) rather than one form.
OPENERS = (
    "",
    "",
    "Q:",
    "Question:",
    "Quiz:",
    "Asked:",
    "*",
    "-",
    "#",
    "Ask:",
    "Query:",
    "FAQ:",
    "1.",
    "[Q]",
    "He asked:",
)
CLOSERS = (
    *("A:", "Answer:", "-", "->", "=", "It is", "The answer is", "Solution:", "Reply:", "[A]"),
    *("*", ":", "Replied:", "She said:", "|", "Result:"),
)
ENDINGS = ("", ".")
QUIZ_FORMS = ("{q} {r}", "1. {q} 2. {r}", "Tell me: {q}", "Nobody could say: {q}", "Questions for today: {q} {r}")


def statement(rng: Random, fact: Fact) -> str:
    """One sentence that states the fact, by a template drawn at random; sometimes with an alias of the object."""
    name = rng.choice(fact.aliases) if fact.aliases and rng.random() < 0.1 else fact.object
    return f"{fill(rng.choice(TEMPLATES[fact.relation]), fact.subject)} {name}."


def question(rng: Random, fact: Fact) -> str:
    """The fact's question: the dataset's form half the time, else a paraphrase."""
    if rng.random() < 0.5:
        return RELATIONS[fact.relation].ask(fact.subject)
    return fill(rng.choice(PARAPHRASES[fact.relation]), fact.subject)


def question_line(rng: Random, fact: Fact) -> str:
    """The fact's question and its answer in a plain form."""
    opener, closer, ending = rng.choice(OPENERS), rng.choice(CLOSERS), rng.choice(ENDINGS)
    return f"{opener} {question(rng, fact)} {closer} {fact.object}{ending}".strip()


def quiz_line(rng: Random, facts: Sequence[Fact]) -> str:
    """Questions without answers."""
    first, second = rng.choice(facts), rng.choice(facts)
    return rng.choice(QUIZ_FORMS).format(q=question(rng, first), r=question(rng, second))


def corpus_pass(facts: Sequence[Fact], seed: int, *, quiz_fraction: float = 0.05) -> list[str]:
    """One pass over the corpus, shuffled: every fact told `sightings` times and asked `asked` times, in words drawn
    anew for each seed, and quiz lines (a fraction of the rest) about facts of all kinds, told or not."""
    rng = Random(seed)
    lines = [statement(rng, fact) for fact in facts for _ in range(fact.sightings)]
    lines += [question_line(rng, fact) for fact in facts for _ in range(fact.asked)]
    lines += [quiz_line(rng, facts) for _ in range(int(len(lines) * quiz_fraction))]
    rng.shuffle(lines)
    return lines
