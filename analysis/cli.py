"""The command line: every page's work without a browser, over the same store.

The composition root below the pages: the one file of analysis/ that knows cache/. `--json` prints one object on
standard output; progress and warnings go to standard error. Exit 0 done, 2 refused or bad input, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import msgspec
import typer

from analysis import cli_plans, cli_questions, terminal
from analysis.errors import Cancelled, PalimpsestError, SpecError, StoreError
from analysis.language.load import let_waiting_threads_sleep
from analysis.records import (
    STRATEGIES,
    Among,
    Arithmetic,
    Region,
    RestoreCount,
    RestoreSpec,
    Scope,
    Split,
    Stop,
    Strategy,
)
from analysis.training.variants import VariantName

if TYPE_CHECKING:
    from cache.work import Asking, Comparison, Workspace

INTERRUPTED = 130

app = typer.Typer(
    name="palimpsest",
    help="See what fine-tuning wrote over in a language model, and scrape it back.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Base = Annotated[str, typer.Argument(help="the base: a local folder or a Hugging Face id")]
Tuned = Annotated[str, typer.Argument(help="the fine-tuned model: a local folder or a Hugging Face id")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object on standard output")]
Questions = Annotated[str, typer.Option(help="EntityQuestions, PopQA, TriviaQA, Natural Questions, JSON, CSV or TSV")]
Mastery = Annotated[str | None, typer.Option(help="the base's mastery of each fact (parquet)")]
Prompt = Annotated[str, typer.Option(help="paper, qa, chat, or a text with {question}")]
SplitOption = Annotated[Split, typer.Option("--split", help="which split of the dataset")]
DomainOption = Annotated[
    Literal["in", "out", "both"], typer.Option("--domain", help="relations about places, others, both")
]
Shots = Annotated[int, typer.Option(min=0, help="worked examples before every question, drawn by --seed")]
Limit = Annotated[int | None, typer.Option(min=1, help="ask only this many, balanced over relations and levels")]
Seed = Annotated[int, typer.Option(help="of every random choice, stored with the result")]
Dtype = Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16")]
RegionOption = Annotated[Region, typer.Option("--region", help="which parameters are ranked")]
ArithmeticOption = Annotated[Arithmetic, typer.Option("--arithmetic", help="exact, or the authors' script's")]
Layers = Annotated[str | None, typer.Option(help="only these layers: 0-3 or 0,5,7")]
Modules = Annotated[str | None, typer.Option(help="only these module kinds: q,k,v,o,gate,up,down")]
AmongOption = Annotated[
    Among, typer.Option("--among", help="candidates: all weights, or the changed ones (equal effective change)")
]
Percents = Annotated[str, typer.Option(help="percentages, comma-separated, 0-100")]


def main() -> None:
    """The console script: errors of ours become exit 2 (with an object under --json), an interrupt 130."""
    as_json = "--json" in sys.argv
    let_waiting_threads_sleep()
    try:
        status = app(standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort, Cancelled):
        status = INTERRUPTED
    except typer.TyperException as error:
        _refuse(PalimpsestError(_usage_words(error), code="usage"), as_json)
    except PalimpsestError as error:
        _refuse(error, as_json)
    if status == INTERRUPTED:
        terminal.say("Interrupted; what was finished is stored.")
    sys.exit(status or 0)


def _usage_words(error: Exception) -> str:
    describe = getattr(error, "format_message", None)
    return str(describe() if describe else error)


def _refuse(error: PalimpsestError, as_json: bool) -> NoReturn:
    if as_json:
        terminal.show({"error": {"code": error.code, "message": error.message, "items": list(error.items)}})
    else:
        terminal.say(f"palimpsest: {error}")
    sys.exit(2)


@app.command()
def check(base: Base, tuned: Tuned, as_json: Json = False) -> None:
    """Compare the headers of a pair, before any weight is read; exit 2 when it is not comparable."""
    del as_json  # the object is printed always
    report = _workspace().check(base, tuned)
    terminal.show(msgspec.to_builtins(report))
    raise typer.Exit(0 if report.comparable else 2)


@app.command()
def profile(
    base: Base,
    tuned: Tuned,
    region: RegionOption = "transformer",
    arithmetic: ArithmeticOption = "exact",
    percents: Percents = "1,3,5,10,20,40,60",
    device: Annotated[
        str, typer.Option(help="where weights are counted: cpu, cuda, mps or auto; equal answers")
    ] = "cpu",
    as_json: Json = False,
) -> None:
    """One pass over the pair: how much changed, where, and the threshold of every percentage."""
    asked = _numbers(percents)
    pair = _comparison(base, tuned)
    found = _workspace().profile(pair, arithmetic, terminal.progress(), device)
    _workspace().remember(pair)
    answer = {
        "region": region,
        "arithmetic": arithmetic,
        "region_parameters": found.region_parameters(region),
        "changed_fraction": found.changed_fraction(region),
        "percents": msgspec.to_builtins(found.percent_rows(region, asked)),
        "layers": _rows(found.layers(region, asked)),
        "modules": _rows(found.modules(region, asked)),
        "tensors": _rows(found.tensor_rows(region, asked)),
        "seconds": found.seconds,
        "bytes_read": found.bytes_read,
        "peak_rss_bytes": found.peak_rss_bytes,
    }
    terminal.answer(answer, as_json, table="percents")


@app.command()
def restore(
    base: Base,
    tuned: Tuned,
    out: Annotated[Path, typer.Argument(help="a new folder for the restored checkpoint")],
    percent: Annotated[float, typer.Option(help="how much of the region goes back to the base, 0-100")],
    strategy: Annotated[Strategy, typer.Option(help="which parameters")] = "relative-top",
    region: RegionOption = "transformer",
    scope: Annotated[Scope, typer.Option(help="rank all together, or inside each tensor")] = "global",
    layers: Layers = None,
    modules: Modules = None,
    among: AmongOption = "all",
    arithmetic: ArithmeticOption = "exact",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Write a complete checkpoint with a percentage of the change taken back: the most changed weights, or a blend."""
    spec = RestoreSpec(percent, strategy, region, scope, _layers(layers), arithmetic, seed, _words(modules), among)
    pair = _comparison(base, tuned)
    written = _workspace().write_restored(pair, spec, out, terminal.progress())
    changes = _change_fields(_workspace().count(pair, spec))
    terminal.answer({**asdict(spec), **msgspec.to_builtins(written), **changes, "out": str(out)}, as_json)


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="a local folder or a Hugging Face id")],
    questions: Questions,
    domain: DomainOption = "both",
    mastery: Mastery = None,
    prompt: Prompt = "paper",
    split: SplitOption = "test",
    limit: Limit = None,
    seed: Seed = 0,
    shots: Shots = 0,
    dtype: Dtype = "auto",
    outputs: Annotated[Path | None, typer.Option(help="write every answer to this file, JSON lines")] = None,
    as_json: Json = False,
) -> None:
    """Ask a model every question, greedily, and score the answers."""
    asking = _asking(questions, prompt, split, domain, mastery, limit, seed, dtype, shots)
    try:
        found = _workspace().evaluation_of(model, asking, terminal.progress())
    except StoreError as error:
        found = _workspace().evaluation_of(model, asking)  # held in memory, where only the disk had no room
        terminal.say(f"palimpsest: {error}")
    if outputs is not None:
        terminal.write_lines(outputs, _answer_lines(asking, found))
    terminal.answer(_without_rows(found), as_json)


