"""The arguments and options that several commands take, each with its one help text; knows no command."""

from typing import Annotated, Literal

import typer

from analysis.records import Among, Arithmetic, Region, Scope, Split

Base = Annotated[str, typer.Argument(help="the base: a local folder or a Hugging Face id")]
Tuned = Annotated[str, typer.Argument(help="the fine-tuned model: a local folder or a Hugging Face id")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object on standard output")]
Seed = Annotated[int, typer.Option(help="of every random choice, stored with the result")]
Dtype = Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16")]

# --- which weights ---
RegionOption = Annotated[Region, typer.Option("--region", help="which parameters are ranked")]
ArithmeticOption = Annotated[Arithmetic, typer.Option("--arithmetic", help="exact, or the authors' script's")]
ScopeOption = Annotated[Scope, typer.Option("--scope", help="rank all together, or inside each tensor")]
Layers = Annotated[str | None, typer.Option(help="only these layers: 0-3 or 0,5,7")]
Modules = Annotated[str | None, typer.Option(help="only these module kinds: q,k,v,o,gate,up,down")]
AmongOption = Annotated[
    Among, typer.Option("--among", help="candidates: all weights, or the changed ones (equal effective change)")
]
Percents = Annotated[str, typer.Option(help="percentages, comma-separated, 0-100")]

# --- which questions, asked how ---
Questions = Annotated[str, typer.Option(help="EntityQuestions, PopQA, TriviaQA, Natural Questions, JSON, CSV or TSV")]
Mastery = Annotated[str | None, typer.Option(help="the base's mastery of each fact (parquet)")]
Prompt = Annotated[str, typer.Option(help="paper, qa, chat, or a text with {question}")]
SplitOption = Annotated[Split, typer.Option("--split", help="which split of the dataset")]
DomainOption = Annotated[
    Literal["in", "out", "both"], typer.Option("--domain", help="relations about places, others, both")
]
Shots = Annotated[int, typer.Option(min=0, help="worked examples before every question, drawn by --seed")]
Limit = Annotated[int | None, typer.Option(min=1, help="ask only this many, balanced over relations and levels")]
