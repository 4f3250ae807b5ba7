"""Reads a task in lm-evaluation-harness's format from local files: its YAML, and its documents as JSON or JSON lines.

Supported: `output_type: generate_until`; `doc_to_text`, `doc_to_target` and `description` as Jinja templates or a
column's name; `num_fewshot` from `fewshot_split`; `until` and `max_gen_toks`; `filter_list` of regex, take_first,
lowercase, uppercase and remove_whitespace; the metrics of task_scores.py; `include` of a file beside it. Everything
else that would change an answer is refused by name: Python (`!function`), sampling, multiple choice, a download.
Format: github.com/EleutherAI/lm-evaluation-harness, docs/task_guide.md. Templates run in Jinja's sandbox. Knows no
models.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from analysis.errors import QuestionError
from analysis.knowledge.task_scores import METRICS, Filter, Metric, read_filter, read_metric

PLAIN = (  # of no consequence to an answer here
    *("task", "task_alias", "tag", "group", "metadata", "dataset_path", "dataset_name", "should_decontaminate"),
    *("training_split", "validation_split", "test_split", "fewshot_split", "doc_to_decontamination_query", "repeats"),
)
READ = (
    *("output_type", "doc_to_text", "doc_to_target", "description", "num_fewshot", "generation_kwargs", "include"),
    *("filter_list", "metric_list", "dataset_kwargs", "target_delimiter", "fewshot_delimiter"),
)
MOST_TOKENS = 256  # lm-eval's default for generate_until
Document = Mapping[str, Any]


@dataclass(frozen=True)
class Task:
    """A task that can be asked: texts by document, gold targets, and how answers are cut, filtered and scored."""

    name: str
    prompts: tuple[str, ...]
    targets: tuple[str, ...]
    until: tuple[str, ...]
    max_new_tokens: int
    filters: dict[str, tuple[Filter, ...]]
    metrics: tuple[Metric, ...]
    shots: int
    notes: tuple[str, ...] = field(default=())


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Plain YAML; what asks for Python is remembered by name and not run."""


def _function(loader: yaml.SafeLoader, node: Any) -> str:
    return f"!function {loader.construct_scalar(node)}"


_Loader.add_constructor("!function", _function)


def load_task(path: Path, *, limit: int | None = None, seed: int = 0) -> Task:
    """The task in a YAML file, or in a folder with one; documents lie beside it as <split>.jsonl or .json.

    `limit` takes the first so many test documents. Few-shot examples are drawn by `seed`, the same for every document:
    not the ones lm-eval would draw. Raises QuestionError with everything that is not supported.
    """
    file = _task_file(path.expanduser())
    settings = _read(file)
    problems = _problems(settings)
    if problems:
        raise QuestionError(f"{file} is a task that cannot be asked here.", code="task", items=problems)
    split = settings.get("test_split") or settings.get("validation_split") or "test"
    documents = _documents(file, settings, str(split))
    asked = documents[:limit] if limit else documents
    shots = _shots(file, settings, seed)
    texts = [str(_fill(settings["doc_to_text"], document)) for document in asked]
    head = str(_fill(settings.get("description", ""), {})) + "".join(shots)
    generation = settings.get("generation_kwargs") or {}
    until = generation.get("until") or [settings.get("fewshot_delimiter", "\n\n")]
    return Task(
        name=str(settings.get("task", file.stem)),
        prompts=tuple(head + text for text in texts),
        targets=tuple(str(_fill(settings["doc_to_target"], document)) for document in asked),
        until=tuple([until] if isinstance(until, str) else until),
        max_new_tokens=int(generation.get("max_gen_toks", MOST_TOKENS)),
        filters=_filters(settings),
        metrics=tuple(read_metric(one) for one in settings.get("metric_list") or [{"metric": "exact_match"}]),
        shots=len(shots),
    )


def _task_file(path: Path) -> Path:
    if path.is_file():
        return path
    found = sorted([*path.glob("*.yaml"), *path.glob("*.yml")]) if path.is_dir() else []
    if len(found) != 1:
        way = f"it holds {len(found)}: name one" if found else "there is none: give lm-eval's YAML with its documents"
        raise QuestionError(f"{path} should hold one task's YAML file; {way}.", code="task")
    return found[0]


