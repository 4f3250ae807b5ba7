"""An evaluation: every question once, the numbers over the answers, partial results that are a random sample's."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from analysis.errors import Cancelled, LanguageError, QuestionError
from analysis.knowledge.asking import decode, decodes_bytewise, stop_at_scores
from analysis.knowledge.drafts import Bank
from analysis.knowledge.evaluation import evaluate
from analysis.knowledge.prompts import encode_prompt, resolve_prompt
from analysis.knowledge.questions import QuestionSet, load_questions
from analysis.knowledge.scoring import score
from analysis.language.generate import greedy
from analysis.language.load import LanguageModel, load_model
from analysis.records import Answered, PartialEvaluation, Question, Silent


@pytest.fixture(scope="module")
def lm(tiny_pair: Any) -> LanguageModel:
    return load_model(tiny_pair.base, dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def asked(tiny_pair: Any) -> QuestionSet:
    return load_questions(tiny_pair.questions)


class Watcher(Silent):
    """Keeps what it is told, and cancels after `patience` reports."""

    def __init__(self, patience: int = 10**9) -> None:
        self.told: list[PartialEvaluation] = []
        self._patience = patience

    def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
        assert isinstance(partial, PartialEvaluation)
        assert (partial.done, partial.total) == (done, total)
        self.told.append(partial)

    def cancelled(self) -> bool:
        return len(self.told) >= self._patience


def answered(name: str, output: str, question: Question) -> Answered:
    return Answered(name, (0,), (), output, "eos", score(output, question))


def test_every_row_is_the_models_greedy_answer_scored(lm: LanguageModel, asked: QuestionSet) -> None:
    result = evaluate(lm, asked)
    assert [row.id for row in result.rows] == [question.id for question in asked.questions]
    prompts = [encode_prompt(lm.tokenizer, resolve_prompt("paper"), question.question) for question in asked.questions]
    for row, question, prompt, plain in zip(result.rows, asked.questions, prompts, greedy(lm, prompts), strict=True):
        assert row.prompt_ids == tuple(prompt)
        if row.stopped != "scores":
            assert (row.token_ids, row.stopped) == (plain.token_ids, plain.stopped)
        assert row.output == lm.tokenizer.decode(row.token_ids, skip_special_tokens=True)
        assert row.correct == score(lm.tokenizer.decode(plain.token_ids, skip_special_tokens=True), question)


def test_the_numbers_are_those_of_the_rows(lm: LanguageModel, asked: QuestionSet) -> None:
    result = evaluate(lm, asked)
    right = sum(row.correct["contains"] for row in result.rows)
    assert 0 < right < result.n == 80
    assert result.correct["contains"] == right
    assert result.accuracy["contains"] == right / 80
    low, high = result.wilson95["contains"]
    assert low < right / 80 < high
    assert set(result.by_domain) == {"in", "out"}
    for part in result.by_domain.values():
        assert part.n == 40
        assert {level: tally.n for level, tally in part.levels.items()} == dict.fromkeys(range(5), 8)
        assert part.macro == pytest.approx(sum(tally.accuracy for tally in part.levels.values()) / 5, abs=1e-12)
        assert part.macro95 is not None and part.macro95[0] <= part.macro <= part.macro95[1]
    assert right == sum(tally.correct for part in result.by_domain.values() for tally in part.levels.values())


def test_the_engine_says_how_the_answers_were_made(lm: LanguageModel, asked: QuestionSet) -> None:
    engine = evaluate(lm, asked, batch_size=16).engine
    assert engine["batch_rows"] == 16
    assert engine["threads"] == torch.get_num_threads()
    assert (engine["bos"], engine["bos_reason"]) == ("<s>", "added")
    assert (engine["decoded_rows"], engine["verified_rows"]) == (80, 0)


def test_neither_order_nor_batch_nor_drafts_change_an_answer(lm: LanguageModel, asked: QuestionSet) -> None:
    plain = evaluate(lm, asked)
    assert evaluate(lm, asked, seed=7).rows == plain.rows
    assert evaluate(lm, asked, batch_size=9).rows == plain.rows
    drafts = {row.id: [row.token_ids] for row in plain.rows[:60]} | {"unknown": [(1, 2)]}
    drafted = evaluate(lm, asked, drafts=Bank(drafts))
    assert drafted.rows == plain.rows
    assert (drafted.engine["verified_rows"], drafted.engine["decoded_rows"]) == (60, 20)


def test_a_nearby_model_with_drafts_answers_as_without(lm: LanguageModel, tiny_pair: Any, asked: QuestionSet) -> None:
    tuned = load_model(tiny_pair.tuned, dtype="float32", device="cpu")
    bank = Bank()
    evaluate(lm, asked, drafts=bank)
    assert evaluate(tuned, asked, drafts=bank).rows == evaluate(tuned, asked).rows
    again = evaluate(tuned, asked, drafts=bank)  # the bank learned the tuned model's own answers
    assert again.engine["verified_rows"] == 80


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_in_low_precision_a_state_has_one_answer_whatever_was_asked_before(
    tiny_pair: Any, asked: QuestionSet, dtype: str
) -> None:
    base, tuned = (load_model(path, dtype=dtype, device="cpu") for path in (tiny_pair.base, tiny_pair.tuned))
    plain = evaluate(tuned, asked)
    bank = Bank({question.id: [(5, 6, 7)] for question in asked.questions})
    evaluate(base, asked, drafts=bank, seed=3)
    assert evaluate(tuned, asked, drafts=bank).rows == plain.rows
    again = evaluate(tuned, asked, drafts=bank, seed=5)
    assert again.rows == plain.rows
    assert (again.engine["verified_rows"], again.engine["layout_rows"]) == (80, 32)


def test_drafts_that_do_not_hold_are_given_up(lm: LanguageModel, asked: QuestionSet) -> None:
    wrong = Bank({question.id: [(5, 6, 7) * 5] for question in asked.questions})
    plain, misled = evaluate(lm, asked, batch_size=10), evaluate(lm, asked, batch_size=10, drafts=wrong)
    assert misled.rows == plain.rows
    assert misled.engine["verified_rows"] == 0
    assert not wrong.worth.pays


def test_partial_results_grow_to_the_whole_and_hold_it(lm: LanguageModel, asked: QuestionSet) -> None:
    watcher = Watcher()
    result = evaluate(lm, asked, batch_size=8, progress=watcher)
    assert [told.done for told in watcher.told] == [16, 32, 48, 64, 80]
    whole = result.accuracy["contains"]
    for told in watcher.told:
        low, high = told.interval95
        assert low <= whole <= high and low <= told.accuracy <= high
    assert watcher.told[-1].accuracy == whole
    assert watcher.told[-1].interval95 == (whole, whole)


def test_close_calls_of_the_last_state_are_asked_first_and_the_result_is_the_same(
    lm: LanguageModel, tiny_pair: Any, asked: QuestionSet
) -> None:
    tuned = load_model(tiny_pair.tuned, dtype="float32", device="cpu")
    bank, watcher = Bank(), Watcher()
    evaluate(lm, asked, drafts=bank)
    bank.rows_per_second = None
    result = evaluate(tuned, asked, drafts=bank, batch_size=8, progress=watcher)
    assert result.rows == evaluate(tuned, asked).rows
    assert [told.done for told in watcher.told] == [16, 32, 48, 64, 80]  # 32 close calls first
    whole = result.accuracy["contains"]
    assert all(told.interval95[0] <= whole <= told.interval95[1] for told in watcher.told)
    assert watcher.told[-1].interval95 == (whole, whole)


def test_cancelling_stops_between_blocks(lm: LanguageModel, asked: QuestionSet) -> None:
    watcher = Watcher(patience=2)
    with pytest.raises(Cancelled):
        evaluate(lm, asked, batch_size=8, progress=watcher)
    assert len(watcher.told) == 2


def test_a_model_that_emits_only_the_end_answers_nothing_and_is_wrong(lm: LanguageModel, asked: QuestionSet) -> None:
    silent = replace(lm, eos_ids=frozenset(range(len(lm.tokenizer))))
    result = evaluate(silent, asked)
    assert all(row.output == "" and row.token_ids == () and row.stopped == "eos" for row in result.rows)
    assert set(result.accuracy.values()) == {0.0}


def test_one_question_is_enough_and_none_is_refused(lm: LanguageModel, asked: QuestionSet) -> None:
    one = evaluate(lm, QuestionSet(asked.questions[:1], "one"))
    assert one.n == 1 and set(one.by_domain) == {"in"}
    with pytest.raises(QuestionError, match="no questions"):
        evaluate(lm, QuestionSet((), "none"))


def test_questions_too_long_for_the_model_are_named(lm: LanguageModel) -> None:
    long = Question("long", "why " * 200, ("x",))
    with pytest.raises(LanguageError) as caught:
        evaluate(lm, QuestionSet((long, Question("short", "why", ("x",))), "set"))
    assert len(caught.value.items) == 1 and caught.value.items[0].startswith("long:")


def test_a_row_stops_early_only_where_its_scores_are_settled(lm: LanguageModel) -> None:
    question = Question("a", "Where?", ("Paris",))
    finished = stop_at_scores(lm.tokenizer, [question])
    assert finished is not None

    def stop(text: str) -> str | None:
        ids = lm.tokenizer(text, add_special_tokens=False)["input_ids"]
        reasons = [finished(0, ids[: place + 1]) for place in range(len(ids))]
        assert all(reason is None for reason in reasons[:-1])
        return reasons[-1]

    assert stop("in Paris\n") == "scores"
    assert stop("in Paris") is None
    assert stop("Lyon\n") is None
    assert stop("\n") is None


def test_a_tokenizer_that_does_not_decode_byte_by_byte_never_stops_a_row_early(lm: LanguageModel) -> None:
    from tokenizers import Tokenizer, decoders, models
    from transformers import PreTrainedTokenizerFast

    plain = Tokenizer(models.WordLevel(vocab={"Paris": 0, "\n": 1, "?": 2}, unk_token="?"))
    plain.decoder = decoders.Metaspace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain)
    assert decodes_bytewise(lm.tokenizer) and not decodes_bytewise(tokenizer)
    assert stop_at_scores(tokenizer, []) is None


def test_special_tokens_are_left_out_of_the_text_and_spaces_kept(lm: LanguageModel) -> None:
    ids = [0, *lm.tokenizer(" Ann . , born", add_special_tokens=False)["input_ids"], 1]
    assert decode(lm.tokenizer, [ids, []]) == [" Ann . , born", ""]
