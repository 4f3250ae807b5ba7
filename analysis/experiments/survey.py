"""Looks at everything a plan needs before anything runs: the base, its questions, the facts of every level, the disk.

Every problem is collected and told at once, each with its way out. Reads headers and questions, no weight that was
hashed before; knows no store.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analysis.errors import PalimpsestError, SpecError
from analysis.experiments.data import PlanData, load_data, missing_files, papers_domains, wanted
from analysis.experiments.grid import Cell, cells_of
from analysis.experiments.plan import Plan
from analysis.knowledge.mastery_table import read_mastery
from analysis.records import Progress, Question
from analysis.training.asked import needed_bytes
from analysis.training.facts import fact_problems
from analysis.training.settings import Settings, part_problems
from analysis.weights.checkpoint import Checkpoint, open_checkpoint
from analysis.weights.identity import Memory, content_id
from analysis.weights.names import place

ANSWER_BYTES = 250  # of one stored answer: ids, text, scores, compressed; measured on the demo
STATE_BYTES = 6_000  # of one stored evaluation beside its answers
PROFILE_FACTOR = 3.1  # of a profile against the tuned checkpoint, where the stored values are kept with it
DIFFERENCE_FACTOR = 0.5  # of a packed difference against the tuned checkpoint; measured on the demo


@dataclass(frozen=True)
class Survey:
    """What a plan that can run is made of. `facts` counts the facts that can be trained on by level (None: unknown).

    `asked_in`, `asked_out`: questions asked at every stop. `layers`: of the base. Bytes are of the base's
    weights, of what the plan keeps at its end (estimated) and of what is free where the results go. `statements`: the
    base's best by relation, of the relations whose facts KL is measured on.
    """

    base_id: str
    companions: str
    data_ids: tuple[str, ...]
    facts: dict[int | None, int]
    asked_in: int
    asked_out: int
    layers: int
    base_bytes: int
    kept_bytes: int
    free_bytes: int
    statements: Mapping[str, str] = field(default_factory=dict)


def survey(
    plan: Plan,
    home: Path,
    memory: Memory,
    progress: Progress | None = None,
    engine_problems: Sequence[str] = (),
    *,
    at_once: int = 1,
    held_bytes: int = 0,
) -> Survey:
    """Everything the plan needs with so many cells at once, or SpecError with all that is missing: what the engine
    lacks first. `held_bytes`: what models of the plan's finished cells hold on the disk already.
    """
    problems = list(engine_problems)
    base = _open(plan, problems)
    data = _load(plan, problems)
    if data is not None:
        problems += _data_problems(plan, data)
    statements = _statements(plan, data, problems) if data is not None and plan.measure.kl else {}
    if base is not None:
        problems += [*_language_problems(plan), *_variant_problems(plan, base)]
    kept, free = _disk(plan, base, data, at_once), _free_bytes(home)
    more = max(0, kept - held_bytes)
    if more > free:
        problems.append(
            f"the disk: the plan keeps about {_gigabytes(more)} more, and {home} has {_gigabytes(free)} free: "
            f'free some, set PALIMPSEST_HOME to another disk, or write run.keep = "drop" (now {plan.run.keep!r})'
        )
    if problems or base is None or data is None:
        raise SpecError(f"The plan {plan.name} cannot be run.", items=problems)
    from analysis.language.companions import companions_id

    return Survey(
        base_id=content_id(base, memory, progress),
        companions=companions_id(plan.base),
        data_ids=tuple(data.identity()),
        facts=dict(Counter(question.level for question in data.train)),
        asked_in=_asked(plan.measure.in_domain, data.inside),
        asked_out=_asked(plan.measure.out_of_domain, data.outside),
        layers=len(_layers(base)),
        base_bytes=_bytes(base),
        kept_bytes=kept,
        free_bytes=free,
        statements=statements,
    )


def _open(plan: Plan, problems: list[str]) -> Checkpoint | None:
    try:
        return open_checkpoint(plan.base)
    except PalimpsestError as error:
        problems.append(_line("base", error))
        return None


def _load(plan: Plan, problems: list[str]) -> PlanData | None:
    if missing := missing_files(plan.questions, plan.mastery):
        problems += missing
        return None
    try:
        return load_data(plan.questions, plan.mastery, plan.train.relations)
    except PalimpsestError as error:
        problems.append(_line("questions", error))
        return None


def _data_problems(plan: Plan, data: PlanData) -> Iterator[str]:
    for level in plan.train.levels:
        for size in plan.train.sizes:
            for problem in fact_problems(data.train, wanted(level, size)):
                yield f"train, level {level}, size {size or 'all'}: {problem}"
    yield from _relation_problems(plan, data)
    for name, questions in (("in_domain", data.inside), ("out_of_domain", data.outside)):
        asked = getattr(plan.measure, name)
        if not questions and asked != 0 and (name == "in_domain" or asked is not None):
            yield f"measure.{name}: the test split has no such questions: write measure.{name} = 0 to ask none"
    yield from _rate_problems(plan, data)


def _statements(plan: Plan, data: PlanData, problems: list[str]) -> dict[str, str]:
    """What KL puts to the base: the best statement of every relation with in-domain facts of level 4."""
    relations = sorted({question.relation or "" for question in data.inside if question.level == 4})
    way = ", or write kl = false"
    if plan.mastery is None:
        problems.append(f"measure.kl: the base is asked by its best statements: name its mastery table{way}")
        return {}
    if not relations:
        problems.append(f"measure.kl: no in-domain test question is of level 4: give the mastery table{way}")
        return {}
    try:
        best = read_mastery(Path(plan.mastery).expanduser()).best_templates()
    except PalimpsestError as error:  # levels alone may lie in a table that is none of ours
        problems.append(f"{_line('measure.kl', error)} Measure it here{way}")
        return {}
    if not best:
        problems.append(f"measure.kl: {plan.mastery} was measured without statements: measure it by statements{way}")
    return {relation: best[relation] for relation in relations if relation in best}


def _relation_problems(plan: Plan, data: PlanData) -> Iterator[str]:
    """Relations that the plan names and the questions lack; the paper's ten, named by nobody, need not all be there."""
    there = {str(question.relation) for question in (*data.train, *data.inside, *data.outside) if question.relation}
    lacking = [] if papers_domains(plan.train.relations) else sorted(set(plan.train.relations) - there)
    if lacking and there:
        yield f"train_relations: no question is of {', '.join(lacking)}; there are {', '.join(sorted(there))}"