@app.command()
def sweep(
    base: Base,
    tuned: Tuned,
    questions: Questions,
    percents: Percents = "0,1,3,5,10,20,40,60,100",
    strategies: Annotated[str, typer.Option(help=f"comma-separated: {', '.join(STRATEGIES)}")] = "relative-top,random",
    seeds: Annotated[str, typer.Option(help="of random and drop-rescale, comma-separated")] = "0",
    region: RegionOption = "transformer",
    scope: Annotated[Scope, typer.Option(help="rank all together, or inside each tensor")] = "global",
    layers: Layers = None,
    modules: Modules = None,
    among: AmongOption = "all",
    arithmetic: ArithmeticOption = "exact",
    domain: DomainOption = "both",
    mastery: Mastery = None,
    prompt: Prompt = "paper",
    split: SplitOption = "test",
    limit: Limit = None,
    seed: Seed = 0,
    shots: Shots = 0,
    dtype: Dtype = "auto",
    as_json: Json = False,
) -> None:
    """Restore and evaluate every percentage; choose on the dev split (or half of the questions), report on the rest."""
    from analysis.knowledge.stops import seed_bands

    asking = _asking(questions, prompt, split, domain, mastery, limit, seed, dtype, shots)
    names: list[Any] = [name.strip() for name in strategies.split(",")]
    template = RestoreSpec(0, "relative-top", region, scope, _layers(layers), arithmetic, 0, _words(modules), among)
    for name in names:
        replace(template, strategy=name)  # refused here, before any work
    report = _workspace().sweep(
        _comparison(base, tuned),
        asking,
        _numbers(percents),
        names,
        [int(number) for number in _numbers(seeds, "seeds", 0, 2**31)],
        template=template,
        progress=terminal.progress(),
    )
    answer = {
        "region": region,
        "arithmetic": arithmetic,
        "stops": [_stop_fields(stop) for stop in report.stops],
        "base": _without_rows(report.base),
        "tuned": _without_rows(report.tuned),
        "choice": msgspec.to_builtins(report.choice),
        "bands": msgspec.to_builtins(seed_bands(report.stops)),
    }
    terminal.answer(answer, as_json, table="stops")


