"""A plan: which models are fine-tuned from one base, what is restored of each, and what is measured. Pure records.

The defaults are the paper's (Ye et al., EMNLP 2025). `plan_file.py` reads them from TOML; `grid.py` lays a plan out as
cells. Knows no models and no files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from analysis.errors import SpecError
from analysis.records import IN_DOMAIN, PAPER_PERCENTS, STRATEGIES, Strategy
from analysis.training.settings import Precision, Settings
from analysis.training.variants import Variant

Keep = Literal["keep", "difference", "drop"]
KEEPS: tuple[Keep, ...] = ("keep", "difference", "drop")
Device = Literal["auto", "cpu", "cuda", "mps"]
DEVICES: tuple[Device, ...] = ("auto", "cpu", "cuda", "mps")
LEVELS = ("0", "1", "2", "3", "4")
MIX = "mix:"


@dataclass(frozen=True)
class Training:
    """What is trained on and how: every level x size x seed x variant is one tuned model.

    `levels`: "0" to "4", "all", or a mix: "mix:0+4" (equal parts) or "mix:0=0.25,4=0.75". `sizes`: facts, 0 means
    all there are. `relations` are those trained on; tests on them are in-domain, on the others out-of-domain. The last
    four are what analysis.training.settings says of them; here "auto" is bfloat16 on every CUDA device.
    """

    levels: tuple[str, ...] = LEVELS
    sizes: tuple[int, ...] = (60, 240, 960, 1_920)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    variants: tuple[Variant, ...] = (Variant(),)
    relations: tuple[str, ...] = IN_DOMAIN
    learning_rate: float = 1e-5
    batch_size: int = 8
    epochs: int = 1
    precision: Precision = "auto"
    gradient_checkpointing: bool = False
    accumulate: int = 1


@dataclass(frozen=True)
class Restoring:
    """The stops every tuned model is asked at, beside itself as it is."""

    percents: tuple[float, ...] = PAPER_PERCENTS
    strategies: tuple[Strategy, ...] = ("relative-top",)
    seeds: tuple[int, ...] = (0,)  # of strategies that draw lots


@dataclass(frozen=True)
class Measuring:
    """What is measured. Limits are numbers of questions, drawn balanced over relations and levels; 0 asks none.

    `in_domain` and `out_of_domain`: of the test split; None asks all. `train_percents`: stops (relative-top) at which
    the facts trained on are asked, at most `train_limit` of them; the tuned model as it is is asked with them, and
    empty asks none. `kl`: the paper's measurement at the first answer token, over at most `kl_limit` facts. `profile`:
    concentration with its null, and where the restored parameters lie. `layer_groups`: accuracy with each group of so
    many layers restored; 0 measures none.
    """

    in_domain: int | None = None
    out_of_domain: int | None = None
    draw_seed: int = 0
    train_percents: tuple[float, ...] = (0.0, 5.0, 20.0)
    train_limit: int | None = None
    kl: bool = True
    kl_limit: int | None = None
    profile: bool = True
    layer_groups: int = 4


@dataclass(frozen=True)
class Running:
    """How the cells are run. `threads` and the kind of device are part of every cell's key; the rest changes no result.

    `gpus`: the accelerator a cell has to itself (1), or its part of one (below 1); `device` "auto" is an accelerator
    where a cell has any, else the processor. `cpus` and `memory_gb` are what a cell asks of a Ray cluster. `retries`:
    how often a cell is begun again whose process or node died. `keep`: tuned checkpoints stay, stay as a difference, or
    go once measured.
    """

    keep: Keep = "difference"
    threads: int = 1
    retries: int = 2
    cpus: float = 1.0
    gpus: float = 0.0
    memory_gb: float = 0.0
    device: Device = "auto"

    @property
    def accelerators(self) -> float:
        """The part of one that a cell has to itself: `gpus`, and all of it where only `device` names an accelerator."""
        return self.gpus or float(self.device not in ("auto", "cpu"))


@dataclass(frozen=True)
class Plan:
    """One plan, whole. `base`, `questions` and `mastery` are absolute paths, or a hub id."""

    name: str
    base: str
    questions: str
    mastery: str | None = None
    prompt: str = "paper"
    dtype: str = "float32"
    train: Training = field(default_factory=Training)
    restore: Restoring = field(default_factory=Restoring)
    measure: Measuring = field(default_factory=Measuring)
    run: Running = field(default_factory=Running)

    def __post_init__(self) -> None:
        problems = [*_name_problems(self.name), *_train_problems(self.train), *_restore_problems(self.restore)]
        problems += [*_measure_problems(self.measure), *_run_problems(self.run)]
        if problems:
            raise SpecError(f"The plan {self.name} cannot be run as written.", items=problems)


def level_of(level: str) -> int | None:
    """The one mastery level that a plan's level names; None for a mix and for all."""
    return int(level) if level in LEVELS else None