def _rate_problems(plan: Plan, data: PlanData) -> Iterator[str]:
    if not any(variant.name == "by-level" for variant in plan.train.variants):
        return
    if "all" in plan.train.levels and any(question.level is None for question in data.train):
        yield (
            "train.variants, by-level: of the level \"all\" it needs every fact's mastery level: name the base's "
            "mastery table, or write levels"
        )


def _language_problems(plan: Plan) -> Iterator[str]:
    """What keeps the base from being asked in this dtype and prompt: names, and the tokenizer's own template."""
    from analysis.knowledge.prompts import CHAT, encode_prompt, resolve_prompt
    from analysis.language.load import choose_dtype, find_folder, load_tokenizer

    try:
        choose_dtype(plan.dtype, parameters=0, free_bytes=0)
    except PalimpsestError as error:
        yield _line("dtype", error)
    try:
        prompt = resolve_prompt(plan.prompt)
        if prompt.template == CHAT:
            encode_prompt(load_tokenizer(find_folder(plan.base)), prompt, "Where?")
    except PalimpsestError as error:
        yield _line("prompt", error)


def _variant_problems(plan: Plan, base: Checkpoint) -> Iterator[str]:
    modules = {place(name).module for name in base.tensors}
    for variant in plan.train.variants:
        for problem in part_problems(variant, _layers(base), modules):
            yield f"train.variants, {variant.name}: {problem}"


def _layers(base: Checkpoint) -> set[int]:
    return {layer for name in base.tensors if (layer := place(name).layer) is not None}


def _disk(plan: Plan, base: Checkpoint | None, data: PlanData | None, at_once: int) -> int:
    """About how many bytes the plan takes: answers of every state, tuned checkpoints as they are kept, and what cells
    under way have beside that (the checkpoints of a training, or what a pass stores of the tuned one).
    """
    if base is None or data is None:
        return 0
    tuned = _bytes(base)
    kept = {"keep": tuned * (1 + PROFILE_FACTOR), "difference": tuned * DIFFERENCE_FACTOR, "drop": 0.0}[plan.run.keep]
    cells = [cell for cell in cells_of(plan) if cell.kind == "tuned"]
    answers = sum(_answer_bytes(cell, data, len(_layers(base))) for cell in cells)
    training = needed_bytes(base, Settings(), checkpoints=True)
    at_work = at_once * max(training, tuned * (1 + PROFILE_FACTOR))
    return int(len(cells) * kept + answers + at_work)


def _answer_bytes(cell: Cell, data: PlanData, layers: int) -> int:
    """Of all that a tuned model is asked: at every stop, with each group of layers restored, the facts it learnt."""
    measure = cell.measure
    asked = _asked(measure.in_domain, data.inside) + _asked(measure.out_of_domain, data.outside)
    groups = -(-layers // measure.layer_groups) if measure.layer_groups else 0
    states = 1 + sum(1 for stop in cell.stops() if stop.percent) + groups
    learnt = min(cell.size or len(data.train), len(data.train) if measure.train_limit is None else measure.train_limit)
    of_facts = len(measure.train_percents) * (learnt * ANSWER_BYTES + STATE_BYTES)
    return states * (asked * ANSWER_BYTES + 2 * STATE_BYTES) + of_facts


def _asked(limit: int | None, questions: tuple[Question, ...]) -> int:
    return len(questions) if limit is None else min(limit, len(questions))


def _bytes(base: Checkpoint) -> int:
    return sum(entry.nbytes for entry in base.tensors.values())


def _free_bytes(home: Path) -> int:
    there = next(path for path in (home, *home.parents) if path.is_dir())
    return shutil.disk_usage(there).free


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.0f} MB"


def _line(name: str, error: PalimpsestError) -> str:
    return f"{name}: {' '.join([error.message, *error.items[:3]])}"
