"""The shipped GSM8K and XSum tasks, on a few made-up documents beside them: read, cut, filtered and scored as said."""

import json
import shutil
from pathlib import Path

import pytest

from analysis.errors import QuestionError
from analysis.knowledge.task_asking import cut
from analysis.knowledge.task_files import load_task
from analysis.knowledge.task_scores import apply_filters, score

TASKS = Path(__file__).resolve().parents[2] / "demo" / "tasks"
SUMS = [
    {"question": f"Ann has {n} hens and buys {n}. How many?", "answer": f"She has {n}+{n}={2 * n}.\n#### {2 * n}"}
    for n in range(1, 8)
]
ARTICLES = [{"document": f"Rain fell for {n} days in Hull.", "summary": f"Hull had {n} wet days."} for n in (2, 3)]


def beside(folder: Path, name: str, **splits: list[dict[str, str]]) -> Path:
    """The shipped task in a folder with these documents."""
    shutil.copy(TASKS / name / f"{name}.yaml", folder)
    for split, rows in splits.items():
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.mark.parametrize("name", ["gsm8k", "xsum"])
def test_without_documents_a_shipped_task_says_where_they_go(name: str) -> None:
    with pytest.raises(QuestionError) as told:
        load_task(TASKS / name)
    assert "nothing is downloaded" in str(told.value) and "test.jsonl" in " ".join(told.value.items)


def test_gsm8k_is_asked_with_five_worked_examples_and_scored_by_its_last_number(tmp_path: Path) -> None:
    task = load_task(beside(tmp_path, "gsm8k", train=SUMS, test=SUMS[:2]))
    assert (task.shots, len(task.prompts)) == (5, 2)
    assert task.prompts[0].count("#### ") == 5 and task.prompts[0].endswith("How many?\nAnswer:")
    answer = cut(" That is 1+1=2.\n#### 2\nQuestion: more?", task.until)
    (metric,) = task.metrics
    scored = {
        name: [score(apply_filters(text, steps), task.targets[0], metric) for text in (answer, "so 2 of them", "5")]
        for name, steps in task.filters.items()
    }
    assert scored == {"strict-match": [1.0, 0.0, 0.0], "flexible-extract": [1.0, 1.0, 0.0]}


def test_xsum_is_asked_for_one_sentence_and_scored_by_the_words_it_shares(tmp_path: Path) -> None:
    task = load_task(beside(tmp_path, "xsum", test=ARTICLES))
    assert task.prompts[0].startswith("Article: Rain fell for 2 days in Hull.") and task.shots == 0
    assert cut(" Hull was wet.\nArticle: next", task.until) == " Hull was wet."
    assert [metric.name for metric in task.metrics] == ["rouge1", "rouge2", "rougeL"]
    assert [score("Hull had 2 dry days.", task.targets[0], metric) for metric in task.metrics] == pytest.approx(
        [0.8, 0.5, 0.8]  # four of five words, two of four pairs, four in order
    )
