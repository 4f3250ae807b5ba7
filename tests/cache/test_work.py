"""The work over one store: computed once, found again by everybody, keyed by the weights used."""

import resource
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from analysis.errors import Cancelled, StoreError
from analysis.knowledge.texts import read_texts
from analysis.records import RestoreSpec, Silent
from cache.work import Asking, Comparison, Workspace


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def pair(tiny_pair: Any) -> Comparison:
    return Comparison(str(tiny_pair.base), str(tiny_pair.tuned))


@pytest.fixture
def asking(tiny_pair: Any) -> Asking:
    return Asking(str(tiny_pair.questions))


def test_nothing_is_known_before_it_is_computed(tmp_path: Path, pair: Comparison, asking: Asking) -> None:
    workspace = Workspace(tmp_path)
    assert workspace.known_profile(pair) is None
    assert workspace.known_evaluation(pair, "tuned", asking) is None
    assert workspace.known_stops(pair, asking) == ()


def test_a_stop_computed_once_is_there_for_another_process(home: Path, pair: Comparison, asking: Asking) -> None:
    spec = RestoreSpec(20)
    stop = Workspace(home).stop(pair, spec, asking)
    other = Workspace(home)
    found = other.known_evaluation(pair, spec, asking)
    assert found == stop.evaluation
    (known,) = other.known_stops(pair, asking)
    assert known == replace(stop, evaluation=replace(stop.evaluation, rows=()))
    assert stop.count.count == int(0.2 * stop.count.region_parameters)


def test_no_restoration_is_the_tuned_model_and_all_of_it_the_base(home: Path, pair: Comparison, asking: Asking) -> None:
    workspace = Workspace(home)
    for state, spec in (("tuned", RestoreSpec(0)), ("base", RestoreSpec(100, region="all"))):
        assert workspace.evaluation(pair, spec, asking) == workspace.evaluation(pair, state, asking)  # type: ignore[arg-type]
    alone = workspace.evaluation_of(pair.base, asking)
    assert [row.token_ids for row in alone.rows] == [
        row.token_ids for row in workspace.evaluation(pair, "base", asking).rows
    ]


def test_whatever_changes_the_answer_is_another_result(home: Path, pair: Comparison, asking: Asking) -> None:
    workspace = Workspace(home)
    workspace.evaluation(pair, "tuned", asking)
    changes: tuple[dict[str, Any], ...] = ({"prompt": "qa"}, {"limit": 10}, {"dtype": "bfloat16"}, {"shots": 1})
    for change in changes:
        assert workspace.known_evaluation(pair, "tuned", replace(asking, **change)) is None


def test_a_checkpoint_replaced_on_disk_is_not_mistaken_for_the_old_one(
    tmp_path: Path, tiny_pair: Any, asking: Asking
) -> None:
    import shutil

    tuned = tmp_path / "tuned"
    shutil.copytree(tiny_pair.tuned, tuned)
    workspace = Workspace(tmp_path / "home")
    pair = Comparison(str(tiny_pair.base), str(tuned))
    before = workspace.evaluation(pair, "tuned", asking)
    shutil.rmtree(tuned)
    shutil.copytree(tiny_pair.base, tuned)
    assert workspace.known_evaluation(pair, "tuned", asking) is None
    after = workspace.evaluation(pair, "tuned", asking)
    assert [row.token_ids for row in after.rows] == [
        row.token_ids for row in workspace.evaluation(pair, "base", asking).rows
    ]
    assert [row.token_ids for row in before.rows] != [row.token_ids for row in after.rows]


class _CancelledAfter(Silent):
    def __init__(self, looks: int) -> None:
        self.looks = looks

    def cancelled(self) -> bool:
        self.looks -= 1
        return self.looks < 0


def test_work_cancelled_in_the_middle_harms_nothing(tmp_path: Path, pair: Comparison, asking: Asking) -> None:
    workspace = Workspace(tmp_path)
    expected = Workspace(tmp_path / "other").stop(pair, RestoreSpec(10), asking).evaluation.rows
    workspace.evaluation(pair, "tuned", asking)
    for looks in range(2):
        with pytest.raises(Cancelled):
            workspace.stop(pair, RestoreSpec(10), asking, _CancelledAfter(looks))
    assert workspace.stop(pair, RestoreSpec(10), asking).evaluation.rows == expected


def test_a_sweep_has_its_controls_and_its_choice(home: Path, pair: Comparison, asking: Asking) -> None:
    report = Workspace(home).sweep(pair, asking, (0, 10, 40), ("relative-top", "random"), (0, 1))
    made = [(stop.spec.strategy, stop.spec.seed, stop.spec.percent) for stop in report.stops]
    assert made == [
        *(("relative-top", 0, percent) for percent in (0, 10, 40)),
        *(("random", seed, percent) for seed in (0, 1) for percent in (0, 10, 40)),
    ]
    assert report.choice is not None
    assert report.choice.choose_n + report.choice.report_n == report.tuned.n
    flips = report.stops[1].versus_tuned
    assert flips.fixed + flips.broken + flips.still_right + flips.still_wrong == report.tuned.n


def test_divergence_is_stored_and_a_model_does_not_diverge_from_itself(
    home: Path, pair: Comparison, tiny_pair: Any
) -> None:
    texts = read_texts(tiny_pair.prompts)
    report = Workspace(home).divergence(pair, texts)
    assert Workspace(home).known_divergence(pair, texts) == report
    assert report.mean_kl_full_nats is not None and report.mean_kl_full_nats > 0
    same = Workspace(home).divergence(pair, texts, state=RestoreSpec(100, region="all"))
    assert {token.kl_full_nats for prompt in same.prompts for token in prompt.tokens} == {None, 0.0}


