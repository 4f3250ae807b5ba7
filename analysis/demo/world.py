"""The demo as the pages and the command line use it: the shipped base, and tuned models made from it on first call.

Shipped under `demo/`: the base (bfloat16), its facts with their sightings, its mastery table, its questions in the
released layout of EntityQuestions. The tuned models are made by our own fine-tuning, about a minute for the default
set, and lie under the home folder, in a folder named by everything that made them. Does not train the base.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path

import xxhash
from filelock import FileLock

from analysis.errors import CheckpointError
from analysis.records import PartOf, Progress, Silent

SHIPPED = Path(__file__).resolve().parents[2] / "demo"
LEVELS = (0, 4)  # the paper's contrast: what the base knows least and best
SIZES = (240, 1_920)
LEARNING_RATE = 3e-4  # the base is a thousandth of the size of the paper's: at their 1e-5 it does not move in 30 steps
SEED = 0


@dataclass(frozen=True)
class DemoFiles:
    """Where a demo world's files lie; `shipped` is the folder that holds them all."""

    shipped: Path

    @property
    def base(self) -> Path:
        """The base checkpoint, a folder."""
        return self.shipped / "base"

    @property
    def questions(self) -> Path:
        """The questions of all splits, in the layout of the released EntityQuestions zip."""
        return self.shipped / "questions.zip"

    @property
    def mastery(self) -> Path:
        """R and level of every fact: id, relation, subject, object, level, R."""
        return self.shipped / "mastery.parquet"

    @property
    def facts(self) -> Path:
        """Every fact with its split, and the statements and question lines about it in all of the training."""
        return self.shipped / "facts.parquet"

    def missing(self) -> tuple[Path, ...]:
        """Which of them are not there."""
        needed = (self.base / "model.safetensors", self.questions, self.mastery, self.facts)
        return tuple(path for path in needed if not path.is_file())


@dataclass(frozen=True)
class Recipe:
    """One tuned model of the demo: which facts, how many, drawn by which seed."""

    level: int
    size: int
    seed: int = SEED

    @property
    def name(self) -> str:
        """The model's name, as "level-0-240"."""
        return f"level-{self.level}-{self.size}"


RECIPES = tuple(Recipe(level, size) for level, size in product(LEVELS, SIZES))


@dataclass(frozen=True)
class DemoPair:
    """A base and a tuned model that can be compared, by name."""

    name: str
    base: Path
    tuned: Path


@dataclass(frozen=True)
class DemoWorld:
    """The prepared demo. `tuned` holds one checkpoint folder a recipe, by the recipe's name."""

    base: Path
    tuned: dict[str, Path]
    questions: Path
    mastery: Path
    facts: Path
    pairs: tuple[DemoPair, ...]


def prepare(
    home: Path,
    progress: Progress | None = None,
    *,
    shipped: Path = SHIPPED,
    recipes: tuple[Recipe, ...] = RECIPES,
    threads: int = 1,
) -> DemoWorld:
    """Make the tuned models that are not there yet under `home`, each whole or not at all, and return the world.

    A second call trains nothing. Raises CheckpointError where shipped files are missing.
    """
    progress = progress or Silent()
    files = _files(shipped)
    folder = _folder(home, files, threads)
    folder.mkdir(parents=True, exist_ok=True)
    total = sum(recipe.size for recipe in recipes)
    done = 0
    for recipe in recipes:
        part = PartOf(progress, done, recipe.size, total, before=f"{recipe.name}: ")
        with FileLock(folder / f".{recipe.name}.lock"):
            if not (folder / recipe.name).is_dir():
                _make(files, recipe, folder / recipe.name, threads, part)
        done += recipe.size
    progress.report(total, total, "the demo is ready")
    return _world(files, folder, recipes)


def prepared(
    home: Path, *, shipped: Path = SHIPPED, recipes: tuple[Recipe, ...] = RECIPES, threads: int = 1
) -> DemoWorld | None:
    """The world `prepare` made under `home`; None before, or where shipped files are missing."""
    files = DemoFiles(shipped)
    if files.missing():
        return None
    folder = _folder(home, files, threads)
    if not all((folder / recipe.name).is_dir() for recipe in recipes):
        return None
    return _world(files, folder, recipes)


def _files(shipped: Path) -> DemoFiles:
    files = DemoFiles(shipped)
    if missing := files.missing():
        raise CheckpointError(
            f"The demo's shipped files are not all in {shipped}: take a whole checkout, or make them again with "
            f"`palimpsest demo --rebuild-base {shipped}`.",
            items=[str(path) for path in missing],
        )
    return files


def _folder(home: Path, files: DemoFiles, threads: int) -> Path:
    """Named by all that the tuned weights depend on, so that a new base or recipe never meets old models."""
    shipped = (*sorted(files.base.iterdir()), files.questions, files.mastery)
    stamps = tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in shipped)
    return home / "demo" / _digest(stamps, f"{LEARNING_RATE} {SEED} {threads}")


@lru_cache(maxsize=8)
def _digest(stamps: tuple[tuple[Path, int, int], ...], settings: str) -> str:
    """Of the files' contents and the settings; read once while the files stay as they are, since every page asks."""
    state = xxhash.xxh3_128()
    for path, _, _ in stamps:
        state.update(path.name.encode() + path.read_bytes())
    state.update(settings.encode())
    return state.hexdigest()[:16]


def _make(files: DemoFiles, recipe: Recipe, out: Path, threads: int, progress: Progress) -> None:
    from analysis.training.origin import origin_of
    from analysis.training.sft import fine_tune

    fine_tune(
        files.base,
        out,
        files.questions,
        size=recipe.size,
        level=recipe.level,
        mastery=files.mastery,
        seed=recipe.seed,
        learning_rate=LEARNING_RATE,
        device="cpu",
        threads=threads,
        origin=origin_of(files.questions, files.mastery, "palimpsest demo --prepare"),
        progress=progress,
    )


def _world(files: DemoFiles, folder: Path, recipes: tuple[Recipe, ...]) -> DemoWorld:
    tuned = {recipe.name: folder / recipe.name for recipe in recipes}
    pairs = tuple(DemoPair(name, files.base, path) for name, path in tuned.items())
    return DemoWorld(files.base, tuned, files.questions, files.mastery, files.facts, pairs)
