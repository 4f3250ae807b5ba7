"""What a restoration healed, kept and broke, how its stop was chosen, and what it did to a chosen few: in words.

Knows stops, choices and evaluations; draws nothing, calls no model.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from analysis.figures import numbers
from analysis.figures.visible import legible
from analysis.knowledge.scoring import first_line
from analysis.knowledge.statistics import wilson
from analysis.records import Choice, Evaluation, Question, Stop, ThreeWay

MARKS = {True: "✓", False: "✗"}


@dataclass(frozen=True)
class RepairMetric:
    """One count as it stands on a page: label, value, out of how many, what it means."""

    label: str
    value: str
    note: str
    help: str


def repair_metrics(told: ThreeWay) -> tuple[RepairMetric, ...]:
    """Healed, kept and newly broken, each out of what it could be; "base" is the base in the same prompt."""
    return (
        RepairMetric(
            "Healed",
            numbers.count(told.healed),
            f"of {numbers.count(told.damaged)} damaged",
            "Damaged: right in base, wrong in tuned. Healed: of these, right again now.",
        ),
        RepairMetric(
            "Kept",
            numbers.count(told.kept),
            f"of {numbers.count(told.won)} won",
            "Won by fine-tuning: wrong in base, right in tuned. Kept: of these, still right now.",
        ),
        RepairMetric(
            "Newly broken",
            numbers.count(told.newly_broken),
            f"of {numbers.count(told.tuned_right)} right in tuned",
            f"Right in tuned, wrong now: the base was right in {told.newly_broken_base_right} of them and wrong in "
            f"{told.newly_broken_base_wrong}.",
        ),
    )


def change_words(stop: Stop, scope: str) -> str:
    """How sure the change of a domain's headline against tuned is: 'change +4.1 to +12.0 points'; "" without levels."""
    change = stop.macro_change.get(scope) if scope != "all" else None  # there the headline is no mean of levels
    if change is None or any(math.isnan(bound) for bound in change.interval95):
        return ""
    low, high = (numbers.signed(100 * bound) for bound in change.interval95)
    return f"change {low} to {high} points"


def repair_columns(told: ThreeWay | None) -> dict[str, int | None]:
    """The same as columns of a table of stops; None where the base was not asked."""
    names = ("healed", "damaged", "kept", "won", "newly_broken", "tuned_right", "gained")
    return {name: getattr(told, name) if told else None for name in names}


def choice_words(choice: Choice) -> str:
    """How the best stop was chosen and what it is worth where it was not chosen, with the optimism in words."""
    chosen_on, reported_on = {
        "dev": ("the dev split", "the test split, which did not choose"),
        "half": ("one half of the questions", "the other half, which did not choose"),
    }[choice.chosen_on]
    there = f", with {numbers.share(choice.choose_accuracy)} right there" if choice.choose_accuracy is not None else ""
    bounds = f" (95%: {numbers.interval(choice.report95)})" if choice.report95 else ""
    return (
        f"Best stop, chosen on {chosen_on} (n = {numbers.count(choice.choose_n)}): "
        f"{numbers.percent(choice.choose_best_percent)}{there}. Reported on {reported_on} "
        f"(n = {numbers.count(choice.report_n)}): {numbers.share(choice.report_accuracy)} right{bounds}. "
        f"{optimism_words(choice.optimism)}"
    )


def optimism_words(optimism: float) -> str:
    """The optimism (a difference of shares) in a sentence: the best of several always looks better than it is."""
    size = f"{abs(100 * optimism):.1f} points"
    if abs(optimism) < 0.0005:
        return "It is worth as much there as where it was chosen: no optimism in this case."
    if optimism > 0:
        return f"The best of several stops looks better where it is chosen than it is: here by {size}."
    return f"Usually the best stop looks better where it is chosen; here it came out {size} higher where it was not."


def slice_words(name: str, ids: Collection[str], evaluations: Mapping[str, Evaluation]) -> str:
    """How many of these questions each state answers rightly (contains), with Wilson's 95% interval."""
    parts = []
    for state, evaluation in evaluations.items():
        right = [row.correct["contains"] for row in evaluation.rows if row.id in ids]
        if not right:
            return f"Slice {name}: none of its questions are among those asked."
        bounds = numbers.interval(wilson(sum(right), len(right)))
        parts.append(f"{state} {numbers.share(sum(right) / len(right))} ({bounds})")
    return f"Slice {name}, n = {numbers.count(len(right))}: {', '.join(parts)} right."


def question_words(question: Question, evaluations: Mapping[str, Evaluation]) -> str:
    """One question with what each state answered: 'Where is X? (Rome) base: Oslo ✗ · tuned: Rome ✓'."""
    told = []
    for state, evaluation in evaluations.items():
        row = next((row for row in evaluation.rows if row.id == question.id), None)
        if row is not None:
            told.append(f"{state}: {legible(first_line(row.output)) or '∅'} {MARKS[row.correct['contains']]}")
    return f"{legible(question.question)} ({legible(question.answers[0])}) {' · '.join(told)}"
