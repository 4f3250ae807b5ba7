"""What made a fine-tuning's loss curve, for its pin: its own base and tuned model, its card, and the command."""

from collections.abc import Sequence
from typing import Any

from analysis.experiments.command import command_of
from analysis.figures import numbers, training
from analysis.training.card import SftReport
from cache import commands
from cache.about import NO_MODEL, About, Models
from cache.memo import workspace
from cache.training import FineTuned


def of_one(tuned: FineTuned) -> About:
    """What one model's curve hangs on, whatever pair the session looks at."""
    return About(models=tuned.pair, command=command(tuned), further=card(tuned.card))


def of_several(found: Sequence[FineTuned]) -> About:
    """What the curves of several models hang on: their base where it is one, each model's card, their commands."""
    bases = {tuned.pair.base: tuned.card.base_id for tuned in found}
    models = Models(*bases, base_content=next(iter(bases.values()))) if len(bases) == 1 else NO_MODEL
    told = {tuned.folder.name: training.card_words(tuned.card) for tuned in found}
    made = [command(tuned) for tuned in found]
    return About(models=models, command=commands.together(made) if all(made) else "", further=told)


def card(made: SftReport) -> dict[str, Any]:
    """A card by plain name: the facts, how they were trained on, and on what."""
    facts = ", ".join(f"level {level}: {numbers.count(count)}" for level, count in made.by_level.items() if level)
    way = ", ".join(f"{value}" if name == "name" else f"{name} {value}" for name, value in made.variant.items())
    return {
        "trained on": f"{numbers.count(made.n)} facts" + (f" ({facts})" if facts else ""),
        "relations": ", ".join(name for name in made.by_relation if name) or numbers.MISSING,
        "questions": _file(made.questions, made.questions_id),
        "mastery table": _file(made.mastery, made.mastery_id),
        "seed": made.seed,
        "learning rate": f"{made.learning_rate:g}, {made.schedule}",
        "way": way,
        "steps": f"{numbers.count(made.steps)}, {made.batch_size} facts each, {made.epochs} epochs",
        "prompt": made.prompt,
        "runs on": f"{made.device}, threads {made.threads}, {made.precision}",
        "trained with": ", ".join(f"{name} {version}" for name, version in made.versions.items()),
    }


def command(tuned: FineTuned) -> str:
    """`palimpsest sft ...` for this model: as it was asked for here, as a cell of a plan, or as its card says.

    A card names its files, and not where they lie; cards of long ago name none ("").
    """
    asked, name = workspace().trainings.of(tuned), tuned.folder.name
    if asked is not None:
        return training.command(asked, f"tuned-{asked.name}")
    plans = (workspace().plan(plan) for plan in workspace().plan_names())
    return next(
        (command_of(each.cell) for plan in plans for each in plan.cells if each.tuned == name), tuned.card.command
    )


def _file(name: str | None, content: str | None) -> str:
    return f"{name} ({content})" if name and content else numbers.MISSING
