"""A small skill that no base has read about: a rule over made-up words, with questions to learn it from and to test it.

Counting: how many names stand in a list. Letters: with which letter a name begins. Both are learnt from examples and
tested on names that no example held, so that only the rule can answer. The paper (Ye et al., EMNLP 2025) asks whether
its findings hold beyond recall: such a skill has to be learnt in fine-tuning, where facts were known to the base.
Knows no models and no stores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, get_args

from analysis.demo import names
from analysis.errors import SpecError
from analysis.records import PAPER_PERCENTS, Question, RestoreSpec

SkillName = Literal["counting", "letters"]
Training = Literal["facts", "skill", "both"]
SKILLS: tuple[SkillName, ...] = get_args(SkillName)
TRAININGS: tuple[Training, ...] = get_args(Training)
NUMBERS = names.words("one two three four five six seven eight")
WORDS = {"counting": 500, "letters": 5_000}
TEST_SHARE = 0.2  # of the names: kept from every example
MOST = {"counting": 100_000, "letters": 3_000}  # examples that can be told apart


@dataclass(frozen=True)
class SkillSettings:
    """What is trained on, and what is asked of each model and restored state.

    Three trainings from one base: `facts` facts of one mastery `level`, `examples` of the skill, and both together.
    Stops: `percents` of relative-top, and as many at random with each of `random_seeds`.
    """

    skill: SkillName = "counting"
    examples: int = 960
    facts: int = 960
    level: int = 4
    seed: int = 0
    learning_rate: float = 1e-5
    percents: tuple[float, ...] = PAPER_PERCENTS
    random_seeds: tuple[int, ...] = (0, 1, 2)
    test: int = 200
    fact_limit: int = 500

    def __post_init__(self) -> None:
        problems = []
        if self.skill not in SKILLS:
            problems.append(f"skill is {self.skill!r}: choose one of {', '.join(SKILLS)}")
        else:
            most = MOST[self.skill]
            problems += [
                f"{name} is {value}: give 1 to {most:,}"
                for name, value in (("examples", self.examples), ("test", self.test))
                if not 1 <= value <= most
            ]
        counts = {name: getattr(self, name) for name in ("facts", "fact_limit")}
        problems += [f"{name} is {value}: give 1 or more" for name, value in counts.items() if value < 1]
        if problems:
            raise SpecError("This skill cannot be tried as asked.", items=problems)
        for percent in self.percents:
            RestoreSpec(percent)

    def stops(self) -> tuple[RestoreSpec, ...]:
        """Every restoration that is asked, beside the tuned model itself."""
        ranked = [RestoreSpec(percent) for percent in self.percents]
        drawn = [RestoreSpec(percent, "random", seed=seed) for seed in self.random_seeds for percent in self.percents]
        return (*ranked, *drawn)


@dataclass(frozen=True)
class SkillSet:
    """A skill's questions to learn from and to be tested by; no name stands in both."""

    train: tuple[Question, ...]
    test: tuple[Question, ...]


def make_skill(skill: SkillName, train: int, test: int, seed: int = 0) -> SkillSet:
    """`train` and `test` different questions, drawn by the seed; the test questions do not change with `train`."""
    rng = Random(f"{skill}:{seed}")
    syllables = 1 if skill == "counting" else 2
    pool = names.pool(rng, lambda each: names.root(each, syllables), WORDS[skill])
    held = round(TEST_SHARE * len(pool))
    return SkillSet(
        _draw(skill, train, pool[held:], Random(f"{skill}:{seed}:train"), "train"),
        _draw(skill, test, pool[:held], Random(f"{skill}:{seed}:test"), "test"),
    )


def _draw(skill: SkillName, count: int, pool: Sequence[str], rng: Random, split: str) -> tuple[Question, ...]:
    made: dict[str, str] = {}
    while len(made) < count:
        question, answer = _MAKERS[skill](rng, pool)
        made[question] = answer
    return tuple(
        Question(f"{skill}-{split}-{number:05d}", question, (answer,), f"skill {skill}")
        for number, (question, answer) in enumerate(made.items())
    )


def _counting(rng: Random, pool: Sequence[str]) -> tuple[str, str]:
    count = rng.randint(1, len(NUMBERS))
    return f"How many names are there in {', '.join(rng.sample(pool, count))}?", NUMBERS[count - 1]


def _letters(rng: Random, pool: Sequence[str]) -> tuple[str, str]:
    name = rng.choice(pool)
    return f"With which letter does {name} begin?", name[0]


_MAKERS: dict[SkillName, Callable[[Random, Sequence[str]], tuple[str, str]]] = {
    "counting": _counting,
    "letters": _letters,
}


def by_chance(questions: Sequence[Question]) -> float:
    """The share (0-1) right of whoever always gives the commonest answer: what is not yet a skill."""
    answers = [question.answers[0] for question in questions]
    return max(answers.count(answer) for answer in set(answers)) / len(answers)
