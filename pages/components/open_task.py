"""What restoration costs on other tasks: GSM8K, XSum or one's own in lm-eval's format, asked of the pair's states."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from analysis.errors import QuestionError
from analysis.figures import numbers
from analysis.figures import open_tasks as figures
from analysis.knowledge.task_files import load_task
from analysis.records import RestoreSpec
from cache.about import About
from cache.keys import digest
from cache.memo import workspace
from cache.open_tasks import TaskReport
from cache.work import Comparison
from pages.components import address, charts, open_asking, typed_path
from pages.components.words import plain

TASKS = Path(__file__).resolve().parents[2] / "demo" / "tasks"
OWN = "own"
OWN_FOLDER = "task_folder"  # in the address: the digest of the path that was typed
NO_FOLDER = "This link shows a task folder that was typed elsewhere: name it below, or open the link where it was made."
SHIPPED = {
    "gsm8k": "GSM8K: sums in words, exact match",
    "xsum": "XSum: one sentence about an article, ROUGE",
    OWN: "A task folder of my own",
}
WHENCE = {
    "gsm8k": "GSM8K's own `test.jsonl` and `train.jsonl` (fields `question`, `answer`) are in the repository "
    "openai/grade-school-math on GitHub.",
    "xsum": "XSum's test split (fields `document`, `summary`) is EdinburghNLP/xsum on the Hugging Face hub: "
    '`datasets.load_dataset("EdinburghNLP/xsum", split="test").to_json("test.jsonl")` writes it.',
}
PERCENTS = (5.0, 20.0, 40.0)
SPOKEN_OF = 20.0
LIMITS = {"50": 50, "200": 200, "500": 500, "all": None}
SHARES = {name: st.column_config.NumberColumn(format="percent") for name in ("value", "low", "high")}


def show() -> None:
    """The task and how many of its documents, then the stored answer or the way to it."""
    st.markdown(
        "**Does restoration, which wins facts back, cost something elsewhere?** The paper asks XSum and GSM8K (Table "
        "5; its values are not held here). Any task that lm-eval describes in YAML can be asked of the base, the tuned "
        "model and its restored states, from documents on this machine; nothing is downloaded."
    )
    pair = open_asking.pair()
    if pair is None:
        return
    folder, limit = _chosen()
    if folder is None:
        st.caption("A folder on the machine this dashboard runs on, with one YAML file and its documents beside it.")
        return
    try:
        task = load_task(folder, limit=limit)  # what is missing or not supported is told before anything is asked
    except QuestionError as error:
        if error.code != "task-documents":
            raise
        _bring_documents(folder, error)
        return
    report = workspace().known_task(pair, folder, specs(), limit=limit)
    if report is None:
        states = len(specs()) + 2
        open_asking.offer(
            "task",
            "Ask the task",
            f"{numbers.count(len(task.prompts))} documents with {task.shots} worked examples each, of "
            f"{numbers.count(states)} states: up to {numbers.count(task.max_new_tokens)} new tokens an answer. What is "
            "cut short goes on where it was.",
            "task",
            pair,
            str(folder),
            specs(),
            limit=limit,
        )
        return
    _answer(report, pair, folder, limit)


def _bring_documents(folder: Path, error: QuestionError) -> None:
    """No documents lie beside the task: where they come from, where they go, and another look."""
    with st.container(border=True, key="task-documents"):
        st.markdown(
            f"**The documents of {plain(folder.name)} are not on this machine yet**, and nothing is downloaded."
        )
        for step in filter(None, (WHENCE.get(folder.name), *error.items)):
            st.markdown(f"- {step}")
        st.code(str(folder), language=None, wrap_lines=True)
        st.button("Look again", key="task-look", icon=":material/refresh:")


def _chosen() -> tuple[Path | None, int | None]:
    """The task's folder, and the first so many documents."""
    address.hold(address.one_of("task_choice", SHIPPED, "gsm8k"), address.one_of("task_limit", LIMITS, "200"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        choice = str(st.selectbox("Task", list(SHIPPED), format_func=SHIPPED.get, key="task_choice", width=330))
        limit = LIMITS[str(st.selectbox("Documents, the first", list(LIMITS), key="task_limit", width=170))]
    if choice != OWN:
        return TASKS / choice, limit
    given = typed_path.ask(
        "Its folder", key="task_path", name=OWN_FOLDER, placeholder="/tasks/my-task", elsewhere=NO_FOLDER
    )
    return (Path(given) if given else None), limit


def specs() -> tuple[RestoreSpec, ...]:
    """The states asked beside base and tuned: the paper's order, and as many at random."""
    return tuple(RestoreSpec(percent, order) for order in ("relative-top", "random") for percent in PERCENTS)


def _answer(report: TaskReport, pair: Comparison, folder: Path, limit: int | None) -> None:
    words = figures.task_words(report.table, SPOKEN_OF)
    st.info(words, icon=":material/insights:")
    names = figures.scores_of(report.table)
    address.hold(address.one_of("task_score", names, names[0]))
    score = str(st.segmented_control("Score", names, required=True, key="task_score") or names[0])
    command = _command(pair, folder, limit)
    shared: dict[str, Any] = {"about": partial(_about, report, folder, limit, score, command)}
    charts.show(figures.task_curve(report.table, score), key=f"task-{score}", alt=words, **shared)
    with st.expander("The same in numbers"):
        charts.table(report.table, key="task_rows", columns=SHARES, alt=words, **shared)
    open_asking.foot(
        command,
        "Answers are greedy; worked examples are the same for every document and not those lm-eval would draw, ROUGE "
        "is taken without stemming: compare states here with each other, not with published scores.",
        "One draw of the random control, which restores as many parameters, changed or not.",
    )


def _about(report: TaskReport, folder: Path, limit: int | None, score: str, command: str) -> About:
    """What it hangs on, of the session's pair; the task is read, for its hash, when it is asked for."""
    further = {
        "task": report.name,
        "task's hash": digest(asdict(load_task(folder, limit=limit)))[: open_asking.ID_LENGTH],
        "documents": report.n,
        "worked examples": report.shots,
        "score": score,
        "restored": f"relative-top and random at k = {', '.join(f'{percent:g}%' for percent in PERCENTS)}",
        "arithmetic": "exact",
        "seed": 0,
    }
    return About(command=command, further=further)


def _command(pair: Comparison, folder: Path, limit: int | None) -> str:
    percents = ",".join(f"{percent:g}" for percent in PERCENTS)
    told = ("--percents", percents, *(("--limit", limit) if limit else ()))
    return open_asking.command("task", pair.base, pair.tuned, folder, *told)
