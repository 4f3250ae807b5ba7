"""A task in lm-eval's format, from local files: read as it stands, refused by name where it cannot be asked."""

import json
from pathlib import Path

import pytest

from analysis.errors import LanguageError, QuestionError
from analysis.knowledge.asking import decode
from analysis.knowledge.prompts import encode_text
from analysis.knowledge.task_asking import ask_task, cut
from analysis.knowledge.task_files import load_task
from analysis.language.generate import greedy
from analysis.language.load import load_model
from analysis.records import RestoreSpec, Silent
from cache.asked import Comparison
from cache.work import Workspace
from tests.conftest import TinyPair

SUMS = r"""
task: sums
dataset_path: somebody/sums
output_type: generate_until
training_split: train
fewshot_split: train
test_split: test
num_fewshot: 2
doc_to_text: "Question: {{question}}\nAnswer:"
doc_to_target: "{{answer.split('### ')[-1].rstrip()}}"
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
    ignore_case: true
    regexes_to_ignore: [",", "\\$"]
generation_kwargs:
  until: ["Question:", "</s>"]
  do_sample: false
  max_gen_toks: 6
filter_list:
  - name: strict
    filter:
      - function: regex
        regex_pattern: "#### (\\-?[0-9\\.\\,]+)"
      - function: take_first
  - name: as it is
    filter:
      - function: take_first
metadata: {version: 3.0}
"""


def _write(folder: Path, text: str = SUMS, **splits: list[dict[str, str]]) -> Path:
    (folder / "sums.yaml").write_text(text)
    for name, rows in splits.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    train = [{"question": f"{n} + 1?", "answer": f"one more\n### {n + 1}"} for n in range(5)]
    return _write(tmp_path, train=train, test=[{"question": f"{n} + 2?", "answer": f"### {n + 2}"} for n in range(3)])


def test_a_task_file_is_read_with_its_shots_targets_filters_and_stops(folder: Path) -> None:
    task = load_task(folder)
    assert (task.name, task.shots, task.targets) == ("sums", 2, ("2", "3", "4"))
    assert task.prompts[0].endswith("\n\nQuestion: 0 + 2?\nAnswer:")
    assert task.prompts[0].count("Question:") == 3 and "Answer: " in task.prompts[0]
    assert task.prompts[0].removesuffix("Question: 0 + 2?\nAnswer:") == task.prompts[1].removesuffix(
        "Question: 1 + 2?\nAnswer:"
    )
    assert task.until == ("Question:", "</s>") and task.max_new_tokens == 6
    assert set(task.filters) == {"strict", "as it is"}
    assert load_task(folder / "sums.yaml", limit=2).targets == ("2", "3")
    assert load_task(folder, seed=1).prompts != task.prompts


def test_an_included_file_is_read_and_overridden(folder: Path) -> None:
    (folder / "shorter.yaml").write_text("include: sums.yaml\nnum_fewshot: 0\ntask: shorter\n")
    task = load_task(folder / "shorter.yaml")
    assert (task.name, task.shots, task.prompts[0]) == ("shorter", 0, "Question: 0 + 2?\nAnswer:")


def test_everything_that_cannot_be_asked_is_named_at_once(tmp_path: Path) -> None:
    _write(
        tmp_path,
        "doc_to_text: !function utils.ask\noutput_type: multiple_choice\nprocess_docs: !function utils.clean\n"
        "repeats: 5\ngeneration_kwargs: {do_sample: true}\nmetric_list: [{metric: bleu}]\n",
    )
    with pytest.raises(QuestionError) as caught:
        load_task(tmp_path)
    told = "\n".join(caught.value.items)
    for words in ("utils.ask", "multiple_choice", "process_docs", "doc_to_target is missing", "repeats", "bleu"):
        assert words in told
    assert "sampling" in told


def test_documents_that_are_not_there_are_not_downloaded(tmp_path: Path) -> None:
    _write(tmp_path)
    with pytest.raises(QuestionError, match="nothing is downloaded"):
        load_task(tmp_path)
    with pytest.raises(QuestionError, match="should hold one task"):
        load_task(tmp_path / "nowhere")


def test_a_template_runs_in_a_sandbox(tmp_path: Path) -> None:
    text = "doc_to_text: \"{{ ''.__class__.__mro__[1].__subclasses__() }}\"\ndoc_to_target: answer\n"
    _write(tmp_path, text, test=[{"answer": "x"}])
    with pytest.raises(QuestionError, match="cannot be filled"):
        load_task(tmp_path)
    (tmp_path / "sums.yaml").write_text('doc_to_text: "{{missing}}"\ndoc_to_target: answer\n')
    with pytest.raises(QuestionError, match="missing"):
        load_task(tmp_path)


def test_answers_are_greedy_and_cut_at_the_first_stop(folder: Path, tiny_pair: TinyPair) -> None:
    lm = load_model(tiny_pair.base, dtype="float32", device="cpu")
    short = (folder / "sums.yaml").read_text().replace("num_fewshot: 2", "num_fewshot: 0")
    (folder / "sums.yaml").write_text(short)
    task = load_task(folder)
    found = ask_task(lm, task, Silent())
    plain = greedy(lm, [encode_text(lm.tokenizer, text) for text in task.prompts], max_new_tokens=6)
    told = decode(lm.tokenizer, [one.token_ids for one in plain])
    assert found.answers == tuple(cut(text, task.until) for text in told)
    assert {(one.filter, one.n) for one in found.scores} == {("strict", 3), ("as it is", 3)}
    assert cut("7\nQuestion: 8?", ("Question:", "\n")) == "7"


def test_the_workspace_asks_every_state_and_remembers_the_answers(
    folder: Path, tiny_pair: TinyPair, tmp_path_factory: pytest.TempPathFactory
) -> None:
    short = (folder / "sums.yaml").read_text().replace("num_fewshot: 2", "num_fewshot: 0")
    (folder / "sums.yaml").write_text(short)
    home = tmp_path_factory.mktemp("home")
    pair = Comparison(str(tiny_pair.base), str(tiny_pair.tuned))
    report = Workspace(home).task(pair, folder, [RestoreSpec(20.0)])
    assert set(report.table["strategy"]) == {"base", "tuned", "relative-top"} and report.n == 3
    again = Workspace(home).task(pair, folder, [RestoreSpec(20.0)])
    assert again.table.equals(report.table)
    assert len(list((home / "results" / "task").iterdir())) == 3


def test_a_prompt_too_long_for_the_model_is_told(tiny_pair: TinyPair, tmp_path: Path) -> None:
    text = 'doc_to_text: "{{q}}"\ndoc_to_target: "x"\n'
    _write(tmp_path, text, test=[{"q": "word " * 400}])
    lm = load_model(tiny_pair.base, dtype="float32", device="cpu")
    with pytest.raises(LanguageError, match="cannot be given"):
        ask_task(lm, load_task(tmp_path), Silent())