@app.command()
def divergence(
    base: Base,
    tuned: Tuned,
    prompts: Annotated[Path | None, typer.Option(help='JSON lines: {"text"} or {"prompt", "answer"}')] = None,
    top: Annotated[int, typer.Option(min=1, help="of the paper's KL: the tuned model's largest logits")] = 10,
    direction: Annotated[Literal["tuned-base", "base-tuned"], typer.Option(help="KL(first || second)")] = "tuned-base",
    measures: Annotated[Literal["all", "kl"], typer.Option(help="everything, or the two KLs alone")] = "all",
    percent: Annotated[
        float | None, typer.Option(help="also the tuned model with so much restored (relative-top), 0-100")
    ] = None,
    generate: Annotated[
        int | None,
        typer.Option(min=1, help="let both continue the prompts by so many tokens, and show where they part"),
    ] = None,
    paper: Annotated[
        bool, typer.Option("--paper", help="the paper's measurement: level-4 facts at the first answer token")
    ] = False,
    near: Annotated[int, typer.Option(min=1, help="of --paper: the base's answer begins within so many tokens")] = 3,
    questions: Annotated[str | None, typer.Option(help="of --paper: as for evaluate")] = None,
    mastery: Mastery = None,
    domain: DomainOption = "both",
    prompt: Prompt = "paper",
    split: SplitOption = "test",
    limit: Limit = None,
    seed: Seed = 0,
    dtype: Dtype = "auto",
    as_json: Json = False,
) -> None:
    """How far the tuned model's prediction of each token is from the base's, in nats; or the paper's one number."""
    from analysis.language import command

    asking = _asking(questions, prompt, split, domain, mastery, limit, seed, dtype) if questions else None
    restored = None if percent is None else RestoreSpec(percent)
    wish = command.Wish(prompts, top, direction, measures, dtype, paper, near, generate, restored)
    answer = command.answer(_workspace(), _comparison(base, tuned), asking, wish, terminal.progress())
    terminal.answer(answer, as_json, table="by_relation" if paper else None)


