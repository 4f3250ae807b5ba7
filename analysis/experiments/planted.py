"""A base that holds wrong facts, fine-tuned on right ones: is staying near the base (low KL) still better?

The paper (Ye et al., EMNLP 2025) finds that accuracy falls as KL to the base rises, for a base whose facts are right.
Where the base is wrong, a good answer has to be far from it. Here: which facts each training holds, which groups are
asked, KL at the first answer token, and the rows of the table. Knows no stores.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from random import Random
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

import numpy as np

from analysis.demo.planting import Planted, PlantSettings
from analysis.errors import SpecError
from analysis.experiments.state_rows import share_row
from analysis.knowledge.sampling import sample_balanced
from analysis.knowledge.scoring import contains
from analysis.records import Evaluation, Progress, Question, RestoreSpec, check_cancelled

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from numpy.typing import NDArray

    from analysis.language.load import LanguageModel

Group = Literal["planted, corrected in training", "planted, never corrected", "untouched"]
GROUPS: tuple[Group, ...] = get_args(Group)
BATCH = 64  # prompts of one forward pass
COLUMNS = (
    *("size", "correcting", "train_seed", "strategy", "percent", "group"),
    *("n", "right", "right_low", "right_high", "wrong", "wrong_low", "wrong_high", "kl_nats", "kl_low", "kl_high"),
)


@dataclass(frozen=True)
class PlantedSettings:
    """What is planted, and which trainings follow: every size x (with corrections, without) x seed.

    `percents`: of relative-top, beside the tuned model; `asked`: facts of each group at most.
    """

    plant: PlantSettings = field(default_factory=PlantSettings)
    sizes: tuple[int, ...] = (60, 240, 600)
    seeds: tuple[int, ...] = (0,)
    learning_rate: float = 3e-4
    percents: tuple[float, ...] = (10.0, 20.0, 40.0)
    asked: int = 200
    top: int = 10

    def __post_init__(self) -> None:
        most = min(round(self.plant.share * self.plant.known), round((1 - self.plant.share) * self.plant.known))
        problems = [
            f"size {size}: {self.plant.known} known facts a split leave at most {most} planted and untouched ones each"
            for size in self.sizes
            if not 2 <= size <= most
        ]
        if self.asked < 1:
            problems.append(f"asked is {self.asked}: give 1 or more")
        if problems:
            raise SpecError("These trainings cannot follow this planting.", items=problems)
        for percent in self.percents:
            RestoreSpec(percent)

    def trainings(self) -> tuple[PlantedTraining, ...]:
        """Every training."""
        return tuple(PlantedTraining(*each) for each in product(self.sizes, (False, True), self.seeds))


@dataclass(frozen=True)
class PlantedTraining:
    """One fine-tuning on `size` right facts; `correcting`: half of them are right versions of planted facts."""

    size: int
    correcting: bool
    seed: int

    @property
    def name(self) -> str:
        """A folder's name."""
        return f"{'correcting' if self.correcting else 'untouched'}-{self.size}-{self.seed}"

    def facts(self, train: Planted) -> tuple[Question, ...]:
        """What is trained on, in training order: balanced over relations, drawn by the seed."""
        corrections = sample_balanced(train.planted, self.size // 2, self.seed) if self.correcting else []
        rest = sample_balanced(train.untouched, self.size - len(corrections), self.seed)
        taken = [*corrections, *rest]
        Random(self.seed).shuffle(taken)
        return tuple(taken)


def asked_groups(
    train: Planted, test: Planted, training: PlantedTraining, most: int
) -> dict[Group, tuple[Question, ...]]:
    """The groups a tuned model is asked, at most so many facts each; the last two hold test facts alone."""
    corrected = {question.id for question in training.facts(train)}
    fixed = [question for question in train.planted if question.id in corrected]
    groups: dict[Group, Sequence[Question]] = {
        "planted, corrected in training": fixed,
        "planted, never corrected": test.planted,
        "untouched": test.untouched,
    }
    return {name: tuple(sample_balanced(list(facts), most, 0)) for name, facts in groups.items() if facts}


class States(Protocol):
    """One resident model that can be put into any state of a pair."""

    lm: LanguageModel

    def enter(self, state: Any, progress: Progress | None = None) -> None: ...


def first_answer_kl(
    model: States,
    statements: Sequence[Sequence[int]],
    prompts: Sequence[Sequence[int]],
    states: Sequence[Any],
    *,
    top: int,
    progress: Progress,
) -> Iterator[NDArray[np.float64]]:
    """For each state KL(state || base) in nats at the first answer token, a number a fact.

    The base reads a statement to complete, the state its question, as in the paper: the state's `top` largest logits,
    both sides renormalised over these tokens.
    """
    import torch

    from analysis.language.measures import compare_logits

    model.enter("base", progress)
    base = next_logits(model.lm, statements, progress)
    for state in states:
        model.enter(state, progress)
        found = next_logits(model.lm, prompts, progress)
        unused = torch.zeros(len(found), dtype=torch.long)
        yield compare_logits(base, found, unused, top=top, direction="tuned-base", measures="kl").kl_top


def next_logits(lm: LanguageModel, prompts: Sequence[Sequence[int]], progress: Progress) -> torch.Tensor:
    """Logits (float32, CPU) of the token after each prompt: [prompts, vocabulary]."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    parts = []
    with torch.inference_mode():
        for start in range(0, len(prompts), BATCH):
            check_cancelled(progress)
            rows = prompts[start : start + BATCH]
            # Padding stands on the right, where no real token sees it.
            ids = pad_sequence([torch.tensor(row) for row in rows], batch_first=True).to(lm.device)
            mask = pad_sequence([torch.ones(len(row), dtype=torch.long) for row in rows], batch_first=True)
            logits = lm.model(input_ids=ids, attention_mask=mask.to(lm.device), use_cache=False).logits
            last = torch.tensor([len(row) - 1 for row in rows], device=lm.device)
            parts.append(logits[torch.arange(len(rows), device=lm.device), last].float().cpu())
    return torch.cat(parts)


def group_rows(
    evaluation: Evaluation,
    kl_nats: Mapping[str, float],
    groups: Mapping[Group, Sequence[Question]],
    wrong: Mapping[str, str],
) -> Iterator[dict[str, Any]]:
    """A row a group: shares right and saying the planted object (Wilson 95%), mean KL with a normal 95% interval."""
    for row in planting_rows(evaluation, groups, wrong):
        yield row | _mean(np.array([kl_nats[fact.id] for fact in groups[row["group"]]]))


def planting_rows(
    evaluation: Evaluation, groups: Mapping[Group, Sequence[Question]], wrong: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """A row a group: how many facts a base states rightly, and how many with the planted object (Wilson 95%)."""
    outputs = {row.id: row for row in evaluation.rows}
    for name, facts in groups.items():
        right = sum(outputs[fact.id].correct["contains"] for fact in facts)
        told = [_says(outputs[fact.id].output, fact, wrong[fact.id]) for fact in facts if fact.id in wrong]
        shares = _named(share_row("right", right, len(facts)), "right")
        yield {"group": name, "n": len(facts), **shares, **_named(share_row("wrong", sum(told), len(told)), "wrong")}


def _says(output: str, fact: Question, planted: str) -> bool:
    return contains(output, Question(fact.id, fact.question, (planted,)))


def _named(row: Mapping[str, Any], name: str) -> dict[str, float]:
    return {name: row["value"], f"{name}_low": row["low"], f"{name}_high": row["high"]}


def _mean(values: NDArray[np.float64]) -> dict[str, float]:
    mean = float(values.mean())
    reach = 1.96 * float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return {"kl_nats": mean, "kl_low": mean - reach, "kl_high": mean + reach}


def rank_correlations(table: pd.DataFrame) -> pd.DataFrame:
    """One row a group: Spearman's rank correlation of KL and share right over the states (-1 to 1), and their number.

    Restorations of one model lie beside each other, so no p over single states is told: `low` and `high` are a 95%
    interval that draws whole models anew (NaN with fewer than four). n: the facts a state.
    """
    import pandas as pd
    from scipy.stats import spearmanr

    from analysis.experiments.association import rank_correlation

    rows = []
    for name, part in table.groupby("group", sort=False):
        varied = len(part) > 2 and part["right"].nunique() > 1 and part["kl_nats"].nunique() > 1
        rho = float(spearmanr(part["kl_nats"], part["right"])[0]) if varied else float("nan")
        models = [f"{row['correcting']}-{row['train_seed']}" for row in part.to_dict("records")]
        points = part.rename(columns={"kl_nats": "kl", "right": "accuracy"}).assign(level=models)
        drawn = rank_correlation(points) if varied else None
        bounds = {"low": drawn.low, "high": drawn.high} if drawn else {"low": float("nan"), "high": float("nan")}
        told = {"group": name, "rho": rho, **bounds, "states": len(part)}
        rows.append(told | {"models": len(set(zip(models, part["size"], strict=True))), "n": int(part["n"].max())})
    return pd.DataFrame(rows)


def level_facts(questions: Iterable[Question], settings: PlantSettings) -> list[Question]:
    """The in-domain facts of the planting's level, at most `known` of them, balanced over relations."""
    known = [question for question in questions if question.level == settings.level and question.domain == "in"]
    return sample_balanced(known, settings.known, settings.seed)
