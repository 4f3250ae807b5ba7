"""Mastery: the paper's levels, and branching samples that are what sampling one by one would give."""

import hashlib
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from analysis.errors import Cancelled, QuestionError, SpecError
from analysis.knowledge.mastery import PartialMastery, Protocol, level_of, measure
from analysis.knowledge.mastery_join import join_mastery
from analysis.knowledge.mastery_table import MasteryTable, read_mastery
from analysis.knowledge.prompts import encode_text
from analysis.knowledge.scoring import score
from analysis.language.load import LanguageModel, load_model
from analysis.language.sample import sample
from analysis.records import Question, ResultKey, Silent
from cache.store import Store

TEMPLATES = {
    "P19": ("{subject} was born in", "The birthplace of {subject}, as all know, is", "Born: {subject} in"),
    "P20": ("{subject} died in", "The place where {subject} died is", "Died: {subject} in"),
}
FACTS = tuple(
    Question(f"{relation}-{n}", f"? {n}", (answer,), relation, f"Ada {n}")
    for relation in TEMPLATES
    for n, answer in enumerate("abcdefghijklmnopqrs.tuvxyz")
)
KEY = ResultKey("mastery", 1, {"weights": "w"})


def make_model(folder: Path, change: Callable[[LlamaForCausalLM], None] | None = None) -> LanguageModel:
    """One token a byte; a random model whose head is scaled up, so that it has clear but divided opinions."""
    vocabulary = {"<s>": 0, "</s>": 1}
    vocabulary |= {letter: n + 2 for n, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>").save_pretrained(folder)
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        **{"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4},
        **{"max_position_embeddings": 128, "bos_token_id": 0, "eos_token_id": 1, "tie_word_embeddings": False},
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        model.lm_head.weight.mul_(25)
        model.lm_head.weight[:99].mul_(1.6)  # printable characters
        if change:
            change(model)
    model.save_pretrained(folder)
    return load_model(folder, dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def lm(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return make_model(tmp_path_factory.mktemp("models") / "base")


def successes(table: MasteryTable) -> list[list[int]]:
    return [list(map(int, row)) for row in table.frame["successes"]]


# --- levels ----------------------------------------------------------------------------------------------------


def test_levels_at_their_exact_boundaries() -> None:
    up, down = (lambda x: float(np.nextafter(x, 2))), (lambda x: float(np.nextafter(x, -1)))
    assert [level_of(share) for share in (0.0, up(0.0), 0.25, up(0.25))] == [0, 1, 1, 2]
    assert [level_of(share) for share in (0.5, up(0.5), 0.75, up(0.75), down(1.0), 1.0)] == [2, 3, 3, 4, 4, 4]
    # 210 completions: 52 of them are R = 0.2476, 53 are R = 0.2524; 105 of them are exactly R = 0.5
    assert [level_of(hits / 210) for hits in (0, 1, 52, 53, 105, 106, 210)] == [0, 1, 1, 2, 2, 3, 4]


def test_levels_of_any_count_agree_with_whole_number_arithmetic() -> None:
    for total in (3, 10, 21, 210, 840):
        for hits in range(total + 1):
            assert level_of(hits / total) == -(-4 * hits // total)


@pytest.mark.parametrize("share", [-0.01, 1.01, float("nan")])
def test_a_share_outside_its_range_is_refused(share: float) -> None:
    with pytest.raises(SpecError, match="between 0 and 1"):
        level_of(share)


# --- sampling --------------------------------------------------------------------------------------------------


def test_greedy_agrees_with_a_plain_loop_over_generate(lm: LanguageModel) -> None:
    facts, expected = FACTS[::2], []
    for fact in facts:
        row = []
        for template in TEMPLATES[fact.relation or ""]:
            ids = encode_text(lm.tokenizer, template.replace("{subject}", fact.subject or ""))
            out = lm.model.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=8, pad_token_id=1)
            text = lm.tokenizer.decode(out[0, len(ids) :], skip_special_tokens=True)
            row.append(int(score(text, fact)["contains"]))
        expected.append(row)
    found = measure(lm, facts, templates=TEMPLATES, samples=1, temperature=0, max_new_tokens=8)
    assert successes(found) == expected
    assert 0 < sum(map(sum, expected)) < 3 * len(facts)


def one_by_one(lm: LanguageModel, fact: Question, protocol: Protocol, first: int | None = None) -> list[int]:
    """The protocol as plainly as it can be said: each sample alone, no cache, float64, the fact's own draws."""
    name = f"{protocol.seed}\0{fact.relation}\0{fact.subject}\0{fact.id}"
    state = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=16).digest(), "little")
    shape = (3, protocol.samples, protocol.max_new_tokens)
    draws = np.random.default_rng(state).random(shape, dtype=np.float32)
    cut = protocol.until == "sentence" and not set(".!?\n") & set(fact.answers[0])
    row = []
    for template, of_template in zip(TEMPLATES[fact.relation or ""], draws[:, :first], strict=True):
        prompt = encode_text(lm.tokenizer, template.replace("{subject}", fact.subject or ""))
        row.append(sum(score(complete(lm, prompt, one, protocol, cut), fact)["contains"] for one in of_template))
    return row


def complete(lm: LanguageModel, prompt: list[int], draws: Any, protocol: Protocol, cut: bool) -> str:
    told: list[int] = []
    for draw in draws:
        with torch.inference_mode():
            logits = lm.model(torch.tensor([prompt + told]), use_cache=False).logits[0, -1].double()
        summed = torch.softmax(logits / protocol.temperature, -1).cumsum(-1)
        token = int((summed <= float(draw)).sum())
        if token == 1:
            break
        told.append(token)
        if cut and set(".!?\n") & set(lm.tokenizer.decode([token])):
            break
    return str(lm.tokenizer.decode(told, skip_special_tokens=True))


@pytest.mark.parametrize("until", ["length", "sentence"])
def test_branching_samples_are_those_of_sampling_one_by_one(lm: LanguageModel, until: Any) -> None:
    protocol = Protocol(samples=4, max_new_tokens=5, seed=7, until=until)
    facts = FACTS[::4]
    found = measure(lm, facts, templates=TEMPLATES, samples=4, max_new_tokens=5, seed=7, until=until)
    expected = [one_by_one(lm, fact, protocol) for fact in facts]
    assert successes(found) == expected
    assert sum(map(sum, expected)) > 0


def test_a_sentence_end_cuts_all_but_answers_that_hold_one(lm: LanguageModel) -> None:
    free = measure(lm, FACTS, templates=TEMPLATES, samples=6, max_new_tokens=12)
    cut = measure(lm, FACTS, templates=TEMPLATES, samples=6, max_new_tokens=12, until="sentence")
    dotted = [n for n, fact in enumerate(FACTS) if fact.answers == (".",)]
    assert sum(cut.frame["R"]) < sum(free.frame["R"])
    assert (cut.frame["R"] <= free.frame["R"]).all()
    assert [successes(cut)[n] for n in dotted] == [successes(free)[n] for n in dotted]


def test_first_tokens_follow_the_models_distribution_at_this_temperature(lm: LanguageModel) -> None:
    prompt = encode_text(lm.tokenizer, "Ada was born in")
    draws = np.random.default_rng(0).random((1, 20_000, 1), dtype=np.float32)
    ended = sample(lm, [prompt], draws, temperature=0.7, stop=lambda rows: np.zeros(len(rows), dtype=bool))
    seen = np.zeros(int(lm.model.config.vocab_size))
    for rows in ended:
        tokens = rows.tokens[:, 0] if rows.tokens.shape[1] else np.full(len(rows), 1)
        np.add.at(seen, tokens, rows.count)
    with torch.inference_mode():
        wanted = torch.softmax(lm.model(torch.tensor([prompt])).logits[0, -1].double() / 0.7, -1).numpy() * 20_000
    common = wanted > 5
    assert seen.sum() == 20_000
    counts = [*seen[common], seen[~common].sum()], [*wanted[common], wanted[~common].sum()]
    assert chisquare(*counts).pvalue > 0.01


def test_a_fact_has_the_same_samples_in_whatever_company(lm: LanguageModel) -> None:
    arguments: dict[str, Any] = {"templates": TEMPLATES, "samples": 3, "max_new_tokens": 6}
    all_of_them = successes(measure(lm, FACTS, **arguments))
    assert successes(measure(lm, FACTS[5:9], **arguments)) == all_of_them[5:9]
    assert successes(measure(lm, FACTS, batch_size=7, **arguments)) == all_of_them
    assert successes(measure(lm, FACTS, seed=1, **arguments)) != all_of_them


def test_a_model_that_only_ends_the_text_masters_nothing(tmp_path: Path) -> None:
    def only_eos(model: LlamaForCausalLM) -> None:
        model.lm_head.weight.zero_()
        model.lm_head.weight[1] = model.model.norm.weight.data.clone()
        model.model.embed_tokens.weight.fill_(1.0)

    found = measure(make_model(tmp_path / "m", only_eos), FACTS[:4], templates=TEMPLATES, samples=2, max_new_tokens=4)
    assert set(found.frame["R"]) == {0.0}
    assert found.level_counts() == {0: 4, 1: 0, 2: 0, 3: 0, 4: 0}


# --- keeping and resuming --------------------------------------------------------------------------------------


class Until(Silent):
    """Cancels once so many facts are done."""

    def __init__(self, facts: int = 10**9) -> None:
        self.facts, self.seen = facts, []

    def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
        assert isinstance(partial, PartialMastery)
        self.seen.append((int(done), partial))

    def cancelled(self) -> bool:
        return bool(self.seen) and self.seen[-1][0] >= self.facts


def test_work_cut_short_goes_on_where_it_was(lm: LanguageModel, tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"templates": TEMPLATES, "samples": 2, "max_new_tokens": 3}
    store = Store(tmp_path)
    with pytest.raises(Cancelled):
        measure(lm, FACTS, store=store, key=KEY, progress=Until(32), **arguments)
    assert len(store.entries("mastery-block")) == 1
    second = Until()
    resumed = measure(lm, FACTS, store=store, key=KEY, progress=second, **arguments)
    assert second.seen[0][1].completions_per_second == 0  # remembered, not computed
    assert second.seen[1][1].completions_per_second > 0
    assert [done for done, _ in second.seen] == [32, 52]
    assert successes(resumed) == successes(measure(lm, FACTS, **arguments))


def test_what_changes_the_answer_is_measured_again(lm: LanguageModel, tmp_path: Path) -> None:
    store, facts = Store(tmp_path), FACTS[:2]
    arguments: dict[str, Any] = {"templates": TEMPLATES, "samples": 2, "max_new_tokens": 3, "store": store}
    other = ResultKey("mastery", 1, {"weights": "other"})
    fewer = {"P19": TEMPLATES["P19"][:2]}
    for change in ({}, {"samples": 3}, {"seed": 1}, {"until": "sentence"}, {"key": other}, {"templates": fewer}):
        measure(lm, facts, **{"key": KEY, **arguments, **change})
    assert len(store.entries("mastery-block")) == 6


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from analysis.language.load import load_model
from analysis.records import Silent
from cache.store import Store
from tests.knowledge.test_mastery import FACTS, KEY, TEMPLATES, measure
class Deadly(Silent):
    def report(self, done, total, note="", partial=None):
        if done >= 32:
            os.kill(os.getpid(), signal.SIGKILL)
measure(load_model(Path({model!r}), dtype="float32", device="cpu"), FACTS, templates=TEMPLATES, samples=2,
        max_new_tokens=3, store=Store(Path({home!r})), key=KEY, progress=Deadly())
"""


@pytest.mark.slow
def test_a_killed_measurement_goes_on_where_it_was(lm: LanguageModel, tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    script = KILLED.format(root=root, model=str(lm.source), home=str(tmp_path))
    killed = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    store = Store(tmp_path)
    assert len(store.entries("mastery-block")) == 1
    watcher = Until()
    arguments: dict[str, Any] = {"templates": TEMPLATES, "samples": 2, "max_new_tokens": 3}
    resumed = measure(lm, FACTS, store=store, key=KEY, progress=watcher, **arguments)
    assert watcher.seen[0][1].completions_per_second == 0  # remembered, not computed
    assert successes(resumed) == successes(measure(lm, FACTS, **arguments))


# --- previews and the question form ----------------------------------------------------------------------------


def test_a_preview_takes_the_first_of_the_very_samples_a_full_measurement_takes(lm: LanguageModel) -> None:
    arguments: dict[str, Any] = {"templates": TEMPLATES, "max_new_tokens": 4}
    facts = FACTS[:10]
    few = measure(lm, facts, samples=2, preview_of=5, **arguments)
    whole = successes(measure(lm, facts, samples=5, **arguments))
    expected = [one_by_one(lm, fact, Protocol(samples=5, max_new_tokens=4), 2) for fact in facts]
    assert successes(few) == expected
    assert all(a <= b for few_row, row in zip(expected, whole, strict=True) for a, b in zip(few_row, row, strict=True))
    assert few.preview and {"p0", "settled"} <= set(few.frame.columns)


def test_questions_without_templates_are_measured_by_the_question_form(lm: LanguageModel, tmp_path: Path) -> None:
    asked = [Question(f"q{n}", f"? {n}", (answer,)) for n, answer in enumerate("abcdefghijkl")]
    found = measure(lm, asked, samples=2, max_new_tokens=3)
    assert found.method == "question form" and found.protocol["until"] == "line"
    assert set(found.frame["method"]) == {"question form"}
    assert {len(row) for row in successes(found)} == {5}
    assert (found.frame["R"] * 10).round(9).isin(range(11)).all()
    assert found.best_templates() == {} and len(found.template_rates()) == 5
    found.write(tmp_path / "m.parquet")
    joined, notes = join_mastery(asked, tmp_path / "m.parquet")
    assert [question.level for question in joined] == list(found.frame["level"])
    assert [note.code for note in notes] == ["mastery-method"] and "question form" in notes[0].message


def test_an_answer_of_the_question_form_ends_with_its_line(tmp_path: Path) -> None:
    """A model that always says line break, then "a": right only if what follows the line counted."""

    def breaks(model: LlamaForCausalLM) -> None:
        model.lm_head.weight.zero_()
        model.model.embed_tokens.weight.fill_(1.0)
        newline = 2 + sorted(pre_tokenizers.ByteLevel.alphabet()).index("Ċ")
        model.lm_head.weight[newline] = model.model.norm.weight.data.clone()

    lm = make_model(tmp_path / "m", breaks)
    asked = [Question(f"q{n}", f"? {n}", ("\n" if n else "a",)) for n in range(2)]
    found = measure(lm, asked, samples=1, temperature=0, max_new_tokens=4)
    assert list(found.frame["R"]) == [0.0, 0.0]


def test_a_table_that_mixes_methods_gives_no_levels(tmp_path: Path) -> None:
    frame = a_table().frame
    frame.loc[1, "method"] = "question form"
    frame.to_parquet(tmp_path / "mixed.parquet")
    with pytest.raises(QuestionError, match="mixes ways") as caught:
        join_mastery(list(FACTS[:3]), tmp_path / "mixed.parquet")
    assert caught.value.items == ("question form: 1 facts", "statements: 2 facts")
    frame.drop(columns="method").to_parquet(tmp_path / "old.parquet")
    assert join_mastery(list(FACTS[:3]), tmp_path / "old.parquet")[1] == []


# --- the table -------------------------------------------------------------------------------------------------


def a_table() -> MasteryTable:
    rows = [(2, 0, 1), (0, 0, 0), (2, 2, 2)]
    return MasteryTable.of(FACTS[:3], rows, {"P19": TEMPLATES["P19"]}, Protocol(samples=2))


def test_shares_levels_and_template_rates_worked_by_hand() -> None:
    table = a_table()
    assert list(table.frame["R"]) == [0.5, 0.0, 1.0]  # (2+0+1)/6, 0/6, 6/6
    assert list(table.frame["level"]) == [2, 0, 4]
    assert table.level_counts() == {0: 1, 1: 0, 2: 1, 3: 0, 4: 1}
    assert list(table.template_rates()["rate"]) == [4 / 6, 2 / 6, 3 / 6]
    assert table.best_templates() == {"P19": "{subject} was born in"}


def test_a_written_table_reads_back_and_gives_questions_their_levels(tmp_path: Path) -> None:
    a_table().write(tmp_path / "m.parquet")
    back = read_mastery(tmp_path / "m.parquet")
    assert successes(back) == [[2, 0, 1], [0, 0, 0], [2, 2, 2]]
    assert (back.templates, back.protocol) == (a_table().templates, a_table().protocol)
    joined, _ = join_mastery(list(FACTS[:4]), tmp_path / "m.parquet")
    assert [question.level for question in joined] == [2, 0, 4, None]
    assert [path.name for path in tmp_path.iterdir()] == ["m.parquet"]


def test_a_file_that_is_no_mastery_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "junk.parquet").write_text("junk")
    a_table().frame.drop(columns="successes").to_parquet(tmp_path / "other.parquet")
    for name, told in (("none", "no mastery table"), ("junk", "not a readable"), ("other", "not written as")):
        with pytest.raises(QuestionError, match=told):
            read_mastery(tmp_path / f"{name}.parquet")


def test_facts_and_settings_that_cannot_be_measured_are_all_named(lm: LanguageModel) -> None:
    bad = [Question("a", "Who?", ("x",), "P19"), Question("b", "Who?", ("x",), "P1", "Ada"), FACTS[0]]
    with pytest.raises(QuestionError) as caught:
        measure(lm, bad, templates=TEMPLATES)
    assert [item.split(":")[0] for item in caught.value.items] == ["a", "b"]
    with pytest.raises(QuestionError, match="no facts"):
        measure(lm, [], templates=TEMPLATES)
    with pytest.raises(SpecError) as refused:
        measure(lm, FACTS, templates=TEMPLATES, samples=0, temperature=-1, until="never")  # type: ignore[arg-type]
    assert len(refused.value.items) == 3