@app.command()
def mastery(
    base: Base,
    questions: Questions,
    out: Annotated[Path, typer.Option(help="the table, parquet")],
    templates: Annotated[Path | None, typer.Option(help="JSON: relation -> statements with {subject}")] = None,
    samples: Annotated[int, typer.Option(min=1, help="completions of each statement")] = 10,
    temperature: Annotated[float, typer.Option(min=0, help="0 is greedy")] = 0.7,
    until: Annotated[Literal["length", "sentence"], typer.Option(help="where a completion ends")] = "length",
    method: Annotated[
        Literal["auto", "statements", "question-form"], typer.Option(help="statements, or the question after others")
    ] = "auto",
    preview: Annotated[
        bool, typer.Option("--preview", help="one sample of each statement, and how sure that is")
    ] = False,
    split: SplitOption = "test",
    domain: DomainOption = "both",
    limit: Limit = None,
    seed: Seed = 0,
    dtype: Dtype = "auto",
    as_json: Json = False,
) -> None:
    """How reliably the base states each fact by itself: R and the five levels; goes on where it was cut short."""
    from analysis.knowledge.mastery import Protocol
    from analysis.knowledge.templates import read_templates

    asking = _asking(questions, "paper", split, domain, None, limit, seed, dtype)
    taken = {"samples": 1, "preview_of": samples} if preview else {"samples": samples}
    protocol = Protocol(temperature=temperature, seed=seed, until=until, **taken)
    statements = read_templates(templates) if templates else None
    form = "question form" if method == "question-form" else method
    table = _workspace().mastery(base, asking, protocol, statements, terminal.progress(), form)
    table.write(out)
    levels = {str(level): count for level, count in table.level_counts().items()}
    told = {"out": str(out), "facts": len(table.frame), "method": table.method, "levels": levels, **table.protocol}
    terminal.answer(told | (_preview_fields(table) if preview else {}), as_json)


@app.command()
def sft(
    base: Base,
    out: Annotated[Path, typer.Argument(help="a new folder for the fine-tuned model")],
    questions: Questions,
    mastery: Mastery = None,
    level: Annotated[int | None, typer.Option(help="train on facts of this mastery only, 0-4")] = None,
    mix: Annotated[str | None, typer.Option(help="several levels and their shares: 0=0.5,4=0.5")] = None,
    size: Annotated[int | None, typer.Option(help="how many facts; all of them where not given")] = None,
    relations: Annotated[str | None, typer.Option(help="train on facts of these relations only: P17,P19")] = None,
    seed: Seed = 0,
    learning_rate: Annotated[float, typer.Option(help="at the peak of the cosine schedule")] = 1e-5,
    batch_size: Annotated[int, typer.Option(help="facts a step")] = 8,
    epochs: Annotated[int, typer.Option(help="times every fact is seen")] = 1,
    lora: Annotated[bool, typer.Option("--lora", help="short for --variant lora")] = False,
    variant: Annotated[VariantName, typer.Option(help="the way of fine-tuning")] = "sft",
    strength: Annotated[float | None, typer.Option(help="of the variant: rank, pull, weight, share or percent")] = None,
    layers: Layers = None,
    modules: Modules = None,
    every: Annotated[int | None, typer.Option(help="restoring: each time so many steps are done")] = None,
    prompt: Prompt = "paper",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps")] = "auto",
    threads: Annotated[int | None, typer.Option(help="CPU threads; the same number gives the same weights")] = None,
    resume: Annotated[bool, typer.Option("--resume/--fresh", help="go on where it was cut short, or anew")] = True,
    checkpoints: Annotated[bool, typer.Option(help="keep what is needed to go on, beside OUT until it is done")] = True,
    as_json: Json = False,
) -> None:
    """Fine-tune the base on questions: the paper's settings, LoRA, or a variant that tries to need no repair."""
    from analysis.training.variants import Variant
    from cache.training import CHECKPOINT_SECONDS, Training

    if lora and variant not in ("sft", "lora"):
        raise SpecError(f"LoRA and the variant {variant} are not combined: ask for one of them.")
    way = Variant("lora" if lora else variant, strength, _layers(layers), _words(modules), every)
    training = Training(
        base=base,
        questions=questions,
        size=size,
        level=level,
        mix=_shares(mix),
        relations=_words(relations),
        seed=seed,
        mastery=mastery,
        learning_rate=learning_rate,
        batch_size=batch_size,
        epochs=epochs,
        variant=way,
        prompt=prompt,
        device=device,
        threads=threads,
    )
    seconds = CHECKPOINT_SECONDS if checkpoints else None
    tuned = _workspace().fine_tune(training, out, terminal.progress(), resume=resume, checkpoint_seconds=seconds)
    if int(os.environ.get("RANK") or 0) == 0:  # of several processes (torchrun, accelerate) one answers
        terminal.answer({"out": str(out), **msgspec.to_builtins(tuned.card)}, as_json)


