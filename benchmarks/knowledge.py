"""The knowledge engine measured, each figure against its comparison in the same run.

    python -m benchmarks.knowledge [--parts demo random prefix worst lm-eval mastery] [--exact all|some|none]

For every stop in turn: ours (restore it into the resident model, then ask 500 questions and score, with the drafts of
the stops before) and transformers' `generate` on the same weights, at its best batch size and without restoring or
scoring. Medians over the stops. `--exact`: which rows of every stop are compared with `generate`, batch of one. lm-eval
comes with the `bench` extra; without it that line says so. The machine may be shared: CPU seconds stand in brackets.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from analysis.knowledge.drafts import Bank
from analysis.knowledge.evaluation import evaluate
from analysis.language.load import let_waiting_threads_sleep
from analysis.records import Evaluation, Question
from benchmarks import _peers as peers
from benchmarks._subjects import Subject, demo, random_llama

PARTS = ("demo", "random", "prefix", "worst", "lm-eval", "mastery")
SOME_ROWS = 50
MASTERY_FACTS = 16
Seconds = tuple[float, float]  # wall, CPU


@dataclass(frozen=True)
class Line:
    """One line of the table: medians of seconds, ours and theirs, and the median of their ratios."""

    name: str
    ours: Seconds
    theirs: Seconds
    ratio: float
    wanted: str
    note: str


def timed(work: Callable[[], Any]) -> tuple[Seconds, Any]:
    """Wall and CPU seconds, and the result."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return (time.perf_counter() - wall, time.process_time() - cpu), result


def line(name: str, pairs: list[tuple[Seconds, Seconds]], wanted: str, note: str) -> Line:
    """Medians over (ours, theirs) pairs."""
    ours, theirs = zip(*pairs, strict=True)
    ratio = statistics.median(their[0] / our[0] for our, their in pairs)
    return Line(name, _medians(ours), _medians(theirs), ratio, wanted, note)


def _medians(seconds: tuple[Seconds, ...]) -> Seconds:
    walls, cpus = zip(*seconds, strict=True)
    return statistics.median(walls), statistics.median(cpus)


def walk(subject: Subject, bank: Bank | None = None) -> Iterator[tuple[Seconds, Evaluation]]:
    """Every stop as the product does it, after base and tuned: seconds with restoring and scoring, and the result."""
    bank = Bank() if bank is None else bank
    for state in ("base", "tuned"):
        subject.model.enter(state)
        evaluate(subject.model.lm, subject.questions, prompt=subject.prompt, drafts=bank)

    def stop(spec: Any) -> Evaluation:
        subject.model.enter(spec)
        return evaluate(subject.model.lm, subject.questions, prompt=subject.prompt, drafts=bank)

    for spec in subject.stops:
        seconds, result = timed(lambda spec=spec: stop(spec))  # type: ignore[misc]
        yield seconds, result