def _read(file: Path, depth: int = 0) -> dict[str, Any]:
    try:
        settings = yaml.load(file.read_text("utf-8"), _Loader)
    except (OSError, yaml.YAMLError) as error:
        raise QuestionError(f"{file} cannot be read as a task: {str(error).splitlines()[0]}.", code="task") from error
    if not isinstance(settings, dict):
        raise QuestionError(f"{file} is no task: it holds no settings.", code="task")
    included = settings.get("include")
    if isinstance(included, str) and depth < 4:
        return _read(file.parent / included, depth + 1) | settings
    return settings


def _problems(settings: Mapping[str, Any]) -> list[str]:
    problems = [f"{name}: {value} (code is not run)" for name, value in settings.items() if _is_code(value)]
    problems += [f"{name} is not supported" for name in settings if name not in (*PLAIN, *READ)]
    kind = settings.get("output_type", "generate_until")
    if kind != "generate_until":
        problems.append(f"output_type is {kind!r}: only generate_until is asked here")
    problems += [f"{name} is missing" for name in ("doc_to_text", "doc_to_target") if name not in settings]
    generation = settings.get("generation_kwargs") or {}
    if generation.get("do_sample") or float(generation.get("temperature") or 0) > 0:
        problems.append("generation_kwargs ask for sampling: answers are greedy here")
    if int(settings.get("repeats") or 1) != 1:
        problems.append("repeats is more than 1: answers are greedy here")
    for one in settings.get("metric_list") or []:
        if one.get("metric") not in METRICS:
            problems.append(f"metric {one.get('metric')!r}: known are {', '.join(METRICS)}")
    return problems


def _is_code(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_is_code, value.values()))
    return isinstance(value, str) and value.startswith("!function")


def _filters(settings: Mapping[str, Any]) -> dict[str, tuple[Filter, ...]]:
    listed = settings.get("filter_list") or [{"name": "none", "filter": []}]
    return {str(one["name"]): tuple(map(read_filter, one.get("filter") or [])) for one in listed}


def _documents(file: Path, settings: Mapping[str, Any], split: str) -> list[Document]:
    named = (settings.get("dataset_kwargs") or {}).get("data_files") or {}
    wanted = named.get(split) if isinstance(named, dict) else named
    names = [str(wanted)] if wanted else [f"{split}.jsonl", f"{split}.json"]
    found = next((file.parent / name for name in names if (file.parent / name).is_file()), None)
    if found is None:
        raise QuestionError(
            f"{file} names the split {split!r}, and its documents are not beside it; nothing is downloaded.",
            code="task-documents",
            items=[f"Put them there as {' or '.join(names)}, a JSON object a line (or a JSON list)."],
        )
    text = found.read_text("utf-8")
    try:
        rows = json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines()]
    except ValueError as error:
        raise QuestionError(f"{found} is not JSON: {error}.", code="task") from error
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise QuestionError(f"{found} holds no documents: a JSON object a line is wanted.", code="task")
    return list(rows)


def _shots(file: Path, settings: Mapping[str, Any], seed: int) -> list[str]:
    from random import Random

    count = int(settings.get("num_fewshot") or 0)
    if not count:
        return []
    split = settings.get("fewshot_split") or settings.get("training_split") or "train"
    documents = _documents(file, settings, str(split))
    drawn = Random(seed).sample(documents, min(count, len(documents)))
    delimiter, after = settings.get("target_delimiter", " "), settings.get("fewshot_delimiter", "\n\n")
    return [
        f"{_fill(settings['doc_to_text'], shot)}{delimiter}{_fill(settings['doc_to_target'], shot)}{after}"
        for shot in drawn
    ]


def _fill(template: object, document: Document) -> object:
    """A column's value where the template is its name, else the Jinja template filled, in a sandbox."""
    from jinja2 import StrictUndefined, TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    if isinstance(template, str) and template in document:
        return document[template]
    if not isinstance(template, str):
        raise QuestionError(f"The template {template!r} is no text.", code="task")
    try:
        environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
        return environment.from_string(template).render(**document)
    except (TemplateError, TypeError) as error:
        raise QuestionError(f"The template {template!r} cannot be filled: {error}.", code="task") from error