@app.command()
def demo(
    prepare: Annotated[bool, typer.Option("--prepare", help="make the demo pair, do not open the page")] = False,
    rebuild_base: Annotated[
        Path | None, typer.Option(help="train the demo's base again into this new folder (hours)")
    ] = None,
    port: Annotated[int, typer.Option(help="of the page")] = 8501,
    as_json: Json = False,
) -> None:
    """Make the demo pair (about a minute the first time) and open the dashboard on it."""
    if rebuild_base is not None:
        from analysis.demo.rebuild import rebuild_base as rebuild

        rebuild(rebuild_base, terminal.progress())
        return
    world = _workspace().prepare_demo(terminal.progress())
    if prepare:
        terminal.answer(msgspec.to_builtins(world, enc_hook=str), as_json)
        return
    _workspace().demo_finding(terminal.progress())  # so that the first page tells a finished finding
    from analysis.serving import serve_dashboard

    serve_dashboard(port, open_browser=True)


@app.command()
def report(
    out: Annotated[Path | None, typer.Argument(help="one HTML file that needs no network")] = None,
    static: Annotated[Path | None, typer.Option(help="a new folder any web server can serve, with every file")] = None,
    paper: Annotated[Literal["light", "dark"] | None, typer.Option(help="as the reader's system has it, else")] = None,
    as_json: Json = False,
) -> None:
    """Write the report of the pinned findings: the same page as the dashboard exports."""
    from analysis.report.pack import write_folder, write_page

    if out is None and static is None:
        raise PalimpsestError("Say where the report goes: palimpsest report OUT.html, or --static DIR.", code="usage")
    findings = _workspace().findings
    placed = findings.complete(_workspace().report_findings())
    if not placed:
        raise PalimpsestError("Nothing is pinned: pin a figure on a page first (palimpsest serve).", code="report")
    told: dict[str, Any] = {"findings": len(placed)}
    if out is not None:
        told |= {"out": str(out), "bytes": write_page(out, placed, findings.title(), paper)}
    if static is not None:
        told |= {"static": str(static), "files": write_folder(static, placed, findings.title(), terminal.progress())}
    terminal.answer(told, as_json)


@app.command()
def serve(port: Annotated[int, typer.Option(help="on 127.0.0.1")] = 8501) -> None:
    """Serve the dashboard on this machine."""
    from analysis.serving import serve_dashboard

    serve_dashboard(port, open_browser=False)


# --- from words to records, from records to fields --------------------------------------------------------------


@cache
def _workspace() -> Workspace:
    from cache.work import Workspace

    return Workspace()


def _comparison(base: str, tuned: str) -> Comparison:
    from cache.work import Comparison

    return Comparison(base, tuned)


def _asking(
    questions: str,
    prompt: str,
    split: Split,
    domain: Literal["in", "out", "both"],
    mastery: str | None,
    limit: int | None,
    seed: int,
    dtype: str,
    shots: int = 0,
) -> Asking:
    from cache.work import Asking

    return Asking(questions, prompt, split, domain, mastery, limit, seed, dtype, shots)


def _plain_asking(questions: str, **named: Any) -> Asking:
    from cache.work import Asking

    return Asking(questions, **named)