def against_generate(subject: Subject, wanted: str, exact: str) -> Line:
    """New stops against `generate`, and every answer against `generate` one prompt at a time."""
    lm, prompts = subject.model.lm, subject.prompts
    subject.model.enter("tuned")
    size = _best_size(subject)
    pairs, verified, wrong, compared = [], [], 0, 0
    for ours, result in walk(subject):
        theirs, _ = timed(lambda: peers.generate(lm, prompts, size))
        pairs.append((ours, theirs))
        verified.append(result.engine["verified_rows"])
        rows = range(len(prompts)) if exact == "all" else range(0, len(prompts), len(prompts) // SOME_ROWS)
        if exact != "none":
            wrong += _differing(subject, result, rows)
            compared += len(rows)
    note = f"generate's best batch {size}; {statistics.median(verified):g} of {len(prompts)} rows settled by drafts; "
    note += f"{wrong} of {compared:,} rows differ from generate, batch of one" if compared else "exactness not asked"
    return line(f"{subject.name}: a new stop, against generate", pairs, wanted, note)


_SIZES: dict[str, int] = {}


def _best_size(subject: Subject) -> int:
    """Generate's best batch size for these questions; searched once a run."""
    if subject.name not in _SIZES:
        lm, prompts = subject.model.lm, subject.prompts
        _SIZES[subject.name] = peers.best_batch(lambda size: peers.generate(lm, prompts, size))
    return _SIZES[subject.name]


def _differing(subject: Subject, result: Evaluation, rows: range) -> int:
    """Rows whose tokens are not those of transformers' greedy decoding, batch of one (up to where ours stopped)."""
    wrong = 0
    for row in rows:
        ours = result.rows[row]
        (theirs,) = peers.generate(subject.model.lm, [ours.prompt_ids], 1)
        end = len(ours.token_ids) if ours.stopped == "scores" else None
        wrong += ours.token_ids != theirs[:end]
    return wrong


def worst(subject: Subject) -> Line:
    """Drafts that never hold, against no drafts and against `generate`."""
    lm, prompts = subject.model.lm, subject.prompts
    subject.model.enter("tuned")
    size = _best_size(subject)
    plain = evaluate(lm, subject.questions, prompt=subject.prompt)
    pairs, none = [], []
    for shift in range(1, 4):
        garbage = Bank({row.id: [tuple(_garbage(row.token_ids, shift))] for row in plain.rows})
        ours, result = timed(partial(evaluate, lm, subject.questions, prompt=subject.prompt, drafts=garbage))
        assert result.rows == plain.rows
        without, _ = timed(partial(evaluate, lm, subject.questions, prompt=subject.prompt))
        theirs, _ = timed(lambda: peers.generate(lm, prompts, size))
        pairs.append((ours, theirs))
        none.append(ours[0] / without[0])
    note = f"{statistics.median(none):.2f} times the time without drafts"
    return line(f"{subject.name}: drafts that never hold, against generate", pairs, "told", note)


def _garbage(told: tuple[int, ...], shift: int) -> list[int]:
    return [(token + shift) % 1000 + 300 for token in (*told, *[5] * (16 - len(told)))]


def against_lm_eval(subject: Subject, home: Path) -> Line | str:
    """New stops against `lm_eval.simple_evaluate` on the same questions."""
    lm = subject.model.lm
    answers = [question.answers for question in subject.questions.questions]
    subject.model.enter("tuned")
    try:
        size = peers.best_batch(
            lambda size: peers.LmEval(lm, subject.texts(), answers, size, home)(), peers.BATCH_SIZES[1:3]
        )
        peer = peers.LmEval(lm, subject.texts(), answers, size, home)
    except ImportError:
        return "lm-eval is not installed: pip install -e '.[bench]'"
    pairs, same = [], 0
    for ours, result in walk(subject):
        theirs, texts = timed(peer)
        pairs.append((ours, theirs))
        same += sum(row.output == text for row, text in zip(result.rows, texts, strict=True))
    note = f"batch {size}, TaskManager and model reused, no bootstrap; {same / len(pairs):.0f} of {len(answers)} "
    note += "texts equal"
    return line(f"{subject.name}: a new stop, against lm_eval.simple_evaluate", pairs, "4 (aim 8)", note)


def mastery(home: Path) -> Iterator[Line]:
    """Mastery by the paper's protocol, against the plain loop over `generate`: sampled for time, greedy for answers."""
    subject = demo(home)
    subject.model.enter("base")
    facts = subject.questions.questions[:: len(subject.questions.questions) // MASTERY_FACTS][:MASTERY_FACTS]
    for temperature, samples in ((0.7, 10), (0.0, 1)):
        yield _mastery(subject, facts, temperature, samples)


def _mastery(subject: Subject, facts: tuple[Question, ...], temperature: float, samples: int) -> Line:
    from analysis.knowledge.mastery import measure

    lm = subject.model.lm
    measure(lm, facts[:1], samples=1)
    size = peers.best_batch(lambda size: _plain_loop(lm, facts[:4], temperature, samples, size), (1, 7, 21, 84))
    ours, table = timed(lambda: measure(lm, facts, samples=samples, temperature=temperature))
    theirs, hits = timed(lambda: _plain_loop(lm, facts, temperature, samples, size))
    found = [list(map(int, row)) for row in table.frame["successes"]]
    cells = sum(map(len, found))
    equal = sum(a == b for x, y in zip(found, hits, strict=True) for a, b in zip(x, y, strict=True))
    note = f"generate's best batch {size} statements; "
    note += (
        f"{equal} of {cells} statements judged alike"
        if temperature == 0
        else f"mean R {sum(map(sum, found)) / cells / samples:.3f} and {sum(map(sum, hits)) / cells / samples:.3f}"
    )
    name = f"mastery, {len(facts)} facts, 21 templates x {samples}, temperature {temperature:g}, against generate"
    return line(name, [(ours, theirs)], "3", note)


def _plain_loop(lm: Any, facts: tuple[Question, ...], temperature: float, samples: int, size: int) -> list[list[int]]:
    """Successes by fact and template, by `generate` over all statements, `size` at a time."""
    from analysis.knowledge.prompts import encode_text
    from analysis.knowledge.scoring import contains
    from analysis.knowledge.templates import TEMPLATES, fill

    stated = [(fact, fill(text, fact.subject or "")) for fact in facts for text in TEMPLATES[fact.relation or ""]]
    prompts = [encode_text(lm.tokenizer, text) for _, text in stated]
    if temperature:
        told = peers.sample(lm, prompts, size, samples, temperature)
    else:
        told = peers.generate(lm, prompts, size, 32)
    texts = lm.tokenizer.batch_decode([list(ids) for ids in told], skip_special_tokens=True)
    hits = [
        sum(contains(text, fact) for text in texts[place * samples : (place + 1) * samples])
        for place, (fact, _) in enumerate(stated)
    ]
    width = len(hits) // len(facts)
    return [hits[start : start + width] for start in range(0, len(hits), width)]


def lines(parts: list[str], home: Path, exact: str) -> Iterator[Line | str]:
    """Every line asked for."""
    if "demo" in parts:
        yield against_generate(demo(home), "1.5 (aim 2.5)", exact)
    if "random" in parts:
        yield against_generate(random_llama(home / "random"), "1.3", exact)
    if "prefix" in parts:
        for subject in (demo(home, few_shot=True), random_llama(home / "random", few_shot=True)):
            yield against_generate(subject, "2.5", "none" if exact == "none" else "some")
    if "worst" in parts:
        yield worst(demo(home))
        yield worst(random_llama(home / "random"))
    if "lm-eval" in parts:
        yield against_lm_eval(demo(home), home)
    if "mastery" in parts:
        yield from mastery(home)


def show(row: Line | str) -> str:
    """One row of Markdown."""
    if isinstance(row, str):
        return f"| {row} | | | | | |"
    ours, theirs = (f"{wall:.3f} ({cpu:.3f})" for wall, cpu in (row.ours, row.theirs))
    return f"| {row.name} | {ours} | {theirs} | {row.ratio:.2f} | {row.wanted} | {row.note} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--exact", choices=("all", "some", "none"), default="all")
    parser.add_argument("--home", type=Path, default=None, help="keep what is prepared in this folder")
    asked = parser.parse_args()
    let_waiting_threads_sleep()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    started = time.perf_counter()
    print("| what | ours s (CPU) | theirs s (CPU) | times faster | wanted | |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for row in lines(asked.parts, asked.home or Path(folder), asked.exact):
            print(show(row), flush=True)
    print(f"\n{time.perf_counter() - started:.0f} s in all")


if __name__ == "__main__":
    main()