def mix_of(level: str) -> dict[int, float]:
    """The shares (0-1) of the mastery levels in a plan's mix; empty for what is no mix. ValueError for no such text."""
    if not level.startswith(MIX):
        return {}
    text = level.removeprefix(MIX)
    if "=" not in text:
        names = text.split("+")
        return {int(name): 1 / len(names) for name in names}
    pairs = [part.split("=") for part in text.split(",")]
    return {int(name): float(share) for name, share in pairs}


def _name_problems(name: str) -> Iterator[str]:
    if not name or not all(letter.isalnum() or letter in "-_." for letter in name) or name.startswith("."):
        yield f"name is {name!r}: use letters, digits, '-', '_' and '.' only"


def _train_problems(train: Training) -> Iterator[str]:
    for name in ("levels", "sizes", "seeds", "variants", "relations"):
        values = getattr(train, name)
        if not values:
            yield f"train.{name} is empty: name at least one"
        if len(set(values)) < len(values):
            yield f"train.{name} names something twice: {', '.join(map(str, values))}"
    for level in train.levels:
        if level not in (*LEVELS, "all") and not _is_mix(level):
            yield f'train.levels holds {level!r}: write 0 to 4, "all", or a mix like "mix:0+4" or "mix:0=0.25,4=0.75"'
    yield from (f"train.sizes holds {size}: give 1 or more, or 0 for all facts" for size in train.sizes if size < 0)
    found: list[str] = []
    if not 0 < train.learning_rate < 1:
        yield f"train.learning_rate is {train.learning_rate}: give a number between 0 and 1, like 1e-5"
    for variant in train.variants or (Variant(),):
        settings = Settings(0.5, train.batch_size, train.epochs, 0, variant, train.precision, False, train.accumulate)
        found += [problem for problem in settings.problems() if problem not in found]
    yield from (f"train.{problem}" for problem in found)


def _is_mix(level: str) -> bool:
    try:
        shares = mix_of(level)
    except ValueError:
        return False
    whole = abs(sum(shares.values()) - 1) < 1e-6
    return whole and all(str(name) in LEVELS and share > 0 for name, share in shares.items())


def _restore_problems(restore: Restoring) -> Iterator[str]:
    yield from _percent_problems("restore.percents", restore.percents)
    for strategy in restore.strategies:
        if strategy not in STRATEGIES:
            yield f"restore.strategies holds {strategy!r}: choose of {', '.join(STRATEGIES)}"
    if restore.strategies and not restore.seeds:
        yield "restore.seeds is empty: name at least one"


def _measure_problems(measure: Measuring) -> Iterator[str]:
    yield from _percent_problems("measure.train_percents", measure.train_percents)
    for name in ("in_domain", "out_of_domain", "train_limit", "kl_limit", "layer_groups"):
        value = getattr(measure, name)
        if value is not None and value < 0:
            yield f"measure.{name} is {value}: give 0 or more"
    if measure.train_limit == 0 and measure.train_percents:
        yield "measure.train_limit is 0: give 1 or more, or write train_percents = [] to ask none"
    if measure.kl_limit == 0 and measure.kl:
        yield "measure.kl_limit is 0: give 1 or more, or write kl = false"


def _run_problems(run: Running) -> Iterator[str]:
    if run.keep not in KEEPS:
        yield f"run.keep is {run.keep!r}: choose one of {', '.join(KEEPS)}"
    if run.threads < 1:
        yield f"run.threads is {run.threads}: give 1 or more"
    for name in ("retries", "cpus", "gpus", "memory_gb"):
        if getattr(run, name) < 0:
            yield f"run.{name} is {getattr(run, name)}: give 0 or more"
    if run.device not in DEVICES:
        yield f"run.device is {run.device!r}: choose one of {', '.join(DEVICES)}"
    if run.gpus > 1:
        yield (
            f"run.gpus is {run.gpus:g}: a cell uses one accelerator: give 1, or a part of one below 1; as many cells "
            "run at once as there are accelerators"
        )
    if run.gpus and run.device == "cpu":
        yield f'run.gpus is {run.gpus:g}, and run.device is "cpu": write gpus = 0, or device = "auto"'


def _percent_problems(name: str, percents: tuple[float, ...]) -> Iterator[str]:
    yield from (f"{name} holds {percent}: give 0 to 100" for percent in percents if not 0 <= percent <= 100)
    if len(set(percents)) < len(percents):
        yield f"{name} names something twice: {', '.join(f'{percent:g}' for percent in percents)}"