def _numbers(text: str, name: str = "percents", low: float = 0, high: float = 100) -> tuple[float, ...]:
    """Comma-separated numbers inside [low, high]; every offender named at once."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    wrong = [part for part in parts if not _is_number(part) or not low <= float(part) <= high]
    if wrong or not parts:
        raise SpecError(
            f"{name} wants comma-separated numbers from {low:g} to {high:g}.", items=wrong or ["nothing given"]
        )
    return tuple(float(part) for part in parts)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _layers(text: str | None) -> tuple[int, ...] | None:
    """`0-3` or `0,5,7` or a mixture, as sorted layer numbers."""
    if text is None:
        return None
    numbers: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise SpecError(f"layers is {text!r}: write 0-3, or 0,5,7.")
        numbers.update(range(int(first), int(last if dash else first) + 1))
    return tuple(sorted(numbers))


def _shares(text: str | None) -> tuple[tuple[int, float], ...]:
    """`0=0.5,4=0.5` as (level, share); what they may be is told with everything else about the training."""
    pairs = [part.partition("=") for part in (text or "").split(",") if part.strip()]
    if any(not level.strip().isdigit() or not _is_number(share) for level, _, share in pairs):
        raise SpecError(f"mix is {text!r}: write levels and their shares, as 0=0.5,4=0.5.")
    return tuple(sorted((int(level), float(share)) for level, _, share in pairs))


def _words(text: str | None) -> tuple[str, ...] | None:
    """`q,k` as words; None where nothing was given."""
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def _change_fields(count: RestoreCount) -> dict[str, Any]:
    """What a restoration really changes, beside the cliff; `realised` says where rounding put a blend's values."""
    realised = count.realised
    return {
        "effective_percent": count.effective_percent,
        "changed_percent": count.changed_percent,
        "effective_l2_percent": count.effective_l2_percent,
        "realised": msgspec.to_builtins(realised) if realised else None,
    }


def _without_rows(evaluation: Any) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(replace(evaluation, rows=()))
    del fields["rows"]
    return fields


def _preview_fields(table: Any) -> dict[str, Any]:
    """How sure a preview is: facts at each level as estimated with a 95% interval, and how many facts are settled."""
    from analysis.knowledge.mastery_preview import preview_odds

    found = preview_odds(table)
    counts = {str(level): {"facts": told[0], "low": told[1], "high": told[2]} for level, told in found.counts.items()}
    return {"estimated_levels": counts, "settled": int(found.settled.sum())}


def _rows(records: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows with their restored counts under percentages as people write them: "20", not "20.0"."""
    rows = [msgspec.to_builtins(record) for record in records]
    return [{**row, "restored": {f"{float(k):g}": count for k, count in row["restored"].items()}} for row in rows]


def _stop_fields(stop: Stop) -> dict[str, Any]:
    evaluation = _without_rows(stop.evaluation)
    return {
        "strategy": stop.spec.strategy,
        "seed": stop.spec.seed,
        "percent": stop.spec.percent,
        "arithmetic": stop.spec.arithmetic,
        "among": stop.spec.among,
        **_change_fields(stop.count),
        "count": stop.count.count,
        "threshold": stop.count.threshold,
        **{name: evaluation[name] for name in ("n", "accuracy", "wilson95", "by_domain")},
        "fixed": stop.versus_tuned.fixed,
        "broken": stop.versus_tuned.broken,
        "mcnemar_p": stop.versus_tuned.mcnemar_p,
        "three_way": msgspec.to_builtins(stop.three_way),
        "macro_change": msgspec.to_builtins(stop.macro_change),
        "verified_rows": evaluation["engine"].get("verified_rows"),
        "decoded_rows": evaluation["engine"].get("decoded_rows"),
        "seconds": evaluation["seconds"],
    }


def _answer_lines(asking: Asking, evaluation: Any) -> list[dict[str, Any]]:
    questions = {question.id: question for question in _workspace().question_set(asking).questions}
    return [
        {
            "id": row.id,
            "question": questions[row.id].question,
            "answers": questions[row.id].answers,
            **{name: value for name, value in msgspec.to_builtins(row).items() if name != "id"},
        }
        for row in evaluation.rows
    ]


cli_plans.add_command(app, _workspace)
app.add_typer(cli_questions.commands(_workspace, _plain_asking, _comparison), name="question")

if __name__ == "__main__":
    main()