def test_recent_pairs_come_newest_first_without_repeats(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    for base in ("a", "b", "a"):
        workspace.remember(Comparison(base, "t"))
    assert [pair.base for pair in Workspace(tmp_path).recent()] == ["a", "b"]


def test_work_started_in_the_background_is_found_in_the_store(tmp_path: Path, pair: Comparison, asking: Asking) -> None:
    workspace = Workspace(tmp_path)
    job = workspace.start("stop", "stop", pair, RestoreSpec(5), asking, watcher="me")
    view = workspace.jobs.wait(job, 60)
    assert view is not None and view.state == "done", view
    assert workspace.known_evaluation(pair, RestoreSpec(5), asking) is not None
    workspace.close()


def test_an_adapter_is_a_tuned_side_too(tmp_path: Path, tiny_pair: Any, asking: Asking) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_pair.base, dtype=torch.float32)
    adapted = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False))
    adapted.save_pretrained(tmp_path / "adapter")
    pair = Comparison(str(tiny_pair.base), str(tmp_path / "adapter"))
    workspace = Workspace(tmp_path / "home")
    tuned, base = (workspace.evaluation(pair, state, asking) for state in ("tuned", "base"))
    assert [row.token_ids for row in tuned.rows] != [row.token_ids for row in base.rows]
    alone = workspace.evaluation_of(str(tiny_pair.base), asking)
    assert [row.token_ids for row in base.rows] == [row.token_ids for row in alone.rows]
    assert workspace.stop(pair, RestoreSpec(100), asking).evaluation.rows == base.rows


def test_the_prompt_shown_is_the_prompt_asked_shots_included(home: Path, pair: Comparison, asking: Asking) -> None:
    workspace = Workspace(home)
    shown = replace(asking, shots=1, prompt="qa", limit=4)
    found = workspace.evaluation(pair, "tuned", shown)
    asked = {question.id: question.question for question in workspace.question_set(shown).questions}
    views = {row.id: workspace.prompt_preview(pair, shown, asked[row.id]) for row in found.rows}
    assert all(views[row.id].ids == row.prompt_ids for row in found.rows)
    assert workspace.prompt_preview(pair, shown) == views[found.rows[0].id]
    (shot,) = workspace.question_set(shown).shots
    assert views[found.rows[0].id].text.startswith(
        f"<s>Question: {shot.question}\nAnswer: {shot.answers[0]}\n\nQuestion: "
    )
    assert found.engine["shots"] == 1 and found.engine["bos_reason"] == "added"
    assert found.engine["first_prompt"] == views[found.rows[0].id].text


def test_a_sweep_chooses_on_the_dev_split_where_there_is_one(
    home: Path, pair: Comparison, asking: Asking, tmp_path: Path
) -> None:
    lines = Path(asking.questions).read_text().splitlines(keepends=True)
    (tmp_path / "own-dev.jsonl").write_text("".join(lines[:30]))
    (tmp_path / "own-test.jsonl").write_text("".join(lines[30:]))
    report = Workspace(home).sweep(pair, replace(asking, questions=str(tmp_path), limit=16), (0, 40), ("random",))
    assert report.choice is not None and report.choice.chosen_on == "dev"
    assert (report.choice.choose_n, report.choice.report_n) == (16, 16)
    assert all(stop.three_way is not None and stop.three_way.n == 16 for stop in report.stops)


def test_a_base_with_another_vocabulary_or_head_is_asked_by_itself(
    tmp_path: Path, tiny_pair: Any, asking: Asking
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(tiny_pair.tuned, dtype="auto")
    tokenizer = AutoTokenizer.from_pretrained(tiny_pair.tuned)
    tokenizer.add_tokens(["<|new|>"])
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    with torch.no_grad():
        model.get_input_embeddings().weight[-1] = 9.0  # the added token outshouts every other one
    for writer in (model, tokenizer):
        writer.save_pretrained(tmp_path / "grown")
    workspace, grown = Workspace(tmp_path / "home"), Comparison(str(tiny_pair.base), str(tmp_path / "grown"))
    report = workspace.sweep(grown, asking, percents=(20,), strategies=("relative-top",))
    assert report.base == workspace.evaluation_of(grown.base, asking)
    assert report.base != report.tuned
    assert Workspace(tmp_path / "home").known_evaluation(grown, "base", asking) == report.base


def test_a_question_file_written_anew_is_read_anew(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "own.jsonl"
    workspace, asking = Workspace(home), Asking(str(file))
    for name in ("first", "second one"):
        file.write_text(f'{{"question": "{name}?", "answers": ["x"]}}\n')
        assert workspace.question_set(asking).questions[0].question == f"{name}?"
    assert workspace.question_set(asking) is workspace.question_set(asking)


def test_a_store_that_may_only_be_read_gives_what_it_holds_for_copies_of_the_models(
    tmp_path: Path, tiny_pair: Any, asking: Asking
) -> None:
    pair = Comparison(str(tiny_pair.base), str(tiny_pair.tuned))
    stop = Workspace(tmp_path / "home").stop(pair, RestoreSpec(20), asking)
    copies = [shutil.copytree(side, tmp_path / side.name) for side in (tiny_pair.base, tiny_pair.tuned)]
    workspace, elsewhere = Workspace(tmp_path / "home"), Comparison(*map(str, copies))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        workspace.profile(elsewhere)
        assert workspace.evaluation(elsewhere, RestoreSpec(20), asking).rows == stop.evaluation.rows
        with pytest.raises(StoreError, match="Nothing can be stored"):
            workspace.evaluation(elsewhere, RestoreSpec(30), asking)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
